//! `portcullis explain`.

use super::{Desk, Outcome, run};
use crate::support::{Client, Lab, Setup};
use serde_json::{Value, json};
use std::path::Path;

const HOST: &str = "https://rms.corp.example";

/// Of [`Setup::default`]: ignore, accept, require, and require with a policy.
const PATHS: [&str; 4] = ["/ignore/echo", "/accept/echo", "/require/echo", "/policy/echo"];

/// What a card gets on these paths.
const CARDS: [(&str, [&str; 4]); 18] = [
    ("", ["permit", "credentials-required", "certificate-required", "certificate-required"]),
    ("alice", ["permit", "permit", "permit", "permit"]),
    ("alice-rsa", ["permit", "permit", "permit", "permit"]),
    ("bob", refused("certificate-revoked")),
    ("carol", refused("certificate-expired")),
    ("dave", refused("certificate-untrusted")),
    ("erin", refused("certificate-not-yet-valid")),
    ("frank", refused("not-mapped")),
    ("grace", ["permit", "permit", "permit", "certificate-not-sufficient"]),
    ("heidi", refused("identity-conflict")),
    ("ivan", refused("not-mapped")),
    ("judy", ["permit", "permit", "permit", "permit"]),
    ("ken", ["permit", "permit", "permit", "permit"]),
    ("leo", refused("not-mapped")),
    ("mia", refused("not-mapped")),
    ("mallory", refused("certificate-untrusted")),
    ("critical", refused("certificate-untrusted")),
    ("version-one", refused("certificate-untrusted")),
];

const fn refused(id: &str) -> [&str; 4] {
    ["permit", id, id, id]
}

fn explain(desk: &Desk, path: &str, card: &str, more: &[&str]) -> Outcome {
    explain_in(desk.path(), path, card, more)
}

fn explain_in(folder: &Path, path: &str, card: &str, more: &[&str]) -> Outcome {
    let (url, chain) = (format!("{HOST}{path}"), format!("pki/cards/{card}.crt"));
    let card: &[&str] = if card.is_empty() { &[] } else { &["--certificate", &chain] };
    run(folder, &[&["explain", "--url", &url], card, more].concat())
}

fn json_of(desk: &Desk, path: &str, card: &str, more: &[&str]) -> Value {
    explain(desk, path, card, &[more, &["--json"]].concat()).json()
}

#[test]
fn every_card_gets_its_answer_and_the_exit_code_that_goes_with_it() {
    let desk = Desk::new();
    for (card, answers) in CARDS {
        for (path, expected) in PATHS.iter().zip(answers) {
            let outcome = explain(&desk, path, card, &["--json"]);
            assert_eq!(outcome.json()["response"]["decision"], expected, "{card} at {path}");
            assert_eq!(outcome.code, i32::from(expected != "permit"), "{card} at {path}");
        }
    }
}

#[tokio::test]
async fn every_answer_is_the_one_that_a_running_gate_gives() {
    let lab = Lab::start();
    for (card, _) in CARDS {
        let client = Client::new(&lab).tls12();
        let client = if card.is_empty() { client } else { client.card(card) };
        for path in PATHS {
            let answer = client.get(path).await;
            let record = lab.record(&answer.request_id()).await;
            let told = explain_in(lab.folder(), path, card, &["--json"]).json();
            assert_eq!(told["response"]["decision"], record["decision"], "{card} at {path}");
            assert_eq!(told["response"]["sub_status"], record["sub_status"], "{card} at {path}");
            assert_eq!(told["response"]["detail"], record["detail"], "{card} at {path}");
            assert_eq!((&told["canonical_path"], &told["rule"]["path"]), (&record["path"], &record["rule"]));
            let permitted = record["decision"] == "permit";
            let user = if permitted { answer.seen("x-remote-user") } else { Vec::new() };
            assert_eq!(
                header(&told["backend_request"], "x-remote-user"),
                user.first().map(String::as_str),
                "{card}"
            );
        }
    }
}

#[test]
fn a_permit_is_told_from_the_rule_to_the_headers() {
    let json =
        json_of(&Desk::new(), "/_WMCS/certification/certification.asmx?wsdl", "alice", &["--method", "POST"]);
    assert_eq!(json["site"], "rms.corp.example");
    assert_eq!(json["listener"], "127.0.0.1:0");
    assert_eq!(json["canonical_path"], "/_wmcs/certification/certification.asmx");
    assert_eq!(json["rule"]["client_certificate"], "require");
    let card = &json["certificate"];
    assert_eq!((&card["status"], &card["realm"]), (&json!("evaluated"), &json!("staff")));
    let path = card["chain"]["paths"][0]["certificates"].as_array().unwrap();
    assert_eq!(path.len(), 4);
    assert_eq!(path[3]["subject"], "CN=Demo Root CA,OU=PKI,O=Corp Example");
    let usages = card["chain"]["paths"][0]["extended_key_usages"].as_array().unwrap();
    assert_eq!(usages[1], json!({"oid": "1.3.6.1.4.1.311.20.2.2", "name": "smartcard_logon"}));
    let revocation = card["revocation"]["certificates"].as_array().unwrap();
    assert_eq!(revocation.len(), 3);
    assert_eq!(revocation[0]["crls"][0]["source"], "pki/crl/issuing.crl");
    assert!(revocation[0]["crls"][0]["age_seconds"].is_u64());
    assert_eq!(
        card["mapping"]["steps"],
        json!([{"mapper": "upn", "values": ["alice@corp.example"], "result": "mapped"}])
    );
    assert_eq!(card["mapping"]["account"]["strength"], "weak");
    assert_eq!(
        json["response"],
        json!({
            "decision": "permit", "status": null, "sub_status": null, "detail": null, "redirect": null, "hint": null,
            "password_prompt": null,
        })
    );
}

#[test]
fn the_backend_is_told_who_comes_in_the_gates_own_headers() {
    let desk = Desk::with(&Setup { backend: "host = \"inner.corp.example\"".to_owned(), ..Setup::default() });
    let to_backend = &json_of(&desk, "/require/echo?a=/../b", "alice", &[])["backend_request"];
    assert_eq!(to_backend["target"], "/require/echo?a=/../b");
    assert_eq!(header(to_backend, "host"), Some("inner.corp.example"));
    assert_eq!(header(to_backend, "x-forwarded-host"), Some("rms.corp.example"));
    assert_eq!(header(to_backend, "x-remote-user"), Some("alice@corp.example"));
    assert_eq!(header(to_backend, "x-remote-mapping"), Some("upn; weak"));
    assert_eq!(to_backend["identity"], "headers");

    let anonymous = &json_of(&desk, "/ignore/echo", "alice", &[])["backend_request"];
    assert_eq!(anonymous["identity"], Value::Null);
    assert_eq!(header(anonymous, "x-forwarded-proto"), Some("https"));
    assert_eq!(header(anonymous, "x-remote-user"), None);
}

fn header<'a>(to_backend: &'a Value, name: &str) -> Option<&'a str> {
    let lines = to_backend["headers"].as_array()?;
    lines.iter().find(|line| line["name"] == name)?["value"].as_str()
}

#[test]
fn a_revoked_card_is_told_with_the_crl_that_lists_it_and_nobody_is_named() {
    let json = json_of(&Desk::new(), "/require/echo", "bob", &[]);
    assert_eq!(json["certificate"]["chain"]["valid"], true);
    let revocation = &json["certificate"]["revocation"];
    assert_eq!((&revocation["passed"], &revocation["mode"]), (&json!(false), &json!("require")));
    assert_eq!(revocation["certificates"][0]["status"], "revoked");
    assert_eq!(revocation["certificates"][0]["crls"][0]["source"], "pki/crl/issuing.crl");
    assert_eq!((&json["certificate"]["mapping"], &json["backend_request"]), (&json!(null), &json!(null)));
    assert_eq!((&json["response"]["status"], &json["response"]["sub_status"]), (&json!(403), &json!(13)));
}

#[test]
fn what_ends_the_road_before_the_card_is_told_without_one() {
    let desk = Desk::new();
    for (path, method, expected, status) in [
        ("/nowhere", "GET", "path-not-found", 404),
        ("/_wmcs/licensing/license.asmx/x", "GET", "path-not-found", 404),
        ("/a%2fb", "GET", "invalid-path", 400),
        ("/a//b", "GET", "invalid-path", 400),
        ("/require/echo", "TRACE", "method-not-allowed", 405),
    ] {
        let json = json_of(&desk, path, "alice", &["--method", method]);
        assert_eq!(
            (&json["response"]["decision"], &json["response"]["status"]),
            (&json!(expected), &json!(status))
        );
        assert_eq!(json["certificate"], json!(null), "{path}");
    }
}

#[test]
fn plain_http_and_foreign_hosts_are_explained_too() {
    let desk = Desk::new();
    let plain = desk.run(&["explain", "--url", "http://rms.corp.example/require/echo"]);
    assert!(plain.stdout.contains("\nresponse: tls-required (403.4)\n"));
    let foreign = desk.run(&["explain", "--url", "https://other.example/require/echo", "--json"]);
    assert_eq!((foreign.code, &foreign.json()["response"]["decision"]), (1, &json!("misdirected-request")));
}

#[test]
fn a_redirect_is_told_with_where_it_leads() {
    let desk = Desk::with(&Setup { site: "http_action = \"redirect\"".to_owned(), ..Setup::default() });
    let json = desk.run(&["explain", "--url", "http://rms.corp.example/Require/Echo?q", "--json"]).json();
    assert_eq!(json["response"]["redirect"], "https://rms.corp.example/require/echo?q");
}

#[test]
fn a_silent_card_under_tls_1_3_is_told_as_a_possible_cause() {
    let hint = |tls| {
        let desk = Desk::with(&Setup { tls, ..Setup::default() });
        json_of(&desk, "/require/echo", "", &[])["response"]["hint"].clone()
    };
    assert!(hint(("1.2", "1.3")).as_str().unwrap().contains("RSA-PSS"));
    assert_eq!(hint(("1.2", "1.2")), json!(null));
}

#[test]
fn a_site_that_alerts_on_a_bad_certificate_is_told_to_show_no_page() {
    let desk = Desk::with(&Setup { site: "on_bad_certificate = \"alert\"".to_owned(), ..Setup::default() });
    let hint = |card| json_of(&desk, "/require/echo", card, &[])["response"]["hint"].clone();
    assert!(hint("bob").as_str().unwrap().contains("TLS alert"));
    assert_eq!(hint("alice"), json!(null));
}

#[test]
fn the_time_to_judge_at_is_taken_from_the_arguments() {
    let json = json_of(&Desk::new(), "/require/echo", "alice", &["--at", "2099-01-01T00:00:00Z"]);
    assert_eq!(json["evaluated_at"], "2099-01-01T00:00:00Z");
    assert_eq!(json["response"]["decision"], "certificate-expired");
}

#[test]
fn people_read_the_road_from_the_request_to_the_answer() {
    let outcome = explain(&Desk::new(), "/require/echo", "heidi", &[]);
    let headings: Vec<&str> =
        outcome.stdout.lines().filter(|line| line.starts_with(char::is_alphabetic)).collect();
    assert_eq!(
        headings,
        [
            "GET https://rms.corp.example/require/echo",
            "path rule /require/echo",
            "client certificate",
            "chain: valid",
            "revocation (mode require): passed",
            "mapping: no account",
            "response: identity-conflict (403.12)",
        ]
    );
}

#[test]
fn what_cannot_be_read_or_understood_is_named() {
    let desk = Desk::new();
    desk.run(&["explain"]).assert_usage("--url");
    desk.run(&["explain", "--url", "/require/echo"]).assert_usage("the URL needs a scheme and a host");
    explain(&desk, "/require/echo", "nobody", &[]).assert_usage("cannot read pki/cards/nobody.crt");
    explain(&desk, "/require/echo", "", &["--config", "no.toml"]).assert_usage("no.toml cannot be read");
    std::fs::write(desk.path().join("bad.toml"), "[[site]]\nhost = []\n").unwrap();
    explain(&desk, "/require/echo", "", &["--config", "bad.toml"]).assert_usage("--> bad.toml:2:1");
}

#[test]
fn a_leaf_that_is_no_certificate_is_refused_as_unreadable() {
    let desk = Desk::new();
    let arguments =
        ["explain", "--url", "https://rms.corp.example/require/echo", "--certificate", "pki/crl/root.crl"];
    let json = desk.run(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(json["certificate"]["status"], "malformed");
    assert_eq!(json["response"]["decision"], "certificate-untrusted");
}

#[test]
fn the_port_chooses_among_several_listeners_of_one_host() {
    let open = r#"
[[site]]
hosts = ["open.corp.example"]
listen = ["127.0.0.1:8443", "127.0.0.1:9443"]
certificate = ["pki/server-ecdsa.pem"]
private_key = ["pki/server-ecdsa.key"]
backend = "rms"
path = [{ path = "/open", client_certificate = "ignore" }]
"#;
    let desk = Desk::with(&Setup { more: open.to_owned(), ..Setup::default() });
    let listener = |port| {
        let url = format!("https://open.corp.example{port}/open");
        desk.run(&["explain", "--url", &url, "--json"]).json()["listener"].clone()
    };
    assert_eq!(listener(":9443"), "127.0.0.1:9443");
    assert_eq!(listener(":8443"), "127.0.0.1:8443");
    assert_eq!(listener(""), "127.0.0.1:8443");
}

#[test]
fn who_is_let_in_is_told_with_the_lists_and_by_what() {
    let lists = r#"
[[site.path]]
path = "/x/echo"
client_certificate = "require"
allow = { groups = ["RMS Users", "S-1-5-21-1-2-3-512"], accounts = ["alice@corp.example"], networks = ["10.0.0.0/8"] }
deny = { issuers = ["pki/server-ca.pem"] }
"#;
    let paths = format!("{}{lists}", Setup::default().paths);
    let realm = Setup::default().realm.replace(r#"order = ["upn"]"#, r#"order = ["rule", "upn"]"#);
    let rule = "[[realm.staff.rule]]\nname = \"x\"\ncertificate = \"pki/issuing.pem\"\n\
                account = { user = \"x\", groups = [\"RMS Users\", \"S-1-5-21-1-2-3-512\"] }\n";
    let desk = Desk::with(&Setup { paths, realm, more: rule.to_owned(), ..Setup::default() });

    let told = json_of(&desk, "/x/echo", "alice", &["--from", "10.1.2.3"]);
    assert_eq!(
        told["rule"]["allow"],
        json!({"groups": ["RMS Users", "S-1-5-21-1-2-3-512"], "accounts": ["alice@corp.example"],
               "issuers": [], "networks": ["10.0.0.0/8"]})
    );
    assert_eq!(told["rule"]["deny"]["issuers"].as_array().unwrap().len(), 1);
    assert_eq!(told["client"], "10.1.2.3");
    assert_eq!(
        told["authorization"],
        json!({"permitted": true, "by": "account", "group": null, "cause": null})
    );

    let told = json_of(&desk, "/x/echo", "judy", &["--from", "10.1.2.3"]);
    let cause = &told["response"]["detail"];
    assert_eq!(told["response"]["decision"], "access-denied");
    assert_eq!(told["authorization"], json!({"permitted": false, "by": null, "group": null, "cause": cause}));
    assert_eq!(told["certificate"]["mapping"]["account"]["user"], "judy@corp.example");

    // A bad card never gets so far.
    assert_eq!(json_of(&desk, "/x/echo", "bob", &["--from", "10.1.2.3"])["authorization"], Value::Null);
}

#[test]
fn where_the_address_counts_and_none_is_named_that_is_said() {
    let path = "\n[[site.path]]\npath = \"/x/echo\"\nclient_certificate = \"ignore\"\nallow = { networks = [\"10.0.0.0/8\"] }";
    let paths = format!("{}{path}", Setup::default().paths);
    let desk = Desk::with(&Setup { paths, ..Setup::default() });
    let told = json_of(&desk, "/x/echo", "", &[]);
    assert_eq!(told["response"]["decision"], "access-denied");
    assert!(told["response"]["hint"].as_str().unwrap().contains("--from"), "{}", told["response"]);
    let told = json_of(&desk, "/x/echo", "", &["--from", "::ffff:10.0.0.1"]);
    assert_eq!(
        (&told["response"]["decision"], &told["authorization"]["by"]),
        (&json!("permit"), &Value::Null)
    );
    assert!(explain(&desk, "/x/echo", "", &["--from", "10.0.0.1"]).stdout.contains("allow"));
}
