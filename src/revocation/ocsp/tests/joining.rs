//! CRLs and responders together, by the stage's own door.

use super::draft::{TestDelegate, delegate};
use super::responder::{ResponderReply, TestResponder, card_asking, client};
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

struct Joined {
    scene: OcspFixture,
    responder: TestResponder,
    scope: OcspScope,
}

impl Joined {
    /// A responder that calls the card good.
    async fn new(scope: OcspScope) -> Self {
        let responder = TestResponder::start().await;
        let ca = TestCa::root("Root");
        let card = card_asking(&ca, CARD, &[&responder.url]);
        let scene = OcspFixture { ca, card };
        responder.reply(ResponderReply::Answer(scene.good().sign(&scene.ca)));
        Self { scene, responder, scope }
    }

    fn revoke(&self) {
        let draft = ResponseDraft::about(self.scene.single().revoked(Some(1)));
        self.responder.reply(ResponderReply::Answer(draft.sign(&self.scene.ca)));
    }

    fn good_by(&self, delegate: &TestDelegate) {
        self.responder.reply(ResponderReply::Answer(self.scene.good().sign_by(delegate)));
    }

    async fn check(
        &self,
        mode: RevocationMode,
        crls: &Arc<CrlStore>,
    ) -> Result<UnrevokedChain, RevocationError> {
        let settings = OcspSettings { scope: self.scope, nonce: NonceRule::Never, ..OcspSettings::default() };
        let settings = OcspSettings { limit: MINUTE, ..settings };
        let chain = proven(&self.scene.card, &[], &[&self.scene.ca.certificate]);
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
async fn a_fresh_crl_saves_the_question() {
    let joined = Joined::new(OcspScope::UnknownToCrls).await;
    let fresh = store(&[&CrlDraft::default().sign(&joined.scene.ca)]);
    assert!(joined.is_good_by_crl(&fresh).await);
    assert!(joined.responder.asked().is_empty());
}

#[tokio::test]
async fn a_responder_tells_what_no_crl_and_a_stale_crl_do_not() {
    let joined = Joined::new(OcspScope::UnknownToCrls).await;
    for crls in [no_crl(), stale(&[], &joined.scene.ca)] {
        let RevocationVerdict::Good(source) = joined.verdict(&crls).await else { panic!("not by OCSP") };
        assert_eq!(source.url, joined.responder.url);
        let passed = joined.check(RevocationMode::Require, &crls).await.unwrap();
        assert_eq!(passed.deadline(), NOW.plus(HOUR));
    }
}

#[tokio::test]
async fn what_a_responder_calls_revoked_is_refused_by_require_and_by_prefer() {
    let joined = Joined::new(OcspScope::UnknownToCrls).await;
    joined.revoke();
    for mode in [RevocationMode::Require, RevocationMode::Prefer] {
        match joined.check(mode, &no_crl()).await {
            Err(RevocationError::Revoked {
                reason, at, found_in: RevocationSource::Ocsp(source), ..
            }) => {
                assert_eq!((reason, at), (RevocationReason::KeyCompromise, before(NOW, 2 * HOUR)));
                assert_eq!(source.url, joined.responder.url);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn under_prefer_a_revocation_counts_beside_what_cannot_be_decoded() {
    let joined = Joined::new(OcspScope::UnknownToCrls).await;
    let OcspFixture { ca, card } = &joined.scene;
    // 2.25 and a UUID.
    let uuid = [&[0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat();
    let bob = ca.issue("bob", &[0x2b, 2]);
    let of = |card: &Certificate| joined.scene.single().named_by(&uuid, &SHA256, card, ca);
    let own = || joined.scene.single().revoked(Some(1));
    for singles in [vec![of(&bob), own()], vec![own(), of(&bob)], vec![of(&bob), of(card).revoked(Some(1))]] {
        let draft = ResponseDraft { singles, ..joined.scene.good() };
        joined.responder.reply(ResponderReply::Answer(draft.sign(ca)));
        let result = joined.check(RevocationMode::Prefer, &no_crl()).await;
        assert!(matches!(result, Err(RevocationError::Revoked { .. })), "{result:?}");
    }
}

#[tokio::test]
async fn a_responder_cannot_clear_what_even_a_stale_crl_lists() {
    let joined = Joined::new(OcspScope::All).await;
    let result = joined.check(RevocationMode::Prefer, &stale(&[CARD], &joined.scene.ca)).await;
    assert!(matches!(result, Err(RevocationError::Revoked { found_in: RevocationSource::Crl(_), .. })));
    assert!(joined.responder.asked().is_empty());
}

#[tokio::test]
async fn asked_about_all_a_responder_may_revoke_what_a_fresh_crl_does_not_list_yet() {
    let joined = Joined::new(OcspScope::All).await;
    let fresh = store(&[&CrlDraft::default().sign(&joined.scene.ca)]);
    assert!(joined.is_good_by_ocsp(&fresh).await);
    joined.revoke();
    let result = joined.check(RevocationMode::Require, &fresh).await;
    assert!(matches!(result, Err(RevocationError::Revoked { found_in: RevocationSource::Ocsp(_), .. })));
    joined.responder.reply(ResponderReply::Nothing);
    assert!(joined.is_good_by_crl(&fresh).await);
}

#[tokio::test]
async fn where_neither_tells_both_reasons_are_told_and_prefer_passes_for_five_seconds() {
    let joined = Joined::new(OcspScope::UnknownToCrls).await;
    joined.responder.reply(ResponderReply::Answer(vec![0x30, 3, 0x0a, 1, 3]));
    let ocsp = OcspError::Refused(OcspErrorStatus::TryLater);
    let ca = &joined.scene.ca;
    let expired = expired(ca);
    for (crls, crl) in [(no_crl(), UnknownReason::NoCrl), (stale(&[], ca), expired)] {
        let why = UnknownReason::Ocsp { crl: Box::new(crl), ocsp: ocsp.clone() };
        assert_eq!(joined.why_unknown(&crls).await, why);
        let passed = joined.check(RevocationMode::Prefer, &crls).await.unwrap();
        assert_eq!(passed.status()[0].verdict, RevocationVerdict::Unknown(why));
        assert_eq!(passed.deadline(), NOW.plus(Duration::from_secs(5)));
    }
}

#[tokio::test]
async fn off_asks_nobody() {
    let joined = Joined::new(OcspScope::All).await;
    joined.check(RevocationMode::Off, &no_crl()).await.unwrap();
    assert!(joined.responder.asked().is_empty());
}

#[tokio::test]
async fn a_delegate_on_the_issuers_crl_is_not_believed() {
    let joined = Joined::new(OcspScope::UnknownToCrls).await;
    let delegate = delegate(&joined.scene.ca, |_| {});
    joined.good_by(&delegate);
    assert!(joined.is_good_by_ocsp(&no_crl()).await);
    let crls = stale(&[delegate.certificate.serial().as_bytes()], &joined.scene.ca);
    let ocsp = OcspError::ResponderNotAuthorised(ResponderFault::Revoked);
    let crl = Box::new(expired(&joined.scene.ca));
    assert_eq!(joined.why_unknown(&crls).await, UnknownReason::Ocsp { crl, ocsp });
}

#[tokio::test]
async fn a_delegate_without_no_check_counts_where_a_fresh_crl_covers_it_or_it_lives_a_week() {
    let joined = Joined::new(OcspScope::All).await;
    let ca = &joined.scene.ca;
    let long_lived = delegate(ca, |params| params.custom_extensions.clear());
    joined.good_by(&long_lived);
    let ocsp = OcspError::ResponderNotAuthorised(ResponderFault::RevocationUnknown);
    let why = UnknownReason::Ocsp { crl: Box::new(UnknownReason::NoCrl), ocsp };
    assert_eq!(joined.why_unknown(&no_crl()).await, why);
    let fresh = store(&[&CrlDraft::default().sign(ca)]);
    assert!(joined.is_good_by_ocsp(&fresh).await);

    joined.good_by(&delegate(ca, |params| {
        params.custom_extensions.clear();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 11, 20), date_time_ymd(2026, 11, 27));
    }));
    assert!(joined.is_good_by_ocsp(&no_crl()).await);
}

#[tokio::test]
async fn a_delegate_that_nobody_checks_may_still_revoke() {
    let joined = Joined::new(OcspScope::UnknownToCrls).await;
    let long_lived = delegate(&joined.scene.ca, |params| params.custom_extensions.clear());
    let draft = ResponseDraft::about(joined.scene.single().revoked(None));
    joined.responder.reply(ResponderReply::Answer(draft.sign_by(&long_lived)));
    let result = joined.check(RevocationMode::Prefer, &no_crl()).await;
    assert!(matches!(result, Err(RevocationError::Revoked { .. })), "{result:?}");
}
