//! One decoded value of the directory attribute altSecurityIdentities, and its comparison with a certificate ([MS-PKCA]
//! 3.1.5.2.1, KB5014754).
//!
//! Names are compared decoded (RFC 5280 7.1), numbers and hashes as bytes: one name has many spellings, and two spellings
//! that look alike may be different names. Whether the CA with the issuer's name may name accounts is decided by its key,
//! elsewhere.

use super::super::identifiers::SerialNumber;
use super::super::name::DistinguishedName;
use super::super::x509::Certificate;
use super::identities::{AltSecurityForm, public_key_sha1};
use super::windows_name::{from_hexadecimal, from_windows_text};

/// One decoded value of altSecurityIdentities for certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AltSecurityName {
    /// `<I>…<SR>…`.
    IssuerSerial(DistinguishedName, SerialNumber),
    /// `<SKI>…`.
    SubjectKeyIdentifier(Vec<u8>),
    /// `<SHA1-PUKEY>…`.
    Sha1PublicKey(Vec<u8>),
    /// `<I>…<SID>…`.
    IssuerSid(DistinguishedName, String),
    /// `<I>…<S>…`.
    IssuerSubject(DistinguishedName, DistinguishedName),
    /// `<S>…`.
    Subject(DistinguishedName),
    /// `<RFC822>…`.
    Rfc822(String),
    /// `<I>…`.
    Issuer(DistinguishedName),
}

impl AltSecurityName {
    /// Parses `X509:…`. Returns `None` if the value is not for certificates (`Kerberos:…`), has a combination of parts
    /// that Microsoft does not document, or cannot be decoded completely: such a value names no certificate.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (scheme, parts) = value.split_at_checked(5)?;
        if !scheme.eq_ignore_ascii_case("X509:") {
            return None;
        }
        let parts = tagged_parts(parts)?;
        let parts: Vec<_> = parts.iter().map(|(tag, text)| (tag.as_str(), *text)).collect();
        Some(match parts.as_slice() {
            [("I", issuer), ("SR", serial)] => {
                Self::IssuerSerial(from_windows_text(issuer)?, serial_number(serial)?)
            }
            [("SKI", identifier)] => Self::SubjectKeyIdentifier(from_hexadecimal(identifier)?),
            [("SHA1-PUKEY", hash)] => Self::Sha1PublicKey(from_hexadecimal(hash)?),
            [("I", issuer), ("SID", sid)] => Self::IssuerSid(from_windows_text(issuer)?, (*sid).to_owned()),
            [("I", issuer), ("S", subject)] => {
                Self::IssuerSubject(from_windows_text(issuer)?, from_windows_text(subject)?)
            }
            [("S", subject)] => Self::Subject(from_windows_text(subject)?),
            [("RFC822", email)] => Self::Rfc822((*email).to_owned()),
            [("I", issuer)] => Self::Issuer(from_windows_text(issuer)?),
            _ => return None,
        })
    }

    /// Returns how it names certificates.
    pub(crate) fn form(&self) -> AltSecurityForm {
        match self {
            Self::IssuerSerial(..) => AltSecurityForm::IssuerSerial,
            Self::SubjectKeyIdentifier(_) => AltSecurityForm::SubjectKeyIdentifier,
            Self::Sha1PublicKey(_) => AltSecurityForm::Sha1PublicKey,
            Self::IssuerSid(..) => AltSecurityForm::IssuerSid,
            Self::IssuerSubject(..) => AltSecurityForm::IssuerSubject,
            Self::Subject(_) => AltSecurityForm::Subject,
            Self::Rfc822(_) => AltSecurityForm::Rfc822,
            Self::Issuer(_) => AltSecurityForm::Issuer,
        }
    }

    /// Returns whether it names `certificate`. A part that the certificate lacks never matches.
    pub(crate) fn means(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerSerial(issuer, serial) => {
                issuer == certificate.issuer() && serial == certificate.serial()
            }
            Self::SubjectKeyIdentifier(identifier) => {
                certificate.subject_key_identifier() == Some(identifier.as_slice())
            }
            Self::Sha1PublicKey(hash) => *hash == public_key_sha1(certificate),
            Self::IssuerSid(issuer, sid) => {
                issuer == certificate.issuer()
                    && certificate.sid().is_some_and(|own| own.eq_ignore_ascii_case(sid))
            }
            Self::IssuerSubject(issuer, subject) => {
                issuer == certificate.issuer() && subject == certificate.subject()
            }
            Self::Subject(subject) => subject == certificate.subject(),
            Self::Rfc822(email) => {
                let own = &certificate.subject_alternative_names().emails;
                own.iter().any(|own| own.eq_ignore_ascii_case(email))
            }
            Self::Issuer(issuer) => issuer == certificate.issuer(),
        }
    }
}

/// Returns the serial number of these digits, whose bytes are in reverse order (KB5014754).
fn serial_number(digits: &str) -> Option<SerialNumber> {
    let mut bytes = from_hexadecimal(digits)?;
    bytes.reverse();
    Some(SerialNumber::from_bytes(&bytes))
}

/// Splits `<I>CN=a<SR>01` into its tags, in upper case, each with the text up to the next tag outside of quotes.
/// `None` if there is text before the first tag, or none after a tag.
fn tagged_parts(mut text: &str) -> Option<Vec<(String, &str)>> {
    let mut parts = Vec::new();
    while !text.is_empty() {
        let (tag, rest) = text.strip_prefix('<')?.split_once('>')?;
        let (part, rest) = rest.split_at_checked(end_of_part(rest))?;
        if part.is_empty() {
            return None;
        }
        parts.push((tag.to_ascii_uppercase(), part));
        text = rest;
    }
    Some(parts)
}

fn end_of_part(text: &str) -> usize {
    let mut quoted = false;
    let mut ends = text.char_indices().filter_map(|(index, letter)| {
        quoted ^= letter == '"';
        (letter == '<' && !quoted).then_some(index)
    });
    ends.next().unwrap_or(text.len())
}
