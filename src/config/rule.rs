//! Takes one `[[realm.NAME.rule]]`, gives which certificates it means and whose they are (IIS calls these one-to-one
//! and many-to-one mappings).
//!
//! Never looks at a certificate.

use super::keys::{Section, key};
use super::reader::{Fault, TableReader};
use super::shape::{boolean, file, sha256, sid, text};
use super::span::{Span, Spanned};
use super::suggestion::nearest;
use crate::directory::Sid;
use crate::identity::SubField;
use std::path::PathBuf;

/// What an attribute of a name must look like.
#[derive(Clone, Debug)]
pub struct NameCondition {
    /// The attribute's type.
    pub attribute: Spanned<SubField>,
    /// Its value, in which `*` stands for any text.
    pub pattern: Spanned<String>,
}

/// Which certificates a rule means.
#[derive(Clone, Debug)]
pub enum RuleMatch {
    /// The one with this SHA-256 over its DER.
    Sha256(Spanned<[u8; 32]>),
    /// The one in this file.
    Certificate(Spanned<PathBuf>),
    /// Those that this issuer's key signed and whose names meet all conditions.
    Names {
        /// The file of the issuer's certificate.
        issuer: Spanned<PathBuf>,
        /// Conditions on the subject; at least one.
        subject: Vec<NameCondition>,
        /// Conditions on the issuer's name as the certificate writes it.
        issuer_name: Vec<NameCondition>,
        /// Whether letters are compared with their case.
        case_sensitive: Spanned<bool>,
    },
}

/// The account that a rule gives.
#[derive(Clone, Debug)]
pub struct RuleAccount {
    /// Where it is written.
    pub span: Span,
    /// `DOMAIN\sam` or a UPN.
    pub user: Spanned<String>,
    /// The user principal name.
    pub upn: Option<Spanned<String>>,
    /// The security identifier, `S-1-5-21-…`.
    pub sid: Option<Spanned<Sid>>,
    /// The groups.
    pub groups: Vec<Spanned<String>>,
}

/// What a rule says of the certificates that it means.
#[derive(Clone, Debug)]
pub enum RuleOutcome {
    /// They are this account's.
    Account(RuleAccount),
    /// They are nobody's, whatever other rules or names say.
    Deny(Span),
}

/// One `[[realm.NAME.rule]]`.
#[derive(Clone, Debug)]
pub struct IdentityRule {
    /// Its header.
    pub span: Span,
    /// Its name in records.
    pub name: Spanned<String>,
    /// Which certificates it means.
    pub matches: RuleMatch,
    /// What it says of them.
    pub outcome: RuleOutcome,
}

pub(super) const RULE: Section = Section {
    path: "realm.NAME.rule",
    keys: &[
        key("name"),
        key("certificate_sha256"),
        key("certificate"),
        key("issuer"),
        key("subject"),
        key("issuer_name"),
        key("case_sensitive"),
        key("account"),
        key("deny"),
    ],
};
pub(super) const ACCOUNT: Section =
    Section { path: "realm.NAME.rule.account", keys: &[key("user"), key("upn"), key("sid"), key("groups")] };

impl IdentityRule {
    /// The account that it gives; `None` where it denies.
    pub(super) fn account(&self) -> Option<&RuleAccount> {
        match &self.outcome {
            RuleOutcome::Account(account) => Some(account),
            RuleOutcome::Deny(_) => None,
        }
    }

    /// The groups that it gives.
    pub(super) fn groups(&self) -> &[Spanned<String>] {
        match &self.outcome {
            RuleOutcome::Account(account) => &account.groups,
            RuleOutcome::Deny(_) => &[],
        }
    }

    /// `None` when it lacks what makes it a rule, which is then recorded as an error.
    pub(super) fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        let name = reader.required("name", "name = \"alice's card\"", text);
        let matches = read_match(reader);
        let outcome = read_outcome(reader);
        if matches!(outcome, Some(RuleOutcome::Deny(_))) && reader.holds("case_sensitive") {
            let message = "`case_sensitive` does nothing beside `deny`: all spellings of a name are denied";
            reader.warning(reader.span(), "case_sensitive", message).help("remove `case_sensitive`");
        }
        Some(Self { span: reader.span(), name: name?, matches: matches?, outcome: outcome? })
    }
}

fn read_match(reader: &mut TableReader<'_>) -> Option<RuleMatch> {
    let fingerprint = reader.optional("certificate_sha256", sha256);
    let certificate = reader.optional("certificate", file);
    let issuer = reader.optional("issuer", file);
    let subject = read_conditions(reader, "subject");
    let issuer_name = read_conditions(reader, "issuer_name");
    let case_sensitive = reader.with_default("case_sensitive", true, boolean);
    if !chooses_one_match(reader) {
        return None;
    }
    match (fingerprint, certificate, issuer) {
        (Some(fingerprint), _, _) => Some(RuleMatch::Sha256(fingerprint)),
        (_, Some(certificate), _) => Some(RuleMatch::Certificate(certificate)),
        (_, _, Some(issuer)) => Some(RuleMatch::Names { issuer, subject, issuer_name, case_sensitive }),
        (None, None, None) => None,
    }
}

/// Whether the rule names one certificate or an issuer with conditions, and not two of these; an error if not.
fn chooses_one_match(reader: &mut TableReader<'_>) -> bool {
    let ways = ["certificate_sha256", "certificate", "issuer"];
    let chosen: Vec<&str> = ways.into_iter().filter(|way| reader.holds(way)).collect();
    let span = reader.span();
    match chosen.as_slice() {
        ["issuer"] if reader.holds_items("subject") => true,
        ["issuer"] => {
            reader
                .error(span, "subject", "the rule has no condition: it would mean every certificate of the issuer")
                .help("add subject = { CN = \"…\", O = \"Contoso*\" }, or subject = { CN = \"*\" } to mean that");
            false
        }
        [way] => {
            let way = (*way).to_owned();
            let mut alone = true;
            for name in ["subject", "issuer_name", "case_sensitive"] {
                if reader.holds(name) {
                    let message =
                        format!("`{name}` does nothing beside `{way}`, which names one certificate");
                    reader.error(span, name, message).help(format!("remove `{name}`"));
                    alone = false;
                }
            }
            alone
        }
        [] => {
            reader.error(span, "issuer", "the rule does not say which certificates it means").help(
                "add `certificate_sha256`, `certificate` (a file), or `issuer` (a file) with `subject`",
            );
            false
        }
        several => {
            let message =
                format!("the rule says in several ways which certificates it means: {}", several.join(", "));
            reader.error(span, "", message).help("keep one of them");
            false
        }
    }
}

fn read_conditions(reader: &mut TableReader<'_>, name: &'static str) -> Vec<NameCondition> {
    let pairs = reader.pairs(name, attribute, text);
    pairs.into_iter().map(|(attribute, pattern)| NameCondition { attribute, pattern }).collect()
}

fn attribute(name: &str) -> Result<SubField, Fault> {
    name.parse().map_err(|_| {
        let help = match nearest(name, SubField::names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a short name such as CN, O, OU or E, or a dotted number in quotes".to_owned(),
        };
        Fault::new(format!("`{name}` is not an attribute of names")).help(help)
    })
}

fn read_outcome(reader: &mut TableReader<'_>) -> Option<RuleOutcome> {
    let deny = reader.optional("deny", boolean);
    let has_account = reader.holds("account");
    let account = reader.optional_table("account", &ACCOUNT, read_account).flatten();
    let span = reader.span();
    match (deny, account) {
        (Some(deny), None) if deny.value && !has_account => Some(RuleOutcome::Deny(deny.span)),
        (None, Some(account)) if !reader.holds("deny") => Some(RuleOutcome::Account(account)),
        (Some(deny), _) if deny.value => {
            reader
                .error(deny.span, "deny", "the rule gives an account and denies it too")
                .help("keep `account` or `deny`");
            None
        }
        (Some(deny), _) => {
            reader
                .error(deny.span, "deny", "`deny = false` does nothing")
                .help("remove it, and say in `account` whose certificates these are");
            None
        }
        (None, None) if !has_account && !reader.holds("deny") => {
            reader
                .error(span, "account", "the rule does not say whose certificates these are")
                .help("add account = { user = 'CORP\\alice' } or deny = true");
            None
        }
        (None, Some(_) | None) => None,
    }
}

fn read_account(reader: &mut TableReader<'_>) -> Option<RuleAccount> {
    let user = reader.required("user", "user = 'CORP\\alice'", text);
    let upn = reader.optional("upn", text);
    let sid = reader.optional("sid", sid);
    let groups = reader.list("groups", text).unwrap_or_default();
    if let Some(upn) = upn.as_ref().filter(|upn| !upn.value.contains('@')) {
        reader
            .error(upn.span, "upn", "a user principal name holds an `@`")
            .help("such as \"alice@corp.example\"");
    }
    Some(RuleAccount { span: reader.span(), user: user?, upn, sid, groups })
}
