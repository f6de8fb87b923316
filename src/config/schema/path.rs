//! `[[site.path]]`: the requirements of one path.
//!
//! The compile step checks the path's alphabet and its overlaps with others, by the parser that requests go through.

use super::access_list::AccessList;
use crate::certificate::ObjectIdentifier;
use crate::config::parse::Spanned;
use crate::config::parse::fields::{ValueType as _, optional_table};
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::suggestion::nearest;
use crate::config::parse::value_error::ValueError;
use crate::config::parse::values::{
    BOOLEAN, Choice, FILE, POLICY, Parsed, TEXT, USAGE, choice, raw_text, size,
};
use crate::policy::{ClientCertificateRule, CrossSiteRule, PasswordRule, QueryRule};
use http::Method;
use std::path::PathBuf;
use toml::de::DeValue;

const CLIENT_CERTIFICATES: &[(&str, ClientCertificateRule)] = &[
    ("ignore", ClientCertificateRule::Ignore),
    ("accept", ClientCertificateRule::Accept),
    ("require", ClientCertificateRule::Require),
];
const PASSWORDS: &[(&str, PasswordRule)] = &[
    ("never", PasswordRule::Never),
    ("directory", PasswordRule::Directory),
    ("backend", PasswordRule::Backend),
];
const QUERIES: &[(&str, QueryRule)] = &[("allow", QueryRule::Allow), ("reject", QueryRule::Reject)];

/// The values of `cross_site`.
pub(super) const CROSS_SITE: Choice<CrossSiteRule> =
    choice(&[("reject", CrossSiteRule::Reject), ("allow", CrossSiteRule::Allow)]);

section! {
    /// `[[site.path]]`
    struct PathRule checked by check {
        /// `"/x/y.asmx"` for this path alone, or `"/dir/*"` for all paths below it.
        path: Spanned<String> = TEXT.essential("path = \"/_wmcs/licensing/license.asmx\""),
        /// Client certificates are not used; a certificate or another credential; a certificate is required.
        client_certificate: Spanned<ClientCertificateRule> =
            choice(CLIENT_CERTIFICATES).essential("client_certificate = \"require\""),
        /// The methods that are allowed; 405 for others. TRACE, CONNECT and WebDAV are never allowed.
        methods: Vec<Spanned<Method>> = METHOD.nonempty_list().or(["GET", "HEAD", "POST"]),
        /// Whether requests may have a query.
        query: Spanned<QueryRule> = choice(QUERIES).or("allow"),
        /// The largest request body; 413 above it.
        max_body: Spanned<u64> = size("0B", "4GiB").or("1MiB"),
        /// The alternative for a client without a certificate: none; a user name and a [password](passwords.md) that the
        /// realm's directory accepts; the authentication that the backend itself requests. Not on a path that requires a
        /// certificate. On one that ignores certificates it is the only authentication.
        password: Spanned<PasswordRule> = choice(PASSWORDS).or("never"),
        /// Whether a client may use that alternative if its certificate is valid, not revoked and sufficient for the path,
        /// but maps to no account. Only if certificates are accepted. A rejected certificate never falls back to a
        /// password.
        unsafe_allow_password_for_unmapped_card: Spanned<bool> = BOOLEAN.or(false),
        /// As for the site.
        cross_site: Option<Spanned<CrossSiteRule>> = CROSS_SITE.optional("the site's"),
        /// Extended key usages that the certificate must have besides the realm's, all of them.
        extended_key_usage: Vec<Spanned<ObjectIdentifier>> = USAGE.list().optional("none"),
        /// Policies of which one must be [valid](certificates.md#certificate-policies) on the certificate's whole path.
        certificate_policies: Vec<Spanned<ObjectIdentifier>> = POLICY.list().optional("none"),
        /// Authorities of which one must be on the certificate's path.
        issuers: Vec<Spanned<PathBuf>> = FILE.list().optional("none"),
        /// The requests that are allowed.
        allow: Option<AccessList> = optional_table::<AccessList>("all"),
        /// The requests that are denied.
        deny: Option<AccessList> = optional_table::<AccessList>("none"),
        /// Another backend for this path.
        backend: Option<Spanned<String>> = TEXT.optional("the site's"),
    }
}

const METHOD: Parsed<Method> = Parsed::new("method", "methods", method);

const METHODS: &[Method] =
    &[Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Methods that never pass: TRACE and CONNECT (RFC 9110 9.3.8, 9.3.6), and WebDAV's (RFC 4918, RFC 3253, RFC 5323,
/// [MS-WDVME] and its Exchange kin), with which IIS edits the files behind the site.
const METHODS_THAT_NEVER_PASS: &[&str] = &[
    "TRACE",
    "TRACK",
    "CONNECT",
    "DEBUG",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "SEARCH",
    "REPORT",
    "ACL",
    "BIND",
    "UNBIND",
    "CHECKIN",
    "CHECKOUT",
    "UNCHECKOUT",
    "VERSION-CONTROL",
    "MKWORKSPACE",
    "UPDATE",
    "LABEL",
    "MERGE",
    "MKACTIVITY",
    "BASELINE-CONTROL",
    "ORDERPATCH",
    "BCOPY",
    "BDELETE",
    "BMOVE",
    "BPROPFIND",
    "BPROPPATCH",
    "NOTIFY",
    "POLL",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "X-MS-ENUMATTS",
];

impl PathRule {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        for (name, list) in [("allow", &self.allow), ("deny", &self.deny)] {
            if let Some(list) = list {
                list.check(name, reader);
            }
        }
        self.check_conditions(reader);
        self.check_password(reader);
        self.check_unmapped_card(reader);
    }

    /// Conditions on a card that is never looked at would only seem to protect the path.
    fn check_conditions(&self, reader: &mut TableReader<'_>) {
        if self.client_certificate.value != ClientCertificateRule::Ignore {
            return;
        }
        let conditions = [
            ("extended_key_usage", self.extended_key_usage.first().map(|usage| usage.span)),
            ("certificate_policies", self.certificate_policies.first().map(|policy| policy.span)),
            ("issuers", self.issuers.first().map(|issuer| issuer.span)),
        ];
        for (name, span) in conditions {
            let Some(span) = span else { continue };
            reader
                .error(span, name, format!("`{name}` does nothing on a path that ignores certificates"))
                .label(self.client_certificate.span, "certificates are ignored")
                .help("write client_certificate = \"require\", or remove the condition");
        }
    }

    /// Whoever gets past a path that requires a card has one.
    fn check_password(&self, reader: &mut TableReader<'_>) {
        let required = self.client_certificate.value == ClientCertificateRule::Require;
        if required && self.password.value != PasswordRule::Never {
            reader
                .error(self.password.span, "password", "no password is taken on a path that requires a card")
                .label(self.client_certificate.span, "a card is required")
                .help("write client_certificate = \"accept\", or remove `password`");
        }
    }

    fn check_unmapped_card(&self, reader: &mut TableReader<'_>) {
        const KEY: &str = "unsafe_allow_password_for_unmapped_card";
        let Spanned { value: true, span } = self.unsafe_allow_password_for_unmapped_card else { return };
        match (self.client_certificate.value, self.password.value) {
            (ClientCertificateRule::Accept, PasswordRule::Directory | PasswordRule::Backend) => {
                let message =
                    "a card that maps to nobody does not keep its holder out here: a password lets them in";
                reader.warning(span, KEY, message);
            }
            (ClientCertificateRule::Accept, PasswordRule::Never) => {
                reader
                    .error(span, KEY, "the path takes no password, so this does nothing")
                    .help("write password = \"directory\", or remove it");
            }
            (ClientCertificateRule::Ignore | ClientCertificateRule::Require, _) => {
                reader
                    .error(span, KEY, "only a path that accepts cards can do without one")
                    .label(self.client_certificate.span, "decided here")
                    .help("write client_certificate = \"accept\", or remove it");
            }
        }
    }
}

fn method(value: &DeValue<'_>) -> Result<Method, ValueError> {
    let text = raw_text(value)?;
    if let Some(method) = METHODS.iter().find(|method| method.as_str() == text) {
        return Ok(method.clone());
    }
    let upper = text.to_ascii_uppercase();
    if METHODS_THAT_NEVER_PASS.contains(&upper.as_str()) {
        return Err(ValueError::new(format!("{upper} never passes this gate")).help("remove it"));
    }
    let known = || METHODS.iter().map(Method::as_str);
    let help = match nearest(text, known()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("the methods are {}", known().collect::<Vec<_>>().join(", ")),
    };
    Err(ValueError::new(format!("{text:?} is not a method that can be admitted")).help(help))
}
