//! The errors about `allow` and `deny` lists that would permit or deny other requests than intended.

use super::{SMALLEST, only_diagnostic, rendered};

/// The smallest file with a directory.
fn with_directory() -> String {
    let directory = r#"
[realm.staff.directory]
url = "ldaps://dc1.corp.example"
ca = "pki/directory-ca.pem"
bind_dn = "CN=svc,DC=corp,DC=example"
bind_password = { file = "password" }
base_dn = "DC=corp,DC=example"

[backend.rms]"#;
    let sid_domains = "sid_domains = [\"S-1-5-21-1-2-3\"], upn_suffixes";
    SMALLEST.replacen("[backend.rms]", directory, 1).replacen("upn_suffixes", sid_domains, 1)
}

/// The one diagnostic about these keys on a path that requires a client certificate.
fn of_path(keys: &str) -> String {
    only_diagnostic(&with_directory().replacen("path = ", &format!("{keys}\npath = "), 1))
}

#[test]
fn lists_of_every_kind_are_read() {
    let keys = r#"
allow = { groups = ["RMS Users", "S-1-5-21-1-2-3-512"], accounts = ['CORP\älice', "bob@corp.example"], issuers = ["a.pem"], networks = ["10.0.0.0/8", "2001:db8::1"] }
deny = { groups = ["Contractors"], accounts = ["S-1-5-21-1-2-3-1104"], issuers = ["b.pem"], networks = ["10.9.0.0/16"] }
path = "#;
    assert_eq!(rendered(&with_directory().replacen("path = ", keys, 1)), "");
}

#[test]
fn an_empty_list_is_rejected() {
    for (keys, expected) in [
        ("allow = {}", "Error site[0].path[0].allow: `allow` has no groups"),
        ("deny = {}", "Error site[0].path[0].deny: `deny` has no groups"),
        (
            "allow = { groups = [] }",
            "Error site[0].path[0].allow.groups: `groups` is empty: it allows no request",
        ),
        (
            "deny = { networks = [] }",
            "Error site[0].path[0].deny.networks: `networks` is empty: it denies no request",
        ),
        ("allow = []", "Error site[0].path[0].allow: expected a table, found an array"),
        ("allow = { group = [\"a\"] }", "Error site[0].path[0].allow.group: unknown key `group`"),
    ] {
        let diagnostic = of_path(keys);
        assert!(diagnostic.starts_with(expected), "{diagnostic}");
    }
}

#[test]
fn an_impossible_name_is_rejected() {
    for (entry, expected) in [
        ("S-1-5-21-x", "is not a security identifier"),
        ("s-1-5-21-1-2-3-512", "is not a security identifier"),
        ("S-1-5-21-01-2-3-512", "is not a security identifier"),
        // Authorities of this size and above are written in hexadecimal.
        ("S-1-4294967296-1", "is not a security identifier"),
        (" Staff", "\" Staff\" begins or ends with a space"),
        ("alice @corp.example", "\"alice \" in \"alice @corp.example\" begins or ends with a space"),
        ("alice@corp.example ", "begins or ends with a space"),
        ("CORP \\\\alice", "\"CORP \" in \"CORP \\\\alice\" begins or ends with a space"),
        ("", "the text is empty"),
    ] {
        let diagnostic = of_path(&format!("allow = {{ groups = [\"{entry}\"] }}"));
        assert!(diagnostic.contains(expected), "{diagnostic}");
    }
}

#[test]
fn a_network_with_other_addresses_than_it_seems_to_have_is_rejected() {
    for (network, expected) in [
        (
            "10.1.2.3/8",
            "10.1.2.3/8 has bits beyond its prefix (write \"10.0.0.0/8\" for the network, or \"10.1.2.3\"",
        ),
        ("::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104 contains no client"),
        ("10.0.0.0/33", "\"10.0.0.0/33\" is not a network"),
        ("corp.example", "\"corp.example\" is not a network"),
    ] {
        let diagnostic = of_path(&format!("allow = {{ networks = [\"{network}\"] }}"));
        assert!(diagnostic.contains(expected), "{diagnostic}");
    }
}

#[test]
fn a_group_with_a_domain_is_rejected_unless_a_rule_assigns_it() {
    let path = r#"allow = { groups = ['CORP\Staff'] }"#;
    assert_eq!(
        of_path(path),
        "Error site[0].path[0].allow.groups: no group has the name \"CORP\\\\Staff\" \
         (write the name without its domain, or the security identifier, S-1-5-21-…)"
    );
    let rule = r#"
[[realm.staff.rule]]
name = "alice"
certificate = "alice.pem"
account = { user = 'CORP\alice', groups = ['corp\staff'] }
"#;
    let text = with_directory().replacen("path = ", &format!("{path}\npath = "), 1);
    assert_eq!(rendered(&format!("{text}{rule}")), "");
}

#[test]
fn a_group_that_no_rule_assigns_is_rejected_without_a_directory() {
    for list in ["allow", "deny"] {
        let keys = format!("{list} = {{ groups = [\"Staff\"] }}\npath = ");
        assert_eq!(
            only_diagnostic(&SMALLEST.replacen("path = ", &keys, 1)),
            format!(
                "Error site[0].path[0].{list}.groups: no rule of the realm assigns the group \"Staff\", and the realm \
                 has no directory (assign it in the `account` of a rule, or add a directory to the realm)"
            )
        );
    }
}
