//! Who is found by which name.

use super::{forest, upn, who};
use crate::support::{PeopleDirectory, sid};
use portcullis::clock::UnixTime;
use portcullis::directory::{Encryption, Group, Names, Person, Standing, StandingError};
use std::collections::BTreeMap;

fn text(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

#[tokio::test]
async fn an_account_is_found_by_each_of_its_names() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let forest = forest(directory.settings());
    let none = Names::default;
    let names = [
        Names { sids: vec![sid(1101)], ..none() },
        Names { upns: text("ALICE@corp.example"), ..none() },
        Names { emails: text("alice@corp.example"), ..none() },
        Names { emails: text("Alice.Liddell@corp.example"), ..none() },
        Names { alt_security_identities: text("X509:<SKI>0a0b"), ..none() },
        Names { account_names: text("alice"), ..none() },
        Names { attributes: vec![("employeeNumber".to_owned(), "4711".to_owned())], ..none() },
        Names {
            sids: vec![sid(1101)],
            upns: text("alice@corp.example"),
            emails: text("nobody@corp.example"),
            ..none()
        },
    ];
    for names in names {
        assert_eq!(who(&forest.look_up(&names).await.unwrap()), ["alice"], "{names:?}");
    }
}

#[tokio::test]
async fn an_account_is_read_with_its_groups_and_its_domain() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let names =
        Names { attributes: vec![("employeeNumber".to_owned(), "4711".to_owned())], ..Names::default() };
    let people = forest(directory.settings()).look_up(&names).await.unwrap();
    let group = |name: &str, number| Group { name: name.to_owned(), sid: Some(sid(number).to_string()) };
    let alice = Person {
        dn: "cn=alice,ou=Staff,dc=corp,dc=example".to_owned(),
        directory: "corp".into(),
        upn: Some("alice@corp.example".to_owned()),
        account_name: Some("alice".to_owned()),
        netbios_domain: Some("CORP".to_owned()),
        dns_domain: Some("corp.example".to_owned()),
        sid: Some(sid(1101)),
        emails: vec!["alice@corp.example".to_owned(), "alice.liddell@corp.example".to_owned()],
        alt_security_identities: text("X509:<SKI>0a0b"),
        attributes: BTreeMap::from([("employeenumber".to_owned(), text("4711"))]),
        created: Some(UnixTime::from_seconds(1_704_164_645)),
        standing: Standing::default(),
        groups: vec![group("Domain Users", 513), group("RMS-Users", 1201)],
    };
    assert_eq!(people, [alice]);
}

#[tokio::test]
async fn nobody_is_an_answer() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let forest = forest(directory.settings());
    assert_eq!(forest.look_up(&upn("nobody@corp.example")).await.unwrap(), []);
    assert_eq!(forest.look_up(&Names::default()).await.unwrap(), []);
    // The account of a domain, not of a person.
    assert_eq!(forest.look_up(&upn("trust$@corp.example")).await.unwrap(), []);
}

#[tokio::test]
async fn every_account_that_fits_is_found_up_to_eight() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let forest = forest(directory.settings());
    let mapping =
        Names { alt_security_identities: text("X509:<RFC822>leo@corp.example"), ..Names::default() };
    assert_eq!(who(&forest.look_up(&mapping).await.unwrap()), ["leo", "mallory"]);
    let crowd = Names { emails: text("crowd@corp.example"), ..Names::default() };
    assert_eq!(forest.look_up(&crowd).await.unwrap().len(), 8);
}

#[tokio::test]
async fn standing_is_what_the_directory_says() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let forest = forest(directory.settings());
    let now = UnixTime::from_seconds(1_795_339_800);
    let since = UnixTime::from_seconds(1_577_836_800);
    let cases = [
        ("alice", Ok(None)),
        ("bob", Err(StandingError::Disabled)),
        ("carol", Err(StandingError::Locked)),
        ("dave", Err(StandingError::Expired { since })),
        ("erin", Err(StandingError::OutsideLogonHours)),
    ];
    for (name, standing) in cases {
        let people = forest.look_up(&upn(&format!("{name}@corp.example"))).await.unwrap();
        assert_eq!(people[0].standing.check(now), standing, "{name}");
    }
}

#[tokio::test]
async fn an_account_is_found_after_start_tls_too() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let forest = forest(directory.settings_by(Encryption::StartTls));
    assert_eq!(who(&forest.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
}

#[tokio::test]
async fn a_look_up_is_one_search_and_one_read_and_group_names_are_asked_for_once() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let forest = forest(directory.settings());
    forest.look_up(&upn("alice@corp.example")).await.unwrap();
    let scopes = || -> Vec<String> {
        let of_people =
            directory.questions("SRCH base=").into_iter().filter(|line| line.contains("userPrincipalName"));
        of_people
            .filter_map(|line| {
                line.split_whitespace().find(|word| word.starts_with("scope=")).map(str::to_owned)
            })
            .collect()
    };
    let groups =
        || directory.questions("SRCH base=").iter().filter(|line| line.contains("objectClass=group")).count();
    assert_eq!((scopes(), groups()), (vec!["scope=2".to_owned(), "scope=0".to_owned()], 1));
    forest.look_up(&upn("alice@corp.example")).await.unwrap();
    assert_eq!((scopes().len(), groups()), (4, 1));
    assert_eq!(directory.questions("BIND dn=").len(), 1);
}
