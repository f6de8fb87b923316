//! Several directories, the global catalog, and referrals.

use super::{account_names, directories, error, unused_address, upn};
use crate::support::{PeopleDirectory, directory_server, directory_settings, sid};
use portcullis::clock::Clock;
use portcullis::control::ControlRuntime;
use portcullis::directory::{
    DirectoryError, DirectorySettings, LookupKeys, RealmDirectories, ServerFact, Sid,
};
use portcullis::ldap::{LdapEncryption, LdapOperation, LdapRefusal};
use std::net::TcpListener;

/// Returns the settings of a directory with this name, for these UPN suffixes.
fn part(directory: &PeopleDirectory, name: &str, suffixes: &[&str]) -> DirectorySettings {
    let upn_suffixes = suffixes.iter().map(ToString::to_string).collect();
    DirectorySettings { name: name.into(), upn_suffixes, ..directory.settings() }
}

fn both(one: DirectorySettings, other: DirectorySettings) -> RealmDirectories {
    RealmDirectories::new(vec![one, other], Clock::system(), ControlRuntime::default())
}

#[tokio::test]
async fn only_directories_of_the_upn_suffix_are_searched() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    // The second directory is not available, so a lookup that searches it fails.
    let corp = part(&directory, "corp", &["corp.example"]);
    let servers = vec![directory_server(unused_address(), LdapEncryption::Ldaps)];
    let people = DirectorySettings { servers, ..part(&directory, "people", &["People.Example"]) };
    let directories = both(corp, people);
    assert_eq!(account_names(&directories.look_up(&upn("alice@CORP.example")).await.unwrap()), ["alice"]);
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
async fn security_identifiers_are_searched_for_only_in_the_directory_of_their_domain() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let own = sid(1101).domain().unwrap();
    let other = Sid::parse("S-1-5-21-9-9-9").unwrap();
    let keys = LookupKeys { sids: vec![sid(1101)], ..LookupKeys::default() };
    for (domain, found) in [(own, &["alice"][..]), (other, &[])] {
        let directories =
            directories(DirectorySettings { sid_domains: vec![domain], ..directory.settings() });
        assert_eq!(account_names(&directories.look_up(&keys).await.unwrap()), found);
    }
}

#[tokio::test]
async fn an_account_that_two_directories_find_is_returned_once() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = both(part(&directory, "one", &[]), part(&directory, "two", &[]));
    assert_eq!(account_names(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
}

fn with_global_catalog(directory: &PeopleDirectory, base: &str) -> RealmDirectories {
    let global_catalog = vec![directory.server()];
    directories(DirectorySettings { global_catalog, base: base.to_owned(), ..directory.settings() })
}

#[tokio::test]
async fn an_account_of_the_global_catalog_is_read_from_its_own_domain() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let people = with_global_catalog(&directory, "OU=Staff,DC=corp,DC=example")
        .look_up(&upn("alice@corp.example"))
        .await;
    let people = people.unwrap();
    assert_eq!((account_names(&people), people[0].groups.len()), (vec!["alice"], 2));
    let everywhere =
        directory.requests("SRCH base=").into_iter().find(|line| line.contains("scope=2")).unwrap();
    assert!(
        everywhere.contains(r#"base="""#) || everywhere.contains(r#"base="DC=corp,DC=example""#),
        "{everywhere}"
    );
}

#[tokio::test]
async fn an_account_of_the_global_catalog_outside_of_the_base_is_not_found() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = with_global_catalog(&directory, "OU=Groups,DC=corp,DC=example");
    assert_eq!(directories.look_up(&upn("alice@corp.example")).await.unwrap(), []);
}

#[tokio::test]
async fn an_account_of_the_global_catalog_in_a_domain_without_a_directory_is_an_error() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let uncovered = error(&with_global_catalog(&directory, "DC=other,DC=example")).await;
    let DirectoryError::NotCovered { dn } = uncovered else { panic!("{uncovered}") };
    assert_eq!(dn, "cn=alice,ou=Staff,dc=corp,dc=example");
}

#[tokio::test]
async fn referrals_are_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("ldap://{}", elsewhere.local_addr().unwrap());
    let Some(directory) = PeopleDirectory::referring_to(&url).await else { return };
    assert_eq!(
        account_names(&directories(directory.settings()).look_up(&upn("alice@corp.example")).await.unwrap()),
        ["alice"]
    );
    let base = "OU=Elsewhere,DC=corp,DC=example".to_owned();
    let rejected = error(&directories(DirectorySettings { base, ..directory.settings() })).await;
    let DirectoryError::Refused {
        operation: LdapOperation::Search,
        source: LdapRefusal::Result { code: 10, .. },
        ..
    } = rejected
    else {
        panic!("{rejected}");
    };
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn diagnostics_report_each_server() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let unreachable = directory_server(unused_address(), LdapEncryption::Ldaps);
    let servers = vec![directory.server(), unreachable.clone()];
    let clock = Clock::system();
    let settings =
        DirectorySettings { servers, global_catalog: vec![directory.server()], ..directory.settings() };
    let mut diagnoses =
        RealmDirectories::new(vec![settings], clock, ControlRuntime::default()).diagnose().await;
    let servers_found: Vec<_> = diagnoses.iter().map(|(place, _)| place.clone()).collect();
    let reachable = directory.server();
    let expected = [
        format!("directory corp at {reachable}"),
        format!("directory corp at {unreachable}"),
        format!("global catalog corp at {reachable}"),
    ];
    assert_eq!(servers_found, expected);
    assert!(matches!(diagnoses.remove(1).1, Err(DirectoryError::Unavailable { .. })));
    let displayed =
        |facts: Vec<ServerFact>| -> Vec<String> { facts.iter().map(ToString::to_string).collect() };
    let mut facts = displayed(diagnoses.remove(0).1.unwrap());
    // The server's clock does not advance.
    assert!(facts.remove(3).starts_with("clock is "));
    let expected = [
        "binds as CN=svc-ldap,DC=corp,DC=example",
        "has the base DC=corp,DC=example",
        "serves the domain corp.example (CORP)",
        "locks an account after 5 wrong passwords, unless the account has a policy of its own",
        "returns altSecurityIdentities",
    ];
    assert_eq!(facts, expected);
    assert_eq!(displayed(diagnoses.remove(0).1.unwrap()), ["binds as CN=svc-ldap,DC=corp,DC=example"]);
}

#[tokio::test]
async fn a_base_that_does_not_exist_is_reported() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let base = "OU=Nowhere,DC=corp,DC=example".to_owned();
    let settings = DirectorySettings { base, ..directory_settings("corp", vec![directory.server()]) };
    let missing = error(&directories(settings)).await;
    let DirectoryError::Refused {
        operation: LdapOperation::Search,
        source: LdapRefusal::Result { code: 32, .. },
        ..
    } = missing
    else {
        panic!("{missing}");
    };
}
