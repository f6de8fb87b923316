//! Asks responders about certificates, and remembers what they say for all workers.
//!
//! One client belongs to one realm and is made anew with it, so nothing that it remembers outlives the settings that
//! it came from. It asks only for the stage's own door, which has the proof that the certificate is valid: a URL in a
//! certificate that anybody could have made is never fetched.

use super::super::fetch::{FetchError, FetchRules, Fetcher};
use super::super::rule::UNKNOWN_LIFETIME;
use super::certificate_id::CertificateId;
use super::error::OcspError;
use super::request::{self, OcspNonce};
use super::response::CertStatus;
use super::settings::{NonceRule, OcspSettings};
use crate::certificate::{Certificate, Fingerprint, SerialNumber};
use crate::clock::UnixTime;
use crate::revocation::ocsp::validate::{self, OcspQuery, ValidatedResponse};
use crate::telemetry::display_chain;
use bytes::Bytes;
use http::HeaderValue;
use moka::future::Cache;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long a failure is remembered at most: a responder that works again is not kept waiting.
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);
/// How long an answer takes up memory without being asked for. Deadlines alone decide whether it may be used.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);
/// Bytes of memory for responders that are down.
const DOWN_BYTES: u64 = 1 << 20;
/// What an entry takes up beside its texts.
const ENTRY: usize = 1024;
/// The longest answer that is read. An answer with its signer's certificate has 2 KB.
const MAXIMUM_ANSWER_BYTES: usize = 64 * 1024;
/// How many of the responders that a certificate names are asked.
const MAXIMUM_RESPONDERS: usize = 2;

const REQUEST_TYPE: HeaderValue = HeaderValue::from_static("application/ocsp-request");

/// A realm's way to its responders. Must be used inside a tokio runtime; any number of them may share it.
pub struct OcspClient {
    settings: OcspSettings,
    fetcher: Fetcher,
    places: Semaphore,
    answers: Cache<OcspKey, QueryResult>,
    /// Responders that did not answer: one that hangs costs its time once, not once for each card.
    down: Cache<String, HostFailure>,
}

/// Of all that an answer follows from, what the settings do not say. The issuer is its whole certificate: its name and
/// its key are both in the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OcspKey {
    issuer: Fingerprint,
    serial: SerialNumber,
}

/// What came of asking.
#[derive(Clone, Debug)]
pub(super) struct QueryResult {
    pub(super) result: Result<Arc<ValidatedResponse>, OcspError>,
    /// From when on asking again may bring another result.
    pub(super) ask_again_at: UnixTime,
}

impl QueryResult {
    fn weight(&self) -> u32 {
        weight(match &self.result {
            // The signer's name is kept as encoded, decoded and ready to be compared.
            Ok(answer) => answer.source.url.len() + 6 * answer.source.signer.der().len(),
            Err(error) => 2 * display_chain(error).len(),
        })
    }
}

fn weight(texts: usize) -> u32 {
    u32::try_from(ENTRY + texts).unwrap_or(u32::MAX)
}

#[derive(Clone, Debug)]
struct HostFailure {
    cause: FetchError,
    until: UnixTime,
}

impl OcspClient {
    /// A client that asks by these settings, of hosts that `rules` admit. Their limits are for CRLs, and hold here only
    /// where they are narrower.
    pub fn new(settings: OcspSettings, rules: FetchRules) -> Self {
        let max_bytes = rules.max_bytes.min(MAXIMUM_ANSWER_BYTES);
        let fetcher = Fetcher::new(FetchRules { max_bytes, ..rules });
        Self {
            places: Semaphore::new(settings.places),
            fetcher,
            answers: Cache::builder()
                .max_capacity(settings.cache_bytes)
                .weigher(|_: &OcspKey, asked: &QueryResult| asked.weight())
                .time_to_idle(IDLE_LIFETIME)
                .build(),
            down: Cache::builder()
                .max_capacity(DOWN_BYTES)
                .weigher(|url: &String, _: &HostFailure| weight(url.len()))
                .time_to_idle(IDLE_LIFETIME)
                .build(),
            settings,
        }
    }

    /// What it asks by.
    pub fn settings(&self) -> &OcspSettings {
        &self.settings
    }

    /// Forgets all answers and failures.
    #[cfg(test)]
    pub(super) fn purge(&self) {
        self.answers.invalidate_all();
        self.down.invalidate_all();
    }

    /// What a responder says of a certificate that is proven to be issued by `issuer`. Of several that ask about the
    /// same one at once, one asks the responder. An answer is remembered until its nextUpdate, and beyond, as long as
    /// it counts, where there is no newer one to be had.
    pub(super) async fn ask(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        now: UnixTime,
    ) -> QueryResult {
        if self.responders_of(certificate).is_empty() {
            // No later query has another answer, so nothing of it is to be remembered or judged anew soon.
            return QueryResult { result: Err(OcspError::NoResponder), ask_again_at: UnixTime::END };
        }
        let key = OcspKey { issuer: issuer.fingerprint(), serial: certificate.serial().clone() };
        if let Some(known) = self.answers.get(&key).await.filter(|known| now < known.ask_again_at) {
            return known;
        }
        let entry = self.answers.entry(key).and_upsert_with(async |old| {
            let old = old.map(moka::Entry::into_value);
            match old {
                Some(old) if now < old.ask_again_at => old,
                old => remember(old, self.ask_responders(certificate, issuer, now).await, now),
            }
        });
        entry.await.into_value()
    }

    async fn ask_responders(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        now: UnixTime,
    ) -> Result<ValidatedResponse, OcspError> {
        let limit = self.settings.limit;
        let place = timeout(limit, self.places.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(OcspError::Busy { limit }) };
        let mut first_flaw = None;
        for url in self.responders_of(certificate) {
            match self.ask_one(url, certificate, issuer, now).await {
                Ok(answer) => return Ok(answer),
                Err(flaw) => _ = first_flaw.get_or_insert(flaw),
            }
        }
        Err(first_flaw.unwrap_or(OcspError::NoResponder))
    }

    fn responders_of<'a>(&'a self, certificate: &'a Certificate) -> Vec<&'a str> {
        match &self.settings.responder {
            Some(responder) => vec![&responder.url],
            None => {
                let named = &certificate.authority_information_access().ocsp;
                named.iter().take(MAXIMUM_RESPONDERS).map(String::as_str).collect()
            }
        }
    }

    async fn ask_one(
        &self,
        url: &str,
        certificate: &Certificate,
        issuer: &Certificate,
        now: UnixTime,
    ) -> Result<ValidatedResponse, OcspError> {
        let id = CertificateId::of(certificate, issuer)?;
        let nonce = match self.settings.nonce {
            NonceRule::Never => None,
            NonceRule::IfReturned | NonceRule::Require => Some(OcspNonce::random()?),
        };
        let request = request::encode(&id, nonce.as_ref())?;
        let der = self.exchange(url, request, nonce.is_some(), now).await?;
        let settings = &self.settings;
        validate::judge(&der, &OcspQuery { certificate, issuer, nonce: nonce.as_ref(), url, settings }, now)
    }

    /// A request with a nonce is posted, since no HTTP cache could answer it; one without travels in the URL where it
    /// is short (RFC 5019 5).
    async fn exchange(
        &self,
        url: &str,
        request: Vec<u8>,
        is_unique: bool,
        now: UnixTime,
    ) -> Result<Bytes, OcspError> {
        let unreachable = |cause| OcspError::Unreachable { url: url.to_owned(), cause };
        if let Some(down) = self.down.get(url).await.filter(|down| now < down.until) {
            return Err(unreachable(down.cause));
        }
        let limit = self.settings.limit;
        let fetching = async {
            match request::in_url(url, &request).filter(|_| !is_unique) {
                Some(url) => self.fetcher.get(&url).await,
                None => self.fetcher.post(url, REQUEST_TYPE, request).await,
            }
        };
        let fetched = timeout(limit, fetching).await.unwrap_or(Err(FetchError::Timeout { limit }));
        if let Err(cause) = &fetched
            && is_of_host(cause)
        {
            let down = HostFailure { cause: cause.clone(), until: now.plus(FAILURE_LIFETIME) };
            self.down.insert(url.to_owned(), down).await;
        }
        fetched.map_err(unreachable)
    }
}

/// Whether a failure says something of the host, not only of one request.
fn is_of_host(cause: &FetchError) -> bool {
    matches!(
        cause,
        FetchError::Timeout { .. } | FetchError::Unreachable { .. } | FetchError::Unresolved { .. }
    )
}

/// What is remembered after asking: the new answer, or while there is none the old one as long as it counts.
fn remember(
    old: Option<QueryResult>,
    new: Result<ValidatedResponse, OcspError>,
    now: UnixTime,
) -> QueryResult {
    let soon = now.plus(FAILURE_LIFETIME);
    match refuse_older(old.as_ref(), new, now) {
        Ok(answer) => {
            let due = match answer.status {
                // One that was issued a moment ago is soon known.
                CertStatus::Unknown => answer.due.min(now.plus(UNKNOWN_LIFETIME)),
                CertStatus::Good | CertStatus::Revoked { .. } => answer.due,
            };
            // One that is past its nextUpdate but still counts is not asked for at every request.
            let ask_again_at = due.max(soon).min(answer.usable_until);
            QueryResult { result: Ok(Arc::new(answer)), ask_again_at }
        }
        Err(error) => {
            let kept = old.and_then(|old| old.result.ok()).filter(|answer| now < answer.usable_until);
            let ask_again_at = kept.as_ref().map_or(soon, |kept| soon.min(kept.usable_until));
            QueryResult { result: kept.ok_or(error), ask_again_at }
        }
    }
}

/// Refuses a response that is older than the one that is held: without a nonce an attacker on the path can replay it. If the
/// one that is held says "revoked", only a later thisUpdate takes that back: of two of the same date "revoked" counts,
/// whichever came first.
fn refuse_older(
    old: Option<&QueryResult>,
    new: Result<ValidatedResponse, OcspError>,
    now: UnixTime,
) -> Result<ValidatedResponse, OcspError> {
    let new = new?;
    let held = old.and_then(|old| old.result.as_ref().ok()).filter(|held| now < held.usable_until);
    let Some(held) = held.filter(|_| !is_revoked(new.status)) else { return Ok(new) };
    let (received, held_at) = (new.source.this_update, held.source.this_update);
    // Of what does not revoke, a date in the future would make every later response look old.
    let is_older = received < held_at && held_at <= now;
    if is_older || is_revoked(held.status) && received <= held_at {
        return Err(OcspError::Older { received, held: held_at });
    }
    Ok(new)
}

fn is_revoked(status: CertStatus) -> bool {
    matches!(status, CertStatus::Revoked { .. })
}

/// Without what it remembers.
impl fmt::Debug for OcspClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OcspClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}
