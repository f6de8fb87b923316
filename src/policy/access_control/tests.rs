//! Tests of access control by tables of access lists.

use super::*;
use crate::policy::test_evidence::{TestCredential, alice};
use ipnet::IpNet;
use std::sync::Arc;

fn accounts(entries: &[&str]) -> AccessList {
    AccessList { accounts: names(entries), ..AccessList::default() }
}

fn groups(entries: &[&str]) -> AccessList {
    AccessList { groups: names(entries), ..AccessList::default() }
}

fn issuers(keys: &[KeyId]) -> AccessList {
    AccessList { issuers: keys.iter().copied().collect(), ..AccessList::default() }
}

fn networks(entries: &[&str]) -> AccessList {
    let networks = entries.iter().map(|entry| entry.parse::<IpNet>().unwrap());
    AccessList { networks: networks.collect(), ..AccessList::default() }
}

fn names(entries: &[&str]) -> crate::policy::NameSet {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

fn empty() -> AccessList {
    AccessList::default()
}

fn user() -> String {
    "CORP\\alice".to_owned()
}

#[test]
fn accounts_and_groups_are_alternatives_and_deny_is_checked_first() {
    let both = AccessList { accounts: names(&["CORP\\bob"]), ..groups(&["staff"]) };
    let other = || Err(AccessDenied::OtherAccount { user: user(), groups: 2 });
    let denied_group = |group: &str| Err(AccessDenied::DeniedGroup { group: group.to_owned(), user: user() });
    let alice = alice();
    let staff = &alice.groups[0];
    let table = [
        (empty(), empty(), Ok(AllowedBy::NoAccessList)),
        (accounts(&["corp\\ALICE"]), empty(), Ok(AllowedBy::Account)),
        (accounts(&["alice@corp.example", "CORP\\bob"]), empty(), Ok(AllowedBy::Account)),
        (accounts(&["S-1-5-21-1-2-3-1104"]), empty(), Ok(AllowedBy::Account)),
        (accounts(&["CORP\\bob", "alice"]), empty(), other()),
        (groups(&["Staff"]), empty(), Ok(AllowedBy::Group(staff))),
        (groups(&["S-1-5-21-1-2-3-1200"]), empty(), Ok(AllowedBy::Group(staff))),
        (groups(&["Managers"]), empty(), other()),
        // One match is enough.
        (both.clone(), empty(), Ok(AllowedBy::Group(staff))),
        (AccessList { groups: names(&["Managers"]), ..both.clone() }, empty(), other()),
        // `deny` decides although `allow` matches.
        (accounts(&["CORP\\alice"]), groups(&["rms users"]), denied_group("RMS Users")),
        (empty(), groups(&["S-1-5-21-1-2-3-1200"]), denied_group("Staff")),
        (both, accounts(&["ALICE@corp.example"]), Err(AccessDenied::DeniedAccount { user: user() })),
        (empty(), accounts(&["S-1-5-21-1-2-3-1104"]), Err(AccessDenied::DeniedAccount { user: user() })),
        (empty(), groups(&["Managers"]), Ok(AllowedBy::NoAccessList)),
        (accounts(&["CORP\\bob"]), groups(&["Managers"]), other()),
    ];
    for (allow, deny, expected) in table {
        let access = AccessControl { allow, deny };
        let allowed = access.authorize(&alice, &AuthenticatedBy::Password, &CertificateConditions::default());
        assert_eq!(allowed, expected, "{access:?}");
    }
}

#[test]
fn allow_issuers_match_on_a_sufficient_path_and_deny_issuers_on_any() {
    let alice = alice();
    let card = TestCredential::of(alice.clone());
    let foreign = TestCredential::of(alice.clone()).issuing;
    let proof = AuthenticatedBy::Certificate(Arc::clone(&card.credential));
    let (first, second, issuing) = (card.first_root, card.second_root, card.issuing);
    let denied = |issuer| Err(AccessDenied::DeniedIssuer { issuer });
    // Issuers of the conditions, of `allow`, of `deny`.
    let table: [(&[KeyId], &[KeyId], &[KeyId], _); 10] = [
        (&[], &[issuing], &[], Ok(AllowedBy::NoAccessList)),
        (&[], &[foreign, second], &[], Ok(AllowedBy::NoAccessList)),
        (&[], &[foreign], &[], Err(AccessDenied::OtherIssuer)),
        (&[first], &[issuing], &[], Ok(AllowedBy::NoAccessList)),
        (&[first], &[first], &[], Ok(AllowedBy::NoAccessList)),
        (&[first], &[second], &[], Err(AccessDenied::OtherIssuer)),
        (&[], &[], &[second], denied(second)),
        (&[first], &[first], &[second], denied(second)),
        (&[], &[issuing], &[issuing], denied(issuing)),
        (&[], &[], &[foreign], Ok(AllowedBy::NoAccessList)),
    ];
    for (required, allowed, denied, expected) in table {
        let conditions =
            CertificateConditions { issuers: required.to_vec(), ..CertificateConditions::default() };
        let access = AccessControl { allow: issuers(allowed), deny: issuers(denied) };
        let result = access.authorize(&alice, &proof, &conditions);
        assert_eq!(result, expected, "{required:?} {allowed:?} {denied:?}");
    }
}

#[test]
fn an_issuer_and_a_group_must_both_match_if_both_are_listed() {
    let alice = alice();
    let card = TestCredential::of(alice.clone());
    let proof = AuthenticatedBy::Certificate(Arc::clone(&card.credential));
    let allows = |allow| {
        let access = AccessControl { allow, deny: empty() };
        access.authorize(&alice, &proof, &CertificateConditions::default()).is_ok()
    };
    let issuers = issuers(&[card.issuing]);
    assert!(allows(AccessList { groups: names(&["Staff"]), ..issuers.clone() }));
    assert!(!allows(AccessList { groups: names(&["Managers"]), ..issuers }));
}

#[test]
fn a_password_has_no_issuer() {
    let alice = alice();
    let key = TestCredential::of(alice.clone()).issuing;
    let conditions = CertificateConditions::default();
    let allow = AccessControl { allow: issuers(&[key]), deny: empty() };
    let refused = allow.authorize(&alice, &AuthenticatedBy::Password, &conditions);
    assert_eq!(refused, Err(AccessDenied::PasswordHasNoIssuer { user: user() }));
    let deny = AccessControl { allow: empty(), deny: issuers(&[key]) };
    assert_eq!(deny.authorize(&alice, &AuthenticatedBy::Password, &conditions), Ok(AllowedBy::NoAccessList));
}

#[test]
fn an_address_must_be_in_an_allowed_network_and_in_no_denied_one() {
    for (allow, deny, peer, allowed) in [
        (&[][..], &[][..], "192.0.2.1", true),
        (&["10.0.0.0/8"], &[], "10.1.2.3", true),
        (&["10.0.0.0/8"], &[], "192.0.2.1", false),
        (&["10.0.0.0/8"], &[], "2001:db8::1", false),
        (&["10.0.0.0/8", "2001:db8::/32"], &[], "2001:db8::1", true),
        (&["10.0.0.0/8"], &["10.9.0.0/16"], "10.9.1.1", false),
        (&["10.0.0.0/8"], &["10.9.0.0/16"], "10.8.1.1", true),
        (&[], &["10.9.0.0/16"], "10.9.1.1", false),
        (&[], &["10.9.0.0/16"], "192.0.2.1", true),
    ] {
        let access = AccessControl { allow: networks(allow), deny: networks(deny) };
        let from = access.check_address(peer.parse().unwrap());
        assert_eq!(from.is_ok(), allowed, "{allow:?} {deny:?} {peer}");
    }
}

#[test]
fn an_anonymous_request_is_denied_if_the_list_requires_an_identity() {
    let key = TestCredential::unmapped().issuing;
    for (allow, allowed) in [
        (empty(), true),
        (networks(&["10.0.0.0/8"]), true),
        (accounts(&["CORP\\alice"]), false),
        (groups(&["Staff"]), false),
        (issuers(&[key]), false),
    ] {
        let access = AccessControl { allow, deny: empty() };
        assert_eq!(access.check_anonymous().is_ok(), allowed, "{access:?}");
    }
}
