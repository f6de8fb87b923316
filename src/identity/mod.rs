//! Takes a chain of which nothing is revoked and a realm's mapping rule, gives the account that the certificate names.
//!
//! Only what the certificate and the configuration say is used: no directory is asked. Never trusts a name without
//! pinning, by its key, the CA that wrote it.

mod account;
mod account_rule;
mod cache;
mod mapping;
mod mapping_error;
mod mapping_rule;
mod pattern;
mod principal_name;
mod sub_field;
#[cfg(test)]
mod tests;

pub use account::{Account, MappingMethod, Strength};
pub use account_rule::{AccountRule, AccountRuleError, FieldCondition, NameSide, NamedAccount, RuleAction};
pub use cache::{AccountCache, MappedBy};
pub use mapping::{Mapping, MappingStep, StepResult, map, trace};
pub use mapping_error::{MappingError, WhyNotMapped};
pub use mapping_rule::{IdentityIssuer, Mapper, MappingRule, UnknownMapper};
pub use pattern::{LetterCase, Pattern, PatternError};
pub use principal_name::{MAXIMUM_NAME_LENGTH, NameFault, PrincipalName};
pub use sub_field::{SubField, UnknownSubField};
