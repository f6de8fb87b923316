//! The proxy.toml of a test gateway, assembled from pieces.

use std::net::SocketAddr;

/// Pieces of TOML, of which a test replaces some: `TestConfig { site: "…".into(), ..TestConfig::default() }`.
///
/// In every piece `{rms}` is replaced by the URL of the test RMS server. Paths are relative to the gateway's folder, which
/// has the demo's PKI in `pki/`.
#[derive(Clone, Debug)]
pub(crate) struct TestConfig {
    /// The keys above the first table.
    pub(crate) top: String,
    /// The hosts of the first site.
    pub(crate) hosts: Vec<&'static str>,
    /// The minimum and maximum TLS version of the first site.
    pub(crate) tls: (&'static str, &'static str),
    /// Additional keys of the first site's `tls` table, each preceded by a comma.
    pub(crate) tls_more: String,
    /// Additional keys of the first site.
    pub(crate) site: String,
    /// The `[[site.path]]` tables of the first site.
    pub(crate) paths: String,
    /// The keys of `[realm.staff]`.
    pub(crate) realm: String,
    /// The `servers` of `[backend.rms]`.
    pub(crate) servers: String,
    /// Additional keys of `[backend.rms]`.
    pub(crate) backend: String,
    /// The keys of `[limits]`.
    pub(crate) limits: String,
    /// The audit log.
    pub(crate) audit: String,
    /// Additional tables: sites, realms, backends. Another site listens on `127.0.0.1:0` as the first does.
    pub(crate) more: String,
}

impl Default for TestConfig {
    fn default() -> Self {
        Self {
            top: "workers = 2".to_owned(),
            hosts: vec!["rms.corp.example"],
            tls: ("1.2", "1.3"),
            tls_more: String::new(),
            site: String::new(),
            paths: PATHS.to_owned(),
            realm: TestRealm::default().toml(),
            servers: r#"["{rms}"]"#.to_owned(),
            backend: String::new(),
            limits: String::new(),
            audit: "audit.jsonl".to_owned(),
            more: String::new(),
        }
    }
}

/// One echo path for each requirement, and the RMS services.
pub(crate) const PATHS: &str = r#"
[[site.path]]
path = "/ignore/echo"
client_certificate = "ignore"
max_body = "12MiB"

[[site.path]]
path = "/accept/echo"
client_certificate = "accept"
max_body = "12MiB"

[[site.path]]
path = "/require/echo"
client_certificate = "require"
max_body = "12MiB"

[[site.path]]
path = "/policy/echo"
client_certificate = "require"
certificate_policies = ["2.16.840.1.101.3.2.1.48.1"]

[[site.path]]
path = "/small/echo"
client_certificate = "ignore"
max_body = "1KiB"

[[site.path]]
path = "/_wmcs/certification/certification.asmx"
client_certificate = "require"

[[site.path]]
path = "/_wmcs/licensing/license.asmx"
client_certificate = "accept"
max_body = "12MiB"

[[site.path]]
path = "/_wmcs/licensing/publish.asmx"
client_certificate = "ignore"
max_body = "12MiB"
"#;

/// The keys of a realm. The default validates the test certificates with both usages, requires CRLs, and maps by UPN.
#[derive(Clone, Debug)]
pub(crate) struct TestRealm<'a> {
    pub(crate) trust_anchor: &'a str,
    /// The `extended_key_usage` list.
    pub(crate) usages: &'a str,
    pub(crate) revocation: &'a str,
    pub(crate) mapping: &'a str,
    /// The keys of the only identity issuer; empty for none.
    pub(crate) identity_issuer: &'a str,
    /// Additional keys and tables.
    pub(crate) more: &'a str,
}

impl Default for TestRealm<'_> {
    fn default() -> Self {
        Self {
            trust_anchor: "pki/root.pem",
            usages: r#"["client_auth", "smartcard_logon"]"#,
            revocation: r#"mode = "require", crl = ["pki/crl/"]"#,
            mapping: r#"order = ["upn"], strength = "weak""#,
            identity_issuer: r#"certificate = "pki/issuing.pem", upn_suffixes = ["corp.example"]"#,
            more: "",
        }
    }
}

impl TestRealm<'_> {
    /// Returns the keys below `[realm.NAME]`.
    pub(crate) fn toml(&self) -> String {
        let Self { trust_anchor, usages, revocation, mapping, identity_issuer, more } = self;
        let issuers = if identity_issuer.is_empty() {
            String::new()
        } else {
            format!("identity_issuers = [{{ {identity_issuer} }}]\n")
        };
        format!(
            "\ntrust_anchors = [\"{trust_anchor}\"]\nextended_key_usage = {usages}\nrevocation = {{ {revocation} }}\n\
             mapping = {{ {mapping} }}\n{issuers}{more}"
        )
    }
}

impl TestConfig {
    /// Returns the default configuration with this server as the only one of the backend.
    pub(crate) fn with_backend(server: SocketAddr) -> Self {
        Self { servers: format!("[\"http://{server}\"]"), ..Self::default() }
    }

    /// Returns the complete file; `rms` is the URL of the test RMS server.
    pub(crate) fn proxy_toml(&self, rms: &str) -> String {
        let Self {
            top,
            hosts,
            tls: (min, max),
            tls_more,
            site,
            paths,
            realm,
            servers,
            backend,
            limits,
            audit,
            more,
        } = self;
        let text = format!(
            r#"{top}

[audit]
file = "{audit}"

[admin]
listen = ["127.0.0.1:0"]

[limits]
{limits}

[[site]]
hosts = {hosts:?}
listen = ["127.0.0.1:0"]
http_listen = ["127.0.0.1:0"]
certificate = ["pki/server-ecdsa.pem", "pki/server-rsa.pem"]
private_key = ["pki/server-ecdsa.key", "pki/server-rsa.key"]
tls = {{ min = "{min}", max = "{max}"{tls_more} }}
realm = "staff"
backend = "rms"
{site}
{paths}

[realm.staff]
{realm}

[backend.rms]
servers = {servers}
{backend}

{more}
"#
        );
        text.replace("{rms}", rms)
    }
}
