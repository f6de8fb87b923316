//! Tests of decisions with access lists.

use super::*;
use crate::headers::fetch_metadata::CrossSiteEvidence;
use crate::policy::test_evidence::{TestCredential, alice, password_of, rule};
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

/// Returns `anonymous`, `passthrough`, the account's user name, or the id of the denial.
fn outcome(rule: &Arc<AccessRule>, evidence: Evidence) -> String {
    match decide(rule, &request(), evidence, NOW) {
        Ok(permit) => match permit.forwarded_as() {
            ForwardedAs::Anonymous => "anonymous".to_owned(),
            ForwardedAs::Passthrough => "passthrough".to_owned(),
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
fn a_certificate_or_a_password_is_permitted_if_the_access_list_has_its_account() {
    let card = TestCredential::of(alice());
    let password = || password_of(alice(), NOW.plus(HOUR));
    for (certificate, passwords, access, by_card, by_password) in [
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
        let rule = rule(certificate, passwords, access);
        assert_eq!(outcome(&rule, card.evidence()), by_card, "card: {rule:?}");
        assert_eq!(outcome(&rule, password()), by_password, "password: {rule:?}");
    }
}

#[test]
fn a_request_without_identity_is_permitted_if_the_path_requires_none() {
    for (certificate, passwords, access, expected) in [
        (Ignore, Never, AccessControl::default(), "anonymous"),
        (Ignore, Backend, AccessControl::default(), "passthrough"),
        (Accept, Backend, AccessControl::default(), "passthrough"),
        (Accept, Never, AccessControl::default(), "credentials-required"),
        (Accept, Directory, AccessControl::default(), "credentials-required"),
        (Ignore, Directory, AccessControl::default(), "credentials-required"),
        (Require, Never, AccessControl::default(), "certificate-required"),
        (Require, Backend, AccessControl::default(), "certificate-required"),
        // Networks apply to every request, accounts to those with an identity.
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
        // The configuration rejects these rules, and the decision rejects the requests.
        (Ignore, Never, allow(list("Staff")), "access-denied"),
        (Ignore, Backend, allow(list("Staff")), "access-denied"),
        (Accept, Backend, allow(list("Staff")), "access-denied"),
    ] {
        let rule = rule(certificate, passwords, access);
        assert_eq!(outcome(&rule, NOTHING), expected, "{rule:?}");
        let permitted = matches!(outcome(&rule, NOTHING).as_str(), "anonymous" | "passthrough");
        assert!(!permitted || rule.permits_without_identity(), "{rule:?}");
    }
}

#[test]
fn a_request_with_an_ignored_certificate_is_anonymous() {
    let card = TestCredential::of(alice());
    let rule = rule(Ignore, Never, AccessControl::default());
    assert_eq!(outcome(&rule, card.evidence()), "anonymous");
}

#[test]
fn an_unmapped_certificate_is_denied_as_not_mapped() {
    let rule = rule(Require, Never, allow(list("Staff")));
    assert_eq!(outcome(&rule, TestCredential::unmapped().evidence()), "not-mapped");
}

#[test]
fn credentials_whose_verdict_expired_are_denied() {
    let rule = rule(Accept, Directory, AccessControl::default());
    assert_eq!(outcome(&rule, password_of(alice(), NOW)), "validation-timeout");
    let card = TestCredential::of(alice()).evidence();
    let late = decide(&rule, &request(), card, NOW.plus(HOUR)).unwrap_err();
    assert_eq!(late.id(), DenialId::ValidationTimeout);
}

#[test]
fn the_detail_names_the_list_that_denied() {
    let rule = rule(Require, Never, allow(list("Managers")));
    let denial = decide(&rule, &request(), TestCredential::of(alice()).evidence(), NOW).unwrap_err();
    assert_eq!(
        denial.detail(),
        "the account CORP\\alice is not in `allow.accounts`, and none of its 2 groups is in `allow.groups`"
    );
}

#[test]
fn a_cross_site_request_is_denied_although_the_account_is_allowed() {
    let rule = rule(Require, Never, allow(list("Staff")));
    let request = RequestFacts { cross_site: Some(CrossSiteEvidence::ForeignOrigin), ..request() };
    let denial = decide(&rule, &request, TestCredential::of(alice()).evidence(), NOW).unwrap_err();
    assert_eq!(denial.id(), DenialId::CrossSiteRequest);
}
