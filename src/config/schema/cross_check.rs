//! The checks across tables: references to nothing, addresses and hosts that are used twice, keys without an effect.

use super::backend::{BackendSection, HeaderSet, IdentityMode, PASS_THROUGH_KEYS};
use super::document::ConfigDocument;
use super::kerberos::KerberosSection;
use super::path::PathSection;
use super::realm::RealmSection;
use super::rule::MappingRuleSection;
use super::site::SiteSection;
use crate::config::parse::{Diagnostics, Span, Spanned, alternatives, nearest, repeated};
use crate::policy::PasswordRule;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Records the errors and warnings that concern several tables.
pub(crate) fn cross_check(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    if document.site.is_empty() {
        let message = "no [[site]] is defined, so no request would be served";
        diagnostics.error(Span::default(), message).key("site").help("add a [[site]] table");
    }
    check_references(document, diagnostics);
    check_site_realms(document, diagnostics);
    check_unused_passwords(document, diagnostics);
    check_pass_through_keys(document, diagnostics);
    check_groups(document, diagnostics);
    check_site_names(document, diagnostics);
    check_default_sites(document, diagnostics);
    check_addresses(document, diagnostics);
    check_assertion(document, diagnostics);
    check_kerberos_names(document, diagnostics);
}

/// Returns every site with its path in messages, such as `site[2]`.
fn sites(document: &ConfigDocument) -> impl Iterator<Item = (String, &SiteSection)> {
    document.site.iter().enumerate().map(|(index, site)| (format!("site[{index}]"), site))
}

/// Returns every path of a site with the name of its backend.
fn paths(site: &SiteSection) -> impl Iterator<Item = (&PathSection, &str)> {
    site.path.iter().filter_map(|path| Some((path, backend_of(path, site)?)))
}

fn backend_of<'a>(path: &'a PathSection, site: &'a SiteSection) -> Option<&'a str> {
    path.backend.as_ref().or(site.backend.as_ref()).map(|backend| backend.value.as_str())
}

fn is_named(name: Option<&Spanned<String>>, wanted: &Spanned<String>) -> bool {
    name.is_some_and(|name| name.value == wanted.value)
}

fn check_references(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    let (mut realms, mut backends) = (Vec::new(), Vec::new());
    for (key, site) in sites(document) {
        realms.extend(site.realm.as_ref().map(|name| (format!("{key}.realm"), name)));
        backends.extend(site.backend.as_ref().map(|name| (format!("{key}.backend"), name)));
        for (index, path) in site.path.iter().enumerate() {
            let key = format!("{key}.path[{index}].backend");
            backends.extend(path.backend.as_ref().map(|name| (key, name)));
        }
    }
    let known: Vec<_> = document.realm.iter().map(|realm| &realm.head.name).collect();
    check_references_to("realm", realms, &known, diagnostics);
    let known: Vec<_> = document.backend.iter().map(|backend| &backend.head.name).collect();
    check_references_to("backend", backends, &known, diagnostics);
}

/// Each reference must name a table, and each table should be named; one whose name was misspelt counts as named.
fn check_references_to(
    kind: &str,
    references: Vec<(String, &Spanned<String>)>,
    known: &[&Spanned<String>],
    diagnostics: &mut Diagnostics,
) {
    let names = || known.iter().map(|name| name.value.as_str());
    let mut named: Vec<&str> = Vec::new();
    for (key, reference) in references {
        let wanted = reference.value.as_str();
        if let Some(name) = names().find(|name| *name == wanted) {
            named.push(name);
            continue;
        }
        let near = nearest(wanted, names());
        named.extend(near);
        let help = match near {
            Some(near) => format!("did you mean {near:?}?"),
            None if known.is_empty() => format!("add a [{kind}.{wanted}] table"),
            None => format!("add a [{kind}.{wanted}] table; there is {}", alternatives(names())),
        };
        diagnostics.error(reference.span, format!("there is no {kind} named {wanted:?}")).key(key).help(help);
    }
    for name in known.iter().filter(|name| !named.contains(&name.value.as_str())) {
        let message = format!("no site uses the {kind} {:?}", name.value);
        diagnostics.warning(name.span, message).key(format!("{kind}.{}", name.value));
    }
}

/// A site has a realm if and only if a path needs one.
fn check_site_realms(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    let help = "add `realm = \"staff\"` and a [realm.staff] table";
    for (key, site) in sites(document) {
        let certificate = site.certificate_paths().next();
        let password = site.password_paths(PasswordRule::Directory).next();
        let (message, span, label) = match (&site.realm, certificate, password) {
            (None, Some(rule), _) => {
                let message = "the site requests client certificates and has no realm to validate them";
                (message, rule.client_certificate.span, "a client certificate is requested here")
            }
            (None, None, Some(rule)) => {
                let message = "the site accepts passwords and has no realm whose directory verifies them";
                (message, rule.password.span, "a password is accepted here")
            }
            (Some(realm), None, None) if !site.path.is_empty() => {
                let message = "no path of this site uses client certificates, so its realm has no effect";
                diagnostics.warning(realm.span, message).key(format!("{key}.realm"));
                continue;
            }
            (Some(_), _, _) | (None, None, None) => continue,
        };
        let error = diagnostics.error(site.head.span, message);
        error.key(format!("{key}.realm")).label(span, label).help(help);
    }
}

/// Limits of passwords that are never verified would only seem to protect.
fn check_unused_passwords(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    for realm in document.realm.iter().filter(|realm| realm.head.has("passwords")) {
        let mut sites = document.site.iter().filter(|site| is_named(site.realm.as_ref(), &realm.head.name));
        if !sites.any(|site| site.password_paths(PasswordRule::Directory).next().is_some()) {
            let message = "no path uses this realm's directory to verify passwords";
            let help = "write password = \"directory\" on a path, or remove the table";
            let error = diagnostics.error(realm.passwords.head.span, message);
            error.key(format!("realm.{}.passwords", realm.head.name.value)).help(help);
        }
    }
}

/// Limits of pass-through authentication that no path uses would only seem to protect the backend.
fn check_pass_through_keys(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    let pass_through: BTreeSet<&str> = (document.site.iter().flat_map(paths))
        .filter(|(path, _)| path.password.value == PasswordRule::Backend)
        .map(|(_, backend)| backend)
        .collect();
    for backend in &document.backend {
        let name = &backend.head.name.value;
        for key in PASS_THROUGH_KEYS.into_iter().filter(|_| !pass_through.contains(name.as_str())) {
            let Some(span) = backend.head.written(key) else { continue };
            let because = "no path uses pass-through authentication at this backend";
            let help = "write password = \"backend\" in a [[site.path]], or remove it";
            let error = diagnostics.error(span, format!("`{key}` does nothing: {because}"));
            error.key(format!("backend.{name}.{key}")).help(help);
        }
    }
}

/// A group without members allows no request and, worse, denies none.
fn check_groups(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    for (key, site) in sites(document) {
        let Some(realm) = document.realm_named(site.realm.as_ref()) else { continue };
        for (index, rule) in site.path.iter().enumerate() {
            for (name, list) in rule.access_lists() {
                for group in &list.groups {
                    let Some((message, help)) = impossible_group(&group.value, realm) else { continue };
                    let key = format!("{key}.path[{index}].{name}.groups");
                    diagnostics.error(group.span, message).key(key).help(help);
                }
            }
        }
    }
}

/// Returns the reason why the group has no members in the realm, if it can have none, and the fix.
fn impossible_group(group: &str, realm: &RealmSection) -> Option<(String, &'static str)> {
    let mut assigned = realm.rule.iter().flat_map(MappingRuleSection::groups);
    if assigned.any(|assigned| assigned.value.eq_ignore_ascii_case(group)) {
        return None;
    }
    if realm.directory.is_empty() {
        let message =
            format!("no rule of the realm assigns the group {group:?}, and the realm has no directory");
        return Some((message, "assign it in the `account` of a rule, or add a directory to the realm"));
    }
    group.contains('\\').then(|| {
        let message = format!("no group has the name {group:?}");
        (message, "write the name without its domain, or the security identifier, S-1-5-21-…")
    })
}

/// Names and hosts belong to one site each.
fn check_site_names(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    for (index, site, first) in repeated(&document.site, |site| site.name.as_ref().map(|name| &name.value)) {
        let (Some(name), Some(first)) = (&site.name, &first.name) else { continue };
        // A name that is not written is a host, and hosts are compared below.
        if site.head.has("name") {
            let error = diagnostics.error(name.span, format!("two sites are named {:?}", name.value));
            let help = "records and metrics use this name: give each site its own";
            error.key(format!("site[{index}].name")).label(first.span, "the first one").help(help);
        }
    }
    let hosts: Vec<_> = sites(document)
        .flat_map(|(key, site)| site.hosts.iter().map(move |host| (key.clone(), host)))
        .collect();
    for (_, (key, host), (_, first)) in repeated(&hosts, |(_, host)| &host.value) {
        let error = diagnostics.error(host.span, format!("the host \"{}\" is given twice", host.value));
        let help = "a host belongs to one site: keep one of them";
        error.key(format!("{key}.hosts")).label(first.span, "the first time").help(help);
    }
}

fn check_default_sites(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    let defaults = sites(document).filter(|(_, site)| site.default.value);
    let addresses: Vec<_> = defaults
        .flat_map(|(key, site)| fixed(&site.listen).map(move |address| (key.clone(), site, address.value)))
        .collect();
    for (_, (key, site, address), (_, first, _)) in repeated(&addresses, |(_, _, address)| address) {
        // An address that one site lists twice is reported with the addresses.
        if site.head.span != first.head.span {
            let error = diagnostics.error(site.default.span, format!("{address} has two default sites"));
            let help = "only one site can get the connections that name no host";
            error.key(format!("{key}.default")).label(first.default.span, "the first one").help(help);
        }
    }
}

/// An address has one purpose. Only TLS can be shared by sites, since the client names the site before the response.
fn check_addresses(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    let mut first_of: BTreeMap<SocketAddr, (&str, Span)> = BTreeMap::new();
    let mut claim = |addresses: &[Spanned<SocketAddr>], key: String, purpose: &'static str| {
        let mut own: Vec<SocketAddr> = Vec::new();
        for address in fixed(addresses) {
            let (other, first) = *first_of.entry(address.value).or_insert((purpose, address.span));
            let message = if own.contains(&address.value) {
                format!("{} is given twice", address.value)
            } else if other != purpose {
                format!("{} is used for {other} and cannot be used for {purpose} too", address.value)
            } else {
                own.push(address.value);
                continue;
            };
            let error = diagnostics.error(address.span, message).key(&key);
            match first.is_empty() {
                true => error.help(
                    "this is the default of the admin listener: write another address here or in [admin]",
                ),
                false => error.label(first, "the first time"),
            };
        }
    };
    claim(&document.admin.listen, "admin.listen".to_owned(), "the admin listener");
    for (key, site) in sites(document) {
        claim(&site.listen, format!("{key}.listen"), "TLS");
        claim(&site.http_listen, format!("{key}.http_listen"), "plain HTTP");
    }
}

/// Returns the addresses with a port of their own: the system chooses another port for each port 0.
fn fixed(addresses: &[Spanned<SocketAddr>]) -> impl Iterator<Item = &Spanned<SocketAddr>> {
    addresses.iter().filter(|address| address.value.port() != 0)
}

/// Assertions need a key to sign with, and backends that verify them.
fn check_assertion(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    let backends = document.backend.iter();
    let sent = backends.flat_map(|backend| backend.headers.sets.iter().map(move |set| (backend, set)));
    let sent: Vec<_> = sent.filter(|(_, set)| set.value == HeaderSet::Assertion).collect();
    let Some(assertion) = &document.assertion else {
        for (backend, set) in sent {
            let error = diagnostics.error(set.span, "the header set \"assertion\" needs a key to sign with");
            let help = "add an [assertion] table with `keys` and `issuer`";
            error.key(format!("backend.{}.headers.sets", backend.head.name.value)).help(help);
        }
        return;
    };
    if sent.is_empty() {
        let message =
            "no backend has the header set \"assertion\", so these keys are published and never used";
        diagnostics.warning(assertion.head.span, message).key("assertion");
    }
    if document.admin.listen.is_empty() {
        let message = "the admin listener is off, so backends cannot fetch the keys that verify assertions";
        let help = "give `listen` in [admin] an address that the backends reach";
        diagnostics.warning(assertion.head.span, message).key("assertion").help(help);
    }
}

/// An account of a rule without a Kerberos principal would be rejected at each request or, if its domain were dropped, be
/// mistaken for another account of the same name.
fn check_kerberos_names(document: &ConfigDocument, diagnostics: &mut Diagnostics) {
    let mut reported = BTreeSet::new();
    for site in &document.site {
        // A directory knows the domain of an account.
        let realm = document.realm_named(site.realm.as_ref());
        let Some(realm) = realm.filter(|realm| realm.directory.is_empty()) else { continue };
        let with_certificates = site.certificate_paths().filter_map(|path| backend_of(path, site));
        let names: BTreeSet<_> = with_certificates.collect();
        let by_kerberos = |backend: &&BackendSection| {
            backend.identity.value == IdentityMode::Kerberos && names.contains(&*backend.head.name.value)
        };
        for backend in document.backend.iter().filter(by_kerberos) {
            let name = &backend.head.name.value;
            for user in realm.rule.iter().filter_map(|rule| Some(&rule.account.as_ref()?.user)) {
                let Some((message, help)) = without_principal(&user.value, &backend.kerberos) else {
                    continue;
                };
                if reported.insert((user.span.start, name)) {
                    let message = format!("the backend {name:?} needs a Kerberos principal: {message}");
                    let key = format!("realm.{}.rule.account.user", realm.head.name.value);
                    diagnostics.error(user.span, message).key(key).help(help);
                }
            }
        }
    }
}

/// Returns the reason why the account of a rule has no Kerberos principal, and the fix.
fn without_principal(user: &str, options: &KerberosSection) -> Option<(String, String)> {
    let Some((domain, _)) = user.split_once('\\') else {
        let message = format!("{user:?} has no domain");
        return Some((message, "write `DOMAIN\\name`, or add a directory to the realm".to_owned()));
    };
    let Some(realm) = options.rule_realm() else {
        let message = format!("no Kerberos realm is configured for the domain {domain:?}");
        return Some((message, "add `kerberos = { realm = \"CORP.EXAMPLE\" }` to the backend".to_owned()));
    };
    if realm.is_of(domain) {
        return None;
    }
    let message =
        format!("{user:?} is not in the realm {}, whose domain is {:?}", realm.name, realm.domain());
    let help = format!(
        "if {domain:?} is that domain's name, add `domain = {domain:?}` beside `kerberos.realm`; else use a backend whose \
         `kerberos.realm` is its own, or add a directory to the realm"
    );
    Some((message, help))
}
