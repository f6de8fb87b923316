//! Mapping to the accounts of the lab's Active Directory by a running gateway.

use super::directory_gateway::{RealmOptions, card, card_with, gateway_with_active_directory};
use crate::support::{ActiveDirectory, TestClient, TestGateway, TestResponse};
use portcullis::certificate::{AltSecurityForm, Certificate};
use portcullis::demo::pki::{KeyedChain, serial_number};
use std::time::Duration;

async fn at_require(lab: &TestGateway, card: &KeyedChain) -> TestResponse {
    TestClient::new(lab).chain(card).get("/require/echo").await
}

/// Returns the user and the mapping method, or the denial.
async fn outcome(lab: &TestGateway, card: &KeyedChain) -> String {
    let response = at_require(lab, card).await;
    if response.status != 200 {
        return response.status_and_id();
    }
    format!(
        "{} by {}",
        response.received_header("x-remote-user")[0],
        response.received_header("x-remote-mapping")[0]
    )
}

#[tokio::test]
async fn the_backend_receives_names_sid_and_nested_groups_of_the_account() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let lab = gateway_with_active_directory(
        &directory,
        &RealmOptions { strength: "strong", ..RealmOptions::default() },
    );
    let sid = directory.sid("alice");
    let response = at_require(&lab, &card(Some("alice@corp.example"), Some(&sid))).await;
    assert_eq!(response.status_and_id(), "200 permit");
    let seen = ["user", "upn", "sid", "groups", "mapping"];
    let seen = seen.map(|name| response.received_header(&format!("x-remote-{name}")).concat());
    assert_eq!(seen, ["CORP\\alice", "alice@corp.example", &sid, "RMS-Users", "sid; strong"]);
}

#[tokio::test]
async fn each_certificate_has_its_expected_account_or_denial() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let lab = gateway_with_active_directory(&directory, &RealmOptions::default());
    let both = ["alice", "bob", "carol", "erin", "frank", "grace", "kim", "leo", "oscar", "peggy"];
    for name in both {
        let (upn, sid) = (format!("{name}@corp.example"), directory.sid(name));
        let weak = outcome(&lab, &card(Some(&upn), None)).await;
        assert_eq!(weak, format!("CORP\\{name} by upn; weak"));
        for upn in [None, Some(upn.as_str()), Some("renamed@corp.example")] {
            let strong = outcome(&lab, &card(upn, Some(&sid))).await;
            assert_eq!(strong, format!("CORP\\{name} by sid; strong"));
        }
        let conflict = outcome(&lab, &card(Some(&upn), Some(&directory.sid("dave")))).await;
        assert_eq!(conflict, "403 identity-conflict", "{name}");
    }
    for name in ["heidi", "ivan", "judy", "quinn"] {
        let upn = format!("{name}@corp.example");
        for card in [card(Some(&upn), None), card(Some(&upn), Some(&directory.sid(name)))] {
            assert_eq!(outcome(&lab, &card).await, "403 account-disabled", "{name}");
        }
    }
    let domain = directory.sid("alice").rsplit_once('-').unwrap().0.to_owned();
    let cases = [
        (card(Some("Nina.Mueller@people.example"), None), "CORP\\nina by upn; weak"),
        (card(Some("nina@corp.example"), None), "CORP\\nina by upn; weak"),
        (card(Some("jürgen@corp.example"), None), "CORP\\j%C3%BCrgen by upn; weak"),
        (card(Some("hidden@corp.example"), Some(&directory.sid("hidden"))), "403 not-mapped"),
        (card(Some("nobody@corp.example"), None), "403 not-mapped"),
        (card(Some("alice@corp.example"), Some(&format!("{domain}-99999"))), "403 not-mapped"),
        (card(Some("alice@corp.example"), Some("S-1-5-21-1-2-3-1106")), "403 not-mapped"),
        (card_with(|profile| profile.emails = vec!["leo@corp.example".to_owned()]), "403 mapping-ambiguous"),
    ];
    for (card, expected) in cases {
        assert_eq!(outcome(&lab, &card).await, expected);
    }
}

#[tokio::test]
async fn a_weak_mapping_is_too_weak_if_a_strong_one_is_required() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let lab = gateway_with_active_directory(
        &directory,
        &RealmOptions { strength: "strong", ..RealmOptions::default() },
    );
    let weak = card(Some("alice@corp.example"), None);
    assert_eq!(outcome(&lab, &weak).await, "403 mapping-too-weak");
    // The lab's accounts are younger than a day, and certificates are valid from a day before their issue.
    let lab = gateway_with_active_directory(
        &directory,
        &RealmOptions { strength: "compatibility", ..RealmOptions::default() },
    );
    assert_eq!(outcome(&lab, &weak).await, "403 mapping-too-weak");
    let record = lab.only_record().await;
    assert!(record["detail"].as_str().unwrap().contains("the account was created later"), "{record}");
}

#[tokio::test]
async fn altsecurityidentities_refer_to_the_certificate_as_in_windows() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let user = "spare04";
    // All names that a value can contain differ from those in the certificates of other tests.
    let card = card_with(|profile| {
        profile.common_name = user.to_owned();
        profile.serial_number = serial_number(user);
        profile.emails = vec!["spare04.card@corp.example".to_owned()];
    });
    let certificate = Certificate::from_der(card.certificate_der()).unwrap();
    for value in certificate.alt_security_identities() {
        // A value with the issuer alone would match the certificates of other tests too.
        if value.form == AltSecurityForm::Issuer {
            continue;
        }
        directory.set(user, "altSecurityIdentities", &["X509:<SKI>00", &value.value]);
        let lab = gateway_with_active_directory(&directory, &RealmOptions::default());
        let strength = if value.form.is_strong() { "strong" } else { "weak" };
        let expected = format!("CORP\\{user} by alt_security_identities:{}; {strength}", value.form.name());
        assert_eq!(outcome(&lab, &card).await, expected);
    }
    directory.set(user, "altSecurityIdentities", &[]);
}

#[tokio::test]
async fn a_disabled_account_and_a_removed_group_take_effect_on_an_open_connection_within_the_lifetime() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let user = "spare05";
    directory.enable(user);
    directory.add_member("Spare2", user);
    let staff = RealmOptions { cache: r#"ttl = "1m", negative_ttl = "10s""#, ..RealmOptions::default() };
    let lab = gateway_with_active_directory(&directory, &staff);
    let card = card(Some("spare05@corp.example"), Some(&directory.sid(user)));
    let mut connection = TestClient::new(&lab).chain(&card).connect().await.unwrap();
    let mut groups = async || {
        let response = connection.get("/require/echo").await.unwrap();
        if response.status == 200 {
            response.received_header("x-remote-groups").concat()
        } else {
            response.status_and_id()
        }
    };
    assert_eq!(groups().await, "Spare2");
    directory.remove_member("Spare2", user);
    assert_eq!(groups().await, "Spare2");
    lab.clock.advance(Duration::from_secs(60));
    assert_eq!(groups().await, "");
    directory.disable(user);
    assert_eq!(groups().await, "");
    lab.clock.advance(Duration::from_secs(60));
    assert_eq!(groups().await, "403 account-disabled");
    directory.enable(user);
    lab.clock.advance(Duration::from_secs(10));
    assert_eq!(groups().await, "");
}
