//! Takes a chain of which nothing is revoked and a realm's mapping rule, gives the account that the certificate names,
//! by what it and the configuration say and, where the realm has a directory, by what that says of the account.
//!
//! Never trusts a name without pinning, by its key, the CA that wrote it.

mod account;
mod account_rule;
mod by_directory;
mod cache;
mod card_number;
mod claim;
mod mapping;
mod mapping_error;
mod mapping_rule;
mod own_names;
mod pattern;
mod principal_name;
mod question;
mod sub_field;
#[cfg(test)]
mod tests;

pub use account::{Account, MappingMethod, Strength};
pub use account_rule::{AccountRule, AccountRuleError, FieldCondition, NameSide, NamedAccount, RuleAction};
pub use cache::{AccountCache, AccountLifetimes, Mapped, MappedBy, MappedThrough};
pub use mapping::{LookUp, Mapping, MappingStep, StepResult, map};
pub use mapping_error::{Contradiction, MappingError, WhyNotMapped};
pub use mapping_rule::{IdentityIssuer, Mapper, MappingRule, SidCheck, StrengthDemand, UnknownMapper};
pub use pattern::{LetterCase, Pattern, PatternError};
pub use principal_name::{MAXIMUM_NAME_LENGTH, NameFault, PrincipalName};
pub use sub_field::{SubField, UnknownSubField};
