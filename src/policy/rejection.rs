//! Rejections of certificates and passwords, and the denial of each.
//!
//! Every error of validation, revocation check, mapping and directory is mapped to a denial here. The matches are
//! exhaustive, so that a new error cannot get an id by default.

use super::denial::{Denial, DenialId};
use crate::directory::{AccountStatusError, DirectoryError, LoginNameError, PasswordFailure};
use crate::identity::MappingError;
use crate::login_throttle::LoginThrottled;
use crate::request::BasicError;
use crate::revocation::RevocationError;
use crate::validation::{ChainError, MalformedChain, PathViolation};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The reason why a presented chain is rejected.
#[derive(Debug, Error)]
pub enum CertificateRejection {
    /// A certificate of the chain cannot be decoded.
    #[error("the presented chain cannot be decoded")]
    Malformed(#[source] MalformedChain),
    /// The chain has no valid path.
    #[error("the chain is not valid")]
    Chain(#[source] Arc<ChainError>),
    /// A certificate is revoked, or its status is unknown and the realm requires it.
    #[error("the revocation check failed")]
    Revocation(#[source] Arc<RevocationError>),
    /// Validation took too long.
    #[error("validation of the certificate exceeded `limits.validation_timeout` ({0:?})")]
    Timeout(Duration),
    /// Too many certificates wait for validation.
    #[error("too many certificates wait for validation (`limits.validation_concurrency`)")]
    Overloaded,
}

/// The reason why a user name and password are rejected.
#[derive(Debug, Error)]
pub enum PasswordRejection {
    /// The `Authorization` header is malformed.
    #[error("malformed Basic credentials")]
    Malformed(#[source] BasicError),
    /// The user name is malformed.
    #[error("malformed user name")]
    Name(#[source] LoginNameError),
    /// The directory rejected the password of this account. The client does not learn the reason.
    #[error("the directory rejected the password of {user}: {}", reason.name())]
    Wrong {
        /// The account.
        user: String,
        /// The reason that the directory reported.
        reason: PasswordFailure,
    },
    /// No account has the user name. The audit record does not contain it, because users type passwords into that field.
    #[error("no directory account has this user name")]
    Unknown,
    /// Several accounts have the user name.
    #[error("{count} accounts have this user name; the user has to prefix it with the domain")]
    Ambiguous {
        /// The number of accounts.
        count: usize,
    },
    /// The directory accepted the password, but a search does not find the account.
    #[error("the directory accepted the password, but has no account with this user name below `base`")]
    NoAccount,
    /// The password is right, and the account is disabled, locked, expired or outside its logon hours.
    #[error("the account {user} must not be used")]
    Unusable {
        /// The account.
        user: String,
        /// The account status.
        #[source]
        status: AccountStatusError,
    },
    /// Too many logins failed. The directory did not check the password.
    #[error("the password was not checked")]
    LoginThrottled(#[source] LoginThrottled),
    /// The directory did not check the password.
    #[error("the directory could not check the password")]
    Directory(#[source] DirectoryError),
    /// The password check took too long.
    #[error("the password check exceeded `limits.validation_timeout` ({0:?})")]
    Timeout(Duration),
    /// Too many passwords wait for their check.
    #[error("too many passwords wait for their check (`limits.validation_concurrency`)")]
    Overloaded,
}

impl CertificateRejection {
    /// Returns the denial of a request with this certificate.
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

impl PasswordRejection {
    /// Returns the denial of a request with this password. A wrong password, an unknown user and an account that may not
    /// log in have the same id, so that a client cannot enumerate user names.
    pub fn denial(&self) -> Denial {
        let id = match self {
            Self::Malformed(_)
            | Self::Name(_)
            | Self::Wrong { .. }
            | Self::Unknown
            | Self::Ambiguous { .. } => DenialId::InvalidPassword,
            Self::NoAccount => DenialId::NotMapped,
            Self::Unusable { .. } => DenialId::AccountDisabled,
            Self::LoginThrottled(LoginThrottled { retry_after, .. }) => {
                return Denial::because(DenialId::LoginThrottled, self).with_retry_after(*retry_after);
            }
            Self::Directory(_) => DenialId::DirectoryUnavailable,
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
        | PathViolation::NameNotComparable { .. }
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
