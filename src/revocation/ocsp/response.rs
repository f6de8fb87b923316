//! Takes the DER of an answer, gives its parts (RFC 6960 4.2.1), what is signed as it was received.
//!
//! Believes nothing: who signed, for whom and when is judged elsewhere.

use super::super::crl_der::{RawExtension, read_extension};
use super::super::crl_entry::RevocationReason;
use super::certificate_id::CertificateId;
use super::error::{OcspError, RefusedStatus};
use crate::certificate::{DistinguishedName, ObjectIdentifier, read_time};
use crate::clock::UnixTime;
use const_oid::db::rfc6960::ID_PKIX_OCSP_BASIC;
use der::asn1::{AnyRef, BitStringRef, OctetString};
use der::{Decode, Reader, Sequence, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::ext::pkix::CrlReason;

/// A BasicOCSPResponse.
pub(super) struct Response<'a> {
    /// tbsResponseData as received.
    pub(super) tbs: &'a [u8],
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// The certificates that the responder sent along, in DER.
    pub(super) certificates: Vec<&'a [u8]>,
    pub(super) responder: ResponderId,
    pub(super) produced_at: UnixTime,
    pub(super) singles: Vec<Single<'a>>,
    pub(super) extensions: Vec<RawExtension<'a>>,
}

/// Who says that it signed.
pub(super) enum ResponderId {
    Name(DistinguishedName),
    /// The SHA-1 of its key.
    KeyHash(OctetString),
}

/// What is said of one certificate.
pub(super) struct Single<'a> {
    pub(super) id: CertificateId<'a>,
    pub(super) status: Status,
    pub(super) this_update: UnixTime,
    pub(super) next_update: Option<UnixTime>,
    pub(super) extensions: Vec<RawExtension<'a>>,
}

/// What a responder says of a certificate (RFC 6960 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::revocation) enum Status {
    /// Not revoked. Says by itself neither that it was issued nor that it is valid.
    Good,
    /// Revoked, for good or for a while.
    Revoked { reason: RevocationReason, at: UnixTime },
    /// The responder does not know it.
    Unknown,
}

/// Reads an answer that claims success; any other status is an error.
pub(super) fn read(der: &[u8]) -> Result<Response<'_>, OcspError> {
    let outer = OcspResponse::from_der(der)?;
    let [status] = outer.status.value() else { return Err(malformed(Tag::Enumerated).into()) };
    outer.status.tag().assert_eq(Tag::Enumerated)?;
    // Success without content says nothing either.
    let content = match (status, outer.content) {
        (0, Some(content)) => content,
        (code, _) => return Err(OcspError::Refused(RefusedStatus::from(*code))),
    };
    if content.response_type != ID_PKIX_OCSP_BASIC {
        return Err(OcspError::UnknownType(content.response_type));
    }
    content.response.tag().assert_eq(Tag::OctetString)?;
    Ok(read_basic(content.response.value())?)
}

#[derive(Sequence)]
struct OcspResponse<'a> {
    status: AnyRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    content: Option<ResponseBytes<'a>>,
}

#[derive(Sequence)]
struct ResponseBytes<'a> {
    response_type: ObjectIdentifier,
    response: AnyRef<'a>,
}

fn read_basic(der: &[u8]) -> der::Result<Response<'_>> {
    let mut reader = SliceReader::new(der)?;
    let response = reader.sequence(|parts| {
        let tbs = parts.tlv_bytes()?;
        let algorithm = parts.tlv_bytes()?;
        let signature = BitStringRef::decode(parts)?.as_bytes().ok_or_else(|| malformed(Tag::BitString))?;
        let certificates = if parts.is_finished() { Vec::new() } else { read_certificates(parts)? };
        let data = ResponseData::from_der(tbs)?;
        // Version 1 is written as 0, and there is no other (RFC 6960 4.2.1).
        if data.version != 0 {
            return Err(malformed(Tag::Integer));
        }
        Ok(Response {
            tbs,
            algorithm,
            signature,
            certificates,
            responder: ResponderId::read(data.responder)?,
            produced_at: time(data.produced_at)?,
            singles: data.responses.into_iter().map(Single::read).collect::<der::Result<_>>()?,
            extensions: extensions(data.extensions)?,
        })
    })?;
    reader.finish()?;
    Ok(response)
}

fn read_certificates<'a>(parts: &mut SliceReader<'a>) -> der::Result<Vec<&'a [u8]>> {
    let explicit = tagged(AnyRef::decode(parts)?, 0)?;
    let mut inner = SliceReader::new(explicit)?;
    let mut certificates = Vec::new();
    inner.sequence(|list| {
        while !list.is_finished() {
            certificates.push(list.tlv_bytes()?);
        }
        Ok::<_, der::Error>(())
    })?;
    inner.finish()?;
    Ok(certificates)
}

#[derive(Sequence)]
struct ResponseData<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", default = "Default::default")]
    version: u8,
    responder: AnyRef<'a>,
    produced_at: AnyRef<'a>,
    responses: Vec<SingleResponse<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<AnyRef<'a>>,
}

#[derive(Sequence)]
struct SingleResponse<'a> {
    id: CertificateId<'a>,
    status: AnyRef<'a>,
    this_update: AnyRef<'a>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    next_update: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<AnyRef<'a>>,
}

impl ResponderId {
    fn read(choice: AnyRef<'_>) -> der::Result<Self> {
        match tagged(choice, 1) {
            Ok(name) => Ok(Self::Name(DistinguishedName::from_der(name))),
            Err(_) => Ok(Self::KeyHash(OctetString::from_der(tagged(choice, 2)?)?)),
        }
    }
}

impl<'a> Single<'a> {
    fn read(single: SingleResponse<'a>) -> der::Result<Self> {
        Ok(Self {
            id: single.id,
            status: Status::read(single.status)?,
            this_update: time(single.this_update)?,
            next_update: single.next_update.map(time).transpose()?,
            extensions: extensions(single.extensions)?,
        })
    }
}

impl Status {
    /// CertStatus, whose alternatives are told by their tags alone.
    fn read(choice: AnyRef<'_>) -> der::Result<Self> {
        let Tag::ContextSpecific { constructed, number } = choice.tag() else {
            return Err(choice.tag().unexpected_error(None).into());
        };
        match (number, constructed) {
            (TagNumber(0), false) if choice.value().is_empty() => Ok(Self::Good),
            (TagNumber(1), true) => Self::read_revoked(choice.value()),
            (TagNumber(2), false) if choice.value().is_empty() => Ok(Self::Unknown),
            _ => Err(choice.tag().value_error().into()),
        }
    }

    /// The content of a RevokedInfo. A reason that cannot be decoded is unknown, and revoked all the same.
    fn read_revoked(content: &[u8]) -> der::Result<Self> {
        let mut fields = SliceReader::new(content)?;
        // As in a CRL, the date decides nothing.
        let at = time(AnyRef::decode(&mut fields)?).unwrap_or(UnixTime::EPOCH);
        let reason = if fields.is_finished() {
            RevocationReason::Unspecified
        } else {
            let reason = tagged(AnyRef::decode(&mut fields)?, 0)?;
            CrlReason::from_der(reason).map_or(RevocationReason::Unknown, Into::into)
        };
        fields.finish()?;
        Ok(Self::Revoked { reason, at })
    }
}

/// What stands inside an explicit tag with this number.
fn tagged(any: AnyRef<'_>, number: u32) -> der::Result<&[u8]> {
    any.tag().assert_eq(Tag::ContextSpecific { constructed: true, number: TagNumber(number) })?;
    Ok(any.value())
}

fn time(time: AnyRef<'_>) -> der::Result<UnixTime> {
    time.tag().assert_eq(Tag::GeneralizedTime)?;
    read_time(time)
}

fn extensions(explicit: Option<AnyRef<'_>>) -> der::Result<Vec<RawExtension<'_>>> {
    let Some(extensions) = explicit else { return Ok(Vec::new()) };
    extensions.tag().assert_eq(Tag::Sequence)?;
    let mut reader = SliceReader::new(extensions.value())?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(read_extension(&mut reader)?);
    }
    Ok(found)
}

fn malformed(tag: Tag) -> der::Error {
    tag.value_error().into()
}
