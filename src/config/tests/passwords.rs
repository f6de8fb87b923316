//! The errors about passwords that would have another effect than they seem to.

use super::{SMALLEST, only_diagnostic, smallest};
use crate::config::schema::ConfigDocument;
use crate::policy::PasswordRule;
use std::time::Duration;

const REQUIRE: &str = "client_certificate = \"require\"";

/// The smallest file with these lines on its path, and these tables at its end.
fn with(path: &str, tables: &str) -> String {
    format!("{}{tables}", SMALLEST.replacen(REQUIRE, path, 1))
}

#[test]
fn passwords_are_rejected_by_default() {
    let document = smallest();
    let rule = document.site[0].path[0].clone();
    assert_eq!(rule.password.value, PasswordRule::Never);
    assert!(!rule.unsafe_allow_password_for_unmapped_card.value);
    let passwords = document.realm[0].passwords.clone();
    assert_eq!((passwords.max_failures_per_account.value, passwords.max_failures_per_address.value), (3, 20));
    let minutes = |count: u64| Duration::from_secs(count * 60);
    assert_eq!((passwords.window.value, passwords.cache_ttl.value), (minutes(15), minutes(1)));
}

#[test]
fn a_path_that_requires_a_certificate_accepts_no_password() {
    for password in ["directory", "backend"] {
        assert_eq!(
            only_diagnostic(&with(&format!("{REQUIRE}\npassword = \"{password}\""), "")),
            "Error site[0].path[0].password: no password is accepted on a path that requires a client certificate \
             (write client_certificate = \"accept\", or remove `password`)"
        );
    }
}

#[test]
fn a_path_that_ignores_certificates_may_accept_passwords() {
    let path = "client_certificate = \"ignore\"\npassword = \"directory\"";
    assert!(!ConfigDocument::parse("proxy.toml", &with(path, "")).1.has_errors());
}

#[test]
fn a_site_that_accepts_passwords_needs_a_realm() {
    let path = "client_certificate = \"ignore\"\npassword = \"directory\"";
    let text = with(path, "").replacen("realm = \"staff\"", "", 1);
    let text = text.split("[realm.staff]").next().unwrap().to_owned();
    assert_eq!(
        only_diagnostic(&format!("{text}\n[backend.rms]\nservers = [\"http://10.0.0.5\"]")),
        "Error site[0].realm: the site accepts passwords and has no realm whose directory verifies them \
         (add `realm = \"staff\"` and a [realm.staff] table)"
    );
}

#[test]
fn limits_of_passwords_that_no_path_accepts_are_an_error() {
    assert_eq!(
        only_diagnostic(&with(REQUIRE, "[realm.staff.passwords]\nmax_failures_per_account = 5\n")),
        "Error realm.staff.passwords: no path uses this realm's directory to verify passwords \
         (write password = \"directory\" on a path, or remove the table)"
    );
}

#[test]
fn passwords_for_unmapped_cards_cause_a_warning_or_an_error() {
    let switch = "unsafe_allow_password_for_unmapped_card = true";
    for (path, expected) in [
        (
            "client_certificate = \"accept\"\npassword = \"directory\"",
            "Warning site[0].path[0].unsafe_allow_password_for_unmapped_card: a user whose \
             client certificate maps to no account may log in with a password here",
        ),
        (
            "client_certificate = \"accept\"",
            "Error site[0].path[0].unsafe_allow_password_for_unmapped_card: this does nothing: the \
             path accepts no password (write password = \"directory\", or remove it)",
        ),
        (
            REQUIRE,
            "Error site[0].path[0].unsafe_allow_password_for_unmapped_card: this does nothing: the \
             path does not accept client certificates (write client_certificate = \"accept\", or remove it)",
        ),
    ] {
        assert_eq!(only_diagnostic(&with(&format!("{path}\n{switch}"), "")), expected);
    }
}
