//! `[realm.NAME.directory]` and `[realm.NAME.account_cache]`: the LDAP servers in which accounts are looked up.

use crate::config::parse::{
    Spanned, TableReader, TableSchema as _, ValueError, ValueType, boolean, duration, file, host_and_port,
    integer, line, required_table, section, sid, table_or_word, text,
};
use crate::directory::Sid;
use crate::ldap::{AttributeName, LdapEncryption, LdapServer, SearchFilter};
use crate::telemetry::display_chain;
use rustls_pki_types::ServerName;
use std::path::PathBuf;
use std::time::Duration;

/// The URL of a directory server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LdapUrl {
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
struct DefaultPorts {
    ldaps: u16,
    ldap: u16,
}

const DIRECTORY: DefaultPorts = DefaultPorts { ldaps: 636, ldap: 389 };
const GLOBAL_CATALOG: DefaultPorts = DefaultPorts { ldaps: 3269, ldap: 3268 };

section! {
    /// `[realm.NAME.directory]`
    struct DirectorySection with head checked by check {
        /// Its name in records and errors.
        name: Option<Spanned<String>> = text().optional("the `base_dn`"),
        /// `"ldaps://dc1.corp.example"`, with or without a port. If several servers hold the same directory, the next one is
        /// queried when one fails. `"ldap://…"` only with `start_tls`.
        url: Vec<Spanned<LdapUrl>> = ldap_url().one_or_list().required("url = \"ldaps://dc1.corp.example\""),
        /// Whether connections to `ldap://` servers begin with StartTLS.
        start_tls: Spanned<bool> = boolean().or(false),
        /// The forest's global catalogue, to find accounts in every domain; the ports are 3269 and 3268.
        global_catalog: Vec<Spanned<LdapUrl>> = ldap_url().one_or_list().optional("none"),
        /// Authorities that the servers' certificates must chain to.
        ca: Spanned<PathBuf> = file().essential("ca = \"pki/directory-ca.pem\""),
        /// The gateway's account in the directory: a distinguished name, `svc@corp.example` or `'CORP\svc'`. It needs to
        /// read users and groups, and nothing else.
        bind_dn: Spanned<String> = text().essential("bind_dn = \"CN=portcullis,DC=corp,DC=example\""),
        /// Its password.
        bind_password: Option<BindPasswordSection> = required_table("bind_password = { file = \"/run/secrets/ldap\" }"),
        /// The entry below which users are: `"DC=corp,DC=example"`.
        base_dn: Spanned<String> = text().essential("base_dn = \"DC=corp,DC=example\""),
        /// The schema of a directory that is not Microsoft's.
        schema: Option<DirectorySchemaSection> = table_or_word("active_directory"),
        /// The UPN suffixes that it is queried for, if there are several directories.
        upn_suffixes: Vec<Spanned<String>> = text().list().optional("all"),
        /// The domains whose security identifiers it is queried for.
        sid_domains: Vec<Spanned<Sid>> = sid().list().optional("all"),
        /// The time for a whole lookup, including attempts at other servers. Less than `validation_timeout`.
        timeout: Spanned<Duration> = duration("1s", "1m").or("8s"),
        /// Concurrent lookups.
        max_concurrency: Spanned<usize> = integer(1, 1024).or(32),
    }
}

section! {
    /// `[realm.NAME.directory.bind_password]`
    struct BindPasswordSection {
        /// The file with the password: [one line](#files-that-are-named-here).
        file: Spanned<PathBuf> = file().essential("file = \"/run/secrets/ldap\""),
    }
}

section! {
    /// `[realm.NAME.directory.schema]`
    struct DirectorySchemaSection checked by check {
        /// The filter of the entries that are users.
        user_filter: Spanned<SearchFilter> = search_filter().or("(objectClass=inetOrgPerson)"),
        /// The account's name.
        user_name: Spanned<AttributeName> = attribute().or("uid"),
        /// UPNs.
        upn: Option<Spanned<AttributeName>> = attribute().optional("none"),
        /// E-mail addresses.
        mail: Option<Spanned<AttributeName>> = attribute().optional("none"),
        /// Values in the syntax of Microsoft's altSecurityIdentities.
        alt_security_identities: Option<Spanned<AttributeName>> = attribute().optional("none"),
        /// The entry below which groups are.
        group_base_dn: Option<Spanned<String>> = text().optional("none"),
        /// The attribute of a user with the names of the groups below `group_base_dn`.
        member_of: Option<Spanned<AttributeName>> = attribute().optional("none"),
        /// Instead: the attribute of a group with its members.
        group_member: Option<Spanned<AttributeName>> = attribute().optional("none"),
        /// The attribute with a group's name, with `group_member`.
        group_name: Spanned<AttributeName> = attribute().or("cn"),
        /// The attribute that disables an account.
        disabled: Option<Spanned<AttributeName>> = attribute().optional("none"),
        /// Its value, without regard to case.
        disabled_value: Spanned<String> = text().or("TRUE"),
        /// The attribute with the time at which an account expires, as GeneralizedTime.
        expires: Option<Spanned<AttributeName>> = attribute().optional("none"),
    }
}

section! {
    /// `[realm.NAME.account_cache]`
    struct AccountCacheSection with head {
        /// For the account of a certificate.
        ttl: Spanned<Duration> = duration("1s", "1h").or("5m"),
        /// For the result that there is no account, or that it may not be used.
        negative_ttl: Spanned<Duration> = duration("1s", "1h").or("30s"),
        /// How old an account may be that is used while no server responds: a user who is disabled meanwhile is still
        /// authenticated. Audit records show it (`stale`).
        unsafe_stale_accounts: Option<Spanned<Duration>> = duration("1s", "1day").optional("never"),
    }
}

impl DirectorySection {
    /// Returns its name, or the entry below which its users are.
    pub(crate) fn called(&self) -> &str {
        self.name.as_ref().map_or(&self.base_dn.value, |name| &name.value)
    }

    /// Returns the servers that all hold it, in the order of the file.
    pub(crate) fn servers(&self) -> Vec<LdapServer> {
        self.url.iter().filter_map(|url| self.server(&url.value, DIRECTORY)).collect()
    }

    /// Returns the servers of the forest's global catalogue.
    pub(crate) fn global_catalog_servers(&self) -> Vec<LdapServer> {
        self.global_catalog.iter().filter_map(|url| self.server(&url.value, GLOBAL_CATALOG)).collect()
    }

    /// `None` only if the connection would not be encrypted, which is an error.
    fn server(&self, url: &LdapUrl, ports: DefaultPorts) -> Option<LdapServer> {
        let (encryption, port) = match (url.ldaps, self.start_tls.value) {
            (true, _) => (LdapEncryption::Ldaps, ports.ldaps),
            (false, true) => (LdapEncryption::StartTls, ports.ldap),
            (false, false) => return None,
        };
        LdapServer::new(&url.host, url.port.unwrap_or(port), encryption).ok()
    }

    fn check(&mut self, reader: &mut TableReader<'_>) {
        let urls = self.url.iter().map(|url| ("url", url));
        let urls = urls.chain(self.global_catalog.iter().map(|url| ("global_catalog", url)));
        let unencrypted = urls.filter(|(_, url)| !url.value.ldaps);
        if !self.start_tls.value {
            for (key, url) in unencrypted {
                let help = format!("write \"ldaps://{}\", or add `start_tls = true`", url.value.authority);
                let message = "passwords would be sent over the network in plain text";
                reader.error(url.span, key, message).help(help);
            }
        } else if unencrypted.count() == 0 {
            let message = "`start_tls` does nothing: no URL begins with \"ldap://\"";
            let help = "remove it: `ldaps` is TLS from the first byte";
            reader.error(self.start_tls.span, "start_tls", message).help(help);
        }
        if let (Some(_), Some(span)) = (&self.schema, self.head.written("global_catalog")) {
            let message = "only Active Directory has a global catalogue";
            reader.error(span, "global_catalog", message).help("remove it, or the `schema`");
        }
    }
}

impl DirectorySchemaSection {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        if let (Some(first), Some(second)) = (&self.member_of, &self.group_member) {
            let error = reader.error(second.span, "group_member", "the groups are configured in two ways");
            error.label(first.span, "the other way").help("keep `member_of` or `group_member`");
        }
        reader.needs_one_of("member_of", &["group_base_dn"]);
        reader.needs_one_of("group_member", &["group_base_dn"]);
        reader.needs_one_of("group_base_dn", &["member_of", "group_member"]);
        reader.needs_one_of("group_name", &["group_member"]);
        reader.needs_one_of("disabled_value", &["disabled"]);
    }
}

impl AccountCacheSection {
    /// Records its errors in a realm. `directory`: whether the realm has one.
    pub(super) fn check(&self, directory: bool, reader: &mut TableReader<'_>) {
        if !directory {
            for key in Self::NAMES {
                let Some(span) = self.head.written(key) else { continue };
                let message = format!("`{key}` does nothing: the realm has no directory");
                let help = "add a [realm.NAME.directory] table, or remove it";
                reader.error(span, &format!("account_cache.{key}"), message).help(help);
            }
            return;
        }
        const KEY: &str = "account_cache.unsafe_stale_accounts";
        let Some(Spanned { value: stale, span }) = self.unsafe_stale_accounts else { return };
        if stale <= self.ttl.value {
            let message = "`unsafe_stale_accounts` does nothing: accounts are cached longer anyway";
            let help = "write more than `ttl`, which is 5 minutes unless written, or remove it";
            reader.error(span, KEY, message).label(self.ttl.span, "cached for this long").help(help);
        } else {
            let stale = humantime::format_duration(stale);
            let risk = "a user who is disabled meanwhile is authenticated";
            let message = format!("accounts are used for {stale} while no directory server responds: {risk}");
            reader.warning(span, KEY, message);
        }
    }
}

fn ldap_url() -> ValueType<LdapUrl> {
    line("URL", "a list of URLs", |url| {
        let error = |message: String| ValueError::new(message).help("such as \"ldaps://dc1.corp.example\"");
        let (ldaps, rest) = match url.split_once("://") {
            Some(("ldaps", rest)) => (true, rest),
            Some(("ldap", rest)) => (false, rest),
            Some(_) | None => return Err(error(format!("{url:?} is not the URL of a directory"))),
        };
        let server = host_and_port(rest).filter(|(host, _)| ServerName::try_from(host.as_str()).is_ok());
        let (host, port) =
            server.ok_or_else(|| error(format!("{url:?} is not a scheme, a host and a port")))?;
        Ok(LdapUrl { ldaps, host, port, authority: rest.to_owned() })
    })
}

pub(super) fn attribute() -> ValueType<AttributeName> {
    line("attribute", "attributes", |text| {
        AttributeName::parse(text).map_err(|error| ValueError::new(display_chain(&error)))
    })
}

fn search_filter() -> ValueType<SearchFilter> {
    line("search filter", "search filters", |text| {
        SearchFilter::parse(text).map_err(|error| ValueError::new(display_chain(&error)))
    })
}
