//! Takes `[realm.NAME.directory]`, gives which servers are asked for accounts, as whom, and how they are read.
//!
//! Never asks a server, and never reads the file with the password: that is the compile step's.

use super::keys::{Section, key};
use super::reader::{Fault, TableReader};
use super::shape::{boolean, choice, duration, file, integer, sid, text};
use super::span::{Span, Spanned};
use crate::directory::Sid;
use crate::identity::AccountLifetimes;
use crate::ldap::{AttributeName, LdapEncryption, LdapServer, SearchFilter};
use crate::telemetry::display_chain;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// One `[realm.NAME.directory]`.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Its header.
    pub span: Span,
    /// What it is called in records and errors.
    pub name: Option<Spanned<String>>,
    /// The servers that all hold it, the best one first.
    pub servers: Vec<LdapServer>,
    /// The servers of the forest's global catalogue.
    pub global_catalog: Vec<LdapServer>,
    /// The file of the CAs that its servers' certificates must come from.
    pub ca: Spanned<PathBuf>,
    /// As whom it is asked.
    pub bind_dn: Spanned<String>,
    /// The file with that account's password.
    pub bind_password: Spanned<PathBuf>,
    /// Where people are.
    pub base_dn: Spanned<String>,
    /// How to read it.
    pub schema: DirectorySchema,
    /// Which UPNs it is asked for; all when empty.
    pub upn_suffixes: Vec<Spanned<String>>,
    /// Of which domains' security identifiers it is asked; all when empty.
    pub sid_domains: Vec<Spanned<Sid>>,
    /// For a whole question.
    pub timeout: Spanned<Duration>,
    /// Questions under way at once.
    pub max_concurrency: Spanned<usize>,
}

/// How a directory is read.
#[derive(Clone, Debug)]
pub enum DirectorySchema {
    /// As Microsoft's.
    ActiveDirectory,
    /// As written.
    Generic(Box<GenericSchema>),
}

/// `schema = { … }`.
#[derive(Clone, Debug)]
pub struct GenericSchema {
    /// Which entries are people.
    pub people: Spanned<SearchFilter>,
    /// What somebody logs in by.
    pub user_name: Spanned<AttributeName>,
    /// UPNs.
    pub upn: Option<Spanned<AttributeName>>,
    /// E-mail addresses.
    pub mail: Option<Spanned<AttributeName>>,
    /// Values as altSecurityIdentities has them.
    pub alt_security_identities: Option<Spanned<AttributeName>>,
    /// Where groups are.
    pub group_base_dn: Option<Spanned<String>>,
    /// The attribute of a person with the groups.
    pub member_of: Option<Spanned<AttributeName>>,
    /// The attribute of a group with its members.
    pub group_member: Option<Spanned<AttributeName>>,
    /// What a group is called.
    pub group_name: Spanned<AttributeName>,
    /// The attribute that switches an account off.
    pub disabled: Option<Spanned<AttributeName>>,
    /// Its value.
    pub disabled_value: Spanned<String>,
    /// The attribute with the end of an account.
    pub expires: Option<Spanned<AttributeName>>,
}

/// `account_cache = { … }`: how long the directory's word is believed.
#[derive(Clone, Copy, Debug)]
pub struct AccountCache {
    /// On an account that was found.
    pub ttl: Spanned<Duration>,
    /// That there is none, or that it may not be used.
    pub negative_ttl: Spanned<Duration>,
    /// How old an account may be that is used while the directory gives no answer.
    pub unsafe_stale_accounts: Option<Spanned<Duration>>,
}

pub(super) const DIRECTORY: Section = Section {
    path: "realm.NAME.directory",
    keys: &[
        key("name"),
        key("url"),
        key("start_tls"),
        key("global_catalog"),
        key("ca"),
        key("bind_dn"),
        key("bind_password"),
        key("base_dn"),
        key("schema"),
        key("upn_suffixes"),
        key("sid_domains"),
        key("timeout"),
        key("max_concurrency"),
    ],
};
pub(super) const BIND_PASSWORD: Section =
    Section { path: "realm.NAME.directory.bind_password", keys: &[key("file")] };
pub(super) const SCHEMA: Section = Section {
    path: "realm.NAME.directory.schema",
    keys: &[
        key("user_filter"),
        key("user_name"),
        key("upn"),
        key("mail"),
        key("alt_security_identities"),
        key("group_base_dn"),
        key("member_of"),
        key("group_member"),
        key("group_name"),
        key("disabled"),
        key("disabled_value"),
        key("expires"),
    ],
};
pub(super) const ACCOUNT_CACHE: Section = Section {
    path: "realm.NAME.account_cache",
    keys: &[key("ttl"), key("negative_ttl"), key("unsafe_stale_accounts")],
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

impl Directory {
    /// `None` where something is missing without which there is no directory, which is then recorded as an error.
    pub(super) fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        let span = reader.span();
        let name = reader.optional("name", text);
        let start_tls = reader.with_default("start_tls", false, boolean);
        reader.require("url", "url = \"ldaps://dc1.corp.example\"");
        let servers = servers(reader, "url", Ports::DIRECTORY, start_tls.value);
        let global_catalog = servers_if_any(reader, start_tls.value);
        check_start_tls(reader, start_tls, servers.iter().chain(&global_catalog).flatten());
        let ca = reader.required("ca", "ca = \"pki/directory-ca.pem\"", file);
        let bind_dn = reader.required("bind_dn", "bind_dn = \"CN=portcullis,DC=corp,DC=example\"", text);
        reader.require("bind_password", "bind_password = { file = \"/run/secrets/ldap\" }");
        let bind_password = reader.optional_table("bind_password", &BIND_PASSWORD, |reader| {
            reader.required("file", "file = \"/run/secrets/ldap\"", file)
        });
        let base = reader.required("base_dn", "base_dn = \"DC=corp,DC=example\"", text);
        let schema = read_schema(reader);
        if let (DirectorySchema::Generic(_), Some(_)) = (&schema, &global_catalog) {
            let message = "only Active Directory has a global catalogue";
            let at = reader.written_at("global_catalog").unwrap_or(span);
            reader.error(at, "global_catalog", message).help("remove it, or the `schema`");
        }
        let upn_suffixes = reader.list("upn_suffixes", text).unwrap_or_default();
        let sid_domains = reader.list("sid_domains", sid).unwrap_or_default();
        let timeout = reader.with_default("timeout", 8 * SECOND, duration(SECOND..=MINUTE));
        let max_concurrency = reader.with_default("max_concurrency", 32, integer(1..=1024));
        Some(Self {
            span,
            name,
            servers: servers?,
            global_catalog: global_catalog.unwrap_or_default(),
            ca: ca?,
            bind_dn: bind_dn?,
            bind_password: bind_password??,
            base_dn: base?,
            schema,
            upn_suffixes,
            sid_domains,
            timeout,
            max_concurrency,
        })
    }
}

impl Directory {
    /// Its name, or where its people are.
    pub(super) fn called(&self) -> &str {
        self.name.as_ref().map_or(&self.base_dn.value, |name| &name.value)
    }
}

/// The ports where a server listens that is written without one.
#[derive(Clone, Copy)]
struct Ports {
    ldaps: u16,
    ldap: u16,
}

impl Ports {
    const DIRECTORY: Self = Self { ldaps: 636, ldap: 389 };
    const GLOBAL_CATALOG: Self = Self { ldaps: 3269, ldap: 3268 };
}

fn servers_if_any(reader: &mut TableReader<'_>, start_tls: bool) -> Option<Vec<LdapServer>> {
    servers(reader, "global_catalog", Ports::GLOBAL_CATALOG, start_tls)
}

fn servers(
    reader: &mut TableReader<'_>,
    name: &'static str,
    ports: Ports,
    start_tls: bool,
) -> Option<Vec<LdapServer>> {
    let server = move |value: &DeValue<'_>| server(value, ports, start_tls);
    reader.refuse_empty_list(name);
    let list = reader.one_or_list(name, server)?;
    Some(list.into_iter().map(|server| server.value).collect())
}

fn server(value: &DeValue<'_>, ports: Ports, start_tls: bool) -> Result<LdapServer, Fault> {
    let url = text(value)?;
    let fault = |message: String| Fault::new(message).help("such as \"ldaps://dc1.corp.example\"");
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(fault(format!("{url:?} is not the URL of a directory")));
    };
    let (encryption, port) = match (scheme, start_tls) {
        ("ldaps", _) => (LdapEncryption::Ldaps, ports.ldaps),
        ("ldap", true) => (LdapEncryption::StartTls, ports.ldap),
        ("ldap", false) => {
            return Err(Fault::new("passwords would go over the network in plain text")
                .help(format!("write \"ldaps://{rest}\", or add `start_tls = true`")));
        }
        _ => return Err(fault(format!("{url:?} is not the URL of a directory"))),
    };
    let (host, port) = host_and_port(rest, port)
        .ok_or_else(|| fault(format!("{url:?} is not a scheme, a host and a port")))?;
    LdapServer::new(host, port, encryption)
        .map_err(|_| fault(format!("{host:?} is neither a host name nor an address")))
}

/// An address of IPv6 stands in brackets.
fn host_and_port(text: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => text.split_at_checked(text.find(':').unwrap_or(text.len()))?,
    };
    match port.strip_prefix(':') {
        Some(port) => Some((host, port.parse().ok().filter(|port| *port > 0)?)),
        None => port.is_empty().then_some((host, default)),
    }
}

fn check_start_tls<'s>(
    reader: &mut TableReader<'_>,
    start_tls: Spanned<bool>,
    mut servers: impl Iterator<Item = &'s LdapServer>,
) {
    if start_tls.value && servers.all(|server| server.to_string().starts_with("ldaps")) {
        reader
            .error(start_tls.span, "start_tls", "`start_tls` does nothing: no URL begins with \"ldap://\"")
            .help("remove it: `ldaps` is TLS from the first byte");
    }
}

fn read_schema(reader: &mut TableReader<'_>) -> DirectorySchema {
    if reader.holds_table("schema") {
        let generic = reader.optional_table("schema", &SCHEMA, GenericSchema::read);
        return generic
            .map_or(DirectorySchema::ActiveDirectory, |schema| DirectorySchema::Generic(Box::new(schema)));
    }
    reader.optional("schema", choice(&[("active_directory", ())]));
    DirectorySchema::ActiveDirectory
}

impl GenericSchema {
    fn read(reader: &mut TableReader<'_>) -> Self {
        let known = |name: &str| AttributeName::parse(name).expect("the literals below are names");
        let people = SearchFilter::parse("(objectClass=inetOrgPerson)").expect("the literal is a filter");
        let schema = Self {
            people: reader.with_default("user_filter", people, filter),
            user_name: reader.with_default("user_name", known("uid"), attribute),
            upn: reader.optional("upn", attribute),
            mail: reader.optional("mail", attribute),
            alt_security_identities: reader.optional("alt_security_identities", attribute),
            group_base_dn: reader.optional("group_base_dn", text),
            member_of: reader.optional("member_of", attribute),
            group_member: reader.optional("group_member", attribute),
            group_name: reader.with_default("group_name", known("cn"), attribute),
            disabled: reader.optional("disabled", attribute),
            disabled_value: reader.with_default("disabled_value", "TRUE".to_owned(), text),
            expires: reader.optional("expires", attribute),
        };
        schema.check(reader);
        schema
    }

    fn check(&self, reader: &mut TableReader<'_>) {
        if let (Some(first), Some(second)) = (&self.member_of, &self.group_member) {
            reader
                .error(second.span, "group_member", "the groups are told in two ways")
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
            needs("group_name", reader.written_at("group_name"), "group_member", group_member.is_some()),
            needs("disabled_value", reader.written_at("disabled_value"), "disabled", self.disabled.is_some()),
        ];
        for (key, span, other) in lacking.into_iter().flatten() {
            let message = format!("`{key}` does nothing without `{other}`");
            reader.error(span, key, message).help(format!("add `{other}`, or remove `{key}`"));
        }
    }
}

impl AccountCache {
    /// `directory` says whether the realm has one.
    pub(super) fn read(reader: &mut TableReader<'_>, directory: bool) -> Self {
        let default = AccountLifetimes::default();
        let bounded = duration(SECOND..=HOUR);
        let cache = Self {
            ttl: reader.with_default("ttl", default.found, &bounded),
            negative_ttl: reader.with_default("negative_ttl", default.refused, &bounded),
            unsafe_stale_accounts: reader
                .optional("unsafe_stale_accounts", duration(SECOND..=AccountLifetimes::LONGEST_STALE)),
        };
        for key in ACCOUNT_CACHE.names().filter(|_| !directory) {
            if let Some(span) = reader.written_at(key) {
                let message = format!("`{key}` does nothing: the realm has no directory to ask");
                reader.error(span, key, message).help("add a [realm.NAME.directory] table, or remove it");
            }
        }
        let stale = cache.unsafe_stale_accounts.filter(|_| directory);
        if let Some(stale) = stale.filter(|stale| stale.value <= cache.ttl.value) {
            let message = "`unsafe_stale_accounts` does nothing: accounts are believed longer anyway";
            reader
                .error(stale.span, "unsafe_stale_accounts", message)
                .label(cache.ttl.span, "for this long")
                .help("write more than `ttl`, which is 5 minutes unless written, or remove it");
        } else if let Some(stale) = stale {
            let message = format!(
                "while the directory is silent, accounts are believed for {}: who is disabled meanwhile still gets in",
                humantime::format_duration(stale.value)
            );
            reader.warning(stale.span, "unsafe_stale_accounts", message);
        }
        cache
    }
}

fn attribute(value: &DeValue<'_>) -> Result<AttributeName, Fault> {
    AttributeName::parse(&text(value)?).map_err(|error| Fault::new(display_chain(&error)))
}

fn filter(value: &DeValue<'_>) -> Result<SearchFilter, Fault> {
    SearchFilter::parse(&text(value)?).map_err(|error| Fault::new(display_chain(&error)))
}
