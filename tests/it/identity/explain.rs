//! Directory lookups in the output of `explain`.

use super::directory_gateway::{RealmOptions, card, gateway_with_slapd};
use crate::support::{PeopleDirectory, sid};
use assert_cmd::Command;
use serde_json::Value;

#[tokio::test]
async fn every_step_is_printed_with_the_filter_and_without_the_password() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let lab = gateway_with_slapd(&directory, &RealmOptions { strength: "strong", ..RealmOptions::default() });
    let card = card(Some("alice@corp.example"), Some(&sid(1101).to_string()));
    std::fs::write(lab.folder().join("card.pem"), card.chain_pem().unwrap()).unwrap();
    let explain = |more: &[&str]| {
        let url = "https://rms.corp.example/require/echo";
        let mut command = Command::cargo_bin("portcullis").unwrap();
        command.current_dir(lab.folder()).args(["explain", "--url", url, "--certificate", "card.pem"]);
        let output = command.args(more).output().unwrap();
        let printed = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(!printed.concat().contains(PeopleDirectory::PASSWORD), "{printed:?}");
        printed.concat()
    };
    let printed: Value = serde_json::from_str(&explain(&["--json"])).unwrap();
    let mapping = &printed["certificate"]["mapping"];
    let step = |number: usize| (&mapping["steps"][number]["mapper"], &mapping["steps"][number]["result"]);
    assert_eq!(step(0), (&"sid".into(), &"mapped".into()));
    assert_eq!(step(1), (&"alt_security_identities".into(), &"no_account".into()));
    assert_eq!(step(2), (&"upn".into(), &"agrees".into()));
    let filter = mapping["lookup"]["filters"][0].as_str().unwrap();
    assert!(filter.contains("(userPrincipalName=alice@corp.example)"), "{filter}");
    assert_eq!(mapping["lookup"]["found"][0], "cn=alice,ou=Staff,dc=corp,dc=example");
    assert_eq!(mapping["account"]["user"], "CORP\\alice");
    let text = explain(&[]);
    assert!(text.contains("directory query") && text.contains(filter), "{text}");
}
