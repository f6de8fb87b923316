//! `[[site.path]]` with its `allow` and `deny`: the requirements of one path.
//!
//! The compilation checks the alphabet of the path and its overlaps with others, by the parser of requests.

use crate::certificate::ObjectIdentifier;
use crate::config::parse::{
    Span, Spanned, TableReader, TableSchema as _, ValueError, ValueType, boolean, certificate_policy, choice,
    client_network, did_you_mean, extended_key_usage, file, line, optional_table, parse_sid, section, size,
    string, text,
};
use crate::policy::{ClientCertificateRule, CrossSiteRule, PasswordRule, QueryRule};
use http::Method;
use ipnet::IpNet;
use std::path::PathBuf;

section! {
    /// `[[site.path]]`
    struct PathSection checked by check {
        /// `"/x/y.asmx"` for this path alone, or `"/dir/*"` for `/dir`, `/dir/` and all paths below it.
        path: Spanned<String> = text().essential("path = \"/_wmcs/licensing/license.asmx\""),
        /// Client certificates are not used; a certificate or another credential; a certificate is required.
        client_certificate: Spanned<ClientCertificateRule> = choice([
            ("ignore", ClientCertificateRule::Ignore), ("accept", ClientCertificateRule::Accept),
            ("require", ClientCertificateRule::Require),
        ]).essential("client_certificate = \"require\""),
        /// The methods that are allowed; 405 for others. TRACE, CONNECT and WebDAV are never allowed.
        methods: Vec<Spanned<Method>> = method().nonempty_list().or(["GET", "HEAD", "POST"]),
        /// Whether requests may have a query.
        query: Spanned<QueryRule> = choice([("allow", QueryRule::Allow), ("reject", QueryRule::Reject)]).or("allow"),
        /// The largest request body; 413 above it.
        max_body: Spanned<u64> = size("0B", "4GiB").or("1MiB"),
        /// The alternative for a client without a certificate: none; a user name and a [password](passwords.md) that the
        /// realm's directory accepts; the authentication that the backend itself requests. Not on a path that requires a
        /// certificate. On one that ignores certificates it is the only authentication.
        password: Spanned<PasswordRule> = choice([
            ("never", PasswordRule::Never), ("directory", PasswordRule::Directory), ("backend", PasswordRule::Backend),
        ]).or("never"),
        /// Whether a client may use that alternative if its certificate is valid, not revoked and sufficient for the path,
        /// but maps to no account. Only if certificates are accepted. A rejected certificate never falls back to a
        /// password.
        unsafe_allow_password_for_unmapped_card: Spanned<bool> = boolean().or(false),
        /// As for the site.
        cross_site: Option<Spanned<CrossSiteRule>> = cross_site().optional("the site's"),
        /// Extended key usages that the certificate must have besides the realm's, all of them.
        extended_key_usage: Vec<Spanned<ObjectIdentifier>> = extended_key_usage().list().optional("none"),
        /// Policies of which one must be [valid](certificates.md#certificate-policies) on the certificate's whole path.
        certificate_policies: Vec<Spanned<ObjectIdentifier>> = certificate_policy().list().optional("none"),
        /// Authorities of which one must be on the certificate's path.
        issuers: Vec<Spanned<PathBuf>> = file().list().optional("none"),
        /// The requests that are allowed.
        allow: Option<AccessListSection> = optional_table("all"),
        /// The requests that are denied.
        deny: Option<AccessListSection> = optional_table("none"),
        /// Another backend for this path.
        backend: Option<Spanned<String>> = text().optional("the site's"),
    }
}

section! {
    /// `[site.path.allow]` and `[site.path.deny]`
    struct AccessListSection with head {
        /// Groups by name, without a domain, or by security identifier. Membership through other groups counts. In `deny`,
        /// by identifier if groups of several domains have one name.
        groups: Vec<Spanned<String>> = name_or_sid().list().optional("`allow`: any; `deny`: none"),
        /// Accounts as `'DOMAIN\name'`, as a UPN, or by security identifier. In `deny`, by identifier if an account may be
        /// renamed.
        accounts: Vec<Spanned<String>> = name_or_sid().list().optional("`allow`: any; `deny`: none"),
        /// Authorities, by key. `allow`: one of them must be on the certificate's path, on the same valid path as the path's
        /// own `issuers` and `certificate_policies`; an account that a password proves has none. `deny`: none of them may be
        /// on any valid path of the certificate.
        issuers: Vec<Spanned<PathBuf>> = file().list().optional("`allow`: any; `deny`: none"),
        /// Networks that the connection comes from. Behind a load balancer that is the load balancer.
        networks: Vec<Spanned<IpNet>> = client_network().list().optional("`allow`: any; `deny`: none"),
    }
}

impl PathSection {
    /// Returns the lists `allow` and `deny` that are written, with their names.
    pub(crate) fn access_lists(&self) -> impl Iterator<Item = (&'static str, &AccessListSection)> {
        let lists = [("allow", &self.allow), ("deny", &self.deny)].into_iter();
        lists.filter_map(|(name, list)| Some((name, list.as_ref()?)))
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        for (name, list) in self.access_lists() {
            list.check(name, reader);
        }
        self.check_conditions(reader);
        self.check_password(reader);
        self.check_unmapped_card(reader);
    }

    /// Conditions on certificates that are not used would only seem to protect the path.
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
            let message = format!("`{name}` does nothing on a path that ignores certificates");
            let help = "write client_certificate = \"require\", or remove the condition";
            let rule = self.client_certificate.span;
            reader.error(span, name, message).label(rule, "certificates are ignored").help(help);
        }
    }

    /// Every client of a path that requires a certificate has one.
    fn check_password(&self, reader: &mut TableReader<'_>) {
        let required = self.client_certificate.value == ClientCertificateRule::Require;
        if required && self.password.value != PasswordRule::Never {
            let message = "no password is accepted on a path that requires a client certificate";
            let help = "write client_certificate = \"accept\", or remove `password`";
            let error = reader.error(self.password.span, "password", message);
            error.label(self.client_certificate.span, "a client certificate is required").help(help);
        }
    }

    fn check_unmapped_card(&self, reader: &mut TableReader<'_>) {
        const KEY: &str = "unsafe_allow_password_for_unmapped_card";
        let Spanned { value: true, span } = self.unsafe_allow_password_for_unmapped_card else { return };
        match (self.client_certificate.value, self.password.value) {
            (ClientCertificateRule::Accept, PasswordRule::Directory | PasswordRule::Backend) => {
                let message =
                    "a user whose client certificate maps to no account may log in with a password here";
                reader.warning(span, KEY, message);
            }
            (ClientCertificateRule::Accept, PasswordRule::Never) => {
                let message = "this does nothing: the path accepts no password";
                reader.error(span, KEY, message).help("write password = \"directory\", or remove it");
            }
            (ClientCertificateRule::Ignore | ClientCertificateRule::Require, _) => {
                let message = "this does nothing: the path does not accept client certificates";
                let help = "write client_certificate = \"accept\", or remove it";
                let rule = self.client_certificate.span;
                reader.error(span, KEY, message).label(rule, "configured here").help(help);
            }
        }
    }
}

impl AccessListSection {
    /// Records the errors in the list `name` of a path, `allow` or `deny`.
    fn check(&self, name: &str, reader: &mut TableReader<'_>) {
        if self.head.is_empty() {
            let message = format!("`{name}` has no groups, accounts, issuers or networks");
            let help = format!("such as {name} = {{ groups = [\"RMS Users\"] }}, or remove it");
            reader.error(self.head.span, name, message).help(help);
        }
        let consequence = if name == "allow" { "allows no request" } else { "denies no request" };
        for key in Self::NAMES.iter().filter(|key| !self.head.has_items(key)) {
            let Some(span) = self.head.written(key) else { continue };
            let message = format!("`{key}` is empty: it {consequence}");
            let help = format!("add one of the {key}, or remove the key");
            reader.error(span, &format!("{name}.{key}"), message).help(help);
        }
    }

    /// Returns the place of the first entry that needs an authenticated client.
    pub(crate) fn first_identity(&self) -> Option<Span> {
        let names = self.groups.first().or(self.accounts.first()).map(|entry| entry.span);
        names.or(self.issuers.first().map(|issuer| issuer.span))
    }
}

/// Returns the type of `cross_site`, of a site and of a path.
pub(super) fn cross_site() -> ValueType<CrossSiteRule> {
    choice([("reject", CrossSiteRule::Reject), ("allow", CrossSiteRule::Allow)])
}

/// Returns the type of a name, or of a security identifier in its canonical form.
fn name_or_sid() -> ValueType<String> {
    line("text", "texts", |name| {
        if name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("S-1-")) {
            parse_sid(name)?;
        }
        match name.split(['\\', '@']).find(|part| part.trim() != *part) {
            None => Ok(name.to_owned()),
            Some(part) => {
                let within = if part == name { String::new() } else { format!(" in {name:?}") };
                let message = format!("{part:?}{within} begins or ends with a space");
                Err(ValueError::new(message).help("remove it"))
            }
        }
    })
}

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Methods that are never allowed: TRACE and CONNECT (RFC 9110 9.3.8, 9.3.6), and those of WebDAV (RFC 4918, RFC 3253,
/// RFC 5323, [MS-WDVME] and its variants in Exchange), with which IIS edits the files of a site.
const FORBIDDEN_METHODS: &str = "\
    TRACE TRACK CONNECT DEBUG PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH REPORT ACL BIND \
    UNBIND CHECKIN CHECKOUT UNCHECKOUT VERSION-CONTROL MKWORKSPACE UPDATE LABEL MERGE MKACTIVITY \
    BASELINE-CONTROL ORDERPATCH BCOPY BDELETE BMOVE BPROPFIND BPROPPATCH NOTIFY POLL SUBSCRIBE \
    UNSUBSCRIBE X-MS-ENUMATTS";

fn method() -> ValueType<Method> {
    string("method", "methods", |text| {
        if let Some(method) = METHODS.iter().find(|method| method.as_str() == text) {
            return Ok(method.clone());
        }
        let upper = text.to_ascii_uppercase();
        if FORBIDDEN_METHODS.split(' ').any(|method| method == upper) {
            return Err(ValueError::new(format!("{upper} is never allowed")).help("remove it"));
        }
        let known = || METHODS.iter().map(Method::as_str);
        let otherwise = || format!("the methods are {}", known().collect::<Vec<_>>().join(", "));
        let help = did_you_mean(text, known(), otherwise);
        Err(ValueError::new(format!("{text:?} is not a supported method")).help(help))
    })
}
