//! Lookups in a directory with a configured schema.

use super::{account_names, directories, upn, verify};
use crate::support::PeopleDirectory;
use portcullis::clock::UnixTime;
use portcullis::directory::PasswordVerdict::{Correct, Wrong};
use portcullis::directory::{
    AccountSchema, AccountStatusError, DirectorySettings, GenericGroups, GenericSchema, LoginName,
    LookupKeys, PasswordFailure, RealmDirectories,
};
use portcullis::ldap::{AttributeName, SearchFilter};

fn generic(directory: &PeopleDirectory) -> RealmDirectories {
    with_filter(directory, SearchFilter::parse("(&(objectClass=inetOrgPerson)(!(uid=crowd12)))").unwrap())
}

fn with_filter(directory: &PeopleDirectory, people: SearchFilter) -> RealmDirectories {
    let attribute = |name| AttributeName::parse(name).unwrap();
    let schema = GenericSchema {
        people,
        user_name: attribute("uid"),
        upn: Some(attribute("userPrincipalName")),
        mail: Some(attribute("mail")),
        alt_security_identities: Some(attribute("altSecurityIdentities")),
        groups: GenericGroups::Search {
            base: "OU=Groups,DC=corp,DC=example".to_owned(),
            member: attribute("member"),
            name: attribute("cn"),
        },
        disabled: Some((attribute("userAccountControl"), "514".to_owned())),
        expires: None,
    };
    directories(DirectorySettings {
        schema: AccountSchema::Generic(Box::new(schema)),
        ..directory.settings()
    })
}

#[tokio::test]
async fn an_account_is_found_by_the_configured_attributes_with_nested_groups() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = generic(&directory);
    for keys in [
        upn("alice@corp.example"),
        LookupKeys { account_names: vec!["alice".to_owned()], ..LookupKeys::default() },
        LookupKeys { alt_security_identities: vec!["X509:<SKI>0a0b".to_owned()], ..LookupKeys::default() },
    ] {
        let accounts = directories.look_up(&keys).await.unwrap();
        assert_eq!(account_names(&accounts), ["alice"], "{keys:?}");
        // RMS-Users is in Nested, and Nested in RMS-Users.
        let groups: Vec<_> =
            accounts[0].groups.iter().map(|group| (group.name.as_str(), &group.sid)).collect();
        assert_eq!(groups, [("Nested", &None), ("RMS-Users", &None)]);
        assert_eq!(accounts[0].status.check(UnixTime::from_seconds(1_795_339_800)), Ok(None));
    }
}

#[tokio::test]
async fn a_disabled_account_is_found_as_disabled() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let accounts = generic(&directory).look_up(&upn("bob@corp.example")).await.unwrap();
    assert_eq!(accounts[0].status.check(UnixTime::EPOCH), Err(AccountStatusError::Disabled));
}

#[tokio::test]
async fn an_account_that_the_configured_filter_excludes_is_not_found() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = generic(&directory);
    assert_eq!(account_names(&directories.look_up(&upn("crowd11@corp.example")).await.unwrap()), ["crowd11"]);
    assert_eq!(account_names(&directories.look_up(&upn("crowd12@corp.example")).await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn passwords_are_checked() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = generic(&directory);
    let name = || "alice".to_owned();
    let here = LoginName::DomainAndName { domain: "corp".to_owned(), name: name() };
    for login in [LoginName::Name(name()), LoginName::Upn("alice@corp.example".to_owned()), here] {
        assert_eq!(
            verify(&directories, &login, PeopleDirectory::PASSWORD).await.unwrap(),
            Correct,
            "{login:?}"
        );
        let wrong = verify(&directories, &login, "wrong").await.unwrap();
        assert_eq!(wrong, Wrong(PasswordFailure::WrongOrUnknown), "{login:?}");
    }
    let elsewhere = LoginName::DomainAndName { domain: "other".to_owned(), name: name() };
    let unknown = verify(&directories, &elsewhere, PeopleDirectory::PASSWORD).await.unwrap();
    assert_eq!(unknown, Wrong(PasswordFailure::WrongOrUnknown));
}

/// The server must evaluate each form of filter as RFC 4515 defines it, so that the gateway encodes all of them
/// correctly.
#[tokio::test]
async fn each_form_of_a_configured_filter_is_evaluated_by_the_server() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    for (filter, is_found) in [
        ("(uid=alice)", true),
        ("(uid=\\61lice)", true),
        ("(uid=al*ce)", true),
        ("(uid=*li*)", true),
        ("(uid=b*)", false),
        ("(uid~=alice)", true),
        ("(uid:caseExactMatch:=alice)", true),
        ("(uid:caseExactMatch:=ALICE)", false),
        ("(ou:dn:=Staff)", true),
        ("(ou:dn:=Elsewhere)", false),
        ("(|(uid=bob)(&(uid=alice)(objectClass=*)))", true),
        ("(!(|(uid=bob)(uid=carol)))", true),
        ("(!(uid=alice))", false),
    ] {
        let people = SearchFilter::parse(filter).unwrap();
        let found = with_filter(&directory, people).look_up(&upn("alice@corp.example")).await.unwrap();
        assert_eq!(found.len(), usize::from(is_found), "{filter}");
    }
}
