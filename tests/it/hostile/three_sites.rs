//! A gateway with three sites at one address: one never requests a certificate, and the realms of the other two trust
//! authorities with equal names and different keys.

use crate::support::{TestConfig, TestGateway, TestRealm, pki};
use portcullis::clock::Clock;
use portcullis::demo::pki::{KeyKind, KeyedChain};
use rustls_pki_types::CertificateDer;
use std::fs;
use std::path::Path;

/// The site that never requests a certificate.
pub(super) const OPEN: &str = "open.corp.example";
/// The site that trusts the authorities of the demo.
pub(super) const HOME: &str = "a.corp.example";
/// Another host of [`HOME`].
pub(super) const HOME_ALIAS: &str = "a2.corp.example";
/// The site that trusts foreign authorities with the names of the demo's authorities.
pub(super) const FOREIGN: &str = "b.corp.example";

const SERVER_HOSTS: [&str; 6] = [OPEN, HOME, HOME_ALIAS, FOREIGN, "*.wild.corp.example", "127.0.0.1"];

/// The paths of both sites that request a certificate.
pub(super) const PATHS: &str = r#"
[[site.path]]
path = "/ignore/*"
client_certificate = "ignore"
[[site.path]]
path = "/accept/*"
client_certificate = "accept"
[[site.path]]
path = "/require/*"
client_certificate = "require"
[[site.path]]
path = "/require/exact.asmx"
client_certificate = "require"
query = "reject"
"#;

const MORE: &str = r#"
[[site]]
name = "open"
hosts = ["open.corp.example", "*.wild.corp.example"]
listen = ["127.0.0.1:0"]
certificate = ["pki/server-ecdsa.pem"]
private_key = ["pki/server-ecdsa.key"]
backend = "rms"
[[site.path]]
path = "/*"
client_certificate = "ignore"

[[site]]
name = "foreign"
hosts = ["b.corp.example"]
listen = ["127.0.0.1:0"]
certificate = ["pki/server-ecdsa.pem"]
private_key = ["pki/server-ecdsa.key"]
realm = "foreign"
backend = "rms"
{paths}

[realm.foreign]
{realm}
"#;

pub(super) fn three_sites() -> TestConfig {
    TestConfig {
        hosts: vec![HOME, HOME_ALIAS],
        site: "name = \"home\"".to_owned(),
        paths: PATHS.to_owned(),
        realm: TestRealm { usages: "[\"client_auth\"]", ..TestRealm::default() }.toml(),
        more: MORE.replace("{paths}", PATHS).replace("{realm}", &foreign_realm()),
        ..TestConfig::default()
    }
}

fn foreign_realm() -> String {
    let realm = TestRealm {
        trust_anchor: "pki/foreign-root.pem",
        usages: "[\"client_auth\"]",
        revocation: "mode = \"off\"",
        identity_issuer: "certificate = \"pki/foreign-issuing.pem\", upn_suffixes = [\"corp.example\"]",
        ..TestRealm::default()
    };
    realm.toml()
}

/// Returns the three sites, with additional keys of [`HOME`].
pub(super) fn three_sites_with(home_site: &str) -> TestConfig {
    let config = three_sites();
    TestConfig { site: format!("{}\n{home_site}", config.site), ..config }
}

/// Starts a gateway with the certificates of the three sites.
pub(super) fn start(config: TestConfig) -> TestGateway {
    TestGateway::prepared(config, write_keys)
}

/// Starts a gateway of the three sites with these keys of `[limits]`.
pub(super) fn start_with_limits(limits: &str) -> TestGateway {
    start(TestConfig { limits: limits.to_owned(), ..three_sites() })
}

/// Writes a server certificate for the hosts of the sites, and the foreign authorities.
pub(super) fn write_keys(folder: &Path) {
    let folder = folder.join("pki");
    let now = Clock::system().now();
    let server = pki().issue_server("stage", &SERVER_HOSTS, KeyKind::EcdsaP256, now).unwrap();
    fs::write(folder.join("server-ecdsa.pem"), server.chain_pem().unwrap()).unwrap();
    fs::write(folder.join("server-ecdsa.key"), server.key_pem().unwrap()).unwrap();
    fs::write(folder.join("foreign-root.pem"), pem(pki().foreign_root())).unwrap();
    fs::write(folder.join("foreign-issuing.pem"), pem(&card("mallory").chain[1])).unwrap();
}

pub(super) fn card(name: &str) -> &'static KeyedChain {
    pki().card(name).unwrap()
}

/// Returns the targets of the forwarded requests.
pub(super) fn forwarded(gateway: &TestGateway) -> Vec<String> {
    gateway.rms.requests().into_iter().map(|request| request.target).collect()
}

fn pem(certificate: &CertificateDer<'_>) -> String {
    der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, certificate).unwrap()
}
