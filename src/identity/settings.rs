//! How a realm gets from a certificate to an account: which mappers, in which order, and whose word counts.
//!
//! Plain data. Nothing in it admits anybody by being left out: every empty list means nobody.

use super::rules::AccountRule;
use crate::certificate::{AltSecurityForm, KeyId};
use crate::directory::Sid;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// One way to get from a certificate to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mapper {
    /// The realm's table of rules.
    Rules,
    /// The security identifier that the CA took from the directory: the extension 1.3.6.1.4.1.311.25.2, or the URI
    /// `tag:microsoft.com,2022-09-14:sid:…` among the alternative names.
    Sid,
    /// The values of altSecurityIdentities that accounts in the directory have.
    AltSecurityIdentities,
    /// The UPN among the alternative names.
    Upn,
    /// The e-mail address among the alternative names.
    Email,
    /// The common name of the subject, as a name without a domain: one with `@`, `\\` or `/` in it is refused.
    Subject,
    /// The person's number in the US Department of Defense.
    Edipi,
    /// The number of a US federal card.
    FascN,
    /// The UUID of a card.
    Uuid,
    /// The number in the Dutch register of care professionals.
    Uzi,
}

impl Mapper {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Rules,
        Self::Sid,
        Self::AltSecurityIdentities,
        Self::Upn,
        Self::Email,
        Self::Subject,
        Self::Edipi,
        Self::FascN,
        Self::Uuid,
        Self::Uzi,
    ];

    /// The word for it in configuration and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rule",
            Self::Sid => "sid",
            Self::AltSecurityIdentities => "alt_security_identities",
            Self::Upn => "upn",
            Self::Email => "email",
            Self::Subject => "subject",
            Self::Edipi => "edipi",
            Self::FascN => "fascn",
            Self::Uuid => "uuid",
            Self::Uzi => "uzi",
        }
    }

    /// Whether it takes a number from the certificate, for which a directory needs to be told the attribute.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Edipi | Self::FascN | Self::Uuid | Self::Uzi)
    }
}

impl fmt::Display for Mapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no mapper.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no way to map a certificate")]
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
    /// The domains whose security identifiers it may write. An empty list admits none.
    pub sid_domains: Vec<Sid>,
    /// The mappers that its certificates may feed. An empty list admits none.
    pub mappers: Vec<Mapper>,
    /// The forms of altSecurityIdentities by which accounts may name its certificates. An empty list admits none.
    pub alt_security_forms: Vec<AltSecurityForm>,
}

/// When the security identifier of a certificate is compared with the account that the certificate is mapped to by other
/// means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidCheck {
    /// As domain controllers do ([MS-PKCA] 3.1.5.2.1.6, KB5014754): unless a strong mapping in altSecurityIdentities of the
    /// account names the certificate.
    #[default]
    Windows,
    /// Always.
    Strict,
}

/// How strongly a certificate must name its account (KB5014754).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequiredStrength {
    /// By what no other certificate can hold.
    Strong,
    /// Strongly, or weakly by a certificate that is not older than the account: a name that was somebody else's before
    /// does not let the former holder in.
    Compatibility {
        /// By how much the certificate may begin before the account was made
        /// (`CertificateBackdatingCompensation`).
        backdating: Duration,
    },
    /// A name that may be given to somebody else again is enough.
    Weak,
}

/// How a realm gets from a certificate to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingSettings {
    /// The mappers, in the order in which they are tried. An empty list maps nobody.
    pub order: Vec<Mapper>,
    /// The least strength that is taken.
    pub strength: RequiredStrength,
    /// When the certificate's security identifier must be the account's.
    pub sid_check: SidCheck,
    /// The CAs whose certificates may name people. An empty list maps nobody.
    pub identity_issuers: Vec<IdentityIssuer>,
    /// The table of [`Mapper::Rules`].
    pub rules: Vec<AccountRule>,
    /// In which attribute of the directory the numbers of mappers stand. One without an attribute finds nobody there.
    pub attributes: Vec<(Mapper, String)>,
}
