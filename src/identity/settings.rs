//! The mapping settings of a realm. Every empty list allows nothing.

use super::account::Account;
use super::error::MappingError;
use super::method::{Mapper, MappingStrength};
use super::rules::AccountRule;
use crate::certificate::{AltSecurityForm, KeyId};
use crate::clock::UnixTime;
use crate::directory::Sid;
use std::time::Duration;

/// How a realm maps certificates to accounts. The default maps none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingSettings {
    /// The mappers in the order in which they are tried.
    pub order: Vec<Mapper>,
    /// The least strength that is accepted.
    pub strength: RequiredStrength,
    /// Whether the certificate's security identifier is always compared with the account's.
    pub sid_check: SidCheck,
    /// The authorities whose certificates may name accounts.
    pub identity_issuers: Vec<IdentityIssuer>,
    /// The account rules of [`Mapper::Rules`].
    pub rules: Vec<AccountRule>,
    /// The directory attributes that hold the numbers of mappers. A number without an attribute is not searched for.
    pub attributes: Vec<(Mapper, String)>,
}

/// An authority whose certificates may name accounts, and which ones: the equivalent of an entry of the NTAuth store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityIssuer {
    /// Its key. Pinning the name would admit any other trusted authority of that name.
    pub key: KeyId,
    /// The suffixes of the UPNs that it may write.
    pub upn_suffixes: Vec<String>,
    /// The domains of the e-mail addresses that it may write.
    pub email_domains: Vec<String>,
    /// The domains whose security identifiers it may write.
    pub sid_domains: Vec<Sid>,
    /// The mappers that may be applied to its certificates.
    pub mappers: Vec<Mapper>,
    /// The forms of altSecurityIdentities that may refer to its certificates.
    pub alt_security_forms: Vec<AltSecurityForm>,
}

/// When the security identifier of a certificate must equal that of the account which another mapper found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SidCheck {
    /// Unless a strong value in altSecurityIdentities of the account refers to the certificate, as domain controllers do
    /// ([MS-PKCA] 3.1.5.2.1.6, KB5014754).
    #[default]
    Windows,
    /// Always.
    Strict,
}

/// The strength that a realm requires of mappings (KB5014754).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequiredStrength {
    /// Strong.
    #[default]
    Strong,
    /// Strong, or weak if the certificate is not older than the account, so that an earlier holder of the name does not
    /// get the account.
    Compatibility {
        /// How much earlier than the account's creation the certificate may begin
        /// (`CertificateBackdatingCompensation`).
        backdating: Duration,
    },
    /// Weak mappings too, although the name may have belonged to another account.
    Weak,
}

impl RequiredStrength {
    /// Checks the strength of the mapping to `account` by a certificate with this notBefore date. `created` is the time at
    /// which the account was created.
    ///
    /// # Errors
    /// The mapping is weaker than required.
    pub(super) fn check(
        self,
        account: Account,
        not_before: UnixTime,
        created: Option<UnixTime>,
    ) -> Result<Account, MappingError> {
        let Account { user, mapping, strength, .. } = &account;
        match (self, strength) {
            (Self::Weak, _) | (_, MappingStrength::Strong) => Ok(account),
            (Self::Strong, MappingStrength::Weak) => {
                let (user, mapping) = (user.clone(), mapping.clone());
                Err(MappingError::TooWeak { user, mapping, strength: *strength })
            }
            (Self::Compatibility { backdating }, MappingStrength::Weak) => {
                if created.is_some_and(|created| not_before.plus(backdating) >= created) {
                    return Ok(account);
                }
                let (user, mapping) = (user.clone(), mapping.clone());
                Err(MappingError::OlderThanAccount { user, mapping, not_before, created })
            }
        }
    }
}
