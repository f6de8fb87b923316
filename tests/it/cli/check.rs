//! `portcullis check`: what would run, or every mistake.

use super::Desk;
use crate::support::Setup;

/// A desk whose first site has one more path, with these keys.
fn with_path(keys: &str) -> Desk {
    let paths = format!("{}\n[[site.path]]\npath = \"/x/echo\"\n{keys}\n", Setup::default().paths);
    Desk::with(&Setup { paths, ..Setup::default() })
}

#[test]
fn names_of_people_on_a_path_that_nobody_is_asked_on_are_a_mistake() {
    for list in [
        r#"allow = { accounts = ['CORP\alice'] }"#,
        r#"allow = { accounts = ["alice@corp.example"], networks = ["10.0.0.0/8"] }"#,
        r#"deny = { issuers = ["pki/issuing.pem"] }"#,
    ] {
        let checked = with_path(&format!("client_certificate = \"ignore\"\n{list}")).run(&["check"]);
        checked.assert_usage("cannot tell people apart on this path");
        checked.assert_usage("or name `networks` only");
    }
    let checked = with_path("client_certificate = \"ignore\"\nallow = { networks = [\"10.0.0.0/8\"] }");
    assert_eq!(checked.run(&["check"]).code, 0);
}
