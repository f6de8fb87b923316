//! The presentation of a user certificate in the handshake of one backend connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

/// Whether the user certificate was sent in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresentationOutcome {
    /// The server did not request a certificate. It may do so later, by renegotiation (TLS 1.2) or post-handshake
    /// authentication (RFC 8446 4.6.2). rustls supports neither, so the connection is anonymous.
    NotRequested,
    /// The server accepts no signature of a P-256 key, so no certificate was sent.
    Unsuitable,
    /// The certificate was sent. In TLS 1.3 the server may still reject it, with an alert instead of its first
    /// response.
    Sent,
}

/// The presentation of the certificate in one handshake. The outcome is known after the handshake.
#[derive(Clone, Debug, Default)]
pub struct CertificatePresentation(Arc<AtomicU8>);

impl CertificatePresentation {
    /// Returns whether the certificate was sent.
    pub fn outcome(&self) -> PresentationOutcome {
        match self.0.load(Ordering::Acquire) {
            SENT => PresentationOutcome::Sent,
            UNSUITABLE => PresentationOutcome::Unsuitable,
            _ => PresentationOutcome::NotRequested,
        }
    }
}

const UNSUITABLE: u8 = 1;
const SENT: u8 = 2;

/// Returns a copy of `template` for one connection, on which `key` is presented.
///
/// Session resumption is disabled: the server would take the certificate of an earlier connection from the session and
/// not request one, so that the account of the connection would be unknown.
pub(super) fn settings_for_one_connection(
    template: &ClientConfig,
    key: Arc<CertifiedKey>,
) -> (Arc<ClientConfig>, CertificatePresentation) {
    let presentation = CertificatePresentation::default();
    let mut settings = template.clone();
    settings.resumption = Resumption::disabled();
    settings.client_auth_cert_resolver =
        Arc::new(UserCertificateResolver { key, presentation: presentation.clone() });
    (Arc::new(settings), presentation)
}

/// Presents the certificate whatever CAs the server names: IIS may not name a CA that it trusts through the NTAuth
/// store.
#[derive(Debug)]
struct UserCertificateResolver {
    key: Arc<CertifiedKey>,
    presentation: CertificatePresentation,
}

impl ResolvesClientCert for UserCertificateResolver {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let suits = self.key.key.choose_scheme(schemes).is_some();
        self.presentation.0.store(if suits { SENT } else { UNSUITABLE }, Ordering::Release);
        suits.then(|| Arc::clone(&self.key))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
