//! `[[realm.NAME.rule]]`: rules that map single certificates, or those of an issuer by their names (one-to-one and
//! many-to-one mappings in IIS).

use crate::config::parse::Spanned;
use crate::config::parse::fields::{ValueType as _, optional_table, pairs};
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::suggestion::nearest;
use crate::config::parse::value_error::ValueError;
use crate::config::parse::values::{BOOLEAN, FILE, Parsed, SHA256, SID, TEXT, text};
use crate::directory::Sid;
use crate::identity::SubField;
use std::path::PathBuf;
use toml::de::DeValue;

const UPN: Parsed<String> = Parsed::new("text", "texts", user_principal_name);

/// Attributes of a name with the patterns of their values, in which `*` stands for any text.
type NameConditions = Vec<(Spanned<SubField>, Spanned<String>)>;

section! {
    /// `[[realm.NAME.rule]]`
    struct MappingRule with head checked by check {
        /// Its name in records.
        name: Spanned<String> = TEXT.essential("name = \"alice's card\""),
        /// The certificate with this SHA-256, as `portcullis inspect` shows it. Colons are allowed. A client can change an ECDSA
        /// signature into its other valid value; the rule holds for both.
        certificate_sha256: Option<Spanned<[u8; 32]>> = SHA256.optional(""),
        /// The certificate in this file, by what its issuer signed (the tbsCertificate).
        certificate: Option<Spanned<PathBuf>> = FILE.optional(""),
        /// The authority whose certificates the rule maps, by its key.
        issuer: Option<Spanned<PathBuf>> = FILE.optional(""),
        /// Conditions on the subject, all of which must be met: `{ CN = "Alice *", O = "Contoso" }`. `*` stands for any text.
        /// Attributes by name or dotted number.
        subject: NameConditions = pairs(attribute, TEXT, ""),
        /// The same on the issuer's name.
        issuer_name: NameConditions = pairs(attribute, TEXT, "none"),
        /// Whether case counts in these conditions. Beside `deny` it does nothing: all spellings are denied.
        case_sensitive: Spanned<bool> = BOOLEAN.or(true),
        /// The account of these certificates.
        account: Option<RuleAccount> = optional_table::<RuleAccount>(""),
        /// `true`: these certificates map to no account, whatever other rules and names they match.
        deny: Option<Spanned<bool>> = BOOLEAN.optional(""),
    }
}

section! {
    /// `[realm.NAME.rule.account]`
    struct RuleAccount {
        /// `'DOMAIN\name'`, or a UPN.
        user: Spanned<String> = TEXT.essential("user = 'CORP\\alice'"),
        /// The user principal name.
        upn: Option<Spanned<String>> = UPN.optional("none"),
        /// The security identifier: `"S-1-5-21-…"`.
        sid: Option<Spanned<Sid>> = SID.optional("none"),
        /// The account's groups.
        groups: Vec<Spanned<String>> = TEXT.list().optional("none"),
    }
}

/// The certificates that a rule maps.
pub(in crate::config) enum RuleMatch<'a> {
    /// The one with this SHA-256 over its DER.
    Sha256([u8; 32]),
    /// The one in this file.
    Certificate(&'a Spanned<PathBuf>),
    /// Those that the key of the certificate in this file signed, under the rule's conditions.
    Names(&'a Spanned<PathBuf>),
}

impl MappingRule {
    /// The certificates that it maps; `None` only if an error says what is wrong.
    pub(in crate::config) fn matches(&self) -> Option<RuleMatch<'_>> {
        match (&self.certificate_sha256, &self.certificate, &self.issuer) {
            (Some(fingerprint), _, _) => Some(RuleMatch::Sha256(fingerprint.value)),
            (_, Some(certificate), _) => Some(RuleMatch::Certificate(certificate)),
            (_, _, Some(issuer)) => Some(RuleMatch::Names(issuer)),
            (None, None, None) => None,
        }
    }

    /// Whether it says which certificates it maps and to what, each in one way.
    pub(super) fn is_whole(&self) -> bool {
        let ways = [self.certificate_sha256.is_some(), self.certificate.is_some(), self.issuer.is_some()];
        let denies = self.deny.as_ref().is_some_and(|deny| deny.value);
        ways.into_iter().filter(|way| *way).count() == 1 && denies != self.account.is_some()
    }

    /// The groups that it assigns.
    pub(super) fn groups(&self) -> &[Spanned<String>] {
        self.account.as_ref().map_or(&[], |account| &account.groups)
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        self.check_match(reader);
        self.check_outcome(reader);
        let denies = self.deny.as_ref().is_some_and(|deny| deny.value);
        if let (true, Some(span)) = (denies, self.head.written("case_sensitive")) {
            let message = "`case_sensitive` does nothing beside `deny`: all spellings of a name are denied";
            reader.warning(span, "case_sensitive", message).help("remove `case_sensitive`");
        }
    }

    /// A rule names one certificate, or an issuer with conditions, and not two of these.
    fn check_match(&self, reader: &mut TableReader<'_>) {
        let ways = ["certificate_sha256", "certificate", "issuer"];
        let chosen: Vec<&str> = ways.into_iter().filter(|way| self.head.has(way)).collect();
        let span = self.head.span;
        match chosen.as_slice() {
            ["issuer"] if self.head.has_items("subject") => {}
            ["issuer"] => {
                reader
                    .error(span, "subject", "the rule has no condition: it would mean every certificate of the issuer")
                    .help("add subject = { CN = \"…\", O = \"Contoso*\" }, or subject = { CN = \"*\" } to mean that");
            }
            [way] => {
                let way = (*way).to_owned();
                for name in ["subject", "issuer_name", "case_sensitive"] {
                    if self.head.has(name) {
                        let message =
                            format!("`{name}` does nothing beside `{way}`, which names one certificate");
                        reader.error(span, name, message).help(format!("remove `{name}`"));
                    }
                }
            }
            [] => {
                reader.error(span, "issuer", "the rule does not say which certificates it means").help(
                    "add `certificate_sha256`, `certificate` (a file), or `issuer` (a file) with `subject`",
                );
            }
            several => {
                let message = format!(
                    "the rule says in several ways which certificates it means: {}",
                    several.join(", ")
                );
                reader.error(span, "", message).help("keep one of them");
            }
        }
    }

    fn check_outcome(&self, reader: &mut TableReader<'_>) {
        let has_account = self.head.has("account");
        match &self.deny {
            Some(deny) if deny.value && has_account => {
                reader
                    .error(deny.span, "deny", "the rule assigns an account and denies it too")
                    .help("keep `account` or `deny`");
            }
            Some(deny) if !deny.value => {
                reader
                    .error(deny.span, "deny", "`deny = false` does nothing")
                    .help("remove it, and name the account of these certificates in `account`");
            }
            None if !has_account && !self.head.has("deny") => {
                reader
                    .error(self.head.span, "account", "the rule names no account for these certificates")
                    .help("add account = { user = 'CORP\\alice' } or deny = true");
            }
            Some(_) | None => {}
        }
    }
}

fn user_principal_name(value: &DeValue<'_>) -> Result<String, ValueError> {
    let name = text(value)?;
    if name.contains('@') {
        return Ok(name);
    }
    Err(ValueError::new("a user principal name contains an `@`").help("such as \"alice@corp.example\""))
}

fn attribute(name: &str) -> Result<SubField, ValueError> {
    name.parse().map_err(|_| {
        let help = match nearest(name, SubField::names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a short name such as CN, O, OU or E, or a dotted number in quotes".to_owned(),
        };
        ValueError::new(format!("`{name}` is not an attribute of names")).help(help)
    })
}
