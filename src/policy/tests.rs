//! Tests of every combination of certificate rule, password rule and evidence.

use super::*;
use crate::directory::{self, AccountStatusError, DirectoryError};
use crate::headers::fetch_metadata::CrossSiteEvidence;
use crate::identity::{
    Account, IdentityConflict, Mapper, MappingError, MappingMethod, MappingStrength, NotMappedReason,
};
use crate::login_throttle::{LoginThrottled, ThrottledBy};
use crate::request::BasicError;
use crate::revocation::test_pki::{HOUR, NOW, TestCa, proven};
use crate::revocation::{CrlStore, RevocationMode, RevocationRule, check};
use crate::validation::TrustSet;
use http::Method;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

const REQUEST: RequestFacts<'static> = RequestFacts {
    peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
    method: &Method::GET,
    has_query: false,
    content_length: None,
    cross_site: None,
};

fn alice() -> Arc<Account> {
    Arc::new(Account::named("alice", MappingMethod::SubjectAlternativeUpn, MappingStrength::Weak))
}

fn unmapped() -> MappingError {
    MappingError::NotMapped { why: NotMappedReason::NoValue }
}

/// Returns a valid certificate with this result of the mapping.
fn card(account: Result<Arc<Account>, MappingError>) -> Arc<Credential> {
    let root = TestCa::root("Root");
    let chain = proven(&root.issue("alice", &[3]), &[], &[&root.certificate]);
    let off = RevocationRule { mode: RevocationMode::Off, ..RevocationRule::default() };
    let chain = check(&chain, &off, &TrustSet::default(), &CrlStore::empty(), NOW).unwrap();
    Arc::new(Credential::new(chain, account.map_err(Arc::new), NOW.plus(HOUR)))
}

fn right_password(fallback: PasswordFallback) -> Evidence {
    Evidence::Password { outcome: Ok(Arc::new(PasswordCredential::new(alice(), NOW.plus(HOUR)))), fallback }
}

fn wrong_password(fallback: PasswordFallback) -> Evidence {
    Evidence::Password { outcome: Err(Arc::new(PasswordRejection::Unknown)), fallback }
}

fn rule(
    client_certificate: ClientCertificateRule,
    password: PasswordRule,
    unmapped_certificate: UnmappedCertificateRule,
) -> AccessRule {
    let rule = test_evidence::rule(client_certificate, password, AccessControl::default());
    AccessRule { unmapped_certificate, ..AccessRule::clone(&rule) }
}

/// Returns a path that accepts every kind of credential.
fn lenient() -> AccessRule {
    rule(ClientCertificateRule::Accept, PasswordRule::Directory, UnmappedCertificateRule::AllowPassword)
}

/// Returns `anonymous`, `passthrough`, the account's user name, or the id of the denial.
fn outcome(rule: AccessRule, request: &RequestFacts<'_>, evidence: Evidence) -> String {
    match decide(&Arc::new(rule), request, evidence, NOW) {
        Ok(permit) => match permit.forwarded_as() {
            ForwardedAs::Anonymous => "anonymous".to_owned(),
            ForwardedAs::Passthrough => "passthrough".to_owned(),
            ForwardedAs::Identity(identity) => identity.account().user.clone(),
        },
        Err(denial) => denial.id().to_string(),
    }
}

/// Returns the evidence, in the order of the table's columns.
fn columns() -> Vec<Evidence> {
    let (mapped, unmapped) = (card(Ok(alice())), card(Err(unmapped())));
    let none = [
        AbsentReason::Ignored,
        AbsentReason::NotRequested,
        AbsentReason::NotPresented,
        AbsentReason::RequestedSinceReload,
        AbsentReason::ProofExpired,
    ];
    let mut columns: Vec<_> = none.map(Evidence::None).into();
    columns.extend([
        Evidence::Certificate(mapped),
        Evidence::Certificate(Arc::clone(&unmapped)),
        Evidence::Rejected(Arc::new(CertificateRejection::Timeout(Duration::ZERO))),
        right_password(PasswordFallback::NoCertificate(AbsentReason::NotPresented)),
        wrong_password(PasswordFallback::NoCertificate(AbsentReason::NotPresented)),
        right_password(PasswordFallback::UnmappedCertificate(unmapped)),
        right_password(PasswordFallback::NoCertificate(AbsentReason::ProofExpired)),
    ]);
    columns
}

#[test]
fn every_kind_of_evidence_has_its_result_under_every_rule() {
    use ClientCertificateRule::{Accept, Ignore, Require};
    use PasswordRule::{Backend, Directory, Never};
    use UnmappedCertificateRule::{AllowPassword, Reject};
    // A: anonymous. O: pass-through. I: alice. N: not-mapped. P: invalid-password. M: misdirected-request.
    // C: certificate-required. U: credentials-required. X: the reason of the rejected certificate.
    //
    // No certificate (ignored, not requested, not presented, requested since a reload, proof expired); a certificate that is
    // mapped, unmapped, rejected; a password that is right, wrong, right with an unmapped certificate, right with an expired
    // proof.
    let table = [
        (Ignore, Never, Reject, "AAAMM AAA CCCC"),
        (Ignore, Never, AllowPassword, "AAAMM AAA CCCC"),
        (Ignore, Directory, Reject, "UUUMM UUU IPNM"),
        (Ignore, Directory, AllowPassword, "UUUMM UUU IPNM"),
        (Ignore, Backend, Reject, "OOOMM OOO CCCC"),
        (Ignore, Backend, AllowPassword, "OOOMM OOO CCCC"),
        (Accept, Never, Reject, "UUUMM INX CCCC"),
        (Accept, Never, AllowPassword, "UUUMM INX CCCC"),
        (Accept, Directory, Reject, "UUUMM INX IPNM"),
        (Accept, Directory, AllowPassword, "UUUMM IUX IPIM"),
        (Accept, Backend, Reject, "OOOMM INX CCCC"),
        (Accept, Backend, AllowPassword, "OOOMM IOX CCCC"),
        (Require, Never, Reject, "CCCMM INX CCCC"),
        (Require, Never, AllowPassword, "CCCMM INX CCCC"),
        (Require, Directory, Reject, "CCCMM INX CCCC"),
        (Require, Directory, AllowPassword, "CCCMM INX CCCC"),
        (Require, Backend, Reject, "CCCMM INX CCCC"),
        (Require, Backend, AllowPassword, "CCCMM INX CCCC"),
    ];
    let columns = columns();
    for (cards, passwords, unmapped, expected) in table {
        let letters = columns.iter().map(|evidence| {
            match outcome(rule(cards, passwords, unmapped), &REQUEST, evidence.clone()).as_str() {
                "anonymous" => 'A',
                "passthrough" => 'O',
                "alice" => 'I',
                "not-mapped" => 'N',
                "invalid-password" => 'P',
                "misdirected-request" => 'M',
                "certificate-required" => 'C',
                "credentials-required" => 'U',
                "validation-timeout" => 'X',
                other => panic!("{other}"),
            }
        });
        let expected: String = expected.split(' ').collect();
        assert_eq!(letters.collect::<String>(), expected, "{cards:?} {passwords:?} {unmapped:?}");
    }
}

#[test]
fn a_password_is_checked_if_and_only_if_it_would_permit_the_request() {
    use ClientCertificateRule::{Accept, Ignore, Require};
    use PasswordRule::{Backend, Directory, Never};
    let marks = [None, Some(CrossSiteEvidence::FetchMetadata)];
    for cards in [Ignore, Accept, Require] {
        for passwords in [Never, Directory, Backend] {
            for unmapped in [UnmappedCertificateRule::Reject, UnmappedCertificateRule::AllowPassword] {
                for (evidence, cross_site) in
                    columns().into_iter().flat_map(|e| marks.map(|m| (e.clone(), m)))
                {
                    let request = RequestFacts { cross_site, ..REQUEST };
                    let rule = || rule(cards, passwords, unmapped);
                    let passes = match &evidence {
                        Evidence::None(absent) => Some(PasswordFallback::NoCertificate(*absent)),
                        Evidence::Certificate(card) => {
                            Some(PasswordFallback::UnmappedCertificate(Arc::clone(card)))
                        }
                        Evidence::Rejected(_) | Evidence::Password { .. } => None,
                    };
                    let passes =
                        passes.map(|fallback| outcome(rule(), &request, right_password(fallback)) == "alice");
                    let checked = password_fallback(&rule(), &request, &evidence, NOW);
                    assert_eq!(checked.is_some(), passes == Some(true), "{:?} {evidence:?}", rule());
                }
            }
        }
    }
}

#[test]
fn only_a_certificate_that_names_no_account_allows_a_password() {
    let (user, mapping) = ("alice".to_owned(), MappingMethod::Email);
    let strength = MappingStrength::Weak;
    let (not_before, created) = (NOW, None);
    let older =
        MappingError::OlderThanAccount { user: user.clone(), mapping: mapping.clone(), not_before, created };
    let why = AccountStatusError::Disabled;
    for (error, id) in [
        (MappingError::Denied { rule: "denied".to_owned() }, "not-mapped"),
        (MappingError::Ambiguous { mapper: Mapper::Email, names: Vec::new() }, "mapping-ambiguous"),
        (MappingError::TooWeak { user, mapping, strength }, "mapping-too-weak"),
        (older, "mapping-too-weak"),
        (MappingError::AccountUnusable { user: "alice".to_owned(), why }, "account-disabled"),
        (MappingError::Directory(Arc::new(DirectoryError::Cancelled)), "directory-unavailable"),
        (MappingError::Conflict { why: IdentityConflict::Upns(Vec::new()) }, "identity-conflict"),
    ] {
        let card = card(Err(error));
        assert_eq!(outcome(lenient(), &REQUEST, Evidence::Certificate(Arc::clone(&card))), id);
        let beside = right_password(PasswordFallback::UnmappedCertificate(Arc::clone(&card)));
        assert_eq!(outcome(lenient(), &REQUEST, beside), id);
        assert!(password_fallback(&lenient(), &REQUEST, &Evidence::Certificate(card), NOW).is_none());
    }
}

#[test]
fn an_unmapped_certificate_that_fails_the_conditions_allows_no_password() {
    let with_issuer = || {
        let key = TestCa::root("Another").certificate.key_id();
        AccessRule {
            conditions: CertificateConditions { issuers: vec![key], ..Default::default() },
            ..lenient()
        }
    };
    let card = card(Err(unmapped()));
    for evidence in [
        Evidence::Certificate(Arc::clone(&card)),
        right_password(PasswordFallback::UnmappedCertificate(Arc::clone(&card))),
    ] {
        assert_eq!(outcome(with_issuer(), &REQUEST, evidence), "certificate-not-sufficient");
    }
}

#[test]
fn a_cross_site_request_neither_uses_a_password_nor_causes_a_prompt() {
    let cross_site = RequestFacts { cross_site: Some(CrossSiteEvidence::FetchMetadata), ..REQUEST };
    let no_card = || PasswordFallback::NoCertificate(AbsentReason::NotPresented);
    for evidence in
        [right_password(no_card()), wrong_password(no_card()), Evidence::None(AbsentReason::NotPresented)]
    {
        assert_eq!(outcome(lenient(), &cross_site, evidence.clone()), "cross-site-request");
        let open = AccessRule { cross_site: CrossSiteRule::Allow, ..lenient() };
        assert_ne!(outcome(open, &cross_site, evidence), "cross-site-request");
    }
}

#[test]
fn a_cross_site_request_gets_no_pass_through_authentication() {
    let cross_site = RequestFacts { cross_site: Some(CrossSiteEvidence::FetchMetadata), ..REQUEST };
    for client_certificate in [ClientCertificateRule::Ignore, ClientCertificateRule::Accept] {
        let closed = rule(client_certificate, PasswordRule::Backend, UnmappedCertificateRule::Reject);
        let evidence = Evidence::None(AbsentReason::NotPresented);
        assert_eq!(outcome(closed.clone(), &cross_site, evidence.clone()), "cross-site-request");
        let open = AccessRule { cross_site: CrossSiteRule::Allow, ..closed };
        assert_ne!(outcome(open, &cross_site, evidence), "cross-site-request");
    }
}

#[test]
fn a_password_whose_verdict_expired_is_denied() {
    let ended = Ok(Arc::new(PasswordCredential::new(alice(), NOW)));
    let evidence = Evidence::Password {
        outcome: ended,
        fallback: PasswordFallback::NoCertificate(AbsentReason::NotRequested),
    };
    assert_eq!(outcome(lenient(), &REQUEST, evidence), "validation-timeout");
}

#[test]
fn a_wrong_password_an_unknown_user_and_a_locked_account_have_one_id() {
    use directory::PasswordFailure::{Disabled, Locked, MustChangePassword, WrongOrUnknown};
    let user = || "CORP\\sam".to_owned();
    let wrong = |reason| PasswordRejection::Wrong { user: user(), reason };
    let too_many = LoginThrottled { counted: ThrottledBy::Account, retry_after: Duration::from_secs(90) };
    for (refusal, id, wait) in [
        (PasswordRejection::Malformed(BasicError::NoColon), DenialId::InvalidPassword, None),
        (wrong(WrongOrUnknown), DenialId::InvalidPassword, None),
        (wrong(Disabled), DenialId::InvalidPassword, None),
        (wrong(Locked), DenialId::InvalidPassword, None),
        (wrong(MustChangePassword), DenialId::InvalidPassword, None),
        (PasswordRejection::Unknown, DenialId::InvalidPassword, None),
        (PasswordRejection::Ambiguous { count: 2 }, DenialId::InvalidPassword, None),
        (PasswordRejection::NoAccount, DenialId::NotMapped, None),
        (
            PasswordRejection::Unusable { user: user(), status: AccountStatusError::Disabled },
            DenialId::AccountDisabled,
            None,
        ),
        (
            PasswordRejection::LoginThrottled(too_many),
            DenialId::LoginThrottled,
            Some(Duration::from_secs(90)),
        ),
        (PasswordRejection::Directory(DirectoryError::Cancelled), DenialId::DirectoryUnavailable, None),
        (PasswordRejection::Timeout(HOUR), DenialId::ValidationTimeout, None),
        (PasswordRejection::Overloaded, DenialId::Overloaded, None),
    ] {
        let denial = refusal.denial();
        assert_eq!((denial.id(), denial.retry_after()), (id, wait), "{refusal:?}");
    }
    assert_eq!(wrong(Locked).denial().detail(), "the directory rejected the password of CORP\\sam: locked");
}

#[test]
fn a_permit_reports_authentication_by_password() {
    let evidence = right_password(PasswordFallback::NoCertificate(AbsentReason::NotPresented));
    let permit = decide(&Arc::new(lenient()), &REQUEST, evidence, NOW).unwrap();
    assert!(matches!(permit.identity().unwrap().authenticated_by(), AuthenticatedBy::Password));
}
