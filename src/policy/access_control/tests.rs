//! Which lists let in whom, as tables.

use super::*;
use crate::policy::test_evidence::{Card, alice};
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

fn everybody() -> AccessList {
    AccessList::default()
}

fn user() -> String {
    "CORP\\alice".to_owned()
}

#[test]
fn who_is_let_in_is_said_by_accounts_and_groups_together_and_deny_goes_first() {
    let both = AccessList { accounts: names(&["CORP\\bob"]), ..groups(&["staff"]) };
    let other = || Err(AccessDenied::OtherAccount { user: user(), groups: 2 });
    let denied_group = |group: &str| Err(AccessDenied::DeniedGroup { group: group.to_owned(), user: user() });
    let alice = alice();
    let staff = &alice.groups[0];
    let table = [
        (everybody(), everybody(), Ok(AllowedBy::NoAccessList)),
        (accounts(&["corp\\ALICE"]), everybody(), Ok(AllowedBy::Account)),
        (accounts(&["alice@corp.example", "CORP\\bob"]), everybody(), Ok(AllowedBy::Account)),
        (accounts(&["S-1-5-21-1-2-3-1104"]), everybody(), Ok(AllowedBy::Account)),
        (accounts(&["CORP\\bob", "alice"]), everybody(), other()),
        (groups(&["Staff"]), everybody(), Ok(AllowedBy::Group(staff))),
        (groups(&["S-1-5-21-1-2-3-1200"]), everybody(), Ok(AllowedBy::Group(staff))),
        (groups(&["Managers"]), everybody(), other()),
        // One of either is enough.
        (both.clone(), everybody(), Ok(AllowedBy::Group(staff))),
        (AccessList { groups: names(&["Managers"]), ..both.clone() }, everybody(), other()),
        // Whatever allow says.
        (accounts(&["CORP\\alice"]), groups(&["rms users"]), denied_group("RMS Users")),
        (everybody(), groups(&["S-1-5-21-1-2-3-1200"]), denied_group("Staff")),
        (both, accounts(&["ALICE@corp.example"]), Err(AccessDenied::DeniedAccount { user: user() })),
        (everybody(), accounts(&["S-1-5-21-1-2-3-1104"]), Err(AccessDenied::DeniedAccount { user: user() })),
        (everybody(), groups(&["Managers"]), Ok(AllowedBy::NoAccessList)),
        (accounts(&["CORP\\bob"]), groups(&["Managers"]), other()),
    ];
    for (allow, deny, expected) in table {
        let admission = AccessControl { allow, deny };
        let admitted =
            admission.authorize(&alice, &AuthenticatedBy::Password, &CertificateConditions::default());
        assert_eq!(admitted, expected, "{admission:?}");
    }
}

#[test]
fn an_issuer_counts_on_a_path_that_meets_the_conditions_and_against_the_card_on_any() {
    let alice = alice();
    let card = Card::of(alice.clone());
    let foreign = Card::of(alice.clone()).issuing;
    let proof = AuthenticatedBy::Certificate(Arc::clone(&card.credential));
    let (first, second, issuing) = (card.first_root, card.second_root, card.issuing);
    let denied = |issuer| Err(AccessDenied::DeniedIssuer { issuer });
    // What is demanded as a condition, what is allowed, what is denied.
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
    for (demanded, allowed, denied, expected) in table {
        let conditions =
            CertificateConditions { issuers: demanded.to_vec(), ..CertificateConditions::default() };
        let admission = AccessControl { allow: issuers(allowed), deny: issuers(denied) };
        let admitted = admission.authorize(&alice, &proof, &conditions);
        assert_eq!(admitted, expected, "{demanded:?} {allowed:?} {denied:?}");
    }
}

#[test]
fn an_issuer_and_a_name_are_both_needed_where_both_are_written() {
    let alice = alice();
    let card = Card::of(alice.clone());
    let proof = AuthenticatedBy::Certificate(Arc::clone(&card.credential));
    let admits = |allow| {
        let admission = AccessControl { allow, deny: everybody() };
        admission.authorize(&alice, &proof, &CertificateConditions::default()).is_ok()
    };
    let issuers = issuers(&[card.issuing]);
    assert!(admits(AccessList { groups: names(&["Staff"]), ..issuers.clone() }));
    assert!(!admits(AccessList { groups: names(&["Managers"]), ..issuers }));
}

#[test]
fn a_password_comes_from_no_issuer() {
    let alice = alice();
    let key = Card::of(alice.clone()).issuing;
    let conditions = CertificateConditions::default();
    let allow = AccessControl { allow: issuers(&[key]), deny: everybody() };
    let refused = allow.authorize(&alice, &AuthenticatedBy::Password, &conditions);
    assert_eq!(refused, Err(AccessDenied::PasswordHasNoIssuer { user: user() }));
    let deny = AccessControl { allow: everybody(), deny: issuers(&[key]) };
    assert_eq!(deny.authorize(&alice, &AuthenticatedBy::Password, &conditions), Ok(AllowedBy::NoAccessList));
}

#[test]
fn a_request_comes_from_an_allowed_network_and_from_no_denied_one() {
    for (allow, deny, peer, admitted) in [
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
        let admission = AccessControl { allow: networks(allow), deny: networks(deny) };
        let from = admission.check_address(peer.parse().unwrap());
        assert_eq!(from.is_ok(), admitted, "{allow:?} {deny:?} {peer}");
    }
}

#[test]
fn nobody_passes_where_people_are_named() {
    let key = Card::unmapped().issuing;
    for (allow, admitted) in [
        (everybody(), true),
        (networks(&["10.0.0.0/8"]), true),
        (accounts(&["CORP\\alice"]), false),
        (groups(&["Staff"]), false),
        (issuers(&[key]), false),
    ] {
        let admission = AccessControl { allow, deny: everybody() };
        assert_eq!(admission.check_anonymous().is_ok(), admitted, "{admission:?}");
    }
}
