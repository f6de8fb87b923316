//! `[[realm.NAME.rule]]`: rules that map single certificates, or those of an issuer by their names (one-to-one and
//! many-to-one mappings in IIS).

use crate::config::parse::{
    Spanned, TableReader, ValueError, ValueType, boolean, file, line, nearest, optional_table, pairs,
    section, sha256, sid, text,
};
use crate::directory::Sid;
use crate::identity::SubField;
use std::path::PathBuf;

/// Attributes of a name with the patterns of their values, in which `*` stands for any text.
type NameConditions = Vec<(Spanned<SubField>, Spanned<String>)>;

section! {
    /// `[[realm.NAME.rule]]`
    struct MappingRuleSection with head checked by check {
        /// Its name in records.
        name: Spanned<String> = text().essential("name = \"alice's card\""),
        /// The certificate with this SHA-256, as `portcullis inspect` shows it. Colons are allowed. A client can change an ECDSA
        /// signature into its other valid value; the rule holds for both.
        certificate_sha256: Option<Spanned<[u8; 32]>> = sha256().optional(""),
        /// The certificate in this file, by what its issuer signed (the tbsCertificate).
        certificate: Option<Spanned<PathBuf>> = file().optional(""),
        /// The authority whose certificates the rule maps, by its key.
        issuer: Option<Spanned<PathBuf>> = file().optional(""),
        /// Conditions on the subject, all of which must be met: `{ CN = "Alice *", O = "Contoso" }`. `*` stands for any text.
        /// Attributes by name or dotted number.
        subject: NameConditions = pairs(name_attribute, text(), ""),
        /// The same on the issuer's name.
        issuer_name: NameConditions = pairs(name_attribute, text(), "none"),
        /// Whether case counts in these conditions. Beside `deny` it does nothing: all spellings are denied.
        case_sensitive: Spanned<bool> = boolean().or(true),
        /// The account of these certificates.
        account: Option<RuleAccountSection> = optional_table(""),
        /// `true`: these certificates map to no account, whatever other rules and names they match.
        deny: Option<Spanned<bool>> = boolean().optional(""),
    }
}

section! {
    /// `[realm.NAME.rule.account]`
    struct RuleAccountSection {
        /// `'DOMAIN\name'`, or a UPN.
        user: Spanned<String> = text().essential("user = 'CORP\\alice'"),
        /// The user principal name.
        upn: Option<Spanned<String>> = user_principal_name().optional("none"),
        /// The security identifier: `"S-1-5-21-…"`.
        sid: Option<Spanned<Sid>> = sid().optional("none"),
        /// The account's groups.
        groups: Vec<Spanned<String>> = text().list().optional("none"),
    }
}

impl MappingRuleSection {
    /// Returns whether its certificates and its action are each given in exactly one way.
    pub(super) fn is_complete(&self) -> bool {
        let ways = [self.certificate_sha256.is_some(), self.certificate.is_some(), self.issuer.is_some()];
        ways.into_iter().filter(|way| *way).count() == 1 && self.denies() != self.account.is_some()
    }

    /// Returns the groups that it assigns.
    pub(super) fn groups(&self) -> &[Spanned<String>] {
        self.account.as_ref().map_or(&[], |account| &account.groups)
    }

    /// Returns whether its certificates map to no account.
    pub(super) fn denies(&self) -> bool {
        self.deny.is_some_and(|deny| deny.value)
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        self.check_match(reader);
        self.check_action(reader);
        if let (true, Some(span)) = (self.denies(), self.head.written("case_sensitive")) {
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
                let message = "the rule has no condition: it would match every certificate of the issuer";
                let help = "add subject = { CN = \"…\", O = \"Contoso*\" }, or subject = { CN = \"*\" } to match them all";
                reader.error(span, "subject", message).help(help);
            }
            [way] => {
                for name in ["subject", "issuer_name", "case_sensitive"] {
                    if self.head.has(name) {
                        let reason = format!("beside `{way}`, which names one certificate");
                        let message = format!("`{name}` does nothing {reason}");
                        reader.error(span, name, message).help(format!("remove `{name}`"));
                    }
                }
            }
            [] => {
                let message = "the rule does not select certificates";
                let help =
                    "add `certificate_sha256`, `certificate` (a file), or `issuer` (a file) with `subject`";
                reader.error(span, "issuer", message).help(help);
            }
            several => {
                let message =
                    format!("the rule selects certificates in several ways: {}", several.join(", "));
                reader.error(span, "", message).help("keep one of them");
            }
        }
    }

    fn check_action(&self, reader: &mut TableReader<'_>) {
        let has_account = self.head.has("account");
        match self.deny {
            Some(Spanned { value: true, span }) if has_account => {
                let message = "the rule assigns an account and denies it too";
                reader.error(span, "deny", message).help("keep `account` or `deny`");
            }
            Some(Spanned { value: false, span }) => {
                let help = "remove it, and name the account of these certificates in `account`";
                reader.error(span, "deny", "`deny = false` does nothing").help(help);
            }
            None if !has_account && !self.head.has("deny") => {
                let message = "the rule assigns no account to its certificates";
                let help = "add account = { user = 'CORP\\alice' } or deny = true";
                reader.error(self.head.span, "account", message).help(help);
            }
            Some(_) | None => {}
        }
    }
}

fn user_principal_name() -> ValueType<String> {
    line("text", "texts", |name| {
        let error = || ValueError::new("a user principal name contains an `@`");
        let is_upn = name.contains('@').then(|| name.to_owned());
        is_upn.ok_or_else(|| error().help("such as \"alice@corp.example\""))
    })
}

fn name_attribute(name: &str) -> Result<SubField, ValueError> {
    name.parse().map_err(|_| {
        let help = match nearest(name, SubField::names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a short name such as CN, O, OU or E, or a dotted number in quotes".to_owned(),
        };
        ValueError::new(format!("`{name}` is not an attribute of names")).help(help)
    })
}
