//! PKCS #7 bundles: SignedData without signers, of which only the certificates and CRLs are used ("certs-only",
//! RFC 5652 5.1, RFC 8551 3.8; RFC 2315 9.1). `.p7b` and `.p7c` files have this form.
//!
//! The elements are split and not decoded: certificates are compared and hashed by the bytes as they were encoded, and a
//! CRL may have a million entries. OpenSSL and Windows write the SETs unsorted, so their order is that of the file.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5911::ID_SIGNED_DATA;
use der::Decode;

use super::super::element::{DerElement, SEQUENCE, SET};
use super::super::x509::Certificate;
use super::error::{MAX_ELEMENTS, Pkcs7Error};

/// The beginning of the content types of PKCS #7 (1.2.840.113549.1.7), with tag and length.
const CONTENT_TYPE: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
/// `[0]` and `[1]`, constructed.
const CONTEXT_0: u8 = 0xa0;
const CONTEXT_1: u8 = 0xa1;

/// A PKCS #7 bundle: the certificates and CRLs of a SignedData, not decoded.
#[derive(Debug)]
pub(super) struct Pkcs7Bundle<'a> {
    certificates: Vec<DerElement<'a>>,
    crls: Vec<DerElement<'a>>,
}

impl<'a> Pkcs7Bundle<'a> {
    /// Splits a ContentInfo (RFC 5652 3). Returns `None` if `der` is not a ContentInfo of PKCS #7.
    ///
    /// # Errors
    /// [`Pkcs7Error`] if it is one, but not a SignedData without signers.
    pub(super) fn read(der: &'a [u8]) -> Result<Option<Self>, Pkcs7Error> {
        if !has_content_type(der) {
            return Ok(None);
        }
        let malformed = |_| Pkcs7Error::Malformed;
        let info = DerElement::sequence(der).map_err(malformed)?;
        let [content_type, content] = info.as_slice() else { return Err(Pkcs7Error::Malformed) };
        let content_type = ObjectIdentifier::from_der(content_type.der).map_err(malformed)?;
        if content_type != ID_SIGNED_DATA {
            return Err(Pkcs7Error::ContentType { content_type });
        }
        let [signed_data] = content.inside(CONTEXT_0).map_err(malformed)?[..] else {
            return Err(Pkcs7Error::Malformed);
        };
        Self::signed_data(signed_data).map(Some)
    }

    fn signed_data(signed_data: DerElement<'a>) -> Result<Self, Pkcs7Error> {
        const INTEGER: u8 = 0x02;
        let malformed = |_| Pkcs7Error::Malformed;
        let parts = signed_data.inside(SEQUENCE).map_err(malformed)?;
        let [version, algorithms, content, sets @ .., signers] = parts.as_slice() else {
            return Err(Pkcs7Error::Malformed);
        };
        if [version.identifier, algorithms.identifier, content.identifier, signers.identifier]
            != [INTEGER, SET, SEQUENCE, SET]
        {
            return Err(Pkcs7Error::Malformed);
        }
        if !signers.contents.is_empty() {
            return Err(Pkcs7Error::Signed);
        }
        let (certificates, crls) = match sets {
            [] => (None, None),
            [one] if one.identifier == CONTEXT_0 => (Some(one), None),
            [one] if one.identifier == CONTEXT_1 => (None, Some(one)),
            [first, second] if [first.identifier, second.identifier] == [CONTEXT_0, CONTEXT_1] => {
                (Some(first), Some(second))
            }
            _ => return Err(Pkcs7Error::Malformed),
        };
        let elements = |set: Option<&DerElement<'a>>| {
            let all = set.map_or(Ok(Vec::new()), |set| DerElement::all(set.contents)).map_err(malformed)?;
            if all.len() > MAX_ELEMENTS { Err(Pkcs7Error::TooMany) } else { Ok(all) }
        };
        Ok(Self { certificates: elements(certificates)?, crls: elements(crls)? })
    }

    /// Rejects a bundle with elements of another kind than X.509 certificates and CRLs: no element is ignored silently.
    pub(super) fn check(&self) -> Result<(), Pkcs7Error> {
        let is_certificate = |one: &DerElement<'_>| Certificate::from_der(one.der).is_ok();
        let is_crl = |one: &DerElement<'_>| one.identifier == SEQUENCE && !is_certificate(one);
        if let Some(index) = self.certificates.iter().position(|one| !is_certificate(one)) {
            return Err(Pkcs7Error::NotACertificate { number: index + 1 });
        }
        match self.crls.iter().position(|one| !is_crl(one)) {
            Some(index) => Err(Pkcs7Error::NotACrl { number: index + 1 }),
            None => Ok(()),
        }
    }

    /// Returns the certificates in DER, in the order of the file.
    pub(super) fn certificates(&self) -> Result<Vec<&'a [u8]>, Pkcs7Error> {
        self.check()?;
        Ok(self.certificates.iter().map(|one| one.der).collect())
    }

    /// Returns the CRLs in DER, in the order of the file.
    pub(super) fn crls(&self) -> Result<Vec<&'a [u8]>, Pkcs7Error> {
        self.check()?;
        Ok(self.crls.iter().map(|one| one.der).collect())
    }
}

/// Returns whether this is a SEQUENCE that begins with a content type of PKCS #7.
pub(super) fn has_content_type(der: &[u8]) -> bool {
    DerElement::read(der)
        .is_ok_and(|info| info.identifier == SEQUENCE && info.contents.starts_with(CONTENT_TYPE))
}
