//! Takes the bytes of a file, PEM or DER, gives the certificates, the private key or the CRLs in it. The only place
//! that knows PEM. Never looks inside what it finds.

use std::borrow::Cow;

use rustls_pemfile::{Error, Item, read_one_from_slice};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{Certificate, MalformedCertificate};

/// Why a file does not give what it was read for.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file holds nothing at all.
    #[error("the file is empty")]
    Empty,
    /// The file is neither DER nor PEM with what was looked for.
    #[error("there is no {wanted} in the file")]
    Missing {
        /// What was looked for.
        wanted: &'static str,
    },
    /// The file holds more than one private key, and it is not for this program to choose.
    #[error("there is more than one private key in the file")]
    SeveralKeys,
    /// The PEM is damaged.
    #[error("the PEM cannot be read: {reason}")]
    Pem {
        /// What is damaged. Never the content: it may be a private key.
        reason: &'static str,
    },
    /// One certificate cannot be decoded.
    #[error("certificate {number} of the file cannot be decoded")]
    Certificate {
        /// Which one, counted from 1.
        number: usize,
        /// Why.
        #[source]
        cause: MalformedCertificate,
    },
}

/// The certificates of a file, in its order: PEM with one or more, or one in DER.
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<Certificate>, BundleError> {
    let read = |(index, der): (usize, CertificateDer<'static>)| {
        Certificate::from_der(&der).map_err(|cause| BundleError::Certificate { number: index + 1, cause })
    };
    certificate_ders(bytes)?.into_iter().enumerate().map(read).collect()
}

/// The certificates of a file, in its order, not decoded. Other PEM sections are passed over. Never an empty list.
pub fn certificate_ders(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    let found = match contents(bytes)? {
        Contents::Der(der) => vec![der.into()],
        Contents::Pem(items) => items.into_iter().filter_map(certificate).collect(),
    };
    if found.is_empty() { Err(BundleError::Missing { wanted: "certificate" }) } else { Ok(found) }
}

/// The one private key of a file: PKCS#8, PKCS#1 or SEC1. Encrypted keys are not read.
pub fn private_key_der(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, BundleError> {
    let missing = BundleError::Missing { wanted: "private key (PKCS#8, PKCS#1 or SEC1, not encrypted)" };
    let items = match contents(bytes)? {
        Contents::Der(der) => return PrivateKeyDer::try_from(der).map_err(|_| missing),
        Contents::Pem(items) => items,
    };
    let mut keys = items.into_iter().filter_map(private_key);
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok(key),
        (Some(_), Some(_)) => Err(BundleError::SeveralKeys),
        (None, _) => Err(missing),
    }
}

/// The CRLs of a file, in its order, not decoded. Other PEM sections are passed over. Never an empty list. Bytes that
/// are given away are not copied where they are DER: a CRL may be as large as all else in memory.
pub fn crl_ders<'a>(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Vec<Vec<u8>>, BundleError> {
    let bytes = bytes.into();
    if is_der(&bytes) {
        return Ok(vec![bytes.into_owned()]);
    }
    let found = match contents(&bytes)? {
        Contents::Der(der) => vec![der],
        Contents::Pem(items) => items.into_iter().filter_map(crl).collect(),
    };
    if found.is_empty() { Err(BundleError::Missing { wanted: "CRL" }) } else { Ok(found) }
}

enum Contents {
    Der(Vec<u8>),
    Pem(Vec<Item>),
}

/// Everything read here is a SEQUENCE in DER, whose first byte no PEM begins with except as the digit `0`, which is
/// not followed by a valid length; so a file that decodes as one SEQUENCE is DER.
fn is_der(bytes: &[u8]) -> bool {
    super::layout::contents(bytes).is_ok()
}

fn contents(bytes: &[u8]) -> Result<Contents, BundleError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(BundleError::Empty);
    }
    if is_der(bytes) {
        return Ok(Contents::Der(bytes.to_vec()));
    }
    let mut items = Vec::new();
    let mut rest = bytes;
    while let Some((item, after)) =
        read_one_from_slice(rest).map_err(|error| BundleError::Pem { reason: reason(&error) })?
    {
        items.push(item);
        rest = after;
    }
    Ok(Contents::Pem(items))
}

fn reason(error: &Error) -> &'static str {
    match error {
        Error::MissingSectionEnd { .. } => "a section has no END line",
        Error::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        Error::Base64Decode(_) => "a section is not base64",
    }
}

fn certificate(item: Item) -> Option<CertificateDer<'static>> {
    if let Item::X509Certificate(certificate) = item { Some(certificate) } else { None }
}

fn private_key(item: Item) -> Option<PrivateKeyDer<'static>> {
    match item {
        Item::Pkcs1Key(key) => Some(key.into()),
        Item::Pkcs8Key(key) => Some(key.into()),
        Item::Sec1Key(key) => Some(key.into()),
        _ => None,
    }
}

fn crl(item: Item) -> Option<Vec<u8>> {
    if let Item::Crl(crl) = item { Some(crl.to_vec()) } else { None }
}
