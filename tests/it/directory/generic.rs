//! A directory whose attributes the administrator names.

use super::{directories, upn, who};
use crate::support::PeopleDirectory;
use portcullis::clock::UnixTime;
use portcullis::directory::PasswordVerdict::{Correct, Wrong};
use portcullis::directory::{
    AccountSchema, AccountStatusError, AttributeName, Directories, DirectorySettings, GenericGroups,
    GenericSchema, LoginName, LookupKeys, PasswordRefusal, SearchFilter,
};
use portcullis::secret::Secret;

fn generic(directory: &PeopleDirectory) -> Directories {
    let attribute = |name| AttributeName::parse(name).unwrap();
    let schema = GenericSchema {
        people: SearchFilter::parse("(&(objectClass=inetOrgPerson)(!(uid=crowd12)))").unwrap(),
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
async fn an_account_is_found_by_the_administrators_attributes_with_groups_in_groups() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = generic(&directory);
    for names in [
        upn("alice@corp.example"),
        LookupKeys { account_names: vec!["alice".to_owned()], ..LookupKeys::default() },
        LookupKeys { alt_security_identities: vec!["X509:<SKI>0a0b".to_owned()], ..LookupKeys::default() },
    ] {
        let people = directories.look_up(&names).await.unwrap();
        assert_eq!(who(&people), ["alice"], "{names:?}");
        // RMS-Users is in Nested, and Nested in RMS-Users.
        let groups: Vec<_> = people[0].groups.iter().map(|group| (group.name.as_str(), &group.sid)).collect();
        assert_eq!(groups, [("Nested", &None), ("RMS-Users", &None)]);
        assert_eq!(people[0].status.check(UnixTime::from_seconds(1_795_339_800)), Ok(None));
    }
}

#[tokio::test]
async fn whoever_is_switched_off_is_found_so() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let people = generic(&directory).look_up(&upn("bob@corp.example")).await.unwrap();
    assert_eq!(people[0].status.check(UnixTime::EPOCH), Err(AccountStatusError::Disabled));
}

#[tokio::test]
async fn whom_the_filter_for_people_leaves_out_is_not_found() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = generic(&directory);
    assert_eq!(who(&directories.look_up(&upn("crowd11@corp.example")).await.unwrap()), ["crowd11"]);
    assert_eq!(who(&directories.look_up(&upn("crowd12@corp.example")).await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn passwords_are_verified() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = generic(&directory);
    let password = |text: &str| Secret::new(text.into());
    let right = password(PeopleDirectory::PASSWORD);
    let name = || "alice".to_owned();
    let here = LoginName::DomainAndName { domain: "corp".to_owned(), name: name() };
    for login in [LoginName::Name(name()), LoginName::Upn("alice@corp.example".to_owned()), here] {
        assert_eq!(directories.verify_password(&login, &right).await.unwrap(), Correct, "{login:?}");
        let wrong = directories.verify_password(&login, &password("wrong")).await.unwrap();
        assert_eq!(wrong, Wrong(PasswordRefusal::WrongOrUnknown), "{login:?}");
    }
    let elsewhere = LoginName::DomainAndName { domain: "other".to_owned(), name: name() };
    let unknown = directories.verify_password(&elsewhere, &right).await.unwrap();
    assert_eq!(unknown, Wrong(PasswordRefusal::WrongOrUnknown));
}
