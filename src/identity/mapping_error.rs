//! Why a certificate names no account that may be used.
//!
//! Texts from the certificate are quoted and escaped in the words, so that none can forge a line of a record.

use super::account::{MappingMethod, Strength};
use super::mapping_rule::Mapper;
use super::principal_name::NameFault;
use crate::certificate::KeyId;
use thiserror::Error;

/// Why a certificate maps to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WhyNotMapped {
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
        fault: NameFault,
    },
    /// No mapper of the rule had anything to go on.
    #[error("nothing in it names an account")]
    NothingFound,
}

/// Why a certificate names no account that may be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MappingError {
    /// It names nobody.
    #[error("the certificate maps to no account")]
    NotMapped {
        /// Why.
        #[source]
        why: WhyNotMapped,
    },
    /// One mapper finds more than one name, and it is not for this program to choose.
    #[error("the certificate maps to more than one account by its {mapper}: {names:?}")]
    Ambiguous {
        /// Which one.
        mapper: Mapper,
        /// What it found.
        names: Vec<String>,
    },
    /// It names somebody, but less strongly than the rule demands.
    #[error("the certificate maps to {user:?} by {mapping} only, which is {strength} and not {minimum}")]
    TooWeak {
        /// Whom it names.
        user: String,
        /// By what.
        mapping: MappingMethod,
        /// How strongly.
        strength: Strength,
        /// What the rule demands.
        minimum: Strength,
    },
    /// It has two UPNs, so it says of itself that it is two people's.
    #[error("the certificate names two people: {upns:?}")]
    Conflict {
        /// The UPNs.
        upns: Vec<String>,
    },
    /// A rule refuses it.
    #[error("the rule `{rule}` refuses the certificate")]
    Denied {
        /// The name of the rule.
        rule: String,
    },
}
