//! Takes what is known of a request's card, gives that, or a password's verdict where the path takes one and one came.
//! Nobody is asked where no password could let the request pass.

use super::gate::Gate;
use super::record::RequestRecord;
use crate::limits::AddressKey;
use crate::policy::{AccessRule, Evidence, PasswordRejection, RequestFacts, password_fallback};
use crate::request::BasicCredentials;
use crate::site::Site;
use http::HeaderMap;
use std::sync::Arc;
use std::time::Instant;

/// What the request brings to be let in by, beside its card.
pub(super) struct Offer<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) from: AddressKey,
}

impl Offer<'_> {
    /// The evidence for a request under `rule`, of which a card has given `evidence`.
    pub(super) async fn or_password(
        &self,
        evidence: Evidence,
        (rule, request): (&AccessRule, &RequestFacts<'_>),
        site: &Site,
        gate: &Gate,
        record: &mut RequestRecord,
    ) -> Evidence {
        // The configuration gives every path that takes passwords a realm with a directory; without one it takes none.
        let realm = site.realm.as_deref().and_then(|realm| Some((realm, realm.directory.as_deref()?)));
        let awaited = password_fallback(rule, request, &evidence, gate.clock.now());
        let (Some(fallback), Some(realm)) = (awaited, realm) else { return evidence };
        let outcome = match BasicCredentials::of(self.headers) {
            Ok(None) => return evidence,
            Ok(Some(offered)) => {
                let started = Instant::now();
                let outcome = gate.judge.judge_password(realm, &offered, self.from, &gate.clock).await;
                record.judged(started.elapsed());
                outcome
            }
            Err(error) => Err(Arc::new(PasswordRejection::Malformed(error))),
        };
        Evidence::Password { outcome, fallback }
    }
}
