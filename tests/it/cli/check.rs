//! `portcullis check`: errors and warnings about keys that contradict each other.

use super::CommandFolder;
use super::explain::{DIRECTORY, password_paths};
use crate::support::TestConfig;

/// Returns a folder whose first site has one more path rule, with these keys.
fn with_path(keys: &str) -> CommandFolder {
    let paths = format!("{}\n[[site.path]]\npath = \"/x/echo\"\n{keys}\n", TestConfig::default().paths);
    CommandFolder::with(&TestConfig { paths, ..TestConfig::default() })
}

#[test]
fn an_access_list_with_accounts_is_an_error_on_a_path_without_authentication() {
    for list in [
        r#"allow = { accounts = ['CORP\alice'] }"#,
        r#"allow = { accounts = ["alice@corp.example"], networks = ["10.0.0.0/8"] }"#,
        r#"deny = { issuers = ["pki/issuing.pem"] }"#,
    ] {
        let checked = with_path(&format!("client_certificate = \"ignore\"\n{list}")).run(&["check"]);
        checked.assert_usage_error("has no effect on anonymous requests, which this path allows");
        checked.assert_usage_error("or name `networks` only");
    }
    let checked = with_path("client_certificate = \"ignore\"\nallow = { networks = [\"10.0.0.0/8\"] }");
    assert_eq!(checked.run(&["check"]).code, 0);
}

#[test]
fn a_site_has_an_ipv6_address_in_brackets() {
    let folder = |host| {
        let hosts = vec!["rms.corp.example", host];
        CommandFolder::with(&TestConfig { hosts, ..TestConfig::default() })
    };
    let checked = folder("[2001:db8::1]").run(&["check"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
    let checked = folder("2001:db8::1").run(&["check"]);
    checked.assert_usage_error("write an IPv6 address in brackets: \"[2001:db8::1]\"");
}

#[test]
fn a_password_for_an_unmapped_certificate_is_a_warning_and_one_without_a_directory_an_error() {
    let outcome = password_paths(DIRECTORY).run(&["check"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("a user whose client certificate maps to no account may log in with a password here")
    );
    let outcome = password_paths("").run(&["check"]);
    assert_ne!(outcome.code, 0);
    assert!(
        outcome.stderr.contains("the site's realm has no directory to verify passwords"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("add a directory to the realm \"staff\""), "{}", outcome.stderr);
}

#[test]
fn a_realm_that_can_map_no_certificate_is_a_warning() {
    let realm = TestConfig::default().realm.replace("strength = \"weak\"", "strength = \"strong\"");
    let outcome = CommandFolder::with(&TestConfig { realm, ..TestConfig::default() }).run(&["check"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    for part in [
        "warning: the realm \"staff\" denies every client certificate: `mapping.strength` is \"strong\", and the realm has \
         neither a directory nor a rule for one certificate\n",
        "= help: add a [realm.staff.directory] table, or a [[realm.staff.rule]] with `certificate_sha256`",
    ] {
        assert!(outcome.stderr.contains(part), "{part}\n{}", outcome.stderr);
    }
    let outcome = CommandFolder::new().run(&["check"]);
    assert!(!outcome.stderr.contains("denies every client certificate"), "{}", outcome.stderr);
}
