//! Tests of the PKI with two other parsers: x509-cert, and OpenSSL if it is installed.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::clock::UnixTime;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use der::Decode;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use x509_cert::certificate::{CertificateInner, Raw, Version};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CertificatePolicies, SubjectKeyIdentifier};

use super::*;

fn now() -> UnixTime {
    UnixTime::from_seconds(1_795_339_800)
}

const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Pki>();
};

fn parse(der: &[u8]) -> CertificateInner<Raw> {
    CertificateInner::<Raw>::from_der(der).unwrap()
}

/// Runs OpenSSL, and returns whether it succeeded and its output. Returns `None` if it is not installed.
fn openssl(arguments: &[&str], dir: &Path) -> Option<(bool, String)> {
    let Ok(output) = Command::new("openssl").args(arguments).current_dir(dir).output() else {
        eprintln!("skipped: openssl is not installed");
        return None;
    };
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), text))
}

#[test]
fn the_pki_has_a_certificate_for_every_case() {
    let pki = Pki::create(now()).unwrap();
    let names: BTreeSet<&str> = pki.cards().iter().map(|card| card.name.as_str()).collect();
    let expected = [
        "alice",
        "alice-rsa",
        "bob",
        "carol",
        "critical",
        "dave",
        "erin",
        "frank",
        "grace",
        "heidi",
        "ivan",
        "judy",
        "ken",
        "leo",
        "mallory",
        "mia",
        "version-one",
    ];
    assert_eq!(names, BTreeSet::from(expected));
}

#[test]
fn a_leaf_names_its_issuers_key() {
    let pki = Pki::create(now()).unwrap();
    let issuing = parse(pki.issuing());
    let alice = parse(pki.card("alice").unwrap().certificate_der());
    let (_, subject) = issuing.tbs_certificate().get_extension::<SubjectKeyIdentifier>().unwrap().unwrap();
    let (_, authority) = alice.tbs_certificate().get_extension::<AuthorityKeyIdentifier>().unwrap().unwrap();
    assert_eq!(authority.key_identifier.unwrap(), subject.0);
    assert!(alice.tbs_certificate().get_extension::<SubjectKeyIdentifier>().unwrap().is_some());
}

#[test]
fn the_policies_are_in_the_certificates_that_need_them() {
    let pki = Pki::create(now()).unwrap();
    let policies = |der: &[u8]| {
        let certificate = parse(der);
        let (_, policies) =
            certificate.tbs_certificate().get_extension::<CertificatePolicies>().unwrap().unwrap();
        policies.0.iter().map(|policy| policy.policy_identifier).collect::<Vec<_>>()
    };
    assert_eq!(policies(pki.policy()), [profile::ANY_POLICY]);
    assert_eq!(policies(pki.issuing()), [POLICY, OTHER_POLICY]);
    assert_eq!(policies(pki.card("alice").unwrap().certificate_der()), [POLICY]);
    assert_eq!(policies(pki.card("grace").unwrap().certificate_der()), [OTHER_POLICY]);
}

#[test]
fn mallory_has_every_name_and_number_of_alice_but_no_key() {
    let pki = Pki::create(now()).unwrap();
    let (alice, mallory) = (pki.card("alice").unwrap(), pki.card("mallory").unwrap());
    assert_eq!(alice.chain.len(), mallory.chain.len());
    for (ours, theirs) in alice.chain.iter().zip(&mallory.chain) {
        let (ours, theirs) = (parse(ours), parse(theirs));
        let (ours, theirs) = (ours.tbs_certificate(), theirs.tbs_certificate());
        assert_eq!(ours.subject(), theirs.subject());
        assert_eq!(ours.issuer(), theirs.issuer());
        assert_eq!(ours.serial_number(), theirs.serial_number());
        assert_ne!(ours.subject_public_key_info(), theirs.subject_public_key_info());
    }
}

#[test]
fn the_version_one_certificate_has_no_extensions() {
    let pki = Pki::create(now()).unwrap();
    let card = parse(pki.card("version-one").unwrap().certificate_der());
    assert_eq!(card.tbs_certificate().version(), Version::V1);
    assert!(card.tbs_certificate().extensions().is_none());
}

#[test]
fn private_keys_are_readable_by_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let files = Pki::create(now()).unwrap().write_to(dir.path()).unwrap();
    for path in
        [&files.server_ecdsa_key, &files.server_rsa_key, &files.card("alice"), &files.cards.join("ken.key")]
    {
        assert_eq!(
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            path.display()
        );
    }
}

#[test]
fn writing_twice_replaces_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let first = Pki::create(now()).unwrap().write_to(dir.path()).unwrap();
    let before = std::fs::read(first.card("alice")).unwrap();
    let second = Pki::create(now()).unwrap().write_to(dir.path()).unwrap();
    assert_ne!(std::fs::read(second.card("alice")).unwrap(), before);
}

#[test]
fn openssl_agrees_about_every_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let files = Pki::create(now()).unwrap().write_to(dir.path()).unwrap();
    let pem: String = ["root", "policy", "issuing"]
        .iter()
        .map(|name| {
            let list = files.crl.join(format!("{name}.crl"));
            openssl(&["crl", "-inform", "DER", "-in", list.to_str().unwrap()], dir.path())
                .map_or(String::new(), |it| it.1)
        })
        .collect();
    std::fs::write(dir.path().join("lists.pem"), pem).unwrap();
    let cases = [
        ("alice", "OK"),
        ("alice-rsa", "OK"),
        ("judy", "OK"),
        ("ken", "OK"),
        ("leo", "OK"),
        ("mia", "OK"),
        ("dave", "OK"),
        ("version-one", "OK"),
        ("bob", "certificate revoked"),
        ("carol", "certificate has expired"),
        ("erin", "certificate is not yet valid"),
        ("critical", "unhandled critical extension"),
        ("mallory", "certificate signature failure"),
    ];
    for (name, expected) in cases {
        let certificate = format!("pki/cards/{name}.crt");
        let arguments = [
            "verify",
            "-attime",
            "1795339800",
            "-crl_check",
            "-CRLfile",
            "lists.pem",
            "-CAfile",
            "pki/root.pem",
            "-untrusted",
            "pki/intermediates.pem",
            &certificate,
        ];
        let Some((_, output)) = openssl(&arguments, dir.path()) else { return };
        assert!(output.contains(expected), "{name}: {output}");
    }
}

#[test]
fn openssl_reads_every_private_key() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::create(now()).unwrap();
    pki.write_to(dir.path()).unwrap();
    for card in pki.cards() {
        let key = format!("pki/cards/{}.key", card.name);
        let Some((read, output)) = openssl(&["pkey", "-in", &key, "-noout"], dir.path()) else { return };
        assert!(read, "{}: {output}", card.name);
    }
}

#[test]
fn an_invalid_profile_is_issued_unchanged() {
    let pki = Pki::create(now()).unwrap();
    let profile = CertificateProfile {
        signer: Signer::Root,
        key: KeyKind::EcdsaP521,
        policies: Vec::new(),
        extended_key_usages: Vec::new(),
        ..CertificateProfile::of("odd", now())
    };
    let card = pki.issue(&profile).unwrap();
    let certificate = parse(card.certificate_der());
    assert_eq!(card.chain.len(), 1);
    assert_eq!(certificate.tbs_certificate().issuer(), parse(pki.root()).tbs_certificate().subject());
    assert!(certificate.tbs_certificate().get_extension::<CertificatePolicies>().unwrap().is_none());
}

#[test]
fn a_short_rsa_key_is_certified() {
    let dir = tempfile::tempdir().unwrap();
    let make = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", "key.pem"];
    let Some((true, _)) = openssl(&make, dir.path()) else { return };
    let key = PrivatePkcs8KeyDer::from_pem_file(dir.path().join("key.pem")).unwrap();
    let pki = Pki::create(now()).unwrap();
    let card = pki.issue_for_rsa_key(&CertificateProfile::of("short", now()), key).unwrap();
    pki.write_to(dir.path()).unwrap();
    std::fs::write(dir.path().join("short.crt"), card.chain_pem().unwrap()).unwrap();
    let verify = [
        "verify",
        "-auth_level",
        "0",
        "-attime",
        "1795339800",
        "-CAfile",
        "pki/root.pem",
        "-untrusted",
        "pki/intermediates.pem",
        "short.crt",
    ];
    let (valid, output) = openssl(&verify, dir.path()).unwrap();
    assert!(valid, "{output}");
    let (_, public) = openssl(&["x509", "-in", "short.crt", "-noout", "-pubkey"], dir.path()).unwrap();
    let (_, expected) = openssl(&["pkey", "-in", "key.pem", "-pubout"], dir.path()).unwrap();
    assert_eq!(public, expected);
}

#[test]
fn the_key_of_the_signer_signs_any_message() {
    let pki = Pki::create(now()).unwrap();
    let signature = pki.sign(Signer::Issuing, b"message").unwrap();
    let verifies = |authority: &[u8]| {
        let certificate = parse(authority);
        let key = certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(b"message", &signature).is_ok()
    };
    assert!(verifies(pki.issuing()) && !verifies(pki.policy()));
}
