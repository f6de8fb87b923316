//! The fields of a certificate as slices of its DER.
//!
//! All signed, hashed or compared bytes are such slices: decoding and encoding again does not always restore the bytes of
//! real certificates (unsorted SETs, an explicit FALSE or v1).

use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode, Reader, SliceReader, Tag, TagMode, TagNumber, Tagged};

use super::element::DerElement;
use super::extensions::X509Extension;

/// The fields of a certificate (RFC 5280 4.1), each with its tag and length.
pub(super) struct CertificateLayout<'a> {
    pub(super) tbs: &'a [u8],
    pub(super) head: CertificateHead<'a>,
    pub(super) extensions: Vec<X509Extension<'a>>,
    pub(super) outer_algorithm: &'a [u8],
    pub(super) signature: BitStringRef<'a>,
}

/// The fields up to the public key, which all versions of X.509 have.
pub(super) struct CertificateHead<'a> {
    /// As encoded: 0 is version 1.
    pub(super) version: u8,
    pub(super) serial: &'a [u8],
    pub(super) inner_algorithm: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) validity: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) public_key: &'a [u8],
}

impl<'a> CertificateLayout<'a> {
    pub(super) fn read(der: &'a [u8]) -> der::Result<Self> {
        let mut certificate = contents(der)?;
        let tbs = certificate.tlv_bytes()?;
        let outer_algorithm = certificate.tlv_bytes()?;
        let signature = BitStringRef::decode(&mut certificate)?;
        certificate.finish()?;

        let mut fields = contents(tbs)?;
        let head = CertificateHead::read(&mut fields)?;
        // issuerUniqueID and subjectUniqueID have been unused since version 2.
        let _: Option<BitStringRef<'_>> = fields.context_specific(TagNumber(1), TagMode::Implicit)?;
        let _: Option<BitStringRef<'_>> = fields.context_specific(TagNumber(2), TagMode::Implicit)?;
        let extensions = fields.context_specific(TagNumber(3), TagMode::Explicit)?.unwrap_or_default();
        fields.finish()?;

        Ok(Self { tbs, head, extensions, outer_algorithm, signature })
    }
}

impl<'a> CertificateHead<'a> {
    /// Reads the head of a certificate only; the rest may be invalid.
    pub(super) fn of_certificate(der: &'a [u8]) -> der::Result<Self> {
        let tbs = contents(der)?.tlv_bytes()?;
        Self::read(&mut contents(tbs)?)
    }

    fn read(fields: &mut SliceReader<'a>) -> der::Result<Self> {
        Ok(Self {
            version: fields.context_specific(TagNumber(0), TagMode::Explicit)?.unwrap_or(0),
            serial: integer(fields.tlv_bytes()?)?,
            inner_algorithm: fields.tlv_bytes()?,
            issuer: fields.tlv_bytes()?,
            validity: fields.tlv_bytes()?,
            subject: fields.tlv_bytes()?,
            public_key: fields.tlv_bytes()?,
        })
    }
}

/// Returns the number of bits of a positive INTEGER; zero for zero.
pub(super) fn bit_length(integer: UintRef<'_>) -> u32 {
    let bytes = integer.as_bytes();
    let unused = bytes.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(bytes.len()).unwrap_or(u32::MAX / 8).saturating_mul(8).saturating_sub(unused)
}

/// Returns a reader of the contents of one SEQUENCE.
pub(super) fn contents(der: &[u8]) -> der::Result<SliceReader<'_>> {
    let sequence = AnyRef::from_der(der)?;
    sequence.tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(sequence.value())
}

/// Returns the elements of one SEQUENCE, each with its tag and length.
pub(super) fn elements(der: &[u8]) -> der::Result<Vec<&[u8]>> {
    Ok(DerElement::sequence(der)?.into_iter().map(|element| element.der).collect())
}

/// Returns the remaining elements of a reader, each with its tag and length.
pub(super) fn parts<'a>(reader: &mut SliceReader<'a>) -> der::Result<Vec<&'a [u8]>> {
    let mut parts = Vec::new();
    while !reader.is_finished() {
        parts.push(reader.tlv_bytes()?);
    }
    Ok(parts)
}

/// Returns the content of an INTEGER as encoded. A serial number may have any length and sign, but no padding: a
/// padded one would not be found in a CRL that encodes it properly.
fn integer(der: &[u8]) -> der::Result<&[u8]> {
    der::asn1::IntRef::from_der(der)?;
    Ok(AnyRef::from_der(der)?.value())
}
