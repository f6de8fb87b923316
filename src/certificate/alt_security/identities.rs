//! The values of the directory attribute altSecurityIdentities that name a certificate ([MS-PKCA] 3.1.5.2.1, KB5014754),
//! for administrators to copy.

use super::super::key::PublicKey;
use super::super::x509::Certificate;
use super::windows_name::windows_text;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// How a value names a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AltSecurityForm {
    /// `<I>…<SR>…`: the issuer and the serial number.
    IssuerSerial,
    /// `<SKI>…`: the subject key identifier.
    SubjectKeyIdentifier,
    /// `<SHA1-PUKEY>…`: the SHA-1 of the public key.
    Sha1PublicKey,
    /// `<I>…<SID>…`: issuer and the account's security identifier (Windows Server 2022 and later, KB5060525).
    IssuerSid,
    /// `<I>…<S>…`: issuer and subject.
    IssuerSubject,
    /// `<S>…`: the subject.
    Subject,
    /// `<RFC822>…`: an e-mail address.
    Rfc822,
    /// `<I>…`: the issuer only, for all certificates that it issues ([MS-RCMP]).
    Issuer,
}

/// One whole value: `X509:<I>…<SR>…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AltSecurityIdentity {
    /// How it names the certificate.
    pub form: AltSecurityForm,
    /// The value.
    pub value: String,
}

impl AltSecurityForm {
    /// All forms.
    pub const ALL: [Self; 8] = [
        Self::IssuerSerial,
        Self::SubjectKeyIdentifier,
        Self::Sha1PublicKey,
        Self::IssuerSid,
        Self::IssuerSubject,
        Self::Subject,
        Self::Rfc822,
        Self::Issuer,
    ];

    /// Returns the stable identifier of the form.
    pub const fn name(self) -> &'static str {
        match self {
            Self::IssuerSerial => "issuer_serial",
            Self::SubjectKeyIdentifier => "subject_key_identifier",
            Self::Sha1PublicKey => "sha1_public_key",
            Self::IssuerSid => "issuer_sid",
            Self::IssuerSubject => "issuer_subject",
            Self::Subject => "subject",
            Self::Rfc822 => "rfc822",
            Self::Issuer => "issuer",
        }
    }

    /// Returns whether domain controllers accept it under full enforcement (KB5014754): it names exactly one
    /// certificate or key.
    pub const fn is_strong(self) -> bool {
        match self {
            Self::IssuerSerial | Self::SubjectKeyIdentifier | Self::Sha1PublicKey | Self::IssuerSid => true,
            Self::IssuerSubject | Self::Subject | Self::Rfc822 | Self::Issuer => false,
        }
    }
}

impl Certificate {
    /// Returns every value that names this certificate, the strong ones first. A form is omitted if the certificate
    /// lacks one of its parts, or if a name cannot be written so that it is read back as the same name.
    pub fn alt_security_identities(&self) -> Vec<AltSecurityIdentity> {
        use AltSecurityForm::{
            Issuer, IssuerSerial, IssuerSid, IssuerSubject, Rfc822, Sha1PublicKey, Subject,
            SubjectKeyIdentifier,
        };
        let issuer = windows_text(self.issuer());
        let subject = windows_text(self.subject());
        let mut values = Vec::new();
        let mut add = |form, value: String| {
            values.push(AltSecurityIdentity { form, value: format!("X509:{value}") });
        };
        if let Some(issuer) = &issuer {
            add(IssuerSerial, format!("<I>{issuer}<SR>{}", reversed_serial(self)));
        }
        if let Some(identifier) = self.subject_key_identifier() {
            add(SubjectKeyIdentifier, format!("<SKI>{}", hexadecimal(identifier)));
        }
        add(Sha1PublicKey, format!("<SHA1-PUKEY>{}", hexadecimal(&public_key_sha1(self))));
        if let (Some(issuer), Some(sid)) = (&issuer, self.sid()) {
            add(IssuerSid, format!("<I>{issuer}<SID>{sid}"));
        }
        if let (Some(issuer), Some(subject)) = (&issuer, &subject) {
            add(IssuerSubject, format!("<I>{issuer}<S>{subject}"));
        }
        if let Some(subject) = &subject {
            add(Subject, format!("<S>{subject}"));
        }
        for email in &self.subject_alternative_names().emails {
            add(Rfc822, format!("<RFC822>{email}"));
        }
        if let Some(issuer) = &issuer {
            add(Issuer, format!("<I>{issuer}"));
        }
        values
    }
}

/// Returns the serial number as KB5014754 writes it: the bytes in reverse order, not the digits; zero bytes are kept.
fn reversed_serial(certificate: &Certificate) -> String {
    certificate.serial().as_bytes().iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

/// Returns the SHA-1 over the content of the BIT STRING, like a subject key identifier by method 1 (RFC 5280
/// 4.2.1.2). Microsoft documents only "the public key", which could also mean the whole SubjectPublicKeyInfo.
pub(super) fn public_key_sha1(certificate: &Certificate) -> Vec<u8> {
    let key = PublicKey::read(certificate.public_key_der());
    let bits = key.expect("from_der read this key before it made the certificate").bits;
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bits).as_ref().to_vec()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
