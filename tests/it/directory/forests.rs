//! Several directories, the global catalogue, and what lies elsewhere.

use super::{directories, error, nobody, upn, who};
use crate::support::{PeopleDirectory, directory_server, directory_settings, sid};
use portcullis::clock::Clock;
use portcullis::directory::{
    Directories, DirectoryError, DirectorySettings, LdapEncryption, LookupKeys, Refusal, ServerFact, Sid,
    Step,
};
use std::net::TcpListener;

/// The directory under this name, for these UPNs.
fn part(directory: &PeopleDirectory, name: &str, suffixes: &[&str]) -> DirectorySettings {
    let upn_suffixes = suffixes.iter().map(ToString::to_string).collect();
    DirectorySettings { name: name.into(), upn_suffixes, ..directory.settings() }
}

fn both(one: DirectorySettings, other: DirectorySettings) -> Directories {
    Directories::new(vec![one, other], Clock::system())
}

#[tokio::test]
async fn the_tables_choose_which_directory_is_asked() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    // The second one cannot be reached: whoever asks it learns so.
    let corp = part(&directory, "corp", &["corp.example"]);
    let servers = vec![directory_server(nobody(), LdapEncryption::Ldaps)];
    let people = DirectorySettings { servers, ..part(&directory, "people", &["People.Example"]) };
    let directories = both(corp, people);
    assert_eq!(who(&directories.look_up(&upn("alice@CORP.example")).await.unwrap()), ["alice"]);
    assert_eq!(directories.look_up(&upn("alice@elsewhere.example")).await.unwrap(), []);
    for name in ["nina.mueller@people.example"] {
        let missing = directories.look_up(&upn(name)).await.unwrap_err();
        assert!(
            matches!(&missing, DirectoryError::Unavailable { directory, .. } if &**directory == "people"),
            "{missing}"
        );
    }
    let everywhere = LookupKeys { account_names: vec!["alice".to_owned()], ..LookupKeys::default() };
    assert!(matches!(directories.look_up(&everywhere).await, Err(DirectoryError::Unavailable { .. })));
    assert_eq!(directories.filters(&upn("alice@corp.example")).len(), 1);
    assert_eq!(directories.filters(&everywhere).len(), 2);
}

#[tokio::test]
async fn security_identifiers_are_asked_for_in_their_domains_directory_only() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let own = sid(1101).domain().unwrap();
    let other = Sid::parse("S-1-5-21-9-9-9").unwrap();
    let names = LookupKeys { sids: vec![sid(1101)], ..LookupKeys::default() };
    for (domain, found) in [(own, &["alice"][..]), (other, &[])] {
        let directories =
            directories(DirectorySettings { sid_domains: vec![domain], ..directory.settings() });
        assert_eq!(who(&directories.look_up(&names).await.unwrap()), found);
    }
}

#[tokio::test]
async fn an_account_that_two_directories_find_is_given_once() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = both(part(&directory, "one", &[]), part(&directory, "two", &[]));
    assert_eq!(who(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
}

fn with_catalogue(directory: &PeopleDirectory, base: &str) -> Directories {
    let global_catalog = vec![directory.server()];
    directories(DirectorySettings { global_catalog, base: base.to_owned(), ..directory.settings() })
}

#[tokio::test]
async fn an_account_of_the_catalogue_is_read_from_its_own_domain() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let people =
        with_catalogue(&directory, "OU=Staff,DC=corp,DC=example").look_up(&upn("alice@corp.example")).await;
    let people = people.unwrap();
    assert_eq!((who(&people), people[0].groups.len()), (vec!["alice"], 2));
    let everywhere =
        directory.questions("SRCH base=").into_iter().find(|line| line.contains("scope=2")).unwrap();
    assert!(
        everywhere.contains(r#"base="""#) || everywhere.contains(r#"base="DC=corp,DC=example""#),
        "{everywhere}"
    );
}

#[tokio::test]
async fn an_account_of_the_catalogue_outside_of_the_base_is_nobody() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = with_catalogue(&directory, "OU=Groups,DC=corp,DC=example");
    assert_eq!(directories.look_up(&upn("alice@corp.example")).await.unwrap(), []);
}

#[tokio::test]
async fn an_account_of_the_catalogue_in_a_domain_that_nobody_covers_is_an_error() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let uncovered = error(&with_catalogue(&directory, "DC=other,DC=example")).await;
    let DirectoryError::NotCovered { dn } = uncovered else { panic!("{uncovered}") };
    assert_eq!(dn, "cn=alice,ou=Staff,dc=corp,dc=example");
}

#[tokio::test]
async fn nobody_goes_where_a_directory_refers_to() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("ldap://{}", elsewhere.local_addr().unwrap());
    let Some(directory) = PeopleDirectory::referring_to(&url).await else { return };
    assert_eq!(
        who(&directories(directory.settings()).look_up(&upn("alice@corp.example")).await.unwrap()),
        ["alice"]
    );
    let base = "OU=Elsewhere,DC=corp,DC=example".to_owned();
    let refused = error(&directories(DirectorySettings { base, ..directory.settings() })).await;
    let DirectoryError::Refused { step: Step::Search, source: Refusal::Result { code: 10, .. }, .. } =
        refused
    else {
        panic!("{refused}");
    };
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn an_administrator_is_told_what_each_server_says() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let unreachable = directory_server(nobody(), LdapEncryption::Ldaps);
    let servers = vec![directory.server(), unreachable.clone()];
    let clock = Clock::system();
    let settings =
        DirectorySettings { servers, global_catalog: vec![directory.server()], ..directory.settings() };
    let mut findings = Directories::new(vec![settings], clock).examine().await;
    let places: Vec<_> = findings.iter().map(|(place, _)| place.clone()).collect();
    let reachable = directory.server();
    let expected = [
        format!("directory corp at {reachable}"),
        format!("directory corp at {unreachable}"),
        format!("global catalogue corp at {reachable}"),
    ];
    assert_eq!(places, expected);
    assert!(matches!(findings.remove(1).1, Err(DirectoryError::Unavailable { .. })));
    let told = |facts: Vec<ServerFact>| -> Vec<String> { facts.iter().map(ToString::to_string).collect() };
    let mut facts = told(findings.remove(0).1.unwrap());
    // The lab's clock stands still.
    assert!(facts.remove(3).starts_with("has "));
    let expected = [
        "binds as CN=svc-ldap,DC=corp,DC=example",
        "has the base DC=corp,DC=example",
        "is of the domain corp.example (CORP)",
        "locks an account after 5 wrong passwords, unless a policy of its own says otherwise",
        "shows altSecurityIdentities",
    ];
    assert_eq!(facts, expected);
    assert_eq!(told(findings.remove(0).1.unwrap()), ["binds as CN=svc-ldap,DC=corp,DC=example"]);
}

#[tokio::test]
async fn a_base_that_is_not_there_is_told() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let base = "OU=Nowhere,DC=corp,DC=example".to_owned();
    let settings = DirectorySettings { base, ..directory_settings("corp", vec![directory.server()]) };
    let missing = error(&directories(settings)).await;
    let DirectoryError::Refused { step: Step::Search, source: Refusal::Result { code: 32, .. }, .. } =
        missing
    else {
        panic!("{missing}");
    };
}
