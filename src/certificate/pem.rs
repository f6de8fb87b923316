//! Reads certificates, private keys and CRLs from the bytes of a file, PEM (RFC 7468) or DER. The only reader of PEM.
//!
//! Nothing in a file is skipped in silence. A section that was not recognised would leave the others to decide alone: a
//! revoked certificate passes by an older CRL, a partner's CA becomes the one that may name accounts. So a file is read
//! whole, as OpenSSL would read it, or refused with the line that cannot be read. Text between sections may be anything
//! that cannot be a damaged section.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use base64ct::{Base64, Encoding};
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use rustls_pemfile::Item;
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use zeroize::Zeroizing;

use super::{Certificate, MalformedCertificate, layout};

/// Why a file does not yield what it was read for.
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
    /// The only private key is encrypted.
    #[error("the private key is encrypted: remove the passphrase with openssl pkey -in FILE -out FILE")]
    EncryptedKey,
    /// The text is in UTF-16, as PowerShell's `>` writes it.
    #[error("the file is in UTF-16: save it as UTF-8")]
    Utf16,
    /// One DER element, and something after it that would not be read.
    #[error("{count} bytes follow the end of the DER")]
    BytesAfterDer {
        /// How many.
        count: usize,
    },
    /// DER whose end is missing.
    #[error("the DER breaks off")]
    DerBreaksOff,
    /// A container of another kind (RFC 7292, RFC 2315).
    #[error("the file is {kind}: convert it with {command}")]
    Container {
        /// Its kind.
        kind: &'static str,
        /// What makes PEM of it.
        command: &'static str,
    },
    /// A line of the PEM cannot be read.
    #[error("line {line}: {fault}")]
    Pem {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: PemError,
    },
    /// Sections of the file would not be read.
    #[error("the file has {boundaries} BEGIN boundaries, of which {sections} could be read")]
    SectionsLost {
        /// How often the text has a BEGIN between hyphens.
        boundaries: usize,
        /// How many sections were read.
        sections: usize,
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

/// What is wrong with a line of PEM. Never quotes the content of a section: it may be a private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PemError {
    /// A line that is nearly a BEGIN or END boundary, or has five hyphens and is neither.
    Boundary,
    /// An END boundary without a BEGIN, or with another label than its BEGIN.
    UnexpectedEnd,
    /// The section that begins here has no END.
    NoEnd,
    /// A BEGIN boundary before the END of the section above it.
    NoEndBefore,
    /// Something else than another section follows an END boundary in its line.
    TextAfterEnd,
    /// A label that is not read here.
    UnknownLabel {
        /// The label as written.
        label: String,
    },
    /// A header inside a section (RFC 1421 4.6), which OpenSSL reads for encrypted keys only.
    Header,
    /// The content of a section is not base64.
    Base64,
    /// The content of the section that begins here is not exactly one DER SEQUENCE.
    NotOneElement,
    /// The section that begins here holds something else than its label says.
    Mislabelled,
    /// OpenSSL's trust settings (`openssl x509 -addtrust`), which would restrict what the certificate is trusted for.
    TrustSettings,
    /// A line outside of the sections that looks like the content of one.
    StrayContent,
    /// Bytes outside of the sections that are no text.
    Binary,
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boundary => {
                "a damaged PEM boundary: five hyphens, BEGIN or END, the label and five hyphens stand alone in their line"
            }
            Self::UnexpectedEnd => "an END boundary that does not match the BEGIN boundary before it",
            Self::NoEnd => "the section that begins here has no END boundary",
            Self::NoEndBefore => "a BEGIN boundary before the END boundary of the section above it",
            Self::TextAfterEnd => "text follows the END boundary in its line",
            Self::UnknownLabel { label } => return unknown_label(label, f),
            Self::Header => "headers inside a PEM section are not read: convert it with openssl",
            Self::Base64 => "the content of a PEM section is not base64",
            Self::NotOneElement => "the section that begins here does not hold exactly one DER element",
            Self::Mislabelled => "the section that begins here does not hold what its label says",
            Self::TrustSettings => {
                "the certificate has OpenSSL trust settings, which are not read: remove them with openssl x509 -in FILE -out FILE"
            }
            Self::StrayContent => "base64 outside of any PEM section: the BEGIN boundary is missing",
            Self::Binary => "bytes outside of the PEM sections that are no text",
        })
    }
}

fn unknown_label(label: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "sections labelled {label:?} are not read: ")?;
    let upper = label.trim().to_ascii_uppercase();
    match upper.as_str() {
        "CRL" | "X509CRL" | "X.509 CRL" => f.write_str("a CRL is labelled \"X509 CRL\""),
        "PKCS7" | "CMS" => f.write_str("convert it with openssl pkcs7 -print_certs"),
        known if Kind::of(known.as_bytes()).is_some() => write!(f, "the label is {known:?}"),
        _ => f.write_str("remove the section"),
    }
}

/// The certificates of a file, in its order: PEM with one or more, or one in DER.
pub fn read_bundle(bytes: &[u8]) -> Result<Vec<Certificate>, BundleError> {
    let read = |(index, der): (usize, CertificateDer<'static>)| {
        Certificate::from_der(&der).map_err(|cause| BundleError::Certificate { number: index + 1, cause })
    };
    certificate_ders(bytes)?.into_iter().enumerate().map(read).collect()
}

/// The certificates of a file, in its order, not decoded. Keys, CRLs and parameters beside them are left alone. Never
/// an empty list.
pub fn certificate_ders(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    let sections = match contents(bytes)? {
        Contents::Der(der) => return Ok(vec![der.to_vec().into()]),
        Contents::Pem(sections) => sections,
    };
    let mut found = Vec::new();
    for section in &sections {
        match section.kind {
            Kind::Certificate => found.push(section.element()?.into()),
            Kind::TrustedCertificate => found.push(section.trusted_certificate()?.into()),
            _ => section.check_label()?,
        }
    }
    if found.is_empty() { Err(BundleError::Missing { wanted: "certificate" }) } else { Ok(found) }
}

/// The one private key of a file: PKCS#8, PKCS#1 or SEC1. Encrypted keys are not read. No copy of the key is left in
/// memory beside what is returned, which is zeroed when it is dropped.
pub fn private_key_der(bytes: &[u8]) -> Result<Zeroizing<PrivateKeyDer<'static>>, BundleError> {
    let missing = BundleError::Missing { wanted: "private key (PKCS#8, PKCS#1 or SEC1, not encrypted)" };
    let sections = match contents(bytes)? {
        Contents::Der(der) => {
            let key = PrivateKeyDer::try_from(der).map_err(|_| missing)?;
            return Ok(Zeroizing::new(key.clone_key()));
        }
        Contents::Pem(sections) => sections,
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

/// The CRLs of a file, in its order, not decoded. Certificates and keys beside them are left alone. Never an empty list.
/// Bytes that are given away are not copied where they are DER: a CRL may be as large as all else in memory.
pub fn crl_ders<'a>(bytes: impl Into<Cow<'a, [u8]>>) -> Result<Vec<Vec<u8>>, BundleError> {
    let bytes = bytes.into();
    let sections = match contents(&bytes)? {
        Contents::Der(der) => {
            let length = der.len();
            let mut der = bytes.into_owned();
            der.truncate(length);
            return Ok(vec![der]);
        }
        Contents::Pem(sections) => sections,
    };
    let mut found = Vec::new();
    for section in &sections {
        match section.kind {
            Kind::Crl => found.push(section.element()?),
            _ => section.check_label()?,
        }
    }
    if found.is_empty() { Err(BundleError::Missing { wanted: "CRL" }) } else { Ok(found) }
}

enum Contents<'a> {
    /// One element, without the line end that may follow it.
    Der(&'a [u8]),
    Pem(Vec<Section<'a>>),
}

fn contents(bytes: &[u8]) -> Result<Contents<'_>, BundleError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(BundleError::Empty);
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(BundleError::Utf16);
    }
    match element(bytes)? {
        Some(der) => refuse_container(der).map(|()| Contents::Der(der)),
        None => sections(bytes).map(Contents::Pem),
    }
}

/// The one SEQUENCE in DER that the bytes are, up to line ends after it, which editors and web servers add. `None`
/// where they may be PEM.
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
    } else if is_binary(bytes) {
        return Err(BundleError::DerBreaksOff);
    }
    Ok(None)
}

/// Whether the bytes begin with a SEQUENCE of more than 127 bytes, as no text does: its length begins with a byte that
/// cannot follow the digit `0` in UTF-8.
fn is_binary(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0x84, ..])
}

/// Names the files that Windows exports instead of certificates and keys.
fn refuse_container(der: &[u8]) -> Result<(), BundleError> {
    /// The beginning of the identifiers of PKCS#7 content types, with tag and length.
    const PKCS7: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07];
    let Ok(parts) = layout::elements(der) else { return Ok(()) };
    let begins_with_type = |part: &[u8]| part.starts_with(PKCS7);
    match parts.as_slice() {
        [[0x02, 0x01, 0x03], inner, ..]
            if layout::elements(inner)
                .is_ok_and(|inner| inner.first().is_some_and(|it| begins_with_type(it))) =>
        {
            Err(BundleError::Container { kind: "PKCS #12", command: "openssl pkcs12 -in FILE -nodes" })
        }
        [first, ..] if begins_with_type(first) => Err(BundleError::Container {
            kind: "PKCS #7",
            command: "openssl pkcs7 -inform DER -in FILE -print_certs",
        }),
        _ => Ok(()),
    }
}

/// What a label says about the content of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Certificate,
    TrustedCertificate,
    Crl,
    Pkcs8,
    Pkcs1,
    Sec1,
    EncryptedKey,
    Request,
    /// What stands beside certificates and keys, and is neither certificate, CRL nor private key.
    Other,
}

impl Kind {
    /// `None` for a label whose content might have been meant to be read. Labels are compared exactly, as OpenSSL does.
    fn of(label: &[u8]) -> Option<Self> {
        Some(match label {
            b"CERTIFICATE" | b"X509 CERTIFICATE" => Self::Certificate,
            b"TRUSTED CERTIFICATE" => Self::TrustedCertificate,
            b"X509 CRL" => Self::Crl,
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

    fn is_private_key(self) -> bool {
        matches!(self, Self::Pkcs8 | Self::Pkcs1 | Self::Sec1 | Self::EncryptedKey)
    }
}

/// One section of a PEM file, its content not decoded.
struct Section<'a> {
    kind: Kind,
    /// The line of its BEGIN boundary.
    line: usize,
    body: &'a [u8],
}

impl Section<'_> {
    fn fault(&self, fault: PemError) -> BundleError {
        BundleError::Pem { line: self.line, fault }
    }

    /// Refuses a section that is not read for what its label says, and may hold what would have been read: a certificate
    /// under the label of a public key, a CRL under that of a certificate.
    fn check_label(&self) -> Result<(), BundleError> {
        let is_certificate = |der: &[u8]| Certificate::from_der(der).is_ok();
        let matches = match self.kind {
            Kind::Certificate => is_certificate(&self.element()?),
            Kind::TrustedCertificate => is_certificate(&self.trusted_certificate()?),
            Kind::Crl => !is_certificate(&self.element()?),
            // What stands under the headers of RFC 1421 is encrypted, and no DER.
            Kind::EncryptedKey => !self.decode_key().is_ok_and(|der| is_signed(&der)),
            Kind::Request => is_request(&self.decode_key()?),
            Kind::Pkcs8 | Kind::Pkcs1 | Kind::Sec1 | Kind::Other => !is_signed(&self.decode_key()?),
        };
        if matches { Ok(()) } else { Err(self.fault(PemError::Mislabelled)) }
    }

    /// The content of a certificate or a CRL.
    fn decode(&self) -> Result<Vec<u8>, BundleError> {
        // The label that the crate knows: it would pass over the others.
        let (begin, end): (&[u8], &[u8]) = match self.kind {
            Kind::Crl => (b"-----BEGIN X509 CRL-----\n", b"\n-----END X509 CRL-----\n"),
            _ => (b"-----BEGIN CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----\n"),
        };
        let text = [begin, self.body, end].concat();
        match rustls_pemfile::read_one_from_slice(&text) {
            Ok(Some((Item::X509Certificate(der), _))) => Ok(der.to_vec()),
            Ok(Some((Item::Crl(der), _))) => Ok(der.to_vec()),
            Ok(_) | Err(_) => Err(self.fault(PemError::Base64)),
        }
    }

    /// The content of a private key, in a buffer that is large enough from the start: the crate would leave the text of
    /// the key behind in memory that it outgrew or freed.
    fn decode_key(&self) -> Result<Zeroizing<Vec<u8>>, BundleError> {
        let mut buffer = Zeroizing::new(Vec::with_capacity(self.body.len()));
        buffer.extend(self.body.iter().filter(|byte| !byte.is_ascii_whitespace()));
        let length = Base64::decode_in_place(&mut buffer).map_err(|_| self.fault(PemError::Base64))?.len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// The content, which must be one SEQUENCE: OpenSSL would read the first of two and skip the other.
    fn element(&self) -> Result<Vec<u8>, BundleError> {
        let der = self.decode()?;
        if layout::contents(&der).is_err() {
            return Err(self.fault(PemError::NotOneElement));
        }
        Ok(der)
    }

    /// The certificate of OpenSSL's own format: the certificate and an X509_CERT_AUX, of which the name and the key
    /// identifier change nothing and the rest decides what the certificate is trusted for.
    fn trusted_certificate(&self) -> Result<Vec<u8>, BundleError> {
        let mut der = self.decode()?;
        let parts = SliceReader::new(&der).and_then(|mut reader| layout::parts(&mut reader));
        let certificate = match parts.as_deref() {
            Ok([certificate]) => certificate.len(),
            Ok([certificate, settings]) => {
                if layout::elements(settings)
                    .is_ok_and(|settings| settings.iter().all(|it| is_description(it)))
                {
                    certificate.len()
                } else {
                    return Err(self.fault(PemError::TrustSettings));
                }
            }
            _ => return Err(self.fault(PemError::NotOneElement)),
        };
        der.truncate(certificate);
        Ok(der)
    }

    fn private_key(&self) -> Result<Zeroizing<PrivateKeyDer<'static>>, BundleError> {
        if self.kind == Kind::EncryptedKey {
            return Err(BundleError::EncryptedKey);
        }
        let mut der = self.decode_key()?;
        if layout::contents(&der).is_err() {
            return Err(self.fault(PemError::NotOneElement));
        }
        let der = std::mem::take(&mut *der);
        Ok(Zeroizing::new(match self.kind {
            Kind::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
            Kind::Sec1 => PrivateSec1KeyDer::from(der).into(),
            _ => PrivatePkcs8KeyDer::from(der).into(),
        }))
    }
}

/// Whether this is a SEQUENCE of a SEQUENCE, an algorithm and a signature, as certificates, CRLs and certificate requests
/// are (RFC 5280 4.1, 5.1, RFC 2986 4.2), and neither keys nor parameters.
fn is_signed(der: &[u8]) -> bool {
    let tags =
        |parts: Vec<&[u8]>| -> Vec<u8> { parts.iter().filter_map(|part| part.first().copied()).collect() };
    layout::elements(der).is_ok_and(|parts| tags(parts).starts_with(&[0x30, 0x30, 0x03]))
}

/// Whether this is a certificate request: it has its key where a certificate and a CRL have something else.
fn is_request(der: &[u8]) -> bool {
    let Ok(parts) = layout::elements(der) else { return false };
    let body = parts.first().and_then(|body| layout::elements(body).ok()).unwrap_or_default();
    // Version 0, subject, key.
    let [[0x02, 0x01, 0x00], _, key, ..] = body.as_slice() else { return false };
    layout::elements(key).is_ok_and(|key| matches!(key.as_slice(), [[0x30, ..], [0x03, ..]]))
}

/// The alias and the keyid of an X509_CERT_AUX.
fn is_description(part: &[u8]) -> bool {
    matches!(AnyRef::from_der(part).map(|part| part.tag()), Ok(Tag::Utf8String | Tag::OctetString))
}

/// A section whose END was not reached yet.
struct Open<'a> {
    kind: Kind,
    label: &'a [u8],
    line: usize,
    body: usize,
    /// Whether headers may still follow, and whether one said that the content is encrypted.
    in_headers: bool,
    is_encrypted: bool,
}

/// All sections of a text, or the first line that cannot be read.
fn sections(text: &[u8]) -> Result<Vec<Section<'_>>, BundleError> {
    // What MS-DOS writes at the end of a text.
    let text = text.strip_suffix(b"\x1a").unwrap_or(text);
    let mut found = Vec::new();
    let mut open: Option<Open<'_>> = None;
    for Line { number, place } in Lines::of(text) {
        let fault = |fault| BundleError::Pem { line: number, fault };
        let line = text.get(place.clone()).unwrap_or_default().trim_ascii();
        let mut rest = line;
        if let Some(section) = &mut open {
            let Some(after) = end_of(line, section.label) else {
                section.read_line(line).map_err(fault)?;
                continue;
            };
            let kind = if section.is_encrypted { Kind::EncryptedKey } else { section.kind };
            let body = text.get(section.body..place.start).unwrap_or_default();
            found.push(Section { kind, line: section.line, body });
            open = None;
            rest = after.trim_ascii();
            // `cat` of two files of which the first does not end its last line.
            if !rest.is_empty() && label_of(without_mark(rest)).is_none() {
                return Err(fault(PemError::TextAfterEnd));
            }
        }
        let rest = without_mark(rest);
        match label_of(rest) {
            Some(label) => open = Some(Open::new(label, number, place.end).map_err(fault)?),
            None => refuse_stray(rest).map_err(fault)?,
        }
    }
    if let Some(section) = open {
        return Err(BundleError::Pem { line: section.line, fault: PemError::NoEnd });
    }
    // The same question asked another way, so that a mistake above refuses the file instead of losing a section.
    let boundaries = begins(text);
    if boundaries != found.len() {
        return Err(BundleError::SectionsLost { boundaries, sections: found.len() });
    }
    Ok(found)
}

impl<'a> Open<'a> {
    fn new(label: &'a [u8], line: usize, body: usize) -> Result<Self, PemError> {
        let Some(kind) = Kind::of(label) else {
            let label = String::from_utf8_lossy(label).chars().take(LONGEST_LABEL).collect();
            return Err(PemError::UnknownLabel { label });
        };
        Ok(Self { kind, label, line, body, in_headers: true, is_encrypted: false })
    }

    /// One line between the boundaries.
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

/// The longest part of a label that is quoted.
const LONGEST_LABEL: usize = 64;

/// The label of a BEGIN boundary that stands alone in its line.
fn label_of(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"-----BEGIN ")?.strip_suffix(b"-----").filter(|label| !has_hyphens(label))
}

/// Whether a line is, or begins with, the BEGIN or END boundary of any label.
fn is_boundary(line: &[u8], word: &[u8]) -> bool {
    line.strip_prefix(b"-----").and_then(|rest| rest.strip_prefix(word)).is_some_and(has_hyphens)
}

/// What follows the END boundary of this label.
fn end_of<'a>(line: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(b"-----END ")?.strip_prefix(label)?.strip_prefix(b"-----")
}

/// A line without the byte order mark that some editors begin a file with, and `cat` leaves inside.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line)
}

fn has_hyphens(line: &[u8]) -> bool {
    line.windows(5).any(|window| window == b"-----")
}

fn is_base64_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// Refuses a line outside of the sections that may be a part of one.
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

/// Whether a line says BEGIN or END and a label, whatever its letter case, its spaces, and what a word processor made
/// of its hyphens.
fn is_nearly_boundary(line: &[u8]) -> bool {
    const LABELS: [&str; 9] =
        ["certificate", "x509", "x.509", "crl", "trusted", "private", "encrypted", "rsaprivate", "ecprivate"];
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

/// Lower case, and one hyphen for every kind of dash (Unicode's Dash_Punctuation, and the minus sign).
fn fold(letter: char) -> char {
    match letter {
        '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        letter => letter.to_ascii_lowercase(),
    }
}

/// How often BEGIN follows five hyphens, in any letter case.
fn begins(text: &[u8]) -> usize {
    const BEGIN: &[u8] = b"-----BEGIN";
    // Base64 has no hyphen, so that nearly every place is left at once.
    let hyphens = text.iter().enumerate().filter(|(_, byte)| **byte == b'-');
    let places = hyphens.filter_map(|(at, _)| text.get(at..at + BEGIN.len()));
    places.filter(|place| place.eq_ignore_ascii_case(BEGIN)).count()
}

/// The lines of a text, ended by CR, LF or both.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    number: usize,
}

struct Line {
    /// Counted from 1.
    number: usize,
    place: Range<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0, number: 0 }
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        let ending = match rest.get(length..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([_, ..]) => 1,
            Some([]) | None => 0,
        };
        let place = self.at..self.at + length;
        self.at += length + ending;
        self.number += 1;
        Some(Line { number: self.number, place })
    }
}
