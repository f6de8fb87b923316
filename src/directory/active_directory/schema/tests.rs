//! Filters for accounts of Active Directory, and the decoding of their attributes.

use super::*;
use crate::directory::account::{AccountStatusError, NotDelegated};

const SID: &str = "S-1-5-21-1-2-3-1103";
const DN: &str = "CN=alice,DC=corp,DC=example";

/// Returns the entry of alice with some attributes replaced; attributes without values are omitted.
fn entry(changes: &[(&str, &[&[u8]])]) -> LdapEntry {
    let sid = Sid::parse(SID).unwrap().to_bytes();
    let group = Sid::parse("S-1-5-21-1-2-3-513").unwrap().to_bytes();
    let (sid, group): (&[&[u8]], &[&[u8]]) = (&[&sid], &[&group]);
    let own: [(&str, &[&[u8]]); 8] = [
        ("userPrincipalName", &[b"alice@corp.example"]),
        ("sAMAccountName", &[b"alice"]),
        ("objectSid", sid),
        ("whenCreated", &[b"20261122093000.0Z"]),
        ("userAccountControl", &[b"512"]),
        (COMPUTED, &[b"0"]),
        ("accountExpires", &[b"9223372036854775807"]),
        ("tokenGroups", group),
    ];
    let changed = |name: &str| changes.iter().any(|(change, _)| *change == name);
    let kept = own.into_iter().filter(|(name, _)| !changed(name));
    let attributes: Vec<_> =
        kept.chain(changes.iter().copied()).filter(|(_, values)| !values.is_empty()).collect();
    LdapEntry::of(DN, &attributes)
}

fn read_changed(changes: &[(&str, &[&[u8]])]) -> Result<Option<AccountWithGroupSids>, LdapError> {
    read_account(&entry(changes), &"corp".into(), &DomainNames::default(), &[])
}

fn standing_of(changes: &[(&str, &[&[u8]])]) -> Result<Option<UnixTime>, AccountStatusError> {
    read_changed(changes).unwrap().unwrap().account.status.check(UnixTime::from_seconds(1_795_339_800))
}

#[test]
fn the_filter_matches_user_accounts_with_any_key() {
    let keys = LookupKeys {
        sids: vec![Sid::parse("S-1-5-32-544").unwrap()],
        upns: vec!["alice@corp.example".to_owned(), String::new()],
        emails: vec!["a@b".to_owned()],
        alt_security_identities: vec!["X509:<SKI>00".to_owned()],
        account_names: vec!["*)(objectClass=*".to_owned()],
        attributes: vec![("employeeID".to_owned(), "7".to_owned()), ("title".to_owned(), String::new())],
    };
    let filter = keys_filter(&keys).unwrap();
    let expected = [
        "(&(objectCategory=person)(objectClass=user)(|",
        r"(objectSid=\01\02\00\00\00\00\00\05 \00\00\00 \02\00\00)",
        "(userPrincipalName=alice@corp.example)(mail=a@b)(proxyAddresses=smtp:a@b)",
        r"(altSecurityIdentities=X509:<SKI>00)(sAMAccountName=\2a\29\28objectClass=\2a)(employeeID=7)))",
    ];
    assert_eq!(filter.as_str(), expected.concat());
}

#[test]
fn without_a_usable_key_there_is_no_filter() {
    assert_eq!(keys_filter(&LookupKeys::default()), None);
    for unusable in ["", "alice\0@corp.example", "alice\u{85}"] {
        let value = vec![unusable.to_owned()];
        assert_eq!(
            keys_filter(&LookupKeys { upns: value.clone(), emails: value, ..LookupKeys::default() }),
            None,
            "{unusable}"
        );
    }
}

#[test]
fn the_attributes_of_an_account_are_decoded() {
    let AccountWithGroupSids { account, group_sids } = read_changed(&[
        ("mail", &[b"alice@corp.example"]),
        ("proxyAddresses", &[b"SMTP:Alice@corp.example", b"smtp:a@corp.example", b"x500:/o=corp"]),
        ("altSecurityIdentities", &[b"X509:<SKI>00"]),
    ])
    .unwrap()
    .unwrap();
    assert_eq!(group_sids, [Sid::parse("S-1-5-21-1-2-3-513").unwrap()]);
    let expected = DirectoryAccount {
        dn: DN.to_owned(),
        directory: "corp".into(),
        upn: Some("alice@corp.example".to_owned()),
        account_name: Some("alice".to_owned()),
        netbios_domain: None,
        dns_domain: None,
        sid: Some(Sid::parse(SID).unwrap()),
        emails: vec!["alice@corp.example".to_owned(), "a@corp.example".to_owned()],
        alt_security_identities: vec!["X509:<SKI>00".to_owned()],
        attributes: Default::default(),
        created: Some(UnixTime::from_seconds(1_795_339_800)),
        status: AccountStatus::default(),
        groups: Vec::new(),
    };
    assert_eq!(account, expected);
}

#[test]
fn an_account_with_the_flag_or_in_protected_users_is_not_delegated() {
    let sid = |text: &str| Sid::parse(text).unwrap().to_bytes();
    let (users, protected) = (sid("S-1-5-21-1-2-3-513"), sid("S-1-5-21-1-2-3-525"));
    let (of_another_domain, builtin) = (sid("S-1-5-21-7-8-9-525"), sid("S-1-5-32-525"));
    let cases: [(&[u8], &[&[u8]], _); 5] = [
        (b"512", &[&users], None),
        (b"1049088", &[&users], Some(NotDelegated::Sensitive)),
        (b"512", &[&users, &protected], Some(NotDelegated::ProtectedUsers)),
        (b"1049088", &[&protected], Some(NotDelegated::Sensitive)),
        (b"512", &[&users, &of_another_domain, &builtin], None),
    ];
    for (control, groups, expected) in cases {
        let changes = [("userAccountControl", &[control][..]), ("tokenGroups", groups)];
        let account = read_changed(&changes).unwrap().unwrap();
        assert_eq!(account.account.status.not_delegated, expected, "{control:?} {groups:?}");
    }
}

#[test]
fn the_names_of_requested_attributes_are_lower_case() {
    let requested = [AttributeName::parse("employeeID").unwrap()];
    let account =
        read_account(&entry(&[("employeeID", &[b"7"])]), &"corp".into(), &DomainNames::default(), &requested);
    let attributes = account.unwrap().unwrap().account.attributes;
    assert_eq!(attributes, [("employeeid".to_owned(), vec!["7".to_owned()])].into());
}

#[test]
fn the_status_is_read_from_bits_times_and_hours() {
    assert_eq!(standing_of(&[]), Ok(None));
    assert_eq!(standing_of(&[("userAccountControl", &[b"514"])]), Err(AccountStatusError::Disabled));
    assert_eq!(standing_of(&[(COMPUTED, &[b"16"])]), Err(AccountStatusError::Locked));
    assert_eq!(standing_of(&[("lockoutTime", &[b"133000000000000000"])]), Ok(None));
    let since = UnixTime::from_seconds(1_795_339_800);
    assert_eq!(
        standing_of(&[("accountExpires", &[b"134398134000000000"])]),
        Err(AccountStatusError::Expired { since })
    );
    assert_eq!(standing_of(&[("accountExpires", &[b"0"])]), Ok(None));
    assert_eq!(standing_of(&[("logonHours", &[&[0; 21]])]), Err(AccountStatusError::OutsideLogonHours));
    // Bit 31 makes the number negative.
    assert_eq!(standing_of(&[("userAccountControl", &[b"-2147483134"])]), Err(AccountStatusError::Disabled));
}

#[test]
fn an_attribute_that_cannot_be_read_is_an_error() {
    for attribute in ["userAccountControl", COMPUTED, "accountExpires", "objectSid", "tokenGroups"] {
        let result = read_changed(&[(attribute, &[])]);
        let Err(LdapError::Refused { refusal: LdapRefusal::UnreadableAttribute(unreadable), .. }) = result
        else {
            panic!("{attribute}: {result:?}");
        };
        assert_eq!(unreadable, attribute);
    }
}

#[test]
fn an_attribute_that_is_not_valid_is_an_error() {
    let cases: [(&str, &[&[u8]]); 7] = [
        ("logonHours", &[&[0xff; 20]]),
        ("accountExpires", &[b"soon"]),
        ("userAccountControl", &[b"512", b"514"]),
        ("whenCreated", &[b"yesterday"]),
        ("objectSid", &[b"S-1-5-21"]),
        ("tokenGroups", &[b"S-1-5-21"]),
        ("tokenGroups;range=0-1499", &[b""]),
    ];
    for change in cases {
        assert!(matches!(read_changed(&[change]), Err(LdapError::Protocol(_))), "{change:?}");
    }
}

#[test]
fn accounts_of_computers_and_domains_are_not_user_accounts() {
    for control in [&b"4096"[..], b"2048", b"8192"] {
        assert_eq!(read_changed(&[("userAccountControl", &[control])]).ok(), Some(None));
    }
}

#[test]
fn a_search_requests_no_attribute_that_is_not_used() {
    let filter = SearchFilter::present("objectSid");
    assert_eq!(find("DC=x", filter.clone(), 8).attributes, ["1.1"]);
    let requested = [AttributeName::parse("employeeID").unwrap()];
    let read = read_one(DN, filter, &requested);
    assert_eq!((read.base.as_str(), read.scope, read.size_limit), (DN, SearchScope::Base, 1));
    assert!(
        read.attributes.contains(&"tokenGroups".to_owned())
            && read.attributes.contains(&"employeeID".to_owned())
    );
}

#[test]
fn a_login_name_belongs_to_the_account_of_its_domain() {
    let own = read_changed(&[]).unwrap().unwrap().account;
    let alice = |netbios: &str, dns: &str| DirectoryAccount {
        netbios_domain: Some(netbios.to_owned()),
        dns_domain: Some(dns.to_owned()),
        ..own.clone()
    };
    let (corp, lab) = (alice("CORP", "corp.example"), alice("LAB", "lab.example"));
    let is_of = |text: &str| {
        let login = LoginName::parse(text, None).unwrap();
        (is_of_login_domain(&login, &corp), is_of_login_domain(&login, &lab))
    };
    assert_eq!(is_of(r"corp\alice"), (true, false));
    assert_eq!(is_of(r"Lab.Example\alice"), (false, true));
    assert_eq!(is_of("alice@lab.example"), (false, true));
    // Both accounts have this UPN. A login name of two accounts is rejected later.
    assert_eq!(is_of("Alice@corp.example"), (true, true));
    assert_eq!(is_of("alice"), (true, true));
}

#[test]
fn an_expiry_is_counted_in_ticks_since_1601() {
    // 2026-11-22T09:30:00Z.
    assert_eq!(account_expires(134_398_134_000_000_000), Some(UnixTime::from_seconds(1_795_339_800)));
    assert_eq!(account_expires(116_444_736_000_000_000), Some(UnixTime::EPOCH));
}

#[test]
fn zero_and_the_greatest_number_mean_never() {
    assert_eq!(account_expires(0), None);
    assert_eq!(account_expires(0x7fff_ffff_ffff_ffff), None);
}

#[test]
fn an_expiry_out_of_range_is_past_or_at_the_end_of_time() {
    assert_eq!(account_expires(1), Some(UnixTime::EPOCH));
    assert_eq!(account_expires(-1), Some(UnixTime::EPOCH));
    assert_eq!(
        account_expires(i64::MAX - 1),
        Some(UnixTime::from_seconds(910_692_730_085)).map(|end| end.min(UnixTime::END))
    );
}
