//! The accounts that a lookup returns.

use super::{account_names, directories, upn};
use crate::support::{PeopleDirectory, sid};
use portcullis::clock::UnixTime;
use portcullis::directory::{
    AccountStatus, AccountStatusError, DirectoryAccount, DirectoryGroup, LookupKeys,
};
use portcullis::ldap::LdapEncryption;
use std::collections::BTreeMap;

fn text(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

#[tokio::test]
async fn an_account_is_found_by_each_of_its_names() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    let none = LookupKeys::default;
    let keys = [
        LookupKeys { sids: vec![sid(1101)], ..none() },
        LookupKeys { upns: text("ALICE@corp.example"), ..none() },
        LookupKeys { emails: text("alice@corp.example"), ..none() },
        LookupKeys { emails: text("Alice.Liddell@corp.example"), ..none() },
        LookupKeys { alt_security_identities: text("X509:<SKI>0a0b"), ..none() },
        LookupKeys { account_names: text("alice"), ..none() },
        LookupKeys { attributes: vec![("employeeNumber".to_owned(), "4711".to_owned())], ..none() },
        LookupKeys {
            sids: vec![sid(1101)],
            upns: text("alice@corp.example"),
            emails: text("nobody@corp.example"),
            ..none()
        },
    ];
    for keys in keys {
        assert_eq!(account_names(&directories.look_up(&keys).await.unwrap()), ["alice"], "{keys:?}");
    }
}

#[tokio::test]
async fn an_account_is_read_with_its_groups_and_its_domain() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let keys = LookupKeys {
        attributes: vec![("employeeNumber".to_owned(), "4711".to_owned())],
        ..LookupKeys::default()
    };
    let accounts = directories(directory.settings()).look_up(&keys).await.unwrap();
    let group =
        |name: &str, number| DirectoryGroup { name: name.to_owned(), sid: Some(sid(number).to_string()) };
    let alice = DirectoryAccount {
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
        status: AccountStatus::default(),
        groups: vec![group("Domain Users", 513), group("RMS-Users", 1201)],
    };
    assert_eq!(accounts, [alice]);
}

#[tokio::test]
async fn no_account_is_a_result_and_not_an_error() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    assert_eq!(directories.look_up(&upn("nobody@corp.example")).await.unwrap(), []);
    assert_eq!(directories.look_up(&LookupKeys::default()).await.unwrap(), []);
    // The account of a domain, not of a user.
    assert_eq!(directories.look_up(&upn("trust$@corp.example")).await.unwrap(), []);
}

#[tokio::test]
async fn every_matching_account_is_found_up_to_eight() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    let mapping = LookupKeys {
        alt_security_identities: text("X509:<RFC822>leo@corp.example"),
        ..LookupKeys::default()
    };
    assert_eq!(account_names(&directories.look_up(&mapping).await.unwrap()), ["leo", "mallory"]);
    let crowd = LookupKeys { emails: text("crowd@corp.example"), ..LookupKeys::default() };
    assert_eq!(directories.look_up(&crowd).await.unwrap().len(), 8);
}

#[tokio::test]
async fn the_account_status_is_read_from_the_directory() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    let now = UnixTime::from_seconds(1_795_339_800);
    let since = UnixTime::from_seconds(1_577_836_800);
    let cases = [
        ("alice", Ok(None)),
        ("bob", Err(AccountStatusError::Disabled)),
        ("carol", Err(AccountStatusError::Locked)),
        ("dave", Err(AccountStatusError::Expired { since })),
        ("erin", Err(AccountStatusError::OutsideLogonHours)),
    ];
    for (name, status) in cases {
        let accounts = directories.look_up(&upn(&format!("{name}@corp.example"))).await.unwrap();
        assert_eq!(accounts[0].status.check(now), status, "{name}");
    }
}

#[tokio::test]
async fn an_account_is_found_after_start_tls() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings_by(LdapEncryption::StartTls));
    assert_eq!(account_names(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
}

#[tokio::test]
async fn a_lookup_needs_one_search_and_one_read_and_group_names_are_cached() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    directories.look_up(&upn("alice@corp.example")).await.unwrap();
    let scopes = || -> Vec<String> {
        let of_accounts =
            directory.requests("SRCH base=").into_iter().filter(|line| line.contains("userPrincipalName"));
        of_accounts
            .filter_map(|line| {
                line.split_whitespace().find(|word| word.starts_with("scope=")).map(str::to_owned)
            })
            .collect()
    };
    let groups =
        || directory.requests("SRCH base=").iter().filter(|line| line.contains("objectClass=group")).count();
    assert_eq!((scopes(), groups()), (vec!["scope=2".to_owned(), "scope=0".to_owned()], 1));
    directories.look_up(&upn("alice@corp.example")).await.unwrap();
    assert_eq!((scopes().len(), groups()), (4, 1));
    assert_eq!(directory.requests("BIND dn=").len(), 1);
}
