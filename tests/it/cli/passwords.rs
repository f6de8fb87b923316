//! What the commands say of paths that take passwords.

use super::Desk;
use crate::support::Setup;
use serde_json::{Value, json};

const PATHS: &str = r#"
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

/// Nobody listens there, and nobody is to be asked.
const DIRECTORY: &str = r#"
[realm.staff.directory]
url = "ldaps://127.0.0.1:9"
ca = "pki/server-ca.pem"
bind_dn = "CN=svc-ldap,DC=corp,DC=example"
bind_password = { file = "ldap-password" }
base_dn = "DC=corp,DC=example"
"#;

fn desk(directory: &str) -> Desk {
    let realm = Setup::default().realm + directory;
    let desk = Desk::with(&Setup { paths: PATHS.to_owned(), realm, ..Setup::default() });
    std::fs::write(desk.path().join("ldap-password"), "Passw0rd!Lab").unwrap();
    desk
}

fn explained(desk: &Desk, path: &str) -> Value {
    desk.run(&["explain", "--json", "--url", &format!("https://rms.corp.example{path}")]).json()
}

#[test]
fn explain_says_who_asks_a_client_without_a_card_for_a_password() {
    let desk = desk(DIRECTORY);
    for (path, password, unmapped, decision, dialogue) in [
        ("/directory/echo", "directory", true, "credentials-required", json!("directory")),
        ("/backend/echo", "backend", false, "permit", json!("backend")),
        ("/never/echo", "never", false, "credentials-required", Value::Null),
    ] {
        let json = explained(&desk, path);
        assert_eq!(json["rule"]["password"], password);
        assert_eq!(json["rule"]["password_for_unmapped_card"], unmapped);
        assert_eq!(
            (&json["response"]["decision"], &json["response"]["password_prompt"]),
            (&json!(decision), &dialogue)
        );
    }
    let text = desk.run(&["explain", "--url", "https://rms.corp.example/directory/echo"]).stdout;
    assert!(text.contains("directory, also for an unmapped certificate"), "{text}");
    assert!(text.contains("asks for a user name and password (WWW-Authenticate: Basic)"), "{text}");
}

#[test]
fn check_tells_the_switch_for_unmapped_cards_and_refuses_passwords_without_a_directory() {
    let outcome = desk(DIRECTORY).run(&["check"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("a card that maps to nobody does not keep its holder out here"));
    let outcome = desk("").run(&["check"]);
    assert_ne!(outcome.code, 0);
    assert!(
        outcome.stderr.contains("the site's realm has no directory to judge passwords"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("add a directory to the realm \"staff\""), "{}", outcome.stderr);
}
