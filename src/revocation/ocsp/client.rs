//! The OCSP client of a realm: queries responders, and caches their responses for all workers.
//!
//! A client belongs to one realm and is replaced with it, so no cached response outlives the settings by which it was
//! accepted. Only the revocation check uses it, after the certificate was validated: the URLs of a certificate that an
//! attacker may have made are never fetched.

use super::certificate_id::CertificateId;
use super::error::OcspError;
use super::request::{self, OcspNonce};
use super::response::CertStatus;
use super::settings::{NonceRule, OcspSettings};
use super::validate::{OcspQuery, ValidatedResponse, validate};
use crate::certificate::{Certificate, Fingerprint, SerialNumber};
use crate::clock::UnixTime;
use crate::revocation::fetch::{FetchError, FetchRules, Fetcher};
use crate::revocation::rule::UNKNOWN_LIFETIME;
use crate::telemetry::display_chain;
use bytes::Bytes;
use http::HeaderValue;
use moka::future::Cache;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The maximum lifetime of a cached failure, so that a responder that works again is used soon.
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);
/// The time after which a response that is not used is dropped. Whether it may be used depends on its dates only.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);
/// The size of the cache of failed responders in bytes.
const FAILURE_CACHE_BYTES: u64 = 1 << 20;
/// The size of a cache entry in bytes without its strings.
const ENTRY: usize = 1024;
/// The maximum size of a response. One with its signer's certificate has 2 KB.
const MAXIMUM_RESPONSE_BYTES: usize = 64 * 1024;
/// The maximum number of responders that are queried of those that a certificate names.
const MAXIMUM_RESPONDERS: usize = 2;

const REQUEST_TYPE: HeaderValue = HeaderValue::from_static("application/ocsp-request");

/// The OCSP client of a realm. Must be used inside a tokio runtime; any number of runtimes may share it.
pub struct OcspClient {
    settings: OcspSettings,
    fetcher: Fetcher,
    slots: Semaphore,
    responses: Cache<OcspKey, QueryResult>,
    /// Responders that did not respond, so that one that hangs delays one query, and not one for each certificate.
    failed_hosts: Cache<String, HostFailure>,
}

/// The inputs of a response other than the settings. The issuer is its whole certificate: its name and its key are
/// both in the request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct OcspKey {
    issuer: Fingerprint,
    serial: SerialNumber,
}

/// The result of a query.
#[derive(Clone, Debug)]
pub(super) struct QueryResult {
    pub(super) response: Result<Arc<ValidatedResponse>, OcspError>,
    /// The time from which on another query may have another result.
    pub(super) query_again_at: UnixTime,
}

impl QueryResult {
    fn weight(&self) -> u32 {
        weight(match &self.response {
            // The signer's name is stored encoded, decoded and normalised.
            Ok(response) => response.source.url.len() + 6 * response.source.signer.der().len(),
            Err(error) => 2 * display_chain(error).len(),
        })
    }
}

fn weight(strings: usize) -> u32 {
    u32::try_from(ENTRY + strings).unwrap_or(u32::MAX)
}

#[derive(Clone, Debug)]
struct HostFailure {
    cause: FetchError,
    until: UnixTime,
}

impl OcspClient {
    /// Returns a client with these settings, for hosts that `rules` allow. The limits of the rules are for CRLs, and
    /// apply only if they are narrower than those of OCSP.
    pub fn new(settings: OcspSettings, rules: FetchRules) -> Self {
        let max_bytes = rules.max_bytes.min(MAXIMUM_RESPONSE_BYTES);
        let fetcher = Fetcher::new(FetchRules { max_bytes, ..rules });
        Self {
            slots: Semaphore::new(settings.max_concurrent_queries),
            fetcher,
            responses: Cache::builder()
                .max_capacity(settings.cache_bytes)
                .weigher(|_: &OcspKey, result: &QueryResult| result.weight())
                .time_to_idle(IDLE_LIFETIME)
                .build(),
            failed_hosts: Cache::builder()
                .max_capacity(FAILURE_CACHE_BYTES)
                .weigher(|url: &String, _: &HostFailure| weight(url.len()))
                .time_to_idle(IDLE_LIFETIME)
                .build(),
            settings,
        }
    }

    /// Returns the settings of the client.
    pub fn settings(&self) -> &OcspSettings {
        &self.settings
    }

    /// Removes all responses and failures.
    #[cfg(test)]
    pub(in crate::revocation) fn purge(&self) {
        self.responses.invalidate_all();
        self.failed_hosts.invalidate_all();
    }

    /// Queries the status of a validated certificate that `issuer` issued. Concurrent queries for one certificate are
    /// one request. A response is cached until its nextUpdate, and longer, while it is accepted, if no newer one is
    /// available.
    pub(super) async fn query(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        now: UnixTime,
    ) -> QueryResult {
        if self.responders_of(certificate).is_empty() {
            // The result never changes, so it needs neither the cache nor another query soon.
            return QueryResult { response: Err(OcspError::NoResponder), query_again_at: UnixTime::END };
        }
        let key = OcspKey { issuer: issuer.fingerprint(), serial: certificate.serial().clone() };
        if let Some(known) = self.responses.get(&key).await.filter(|known| now < known.query_again_at) {
            return known;
        }
        let entry = self.responses.entry(key).and_upsert_with(async |old| {
            let old = old.map(moka::Entry::into_value);
            match old {
                Some(old) if now < old.query_again_at => old,
                old => updated(old, self.query_responders(certificate, issuer, now).await, now),
            }
        });
        entry.await.into_value()
    }

    async fn query_responders(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        now: UnixTime,
    ) -> Result<ValidatedResponse, OcspError> {
        let limit = self.settings.timeout;
        let slot = timeout(limit, self.slots.acquire()).await;
        let Ok(Ok(_slot)) = slot else { return Err(OcspError::Busy { limit }) };
        let (mut unknown, mut first_error) = (None, None);
        for url in self.responders_of(certificate) {
            match self.query_one(url, certificate, issuer, now).await {
                // Another responder may know the certificate, and may report it as revoked.
                Ok(response) if response.status == CertStatus::Unknown => _ = unknown.get_or_insert(response),
                Ok(response) => return Ok(response),
                Err(error) => _ = first_error.get_or_insert(error),
            }
        }
        unknown.ok_or_else(|| first_error.unwrap_or(OcspError::NoResponder))
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

    async fn query_one(
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
        validate(&der, &OcspQuery { certificate, issuer, nonce: nonce.as_ref(), url, settings }, now)
    }

    /// Sends a request and returns the response. A request with a nonce is sent by POST, since no HTTP cache could
    /// respond to it; a short one without a nonce is sent by GET (RFC 5019 5).
    async fn exchange(
        &self,
        url: &str,
        request: Vec<u8>,
        has_nonce: bool,
        now: UnixTime,
    ) -> Result<Bytes, OcspError> {
        let unreachable = |cause| OcspError::Unreachable { url: url.to_owned(), cause };
        if let Some(failure) = self.failed_hosts.get(url).await.filter(|failure| now < failure.until) {
            return Err(unreachable(failure.cause));
        }
        let limit = self.settings.timeout;
        let fetching = async {
            match request::in_url(url, &request).filter(|_| !has_nonce) {
                Some(url) => self.fetcher.get(&url).await,
                None => self.fetcher.post(url, REQUEST_TYPE, request).await,
            }
        };
        let fetched = timeout(limit, fetching).await.unwrap_or(Err(FetchError::Timeout { limit }));
        if let Err(cause) = &fetched
            && is_of_host(cause)
        {
            let failure = HostFailure { cause: cause.clone(), until: now.plus(FAILURE_LIFETIME) };
            self.failed_hosts.insert(url.to_owned(), failure).await;
        }
        fetched.map_err(unreachable)
    }
}

/// Returns whether an error concerns the host, and not only one request.
fn is_of_host(cause: &FetchError) -> bool {
    matches!(
        cause,
        FetchError::Timeout { .. } | FetchError::Unreachable { .. } | FetchError::Unresolved { .. }
    )
}

/// Returns the result to cache after a query: the new response, or if there is none the old one as long as it is
/// accepted.
fn updated(
    old: Option<QueryResult>,
    new: Result<ValidatedResponse, OcspError>,
    now: UnixTime,
) -> QueryResult {
    let soon = now.plus(FAILURE_LIFETIME);
    match reject_older(old.as_ref(), new, now) {
        Ok(response) => {
            let due = match response.status {
                // A certificate that was issued a moment ago is known soon.
                CertStatus::Unknown => response.due.min(now.plus(UNKNOWN_LIFETIME)),
                CertStatus::Good | CertStatus::Revoked { .. } => response.due,
            };
            // A response that is past its nextUpdate but still accepted does not cause a query for every request.
            let query_again_at = due.max(soon).min(response.usable_until);
            QueryResult { response: Ok(Arc::new(response)), query_again_at }
        }
        Err(error) => {
            let kept = old.and_then(|old| old.response.ok()).filter(|response| now < response.usable_until);
            let query_again_at = kept.as_ref().map_or(soon, |kept| soon.min(kept.usable_until));
            QueryResult { response: kept.ok_or(error), query_again_at }
        }
    }
}

/// Rejects a response that is older than the held one: without a nonce an attacker on the path can replay it. If the
/// held one has the status "revoked", only a later thisUpdate replaces it: of two responses of the same date
/// "revoked" counts, whichever came first.
fn reject_older(
    old: Option<&QueryResult>,
    new: Result<ValidatedResponse, OcspError>,
    now: UnixTime,
) -> Result<ValidatedResponse, OcspError> {
    let new = new?;
    let held = old.and_then(|old| old.response.as_ref().ok()).filter(|held| now < held.usable_until);
    let Some(held) = held.filter(|_| !is_revoked(new.status)) else { return Ok(new) };
    let (received, held_at) = (new.source.this_update, held.source.this_update);
    // Unless the held response revokes, its date in the future would make every later response look old.
    let is_older = received < held_at && held_at <= now;
    if is_older || is_revoked(held.status) && received <= held_at {
        return Err(OcspError::Older { received, held: held_at });
    }
    Ok(new)
}

fn is_revoked(status: CertStatus) -> bool {
    matches!(status, CertStatus::Revoked { .. })
}

/// Writes the settings only.
impl fmt::Debug for OcspClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OcspClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}
