//! `[realm.NAME.revocation]`: every key, and its contradictions.

use super::*;
use crate::revocation::ocsp::NonceRule;
use crate::revocation::{RevocationDemand, RevocationMode};

const EVERYTHING: &str = r#"
[realm.staff.revocation]
mode = "prefer"
crl = ["pki/crl/"]
grace = "4h"
fetch = true
ocsp = true
hosts = ["PKI.corp.example", "*.ca.example"]
addresses = ["127.0.0.1", "169.254.7.0/24"]
cache_dir = "/var/cache/portcullis"
max_crl = "64MiB"
fetch_timeout = "30s"
ocsp_nonce = "require"
ocsp_responder = { url = "http://ocsp.corp.example", certificate = "pki/ocsp.pem" }

[[realm.staff.revocation.rewrite]]
from = "ldap:///CN=Staff%20CA"
to = "http://pki.corp.example/staff.crl"

[[realm.staff.revocation.issuers]]
certificate = "pki/root.pem"
mode = "prefer"
"#;

#[test]
fn every_key_is_read_from_a_table_of_its_own() {
    let text = SMALLEST.replacen("revocation = { crl = [\"pki/crl/\"] }\n", "", 1) + EVERYTHING;
    let (document, diagnostics) = ConfigDocument::parse("proxy.toml", &text);
    assert_eq!(diagnostics.render(Colour::Plain), "");
    let document = document.unwrap();
    let revocation = &document.realm[0].revocation;
    assert_eq!(revocation.mode.value, RevocationMode::Prefer);
    assert!(revocation.fetch.value && revocation.ocsp.value);
    let hosts: Vec<String> = revocation.hosts.iter().map(|host| host.value.to_string()).collect();
    assert_eq!(hosts, ["pki.corp.example", "*.ca.example"]);
    let networks: Vec<String> = revocation.addresses.iter().map(|net| net.value.to_string()).collect();
    assert_eq!(networks, ["127.0.0.1/32", "169.254.7.0/24"]);
    assert_eq!(revocation.max_crl.value, 64 << 20);
    assert_eq!(revocation.fetch_timeout.value, Duration::from_secs(30));
    assert_eq!(revocation.ocsp_nonce.value, NonceRule::Require);
    assert_eq!(revocation.ocsp_responder.as_ref().unwrap().url.value, "http://ocsp.corp.example");
    assert_eq!(revocation.rewrite[0].to.value, "http://pki.corp.example/staff.crl");
    assert_eq!(revocation.issuers[0].mode.value, RevocationDemand::IfAvailable);
}

/// The one diagnostic about this table.
fn diagnostic(table: &str) -> String {
    only_diagnostic_with("{ crl = [\"pki/crl/\"] }", table)
}

#[test]
fn a_key_without_effect_is_an_error() {
    assert_eq!(
        diagnostic(r#"{ crl = ["crl/"], hosts = ["pki.corp.example"] }"#),
        "Error realm.staff.revocation.hosts: `hosts` does nothing: neither `fetch` nor `ocsp` is on \
         (write fetch = true, or remove `hosts`)"
    );
    assert_eq!(
        diagnostic(r#"{ ocsp = true, hosts = ["pki.corp.example"], cache_dir = "cache" }"#),
        "Error realm.staff.revocation.cache_dir: `cache_dir` does nothing: `fetch` is not on \
         (write fetch = true, or remove `cache_dir`)"
    );
    assert_eq!(
        diagnostic(r#"{ fetch = true, hosts = ["pki.corp.example"], ocsp_nonce = "never" }"#),
        "Error realm.staff.revocation.ocsp_nonce: `ocsp_nonce` does nothing: `ocsp` is not on \
         (write ocsp = true, or remove `ocsp_nonce`)"
    );
}

#[test]
fn fetching_without_hosts_and_checking_without_sources_are_errors() {
    assert!(diagnostic("{ fetch = true }").contains("nothing can be fetched: `hosts` names no host"));
    assert!(
        diagnostic("{ ocsp = true, hosts = [] }").contains("nothing can be fetched: `hosts` names no host")
    );
    assert!(diagnostic("{ fetch = false }").contains("no CRL is configured"));
}

#[test]
fn wrong_values_are_reported_with_the_fix() {
    let fetching = |more: &str| diagnostic(&format!("{{ fetch = true, hosts = [\"a.example\"], {more} }}"));
    assert!(diagnostic(r#"{ fetch = true, hosts = ["http://a.example"] }"#).contains("is not a host name"));
    assert!(fetching(r#"addresses = ["loopback"]"#).contains("is not a network"));
    assert!(
        fetching(r#"rewrite = [{ from = "ldap:", to = "https://a.example/" }]"#)
            .contains("is not an http URL")
    );
    assert!(
        fetching(r#"rewrite = [{ from = "ldap:///", to = "ldap:///CN=a" }]"#).contains("is not an http URL")
    );
    assert!(fetching(r#"rewrite = [{ from = "ldap:" }]"#).contains("the key `to` is missing"));
    assert!(fetching(r#"issuers = [{ certificate = "a.pem", mode = "maybe" }]"#).contains("\"maybe\""));
}
