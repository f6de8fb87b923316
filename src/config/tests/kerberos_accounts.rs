//! Accounts of rules that have no Kerberos principal for a backend.

use super::rendered;

/// A configuration whose one rule assigns `user`, before a backend with these keys of `kerberos`.
fn rendered_for(user: &str, kerberos: &str) -> String {
    rendered(&format!(
        r#"[[site]]
hosts = ["a.example"]
listen = ["0.0.0.0:443"]
certificate = ["a.pem"]
private_key = ["a.key"]
realm = "staff"
backend = "rms"
path = [{{ path = "/x", client_certificate = "require" }}]

[realm.staff]
trust_anchors = ["ca.pem"]
revocation = {{ crl = ["crl/"] }}

[[realm.staff.rule]]
name = "card"
certificate = "card.pem"
account = {{ user = '{user}' }}

[backend.rms]
servers = ["http://10.0.0.5"]
identity = "kerberos"
spn = "HTTP/rms.corp.example"
keytab = "gateway.keytab"
kerberos = {{ {kerberos} }}
"#
    ))
}

#[test]
fn an_account_of_another_domain_than_the_realms_is_an_error() {
    for (user, kerberos, message) in [
        (
            r"PARTNER\x",
            r#"realm = "CORP.EXAMPLE""#,
            r#"is not in the realm CORP.EXAMPLE, whose domain is "CORP""#,
        ),
        (r"CORP\x", r#"realm = "CORP.EXAMPLE", domain = "HQ""#, r#"whose domain is "HQ""#),
        (r"CORP\x", "", r#"no Kerberos realm is configured for the domain "CORP""#),
        ("x@corp.example", r#"realm = "CORP.EXAMPLE""#, "has no domain"),
        (r"CORP\x", r#"domain = "CORP""#, "`domain` does nothing"),
    ] {
        let text = rendered_for(user, kerberos);
        assert!(text.contains(message), "{user}, {kerberos}: {text}");
    }
}

#[test]
fn an_account_of_the_realms_domain_is_accepted() {
    for (user, kerberos) in [
        (r"CORP\x", r#"realm = "CORP.EXAMPLE""#),
        (r"corp.example\x", r#"realm = "CORP.EXAMPLE""#),
        (r"HQ\x", r#"realm = "CORP.EXAMPLE", domain = "HQ""#),
    ] {
        let text = rendered_for(user, kerberos);
        assert!(!text.contains("needs a Kerberos principal"), "{user}, {kerberos}: {text}");
    }
}
