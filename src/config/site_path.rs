//! Takes one `[[site.path]]`, gives what the path demands.
//!
//! Never checks the path's alphabet nor its overlaps with others: the compile step does, with the request stage's own
//! parser.

use super::access_list::{self, AccessList};
use super::keys::{Section, key};
use super::reader::{Fault, TableReader};
use super::shape::{boolean, byte_size, choice, extended_key_usage, file, policy, raw_text, text};
use super::span::{Span, Spanned};
use super::suggestion::nearest;
use crate::certificate::ObjectIdentifier;
use crate::policy::{ClientCertificateRule, CrossSiteRule, PasswordRule, QueryRule};
use http::Method;
use std::path::PathBuf;
use toml::de::DeValue;

/// One `[[site.path]]`.
#[derive(Clone, Debug)]
pub struct PathRule {
    /// Its header.
    pub span: Span,
    /// The path as written: `/x/y.asmx` for itself, `/dir/*` for all below.
    pub path: Spanned<String>,
    /// What it demands of a card.
    pub client_certificate: Spanned<ClientCertificateRule>,
    /// What a client without a card may use instead.
    pub password: Spanned<PasswordRule>,
    /// Whether a client may use that too whose card is good and maps to nobody.
    pub unsafe_allow_password_for_unmapped_card: Spanned<bool>,
    /// The methods it admits.
    pub methods: Vec<Spanned<Method>>,
    /// What happens to a query.
    pub query: Spanned<QueryRule>,
    /// The largest body, in bytes.
    pub max_body: Spanned<u64>,
    /// Overrides the site's answer to other sites' pages.
    pub cross_site: Option<Spanned<CrossSiteRule>>,
    /// Usages that the leaf must have, all of them, besides the realm's.
    pub extended_key_usage: Vec<Spanned<ObjectIdentifier>>,
    /// Certificate policies of which one must be proven; no demand when empty.
    pub certificate_policies: Vec<Spanned<ObjectIdentifier>>,
    /// Files of CA certificates of which one must be on the path; no demand when empty.
    pub issuers: Vec<Spanned<PathBuf>>,
    /// Who is let in; everybody where it is not written.
    pub allow: Option<AccessList>,
    /// Who is not, whatever `allow` says.
    pub deny: Option<AccessList>,
    /// Overrides the site's backend.
    pub backend: Option<Spanned<String>>,
}

pub(super) const PATH: Section = Section {
    path: "site.path",
    keys: &[
        key("path"),
        key("client_certificate"),
        key("methods"),
        key("query"),
        key("max_body"),
        key("password"),
        key(UNMAPPED_CARD_MAY),
        key("cross_site"),
        key("extended_key_usage"),
        key("certificate_policies"),
        key("issuers"),
        key("allow"),
        key("deny"),
        key("backend"),
    ],
};

const UNMAPPED_CARD_MAY: &str = "unsafe_allow_password_for_unmapped_card";

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
pub(super) const CROSS_SITES: &[(&str, CrossSiteRule)] =
    &[("reject", CrossSiteRule::Reject), ("allow", CrossSiteRule::Allow)];

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

const DEFAULT_BODY: u64 = 1 << 20;
const LARGEST_BODY: u64 = 4 << 30;

impl PathRule {
    /// `None` when it lacks what makes it a rule, which is then recorded as an error.
    pub(super) fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        let path = reader.required("path", "path = \"/_wmcs/licensing/license.asmx\"", text);
        let demands = choice(CLIENT_CERTIFICATES);
        let client_certificate =
            reader.required("client_certificate", "client_certificate = \"require\"", demands);
        let password = reader.with_default("password", PasswordRule::Never, choice(PASSWORDS));
        let unmapped_card_may = reader.with_default(UNMAPPED_CARD_MAY, false, boolean);
        let span = reader.span();
        let default_methods =
            || [Method::GET, Method::HEAD, Method::POST].map(|method| Spanned::new(method, span));
        let methods = reader.list("methods", method).unwrap_or_else(|| default_methods().into());
        reader.refuse_empty_list("methods");
        let query = reader.with_default("query", QueryRule::Allow, choice(QUERIES));
        let max_body = reader.with_default("max_body", DEFAULT_BODY, byte_size(0..=LARGEST_BODY));
        let cross_site = reader.optional("cross_site", choice(CROSS_SITES));
        let extended_key_usage = reader.list("extended_key_usage", extended_key_usage).unwrap_or_default();
        let certificate_policies = reader.list("certificate_policies", policy).unwrap_or_default();
        let issuers = reader.list("issuers", file).unwrap_or_default();
        let allow = reader.optional_table("allow", &access_list::ALLOW, AccessList::read_allow);
        let deny = reader.optional_table("deny", &access_list::DENY, AccessList::read_deny);
        let backend = reader.optional("backend", text);
        let rule = Self {
            span,
            path: path?,
            client_certificate: client_certificate?,
            password,
            unsafe_allow_password_for_unmapped_card: unmapped_card_may,
            methods,
            query,
            max_body,
            cross_site,
            extended_key_usage,
            certificate_policies,
            issuers,
            allow,
            deny,
            backend,
        };
        rule.check_lists(reader);
        rule.check_conditions(reader);
        rule.check_password(reader);
        rule.check_unmapped_card(reader);
        Some(rule)
    }

    fn check_lists(&self, reader: &mut TableReader<'_>) {
        for (name, list) in [("allow", &self.allow), ("deny", &self.deny)] {
            let Some(list) = list.as_ref().filter(|_| !reader.holds_items(name)) else { continue };
            reader
                .error(
                    list.span,
                    name,
                    format!("`{name}` names neither groups, accounts, issuers nor networks"),
                )
                .help(format!("such as {name} = {{ groups = [\"RMS Users\"] }}, or remove it"));
        }
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
        let Spanned { value: true, span } = self.unsafe_allow_password_for_unmapped_card else { return };
        match (self.client_certificate.value, self.password.value) {
            (ClientCertificateRule::Accept, PasswordRule::Directory | PasswordRule::Backend) => {
                let message =
                    "a card that maps to nobody does not keep its holder out here: a password lets them in";
                reader.warning(span, UNMAPPED_CARD_MAY, message);
            }
            (ClientCertificateRule::Accept, PasswordRule::Never) => {
                reader
                    .error(span, UNMAPPED_CARD_MAY, "the path takes no password, so this does nothing")
                    .help("write password = \"directory\", or remove it");
            }
            (ClientCertificateRule::Ignore | ClientCertificateRule::Require, _) => {
                reader
                    .error(span, UNMAPPED_CARD_MAY, "only a path that accepts cards can do without one")
                    .label(self.client_certificate.span, "decided here")
                    .help("write client_certificate = \"accept\", or remove it");
            }
        }
    }
}

fn method(value: &DeValue<'_>) -> Result<Method, Fault> {
    let text = raw_text(value)?;
    if let Some(method) = METHODS.iter().find(|method| method.as_str() == text) {
        return Ok(method.clone());
    }
    let upper = text.to_ascii_uppercase();
    if METHODS_THAT_NEVER_PASS.contains(&upper.as_str()) {
        return Err(Fault::new(format!("{upper} never passes this gate")).help("remove it"));
    }
    let known = || METHODS.iter().map(Method::as_str);
    let help = match nearest(text, known()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("the methods are {}", known().collect::<Vec<_>>().join(", ")),
    };
    Err(Fault::new(format!("{text:?} is not a method that can be admitted")).help(help))
}
