//! The reader of proxy.toml as a whole, from text to document and diagnostics.

mod access_lists;
mod backend_identity;
mod broken_syntax;
mod cross_checks;
mod directory;
mod documentation;
mod kerberos_accounts;
mod mapping;
mod pass_through;
mod passwords;
mod properties;
mod revocation;
mod wrong_values;

use super::parse::{ServerScheme, ServerUrl};
use super::schema::ConfigDocument;
use super::*;
use std::time::Duration;

/// The directory of the realm of [`SMALLEST`].
const DIRECTORY: &str = r#"
[realm.staff.directory]
url = "ldaps://dc1.corp.example"
ca = "pki/directory-ca.pem"
bind_dn = "CN=portcullis,DC=corp,DC=example"
bind_password = { file = "secrets/ldap" }
base_dn = "DC=corp,DC=example"
"#;

const SMALLEST: &str = r#"
[[site]]
hosts = ["rms.corp.example"]
listen = ["0.0.0.0:443"]
certificate = ["pki/server.pem"]
private_key = ["pki/server.key"]
realm = "staff"
backend = "rms"

[[site.path]]
path = "/_wmcs/certification/certification.asmx"
client_certificate = "require"

[realm.staff]
trust_anchors = ["pki/root.pem"]
revocation = { crl = ["pki/crl/"] }
mapping = { strength = "weak" }
identity_issuers = [{ certificate = "pki/issuing.pem", upn_suffixes = ["corp.example"] }]

[backend.rms]
servers = ["http://10.0.0.5"]
"#;

fn rendered(text: &str) -> String {
    ConfigDocument::parse("proxy.toml", text).1.render(Colour::Plain)
}

/// The output for the smallest file with one line replaced by others.
fn rendered_with(line: &str, instead: &str) -> String {
    assert!(SMALLEST.contains(line), "{line}");
    rendered(&SMALLEST.replacen(line, instead, 1))
}

/// The only diagnostic, as `severity key: message (help)`.
fn only_diagnostic(text: &str) -> String {
    let diagnostics = ConfigDocument::parse("proxy.toml", text).1;
    let found: Vec<String> = diagnostics
        .iter()
        .map(|entry| {
            let help = entry.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{:?} {}: {}{help}", entry.severity, entry.key, entry.message)
        })
        .collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    found.concat()
}

fn only_diagnostic_with(line: &str, instead: &str) -> String {
    assert!(SMALLEST.contains(line), "{line}");
    only_diagnostic(&SMALLEST.replacen(line, instead, 1))
}

fn smallest() -> ConfigDocument {
    let (document, diagnostics) = ConfigDocument::parse("proxy.toml", SMALLEST);
    assert_eq!(diagnostics.render(Colour::Plain), "");
    document.unwrap()
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let document = smallest();
    assert!(document.workers.is_none());
    assert_eq!(document.audit.file.value, crate::telemetry::audit::AuditTarget::Stdout);
    assert_eq!(document.limits.max_header_bytes.value, 65_536);
    let limits = &document.limits;
    assert_eq!((limits.connections_per_address(), limits.connections_per_network()), (500, 5_000));
    let site = document.site.first().unwrap();
    assert_eq!(site.name(), "rms.corp.example");
    assert_eq!(site.card_reauth_interval.value, Duration::from_secs(8 * 3600));
    assert_eq!(site.http_action.value, crate::site::HttpAction::Reject);
    assert!(site.requests_certificates() && site.ca_hints.value && !site.default.value);
    let rule = site.path.first().unwrap();
    let methods: Vec<&str> = rule.methods.iter().map(|method| method.value.as_str()).collect();
    assert_eq!(methods, ["GET", "HEAD", "POST"]);
    assert_eq!(rule.max_body.value, 1 << 20);
    let realm = document.realm.first().unwrap();
    assert_eq!(realm.revocation.mode.value, crate::revocation::RevocationMode::Require);
    let without_strength = SMALLEST.replacen("mapping = { strength = \"weak\" }\n", "", 1);
    let strength =
        ConfigDocument::parse("proxy.toml", &without_strength).0.unwrap().realm[0].mapping.strength;
    assert_eq!(strength.value, schema::mapping::StrengthChoice::Strong);
    assert_eq!(realm.extended_key_usage.first().unwrap().value.to_string(), "1.3.6.1.5.5.7.3.2");
    let backend = document.backend.first().unwrap();
    let server = ServerUrl { scheme: ServerScheme::Http, host: "10.0.0.5".to_owned(), port: 80 };
    assert_eq!(backend.servers.first().unwrap().value, server);
    assert_eq!(backend.first_byte_timeout.value, Duration::from_secs(120));
}

#[test]
fn values_keep_the_place_where_they_were_written() {
    let document = smallest();
    let site = document.site.first().unwrap();
    let host = site.hosts.first().unwrap().span;
    assert_eq!(&SMALLEST[host.start..host.end], "\"rms.corp.example\"");
    let max_body = site.path.first().unwrap().max_body.span;
    assert_eq!(&SMALLEST[max_body.start..max_body.end], "[[site.path]]", "a default has its table's place");
}

#[test]
fn text_that_is_not_toml_has_no_document() {
    assert!(ConfigDocument::parse("proxy.toml", "workers =").0.is_none());
    assert!(ConfigDocument::parse("proxy.toml", "workers = 0").0.is_some());
}

#[test]
fn a_duplicate_key_is_reported_at_its_second_place() {
    let diagnostic = only_diagnostic_with("backend = \"rms\"", "backend = \"rms\"\nbackend = \"rms\"");
    assert_eq!(
        diagnostic,
        "Error backend: `backend` is a duplicate key \
         (keep one of them; a table that may be repeated has two brackets, as in [[site]])"
    );
}

#[test]
fn a_number_that_would_make_its_parser_panic_is_an_error() {
    let diagnostic = only_diagnostic_with(
        "[backend.rms]",
        "[limits]\nshutdown_timeout = \"18446744073709551615s 1000ms\"\n[backend.rms]",
    );
    assert!(diagnostic.contains("is not a duration: it is too long"), "{diagnostic}");
}

#[test]
fn a_key_in_the_wrong_table_is_reported_with_its_table() {
    assert_eq!(
        only_diagnostic_with("realm = \"staff\"", "realm = \"staff\"\nmax_body = \"2MiB\""),
        "Error site[0].max_body: unknown key `max_body` in [[site]] (`max_body` belongs in [[site.path]])"
    );
}

#[test]
fn methods_with_which_iis_edits_files_are_never_allowed() {
    for method in ["TRACE", "CONNECT", "PROPFIND", "MKCOL", "SEARCH", "propfind"] {
        let diagnostic =
            only_diagnostic_with("path = ", &format!("methods = [\"GET\", \"{method}\"]\npath = "));
        assert!(diagnostic.contains("is never allowed"), "{diagnostic}");
    }
}

#[test]
fn an_identifier_that_requires_nothing_is_rejected() {
    for (key, identifier) in [("extended_key_usage", "2.5.29.37.0"), ("certificate_policies", "2.5.29.32.0")]
    {
        let diagnostic =
            only_diagnostic_with("trust_anchors", &format!("{key} = [\"{identifier}\"]\ntrust_anchors"));
        assert!(diagnostic.starts_with(&format!("Error realm.staff.{key}[0]")), "{diagnostic}");
    }
}

#[test]
fn a_rule_for_every_certificate_of_an_issuer_is_rejected() {
    for conditions in ["", "subject = {}", "issuer_name = { CN = \"Issuing CA\" }"] {
        let rule = format!(
            "[[realm.staff.rule]]\nname = \"all\"\nissuer = \"ca.pem\"\naccount = {{ user = \"x\" }}\n{conditions}"
        );
        let diagnostic = only_diagnostic_with("[backend.rms]", &format!("{rule}\n[backend.rms]"));
        assert!(diagnostic.contains("the rule has no condition"), "{diagnostic}");
    }
}

#[test]
fn addresses_with_port_0_are_different_ones() {
    let (_, diagnostics) = ConfigDocument::parse(
        "proxy.toml",
        &SMALLEST.replace(
            "listen = [\"0.0.0.0:443\"]",
            "listen = [\"127.0.0.1:0\"]\nhttp_listen = [\"127.0.0.1:0\"]",
        ),
    );
    assert_eq!(diagnostics.render(Colour::Plain), "");
}

#[test]
fn two_sites_may_share_an_address_for_tls() {
    let second = "[[site]]\nhosts = [\"b.example\"]\nlisten = [\"0.0.0.0:443\"]\ncertificate = [\"b.pem\"]\n\
                  private_key = [\"b.key\"]\nbackend = \"rms\"\n[[site.path]]\npath = \"/\"\n\
                  client_certificate = \"ignore\"\n[realm.staff]";
    assert_eq!(rendered_with("[realm.staff]", second), "");
}

#[test]
fn the_shares_of_one_client_depend_on_max_connections() {
    let limits = |keys: &str| {
        let text = SMALLEST.replacen("[backend.rms]", &format!("[limits]\n{keys}\n[backend.rms]"), 1);
        ConfigDocument::parse("proxy.toml", &text).0.unwrap().limits
    };
    let few = limits("max_connections = 10");
    assert_eq!((few.connections_per_address(), few.connections_per_network()), (1, 5));
    let own =
        limits("max_connections = 10\nmax_connections_per_address = 10\nmax_connections_per_network = 10");
    assert_eq!((own.connections_per_address(), own.connections_per_network()), (10, 10));
}

#[test]
fn a_share_above_max_connections_is_an_error() {
    let diagnostic = only_diagnostic_with(
        "[backend.rms]",
        "[limits]\nmax_connections = 10\nmax_connections_per_address = 11\n[backend.rms]",
    );
    assert_eq!(
        diagnostic,
        "Error limits.max_connections_per_address: 11 is more than `max_connections`, which is 10 \
         (write a smaller number, or raise `max_connections`)"
    );
}

#[test]
fn a_trusted_network_has_no_bits_beyond_its_prefix() {
    let diagnostic =
        only_diagnostic_with("[backend.rms]", "[limits]\ntrusted_networks = [\"10.0.0.1/8\"]\n[backend.rms]");
    assert!(diagnostic.contains("10.0.0.1/8 has bits beyond its prefix"), "{diagnostic}");
}
