//! Names to filters, entries to people.

use super::*;
use crate::clock::UnixTime;

fn attribute(name: &str) -> AttributeName {
    AttributeName::parse(name).unwrap()
}

fn schema() -> GenericSchema {
    GenericSchema {
        people: SearchFilter::parse("(objectClass=inetOrgPerson)").unwrap(),
        user_name: attribute("uid"),
        upn: Some(attribute("principal")),
        mail: Some(attribute("mail")),
        alt_security_identities: None,
        groups: GenericGroups::MemberOf {
            attribute: attribute("memberOf"),
            base: "ou=groups,dc=x".to_owned(),
        },
        disabled: Some((attribute("locked"), "TRUE".to_owned())),
        expires: Some(attribute("ends")),
    }
}

fn person(attributes: &[(&str, &[&[u8]])]) -> Result<DirectoryAccount, Nonsense> {
    read(&schema(), &"x".into(), &Entry::of("uid=alice,dc=x", attributes), &[])
}

#[test]
fn names_are_asked_for_by_the_administrators_attributes() {
    let names = LookupKeys {
        sids: vec!["S-1-5-32-544".parse().unwrap()],
        upns: vec!["alice@x".to_owned()],
        emails: vec!["a@x".to_owned()],
        alt_security_identities: vec!["X509:<SKI>00".to_owned()],
        account_names: vec!["alice".to_owned()],
        attributes: Vec::new(),
    };
    let filter = by_names(&schema(), &names).unwrap();
    assert_eq!(filter.as_str(), "(&(objectClass=inetOrgPerson)(|(principal=alice@x)(mail=a@x)(uid=alice)))");
    assert_eq!(by_names(&schema(), &LookupKeys { sids: names.sids, ..LookupKeys::default() }), None);
}

#[test]
fn a_name_to_log_in_by_is_of_this_directory_or_not_asked_for() {
    let filter = |login| by_login(&schema(), "corp", &login).map(|filter| filter.to_string());
    let name = || "alice".to_owned();
    let by_uid = Some("(&(objectClass=inetOrgPerson)(uid=alice))".to_owned());
    assert_eq!(filter(LoginName::Name(name())), by_uid);
    assert_eq!(filter(LoginName::DomainAndName { domain: "CORP".to_owned(), name: name() }), by_uid);
    assert_eq!(filter(LoginName::DomainAndName { domain: "other".to_owned(), name: name() }), None);
    let upn = Some("(&(objectClass=inetOrgPerson)(principal=alice@x))".to_owned());
    assert_eq!(filter(LoginName::Upn("alice@x".to_owned())), upn);
}

#[test]
fn only_groups_below_the_base_count() {
    let groups: &[&[u8]] =
        &[b"cn=staff,ou=groups,dc=x", b"cn=admins,ou=self-made,dc=x", b"CN=Board\\, North,OU=Groups,DC=x"];
    let names: Vec<_> =
        person(&[("memberOf", groups)]).unwrap().groups.into_iter().map(|group| group.name).collect();
    assert_eq!(names, ["Board, North", "staff"]);
}

#[test]
fn an_account_is_off_by_its_flag_and_its_end() {
    assert_eq!(person(&[("locked", &[b"FALSE"])]).unwrap().status, AccountStatus::default());
    assert!(person(&[("locked", &[b"true"])]).unwrap().status.disabled);
    let ends = person(&[("ends", &[b"20261122093000Z"])]).unwrap().status.expires;
    assert_eq!(ends, Some(UnixTime::from_seconds(1_795_339_800)));
    assert_eq!(person(&[("ends", &[b"soon"])]), Err(wrong("expiry", "it is no time")));
}

#[test]
fn an_incomplete_list_of_groups_is_an_error() {
    let incomplete: &[(&str, &[&[u8]])] = &[("memberOf;range=0-1499", &[b"cn=staff,ou=groups,dc=x"])];
    assert!(matches!(person(incomplete), Err(Nonsense::Attribute { attribute: "group list", .. })));
}
