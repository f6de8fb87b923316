//! What is wrong between the parts of a document: references to nothing, addresses and hosts used twice, keys that do
//! nothing.

use super::backend::{HeaderSet, IdentityMode, PASS_THROUGH_KEYS};
use super::document::Document;
use super::kerberos::Kerberos;
use super::realm::Realm;
use super::rule::MappingRule;
use super::site::Site;
use crate::config::parse::diagnostic::Diagnostics;
use crate::config::parse::suggestion::{alternatives, nearest};
use crate::config::parse::{Span, Spanned};
use crate::policy::{ClientCertificateRule, PasswordRule};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Records all of it.
pub(super) fn check(document: &Document, diagnostics: &mut Diagnostics) {
    if document.site.is_empty() {
        let message = "there is no site, so nothing would be served";
        diagnostics.error(Span::default(), message).key("site").help("add a [[site]] table");
    }
    check_names(document, diagnostics);
    check_realms_of_sites(document, diagnostics);
    check_passwords_of_realms(document, diagnostics);
    check_dialogue_keys(document, diagnostics);
    check_groups(document, diagnostics);
    check_site_names(document, diagnostics);
    check_hosts(document, diagnostics);
    check_default_sites(document, diagnostics);
    check_addresses(document, diagnostics);
    check_assertion(document, diagnostics);
    check_realms_of_rules(document, diagnostics);
}

/// The realms and backends that sites name, each with its key.
fn realm_names(document: &Document) -> impl Iterator<Item = (String, &Spanned<String>)> {
    let sites = document.site.iter().enumerate();
    sites.filter_map(|(index, site)| Some((format!("site[{index}].realm"), site.realm.as_ref()?)))
}

fn backend_names(document: &Document) -> impl Iterator<Item = (String, &Spanned<String>)> {
    document.site.iter().enumerate().flat_map(|(index, site)| {
        let of_site = site.backend.iter().map(move |name| (format!("site[{index}].backend"), name));
        let of_paths = site.path.iter().enumerate().filter_map(move |(path, rule)| {
            Some((format!("site[{index}].path[{path}].backend"), rule.backend.as_ref()?))
        });
        of_site.chain(of_paths)
    })
}

fn check_names(document: &Document, diagnostics: &mut Diagnostics) {
    let realms: Vec<_> = document.realm.iter().map(|realm| &realm.head.name).collect();
    let backends: Vec<_> = document.backend.iter().map(|backend| &backend.head.name).collect();
    check_references("realm", realm_names(document).collect(), &realms, diagnostics);
    check_references("backend", backend_names(document).collect(), &backends, diagnostics);
}

/// Each reference names something, and each thing is named; one whose name was misspelt counts as named.
fn check_references(
    what: &str,
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
            None if known.is_empty() => format!("add a [{what}.{wanted}] table"),
            None => format!("add a [{what}.{wanted}] table; there is {}", alternatives(names())),
        };
        diagnostics.error(reference.span, format!("there is no {what} named {wanted:?}")).key(key).help(help);
    }
    for name in known.iter().filter(|name| !named.contains(&name.value.as_str())) {
        let message = format!("no site uses the {what} {:?}", name.value);
        diagnostics.warning(name.span, message).key(format!("{what}.{}", name.value));
    }
}

fn check_realms_of_sites(document: &Document, diagnostics: &mut Diagnostics) {
    for (index, site) in document.site.iter().enumerate() {
        let asks =
            site.path.iter().find(|rule| rule.client_certificate.value != ClientCertificateRule::Ignore);
        let takes = site.path.iter().find(|rule| rule.password.value == PasswordRule::Directory);
        match (&site.realm, asks, takes) {
            (None, Some(rule), _) => {
                diagnostics
                    .error(site.head.span, "the site asks for cards, and has no realm to judge them")
                    .key(format!("site[{index}].realm"))
                    .label(rule.client_certificate.span, "a card is asked for here")
                    .help("add `realm = \"staff\"` and a [realm.staff] table");
            }
            (None, None, Some(rule)) => {
                diagnostics
                    .error(
                        site.head.span,
                        "the site takes passwords, and has no realm whose directory judges them",
                    )
                    .key(format!("site[{index}].realm"))
                    .label(rule.password.span, "a password is taken here")
                    .help("add `realm = \"staff\"` and a [realm.staff] table");
            }
            (Some(realm), None, None) if !site.path.is_empty() => {
                diagnostics
                    .warning(realm.span, "no path of this site looks at a card, so its realm judges none")
                    .key(format!("site[{index}].realm"));
            }
            (Some(_), _, _) | (None, None, None) => {}
        }
    }
}

/// A rule's account that has no name in Kerberos would be refused at each request, or, were its domain dropped, be taken for
/// another's of the same name.
fn check_realms_of_rules(document: &Document, diagnostics: &mut Diagnostics) {
    let mut reported = BTreeSet::new();
    for (site, realm) in document.site.iter().filter_map(|site| Some((site, site.realm.as_ref()?))) {
        let realm = document.realm.iter().find(|known| known.head.name.value == realm.value);
        // A directory says of which domain an account is.
        let Some(realm) = realm.filter(|realm| realm.directory.is_empty()) else { continue };
        let with_cards =
            site.path.iter().filter(|rule| rule.client_certificate.value != ClientCertificateRule::Ignore);
        let backends: BTreeSet<_> = with_cards
            .filter_map(|rule| rule.backend.as_ref().or(site.backend.as_ref()))
            .map(|name| name.value.as_str())
            .collect();
        let backends =
            document.backend.iter().filter(|backend| backends.contains(backend.head.name.value.as_str()));
        for backend in backends.filter(|backend| backend.identity.value == IdentityMode::Kerberos) {
            for account in realm.rule.iter().filter_map(|rule| rule.account.as_ref()) {
                let Some((message, help)) = without_principal(&account.user.value, &backend.kerberos) else {
                    continue;
                };
                if reported.insert((account.user.span.start, &backend.head.name.value)) {
                    let message =
                        format!("the backend {:?} cannot be told of it: {message}", backend.head.name.value);
                    diagnostics
                        .error(account.user.span, message)
                        .key(format!("realm.{}.rule.account.user", realm.head.name.value))
                        .help(help);
                }
            }
        }
    }
}

/// Why a rule's account has no name in Kerberos, and what to write.
fn without_principal(user: &str, options: &Kerberos) -> Option<(String, String)> {
    let Some((domain, _)) = user.split_once('\\') else {
        let message = format!("{user:?} has no name in Kerberos");
        return Some((message, "write `DOMAIN\\name`, or add a directory to the realm".to_owned()));
    };
    let Some(realm) = options.rule_realm() else {
        let message = format!("no Kerberos realm is known of the domain {domain:?}");
        return Some((message, "add `kerberos = { realm = \"CORP.EXAMPLE\" }` to the backend".to_owned()));
    };
    if realm.is_of(domain) {
        return None;
    }
    let message =
        format!("{user:?} is not of the realm {}, whose domain is {:?}", realm.name, realm.domain());
    let help = format!(
        "if {domain:?} is that domain's name, add `domain = {domain:?}` beside `kerberos.realm`; else use a backend whose \
         `kerberos.realm` is its own, or add a directory to the realm"
    );
    Some((message, help))
}

/// Limits of what is never tried would only seem to protect.
fn check_passwords_of_realms(document: &Document, diagnostics: &mut Diagnostics) {
    for realm in document.realm.iter().filter(|realm| realm.head.has("passwords")) {
        let named =
            |site: &&Site| site.realm.as_ref().is_some_and(|name| name.value == realm.head.name.value);
        let mut paths = document.site.iter().filter(named).flat_map(|site| &site.path);
        if !paths.any(|rule| rule.password.value == PasswordRule::Directory) {
            diagnostics
                .error(realm.passwords.head.span, "no path has this realm's directory judge passwords")
                .key(format!("realm.{}.passwords", realm.head.name.value))
                .help("write password = \"directory\" on a path, or remove the table");
        }
    }
}

/// Limits of a dialogue that no path lets a client have would only seem to protect the backend.
fn check_dialogue_keys(document: &Document, diagnostics: &mut Diagnostics) {
    for backend in &document.backend {
        let leads_here =
            |name: Option<&Spanned<String>>| name.is_some_and(|name| name.value == backend.head.name.value);
        let has_dialogues = document.site.iter().any(|site| {
            let of_site = site.backend.as_ref();
            site.pass_through().any(|rule| leads_here(rule.backend.as_ref().or(of_site)))
        });
        if has_dialogues {
            continue;
        }
        for name in PASS_THROUGH_KEYS {
            let Some(span) = backend.head.written(name) else { continue };
            let message = format!("`{name}` does nothing: no path has its users log in at this backend");
            diagnostics
                .error(span, message)
                .key(format!("backend.{}.{name}", backend.head.name.value))
                .help("write password = \"backend\" in a [[site.path]], or remove it");
        }
    }
}

/// A group that nobody can be a member of lets in nobody and, worse, keeps out nobody.
fn check_groups(document: &Document, diagnostics: &mut Diagnostics) {
    for (index, site) in document.site.iter().enumerate() {
        let name = site.realm.as_ref().map(|realm| &realm.value);
        let Some(realm) = document.realm.iter().find(|realm| Some(&realm.head.name.value) == name) else {
            continue;
        };
        for (path, rule) in site.path.iter().enumerate() {
            for (name, list) in [("allow", &rule.allow), ("deny", &rule.deny)] {
                for group in list.iter().flat_map(|list| &list.groups) {
                    let Some((message, help)) = impossible(&group.value, realm) else { continue };
                    let key = format!("site[{index}].path[{path}].{name}.groups");
                    diagnostics.error(group.span, message).key(key).help(help);
                }
            }
        }
    }
}

/// Why nobody of the realm is in the group, if nobody can be, and what to write instead.
fn impossible(group: &str, realm: &Realm) -> Option<(String, &'static str)> {
    let mut given = realm.rule.iter().flat_map(MappingRule::groups);
    if given.any(|given| given.value.eq_ignore_ascii_case(group)) {
        return None;
    }
    if realm.directory.is_empty() {
        let message =
            format!("no rule of the realm gives the group {group:?}, and the realm has no directory");
        return Some((message, "give it in the `account` of a rule, or add a directory to the realm"));
    }
    group.contains('\\').then(|| {
        let message = format!("no group has the name {group:?}");
        (message, "write the name without its domain, or the security identifier, S-1-5-21-…")
    })
}

fn check_site_names(document: &Document, diagnostics: &mut Diagnostics) {
    let mut first_of: BTreeMap<&str, Span> = BTreeMap::new();
    for (index, site) in document.site.iter().enumerate() {
        let Some(name) = &site.name else { continue };
        // A name that is not written is a host's, and hosts are compared below.
        if let Some(first) = first_of.get(name.value.as_str()).filter(|_| site.head.has("name")) {
            diagnostics
                .error(name.span, format!("two sites are named {:?}", name.value))
                .key(format!("site[{index}].name"))
                .label(*first, "the first one")
                .help("records and metrics go by this name: give each site its own");
        }
        first_of.entry(&name.value).or_insert(name.span);
    }
}

fn check_hosts(document: &Document, diagnostics: &mut Diagnostics) {
    let mut first_of: BTreeMap<&str, Span> = BTreeMap::new();
    for (index, site) in document.site.iter().enumerate() {
        for host in &site.hosts {
            if let Some(first) = first_of.get(host.value.as_str()) {
                diagnostics
                    .error(host.span, format!("the host {:?} is given twice", host.value))
                    .key(format!("site[{index}].hosts"))
                    .label(*first, "the first time")
                    .help("a host belongs to one site: keep one of them");
            }
            first_of.entry(&host.value).or_insert(host.span);
        }
    }
}

fn check_default_sites(document: &Document, diagnostics: &mut Diagnostics) {
    let mut default_of: BTreeMap<SocketAddr, Span> = BTreeMap::new();
    for (index, site) in document.site.iter().enumerate().filter(|(_, site)| site.default.value) {
        for address in fixed(&site.listen) {
            if let Some(first) = default_of.get(&address.value).filter(|first| **first != site.default.span) {
                diagnostics
                    .error(site.default.span, format!("{} has two default sites", address.value))
                    .key(format!("site[{index}].default"))
                    .label(*first, "the first one")
                    .help("only one site can get the connections that name no host");
            }
            default_of.entry(address.value).or_insert(site.default.span);
        }
    }
}

/// Statements need a key to sign with, and somebody to read them.
fn check_assertion(document: &Document, diagnostics: &mut Diagnostics) {
    let sent = document.backend.iter().flat_map(|backend| {
        let sets = backend.headers.sets.iter().filter(|set| set.value == HeaderSet::Assertion);
        sets.map(move |set| (&backend.head.name.value, set.span))
    });
    let mut is_sent = false;
    for (backend, span) in sent {
        is_sent = true;
        if document.assertion.is_none() {
            diagnostics
                .error(span, "the set \"assertion\" is sent, and there is no key to sign with")
                .key(format!("backend.{backend}.headers.sets"))
                .help("add an [assertion] table with `keys` and `issuer`");
        }
    }
    let Some(assertion) = &document.assertion else { return };
    if !is_sent {
        let message = "no backend is sent assertions, so these keys are only published";
        diagnostics.warning(assertion.head.span, message).key("assertion");
    }
    if document.admin.listen.is_empty() {
        let message = "the admin listener is off, so nobody can fetch the keys that prove assertions";
        diagnostics
            .warning(assertion.head.span, message)
            .key("assertion")
            .help("give `listen` in [admin] an address that the backends reach");
    }
}

/// What an address is for. Only TLS can be shared, since the client names the site before it is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Tls,
    Plain,
    Admin,
}

impl Use {
    const fn words(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::Plain => "plain HTTP",
            Self::Admin => "the admin listener",
        }
    }
}

fn check_addresses(document: &Document, diagnostics: &mut Diagnostics) {
    let mut first_of: BTreeMap<SocketAddr, (Use, Span)> = BTreeMap::new();
    let mut claim = |addresses: &[Spanned<SocketAddr>], key: String, what: Use| {
        let mut own: Vec<SocketAddr> = Vec::new();
        for address in fixed(addresses) {
            let (other, first) = *first_of.entry(address.value).or_insert((what, address.span));
            let message = if own.contains(&address.value) {
                format!("{} is given twice", address.value)
            } else if other != what {
                format!("{} is for {} and cannot be for {} too", address.value, other.words(), what.words())
            } else {
                own.push(address.value);
                continue;
            };
            let diagnostic = diagnostics.error(address.span, message).key(&key);
            if first.is_empty() {
                diagnostic.help("the admin listener is there unless [admin] says `listen = []`");
            } else {
                diagnostic.label(first, "the first time");
            }
        }
    };
    claim(&document.admin.listen, "admin.listen".to_owned(), Use::Admin);
    for (index, site) in document.site.iter().enumerate() {
        claim(&site.listen, format!("site[{index}].listen"), Use::Tls);
        claim(&site.http_listen, format!("site[{index}].http_listen"), Use::Plain);
    }
}

/// The addresses with a port of their own: port 0 is another one each time.
fn fixed(addresses: &[Spanned<SocketAddr>]) -> impl Iterator<Item = &Spanned<SocketAddr>> {
    addresses.iter().filter(|address| address.value.port() != 0)
}
