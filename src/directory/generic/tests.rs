//! Filters for accounts of a configured schema, and the decoding of their attributes.

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

fn account(attributes: &[(&str, &[&[u8]])]) -> Result<DirectoryAccount, ProtocolError> {
    read_account(&schema(), &"x".into(), &LdapEntry::of("uid=alice,dc=x", attributes), &[])
}

#[test]
fn keys_match_by_the_configured_attributes() {
    let keys = LookupKeys {
        sids: vec!["S-1-5-32-544".parse().unwrap()],
        upns: vec!["alice@x".to_owned()],
        emails: vec!["a@x".to_owned()],
        alt_security_identities: vec!["X509:<SKI>00".to_owned()],
        account_names: vec!["alice".to_owned()],
        attributes: Vec::new(),
    };
    let filter = keys_filter(&schema(), &keys).unwrap();
    assert_eq!(filter.as_str(), "(&(objectClass=inetOrgPerson)(|(principal=alice@x)(mail=a@x)(uid=alice)))");
    assert_eq!(keys_filter(&schema(), &LookupKeys { sids: keys.sids, ..LookupKeys::default() }), None);
}

#[test]
fn a_login_name_of_another_directory_is_not_searched_for() {
    let filter = |login| login_filter(&schema(), "corp", &login).map(|filter| filter.to_string());
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
        account(&[("memberOf", groups)]).unwrap().groups.into_iter().map(|group| group.name).collect();
    assert_eq!(names, ["Board, North", "staff"]);
}

#[test]
fn an_account_is_disabled_by_its_flag_and_expired_by_its_time() {
    assert_eq!(account(&[("locked", &[b"FALSE"])]).unwrap().status, AccountStatus::default());
    assert!(account(&[("locked", &[b"true"])]).unwrap().status.disabled);
    let ends = account(&[("ends", &[b"20261122093000Z"])]).unwrap().status.expires;
    assert_eq!(ends, Some(UnixTime::from_seconds(1_795_339_800)));
    assert_eq!(account(&[("ends", &[b"soon"])]), Err(invalid_attribute("expiry", "it is not a time")));
}

#[test]
fn an_incomplete_list_of_groups_is_an_error() {
    let incomplete: &[(&str, &[&[u8]])] = &[("memberOf;range=0-1499", &[b"cn=staff,ou=groups,dc=x"])];
    assert!(matches!(
        account(incomplete),
        Err(ProtocolError::InvalidAttribute { attribute: "group list", .. })
    ));
}
