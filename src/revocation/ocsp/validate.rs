//! Takes the bytes of an answer and what was asked, gives what a responder says that may speak for the issuer.
//!
//! Follows the list of RFC 6960 3.2. Reads no clock, asks nobody, and knows no CRL.
//!
//! What an authorised signer calls revoked counts, whatever else in the response cannot be decoded, is unknown, is stale or
//! belongs to another request: it can only refuse. Everything else counts only if all of the response is understood.

use crate::certificate::{Certificate, DistinguishedName};
use crate::clock::UnixTime;
use crate::revocation::crl::der::RawExtension;
use crate::revocation::ocsp::certificate_id::UnknownHash;
use crate::revocation::ocsp::error::OcspError;
use crate::revocation::ocsp::request::OcspNonce;
use crate::revocation::ocsp::response::{self, BasicResponse, CertStatus, SingleResponse};
use crate::revocation::ocsp::settings::{NonceRule, OcspSettings};
use crate::revocation::ocsp::signer::{self, OcspSigner, VerifiedSigner};
use const_oid::db::rfc6960::ID_PKIX_OCSP_NONCE;
use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

/// How far a responder's clock and this one may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// Which answer a verdict comes from, for `explain` and for records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspSource {
    /// Where it was fetched.
    pub url: String,
    /// The subject of the certificate whose key signed it.
    pub signer: DistinguishedName,
    /// When it was signed.
    pub produced_at: UnixTime,
    /// When it was known to be true: its age is the time since.
    pub this_update: UnixTime,
    /// When newer information will be there; without it, newer information is there at any time.
    pub next_update: Option<UnixTime>,
}

/// What was asked, of whom.
pub(in crate::revocation) struct OcspQuery<'a> {
    pub(in crate::revocation) certificate: &'a Certificate,
    pub(in crate::revocation) issuer: &'a Certificate,
    /// As sent.
    pub(in crate::revocation) nonce: Option<&'a OcspNonce>,
    pub(in crate::revocation) url: &'a str,
    pub(in crate::revocation) settings: &'a OcspSettings,
}

/// What a responder says that may speak for the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revocation) struct ValidatedResponse {
    pub(in crate::revocation) status: CertStatus,
    pub(in crate::revocation) source: Arc<OcspSource>,
    /// The certificate by which the issuer lets the responder speak, where it does not speak itself.
    pub(in crate::revocation) delegate: Option<Certificate>,
    /// The first moment at which it counts no more. What says "revoked" counts for ever.
    pub(in crate::revocation) usable_until: UnixTime,
    /// When there may be a newer one.
    pub(in crate::revocation) due: UnixTime,
}

/// Judges the answer `der` to `query`, received at `now`.
pub(in crate::revocation) fn judge(
    der: &[u8],
    query: &OcspQuery<'_>,
    now: UnixTime,
) -> Result<ValidatedResponse, OcspError> {
    let response = response::read(der)?;
    let VerifiedSigner { signer, doubt } = signer::find(&response, query.issuer, query.settings, now)?;
    let single = match revoking(&response, query) {
        Some(single) => single,
        None => {
            doubt.map(OcspError::ResponderNotAuthorised).map_or(Ok(()), Err)?;
            not_revoking(&response, query)?
        }
    };
    let (due, usable_until) = judge_times(&response, single, &signer, query.settings, now)?;
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

/// The nonce is the only extension that is understood; what is not critical may be passed over (RFC 6960 4.4).
fn refuse_unknown_critical(extensions: &[RawExtension<'_>]) -> Result<(), OcspError> {
    let found = extensions.iter().find(|extension| extension.critical && !is_nonce(extension));
    found.map_or(Ok(()), |extension| match extension.oid() {
        Some(oid) => Err(OcspError::CriticalExtension(oid)),
        None => Err(OcspError::UnnamedExtension),
    })
}

fn is_nonce(extension: &RawExtension<'_>) -> bool {
    extension.oid().is_some_and(|oid| oid == ID_PKIX_OCSP_NONCE)
}

/// RFC 8954 2.1, RFC 6960 4.4.1. Where none was sent, one in the answer binds it to nothing of ours and is passed over:
/// an HTTP cache may have kept the answer to somebody else.
fn judge_nonce(response: &BasicResponse<'_>, query: &OcspQuery<'_>) -> Result<(), OcspError> {
    let Some(sent) = query.nonce else { return Ok(()) };
    let mut returned = response.extensions.iter().filter(|one| is_nonce(one)).peekable();
    match query.settings.nonce {
        NonceRule::Require if returned.peek().is_none() => Err(OcspError::NoNonce),
        _ if returned.all(|nonce| sent.is(nonce.value)) => Ok(()),
        _ => Err(OcspError::WrongNonce),
    }
}

/// What revokes the certificate in query. A responder that signs ahead may speak of many certificates, and of one
/// twice: then the newest of those that revoke it.
///
/// A CertID whose hash is unknown here is compared by the serial number alone. The request was about this certificate, and
/// the signer speaks for its issuer or was configured to be asked about it, so it is hardly another issuer's.
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

/// The newest of what the response says of the certificate in query, which nothing in it revokes. Of the same date,
/// "unknown" counts before "good", and what is due earlier before what is due later.
fn not_revoking<'r, 'a>(
    response: &'r BasicResponse<'a>,
    query: &OcspQuery<'_>,
) -> Result<&'r SingleResponse<'a>, OcspError> {
    response.flaw.map_or(Ok(()), Err)?;
    refuse_unknown_critical(&response.extensions)?;
    judge_nonce(response, query)?;
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
    refuse_unknown_critical(&single.extensions)?;
    Ok(single)
}

/// The unknown hash by which the response names a certificate of this serial number.
fn unknown_hash(single: &SingleResponse<'_>, query: &OcspQuery<'_>) -> Option<UnknownHash> {
    single.id.unknown_hash().filter(|_| single.id.has_serial_of(query.certificate))
}

/// RFC 6960 4.2.2.1. Gives when there may be a newer answer, and the first moment at which this one counts no more.
fn judge_times(
    response: &BasicResponse<'_>,
    single: &SingleResponse<'_>,
    signer: &OcspSigner,
    settings: &OcspSettings,
    now: UnixTime,
) -> Result<(UnixTime, UnixTime), OcspError> {
    let without_next_update = single.this_update.plus(settings.max_age_without_next_update);
    let due = single.next_update.unwrap_or(without_next_update);
    // Revocation does not grow stale: replaying an old "revoked" can only refuse.
    if let CertStatus::Revoked { .. } = single.status {
        return Ok((due, UnixTime::END));
    }
    let from = single.this_update.max(response.produced_at);
    if from > now.plus(CLOCK_SKEW) {
        return Err(OcspError::NotYetValid { from });
    }
    let stale_at = due.plus(CLOCK_SKEW).plus(settings.grace);
    if now >= stale_at {
        return Err(OcspError::Stale { since: stale_at });
    }
    let signer_ends = signer.certificate().not_after().plus(Duration::from_secs(1));
    Ok((due, stale_at.min(signer_ends)))
}
