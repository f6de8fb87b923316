//! The users of the demo, and the profiles of their certificates.

use const_oid::ObjectIdentifier;

use super::key::KeyKind;
use super::profile::{
    CertificateProfile, DAY, DOMAIN, DOMAIN_SID, ExtraExtension, OTHER_POLICY, Signer, YEAR, serial_number,
};
use crate::clock::UnixTime;

/// An identifier in the arc that IANA reserves for documentation, so that no implementation knows it.
const UNKNOWN_EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1");

/// The certificates in the first CRL of the issuing authority.
pub(super) const REVOKED: [&str; 1] = ["bob"];

/// Returns one valid certificate for each kind of key, and one invalid certificate for each cause of a denial.
pub(super) fn demo_cards(now: UnixTime) -> Vec<CertificateProfile> {
    let card = |name| CertificateProfile::of(name, now);
    let alice = card("alice");
    let as_alice = |name: &str, key| CertificateProfile {
        name: name.to_owned(),
        serial_number: serial_number(name),
        key,
        ..alice.clone()
    };
    let before = |span| UnixTime::from(now.since_epoch().saturating_sub(span));
    let unknown = ExtraExtension { identifier: UNKNOWN_EXTENSION, critical: true, value: vec![0x05, 0x00] };
    vec![
        as_alice("alice-rsa", KeyKind::Rsa2048),
        card("bob"),
        CertificateProfile { not_before: before(YEAR), not_after: before(DAY), ..card("carol") },
        card("dave").without_smartcard_logon(),
        CertificateProfile { not_before: now.plus(DAY), ..card("erin") },
        CertificateProfile { upns: Vec::new(), sid: None, ..card("frank") },
        CertificateProfile { policies: vec![OTHER_POLICY], ..card("grace") },
        CertificateProfile {
            upns: vec![format!("heidi@{DOMAIN}"), format!("administrator@{DOMAIN}")],
            ..card("heidi")
        },
        CertificateProfile { upns: vec!["ivan@elsewhere.example".to_owned()], sid: None, ..card("ivan") },
        CertificateProfile { key: KeyKind::EcdsaP384, ..card("judy") },
        CertificateProfile { key: KeyKind::Ed25519, ..card("ken") },
        CertificateProfile { upns: Vec::new(), sid: Some(format!("{DOMAIN_SID}-1120")), ..card("leo") },
        CertificateProfile { upns: Vec::new(), sid: None, ..card("mia") },
        // The names and serial number of alice's certificate, from authorities with the same names as the real ones.
        CertificateProfile { name: "mallory".to_owned(), signer: Signer::Foreign, ..alice.clone() },
        CertificateProfile { extra_extensions: vec![unknown], ..card("critical") },
        alice,
    ]
}

/// Returns the profile of the certificate that is re-encoded as an X.509 version 1 certificate.
pub(super) fn version_one(now: UnixTime) -> CertificateProfile {
    CertificateProfile::of("version-one", now)
}
