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
mod method;
mod principal_name;
mod resolve;
mod rules;
mod settings;
mod step;
#[cfg(test)]
mod tests;

pub use account::Account;
pub use cache::{AccountCache, AccountLifetimes, CachedMapping, MappingScope, MappingSources};
pub use error::{IdentityConflict, MappingError, NotMappedReason};
pub use mapping::{DirectoryLookup, MappingTrace, map};
pub use method::{Mapper, MappingMethod, MappingStrength, UnknownMapper};
pub use principal_name::{MAXIMUM_NAME_LENGTH, PrincipalName, PrincipalNameError};
pub use rules::{
    AccountRule, AccountRuleError, CertificateField, FieldCondition, FieldPattern, FieldPatternError,
    LetterCase, NamedAccount, RuleAction, SubField, UnknownSubField,
};
pub use settings::{IdentityIssuer, MappingSettings, RequiredStrength, SidCheck};
pub use step::{MappingStep, StepResult};
