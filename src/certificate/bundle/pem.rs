//! The sections of a PEM file (RFC 7468). This is the only reader of PEM in the gateway.

use std::ops::Range;

use base64ct::{Base64, Encoding};
use der::asn1::AnyRef;
use der::{Decode, SliceReader, Tag, Tagged};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use zeroize::Zeroizing;

use super::super::layout;
use super::super::x509::Certificate;
use super::error::{BundleError, PemError, Pkcs7Error};
use super::pkcs7::Pkcs7Bundle;

/// The kind of content that a label names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PemSectionKind {
    Certificate,
    TrustedCertificate,
    Crl,
    Pkcs7,
    Pkcs8,
    Pkcs1,
    Sec1,
    EncryptedKey,
    Request,
    /// A public key or parameters, which OpenSSL writes beside certificates and keys.
    Other,
}

impl PemSectionKind {
    /// Returns the kind of a label, or `None` if its content might have been meant to be read. Labels are compared
    /// exactly, as by OpenSSL. OpenSSL accepts three labels for PKCS #7 (RFC 7468 8 and 9 have the first two).
    fn of(label: &[u8]) -> Option<Self> {
        Some(match label {
            b"CERTIFICATE" | b"X509 CERTIFICATE" => Self::Certificate,
            b"TRUSTED CERTIFICATE" => Self::TrustedCertificate,
            b"X509 CRL" => Self::Crl,
            b"PKCS7" | b"CMS" | b"PKCS #7 SIGNED DATA" => Self::Pkcs7,
            b"PRIVATE KEY" => Self::Pkcs8,
            b"RSA PRIVATE KEY" => Self::Pkcs1,
            b"EC PRIVATE KEY" => Self::Sec1,
            b"ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            b"CERTIFICATE REQUEST" | b"NEW CERTIFICATE REQUEST" => Self::Request,
            b"PUBLIC KEY"
            | b"RSA PUBLIC KEY"
            | b"EC PARAMETERS"
            | b"DH PARAMETERS"
            | b"X9.42 DH PARAMETERS" => Self::Other,
            _ => return None,
        })
    }

    pub(super) fn is_private_key(self) -> bool {
        matches!(self, Self::Pkcs8 | Self::Pkcs1 | Self::Sec1 | Self::EncryptedKey)
    }
}

/// One section of a PEM file, its content not decoded.
pub(super) struct PemSection<'a> {
    pub(super) kind: PemSectionKind,
    /// The line of its BEGIN boundary.
    line: usize,
    body: &'a [u8],
}

impl PemSection<'_> {
    fn error(&self, error: PemError) -> BundleError {
        BundleError::Pem { line: self.line, error }
    }

    /// Reports an error of the section's PKCS #7 bundle with the section's line.
    pub(super) fn check<T>(&self, result: Result<T, Pkcs7Error>) -> Result<T, BundleError> {
        result.map_err(|error| self.error(PemError::Pkcs7(error)))
    }

    /// Rejects a section that the caller ignores if its label may hide content that the caller would read: a
    /// certificate under the label of a public key, a CRL under the label of a certificate.
    pub(super) fn check_label(&self) -> Result<(), BundleError> {
        let is_certificate = |der: &[u8]| Certificate::from_der(der).is_ok();
        let matches = match self.kind {
            PemSectionKind::Certificate | PemSectionKind::Pkcs7 => {
                let der = self.element()?;
                match self.pkcs7(&der)? {
                    Some(bundle) => self.check(bundle.check())?,
                    None if !is_certificate(&der) => return Err(self.error(PemError::Mislabelled)),
                    None => {}
                }
                true
            }
            PemSectionKind::TrustedCertificate => is_certificate(&self.trusted_certificate()?),
            PemSectionKind::Crl => !is_certificate(&self.element()?),
            // The content under the headers of RFC 1421 is encrypted, so it is not DER.
            PemSectionKind::EncryptedKey => !self.decode().is_ok_and(|der| is_signed(&der)),
            PemSectionKind::Request => is_request(&self.decode()?),
            PemSectionKind::Pkcs8 | PemSectionKind::Pkcs1 | PemSectionKind::Sec1 | PemSectionKind::Other => {
                !is_signed(&self.decode()?)
            }
        };
        if matches { Ok(()) } else { Err(self.error(PemError::Mislabelled)) }
    }

    /// Returns the decoded content. It may be a private key: the buffer is large enough from the start and zeroed
    /// when it is dropped, so that no part of the key is left in memory that was outgrown or freed.
    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, BundleError> {
        let mut buffer = Zeroizing::new(Vec::with_capacity(self.body.len()));
        buffer.extend(self.body.iter().filter(|byte| !byte.is_ascii_whitespace()));
        let length = Base64::decode_in_place(&mut buffer).map_err(|_| self.error(PemError::Base64))?.len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// Returns the content as a PKCS #7 bundle. AD CS and `certutil -encode` also write bundles under the label of a
    /// certificate, and OpenSSL reads them there.
    pub(super) fn pkcs7<'d>(&self, der: &'d [u8]) -> Result<Option<Pkcs7Bundle<'d>>, BundleError> {
        match (self.check(Pkcs7Bundle::read(der))?, self.kind) {
            (None, PemSectionKind::Pkcs7) => Err(self.error(PemError::Mislabelled)),
            (bundle, _) => Ok(bundle),
        }
    }

    /// Returns the content, which must be one SEQUENCE: OpenSSL would read the first of two and skip the other.
    pub(super) fn element(&self) -> Result<Vec<u8>, BundleError> {
        let der = std::mem::take(&mut *self.decode()?);
        if layout::contents(&der).is_err() {
            return Err(self.error(PemError::NotOneElement));
        }
        Ok(der)
    }

    /// Returns the certificate of OpenSSL's own format: the certificate and an X509_CERT_AUX. Of the latter the name
    /// and the key identifier have no effect; the rest restricts the purposes for which the certificate is trusted.
    pub(super) fn trusted_certificate(&self) -> Result<Vec<u8>, BundleError> {
        let mut der = std::mem::take(&mut *self.decode()?);
        let parts = SliceReader::new(&der).and_then(|mut reader| layout::parts(&mut reader));
        let certificate = match parts.as_deref() {
            Ok([certificate]) => certificate.len(),
            Ok([certificate, settings]) => {
                if layout::elements(settings)
                    .is_ok_and(|settings| settings.iter().all(|it| is_description(it)))
                {
                    certificate.len()
                } else {
                    return Err(self.error(PemError::TrustSettings));
                }
            }
            _ => return Err(self.error(PemError::NotOneElement)),
        };
        der.truncate(certificate);
        Ok(der)
    }

    pub(super) fn private_key(&self) -> Result<Zeroizing<PrivateKeyDer<'static>>, BundleError> {
        if self.kind == PemSectionKind::EncryptedKey {
            return Err(BundleError::EncryptedKey);
        }
        let mut der = self.decode()?;
        if layout::contents(&der).is_err() {
            return Err(self.error(PemError::NotOneElement));
        }
        let der = std::mem::take(&mut *der);
        Ok(Zeroizing::new(match self.kind {
            PemSectionKind::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
            PemSectionKind::Sec1 => PrivateSec1KeyDer::from(der).into(),
            _ => PrivatePkcs8KeyDer::from(der).into(),
        }))
    }
}

/// Returns whether this is a SEQUENCE of a SEQUENCE, an algorithm and a signature, as certificates, CRLs and
/// certificate requests are (RFC 5280 4.1, 5.1, RFC 2986 4.2), and neither keys nor parameters.
fn is_signed(der: &[u8]) -> bool {
    let tags =
        |parts: Vec<&[u8]>| -> Vec<u8> { parts.iter().filter_map(|part| part.first().copied()).collect() };
    layout::elements(der).is_ok_and(|parts| tags(parts).starts_with(&[0x30, 0x30, 0x03]))
}

/// Returns whether this is a certificate request: its third field is the key, unlike in a certificate or a CRL.
fn is_request(der: &[u8]) -> bool {
    let Ok(parts) = layout::elements(der) else { return false };
    let body = parts.first().and_then(|body| layout::elements(body).ok()).unwrap_or_default();
    // Version 0, subject, key.
    let [[0x02, 0x01, 0x00], _, key, ..] = body.as_slice() else { return false };
    layout::elements(key).is_ok_and(|key| matches!(key.as_slice(), [[0x30, ..], [0x03, ..]]))
}

/// Returns whether this is the alias or the keyid of an X509_CERT_AUX.
fn is_description(part: &[u8]) -> bool {
    matches!(AnyRef::from_der(part).map(|part| part.tag()), Ok(Tag::Utf8String | Tag::OctetString))
}

/// A section whose END boundary was not reached yet.
struct OpenSection<'a> {
    kind: PemSectionKind,
    label: &'a [u8],
    line: usize,
    body: usize,
    /// Whether headers may still follow, and whether one declared the content encrypted.
    in_headers: bool,
    is_encrypted: bool,
}

/// Returns all sections of a text.
///
/// # Errors
/// The first line that cannot be read.
pub(super) fn sections(text: &[u8]) -> Result<Vec<PemSection<'_>>, BundleError> {
    // MS-DOS ends a text with this byte.
    let text = text.strip_suffix(b"\x1a").unwrap_or(text);
    let mut found = Vec::new();
    let mut open: Option<OpenSection<'_>> = None;
    for PemLine { number, range } in PemLines::of(text) {
        let error = |error| BundleError::Pem { line: number, error };
        let line = text.get(range.clone()).unwrap_or_default().trim_ascii();
        let mut rest = line;
        if let Some(section) = &mut open {
            let Some(after) = end_of(line, section.label) else {
                section.read_line(line).map_err(error)?;
                continue;
            };
            let kind = if section.is_encrypted { PemSectionKind::EncryptedKey } else { section.kind };
            let body = text.get(section.body..range.start).unwrap_or_default();
            found.push(PemSection { kind, line: section.line, body });
            open = None;
            rest = after.trim_ascii();
            // If files are joined and the first has no line end after its last line, the next section follows in the
            // same line.
            if !rest.is_empty() && label_of(without_mark(rest)).is_none() {
                return Err(error(PemError::TextAfterEnd));
            }
        }
        let rest = without_mark(rest);
        match label_of(rest) {
            Some(label) => open = Some(OpenSection::new(label, number, range.end).map_err(error)?),
            None => refuse_stray(rest).map_err(error)?,
        }
    }
    if let Some(section) = open {
        return Err(BundleError::Pem { line: section.line, error: PemError::NoEnd });
    }
    // A second, independent count, so that a bug above rejects the file instead of losing a section.
    let boundaries = begins(text);
    if boundaries != found.len() {
        return Err(BundleError::SectionsLost { boundaries, sections: found.len() });
    }
    Ok(found)
}

impl<'a> OpenSection<'a> {
    fn new(label: &'a [u8], line: usize, body: usize) -> Result<Self, PemError> {
        let Some(kind) = PemSectionKind::of(label) else {
            let label: String = String::from_utf8_lossy(label).chars().take(LONGEST_LABEL).collect();
            return Err(PemError::UnknownLabel { fix: fix_of_label(&label), label });
        };
        Ok(Self { kind, label, line, body, in_headers: true, is_encrypted: false })
    }

    /// Reads one line between the boundaries.
    fn read_line(&mut self, line: &[u8]) -> Result<(), PemError> {
        if line.contains(&b':') {
            self.is_encrypted |= line.starts_with(b"Proc-Type: 4,ENCRYPTED");
            let is_header = self.kind.is_private_key() && self.in_headers && self.is_encrypted;
            return if is_header { Ok(()) } else { Err(PemError::Header) };
        }
        self.in_headers = false;
        if line.contains(&b'-') {
            return Err(if is_boundary(line, b"END ") {
                PemError::UnexpectedEnd
            } else if is_boundary(line, b"BEGIN ") {
                PemError::NoEndBefore
            } else {
                PemError::Boundary
            });
        }
        let is_base64 = |byte: &u8| is_base64_digit(*byte) || *byte == b'=' || byte.is_ascii_whitespace();
        if line.iter().all(is_base64) { Ok(()) } else { Err(PemError::Base64) }
    }
}

/// Returns how a section under a label that is not read can be made readable.
fn fix_of_label(label: &str) -> String {
    let upper = label.trim().to_ascii_uppercase();
    match upper.as_str() {
        "CRL" | "X509CRL" | "X.509 CRL" => "the label of a CRL is \"X509 CRL\"".to_owned(),
        "PKCS12" | "PFX" => "convert the file with openssl pkcs12 -in FILE -nodes -out NEW".to_owned(),
        "OPENSSH PRIVATE KEY" => "convert the key with ssh-keygen -p -m PKCS8 -f FILE".to_owned(),
        known if PemSectionKind::of(known.as_bytes()).is_some() => format!("the label is {known:?}"),
        _ => "remove the section".to_owned(),
    }
}

/// The maximum length of a quoted label.
const LONGEST_LABEL: usize = 64;

/// Returns the label of a BEGIN boundary that is alone in its line.
fn label_of(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----").filter(|label| !has_hyphens(label))
}

/// Returns whether a line is, or begins with, the BEGIN or END boundary of any label.
fn is_boundary(line: &[u8], word: &[u8]) -> bool {
    line.strip_prefix(b"-----").and_then(|rest| rest.strip_prefix(word)).is_some_and(has_hyphens)
}

/// Returns the rest of a line after the END boundary of this label.
fn end_of<'a>(line: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(b"-----END ")?.strip_prefix(label)?.strip_prefix(b"-----")
}

/// Returns a line without the byte order mark that some editors write at the start of a file, and that joining files
/// leaves between sections.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)
}

fn has_hyphens(line: &[u8]) -> bool {
    line.windows(5).any(|window| window == b"-----")
}

fn is_base64_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Rejects a line outside of the sections that may be part of a damaged section.
fn refuse_stray(line: &[u8]) -> Result<(), PemError> {
    if is_boundary(line, b"END ") {
        return Err(PemError::UnexpectedEnd);
    }
    if has_hyphens(line) || is_nearly_boundary(line) {
        return Err(PemError::Boundary);
    }
    // The base64 of a SEQUENCE of more than 127 bytes begins with MI.
    if line.starts_with(b"MI") && line.len() >= 40 && line.iter().all(|byte| is_base64_digit(*byte)) {
        return Err(PemError::StrayContent);
    }
    if line.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace() && *byte != 0x0b) {
        return Err(PemError::Binary);
    }
    Ok(())
}

/// Returns whether a line has BEGIN or END and a label, in any letter case, with any spaces, and with any dashes that
/// a word processor writes for hyphens.
fn is_nearly_boundary(line: &[u8]) -> bool {
    const LABELS: [&str; 11] = [
        "certificate",
        "x509",
        "x.509",
        "crl",
        "trusted",
        "private",
        "encrypted",
        "rsaprivate",
        "ecprivate",
        "pkcs",
        "cms-",
    ];
    if line.is_ascii() && !line.contains(&b'-') {
        return false;
    }
    let letters = String::from_utf8_lossy(line);
    let folded: String = letters.chars().filter(|letter| !letter.is_whitespace()).map(fold).collect();
    ["--begin", "--end"].iter().any(|word| {
        let after = folded.split(word).skip(1);
        after.into_iter().any(|after| LABELS.iter().any(|label| after.starts_with(label)))
    })
}

/// Returns the letter in lower case, and a hyphen for every kind of dash (Unicode's Dash_Punctuation, and the minus
/// sign).
fn fold(letter: char) -> char {
    match letter {
        '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        letter => letter.to_ascii_lowercase(),
    }
}

/// Returns the number of BEGIN after five hyphens, in any letter case.
fn begins(text: &[u8]) -> usize {
    const BEGIN: &[u8] = b"-----BEGIN";
    // Base64 has no hyphens, so nearly every position is skipped at once.
    let hyphens = text.iter().enumerate().filter(|(_, byte)| **byte == b'-');
    let candidates = hyphens.filter_map(|(at, _)| text.get(at..at + BEGIN.len()));
    candidates.filter(|candidate| candidate.eq_ignore_ascii_case(BEGIN)).count()
}

/// The lines of a text, terminated by CR, LF or both.
struct PemLines<'a> {
    text: &'a [u8],
    at: usize,
    number: usize,
}

struct PemLine {
    /// Counted from 1.
    number: usize,
    range: Range<usize>,
}

impl<'a> PemLines<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0, number: 0 }
    }
}

impl Iterator for PemLines<'_> {
    type Item = PemLine;

    fn next(&mut self) -> Option<PemLine> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let ending = match rest.get(length..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([_, ..]) => 1,
            Some([]) | None => 0,
        };
        let range = self.at..self.at + length;
        self.at += length + ending;
        self.number += 1;
        Some(PemLine { number: self.number, range })
    }
}
