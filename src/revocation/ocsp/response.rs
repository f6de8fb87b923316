//! The decoding of an OCSP response (RFC 6960 4.2.1).
//!
//! No validation is done here. A signed part that cannot be decoded does not prevent the decoding of the other parts:
//! the error is recorded, so that every "revoked" of the response is accepted, but no "good".

use super::certificate_id::ReceivedCertificateId;
use super::error::{OcspError, OcspErrorStatus};
use crate::certificate::{DistinguishedName, ObjectIdentifier, read_time};
use crate::clock::UnixTime;
use crate::revocation::crl::{RawExtension, RevocationReason, read_extension};
use const_oid::db::rfc6960::ID_PKIX_OCSP_BASIC;
use der::asn1::{AnyRef, BitStringRef, OctetString};
use der::{Decode, Reader, Sequence, SliceReader, Tag, TagNumber, Tagged};
use x509_cert::ext::pkix::CrlReason;

/// A BasicOCSPResponse.
pub(super) struct BasicResponse<'a> {
    /// tbsResponseData as received.
    pub(super) tbs: &'a [u8],
    pub(super) algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// The certificates in the response, in DER.
    pub(super) certificates: Vec<&'a [u8]>,
    pub(super) responder: ResponderId,
    /// [`UnixTime::EPOCH`] if it cannot be decoded.
    pub(super) produced_at: UnixTime,
    /// The parts whose serial number can be decoded.
    pub(super) singles: Vec<SingleResponse<'a>>,
    pub(super) extensions: Vec<RawExtension<'a>>,
    /// Why a signed part cannot be decoded: only "revoked" counts then.
    pub(super) error: Option<der::Error>,
}

/// The signer that the response names.
pub(super) enum ResponderId {
    Name(DistinguishedName),
    /// The SHA-1 of its key.
    KeyHash(OctetString),
    /// It cannot be decoded: only the signature shows the signer's key.
    Undecodable,
}

/// The part for one certificate.
pub(super) struct SingleResponse<'a> {
    pub(super) id: ReceivedCertificateId<'a>,
    pub(super) status: CertStatus,
    /// [`UnixTime::EPOCH`] if it cannot be decoded.
    pub(super) this_update: UnixTime,
    pub(super) next_update: Option<UnixTime>,
    pub(super) extensions: Vec<RawExtension<'a>>,
}

/// The status of a certificate (RFC 6960 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::revocation) enum CertStatus {
    /// Not revoked. Does not show that it was issued or is valid.
    Good,
    /// Revoked or on hold.
    Revoked { reason: RevocationReason, at: UnixTime },
    /// Unknown to the responder.
    Unknown,
}

/// Decodes a successful response. Any other status is an error.
pub(super) fn decode(der: &[u8]) -> Result<BasicResponse<'_>, OcspError> {
    let outer = OcspResponse::from_der(der)?;
    let [status] = outer.status.value() else { return Err(malformed(Tag::Enumerated).into()) };
    outer.status.tag().assert_eq(Tag::Enumerated)?;
    // Success without content is an error too.
    let content = match (status, outer.content) {
        (0, Some(content)) => content,
        (code, _) => return Err(OcspError::Refused(OcspErrorStatus::from(*code))),
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

fn read_basic(der: &[u8]) -> der::Result<BasicResponse<'_>> {
    let mut reader = SliceReader::new(der)?;
    let response = reader.sequence(|parts| {
        let tbs = parts.tlv_bytes()?;
        let algorithm = parts.tlv_bytes()?;
        let signature = BitStringRef::decode(parts)?.as_bytes().ok_or_else(|| malformed(Tag::BitString))?;
        let mut response = BasicResponse {
            tbs,
            algorithm,
            signature,
            certificates: Vec::new(),
            responder: ResponderId::Undecodable,
            produced_at: UnixTime::EPOCH,
            singles: Vec::new(),
            extensions: Vec::new(),
            error: None,
        };
        if !parts.is_finished() {
            response.certificates = read_certificates(parts)?;
        }
        let read = read_data(tbs, &mut response);
        response.note(read);
        Ok::<_, der::Error>(response)
    })?;
    reader.finish()?;
    Ok(response)
}

/// Decodes a ResponseData into `response`, as far as possible.
fn read_data<'a>(tbs: &'a [u8], response: &mut BasicResponse<'a>) -> der::Result<()> {
    let data = AnyRef::from_der(tbs)?;
    data.tag().assert_eq(Tag::Sequence)?;
    let mut fields = SliceReader::new(data.value())?;
    let mut next = AnyRef::decode(&mut fields)?;
    if let Ok(version) = tagged(next, 0) {
        // Version 1 is encoded as 0, and is the only one (RFC 6960 4.2.1).
        response.note(u8::from_der(version).and_then(|version| match version {
            0 => Ok(()),
            _ => Err(malformed(Tag::Integer)),
        }));
        next = AnyRef::decode(&mut fields)?;
    }
    match ResponderId::read(next) {
        Ok(responder) => response.responder = responder,
        Err(error) => response.note(Err(error)),
    }
    match time(AnyRef::decode(&mut fields)?) {
        Ok(produced_at) => response.produced_at = produced_at,
        Err(error) => response.note(Err(error)),
    }
    let list = AnyRef::decode(&mut fields)?;
    let read = read_singles(list, response);
    response.note(read);
    if !fields.is_finished() {
        response.extensions = extensions(tagged(AnyRef::decode(&mut fields)?, 1)?)?;
    }
    fields.finish()
}

fn read_singles<'a>(list: AnyRef<'a>, response: &mut BasicResponse<'a>) -> der::Result<()> {
    list.tag().assert_eq(Tag::Sequence)?;
    let mut list = SliceReader::new(list.value())?;
    while !list.is_finished() {
        let single = AnyRef::decode(&mut list)?;
        let read = SingleResponse::read(single, response);
        response.note(read);
    }
    Ok(())
}

impl BasicResponse<'_> {
    /// Records the first error.
    fn note(&mut self, read: der::Result<()>) {
        if let Err(error) = read {
            self.error.get_or_insert(error);
        }
    }
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

impl ResponderId {
    fn read(choice: AnyRef<'_>) -> der::Result<Self> {
        match tagged(choice, 1) {
            Ok(name) => Ok(Self::Name(DistinguishedName::from_der(name))),
            Err(_) => Ok(Self::KeyHash(OctetString::from_der(tagged(choice, 2)?)?)),
        }
    }
}

impl<'a> SingleResponse<'a> {
    /// Adds a SingleResponse to `response`, unless its CertID cannot be compared with any certificate.
    fn read(single: AnyRef<'a>, response: &mut BasicResponse<'a>) -> der::Result<()> {
        single.tag().assert_eq(Tag::Sequence)?;
        let mut fields = SliceReader::new(single.value())?;
        let id = ReceivedCertificateId::read(AnyRef::decode(&mut fields)?)?;
        let status = CertStatus::read(AnyRef::decode(&mut fields)?)?;
        let (this_update, next_update, extensions) = (UnixTime::EPOCH, None, Vec::new());
        let mut read = Self { id, status, this_update, next_update, extensions };
        let rest = read.read_rest(&mut fields);
        response.singles.push(read);
        rest
    }

    fn read_rest(&mut self, fields: &mut SliceReader<'a>) -> der::Result<()> {
        self.this_update = time(AnyRef::decode(fields)?)?;
        while !fields.is_finished() {
            let next = AnyRef::decode(fields)?;
            match tagged(next, 0) {
                Ok(next_update) => self.next_update = Some(time(AnyRef::from_der(next_update)?)?),
                Err(_) => self.extensions = extensions(tagged(next, 1)?)?,
            }
        }
        Ok(())
    }
}

impl CertStatus {
    /// Decodes a CertStatus, whose alternatives differ by their tags. The tag of "revoked" means revoked, whatever
    /// its content.
    fn read(choice: AnyRef<'_>) -> der::Result<Self> {
        let Tag::ContextSpecific { constructed, number } = choice.tag() else {
            return Err(choice.tag().unexpected_error(None).into());
        };
        match (number, constructed) {
            (TagNumber(0), false) if choice.value().is_empty() => Ok(Self::Good),
            (TagNumber(1), _) => Ok(Self::read_revoked(choice.value())),
            (TagNumber(2), false) if choice.value().is_empty() => Ok(Self::Unknown),
            _ => Err(choice.tag().value_error().into()),
        }
    }

    /// Decodes the content of a RevokedInfo. As in a CRL, the date has no effect, and a reason that cannot be decoded
    /// is unknown.
    fn read_revoked(content: &[u8]) -> Self {
        let mut at = UnixTime::EPOCH;
        let mut read = || {
            let mut fields = SliceReader::new(content)?;
            at = time(AnyRef::decode(&mut fields)?).unwrap_or(UnixTime::EPOCH);
            if fields.is_finished() {
                return Ok(RevocationReason::Unspecified);
            }
            let reason = CrlReason::from_der(tagged(AnyRef::decode(&mut fields)?, 0)?)?;
            fields.finish()?;
            Ok::<_, der::Error>(reason.into())
        };
        let reason = read().unwrap_or(RevocationReason::Unknown);
        Self::Revoked { reason, at }
    }
}

/// Returns the content of an explicit tag with this number.
fn tagged(any: AnyRef<'_>, number: u32) -> der::Result<&[u8]> {
    any.tag().assert_eq(Tag::ContextSpecific { constructed: true, number: TagNumber(number) })?;
    Ok(any.value())
}

fn time(time: AnyRef<'_>) -> der::Result<UnixTime> {
    time.tag().assert_eq(Tag::GeneralizedTime)?;
    read_time(time)
}

/// Decodes the Extensions inside an explicit tag.
fn extensions(explicit: &[u8]) -> der::Result<Vec<RawExtension<'_>>> {
    let extensions = AnyRef::from_der(explicit)?;
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
