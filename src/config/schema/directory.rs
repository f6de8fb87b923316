//! `[realm.NAME.directory]` and `[realm.NAME.account_cache]`: the LDAP servers in which accounts are looked up.

use crate::config::parse::fields::{ValueType as _, required_table, table_or_word};
use crate::config::parse::reader::Section as _;
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::value_error::ValueError;
use crate::config::parse::values::{BOOLEAN, FILE, Parsed, SID, TEXT, duration, integer, text};
use crate::config::parse::{Span, Spanned};
use crate::directory::Sid;
use crate::ldap::{AttributeName, LdapEncryption, LdapServer, SearchFilter};
use crate::telemetry::display_chain;
use rustls_pki_types::ServerName;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

const LDAP_URL: Parsed<LdapUrl> = Parsed::new("URL", "a list of URLs", ldap_url);
const ATTRIBUTE: Parsed<AttributeName> = Parsed::new("attribute", "attributes", attribute);
const SEARCH_FILTER: Parsed<SearchFilter> = Parsed::new("search filter", "search filters", filter);

/// The URL of a directory server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct LdapUrl {
    /// Whether TLS begins with the first byte.
    ldaps: bool,
    /// A name or an IP address, an IPv6 one without brackets.
    host: String,
    /// The port, if it is written.
    port: Option<u16>,
    /// Host and port as they are written.
    authority: String,
}

/// The ports of URLs without one.
#[derive(Clone, Copy)]
struct Ports {
    ldaps: u16,
    ldap: u16,
}

const DIRECTORY: Ports = Ports { ldaps: 636, ldap: 389 };
const GLOBAL_CATALOG: Ports = Ports { ldaps: 3269, ldap: 3268 };

section! {
    /// `[realm.NAME.directory]`
    struct Directory with head checked by check {
        /// Its name in records and errors.
        name: Option<Spanned<String>> = TEXT.optional("the `base_dn`"),
        /// `"ldaps://dc1.corp.example"`, with or without a port. If several servers hold the same directory, the next one is
        /// queried when one fails. `"ldap://…"` only with `start_tls`.
        url: Vec<Spanned<LdapUrl>> = LDAP_URL.one_or_list().required("url = \"ldaps://dc1.corp.example\""),
        /// Whether connections to `ldap://` servers begin with StartTLS.
        start_tls: Spanned<bool> = BOOLEAN.or(false),
        /// The forest's global catalogue, to find accounts in every domain; the ports are 3269 and 3268.
        global_catalog: Vec<Spanned<LdapUrl>> = LDAP_URL.one_or_list().optional("none"),
        /// Authorities that the servers' certificates must chain to.
        ca: Spanned<PathBuf> = FILE.essential("ca = \"pki/directory-ca.pem\""),
        /// The gateway's account in the directory: a distinguished name, `svc@corp.example` or `'CORP\svc'`. It needs to
        /// read users and groups, and nothing else.
        bind_dn: Spanned<String> = TEXT.essential("bind_dn = \"CN=portcullis,DC=corp,DC=example\""),
        /// Its password.
        bind_password: Option<BindPassword> =
            required_table::<BindPassword>("bind_password = { file = \"/run/secrets/ldap\" }"),
        /// The entry below which users are: `"DC=corp,DC=example"`.
        base_dn: Spanned<String> = TEXT.essential("base_dn = \"DC=corp,DC=example\""),
        /// The schema of a directory that is not Microsoft's.
        schema: Option<GenericSchema> = table_or_word::<GenericSchema>("active_directory"),
        /// The UPN suffixes that it is queried for, if there are several directories.
        upn_suffixes: Vec<Spanned<String>> = TEXT.list().optional("all"),
        /// The domains whose security identifiers it is queried for.
        sid_domains: Vec<Spanned<Sid>> = SID.list().optional("all"),
        /// The time for a whole lookup, including attempts at other servers. Less than `validation_timeout`.
        timeout: Spanned<Duration> = duration("1s", "1m").or("8s"),
        /// Concurrent lookups.
        max_concurrency: Spanned<usize> = integer(1, 1024).or(32),
    }
}

section! {
    /// `[realm.NAME.directory.bind_password]`
    struct BindPassword {
        /// The file with the password: [one line](#files-that-are-named-here).
        file: Spanned<PathBuf> = FILE.essential("file = \"/run/secrets/ldap\""),
    }
}

section! {
    /// `[realm.NAME.directory.schema]`
    struct GenericSchema with head checked by check {
        /// Which entries are users.
        user_filter: Spanned<SearchFilter> = SEARCH_FILTER.or("(objectClass=inetOrgPerson)"),
        /// The account's name.
        user_name: Spanned<AttributeName> = ATTRIBUTE.or("uid"),
        /// UPNs.
        upn: Option<Spanned<AttributeName>> = ATTRIBUTE.optional("none"),
        /// E-mail addresses.
        mail: Option<Spanned<AttributeName>> = ATTRIBUTE.optional("none"),
        /// Values in the syntax of Microsoft's altSecurityIdentities.
        alt_security_identities: Option<Spanned<AttributeName>> = ATTRIBUTE.optional("none"),
        /// The entry below which groups are.
        group_base_dn: Option<Spanned<String>> = TEXT.optional("none"),
        /// The attribute of a user with the names of the groups below `group_base_dn`.
        member_of: Option<Spanned<AttributeName>> = ATTRIBUTE.optional("none"),
        /// Instead: the attribute of a group with its members.
        group_member: Option<Spanned<AttributeName>> = ATTRIBUTE.optional("none"),
        /// The attribute with a group's name, with `group_member`.
        group_name: Spanned<AttributeName> = ATTRIBUTE.or("cn"),
        /// The attribute that disables an account.
        disabled: Option<Spanned<AttributeName>> = ATTRIBUTE.optional("none"),
        /// Its value, without regard to case.
        disabled_value: Spanned<String> = TEXT.or("TRUE"),
        /// The attribute with the time at which an account expires, as GeneralizedTime.
        expires: Option<Spanned<AttributeName>> = ATTRIBUTE.optional("none"),
    }
}

section! {
    /// `[realm.NAME.account_cache]`
    struct AccountCache with head {
        /// For the account of a certificate.
        ttl: Spanned<Duration> = duration("1s", "1h").or("5m"),
        /// For the result that there is no account, or that it may not be used.
        negative_ttl: Spanned<Duration> = duration("1s", "1h").or("30s"),
        /// How old an account may be that is used while no server responds: a user who is disabled meanwhile is still
        /// authenticated. Audit records show it (`stale`).
        unsafe_stale_accounts: Option<Spanned<Duration>> = duration("1s", "1day").optional("never"),
    }
}

impl Directory {
    /// Its name, or where its users are.
    pub(in crate::config) fn called(&self) -> &str {
        self.name.as_ref().map_or(&self.base_dn.value, |name| &name.value)
    }

    /// The servers that all hold it, in the order of the file.
    pub(in crate::config) fn servers(&self) -> Vec<LdapServer> {
        self.url.iter().filter_map(|url| self.server(&url.value, DIRECTORY)).collect()
    }

    /// The servers of the forest's global catalogue.
    pub(in crate::config) fn global_catalog_servers(&self) -> Vec<LdapServer> {
        self.global_catalog.iter().filter_map(|url| self.server(&url.value, GLOBAL_CATALOG)).collect()
    }

    /// `None` only if an error says that the connection would not be encrypted.
    fn server(&self, url: &LdapUrl, ports: Ports) -> Option<LdapServer> {
        let (encryption, port) = match (url.ldaps, self.start_tls.value) {
            (true, _) => (LdapEncryption::Ldaps, ports.ldaps),
            (false, true) => (LdapEncryption::StartTls, ports.ldap),
            (false, false) => return None,
        };
        LdapServer::new(&url.host, url.port.unwrap_or(port), encryption).ok()
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        let unencrypted = |url: &&Spanned<LdapUrl>| !url.value.ldaps;
        if self.start_tls.value {
            if !self.url.iter().chain(&self.global_catalog).any(|url| unencrypted(&url)) {
                reader
                    .error(
                        self.start_tls.span,
                        "start_tls",
                        "`start_tls` does nothing: no URL begins with \"ldap://\"",
                    )
                    .help("remove it: `ldaps` is TLS from the first byte");
            }
        } else {
            for (key, urls) in [("url", &self.url), ("global_catalog", &self.global_catalog)] {
                for url in urls.iter().filter(unencrypted) {
                    reader
                        .error(url.span, key, "passwords would be sent over the network in plain text")
                        .help(format!(
                            "write \"ldaps://{}\", or add `start_tls = true`",
                            url.value.authority
                        ));
                }
            }
        }
        if let (Some(_), Some(span)) = (&self.schema, self.head.written("global_catalog")) {
            let message = "only Active Directory has a global catalogue";
            reader.error(span, "global_catalog", message).help("remove it, or the `schema`");
        }
    }
}

fn ldap_url(value: &DeValue<'_>) -> Result<LdapUrl, ValueError> {
    let url = text(value)?;
    let error = |message: String| ValueError::new(message).help("such as \"ldaps://dc1.corp.example\"");
    let (ldaps, rest) = match url.split_once("://") {
        Some(("ldaps", rest)) => (true, rest),
        Some(("ldap", rest)) => (false, rest),
        Some(_) | None => return Err(error(format!("{url:?} is not the URL of a directory"))),
    };
    let (host, port) =
        host_and_port(rest).ok_or_else(|| error(format!("{url:?} is not a scheme, a host and a port")))?;
    ServerName::try_from(host)
        .map_err(|_| error(format!("{host:?} is neither a host name nor an address")))?;
    Ok(LdapUrl { ldaps, host: host.to_owned(), port, authority: rest.to_owned() })
}

/// An IPv6 address is in brackets.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => text.split_at_checked(text.find(':').unwrap_or(text.len()))?,
    };
    match port.strip_prefix(':') {
        Some(port) => Some((host, Some(port.parse().ok().filter(|port| *port > 0)?))),
        None => port.is_empty().then_some((host, None)),
    }
}

impl GenericSchema {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        if let (Some(first), Some(second)) = (&self.member_of, &self.group_member) {
            reader
                .error(second.span, "group_member", "the groups are configured in two ways")
                .label(first.span, "the other way")
                .help("keep `member_of` or `group_member`");
        }
        let needs = |key: &'static str, of: Option<Span>, other: &'static str, there: bool| {
            of.filter(|_| !there).map(|span| (key, span, other))
        };
        let span = |name: &Option<Spanned<AttributeName>>| name.as_ref().map(|name| name.span);
        let base = self.group_base_dn.as_ref().map(|base| base.span);
        let (member_of, group_member) = (span(&self.member_of), span(&self.group_member));
        let lacking = [
            needs("member_of", member_of, "group_base_dn", base.is_some()),
            needs("group_member", group_member, "group_base_dn", base.is_some()),
            needs("group_base_dn", base, "member_of", member_of.is_some() || group_member.is_some()),
            needs("group_name", self.head.written("group_name"), "group_member", group_member.is_some()),
            needs("disabled_value", self.head.written("disabled_value"), "disabled", self.disabled.is_some()),
        ];
        for (key, span, other) in lacking.into_iter().flatten() {
            let message = format!("`{key}` does nothing without `{other}`");
            reader.error(span, key, message).help(format!("add `{other}`, or remove `{key}`"));
        }
    }
}

impl AccountCache {
    /// Records what is wrong with it in a realm. `directory`: whether that has one.
    pub(super) fn check(&self, directory: bool, reader: &mut TableReader<'_>) {
        for key in Self::NAMES.iter().copied().filter(|_| !directory) {
            if let Some(span) = self.head.written(key) {
                let message = format!("`{key}` does nothing: the realm has no directory to ask");
                reader
                    .error(span, &format!("account_self.{key}"), message)
                    .help("add a [realm.NAME.directory] table, or remove it");
            }
        }
        let stale = self.unsafe_stale_accounts.filter(|_| directory);
        if let Some(stale) = stale.filter(|stale| stale.value <= self.ttl.value) {
            let message = "`unsafe_stale_accounts` does nothing: accounts are believed longer anyway";
            reader
                .error(stale.span, "account_cache.unsafe_stale_accounts", message)
                .label(self.ttl.span, "for this long")
                .help("write more than `ttl`, which is 5 minutes unless written, or remove it");
        } else if let Some(stale) = stale {
            let message = format!(
                "while the directory is silent, accounts are believed for {}: who is disabled meanwhile still gets in",
                humantime::format_duration(stale.value)
            );
            reader.warning(stale.span, "account_cache.unsafe_stale_accounts", message);
        }
    }
}

fn attribute(value: &DeValue<'_>) -> Result<AttributeName, ValueError> {
    AttributeName::parse(&text(value)?).map_err(|error| ValueError::new(display_chain(&error)))
}

fn filter(value: &DeValue<'_>) -> Result<SearchFilter, ValueError> {
    SearchFilter::parse(&text(value)?).map_err(|error| ValueError::new(display_chain(&error)))
}
