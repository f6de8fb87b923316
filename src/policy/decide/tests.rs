//! What becomes of each kind of evidence under each kind of rule.

use super::*;
use crate::headers::fetch_metadata::CrossSiteEvidence;
use crate::policy::test_evidence::{Card, alice, password_of, rule};
use crate::policy::{AccessControl, AccessList, ForwardedAs};
use crate::revocation::test_pki::{HOUR, NOW};
use http::Method;
use std::net::IpAddr;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3));

fn request() -> RequestFacts<'static> {
    RequestFacts {
        peer: PEER,
        method: &Method::GET,
        has_query: false,
        content_length: None,
        cross_site: None,
    }
}

/// `anonymous`, `own dialogue`, the account's user name, or the denial's id.
fn outcome(rule: &Arc<AccessRule>, evidence: Evidence) -> String {
    match decide(rule, &request(), evidence, NOW) {
        Ok(permit) => match permit.forwarded_as() {
            ForwardedAs::Anonymous => "anonymous".to_owned(),
            ForwardedAs::Passthrough => "own dialogue".to_owned(),
            ForwardedAs::Identity(identity) => identity.account().user.clone(),
        },
        Err(denial) => denial.id().to_string(),
    }
}

fn list(group: &str) -> AccessList {
    AccessList { groups: [group.to_owned()].into_iter().collect(), ..AccessList::default() }
}

fn network(network: &str) -> AccessList {
    AccessList { networks: vec![network.parse().unwrap()], ..AccessList::default() }
}

fn allow(allow: AccessList) -> AccessControl {
    AccessControl { allow, ..AccessControl::default() }
}

const NOTHING: Evidence = Evidence::None(AbsentReason::NotPresented);
use ClientCertificateRule::{Accept, Ignore, Require};
use PasswordRule::{Backend, Directory, Never};

#[test]
fn a_card_or_a_password_passes_where_the_path_lets_its_account_in() {
    let card = Card::of(alice());
    let password = || password_of(alice(), NOW.plus(HOUR));
    for (certificate, passwords, admission, by_card, by_password) in [
        (Require, Never, AccessControl::default(), "CORP\\alice", "certificate-required"),
        (Require, Never, allow(list("Staff")), "CORP\\alice", "certificate-required"),
        (Require, Never, allow(list("Managers")), "access-denied", "certificate-required"),
        (Accept, Directory, allow(list("Staff")), "CORP\\alice", "CORP\\alice"),
        (Accept, Directory, allow(list("Managers")), "access-denied", "access-denied"),
        (
            Accept,
            Directory,
            AccessControl { deny: list("Staff"), ..AccessControl::default() },
            "access-denied",
            "access-denied",
        ),
        (Accept, Directory, allow(network("10.0.0.0/8")), "CORP\\alice", "CORP\\alice"),
        (Accept, Directory, allow(network("11.0.0.0/8")), "access-denied", "access-denied"),
        (Ignore, Directory, allow(list("Staff")), "credentials-required", "CORP\\alice"),
    ] {
        let rule = rule(certificate, passwords, admission);
        assert_eq!(outcome(&rule, card.evidence()), by_card, "card: {rule:?}");
        assert_eq!(outcome(&rule, password()), by_password, "password: {rule:?}");
    }
}

#[test]
fn a_request_under_nobodys_name_passes_where_nobody_is_asked_for() {
    for (certificate, passwords, admission, expected) in [
        (Ignore, Never, AccessControl::default(), "anonymous"),
        (Ignore, Backend, AccessControl::default(), "own dialogue"),
        (Accept, Backend, AccessControl::default(), "own dialogue"),
        (Accept, Never, AccessControl::default(), "credentials-required"),
        (Accept, Directory, AccessControl::default(), "credentials-required"),
        (Ignore, Directory, AccessControl::default(), "credentials-required"),
        (Require, Never, AccessControl::default(), "certificate-required"),
        (Require, Backend, AccessControl::default(), "certificate-required"),
        // From where is asked of everybody, who only of those who have a name.
        (Ignore, Never, allow(network("10.0.0.0/8")), "anonymous"),
        (Ignore, Never, allow(network("11.0.0.0/8")), "access-denied"),
        (Accept, Backend, allow(network("11.0.0.0/8")), "access-denied"),
        (
            Accept,
            Backend,
            AccessControl { deny: network("10.0.0.0/8"), ..AccessControl::default() },
            "access-denied",
        ),
        (Require, Never, allow(network("11.0.0.0/8")), "access-denied"),
        // The configuration refuses these; so does the decision.
        (Ignore, Never, allow(list("Staff")), "access-denied"),
        (Ignore, Backend, allow(list("Staff")), "access-denied"),
        (Accept, Backend, allow(list("Staff")), "access-denied"),
    ] {
        let rule = rule(certificate, passwords, admission);
        assert_eq!(outcome(&rule, NOTHING), expected, "{rule:?}");
        let passes = matches!(outcome(&rule, NOTHING).as_str(), "anonymous" | "own dialogue");
        assert!(!passes || rule.permits_without_identity(), "{rule:?}");
    }
}

#[test]
fn a_card_that_is_not_looked_at_names_nobody() {
    let card = Card::of(alice());
    let rule = rule(Ignore, Never, AccessControl::default());
    assert_eq!(outcome(&rule, card.evidence()), "anonymous");
}

#[test]
fn a_card_of_nobody_is_refused_for_being_that() {
    let rule = rule(Require, Never, allow(list("Staff")));
    assert_eq!(outcome(&rule, Card::unmapped().evidence()), "not-mapped");
}

#[test]
fn credentials_whose_verdict_has_ended_do_not_pass() {
    let rule = rule(Accept, Directory, AccessControl::default());
    assert_eq!(outcome(&rule, password_of(alice(), NOW)), "validation-timeout");
    let card = Card::of(alice()).evidence();
    let late = decide(&rule, &request(), card, NOW.plus(HOUR)).unwrap_err();
    assert_eq!(late.id(), DenialId::ValidationTimeout);
}

#[test]
fn the_record_says_which_list_refused() {
    let rule = rule(Require, Never, allow(list("Managers")));
    let denial = decide(&rule, &request(), Card::of(alice()).evidence(), NOW).unwrap_err();
    assert_eq!(
        denial.detail(),
        "neither does `allow.accounts` have the account CORP\\alice nor `allow.groups` one of its 2 groups"
    );
}

#[test]
fn another_sites_page_cannot_use_what_is_let_in() {
    let rule = rule(Require, Never, allow(list("Staff")));
    let request = RequestFacts { cross_site: Some(CrossSiteEvidence::ForeignOrigin), ..request() };
    let denial = decide(&rule, &request, Card::of(alice()).evidence(), NOW).unwrap_err();
    assert_eq!(denial.id(), DenialId::CrossSiteRequest);
}
