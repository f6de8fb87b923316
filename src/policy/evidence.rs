//! Evidence: everything that the decision knows of the client.

use super::credential::{Credential, PasswordCredential};
use super::rejection::{CertificateRejection, PasswordRejection};
use crate::clock::UnixTime;
use std::sync::Arc;

/// The evidence of one request.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// A certificate that is valid and not revoked.
    Certificate(Arc<Credential>),
    /// A certificate that was rejected.
    Rejected(Arc<CertificateRejection>),
    /// A password, and no certificate that identifies the client.
    Password {
        /// The result of the check by the directory.
        outcome: Result<Arc<PasswordCredential>, Arc<PasswordRejection>>,
        /// The reason why the password is used.
        fallback: PasswordFallback,
    },
    /// No credential.
    None(AbsentReason),
}

/// The reason why a password identifies the client instead of a certificate.
#[derive(Clone, Debug)]
pub enum PasswordFallback {
    /// There is no certificate, or the path ignores it.
    NoCertificate(AbsentReason),
    /// The certificate is valid and maps to no account.
    UnmappedCertificate(Arc<Credential>),
}

/// The reason why there is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsentReason {
    /// The path ignores certificates, so none was validated.
    Ignored,
    /// The site does not request certificates.
    NotRequested,
    /// The site requested a certificate and the client presented none.
    NotPresented,
    /// The site requests certificates only since a reload, after this connection's handshake.
    RequestedSinceReload,
    /// The proof of possession is older than `card_reauth_interval`.
    ProofExpired,
}

impl Evidence {
    /// Returns whether a request may be decided on this evidence at `now`. A rejection does not expire within a request: a
    /// second check of the same wrong password would count as a second failure.
    pub fn is_current(&self, now: UnixTime) -> bool {
        match self {
            Self::Certificate(credential) => now < credential.deadline(),
            Self::Password { outcome: Ok(credential), fallback } => {
                now < credential.deadline() && fallback.is_current(now)
            }
            Self::Password { outcome: Err(_), .. } | Self::Rejected(_) | Self::None(_) => true,
        }
    }
}

impl From<Result<Arc<Credential>, Arc<CertificateRejection>>> for Evidence {
    fn from(authenticated: Result<Arc<Credential>, Arc<CertificateRejection>>) -> Self {
        match authenticated {
            Ok(credential) => Self::Certificate(credential),
            Err(rejection) => Self::Rejected(rejection),
        }
    }
}

impl PasswordFallback {
    fn is_current(&self, now: UnixTime) -> bool {
        match self {
            Self::NoCertificate(_) => true,
            Self::UnmappedCertificate(credential) => now < credential.deadline(),
        }
    }
}

impl AbsentReason {
    /// Returns whether the client could present a certificate on a new connection, but not on this one.
    pub fn needs_new_handshake(self) -> bool {
        match self {
            Self::ProofExpired | Self::RequestedSinceReload => true,
            Self::Ignored | Self::NotRequested | Self::NotPresented => false,
        }
    }

    /// Returns the reason as the detail of a denial.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Self::Ignored => "the path ignores client certificates",
            Self::NotRequested => "the site does not request client certificates",
            Self::NotPresented => "the client presented no certificate",
            Self::RequestedSinceReload => {
                "the site requests client certificates since a reload; this connection is older"
            }
            Self::ProofExpired => "the proof of possession is older than `card_reauth_interval`",
        }
    }
}
