//! Account rules: a realm's table of rules that map certificates to accounts, as in IIS.
//!
//! IIS has one-to-one rules, which match one whole certificate, and many-to-one rules, which match fields of its names. In
//! IIS a many-to-one rule on the subject alone matches that subject from every trusted CA, and one on the issuer matches
//! every CA of that name. Here every many-to-one rule is pinned to the key of the issuing CA, so that a second CA cannot
//! issue certificates that match it.

mod field_pattern;
mod sub_field;

pub(crate) use field_pattern::{FieldPattern, LetterCase};
pub(crate) use sub_field::SubField;

use super::account::Account;
use super::method::{MappingMethod, MappingStrength};
use super::upn_and_email::{has_account_name, has_upn};
use crate::certificate::{Certificate, DistinguishedName, Fingerprint, KeyId, TbsFingerprint};
use crate::directory::{DirectoryAccount, DirectoryGroup, LoginName, Sid};
use std::sync::Arc;
use thiserror::Error;

/// One rule of a realm's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRule {
    name: Arc<str>,
    criteria: RuleCriteria,
    action: RuleAction,
}

/// The effect of a rule that matches (`permissionMode`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// The certificate maps to this account.
    Account(NamedAccount),
    /// The certificate is denied; later rules and mappers are not applied.
    Deny,
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

/// One condition of a many-to-one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCondition {
    /// The name that it applies to.
    pub side: CertificateField,
    /// The field of that name (`certificateSubField`).
    pub field: SubField,
    /// The pattern of its value (`matchCriteria`, `compareCaseSensitive`).
    pub pattern: FieldPattern,
}

/// The name of a certificate that a condition applies to (`certificateField`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateField {
    /// The subject.
    Subject,
    /// The issuer.
    Issuer,
}

/// The reason for which a rule is invalid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccountRuleError {
    /// The name, which is written to records and headers, is not printable ASCII or too long.
    #[error("the rule name `{0}` is not 1 to 64 printable ASCII characters")]
    Name(String),
    /// A many-to-one rule has no condition, so it would match every certificate of its issuer. Use the pattern `*` on
    /// one field for that.
    #[error("the rule has no condition")]
    NoCondition,
    /// The account has no user name.
    #[error("the rule names no user")]
    NoUser,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum RuleCriteria {
    /// By the fingerprint of the certificate or of its twin.
    Fingerprint(Fingerprint),
    /// By the signed content.
    Content(TbsFingerprint),
    Fields {
        issuer: KeyId,
        conditions: Vec<FieldCondition>,
    },
}

/// Whether a condition, or all those of a rule, hold for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ConditionResult {
    False,
    /// A value that cannot be decoded might meet the condition.
    Unknown,
    True,
}

impl FieldCondition {
    /// Returns whether the name has the field with a matching value. One match is enough if a field has several values,
    /// as OU and DC have: a rule that denies a department must also match its second OU.
    fn holds(&self, leaf: &Certificate) -> ConditionResult {
        let name: &DistinguishedName = match self.side {
            CertificateField::Subject => leaf.subject(),
            CertificateField::Issuer => leaf.issuer(),
        };
        let values = name.values_of(self.field.oid());
        if values.texts.iter().any(|text| self.pattern.matches(text)) {
            ConditionResult::True
        } else if values.hidden.is_empty() {
            ConditionResult::False
        } else {
            ConditionResult::Unknown
        }
    }
}

impl NamedAccount {
    /// Returns the groups; only their names are known.
    pub(super) fn groups(&self) -> impl Iterator<Item = DirectoryGroup> {
        self.groups.iter().map(|name| DirectoryGroup { name: name.clone(), sid: None })
    }

    /// Returns whether every value in the rule matches `entry`.
    fn matches(&self, entry: &DirectoryAccount) -> bool {
        let same = |one: &Option<String>, other: &str| {
            one.as_ref().is_some_and(|one| one.eq_ignore_ascii_case(other))
        };
        let user = match LoginName::parse(&self.user, None) {
            Ok(LoginName::Upn(upn)) => has_upn(entry, &upn),
            Ok(LoginName::DomainAndName { domain, name }) => {
                let domains = [&entry.netbios_domain, &entry.dns_domain];
                let in_domain = domains.into_iter().any(|own| same(own, &domain));
                // Without Active Directory there are no domains. The name of the directory takes their place.
                let in_directory = domains == [&None, &None] && entry.directory.eq_ignore_ascii_case(&domain);
                (in_domain || in_directory) && has_account_name(entry, &name)
            }
            Ok(LoginName::Name(name)) => has_account_name(entry, &name),
            Err(_) => false,
        };
        let upn = self.upn.as_ref().is_none_or(|upn| has_upn(entry, upn));
        let sid = self.sid.as_ref().is_none_or(|sid| entry.sid.as_ref() == Some(sid));
        user && upn && sid
    }
}

impl AccountRule {
    /// Returns a one-to-one rule for the certificate with this fingerprint. Its mapping is strong. A renewed
    /// certificate does not match.
    ///
    /// # Errors
    /// The name is not printable or the account has no user name.
    pub fn one_to_one(
        name: &str,
        certificate: Fingerprint,
        action: RuleAction,
    ) -> Result<Self, AccountRuleError> {
        Self::new(name, RuleCriteria::Fingerprint(certificate), action)
    }

    /// Returns a one-to-one rule for this certificate, by its signed content. The fingerprint does not suffice for a
    /// rule that denies: a client can change it together with the signature ([`Certificate::twin_fingerprints`]) to
    /// evade the rule.
    ///
    /// # Errors
    /// The name is not printable or the account has no user name.
    pub fn for_certificate(
        name: &str,
        certificate: &Certificate,
        action: RuleAction,
    ) -> Result<Self, AccountRuleError> {
        Self::new(name, RuleCriteria::Content(certificate.tbs_fingerprint()), action)
    }

    /// Returns a many-to-one rule, which matches every certificate of the authority with the key `issuer` that meets
    /// all `conditions`. Its mapping is weak.
    ///
    /// # Errors
    /// There is no condition, the name is not printable or the account has no user name.
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

    fn new(name: &str, criteria: RuleCriteria, action: RuleAction) -> Result<Self, AccountRuleError> {
        let printable = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if name.trim().is_empty() || name.len() > 64 || !printable {
            return Err(AccountRuleError::Name(name.to_owned()));
        }
        if matches!(&action, RuleAction::Account(account) if account.user.trim().is_empty()) {
            return Err(AccountRuleError::NoUser);
        }
        Ok(Self { name: name.into(), criteria, action })
    }

    /// Returns the rule's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the strength of its mapping.
    pub fn strength(&self) -> MappingStrength {
        match self.criteria {
            RuleCriteria::Fingerprint(_) | RuleCriteria::Content(_) => MappingStrength::Strong,
            RuleCriteria::Fields { .. } => MappingStrength::Weak,
        }
    }

    /// Returns the mapping method of its account.
    pub(super) fn method(&self) -> MappingMethod {
        MappingMethod::AccountRule { name: Arc::clone(&self.name) }
    }

    /// Returns the account in the rule; `None` if the rule denies.
    pub(super) fn named(&self) -> Option<&NamedAccount> {
        match &self.action {
            RuleAction::Account(named) => Some(named),
            RuleAction::Deny => None,
        }
    }

    /// Returns the account to which a certificate maps without a directory; `None` if the rule denies.
    pub(super) fn account(&self) -> Option<Account> {
        let named = self.named()?;
        Some(Account {
            // `DOMAIN\sam` contains the account's name in its domain.
            account_name: named.user.split_once('\\').map(|(_, name)| name.to_owned()),
            domain: named.user.split_once('\\').map(|(domain, _)| domain.to_owned()),
            upn: named.upn.clone(),
            sid: named.sid.as_ref().map(ToString::to_string),
            groups: named.groups().collect(),
            ..Account::named(&named.user, self.method(), self.strength())
        })
    }

    /// Returns whether the rule names this account of the directory.
    pub(super) fn matches_account(&self, entry: &DirectoryAccount) -> bool {
        self.named().is_some_and(|named| named.matches(entry))
    }

    fn matches_certificate(&self, content: TbsFingerprint, fingerprints: &[Fingerprint]) -> bool {
        match &self.criteria {
            RuleCriteria::Fingerprint(fingerprint) => fingerprints.contains(fingerprint),
            RuleCriteria::Content(named) => *named == content,
            RuleCriteria::Fields { .. } => false,
        }
    }

    /// Returns whether the conditions hold for `leaf`. If a value cannot be decoded, a rule that denies matches, so
    /// that the value cannot evade it, and a rule that names an account does not.
    fn matches_fields(&self, leaf: &Certificate, issued_by: KeyId) -> bool {
        let holds = match &self.criteria {
            RuleCriteria::Fields { issuer, conditions } if *issuer == issued_by => conditions
                .iter()
                .map(|condition| condition.holds(leaf))
                .min()
                .unwrap_or(ConditionResult::False),
            RuleCriteria::Fields { .. } | RuleCriteria::Fingerprint(_) | RuleCriteria::Content(_) => {
                ConditionResult::False
            }
        };
        match self.action {
            RuleAction::Account(_) => holds == ConditionResult::True,
            RuleAction::Deny => holds >= ConditionResult::Unknown,
        }
    }
}

/// Returns the first rule that matches `leaf`, issued by the key `issued_by`, in the order of IIS: one-to-one rules
/// before many-to-one rules, each kind in the order of the table.
pub(super) fn find<'a>(
    rules: &'a [AccountRule],
    leaf: &Certificate,
    issued_by: KeyId,
) -> Option<&'a AccountRule> {
    let content = leaf.tbs_fingerprint();
    let mut fingerprints = vec![leaf.fingerprint()];
    if rules.iter().any(|rule| matches!(rule.criteria, RuleCriteria::Fingerprint(_))) {
        fingerprints.extend(leaf.twin_fingerprints());
    }
    let one_to_one = rules.iter().find(|rule| rule.matches_certificate(content, &fingerprints));
    one_to_one.or_else(|| rules.iter().find(|rule| rule.matches_fields(leaf, issued_by)))
}
