//! Takes a realm's table of IIS-style rules and a certificate, gives the rule that fits it.
//!
//! IIS has one-to-one rules, which name one whole certificate, and many-to-one rules, which match fields of its names.
//! There a many-to-one rule on the subject alone accepts that subject from any trusted CA, and a rule on the issuer's
//! name from any CA of that name: here every many-to-one rule is pinned to the key of the CA that issued the
//! certificate. Never looks at a name without knowing whose word it is.

mod field_pattern;
mod sub_field;

pub use field_pattern::{FieldPattern, FieldPatternError, LetterCase};
pub use sub_field::{SubField, UnknownSubField};

use super::account::{Account, MappingMethod, MappingStrength};
use super::account_identifier::{has_account_name, has_upn};
use crate::certificate::{Certificate, DistinguishedName, Fingerprint, KeyId};
use crate::directory::{DirectoryAccount, DirectoryGroup, LoginName, Sid};
use std::sync::Arc;
use thiserror::Error;

/// Why a rule cannot stand in a table.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccountRuleError {
    /// The name goes into records and headers, so it is 1 to 64 printable ASCII characters.
    #[error("the name `{0}` is not 1 to 64 printable ASCII characters")]
    Name(String),
    /// It would fit every certificate of its issuer. `*` on one field says that on purpose.
    #[error("the rule has no condition")]
    NoCondition,
    /// The account has no user name.
    #[error("the rule names no user")]
    NoUser,
}

/// Which of the two names of a certificate (`certificateField`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateField {
    /// The subject.
    Subject,
    /// The issuer.
    Issuer,
}

/// One condition of a many-to-one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCondition {
    /// In which name.
    pub side: CertificateField,
    /// Which field of it (`certificateSubField`).
    pub field: SubField,
    /// What it must look like (`matchCriteria`, `compareCaseSensitive`).
    pub pattern: FieldPattern,
}

/// Whether a condition, or all of a rule's, hold for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ConditionResult {
    /// They do not.
    No,
    /// A value that cannot be read may be the one that they ask for.
    Unknown,
    /// They do.
    Yes,
}

impl FieldCondition {
    /// Whether the name has the field and it is as demanded. Of a field that stands there several times (as OU and DC
    /// do) one that fits is enough, as a rule that refuses certificates of a department must also see its second OU.
    fn holds(&self, leaf: &Certificate) -> ConditionResult {
        let name: &DistinguishedName = match self.side {
            CertificateField::Subject => leaf.subject(),
            CertificateField::Issuer => leaf.issuer(),
        };
        let values = name.values_of(self.field.oid());
        if values.texts.iter().any(|text| self.pattern.matches(text)) {
            ConditionResult::Yes
        } else if values.hidden.is_empty() {
            ConditionResult::No
        } else {
            ConditionResult::Unknown
        }
    }
}

/// The account that a rule names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedAccount {
    /// `DOMAIN\sam` or a UPN.
    pub user: String,
    /// The user principal name.
    pub upn: Option<String>,
    /// The security identifier.
    pub sid: Option<Sid>,
    /// The groups.
    pub groups: Vec<String>,
}

impl NamedAccount {
    /// The groups, of which nothing is known but their names.
    pub(super) fn groups(&self) -> impl Iterator<Item = DirectoryGroup> {
        self.groups.iter().map(|name| DirectoryGroup { name: name.clone(), sid: None })
    }

    /// Whether everything that is written of it holds for `person`.
    fn is(&self, person: &DirectoryAccount) -> bool {
        let same = |one: &Option<String>, other: &str| {
            one.as_ref().is_some_and(|one| one.eq_ignore_ascii_case(other))
        };
        let user = match LoginName::parse(&self.user, None) {
            Ok(LoginName::Upn(upn)) => has_upn(person, &upn),
            Ok(LoginName::DomainAndName { domain, name }) => {
                let domains = [&person.netbios_domain, &person.dns_domain];
                let in_domain = domains.into_iter().any(|own| same(own, &domain));
                // Without Active Directory there are no domains, and directories go by their names.
                let in_directory =
                    domains == [&None, &None] && person.directory.eq_ignore_ascii_case(&domain);
                (in_domain || in_directory) && has_account_name(person, &name)
            }
            Ok(LoginName::Name(name)) => has_account_name(person, &name),
            Err(_) => false,
        };
        let upn = self.upn.as_ref().is_none_or(|upn| has_upn(person, upn));
        let sid = self.sid.as_ref().is_none_or(|sid| person.sid.as_ref() == Some(sid));
        user && upn && sid
    }
}

/// What becomes of a certificate that a rule fits (`permissionMode`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// It is this account's.
    Account(NamedAccount),
    /// It is refused, whatever later rules and mappers would say.
    Deny,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum RuleCriteria {
    Certificate(Fingerprint),
    Fields { issuer: KeyId, conditions: Vec<FieldCondition> },
}

/// One rule of a realm's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRule {
    name: Arc<str>,
    fits: RuleCriteria,
    action: RuleAction,
}

impl AccountRule {
    /// A one-to-one rule: for this one certificate, strongly. A renewed certificate is another one.
    pub fn one_to_one(
        name: &str,
        certificate: Fingerprint,
        action: RuleAction,
    ) -> Result<Self, AccountRuleError> {
        Self::new(name, RuleCriteria::Certificate(certificate), action)
    }

    /// A many-to-one rule: for every certificate issued under the key `issuer` that meets all `conditions`, weakly.
    pub fn many_to_one(
        name: &str,
        issuer: KeyId,
        conditions: Vec<FieldCondition>,
        action: RuleAction,
    ) -> Result<Self, AccountRuleError> {
        if conditions.is_empty() {
            return Err(AccountRuleError::NoCondition);
        }
        Self::new(name, RuleCriteria::Fields { issuer, conditions }, action)
    }

    fn new(name: &str, fits: RuleCriteria, action: RuleAction) -> Result<Self, AccountRuleError> {
        let printable = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if name.trim().is_empty() || name.len() > 64 || !printable {
            return Err(AccountRuleError::Name(name.to_owned()));
        }
        if matches!(&action, RuleAction::Account(account) if account.user.trim().is_empty()) {
            return Err(AccountRuleError::NoUser);
        }
        Ok(Self { name: name.into(), fits, action })
    }

    /// The rule's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How strongly it names its account.
    pub fn strength(&self) -> MappingStrength {
        match self.fits {
            RuleCriteria::Certificate(_) => MappingStrength::Strong,
            RuleCriteria::Fields { .. } => MappingStrength::Weak,
        }
    }

    /// How an account that it names came to be named.
    pub(super) fn method(&self) -> MappingMethod {
        MappingMethod::AccountRule { name: Arc::clone(&self.name) }
    }

    /// What it says of the account; `None` where it refuses.
    pub(super) fn named(&self) -> Option<&NamedAccount> {
        match &self.action {
            RuleAction::Account(named) => Some(named),
            RuleAction::Deny => None,
        }
    }

    /// The account that it names; `None` where it refuses.
    pub(super) fn account(&self) -> Option<Account> {
        let named = self.named()?;
        Some(Account {
            // Who writes `DOMAIN\sam` says what the account is called there.
            account_name: named.user.split_once('\\').map(|(_, name)| name.to_owned()),
            domain: named.user.split_once('\\').map(|(domain, _)| domain.to_owned()),
            upn: named.upn.clone(),
            sid: named.sid.as_ref().map(ToString::to_string),
            groups: named.groups().collect(),
            ..Account::named(&named.user, self.method(), self.strength())
        })
    }

    /// Whether an account of the directory is all that it says.
    pub(super) fn means(&self, person: &DirectoryAccount) -> bool {
        self.named().is_some_and(|named| named.is(person))
    }

    fn is_for_certificate(&self, leaf: &Certificate) -> bool {
        matches!(self.fits, RuleCriteria::Certificate(fingerprint) if fingerprint == leaf.fingerprint())
    }

    /// A rule that refuses fits where it might: what cannot be evaluated lets nobody past it. A rule that names an account
    /// fits only where it surely does.
    fn is_for_fields(&self, leaf: &Certificate, issued_by: KeyId) -> bool {
        let holds = match &self.fits {
            RuleCriteria::Fields { issuer, conditions } if *issuer == issued_by => {
                conditions.iter().map(|condition| condition.holds(leaf)).min().unwrap_or(ConditionResult::No)
            }
            RuleCriteria::Fields { .. } | RuleCriteria::Certificate(_) => ConditionResult::No,
        };
        match self.action {
            RuleAction::Account(_) => holds == ConditionResult::Yes,
            RuleAction::Deny => holds >= ConditionResult::Unknown,
        }
    }
}

/// The rule for `leaf`, issued under the key `issued_by`, in the order of IIS: the one-to-one rules first, then the
/// many-to-one rules, each in the order of the table; the first that fits counts.
pub(super) fn find<'a>(
    rules: &'a [AccountRule],
    leaf: &Certificate,
    issued_by: KeyId,
) -> Option<&'a AccountRule> {
    let one_to_one = rules.iter().find(|rule| rule.is_for_certificate(leaf));
    one_to_one.or_else(|| rules.iter().find(|rule| rule.is_for_fields(leaf, issued_by)))
}
