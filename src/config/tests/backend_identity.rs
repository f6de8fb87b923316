//! The means by which backends learn the user's identity, and the errors that would disclose it.

use super::*;
use crate::config::schema::backend::HeaderSet;

const ASSERTION: &str = r#"
[assertion]
keys = ["new.key", "old.key"]
issuer = "https://gateway.corp.example"
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
    assert_eq!(assertion.issuer.unwrap().value, "https://gateway.corp.example");
    assert_eq!(assertion.lifetime.value, Duration::from_secs(120));
    assert!(document.backend[0].headers.sends(HeaderSet::Assertion));
}

#[test]
fn assertions_without_a_key_are_rejected() {
    assert_eq!(
        only_diagnostic(&with_headers(r#"{ sets = ["assertion"] }"#)),
        "Error backend.rms.headers.sets: the header set \"assertion\" needs a key to sign with \
         (add an [assertion] table with `keys` and `issuer`)"
    );
}

#[test]
fn an_assertion_lasts_at_most_five_minutes() {
    let text = with_headers(r#"{ sets = ["assertion"] }"#) + ASSERTION;
    let diagnostic = only_diagnostic(&text.replace("\"2m\"", "\"6m\""));
    assert!(diagnostic.starts_with("Error assertion.lifetime: "), "{diagnostic}");
}

#[test]
fn unused_assertion_keys_cause_a_warning() {
    assert_eq!(
        only_diagnostic(&(SMALLEST.to_owned() + ASSERTION)),
        "Warning assertion: no backend has the header set \"assertion\", so these keys are published and never used"
    );
    let text = format!("{}{ASSERTION}[admin]\nlisten = []\n", with_headers(r#"{ sets = ["assertion"] }"#));
    let diagnostic = only_diagnostic(&text);
    assert!(diagnostic.starts_with("Warning assertion: the admin listener is off"), "{diagnostic}");
}

#[test]
fn a_secret_has_a_name_and_a_file() {
    let text = with_headers(r#"{ secret = { name = "X-Gateway-Secret", file = "secret" } }"#);
    assert_eq!(rendered(&text), "");
    for (secret, missing) in
        [(r#"{ name = "X-Gateway-Secret" }"#, "file"), (r#"{ file = "secret" }"#, "name")]
    {
        let diagnostic = only_diagnostic(&with_headers(&format!("{{ secret = {secret} }}")));
        assert!(
            diagnostic.starts_with(&format!("Error backend.rms.headers.secret.{missing}: ")),
            "{diagnostic}"
        );
    }
}

#[test]
fn groups_that_are_not_sent_are_an_error() {
    let diagnostic = only_diagnostic(&with_headers(r#"{ sets = ["rfc9440"], send_groups = ["staff"] }"#));
    assert!(diagnostic.starts_with("Error backend.rms.headers.send_groups: "), "{diagnostic}");
}

#[test]
fn a_secret_in_plain_text_causes_a_warning() {
    let headers = r#"{ sets = [], secret = { name = "X-Gateway-Secret", file = "secret" } }"#;
    let diagnostic = only_diagnostic(&with_headers(headers).replace("10.0.0.5", "203.0.113.5"));
    assert!(diagnostic.contains("which is not on a private network"), "{diagnostic}");
}

const ISSUE: &str = r#"identity = "certificate"
ca = "servers.pem"
user_certificates = { certificate = "gateway-ca.pem", private_key = "gateway-ca.key", lifetime = "10m" }
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
        "a server that knows the user gets no headers unless they are configured"
    );
}

#[test]
fn user_certificates_need_tls() {
    let text = with_issue(r#""https://iis.corp.example", "http://10.0.0.5""#, ISSUE);
    let diagnostic = only_diagnostic(&text);
    assert!(
        diagnostic.starts_with("Error backend.rms.servers[1]: users' certificates cannot be sent"),
        "{diagnostic}"
    );
}

#[test]
fn user_certificates_need_a_ca_and_the_ca_is_for_them() {
    let https = r#""https://iis.corp.example""#;
    let without = only_diagnostic(&with_issue(https, "identity = \"certificate\"\nca = \"servers.pem\"\n"));
    assert!(
        without.starts_with("Error backend.rms.user_certificates: the key `user_certificates` is missing"),
        "{without}"
    );
    let idle = only_diagnostic(&with_issue(https, &ISSUE.replace("\"certificate\"\n", "\"headers\"\n")));
    assert!(
        idle.starts_with("Error backend.rms.user_certificates: `user_certificates` does nothing"),
        "{idle}"
    );
}

#[test]
fn a_user_certificate_never_lasts_for_hours() {
    for lifetime in ["30s", "2h"] {
        let text = with_issue(r#""https://iis.corp.example""#, &ISSUE.replace("10m", lifetime));
        let diagnostic = only_diagnostic(&text);
        assert!(diagnostic.starts_with("Error backend.rms.user_certificates.lifetime: "), "{diagnostic}");
    }
}

#[test]
fn an_identity_in_plain_text_to_a_public_address_causes_a_warning() {
    assert_eq!(
        only_diagnostic_with("http://10.0.0.5", "http://203.0.113.5"),
        "Warning backend.rms.servers[0]: the user's identity is sent in plain text to 203.0.113.5, which is not on a private \
         network (write https:// and `ca`, or reach the server over a network of your own)"
    );
    let kerberos =
        "servers = [\"http://[2001:db8::5]\"]\nidentity = \"kerberos\"\nspn = \"HTTP/rms\"\nkeytab = \"k\"";
    let diagnostic = only_diagnostic_with("servers = [\"http://10.0.0.5\"]", kerberos);
    assert!(diagnostic.contains("2001:db8::5, which is not on a private network"), "{diagnostic}");
}

#[test]
fn private_networks_names_tls_and_servers_without_identity_cause_no_warning() {
    for servers in [
        "servers = [\"http://192.168.1.5\", \"http://[fd00::5]\", \"http://169.254.1.1\"]",
        // A name is not resolved here, but by `check --online`.
        "servers = [\"http://rms.corp.example\"]",
        "servers = [\"https://203.0.113.5\"]\nca = \"pki/servers.pem\"",
        "servers = [\"http://203.0.113.5\"]\nheaders = { sets = [] }",
    ] {
        assert_eq!(rendered_with("servers = [\"http://10.0.0.5\"]", servers), "", "{servers}");
    }
}
