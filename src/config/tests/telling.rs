//! How backends are told who a user is, and what would tell it to others.

use super::*;
use crate::config::schema::backend::HeaderSet;

const ASSERTION: &str = r#"
[assertion]
keys = ["new.key", "old.key"]
issuer = "https://gate.corp.example"
lifetime = "2m"
"#;

fn with_headers(headers: &str) -> String {
    format!("{SMALLEST}headers = {headers}\n")
}

#[test]
fn assertions_are_signed_with_the_keys_of_their_table() {
    let text = with_headers(r#"{ sets = ["assertion"], send_groups = ["staff"] }"#) + ASSERTION;
    let (document, diagnostics) = ConfigDocument::parse("proxy.toml", &text);
    assert_eq!(diagnostics.render(Colour::Plain), "");
    let document = document.unwrap();
    let assertion = document.assertion.unwrap();
    let keys: Vec<_> = assertion.keys.iter().map(|key| key.value.display().to_string()).collect();
    assert_eq!(keys, ["new.key", "old.key"]);
    assert_eq!(assertion.issuer.unwrap().value, "https://gate.corp.example");
    assert_eq!(assertion.lifetime.value, Duration::from_secs(120));
    assert!(document.backend[0].headers.sends(HeaderSet::Assertion));
}

#[test]
fn assertions_without_a_key_are_refused() {
    assert_eq!(
        only_mistake(&with_headers(r#"{ sets = ["assertion"] }"#)),
        "Error backend.rms.headers.sets: the set \"assertion\" is sent, and there is no key to sign with \
         (add an [assertion] table with `keys` and `issuer`)"
    );
}

#[test]
fn an_assertion_is_never_believed_for_longer_than_five_minutes() {
    let text = with_headers(r#"{ sets = ["assertion"] }"#) + ASSERTION;
    let mistake = only_mistake(&text.replace("\"2m\"", "\"6m\""));
    assert!(mistake.starts_with("Error assertion.lifetime: "), "{mistake}");
}

#[test]
fn keys_that_nobody_reads_are_warned_of() {
    assert_eq!(
        only_mistake(&(SMALLEST.to_owned() + ASSERTION)),
        "Warning assertion: no backend is sent assertions, so these keys are only published"
    );
    let text = format!("{}{ASSERTION}[admin]\nlisten = []\n", with_headers(r#"{ sets = ["assertion"] }"#));
    let mistake = only_mistake(&text);
    assert!(mistake.starts_with("Warning assertion: the admin listener is off"), "{mistake}");
}

#[test]
fn a_secret_has_a_name_and_a_file() {
    let text = with_headers(r#"{ secret = { name = "X-Gate-Secret", file = "secret" } }"#);
    assert_eq!(rendered(&text), "");
    for (secret, missing) in [(r#"{ name = "X-Gate-Secret" }"#, "file"), (r#"{ file = "secret" }"#, "name")] {
        let mistake = only_mistake(&with_headers(&format!("{{ secret = {secret} }}")));
        assert!(mistake.starts_with(&format!("Error backend.rms.headers.secret.{missing}: ")), "{mistake}");
    }
}

#[test]
fn groups_that_nobody_is_told_are_a_mistake() {
    let mistake = only_mistake(&with_headers(r#"{ sets = ["rfc9440"], send_groups = ["staff"] }"#));
    assert!(mistake.starts_with("Error backend.rms.headers.send_groups: "), "{mistake}");
}

#[test]
fn a_secret_in_the_clear_is_warned_of() {
    let headers = r#"{ sets = [], secret = { name = "X-Gate-Secret", file = "secret" } }"#;
    let mistake = only_mistake(&with_headers(headers).replace("10.0.0.5", "203.0.113.5"));
    assert!(mistake.contains("which is not on a private network"), "{mistake}");
}

const ISSUE: &str = r#"identity = "certificate"
ca = "servers.pem"
user_certificates = { certificate = "gate-ca.pem", private_key = "gate-ca.key", lifetime = "10m" }
"#;

fn with_issue(servers: &str, keys: &str) -> String {
    let backend = format!("servers = [{servers}]\n{keys}");
    SMALLEST.replace("servers = [\"http://10.0.0.5\"]\n", &backend)
}

#[test]
fn certificates_are_issued_by_the_ca_of_the_backend() {
    let text = with_issue(r#""https://iis.corp.example""#, ISSUE);
    let (document, diagnostics) = ConfigDocument::parse("proxy.toml", &text);
    assert_eq!(diagnostics.render(Colour::Plain), "");
    let document = document.unwrap();
    let backend = &document.backend[0];
    let issue = backend.user_certificates.as_ref().unwrap();
    assert_eq!(issue.lifetime.value, Duration::from_secs(600));
    assert_eq!(issue.backdate.value, Duration::from_secs(60));
    assert!(
        backend.headers.sets.is_empty(),
        "a server that knows the user gets no headers unless they are asked for"
    );
}

#[test]
fn certificates_cannot_be_shown_without_tls() {
    let text = with_issue(r#""https://iis.corp.example", "http://10.0.0.5""#, ISSUE);
    let mistake = only_mistake(&text);
    assert!(
        mistake.starts_with("Error backend.rms.servers[1]: users' certificates cannot be shown"),
        "{mistake}"
    );
}

#[test]
fn certificates_need_a_ca_and_a_ca_is_for_certificates() {
    let https = r#""https://iis.corp.example""#;
    let without = only_mistake(&with_issue(https, "identity = \"certificate\"\nca = \"servers.pem\"\n"));
    assert!(
        without.starts_with("Error backend.rms.user_certificates: the key `user_certificates` is missing"),
        "{without}"
    );
    let idle = only_mistake(&with_issue(https, &ISSUE.replace("\"certificate\"\n", "\"headers\"\n")));
    assert!(
        idle.starts_with("Error backend.rms.user_certificates: `user_certificates` does nothing"),
        "{idle}"
    );
}

#[test]
fn a_certificate_never_counts_for_hours() {
    for lifetime in ["30s", "2h"] {
        let text = with_issue(r#""https://iis.corp.example""#, &ISSUE.replace("10m", lifetime));
        let mistake = only_mistake(&text);
        assert!(mistake.starts_with("Error backend.rms.user_certificates.lifetime: "), "{mistake}");
    }
}
