//! CRLs and OCSP combined, through the revocation cache.

use super::draft::{TestDelegate, delegate};
use super::responder::{ResponderReply, TestResponder, certificate_naming, client};
use super::*;
use crate::revocation::test_pki::{CrlDraft, proven, store};
use crate::revocation::{
    CrlStore, RevocationCache, RevocationError, RevocationMode, RevocationReason, RevocationRule,
    RevocationSource, RevocationVerdict, UnknownReason, UnrevokedChain,
};
use crate::telemetry::CacheMetrics;
use aws_lc_rs::digest::SHA256;
use rcgen::date_time_ymd;
use std::sync::Arc;

struct CombinedFixture {
    fixture: OcspFixture,
    responder: TestResponder,
    scope: OcspScope,
}

impl CombinedFixture {
    /// Returns a responder that returns "good".
    async fn new(scope: OcspScope) -> Self {
        let responder = TestResponder::start().await;
        let ca = TestCa::root("Root");
        let leaf = certificate_naming(&ca, SERIAL, &[&responder.url]);
        let fixture = OcspFixture { ca, leaf };
        responder.reply(ResponderReply::Response(fixture.good().sign(&fixture.ca)));
        Self { fixture, responder, scope }
    }

    fn revoke(&self) {
        let draft = ResponseDraft::about(self.fixture.single().revoked(Some(1)));
        self.responder.reply(ResponderReply::Response(draft.sign(&self.fixture.ca)));
    }

    fn good_by(&self, delegate: &TestDelegate) {
        self.responder.reply(ResponderReply::Response(self.fixture.good().sign_by(delegate)));
    }

    async fn check(
        &self,
        mode: RevocationMode,
        crls: &Arc<CrlStore>,
    ) -> Result<UnrevokedChain, RevocationError> {
        let settings = OcspSettings { scope: self.scope, nonce: NonceRule::Never, ..OcspSettings::default() };
        let settings = OcspSettings { timeout: MINUTE, ..settings };
        let chain = proven(&self.fixture.leaf, &[], &[&self.fixture.ca.certificate]);
        let rule = RevocationRule { mode, ..RevocationRule::default() };
        let cache = RevocationCache::new(1 << 20, CacheMetrics::default());
        cache.check(&chain, &rule, &Arc::default(), crls, Some(&client(settings)), NOW).await
    }

    async fn verdict(&self, crls: &Arc<CrlStore>) -> RevocationVerdict {
        let passed = self.check(RevocationMode::Require, crls).await.unwrap();
        let [status] = passed.status() else { panic!("{passed:?}") };
        status.verdict.clone()
    }

    async fn is_good_by_ocsp(&self, crls: &Arc<CrlStore>) -> bool {
        matches!(self.verdict(crls).await, RevocationVerdict::Good(_))
    }

    async fn is_good_by_crl(&self, crls: &Arc<CrlStore>) -> bool {
        matches!(self.verdict(crls).await, RevocationVerdict::NotRevoked(_))
    }

    async fn why_unknown(&self, crls: &Arc<CrlStore>) -> UnknownReason {
        match self.check(RevocationMode::Require, crls).await {
            Err(RevocationError::Unknown { why, .. }) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn no_crl() -> Arc<CrlStore> {
    Arc::new(CrlStore::empty())
}

fn expired(ca: &TestCa) -> UnknownReason {
    let issuer = ca.certificate.subject().clone();
    UnknownReason::Expired { issuer, next_update: Some(before(NOW, MINUTE)) }
}

fn stale(revoked: &[&[u8]], ca: &TestCa) -> Arc<CrlStore> {
    let next_update = Some(before(NOW, MINUTE));
    store(&[&CrlDraft { next_update, ..CrlDraft::revoking(revoked) }.sign(ca)])
}

#[tokio::test]
async fn no_responder_is_queried_if_a_fresh_crl_shows_the_status() {
    let combined = CombinedFixture::new(OcspScope::UnknownToCrls).await;
    let fresh = store(&[&CrlDraft::default().sign(&combined.fixture.ca)]);
    assert!(combined.is_good_by_crl(&fresh).await);
    assert!(combined.responder.requests().is_empty());
}

#[tokio::test]
async fn a_responder_is_queried_if_there_is_no_crl_or_an_expired_one() {
    let combined = CombinedFixture::new(OcspScope::UnknownToCrls).await;
    for crls in [no_crl(), stale(&[], &combined.fixture.ca)] {
        let RevocationVerdict::Good(source) = combined.verdict(&crls).await else { panic!("not by OCSP") };
        assert_eq!(source.url, combined.responder.url);
        let passed = combined.check(RevocationMode::Require, &crls).await.unwrap();
        assert_eq!(passed.deadline(), NOW.plus(HOUR));
    }
}

#[tokio::test]
async fn a_certificate_that_a_responder_reports_as_revoked_is_rejected_under_require_and_prefer() {
    let combined = CombinedFixture::new(OcspScope::UnknownToCrls).await;
    combined.revoke();
    for mode in [RevocationMode::Require, RevocationMode::Prefer] {
        match combined.check(mode, &no_crl()).await {
            Err(RevocationError::Revoked {
                reason, at, found_in: RevocationSource::Ocsp(source), ..
            }) => {
                assert_eq!((reason, at), (RevocationReason::KeyCompromise, before(NOW, 2 * HOUR)));
                assert_eq!(source.url, combined.responder.url);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn under_prefer_a_revocation_counts_beside_parts_that_cannot_be_decoded() {
    let combined = CombinedFixture::new(OcspScope::UnknownToCrls).await;
    let OcspFixture { ca, leaf } = &combined.fixture;
    // 2.25 and a UUID.
    let uuid = [&[0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat();
    let bob = ca.issue("bob", &[0x2b, 2]);
    let of = |leaf: &Certificate| combined.fixture.single().named_by(&uuid, &SHA256, leaf, ca);
    let own = || combined.fixture.single().revoked(Some(1));
    for singles in [vec![of(&bob), own()], vec![own(), of(&bob)], vec![of(&bob), of(leaf).revoked(Some(1))]] {
        let draft = ResponseDraft { singles, ..combined.fixture.good() };
        combined.responder.reply(ResponderReply::Response(draft.sign(ca)));
        let result = combined.check(RevocationMode::Prefer, &no_crl()).await;
        assert!(matches!(result, Err(RevocationError::Revoked { .. })), "{result:?}");
    }
}

#[tokio::test]
async fn a_good_response_does_not_undo_a_revocation_by_an_expired_crl() {
    let combined = CombinedFixture::new(OcspScope::All).await;
    let result = combined.check(RevocationMode::Prefer, &stale(&[SERIAL], &combined.fixture.ca)).await;
    assert!(matches!(result, Err(RevocationError::Revoked { found_in: RevocationSource::Crl(_), .. })));
    assert!(combined.responder.requests().is_empty());
}

#[tokio::test]
async fn with_the_scope_all_a_responder_revokes_a_certificate_that_a_fresh_crl_does_not_list_yet() {
    let combined = CombinedFixture::new(OcspScope::All).await;
    let fresh = store(&[&CrlDraft::default().sign(&combined.fixture.ca)]);
    assert!(combined.is_good_by_ocsp(&fresh).await);
    combined.revoke();
    let result = combined.check(RevocationMode::Require, &fresh).await;
    assert!(matches!(result, Err(RevocationError::Revoked { found_in: RevocationSource::Ocsp(_), .. })));
    combined.responder.reply(ResponderReply::Nothing);
    assert!(combined.is_good_by_crl(&fresh).await);
}

#[tokio::test]
async fn if_neither_crl_nor_ocsp_shows_the_status_both_reasons_are_reported_and_prefer_passes_for_five_seconds()
 {
    let combined = CombinedFixture::new(OcspScope::UnknownToCrls).await;
    combined.responder.reply(ResponderReply::Response(vec![0x30, 3, 0x0a, 1, 3]));
    let ocsp = OcspError::Refused(OcspErrorStatus::TryLater);
    let ca = &combined.fixture.ca;
    let expired = expired(ca);
    for (crls, crl) in [(no_crl(), UnknownReason::NoCrl), (stale(&[], ca), expired)] {
        let why = UnknownReason::Ocsp { crl: Box::new(crl), ocsp: ocsp.clone() };
        assert_eq!(combined.why_unknown(&crls).await, why);
        let passed = combined.check(RevocationMode::Prefer, &crls).await.unwrap();
        assert_eq!(passed.status()[0].verdict, RevocationVerdict::Unknown(why));
        assert_eq!(passed.deadline(), NOW.plus(Duration::from_secs(5)));
    }
}

#[tokio::test]
async fn mode_off_queries_no_responder() {
    let combined = CombinedFixture::new(OcspScope::All).await;
    combined.check(RevocationMode::Off, &no_crl()).await.unwrap();
    assert!(combined.responder.requests().is_empty());
}

#[tokio::test]
async fn a_delegate_that_the_issuers_crl_lists_is_rejected() {
    let combined = CombinedFixture::new(OcspScope::UnknownToCrls).await;
    let delegate = delegate(&combined.fixture.ca, |_| {});
    combined.good_by(&delegate);
    assert!(combined.is_good_by_ocsp(&no_crl()).await);
    let crls = stale(&[delegate.certificate.serial().as_bytes()], &combined.fixture.ca);
    let ocsp = OcspError::ResponderNotAuthorised(ResponderFault::Revoked);
    let crl = Box::new(expired(&combined.fixture.ca));
    assert_eq!(combined.why_unknown(&crls).await, UnknownReason::Ocsp { crl, ocsp });
}

#[tokio::test]
async fn a_delegate_without_no_check_is_accepted_if_a_fresh_crl_covers_it_or_it_is_valid_for_a_week() {
    let combined = CombinedFixture::new(OcspScope::All).await;
    let ca = &combined.fixture.ca;
    let long_lived = delegate(ca, |params| params.custom_extensions.clear());
    combined.good_by(&long_lived);
    let ocsp = OcspError::ResponderNotAuthorised(ResponderFault::RevocationUnknown);
    let why = UnknownReason::Ocsp { crl: Box::new(UnknownReason::NoCrl), ocsp };
    assert_eq!(combined.why_unknown(&no_crl()).await, why);
    let fresh = store(&[&CrlDraft::default().sign(ca)]);
    assert!(combined.is_good_by_ocsp(&fresh).await);

    combined.good_by(&delegate(ca, |params| {
        params.custom_extensions.clear();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 11, 20), date_time_ymd(2026, 11, 27));
    }));
    assert!(combined.is_good_by_ocsp(&no_crl()).await);
}

#[tokio::test]
async fn a_delegate_that_cannot_be_checked_may_still_revoke() {
    let combined = CombinedFixture::new(OcspScope::UnknownToCrls).await;
    let long_lived = delegate(&combined.fixture.ca, |params| params.custom_extensions.clear());
    let draft = ResponseDraft::about(combined.fixture.single().revoked(None));
    combined.responder.reply(ResponderReply::Response(draft.sign_by(&long_lived)));
    let result = combined.check(RevocationMode::Prefer, &no_crl()).await;
    assert!(matches!(result, Err(RevocationError::Revoked { .. })), "{result:?}");
}
