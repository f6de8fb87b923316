//! Mapping of client certificates to accounts.
//!
//! The leaf of an unrevoked chain is mapped by its contents, by the realm's rules and, if the realm has one, by its
//! directory. A name counts only if the key of the authority that wrote it is pinned in `identity_issuers`.

mod account;
mod account_identifier;
mod cache;
mod card_number;
mod certificate_identifiers;
mod error;
mod lookup_plan;
mod mapping;
mod mapping_step;
mod method;
mod resolve;
mod rules;
mod settings;
#[cfg(test)]
mod tests;
mod upn_and_email;

pub(crate) use account::Account;
pub use cache::AccountLifetimes;
pub(crate) use cache::{AccountCache, MappingScope, MappingSources};
pub(crate) use error::MappingError;
#[cfg(test)]
pub(crate) use error::{IdentityConflict, NotMappedReason};
pub(crate) use mapping::MappingTrace;
#[cfg(test)]
pub(crate) use mapping::map;
#[cfg(test)]
pub(crate) use mapping_step::MappingStep;
pub(crate) use mapping_step::StepResult;
pub(crate) use method::{Mapper, MappingMethod, MappingStrength};
#[cfg(test)]
pub(crate) use rules::AccountRuleError;
pub(crate) use rules::{
    AccountRule, CertificateField, FieldCondition, FieldPattern, LetterCase, NamedAccount, RuleAction,
    SubField,
};
pub use settings::MappingSettings;
pub(crate) use settings::{IdentityIssuer, RequiredStrength, SidCheck};
#[cfg(test)]
pub(crate) use upn_and_email::MalformedNameError;
