//! What came with a request to prove who sends it, and what each stage's refusal means for the client.
//!
//! Every error of the judging stages is mapped here, arm by arm, to its stable id.

use super::credential::Credential;
use super::denial::Denial;
use super::denial_id::DenialId;
use super::password::{PasswordCredential, PasswordRejection};
use crate::clock::UnixTime;
use crate::identity::MappingError;
use crate::revocation::RevocationError;
use crate::validation::{ChainError, MalformedChain, PathViolation};
use std::sync::Arc;
use std::time::Duration;

/// What came with a request.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// A card that is valid and not revoked.
    Certificate(Arc<Credential>),
    /// A card that is refused.
    Rejected(Arc<CertificateRejection>),
    /// No card that names somebody, and a password.
    Password {
        /// Whether the directory took it.
        outcome: Result<Arc<PasswordCredential>, Arc<PasswordRejection>>,
        /// Why it is for the password to say who the client is.
        unnamed: PasswordFallback,
    },
    /// Nothing.
    None(AbsentReason),
}

/// Why no card says who the client is.
#[derive(Clone, Debug)]
pub enum PasswordFallback {
    /// There is none that counts.
    NoCertificate(AbsentReason),
    /// There is a good one that maps to nobody.
    UnmappedCertificate(Arc<Credential>),
}

/// Why there is no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbsentReason {
    /// The path does not look at certificates, so none was judged.
    Ignored,
    /// The site never asks for one.
    NotRequested,
    /// It asked, and the client sent none.
    NotPresented,
    /// The site has come to ask for one since the connection was made.
    RequestedSinceReload,
    /// The key signed too long ago.
    ProofExpired,
}

impl Evidence {
    /// Whether a request may be decided on it at `now`, or the verdict in it has ended. A refusal does not end: what
    /// was refused a moment ago is not asked again, since each password counts.
    pub fn holds(&self, now: UnixTime) -> bool {
        match self {
            Self::Certificate(credential) => now < credential.deadline(),
            Self::Password { outcome: Ok(credential), unnamed } => {
                now < credential.deadline() && unnamed.holds(now)
            }
            Self::Password { outcome: Err(_), .. } | Self::Rejected(_) | Self::None(_) => true,
        }
    }
}

impl PasswordFallback {
    fn holds(&self, now: UnixTime) -> bool {
        match self {
            Self::NoCertificate(_) => true,
            Self::UnmappedCertificate(credential) => now < credential.deadline(),
        }
    }
}

impl From<Result<Arc<Credential>, Arc<CertificateRejection>>> for Evidence {
    fn from(judged: Result<Arc<Credential>, Arc<CertificateRejection>>) -> Self {
        match judged {
            Ok(credential) => Self::Certificate(credential),
            Err(refusal) => Self::Rejected(refusal),
        }
    }
}

impl AbsentReason {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ignored => "the path does not look at certificates",
            Self::NotRequested => "the site does not ask for a certificate",
            Self::NotPresented => "a certificate was asked for, none given",
            Self::RequestedSinceReload => {
                "the site asks for a certificate since after the connection was made"
            }
            Self::ProofExpired => "the card's key signed too long ago",
        }
    }
}

/// Why a presented chain is refused.
#[derive(Debug, thiserror::Error)]
pub enum CertificateRejection {
    /// It cannot be read.
    #[error("the chain cannot be read")]
    Malformed(#[source] MalformedChain),
    /// No valid path.
    #[error("the chain is not valid")]
    Chain(#[source] Arc<ChainError>),
    /// Revoked, or nobody knows.
    #[error("the chain does not pass revocation")]
    Revocation(#[source] Arc<RevocationError>),
    /// Judging took too long.
    #[error("the card was not judged within {0:?}")]
    Timeout(Duration),
    /// Too many cards wait to be judged.
    #[error("too many cards wait to be judged")]
    Overloaded,
}

impl CertificateRejection {
    /// What the client is told.
    pub fn denial(&self) -> Denial {
        let id = match self {
            Self::Malformed(_) => DenialId::CertificateUntrusted,
            Self::Chain(error) => chain_denial(error),
            Self::Revocation(error) => revocation_denial(error),
            Self::Timeout(_) => DenialId::ValidationTimeout,
            Self::Overloaded => DenialId::Overloaded,
        };
        Denial::because(id, self)
    }
}

fn chain_denial(error: &ChainError) -> DenialId {
    match &error.violation {
        PathViolation::Expired { .. } => DenialId::CertificateExpired,
        PathViolation::NotYetValid { .. } => DenialId::CertificateNotYetValid,
        PathViolation::NoIssuer { .. }
        | PathViolation::PathTooLong { .. }
        | PathViolation::TooManyBranches
        | PathViolation::Signature { .. }
        | PathViolation::WeakKey { .. }
        | PathViolation::UnusableKey { .. }
        | PathViolation::UnknownCriticalExtension { .. }
        | PathViolation::DuplicateExtension { .. }
        | PathViolation::UndecodableExtension { .. }
        | PathViolation::NotCa
        | PathViolation::PathLength { .. }
        | PathViolation::KeyUsage { .. }
        | PathViolation::ExtendedKeyUsage { .. }
        | PathViolation::NameNotPermitted { .. }
        | PathViolation::NameExcluded { .. }
        | PathViolation::NameNotJudged { .. }
        | PathViolation::TooManyNames
        | PathViolation::CertificatePolicy
        | PathViolation::NoPolicy
        | PathViolation::AnyPolicyMapped
        | PathViolation::TooManyPolicies => DenialId::CertificateUntrusted,
    }
}

fn revocation_denial(error: &RevocationError) -> DenialId {
    match error {
        RevocationError::Revoked { .. } => DenialId::CertificateRevoked,
        RevocationError::Unknown { .. } => DenialId::RevocationUnknown,
    }
}

pub(super) fn mapping_denial(error: &MappingError) -> DenialId {
    match error {
        MappingError::NotMapped { .. } | MappingError::Denied { .. } => DenialId::NotMapped,
        MappingError::Ambiguous { .. } => DenialId::MappingAmbiguous,
        MappingError::TooWeak { .. } | MappingError::OlderThanAccount { .. } => DenialId::MappingTooWeak,
        MappingError::Conflict { .. } => DenialId::IdentityConflict,
        MappingError::AccountUnusable { .. } => DenialId::AccountDisabled,
        MappingError::Directory(_) => DenialId::DirectoryUnavailable,
    }
}
