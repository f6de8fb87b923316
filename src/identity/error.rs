//! Why a certificate names no account that may be used.
//!
//! Texts from the certificate and the directory are quoted and escaped in the words, so that none can forge a line of a
//! record.

use super::account::{MappingMethod, MappingStrength};
use super::principal_name::PrincipalNameError;
use super::settings::Mapper;
use crate::certificate::{KeyId, NameForm};
use crate::clock::UnixTime;
use crate::directory::{AccountStatusError, DirectoryError, Sid, UnusableLookupKeys};
use std::sync::Arc;
use thiserror::Error;

/// Why a certificate maps to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotMappedReason {
    /// The CA that issued the leaf is not one that may name people. `None` where the leaf is an anchor itself or its
    /// paths do not agree on the key of its issuer.
    #[error("the CA that issued it is not among those that may name people")]
    IssuerNotPinned {
        /// The key of that CA.
        issuer: Option<KeyId>,
    },
    /// The alternative names cannot be read whole, so one that contradicts might be hidden in them.
    #[error("its alternative names cannot be decoded")]
    AlternativeNamesUndecodable,
    /// A name by which it would be mapped cannot be read.
    #[error("a {form} in it cannot be read")]
    NameUnreadable {
        /// Its kind; of a subject, directoryName.
        form: NameForm,
    },
    /// It holds what should be a security identifier and is none.
    #[error("its security identifier cannot be read")]
    SidUnreadable,
    /// The CA that issued the leaf may not name accounts of this domain.
    #[error("the CA that issued it may not name {sid}: its domain is not admitted")]
    SidNotAdmitted {
        /// The security identifier.
        sid: Sid,
    },
    /// Its account is gone. Its other names may have been given to somebody else since.
    #[error("no account has its security identifier {sid}")]
    SidOfNobody {
        /// The security identifier.
        sid: Sid,
    },
    /// The CA that issued the leaf may not name people of this suffix or domain.
    #[error("the CA that issued it may not name {name:?}: its suffix is not admitted")]
    SuffixNotAdmitted {
        /// The UPN or e-mail address.
        name: String,
    },
    /// A name stands where it should but is none.
    #[error("the name {name:?} is not taken")]
    MalformedName {
        /// The text.
        name: String,
        /// What is wrong with it.
        #[source]
        fault: PrincipalNameError,
    },
    /// A number stands where it should but is none.
    #[error("its {mapper} cannot be read")]
    MalformedNumber {
        /// Which one.
        mapper: Mapper,
    },
    /// A rule names an account that the directory does not know.
    #[error("the rule `{rule}` names {user:?}, and no account in the directory fits all that it says")]
    RuleOfNobody {
        /// The rule.
        rule: String,
        /// Its account.
        user: String,
    },
    /// No person's certificate has such names, or so many.
    #[error("a directory cannot be asked for its names")]
    Unsearchable {
        /// Why.
        #[source]
        why: UnusableLookupKeys,
    },
    /// It names somebody whom the directory does not know.
    #[error("no account in the directory has a name of it")]
    NobodyFound,
    /// No mapper of the rule had anything to go on.
    #[error("nothing in it names an account")]
    NothingFound,
}

/// How a certificate speaks of two people.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdentityConflict {
    /// Two UPNs, so that it says of itself that it is two people's.
    #[error("it has two UPNs: {0:?}")]
    Upns(Vec<String>),
    /// Two security identifiers.
    #[error("it has two security identifiers, {0} and {1}")]
    Sids(Sid, Sid),
    /// Two numbers of one kind that differ.
    #[error("it has two numbers of the kind {0}: {1:?}")]
    Numbers(Mapper, Vec<String>),
    /// Another name in it leads to an account that its security identifier is not of.
    #[error(
        "its {mapper} leads to {account:?}, whose security identifier is {of_account} and not {of_certificate}"
    )]
    SidOfAnother {
        /// What led there.
        mapper: Mapper,
        /// The account's distinguished name.
        account: String,
        /// The account's.
        of_account: Sid,
        /// The certificate's.
        of_certificate: Sid,
    },
}

/// Why a certificate names no account that may be used.
#[derive(Clone, Debug, Error)]
pub enum MappingError {
    /// It names nobody.
    #[error("the certificate maps to no account")]
    NotMapped {
        /// Why.
        #[source]
        why: NotMappedReason,
    },
    /// It finds more than one account, and it is not for this program to choose.
    #[error("the certificate maps to more than one account by its {mapper}: {names:?}")]
    Ambiguous {
        /// By what; where two mappers disagree, the later one.
        mapper: Mapper,
        /// What it found: the names in the certificate, or of the accounts.
        names: Vec<String>,
    },
    /// It names somebody, but less strongly than the rule demands.
    #[error("the certificate maps to {user:?} by {mapping} only, which is {strength}")]
    TooWeak {
        /// Whom it names.
        user: String,
        /// By what.
        mapping: MappingMethod,
        /// How strongly.
        strength: MappingStrength,
    },
    /// It names somebody weakly and is older than the account, so that the name may have been another's.
    #[error(
        "the certificate maps to {user:?} by {mapping} only, and begins on {not_before}: {}",
        in_words(.created.as_ref())
    )]
    OlderThanAccount {
        /// Whom it names.
        user: String,
        /// By what.
        mapping: MappingMethod,
        /// When the certificate begins to be valid.
        not_before: UnixTime,
        /// When the account was made; `None` where the directory does not tell.
        created: Option<UnixTime>,
    },
    /// It speaks of two people.
    #[error("the certificate names two people")]
    Conflict {
        /// How.
        #[source]
        why: IdentityConflict,
    },
    /// A rule refuses it.
    #[error("the rule `{rule}` refuses the certificate")]
    Denied {
        /// The name of the rule.
        rule: String,
    },
    /// Its account may not be used.
    #[error("the account {user:?} of the certificate may not be used")]
    AccountUnusable {
        /// The account.
        user: String,
        /// Why.
        #[source]
        why: AccountStatusError,
    },
    /// The directory gave no answer, so that nobody knows whom it names.
    #[error("the directory does not say whose the certificate is")]
    Directory(#[source] Arc<DirectoryError>),
}

fn in_words(created: Option<&UnixTime>) -> String {
    match created {
        Some(created) => format!("the account was made later, on {created}"),
        None => "the directory does not tell when the account was made".to_owned(),
    }
}

/// As an error.
pub(super) fn not_mapped(why: NotMappedReason) -> MappingError {
    MappingError::NotMapped { why }
}
