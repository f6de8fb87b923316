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
    let other = || Err(NotAllowed::OtherAccount { user: user(), groups: 2 });
    let denied_group = |group: &str| Err(NotAllowed::DeniedGroup { group: group.to_owned(), user: user() });
    let alice = alice();
    let staff = &alice.groups[0];
    let table = [
        (everybody(), everybody(), Ok(AdmittedBy::Everybody)),
        (accounts(&["corp\\ALICE"]), everybody(), Ok(AdmittedBy::Account)),
        (accounts(&["alice@corp.example", "CORP\\bob"]), everybody(), Ok(AdmittedBy::Account)),
        (accounts(&["S-1-5-21-1-2-3-1104"]), everybody(), Ok(AdmittedBy::Account)),
        (accounts(&["CORP\\bob", "alice"]), everybody(), other()),
        (groups(&["Staff"]), everybody(), Ok(AdmittedBy::Group(staff))),
        (groups(&["S-1-5-21-1-2-3-1200"]), everybody(), Ok(AdmittedBy::Group(staff))),
        (groups(&["Managers"]), everybody(), other()),
        // One of either is enough.
        (both.clone(), everybody(), Ok(AdmittedBy::Group(staff))),
        (AccessList { groups: names(&["Managers"]), ..both.clone() }, everybody(), other()),
        // Whatever allow says.
        (accounts(&["CORP\\alice"]), groups(&["rms users"]), denied_group("RMS Users")),
        (everybody(), groups(&["S-1-5-21-1-2-3-1200"]), denied_group("Staff")),
        (both, accounts(&["ALICE@corp.example"]), Err(NotAllowed::DeniedAccount { user: user() })),
        (everybody(), accounts(&["S-1-5-21-1-2-3-1104"]), Err(NotAllowed::DeniedAccount { user: user() })),
        (everybody(), groups(&["Managers"]), Ok(AdmittedBy::Everybody)),
        (accounts(&["CORP\\bob"]), groups(&["Managers"]), other()),
    ];
    for (allow, deny, expected) in table {
        let admission = Admission { allow, deny };
        let admitted = admission.admits(&alice, &Proof::Password, &CertificateConditions::default());
        assert_eq!(admitted, expected, "{admission:?}");
    }
}

#[test]
fn an_issuer_counts_on_a_path_that_meets_the_conditions_and_against_the_card_on_any() {
    let alice = alice();
    let card = Card::of(alice.clone());
    let foreign = Card::of(alice.clone()).issuing;
    let proof = Proof::Card(Arc::clone(&card.credential));
    let (first, second, issuing) = (card.first_root, card.second_root, card.issuing);
    let denied = |issuer| Err(NotAllowed::DeniedIssuer { issuer });
    // What is demanded as a condition, what is allowed, what is denied.
    let table: [(&[KeyId], &[KeyId], &[KeyId], _); 10] = [
        (&[], &[issuing], &[], Ok(AdmittedBy::Everybody)),
        (&[], &[foreign, second], &[], Ok(AdmittedBy::Everybody)),
        (&[], &[foreign], &[], Err(NotAllowed::OtherIssuer)),
        (&[first], &[issuing], &[], Ok(AdmittedBy::Everybody)),
        (&[first], &[first], &[], Ok(AdmittedBy::Everybody)),
        (&[first], &[second], &[], Err(NotAllowed::OtherIssuer)),
        (&[], &[], &[second], denied(second)),
        (&[first], &[first], &[second], denied(second)),
        (&[], &[issuing], &[issuing], denied(issuing)),
        (&[], &[], &[foreign], Ok(AdmittedBy::Everybody)),
    ];
    for (demanded, allowed, denied, expected) in table {
        let conditions =
            CertificateConditions { issuers: demanded.to_vec(), ..CertificateConditions::default() };
        let admission = Admission { allow: issuers(allowed), deny: issuers(denied) };
        let admitted = admission.admits(&alice, &proof, &conditions);
        assert_eq!(admitted, expected, "{demanded:?} {allowed:?} {denied:?}");
    }
}

#[test]
fn an_issuer_and_a_name_are_both_needed_where_both_are_written() {
    let alice = alice();
    let card = Card::of(alice.clone());
    let proof = Proof::Card(Arc::clone(&card.credential));
    let admits = |allow| {
        let admission = Admission { allow, deny: everybody() };
        admission.admits(&alice, &proof, &CertificateConditions::default()).is_ok()
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
    let allow = Admission { allow: issuers(&[key]), deny: everybody() };
    let refused = allow.admits(&alice, &Proof::Password, &conditions);
    assert_eq!(refused, Err(NotAllowed::NoIssuer { user: user() }));
    let deny = Admission { allow: everybody(), deny: issuers(&[key]) };
    assert_eq!(deny.admits(&alice, &Proof::Password, &conditions), Ok(AdmittedBy::Everybody));
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
        let admission = Admission { allow: networks(allow), deny: networks(deny) };
        let from = admission.admits_from(peer.parse().unwrap());
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
        let admission = Admission { allow, deny: everybody() };
        assert_eq!(admission.admits_nobody().is_ok(), admitted, "{admission:?}");
    }
}
