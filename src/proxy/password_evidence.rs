//! Adds the verdict of a password to the evidence of the certificate, if the rule accepts passwords and the request
//! has one. The directory is not queried if no password could change the decision.

use super::record::RequestRecord;
use super::state::SharedState;
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
        gate: &SharedState,
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
                let outcome = gate.judge.authenticate_password(realm, &offered, self.from, &gate.clock).await;
                record.judged(started.elapsed());
                outcome
            }
            Err(error) => Err(Arc::new(PasswordRejection::Malformed(error))),
        };
        Evidence::Password { outcome, fallback }
    }
}
