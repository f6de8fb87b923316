//! Random configurations without a directory. They vary every key that a decision or the request to the backend depends on.

use crate::support::{TestConfig, TestRealm, TestRng, pki};

/// The paths of rules. A configuration may have any subset of them.
pub(super) const PATTERNS: [&str; 9] =
    ["/a/x.asmx", "/a/Plain", "/a/*", "/a/deep/*", "/a/deep/y.asmx", "/b/*", "/b/z.aspx", "/c", "/*"];

const NAMES: [&str; 3] = [
    r#"accounts = ["alice@corp.example", 'CORP\judy', "nobody@corp.example"]"#,
    r#"accounts = ["judy@CORP.example"]"#,
    r#"groups = ["Staff"]"#,
];

const NETWORKS: [&str; 3] =
    [r#"networks = ["127.0.0.0/8"]"#, r#"networks = ["127.0.0.2/32"]"#, r#"networks = ["10.0.0.0/8"]"#];

/// The extended key usages of the realm.
const USAGES: [&str; 2] = [r#"["client_auth"]"#, r#"["client_auth", "smartcard_logon"]"#];

/// Conditions on certificates.
const CONDITIONS: [&str; 4] = [
    r#"extended_key_usage = ["smartcard_logon"]"#,
    r#"certificate_policies = ["2.16.840.1.101.3.2.1.48.1"]"#,
    r#"issuers = ["pki/issuing.pem"]"#,
    r#"issuers = ["pki/server-ca.pem"]"#,
];

pub(super) struct RandomConfig {
    pub(super) toml: TestConfig,
    /// The client certificates that the random requests choose from.
    pub(super) cards: Vec<&'static str>,
}

/// Returns the name of every client certificate of the test PKI, and `"none"`.
fn every_card() -> Vec<&'static str> {
    pki().cards().iter().map(|card| card.name.as_str()).chain(["none"]).collect()
}

impl RandomConfig {
    pub(super) fn generate(rng: &mut TestRng) -> Self {
        let paths = |rng: &mut TestRng| -> String {
            let patterns = PATTERNS.into_iter().filter(|_| !rng.one_in(4)).collect::<Vec<_>>();
            patterns.into_iter().map(|pattern| path_rule(rng, pattern)).collect()
        };
        let site = site(rng);
        let toml = TestConfig {
            // With one worker, the records are in the order of the requests.
            top: "workers = 1".to_owned(),
            hosts: vec!["rms.corp.example", "*.rms.corp.example"],
            tls: ("1.2", *rng.choose(&["1.2", "1.3"])),
            site,
            paths: paths(rng),
            realm: realm(rng),
            backend: backend(rng),
            more: format!(
                r#"
[[site]]
hosts = ["localhost"]
listen = ["127.0.0.1:0"]
http_listen = ["127.0.0.1:0"]
certificate = ["pki/server-ecdsa.pem"]
private_key = ["pki/server-ecdsa.key"]
realm = "staff"
backend = "second"
{}

[backend.second]
servers = ["{{rms}}"]
{}
"#,
                paths(rng),
                backend(rng)
            ),
            ..TestConfig::default()
        };
        let mut cards = rng.sample(&every_card(), 5);
        cards.extend(["alice", "alice", "judy", "judy", "none"]);
        Self { toml, cards }
    }
}

fn site(rng: &mut TestRng) -> String {
    let mut keys = Vec::new();
    let options = [
        "default = true",
        "path_case = \"sensitive\"",
        "cross_site = \"allow\"",
        "http_action = \"redirect\"",
        "on_bad_certificate = \"alert\"",
    ];
    for option in options {
        if rng.one_in(4) {
            keys.push(option);
        }
    }
    keys.join("\n")
}

fn path_rule(rng: &mut TestRng, pattern: &str) -> String {
    let certificate = *rng.choose(&["ignore", "accept", "require", "require"]);
    let passthrough = certificate != "require" && rng.one_in(4);
    // A rule that permits requests without an identity cannot name accounts.
    let has_identity = certificate == "require" || (certificate == "accept" && !passthrough);
    let mut keys = vec![format!("path = \"{pattern}\""), format!("client_certificate = \"{certificate}\"")];
    if passthrough {
        keys.push("password = \"backend\"".to_owned());
        if certificate == "accept" && rng.one_in(2) {
            keys.push("unsafe_allow_password_for_unmapped_card = true".to_owned());
        }
    }
    if rng.one_in(3) {
        keys.push(format!(
            "methods = {:?}",
            rng.sample(&["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"], 4)
        ));
    }
    if rng.one_in(6) {
        keys.push("query = \"reject\"".to_owned());
    }
    if rng.one_in(4) {
        keys.push("max_body = \"100B\"".to_owned());
    }
    if rng.one_in(4) {
        keys.push(format!("cross_site = \"{}\"", rng.choose(&["reject", "allow"])));
    }
    if certificate != "ignore" && rng.one_in(4) {
        keys.push((*rng.choose(&CONDITIONS)).to_owned());
    }
    for list in ["allow", "deny"] {
        if !rng.one_in(6) {
            continue;
        }
        let mut entries = Vec::new();
        if has_identity && rng.one_in(2) {
            entries.push(*rng.choose(&NAMES));
        }
        if entries.is_empty() || rng.one_in(3) {
            entries.push(*rng.choose(&NETWORKS));
        }
        keys.push(format!("{list} = {{ {} }}", entries.join(", ")));
    }
    format!("\n[[site.path]]\n{}\n", keys.join("\n"))
}

fn realm(rng: &mut TestRng) -> String {
    let revocation = *rng.choose(&[
        r#"mode = "require", crl = ["pki/crl/"]"#,
        r#"mode = "require", crl = ["pki/crl/"]"#,
        r#"mode = "prefer", crl = ["pki/crl/root.crl"]"#,
        r#"mode = "require", crl = ["pki/crl/issuing.crl"]"#,
        r#"mode = "off""#,
    ]);
    let mapping = *rng.choose(&[
        r#"order = ["upn", "rule"], strength = "weak""#,
        r#"order = ["rule", "upn"], strength = "weak""#,
        r#"order = ["rule", "upn"], strength = "strong""#,
        r#"order = ["sid", "rule", "upn"], strength = "weak""#,
        r#"order = ["rule", "sid"], strength = "weak""#,
    ]);
    let rules = r#"
[[realm.staff.rule]]
name = "Judy"
issuer = "pki/issuing.pem"
subject = { CN = "judy" }
account = { user = 'CORP\judy', upn = "judy@corp.example", groups = ["Staff", "Visitors"] }

[[realm.staff.rule]]
name = "Ken"
issuer = "pki/issuing.pem"
subject = { CN = "Ken" }
deny = true

[[realm.staff.rule]]
name = "the others"
issuer = "pki/issuing.pem"
subject = { CN = "*i*" }
account = { user = "shared@corp.example", groups = ["Staff"] }
"#;
    let identity_issuer = *rng.choose(&[
        r#"certificate = "pki/issuing.pem", upn_suffixes = ["corp.example"]"#,
        r#"certificate = "pki/issuing.pem", upn_suffixes = ["corp.example"]"#,
        r#"certificate = "pki/issuing.pem", upn_suffixes = ["elsewhere.example"]"#,
    ]);
    TestRealm {
        usages: rng.choose::<&str>(&USAGES),
        revocation,
        mapping,
        identity_issuer,
        more: rules,
        ..TestRealm::default()
    }
    .toml()
}

fn backend(rng: &mut TestRng) -> String {
    let mut keys = Vec::new();
    if rng.one_in(2) {
        let sets = rng.sample(&["account", "rfc9440", "xfcc", "arr"], 4);
        let names = if rng.one_in(2) { r#", names = { user = "X-User", groups = "X-Teams" }"# } else { "" };
        let groups = if rng.one_in(2) { r#", send_groups = ["Staff"]"# } else { "" };
        if sets.contains(&"account") {
            keys.push(format!("headers = {{ sets = {sets:?}{names}{groups} }}"));
        } else {
            keys.push(format!("headers = {{ sets = {sets:?} }}"));
        }
    }
    if rng.one_in(3) {
        keys.push("host = \"inner.corp.example\"".to_owned());
    }
    keys.join("\n")
}
