//! How a realm gets from a certificate to an account: which mappers, in which order, and whose word counts.
//!
//! Plain data. Nothing in it admits anybody by being left out: every empty list means nobody.

use super::account::Strength;
use super::account_rule::AccountRule;
use crate::certificate::KeyId;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// One way to get from a certificate to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mapper {
    /// The realm's table of rules.
    Rules,
    /// The UPN among the alternative names.
    Upn,
    /// The e-mail address among the alternative names.
    Email,
    /// The common name of the subject, as a name without a domain: one with `@`, `\\` or `/` in it is refused.
    Subject,
}

impl Mapper {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rules, Self::Upn, Self::Email, Self::Subject];

    /// The word for it in configuration and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rule",
            Self::Upn => "upn",
            Self::Email => "email",
            Self::Subject => "subject",
        }
    }
}

impl fmt::Display for Mapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no mapper.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no way to map a certificate: rule, upn, email and subject are")]
pub struct UnknownMapper(pub String);

impl FromStr for Mapper {
    type Err = UnknownMapper;

    fn from_str(text: &str) -> Result<Self, UnknownMapper> {
        let found = Self::ALL.into_iter().find(|mapper| mapper.name() == text);
        found.ok_or_else(|| UnknownMapper(text.to_owned()))
    }
}

/// A CA whose certificates may name people, and whom: what the NTAuth store of a directory is for IIS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityIssuer {
    /// Its key. A name would let another trusted CA of the same name in.
    pub key: KeyId,
    /// The suffixes of the UPNs that it may write. An empty list admits none.
    pub upn_suffixes: Vec<String>,
    /// The domains of the e-mail addresses that it may write. An empty list admits none.
    pub email_domains: Vec<String>,
}

/// How a realm gets from a certificate to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingRule {
    /// The mappers, in the order in which they are tried. An empty list maps nobody.
    pub order: Vec<Mapper>,
    /// The least strength that is taken.
    pub strength: Strength,
    /// The CAs whose certificates may name people. An empty list maps nobody.
    pub identity_issuers: Vec<IdentityIssuer>,
    /// The table of [`Mapper::Rules`].
    pub rules: Vec<AccountRule>,
}
