//! `portcullis explain`: decisions, steps and headers, which are those of a running gateway.

use super::{CommandFolder, CommandOutput, run};
use crate::support::{PeopleDirectory, TestClient, TestConfig, TestGateway};
use serde_json::{Value, json};
use std::path::Path;

const HOST: &str = "https://rms.corp.example";

/// The paths of [`TestConfig::default`] that ignore, accept and require a certificate, and require one with a policy.
const PATHS: [&str; 4] = ["/ignore/echo", "/accept/echo", "/require/echo", "/policy/echo"];

/// The decision on each of [`PATHS`] for every test certificate; `""` stands for none.
const DECISIONS: [(&str, [&str; 4]); 18] = [
    ("", ["permit", "credentials-required", "certificate-required", "certificate-required"]),
    ("alice", ["permit", "permit", "permit", "permit"]),
    ("alice-rsa", ["permit", "permit", "permit", "permit"]),
    ("bob", rejected("certificate-revoked")),
    ("carol", rejected("certificate-expired")),
    ("dave", rejected("certificate-untrusted")),
    ("erin", rejected("certificate-not-yet-valid")),
    ("frank", rejected("not-mapped")),
    ("grace", ["permit", "permit", "permit", "certificate-not-sufficient"]),
    ("heidi", rejected("identity-conflict")),
    ("ivan", rejected("not-mapped")),
    ("judy", ["permit", "permit", "permit", "permit"]),
    ("ken", ["permit", "permit", "permit", "permit"]),
    ("leo", rejected("not-mapped")),
    ("mia", rejected("not-mapped")),
    ("mallory", rejected("certificate-untrusted")),
    ("critical", rejected("certificate-untrusted")),
    ("version-one", rejected("certificate-untrusted")),
];

const fn rejected(id: &str) -> [&str; 4] {
    ["permit", id, id, id]
}

fn explain(folder: &CommandFolder, path: &str, certificate: &str, more: &[&str]) -> CommandOutput {
    explain_in(folder.path(), path, certificate, more)
}

fn explain_in(folder: &Path, path: &str, certificate: &str, more: &[&str]) -> CommandOutput {
    let (url, chain) = (format!("{HOST}{path}"), format!("pki/cards/{certificate}.crt"));
    let chain: &[&str] = if certificate.is_empty() { &[] } else { &["--certificate", &chain] };
    run(folder, &[&["explain", "--url", &url], chain, more].concat())
}

fn json_of(folder: &CommandFolder, path: &str, certificate: &str, more: &[&str]) -> Value {
    explain(folder, path, certificate, &[more, &["--json"]].concat()).json()
}

#[test]
fn the_decision_and_the_exit_code_are_those_of_the_certificate_and_the_path() {
    let folder = CommandFolder::new();
    for (certificate, decisions) in DECISIONS {
        for (path, expected) in PATHS.iter().zip(decisions) {
            let outcome = explain(&folder, path, certificate, &["--json"]);
            assert_eq!(outcome.json()["response"]["decision"], expected, "{certificate} at {path}");
            assert_eq!(outcome.code, i32::from(expected != "permit"), "{certificate} at {path}");
        }
    }
}

#[tokio::test]
async fn every_decision_is_that_of_a_running_gateway() {
    let lab = TestGateway::start();
    for (certificate, _) in DECISIONS {
        let client = TestClient::new(&lab).tls12();
        let client = if certificate.is_empty() { client } else { client.certificate(certificate) };
        for path in PATHS {
            let response = client.get(path).await;
            let record = lab.record(&response.request_id()).await;
            let explanation = explain_in(lab.folder(), path, certificate, &["--json"]).json();
            assert_eq!(explanation["response"]["decision"], record["decision"], "{certificate} at {path}");
            assert_eq!(
                explanation["response"]["sub_status"], record["sub_status"],
                "{certificate} at {path}"
            );
            assert_eq!(explanation["response"]["detail"], record["detail"], "{certificate} at {path}");
            assert_eq!(
                (&explanation["canonical_path"], &explanation["rule"]["path"]),
                (&record["path"], &record["rule"])
            );
            let permitted = record["decision"] == "permit";
            let user = if permitted { response.received_header("x-remote-user") } else { Vec::new() };
            assert_eq!(
                header(&explanation["backend_request"], "x-remote-user"),
                user.first().map(String::as_str),
                "{certificate}"
            );
        }
    }
}

#[test]
fn the_trace_of_a_permit_has_every_step_from_the_path_rule_to_the_account() {
    let json = json_of(
        &CommandFolder::new(),
        "/_WMCS/certification/certification.asmx?wsdl",
        "alice",
        &["--method", "POST"],
    );
    assert_eq!(json["site"], "rms.corp.example");
    assert_eq!(json["listener"], "127.0.0.1:0");
    assert_eq!(json["canonical_path"], "/_wmcs/certification/certification.asmx");
    assert_eq!(json["rule"]["client_certificate"], "require");
    let certificate = &json["certificate"];
    assert_eq!((&certificate["status"], &certificate["realm"]), (&json!("evaluated"), &json!("staff")));
    let path = certificate["chain"]["paths"][0]["certificates"].as_array().unwrap();
    assert_eq!(path.len(), 4);
    assert_eq!(path[3]["subject"], "CN=Demo Root CA,OU=PKI,O=Corp Example");
    let usages = certificate["chain"]["paths"][0]["extended_key_usages"].as_array().unwrap();
    assert_eq!(usages[1], json!({"oid": "1.3.6.1.4.1.311.20.2.2", "name": "smartcard_logon"}));
    let revocation = certificate["revocation"]["certificates"].as_array().unwrap();
    assert_eq!(revocation.len(), 3);
    assert_eq!(revocation[0]["crls"][0]["source"], "pki/crl/issuing.crl");
    assert!(revocation[0]["crls"][0]["age_seconds"].is_u64());
    assert_eq!(
        certificate["mapping"]["steps"],
        json!([{"mapper": "upn", "values": ["alice@corp.example"], "result": "mapped"}])
    );
    assert_eq!(certificate["mapping"]["account"]["strength"], "weak");
    assert_eq!(
        json["response"],
        json!({
            "decision": "permit", "status": null, "sub_status": null, "detail": null, "redirect": null, "hint": null,
            "password_prompt": null,
        })
    );
}

#[test]
fn the_backend_request_has_the_identity_headers() {
    let folder = CommandFolder::with(&TestConfig {
        backend: "host = \"inner.corp.example\"".to_owned(),
        ..TestConfig::default()
    });
    let to_backend = &json_of(&folder, "/require/echo?a=/../b", "alice", &[])["backend_request"];
    assert_eq!(to_backend["target"], "/require/echo?a=/../b");
    assert_eq!(header(to_backend, "host"), Some("inner.corp.example"));
    assert_eq!(header(to_backend, "x-forwarded-host"), Some("rms.corp.example"));
    assert_eq!(header(to_backend, "x-remote-user"), Some("alice@corp.example"));
    assert_eq!(header(to_backend, "x-remote-mapping"), Some("upn; weak"));
    assert_eq!(to_backend["identity"], "headers");

    let anonymous = &json_of(&folder, "/ignore/echo", "alice", &[])["backend_request"];
    assert_eq!(anonymous["identity"], Value::Null);
    assert_eq!(header(anonymous, "x-forwarded-proto"), Some("https"));
    assert_eq!(header(anonymous, "x-remote-user"), None);
}

fn header<'a>(to_backend: &'a Value, name: &str) -> Option<&'a str> {
    let lines = to_backend["headers"].as_array()?;
    lines.iter().find(|line| line["name"] == name)?["value"].as_str()
}

#[test]
fn the_trace_of_a_revoked_certificate_has_the_crl_that_lists_it_and_no_account() {
    let json = json_of(&CommandFolder::new(), "/require/echo", "bob", &[]);
    assert_eq!(json["certificate"]["chain"]["valid"], true);
    let revocation = &json["certificate"]["revocation"];
    assert_eq!((&revocation["passed"], &revocation["mode"]), (&json!(false), &json!("require")));
    assert_eq!(revocation["certificates"][0]["status"], "revoked");
    assert_eq!(revocation["certificates"][0]["crls"][0]["source"], "pki/crl/issuing.crl");
    assert_eq!((&json["certificate"]["mapping"], &json["backend_request"]), (&json!(null), &json!(null)));
    assert_eq!((&json["response"]["status"], &json["response"]["sub_status"]), (&json!(403), &json!(13)));
}

#[test]
fn the_trace_of_a_request_that_is_rejected_before_authentication_has_no_certificate() {
    let folder = CommandFolder::new();
    for (path, method, expected, status) in [
        ("/nowhere", "GET", "path-not-found", 404),
        ("/_wmcs/licensing/license.asmx/x", "GET", "path-not-found", 404),
        ("/a%2fb", "GET", "invalid-path", 400),
        ("/a//b", "GET", "invalid-path", 400),
        ("/require/echo", "TRACE", "method-not-allowed", 405),
    ] {
        let json = json_of(&folder, path, "alice", &["--method", method]);
        assert_eq!(
            (&json["response"]["decision"], &json["response"]["status"]),
            (&json!(expected), &json!(status))
        );
        assert_eq!(json["certificate"], json!(null), "{path}");
    }
}

#[test]
fn a_request_over_plain_http_or_for_an_unknown_host_is_rejected() {
    let folder = CommandFolder::new();
    let plain = folder.run(&["explain", "--url", "http://rms.corp.example/require/echo"]);
    assert!(plain.stdout.contains("\nresponse: tls-required (403.4)\n"));
    let foreign = folder.run(&["explain", "--url", "https://other.example/require/echo", "--json"]);
    assert_eq!((foreign.code, &foreign.json()["response"]["decision"]), (1, &json!("misdirected-request")));
}

#[test]
fn the_response_of_a_redirect_has_its_target() {
    let folder = CommandFolder::with(&TestConfig {
        site: "http_action = \"redirect\"".to_owned(),
        ..TestConfig::default()
    });
    let json = folder.run(&["explain", "--url", "http://rms.corp.example/Require/Echo?q", "--json"]).json();
    assert_eq!(json["response"]["redirect"], "https://rms.corp.example/require/echo?q");
}

#[test]
fn a_missing_certificate_over_tls_1_3_has_a_hint_about_rsa_pss() {
    let hint = |tls| {
        let folder = CommandFolder::with(&TestConfig { tls, ..TestConfig::default() });
        json_of(&folder, "/require/echo", "", &[])["response"]["hint"].clone()
    };
    assert!(hint(("1.2", "1.3")).as_str().unwrap().contains("RSA-PSS"));
    assert_eq!(hint(("1.2", "1.2")), json!(null));
}

#[test]
fn the_headers_of_the_argument_affect_the_decision_and_are_forwarded() {
    let folder = CommandFolder::new();
    let cross_site = json_of(&folder, "/require/echo", "alice", &["--header", "Sec-Fetch-Site: cross-site"]);
    assert_eq!(cross_site["response"]["decision"], "cross-site-request");
    let headers = ["--header", "Cookie: a=1", "--header", "X-Remote-User: administrator"];
    let request = &json_of(&folder, "/require/echo", "alice", &headers)["backend_request"];
    assert_eq!(header(request, "cookie"), Some("(hidden)"));
    assert_eq!(header(request, "x-remote-user"), Some("alice@corp.example"));
    explain(&folder, "/require/echo", "alice", &["--header", "Cookie"]).assert_usage_error("NAME: VALUE");
}

#[test]
fn a_certificate_that_ends_the_handshake_is_rejected_on_a_path_that_ignores_certificates() {
    let folder = CommandFolder::with(&TestConfig {
        site: "on_bad_certificate = \"alert\"".to_owned(),
        ..TestConfig::default()
    });
    let decision = |certificate: &str| {
        json_of(&folder, "/ignore/echo", certificate, &[])["response"]["decision"].clone()
    };
    assert_eq!((decision("bob"), decision("alice")), (json!("certificate-revoked"), json!("permit")));
}

#[test]
fn a_rejection_by_a_tls_alert_has_the_hint_that_the_user_sees_no_error_page() {
    let folder = CommandFolder::with(&TestConfig {
        site: "on_bad_certificate = \"alert\"".to_owned(),
        ..TestConfig::default()
    });
    let hint = |certificate| json_of(&folder, "/require/echo", certificate, &[])["response"]["hint"].clone();
    assert!(hint("bob").as_str().unwrap().contains("TLS alert"));
    assert_eq!(hint("alice"), json!(null));
}

#[test]
fn the_request_is_evaluated_at_the_time_of_the_argument() {
    let json = json_of(&CommandFolder::new(), "/require/echo", "alice", &["--at", "2099-01-01T00:00:00Z"]);
    assert_eq!(json["evaluated_at"], "2099-01-01T00:00:00Z");
    assert_eq!(json["response"]["decision"], "certificate-expired");
}

#[test]
fn the_sections_of_the_text_are_in_the_order_of_the_request_pipeline() {
    let outcome = explain(&CommandFolder::new(), "/require/echo", "heidi", &[]);
    let headings: Vec<&str> =
        outcome.stdout.lines().filter(|line| line.starts_with(char::is_alphabetic)).collect();
    assert_eq!(
        headings,
        [
            "GET https://rms.corp.example/require/echo",
            "path rule /require/echo",
            "client certificate",
            "chain: valid",
            "revocation check (mode require): passed",
            "mapping: no account",
            "response: identity-conflict (403.12)",
        ]
    );
}

#[test]
fn an_error_names_the_argument_that_caused_it() {
    let folder = CommandFolder::new();
    folder.run(&["explain"]).assert_usage_error("--url");
    folder
        .run(&["explain", "--url", "/require/echo"])
        .assert_usage_error("\"/require/echo\" has no scheme or no host");
    explain(&folder, "/require/echo", "absent", &[]).assert_usage_error("cannot read pki/cards/absent.crt");
    explain(&folder, "/require/echo", "", &["--config", "no.toml"])
        .assert_usage_error("no.toml cannot be read");
    std::fs::write(folder.path().join("bad.toml"), "[[site]]\nhost = []\n").unwrap();
    explain(&folder, "/require/echo", "", &["--config", "bad.toml"]).assert_usage_error("--> bad.toml:2:1");
}

#[test]
fn a_leaf_that_is_not_a_certificate_is_malformed() {
    let folder = CommandFolder::new();
    let arguments =
        ["explain", "--url", "https://rms.corp.example/require/echo", "--certificate", "pki/crl/root.crl"];
    let json = folder.run(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(json["certificate"]["status"], "malformed");
    assert_eq!(json["response"]["decision"], "certificate-untrusted");
}

#[test]
fn the_port_selects_one_of_several_listeners() {
    let open = r#"
[[site]]
hosts = ["open.corp.example"]
listen = ["127.0.0.1:8443", "127.0.0.1:9443"]
certificate = ["pki/server-ecdsa.pem"]
private_key = ["pki/server-ecdsa.key"]
backend = "rms"
path = [{ path = "/open", client_certificate = "ignore" }]
"#;
    let folder = CommandFolder::with(&TestConfig { more: open.to_owned(), ..TestConfig::default() });
    let listener = |port| {
        let url = format!("https://open.corp.example{port}/open");
        folder.run(&["explain", "--url", &url, "--json"]).json()["listener"].clone()
    };
    assert_eq!(listener(":9443"), "127.0.0.1:9443");
    assert_eq!(listener(":8443"), "127.0.0.1:8443");
    assert_eq!(listener(""), "127.0.0.1:8443");
}

#[test]
fn the_trace_has_the_access_lists_and_the_kind_of_entry_that_permits_the_account() {
    let lists = r#"
[[site.path]]
path = "/x/echo"
client_certificate = "require"
allow = { groups = ["RMS Users", "S-1-5-21-1-2-3-512"], accounts = ["alice@corp.example"], networks = ["10.0.0.0/8"] }
deny = { issuers = ["pki/server-ca.pem"] }
"#;
    let paths = format!("{}{lists}", TestConfig::default().paths);
    let realm = TestConfig::default().realm.replace(r#"order = ["upn"]"#, r#"order = ["rule", "upn"]"#);
    let rule = "[[realm.staff.rule]]\nname = \"x\"\ncertificate = \"pki/issuing.pem\"\n\
                account = { user = \"x\", groups = [\"RMS Users\", \"S-1-5-21-1-2-3-512\"] }\n";
    let folder =
        CommandFolder::with(&TestConfig { paths, realm, more: rule.to_owned(), ..TestConfig::default() });

    let explanation = json_of(&folder, "/x/echo", "alice", &["--from", "10.1.2.3"]);
    assert_eq!(
        explanation["rule"]["allow"],
        json!({"groups": ["RMS Users", "S-1-5-21-1-2-3-512"], "accounts": ["alice@corp.example"],
               "issuers": [], "networks": ["10.0.0.0/8"]})
    );
    assert_eq!(explanation["rule"]["deny"]["issuers"].as_array().unwrap().len(), 1);
    assert_eq!(explanation["client"], "10.1.2.3");
    assert_eq!(
        explanation["authorization"],
        json!({"permitted": true, "by": "account", "group": null, "cause": null})
    );

    let explanation = json_of(&folder, "/x/echo", "judy", &["--from", "10.1.2.3"]);
    let cause = &explanation["response"]["detail"];
    assert_eq!(explanation["response"]["decision"], "access-denied");
    assert_eq!(
        explanation["authorization"],
        json!({"permitted": false, "by": null, "group": null, "cause": cause})
    );
    assert_eq!(explanation["certificate"]["mapping"]["account"]["user"], "judy@corp.example");

    // A request with a rejected certificate is never authorized.
    assert_eq!(json_of(&folder, "/x/echo", "bob", &["--from", "10.1.2.3"])["authorization"], Value::Null);
}

#[test]
fn an_access_list_of_networks_has_a_hint_if_no_address_is_specified() {
    let path = "\n[[site.path]]\npath = \"/x/echo\"\nclient_certificate = \"ignore\"\nallow = { networks = [\"10.0.0.0/8\"] }";
    let paths = format!("{}{path}", TestConfig::default().paths);
    let folder = CommandFolder::with(&TestConfig { paths, ..TestConfig::default() });
    let explanation = json_of(&folder, "/x/echo", "", &[]);
    assert_eq!(explanation["response"]["decision"], "access-denied");
    assert!(
        explanation["response"]["hint"].as_str().unwrap().contains("--from"),
        "{}",
        explanation["response"]
    );
    let explanation = json_of(&folder, "/x/echo", "", &["--from", "::ffff:10.0.0.1"]);
    assert_eq!(
        (&explanation["response"]["decision"], &explanation["authorization"]["by"]),
        (&json!("permit"), &Value::Null)
    );
    assert!(explain(&folder, "/x/echo", "", &["--from", "10.0.0.1"]).stdout.contains("allow"));
}

const PASSWORD_PATHS: &str = r#"
[[site.path]]
path = "/directory/echo"
client_certificate = "accept"
password = "directory"
unsafe_allow_password_for_unmapped_card = true

[[site.path]]
path = "/backend/echo"
client_certificate = "accept"
password = "backend"

[[site.path]]
path = "/never/echo"
client_certificate = "accept"
"#;

/// A directory that does not exist. The commands of these tests do not connect to it.
pub(super) const DIRECTORY: &str = r#"
[realm.staff.directory]
url = "ldaps://127.0.0.1:9"
ca = "pki/server-ca.pem"
bind_dn = "CN=svc-ldap,DC=corp,DC=example"
bind_password = { file = "ldap-password" }
base_dn = "DC=corp,DC=example"
"#;

/// Returns a folder with one path rule for each value of `password`, and these keys of the directory.
pub(super) fn password_paths(directory: &str) -> CommandFolder {
    let realm = TestConfig::default().realm + directory;
    let folder =
        CommandFolder::with(&TestConfig { paths: PASSWORD_PATHS.to_owned(), realm, ..TestConfig::default() });
    PeopleDirectory::write_bind_password(folder.path());
    folder
}

#[test]
fn the_password_prompt_names_the_server_that_prompts() {
    let folder = password_paths(DIRECTORY);
    for (path, password, unmapped, decision, prompt) in [
        ("/directory/echo", "directory", true, "credentials-required", json!("directory")),
        ("/backend/echo", "backend", false, "permit", json!("backend")),
        ("/never/echo", "never", false, "credentials-required", Value::Null),
    ] {
        let json = folder.run(&["explain", "--json", "--url", &format!("{HOST}{path}")]).json();
        assert_eq!(json["rule"]["password"], password);
        assert_eq!(json["rule"]["password_for_unmapped_card"], unmapped);
        assert_eq!(
            (&json["response"]["decision"], &json["response"]["password_prompt"]),
            (&json!(decision), &prompt)
        );
    }
    let text = folder.run(&["explain", "--url", "https://rms.corp.example/directory/echo"]).stdout;
    assert!(text.contains("directory, also for an unmapped certificate"), "{text}");
    assert!(text.contains("by the gateway (WWW-Authenticate: Basic)"), "{text}");
}
