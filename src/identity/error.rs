//! The reasons for which a certificate maps to no usable account.
//!
//! Text from the certificate and the directory is quoted and escaped in the messages, so that it cannot forge a line of a
//! record.

use super::method::{Mapper, MappingMethod, MappingStrength};
use super::upn_and_email::MalformedNameError;
use crate::certificate::{KeyId, NameForm};
use crate::clock::UnixTime;
use crate::directory::{AccountStatusError, DirectoryError, Sid, UnusableLookupKeys};
use std::sync::Arc;
use thiserror::Error;

/// The reason for which a certificate maps to no usable account.
#[derive(Clone, Debug, Error)]
pub enum MappingError {
    /// The certificate names no account that may be used.
    #[error("the certificate maps to no account")]
    NotMapped {
        /// The reason.
        #[source]
        why: NotMappedReason,
    },
    /// The certificate matches more than one account. The gateway does not choose one of them.
    #[error("the certificate maps to more than one account by {mapper}: {names:?}")]
    Ambiguous {
        /// The mapper; if two mappers disagree, the later one.
        mapper: Mapper,
        /// The values in the certificate, or the distinguished names of the accounts.
        names: Vec<String>,
    },
    /// The mapping is weak and the realm requires a strong one.
    #[error("mapped to {user:?} by {mapping} only ({strength}), but `mapping.strength` is \"strong\"")]
    TooWeak {
        /// The account.
        user: String,
        /// The method.
        mapping: MappingMethod,
        /// Its strength.
        strength: MappingStrength,
    },
    /// The mapping is weak and the certificate older than the account, so that the name may have belonged to another one.
    #[error(
        "mapped to {user:?} by {mapping} only (weak), by a certificate that is valid from {not_before}: {}",
        account_age(.created.as_ref())
    )]
    OlderThanAccount {
        /// The account.
        user: String,
        /// The method.
        mapping: MappingMethod,
        /// The certificate's notBefore date.
        not_before: UnixTime,
        /// The time at which the account was created; `None` if the directory does not report it.
        created: Option<UnixTime>,
    },
    /// The certificate names two accounts.
    #[error("the certificate names two accounts")]
    Conflict {
        /// The values that contradict each other.
        #[source]
        why: IdentityConflict,
    },
    /// An account rule denies the certificate.
    #[error("the rule `{rule}` denies the certificate")]
    Denied {
        /// The name of the rule.
        rule: String,
    },
    /// The account is disabled, locked, expired or outside its logon hours.
    #[error("the account {user:?} of the certificate cannot be used")]
    AccountUnusable {
        /// The account.
        user: String,
        /// The account status.
        #[source]
        why: AccountStatusError,
    },
    /// The directory could not be searched, so the account is not known.
    #[error("the directory lookup failed")]
    Directory(#[source] Arc<DirectoryError>),
}

/// The reason for which a certificate names no account.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotMappedReason {
    /// The authority that issued the leaf is not in `identity_issuers`.
    #[error("{}", not_pinned(.issuer.as_ref()))]
    IssuerNotPinned {
        /// The authority's key. `None` if the leaf is a trust anchor or its paths have different issuing keys.
        issuer: Option<KeyId>,
    },
    /// The subject alternative names cannot be decoded as a whole, so they may hide a second UPN.
    #[error("its subject alternative names cannot be decoded")]
    AlternativeNamesUndecodable,
    /// The name of a mapper cannot be decoded.
    #[error("its {form} cannot be decoded")]
    NameUndecodable {
        /// The kind of name; directoryName for one in the subject.
        form: NameForm,
    },
    /// The extension or URI for the security identifier does not contain one.
    #[error("its security identifier cannot be decoded")]
    SidUndecodable,
    /// The issuing authority may not name accounts of this domain.
    #[error("the issuing authority may not name {sid}: its domain is not in `sid_domains`")]
    SidNotAllowed {
        /// The security identifier.
        sid: Sid,
    },
    /// The account was deleted. The certificate's other names may have been given to another account since.
    #[error("no account in the directory has its security identifier {sid}")]
    UnknownSid {
        /// The security identifier.
        sid: Sid,
    },
    /// The issuing authority may not write names with this suffix or domain.
    #[error("the issuing authority may not name {name:?}: its suffix is not in `{key}`")]
    SuffixNotAllowed {
        /// The UPN or e-mail address.
        name: String,
        /// The key of `identity_issuers` that lists the allowed suffixes.
        key: &'static str,
    },
    /// The name of a mapper is malformed.
    #[error("the name {name:?} is malformed")]
    MalformedName {
        /// The text.
        name: String,
        /// The defect.
        #[source]
        error: MalformedNameError,
    },
    /// The number of a mapper is malformed.
    #[error("its {mapper} number is malformed")]
    MalformedNumber {
        /// The mapper.
        mapper: Mapper,
    },
    /// An account rule names an account that the directory does not have.
    #[error("the rule `{rule}` names {user:?}, but no account in the directory matches it")]
    RuleAccountNotFound {
        /// The rule.
        rule: String,
        /// The account in the rule.
        user: String,
    },
    /// A value in the certificate is not valid in a search, or it has too many values.
    #[error("its names cannot be used in a directory search")]
    InvalidLookupKeys {
        /// The defect.
        #[source]
        why: UnusableLookupKeys,
    },
    /// The directory has no account for any value in the certificate.
    #[error("no account in the directory matches it")]
    AccountNotFound,
    /// No mapper of the realm found a value in the certificate.
    #[error("it has no value for any mapper of `mapping.order`")]
    NoValue,
}

/// Two values of one certificate that name different accounts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdentityConflict {
    /// Two UPNs, even if they are equal.
    #[error("it has two UPNs: {0:?}")]
    Upns(Vec<String>),
    /// Two security identifiers.
    #[error("it has two security identifiers: {0} and {1}")]
    Sids(Sid, Sid),
    /// Two different numbers of one kind.
    #[error("it has two {0} numbers: {1:?}")]
    Numbers(Mapper, Vec<String>),
    /// A name of an account whose security identifier differs from the one in the certificate.
    #[error(
        "its {mapper} maps to {account:?} with the security identifier {of_account}, but it contains {of_certificate}"
    )]
    SidMismatch {
        /// The mapper that found the account.
        mapper: Mapper,
        /// The account's distinguished name.
        account: String,
        /// The account's security identifier.
        of_account: Sid,
        /// The certificate's security identifier.
        of_certificate: Sid,
    },
}

pub(super) fn not_mapped(why: NotMappedReason) -> MappingError {
    MappingError::NotMapped { why }
}

fn not_pinned(issuer: Option<&KeyId>) -> String {
    match issuer {
        Some(key) => format!("its issuing authority (key {key}) is not listed in `identity_issuers`"),
        None => {
            "its paths have no issuing authority in common, so none of `identity_issuers` applies".to_owned()
        }
    }
}

fn account_age(created: Option<&UnixTime>) -> String {
    match created {
        Some(created) => format!("the account was created later, at {created}"),
        None => "the directory does not report when the account was created".to_owned(),
    }
}
