//! Mapping of client certificates to accounts.
//!
//! The leaf of an unrevoked chain is mapped by what it contains, by the realm's rules and, if the realm has one, by its
//! directory. A name counts only if the key of the authority that wrote it is pinned in `identity_issuers`.

mod account;
mod account_identifier;
mod cache;
mod card_number;
mod certificate_identifiers;
mod error;
mod lookup_plan;
mod mapping;
mod principal_name;
mod resolve;
mod rules;
mod settings;
#[cfg(test)]
mod tests;

pub use account::{Account, MappingMethod, MappingStrength};
pub use cache::{AccountCache, AccountLifetimes, CachedMapping, MappingScope, MappingSources};
pub use error::{IdentityConflict, MappingError, NotMappedReason};
pub use mapping::{DirectoryLookup, MappingStep, MappingTrace, StepResult, map};
pub use principal_name::{MAXIMUM_NAME_LENGTH, PrincipalName, PrincipalNameError};
pub use rules::{
    AccountRule, AccountRuleError, CertificateField, FieldCondition, FieldPattern, FieldPatternError,
    LetterCase, NamedAccount, RuleAction, SubField, UnknownSubField,
};
pub use settings::{IdentityIssuer, Mapper, MappingSettings, RequiredStrength, SidCheck, UnknownMapper};
