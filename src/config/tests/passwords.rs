//! What an operator is told of passwords that would not do what they seem to.

use super::{SMALLEST, only_mistake, smallest};
use crate::config::schema::ConfigDocument;
use crate::policy::PasswordRule;
use std::time::Duration;

const REQUIRE: &str = "client_certificate = \"require\"";

/// The smallest file with these lines on its path, and these tables at its end.
fn with(path: &str, tables: &str) -> String {
    format!("{}{tables}", SMALLEST.replacen(REQUIRE, path, 1))
}

#[test]
fn passwords_are_never_taken_by_default() {
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
fn a_path_that_requires_a_card_takes_no_password() {
    for password in ["directory", "backend"] {
        assert_eq!(
            only_mistake(&with(&format!("{REQUIRE}\npassword = \"{password}\""), "")),
            "Error site[0].path[0].password: no password is taken on a path that requires a card \
             (write client_certificate = \"accept\", or remove `password`)"
        );
    }
}

#[test]
fn a_path_that_ignores_cards_may_take_passwords_alone() {
    let path = "client_certificate = \"ignore\"\npassword = \"directory\"";
    assert!(!ConfigDocument::parse("proxy.toml", &with(path, "")).1.has_errors());
}

#[test]
fn a_site_that_takes_passwords_needs_a_realm() {
    let path = "client_certificate = \"ignore\"\npassword = \"directory\"";
    let text = with(path, "").replacen("realm = \"staff\"", "", 1);
    let text = text.split("[realm.staff]").next().unwrap().to_owned();
    assert_eq!(
        only_mistake(&format!("{text}\n[backend.rms]\nservers = [\"http://10.0.0.5\"]")),
        "Error site[0].realm: the site takes passwords, and has no realm whose directory judges them \
         (add `realm = \"staff\"` and a [realm.staff] table)"
    );
}

#[test]
fn limits_of_passwords_that_no_path_takes_are_a_mistake() {
    assert_eq!(
        only_mistake(&with(REQUIRE, "[realm.staff.passwords]\nmax_failures_per_account = 5\n")),
        "Error realm.staff.passwords: no path has this realm's directory judge passwords \
         (write password = \"directory\" on a path, or remove the table)"
    );
}

#[test]
fn the_switch_for_unmapped_cards_is_told_at_load_and_refused_where_it_does_nothing() {
    let switch = "unsafe_allow_password_for_unmapped_card = true";
    for (path, told) in [
        (
            "client_certificate = \"accept\"\npassword = \"directory\"",
            "Warning site[0].path[0].unsafe_allow_password_for_unmapped_card: a card that maps to nobody does not keep \
             its holder out here: a password lets them in",
        ),
        (
            "client_certificate = \"accept\"",
            "Error site[0].path[0].unsafe_allow_password_for_unmapped_card: the path takes no password, so this does \
             nothing (write password = \"directory\", or remove it)",
        ),
        (
            REQUIRE,
            "Error site[0].path[0].unsafe_allow_password_for_unmapped_card: only a path that accepts cards can do \
             without one (write client_certificate = \"accept\", or remove it)",
        ),
    ] {
        assert_eq!(only_mistake(&with(&format!("{path}\n{switch}"), "")), told);
    }
}
