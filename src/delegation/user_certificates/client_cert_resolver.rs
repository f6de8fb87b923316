//! Takes a certificate and settings for TLS, gives settings for one connection that present the certificate and note
//! whether the server wanted it. Never presents it on another connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};

/// Whether the server took the user's certificate in one handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresentationOutcome {
    /// The server did not ask for one. It may be about to ask later, by renegotiation (TLS 1.2) or post-handshake
    /// authentication (RFC 8446 4.6.2); neither will be answered, so the connection names nobody.
    NotAsked,
    /// The server asked, but takes no signature by a P-256 key, so it was sent none.
    Unsuitable,
    /// It was sent. Under TLS 1.3 the server may still refuse it, by an alert in place of its first answer.
    Sent,
}

/// What became of the certificate in one handshake. To be asked when the handshake has ended.
#[derive(Clone, Debug, Default)]
pub struct CertificatePresentation(Arc<AtomicU8>);

impl CertificatePresentation {
    /// What has become of it so far.
    pub fn outcome(&self) -> PresentationOutcome {
        match self.0.load(Ordering::Acquire) {
            SENT => PresentationOutcome::Sent,
            UNSUITABLE => PresentationOutcome::Unsuitable,
            _ => PresentationOutcome::NotAsked,
        }
    }
}

const UNSUITABLE: u8 = 1;
const SENT: u8 = 2;

/// Settings as `template`'s for one connection, on which `key` is presented.
///
/// Sessions are not resumed: a resumed one carries the certificate of the connection before it, unseen, and the server
/// does not ask again, so that nobody could say whom the connection names.
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

/// Presents one certificate, whichever CAs the server hints at: an IIS that trusts the CA through its NTAuth store may
/// not name it.
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
