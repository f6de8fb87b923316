//! Files of certificates, private keys and CRLs: PEM (RFC 7468), DER, or a PKCS #7 bundle in either (RFC 5652).
//!
//! No part of a file is ignored silently. If a damaged section were ignored, only the others would count: a revoked
//! certificate would pass by an older CRL, or a partner's CA would become the one that may name accounts. A file is
//! therefore read as a whole, as OpenSSL reads it, or rejected with the number of the line that cannot be read. The text
//! between sections may be anything that cannot be a damaged section.

mod error;
mod pem;
mod pkcs7;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use der::{Reader, SliceReader};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::element::{DerElement, SEQUENCE};
use super::layout;
use super::x509::Certificate;
use pem::{PemSection, PemSectionKind};
use pkcs7::Pkcs7Bundle;

pub(crate) use error::BundleError;

/// Reads all certificates of a file, in its order.
///
/// # Errors
/// As [`certificate_ders`], or one certificate cannot be decoded.
pub(crate) fn read_bundle(bytes: &[u8]) -> Result<Vec<Certificate>, BundleError> {
    let read = |(index, der): (usize, CertificateDer<'static>)| {
        Certificate::from_der(&der).map_err(|cause| BundleError::Certificate { number: index + 1, cause })
    };
    certificate_ders(bytes)?.into_iter().enumerate().map(read).collect()
}

/// Reads all certificates of a file, in its order, without decoding them. Keys, CRLs and parameters in the same file are
/// ignored. The list is never empty.
///
/// # Errors
/// A part of the file cannot be read, or it has no certificate.
pub fn certificate_ders(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    let found = match contents(bytes)? {
        BundleContents::Der(der) => vec![der.to_vec().into()],
        BundleContents::Pkcs7(bundle) => owned(bundle.certificates()?),
        BundleContents::Pem(sections) => {
            let mut found = Vec::new();
            for section in &sections {
                match section.kind {
                    PemSectionKind::Certificate | PemSectionKind::Pkcs7 => {
                        let der = section.element()?;
                        match section.pkcs7(&der)? {
                            Some(bundle) => found.extend(owned(section.check(bundle.certificates())?)),
                            None => found.push(der.into()),
                        }
                    }
                    PemSectionKind::TrustedCertificate => found.push(section.trusted_certificate()?.into()),
                    _ => section.check_label()?,
                }
            }
            found
        }
    };
    if found.is_empty() { Err(BundleError::Missing { wanted: "certificate" }) } else { Ok(found) }
}

/// Reads the one private key of a file: PKCS #8, PKCS #1 or SEC1, not encrypted. No copy of the key is left in memory
/// except the returned one, which is zeroed when it is dropped.
///
/// # Errors
/// A part of the file cannot be read, or it does not have exactly one private key.
pub fn private_key_der(bytes: &[u8]) -> Result<Zeroizing<PrivateKeyDer<'static>>, BundleError> {
    let missing = BundleError::Missing { wanted: "private key (PKCS #8, PKCS #1 or SEC1, not encrypted)" };
    let sections = match contents(bytes)? {
        BundleContents::Der(der) if is_encrypted_key(der) => return Err(BundleError::EncryptedKey),
        BundleContents::Der(der) => {
            let key = PrivateKeyDer::try_from(der).map_err(|_| missing)?;
            return Ok(Zeroizing::new(key.clone_key()));
        }
        BundleContents::Pkcs7(_) => return Err(missing),
        BundleContents::Pem(sections) => sections,
    };
    for section in sections.iter().filter(|section| !section.kind.is_private_key()) {
        section.check_label()?;
    }
    let mut keys = sections.iter().filter(|section| section.kind.is_private_key());
    match (keys.next(), keys.next()) {
        (Some(_), Some(_)) => Err(BundleError::SeveralKeys),
        (Some(key), None) => key.private_key(),
        (None, _) => Err(missing),
    }
}

/// Reads all CRLs of a file, in its order, without decoding them. Certificates and keys in the same file are ignored. The
/// list is never empty. Owned bytes that are DER are not copied, since a CRL may be the largest object in memory.
///
/// # Errors
/// A part of the file cannot be read, or it has no CRL.
pub fn crl_ders<'a>(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Vec<Vec<u8>>, BundleError> {
    let bytes = bytes.into();
    let found = match contents(&bytes)? {
        BundleContents::Der(der) => {
            let length = der.len();
            let mut der = bytes.into_owned();
            der.truncate(length);
            return Ok(vec![der]);
        }
        BundleContents::Pkcs7(bundle) => owned(bundle.crls()?),
        BundleContents::Pem(sections) => {
            let mut found = Vec::new();
            for section in &sections {
                match section.kind {
                    PemSectionKind::Crl => found.push(section.element()?),
                    PemSectionKind::Certificate | PemSectionKind::Pkcs7 => {
                        let der = section.element()?;
                        match section.pkcs7(&der)? {
                            Some(bundle) => found.extend(owned(section.check(bundle.crls())?)),
                            None => section.check_label()?,
                        }
                    }
                    _ => section.check_label()?,
                }
            }
            found
        }
    };
    if found.is_empty() { Err(BundleError::Missing { wanted: "CRL" }) } else { Ok(found) }
}

fn owned<T: From<Vec<u8>>>(ders: Vec<&[u8]>) -> Vec<T> {
    ders.into_iter().map(|der| der.to_vec().into()).collect()
}

enum BundleContents<'a> {
    /// One element, without the line end that may follow it.
    Der(&'a [u8]),
    Pkcs7(Pkcs7Bundle<'a>),
    Pem(Vec<PemSection<'a>>),
}

fn contents(bytes: &[u8]) -> Result<BundleContents<'_>, BundleError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(BundleError::Empty);
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(BundleError::Utf16);
    }
    match element(bytes)? {
        Some(der) if is_pkcs12(der) => Err(BundleError::Pkcs12),
        Some(der) => Ok(match Pkcs7Bundle::read(der)? {
            Some(bundle) => BundleContents::Pkcs7(bundle),
            None => BundleContents::Der(der),
        }),
        None => pem::sections(bytes).map(BundleContents::Pem),
    }
}

/// Returns the one SEQUENCE in DER that the file consists of, except for line ends after it, which editors and web
/// servers add. `None` if the file may be PEM.
fn element(bytes: &[u8]) -> Result<Option<&[u8]>, BundleError> {
    let first = SliceReader::new(bytes).and_then(|mut reader| reader.tlv_bytes());
    if let Ok(der) = first
        && layout::contents(der).is_ok()
    {
        let rest = bytes.get(der.len()..).unwrap_or_default();
        if rest.iter().all(u8::is_ascii_whitespace) {
            return Ok(Some(der));
        }
        if is_binary(bytes) {
            return Err(BundleError::BytesAfterDer { count: rest.len() });
        }
    } else if let [SEQUENCE, 0x80, rest @ ..] = bytes {
        return Err(BundleError::IndefiniteLength {
            command: if rest.starts_with(PKCS12_VERSION) {
                "openssl pkcs12 -in FILE -nodes -out NEW"
            } else {
                error::PKCS7_CONVERSION
            },
        });
    } else if is_binary(bytes) {
        return Err(BundleError::DerTruncated);
    }
    Ok(None)
}

/// Returns whether the bytes begin with a SEQUENCE of more than 127 bytes. No text does: the length begins with a
/// byte that cannot follow the digit `0` in UTF-8.
fn is_binary(bytes: &[u8]) -> bool {
    matches!(bytes, [SEQUENCE, 0x80..=0x84, ..])
}

/// INTEGER 3, the version of a PFX (RFC 7292 4).
const PKCS12_VERSION: &[u8] = &[0x02, 0x01, 0x03];

/// Returns whether this is a PFX: the version, and a ContentInfo of PKCS #7.
fn is_pkcs12(der: &[u8]) -> bool {
    let Ok(parts) = DerElement::sequence(der) else { return false };
    matches!(parts.as_slice(), [version, content, ..] if version.der == PKCS12_VERSION && pkcs7::has_content_type(content.der))
}

/// Returns whether this is an EncryptedPrivateKeyInfo (RFC 5958 3): an algorithm and an OCTET STRING.
fn is_encrypted_key(der: &[u8]) -> bool {
    const OCTET_STRING: u8 = 0x04;
    let Ok(parts) = DerElement::sequence(der) else { return false };
    matches!(parts.as_slice(), [algorithm, key] if algorithm.identifier == SEQUENCE && key.identifier == OCTET_STRING)
}
