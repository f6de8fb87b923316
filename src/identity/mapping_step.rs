//! The steps of one mapping: for each mapper the values that it read, and its result.

use super::account_identifier::AccountIdentifier;
use super::error::MappingError;
use super::method::Mapper;

/// The result of one mapper with the values that it read, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingStep {
    /// The mapper.
    pub mapper: Mapper,
    /// The values that it read from the certificate, or the name of the rule that matches.
    pub values: Vec<String>,
    /// The result.
    pub result: StepResult,
}

/// The result of one mapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// The certificate has no value for it. The next mapper follows.
    NoValue,
    /// The issuer's certificates may not be mapped by it. The next mapper follows.
    IssuerNotPermitted,
    /// The directory has no account for the value. The next mapper follows.
    NoAccount,
    /// It found the account.
    Mapped,
    /// It found the account that an earlier mapper found.
    Agrees,
    /// Not considered: an account was found before and this value cannot lead to one, or it is the security identifier
    /// of another account and a strong altSecurityIdentities value takes precedence.
    Skipped,
    /// It rejected the certificate. No further mapper follows.
    Rejected,
}

/// The values and the identifier that one mapper read, before the directory is searched.
#[derive(Debug)]
pub(super) struct MapperFinding<'a> {
    pub(super) mapper: Mapper,
    pub(super) values: Vec<String>,
    /// Whether the issuer's certificates may be mapped by it.
    pub(super) permitted: bool,
    pub(super) identifier: Result<Option<AccountIdentifier<'a>>, MappingError>,
}

impl MapperFinding<'_> {
    pub(super) fn step(&self, result: StepResult) -> MappingStep {
        MappingStep { mapper: self.mapper, values: self.values.clone(), result }
    }
}
