//! The validation of an OCSP response for one query (RFC 6960 3.2).
//!
//! A certificate that an authorised signer reports as revoked is revoked, even if another part of the response cannot
//! be decoded, is unsupported, has expired or belongs to another request: such a response can only deny. Every other
//! status counts only if the whole response is understood.

use super::certificate_id::UnknownHash;
use super::error::OcspError;
use super::request::OcspNonce;
use super::response::{self, BasicResponse, CertStatus, SingleResponse};
use super::settings::{NonceRule, OcspSettings};
use super::signer::{self, OcspSigner, VerifiedSigner};
use crate::certificate::{Certificate, DistinguishedName};
use crate::clock::UnixTime;
use crate::revocation::crl::RawExtension;
use const_oid::db::rfc6960::ID_PKIX_OCSP_NONCE;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// The accepted difference between the clocks of the responder and the gateway for a date in the future. Also the time for
/// which a response is used after its nextUpdate while no newer one is available.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// The OCSP response that a status comes from, for `explain` and audit records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspSource {
    /// The URL of the responder.
    pub url: String,
    /// The subject of the certificate whose key signed it.
    pub signer: DistinguishedName,
    /// The time of its signature.
    pub produced_at: UnixTime,
    /// The time at which the status was known to be correct.
    pub this_update: UnixTime,
    /// The time by which newer information is available. Without it, newer information is available at any time.
    pub next_update: Option<UnixTime>,
}

/// A query for one certificate.
pub(super) struct OcspQuery<'a> {
    pub(super) certificate: &'a Certificate,
    pub(super) issuer: &'a Certificate,
    /// The nonce of the request.
    pub(super) nonce: Option<&'a OcspNonce>,
    pub(super) url: &'a str,
    pub(super) settings: &'a OcspSettings,
}

/// The status of a certificate from an authorised responder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ValidatedResponse {
    pub(super) status: CertStatus,
    pub(super) source: Arc<OcspSource>,
    /// The certificate by which the issuer authorised the responder, if the issuer did not sign the response itself.
    pub(super) delegate: Option<Certificate>,
    /// The first moment at which it is no longer accepted. "Revoked" is always accepted.
    pub(super) usable_until: UnixTime,
    /// The time at which a newer one may be available.
    pub(super) due: UnixTime,
}

/// Validates the response `der` to `query`, received at `now`.
pub(super) fn validate(
    der: &[u8],
    query: &OcspQuery<'_>,
    now: UnixTime,
) -> Result<ValidatedResponse, OcspError> {
    let response = response::decode(der)?;
    let VerifiedSigner { signer, doubt } = signer::find(&response, query.issuer, query.settings, now)?;
    let single = match revoking(&response, query) {
        Some(single) => single,
        None => {
            doubt.map(OcspError::ResponderNotAuthorised).map_or(Ok(()), Err)?;
            not_revoking(&response, query)?
        }
    };
    let (due, usable_until) = check_dates(&response, single, &signer, query.settings, now)?;
    let source = OcspSource {
        url: query.url.to_owned(),
        signer: signer.certificate().subject().clone(),
        produced_at: response.produced_at,
        this_update: single.this_update,
        next_update: single.next_update,
    };
    Ok(ValidatedResponse {
        status: single.status,
        source: Arc::new(source),
        delegate: match signer {
            OcspSigner::Delegate(certificate) => Some(certificate),
            OcspSigner::Issuer(_) | OcspSigner::Configured(_) => None,
        },
        due,
        usable_until,
    })
}

/// Rejects unknown critical extensions. The nonce is the only supported extension; others may be ignored unless they are
/// critical (RFC 6960 4.4).
fn reject_unknown_critical(extensions: &[RawExtension<'_>]) -> Result<(), OcspError> {
    let found = extensions.iter().find(|extension| extension.critical && !is_nonce(extension));
    found.map_or(Ok(()), |extension| match extension.oid() {
        Some(oid) => Err(OcspError::CriticalExtension(oid)),
        None => Err(OcspError::UnnamedExtension),
    })
}

fn is_nonce(extension: &RawExtension<'_>) -> bool {
    extension.oid().is_some_and(|oid| oid == ID_PKIX_OCSP_NONCE)
}

/// Checks the nonce (RFC 8954 2.1, RFC 6960 4.4.1). If the request had no nonce, one in the response is ignored: an
/// HTTP cache may have kept the response to another client.
fn check_nonce(response: &BasicResponse<'_>, query: &OcspQuery<'_>) -> Result<(), OcspError> {
    let Some(sent) = query.nonce else { return Ok(()) };
    let mut returned = response.extensions.iter().filter(|one| is_nonce(one)).peekable();
    match query.settings.nonce {
        NonceRule::Require if returned.peek().is_none() => Err(OcspError::NoNonce),
        _ if returned.all(|nonce| sent.is(nonce.value)) => Ok(()),
        _ => Err(OcspError::WrongNonce),
    }
}

/// Returns the part that revokes the certificate. A responder that signs in advance may respond for many
/// certificates, and for one twice: then the newest that revokes it.
///
/// A CertID with an unsupported hash is compared by the serial number alone. The request was for this certificate,
/// and the signer is authorised by its issuer or configured for it, so the CertID is hardly one of another issuer.
fn revoking<'r, 'a>(
    response: &'r BasicResponse<'a>,
    query: &OcspQuery<'_>,
) -> Option<&'r SingleResponse<'a>> {
    let is_about = |single: &&SingleResponse<'_>| {
        single.id.names(query.certificate, query.issuer) || unknown_hash(single, query).is_some()
    };
    let revoking =
        response.singles.iter().filter(|single| matches!(single.status, CertStatus::Revoked { .. }));
    revoking.filter(is_about).max_by_key(|single| single.this_update)
}

/// Returns the newest part for the certificate, if none revokes it. Of the same date, "unknown" counts before "good",
/// and an earlier nextUpdate before a later one.
fn not_revoking<'r, 'a>(
    response: &'r BasicResponse<'a>,
    query: &OcspQuery<'_>,
) -> Result<&'r SingleResponse<'a>, OcspError> {
    response.error.map_or(Ok(()), Err)?;
    reject_unknown_critical(&response.extensions)?;
    check_nonce(response, query)?;
    let singles = response.singles.iter();
    let about = singles.filter(|single| single.id.names(query.certificate, query.issuer));
    let newest = |single: &&SingleResponse<'_>| {
        (single.this_update, single.status == CertStatus::Unknown, Reverse(single.next_update))
    };
    let single = about.max_by_key(newest).ok_or_else(|| {
        let hash = response.singles.iter().find_map(|single| unknown_hash(single, query));
        match hash {
            None => OcspError::WrongCertificate,
            Some(UnknownHash(Some(oid))) => OcspError::UnknownHash(oid),
            Some(UnknownHash(None)) => OcspError::UnnamedHash,
        }
    })?;
    reject_unknown_critical(&single.extensions)?;
    Ok(single)
}

/// Returns the unsupported hash by which a part names a certificate of this serial number.
fn unknown_hash(single: &SingleResponse<'_>, query: &OcspQuery<'_>) -> Option<UnknownHash> {
    single.id.unknown_hash().filter(|_| single.id.has_serial_of(query.certificate))
}

/// Checks the dates (RFC 6960 4.2.2.1). Returns when a newer response may be available, and the first moment at which
/// this one is no longer accepted.
///
/// A response with a nextUpdate must arrive before it, or within the grace: otherwise a responder, or an attacker on the
/// path who replays its responses, could prolong each by five minutes. One without nextUpdate has only an age.
fn check_dates(
    response: &BasicResponse<'_>,
    single: &SingleResponse<'_>,
    signer: &OcspSigner,
    settings: &OcspSettings,
    now: UnixTime,
) -> Result<(UnixTime, UnixTime), OcspError> {
    let without_next_update = single.this_update.plus(settings.max_age_without_next_update);
    let due = single.next_update.unwrap_or(without_next_update);
    // Revocation does not expire: a replay of an old "revoked" can only deny.
    if let CertStatus::Revoked { .. } = single.status {
        return Ok((due, UnixTime::END));
    }
    let from = single.this_update.max(response.produced_at);
    if from > now.plus(CLOCK_SKEW) {
        return Err(OcspError::NotYetValid { from });
    }
    let expiry = due.plus(CLOCK_SKEW).plus(settings.grace);
    let since = single.next_update.map_or(expiry, |next_update| next_update.plus(settings.grace));
    if now >= since {
        return Err(OcspError::Expired { since });
    }
    let signer_end = signer.certificate().not_after().plus(Duration::from_secs(1));
    Ok((due, expiry.min(signer_end)))
}
