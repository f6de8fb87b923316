//! Every rule of a path, violated once, beside a chain that keeps it.

use const_oid::db::rfc5280;
use rcgen::{PublicKeyData, SigningKey};

use super::der::element;
use super::*;
use crate::certificate::signature::SignatureError;
use crate::certificate::{KeyAlgorithm, ObjectIdentifier, read_bundle};

const SERVER_AUTH: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ServerAuth;
const CLIENT_AUTH: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ClientAuth;
const ANY: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::Any;
const NO_EXTENDED_KEY_USAGE: (usize, PathViolation) =
    (0, PathViolation::ExtendedKeyUsage { missing: ObjectIdentifier::known(rfc5280::ID_KP_CLIENT_AUTH) });

/// Returns a certificate whose signed bytes are changed and signed again by the same issuer.
pub(super) fn changed(
    certificate: &Certificate,
    from: &[u8],
    to: &[u8],
    issuer: &ValidationTestCa,
) -> Certificate {
    let der = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], length.as_slice(), content].concat()
    };
    let tbs = replaced(certificate.tbs_der(), from, to);
    let signature = issuer.issuer.key().sign(&tbs).unwrap();
    let ecdsa_with_sha256 = [0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let bits = [&[3, u8::try_from(signature.len() + 1).unwrap(), 0], signature.as_slice()].concat();
    Certificate::from_der(&der(0x30, &[tbs.as_slice(), &ecdsa_with_sha256, &bits].concat())).unwrap()
}

/// Returns the DER with the only occurrence of `from` replaced.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert_eq!(places.len(), 1, "found {} times", places.len());
    let mut bytes = bytes.to_vec();
    bytes[places[0]..places[0] + from.len()].copy_from_slice(to);
    bytes
}

#[test]
fn a_leaf_of_a_foreign_root_with_the_same_name_is_refused() {
    let (ours, theirs) = (ValidationTestCa::root("Root"), ValidationTestCa::root("Root"));
    let issuer = ours.certificate.subject().clone();
    let wrong = PathViolation::Signature { issuer, cause: SignatureError::Wrong };
    let leaf = theirs.leaf();
    assert_eq!(refused(&[&leaf], &anchored(&ours)), (0, wrong.clone()));
    assert_eq!(refused(&[&leaf, &theirs.certificate], &anchored(&ours)), (1, wrong));
}

#[test]
fn a_leaf_whose_issuer_is_unknown_is_refused() {
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority("Issuing");
    let issuer = issuing.certificate.subject().clone();
    assert_eq!(refused(&[&issuing.leaf()], &anchored(&root)), (0, PathViolation::NoIssuer { issuer }));
    assert!(validated(&[&issuing.leaf(), &issuing.certificate], &anchored(&root)).is_ok());
}

#[test]
fn an_empty_trust_set_trusts_no_certificate() {
    let root = ValidationTestCa::root("Root");
    let issuer = root.certificate.subject().clone();
    let refusal = refused(&[&root.leaf(), &root.certificate], &TrustSet::default());
    assert_eq!(refusal, (1, PathViolation::NoIssuer { issuer }));
}

#[test]
fn an_anchor_is_not_a_client_certificate() {
    let root = ValidationTestCa::root("Root");
    let issuer = root.certificate.subject().clone();
    assert_eq!(refused(&[&root.certificate], &anchored(&root)), (0, PathViolation::NoIssuer { issuer }));
}

#[test]
fn a_changed_certificate_is_refused() {
    let root = ValidationTestCa::root("Root");
    let leaf = Certificate::from_der(&replaced(root.leaf().der(), b"Alice", b"Boris")).unwrap();
    let issuer = root.certificate.subject().clone();
    let wrong = PathViolation::Signature { issuer, cause: SignatureError::Wrong };
    assert_eq!(refused(&[&leaf], &anchored(&root)), (0, wrong));
}

#[test]
fn an_inner_algorithm_that_is_not_the_outer_one_is_refused() {
    let root = ValidationTestCa::root("Root");
    let sha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let sha384 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
    let leaf = changed(&root.leaf(), &sha256, &sha384, &root);
    let issuer = root.certificate.subject().clone();
    let mismatch = PathViolation::Signature { issuer, cause: SignatureError::AlgorithmMismatch };
    assert_eq!(refused(&[&leaf], &anchored(&root)), (0, mismatch));
}

#[test]
fn expired_and_not_yet_valid_are_distinguished_for_every_certificate_of_the_path() {
    let past = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2026, 11, 22);
    let future = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2026, 11, 23);
    let expired = PathViolation::Expired { not_after: UnixTime::from_seconds(1_795_305_600) };
    let early = PathViolation::NotYetValid { not_before: UnixTime::from_seconds(1_795_392_000) };

    for (edit, violation) in [(past as fn(&mut _), expired), (future, early)] {
        let root = ValidationTestCa::root("Root");
        assert_eq!(refused(&[&root.leaf_with(edit)], &anchored(&root)), (0, violation.clone()));

        let issuing = root.authority_with("Issuing", edit);
        let refusal = refused(&[&issuing.leaf(), &issuing.certificate], &anchored(&root));
        assert_eq!(refusal, (1, violation.clone()));

        let root = ValidationTestCa::root_with("Root", edit);
        assert_eq!(refused(&[&root.leaf()], &anchored(&root)), (1, violation));
    }
}

#[test]
fn the_last_second_of_the_validity_belongs_to_it() {
    let root = ValidationTestCa::root("Root");
    let leaf = root.leaf_with(|params| params.not_after = rcgen::date_time_ymd(2026, 11, 22));
    let at = |time| validate(&presented(&[&leaf]), &anchored(&root), &ValidationRule::default(), time);
    let chain = at(leaf.not_after()).unwrap();
    assert_eq!(chain.deadline(), UnixTime::from_seconds(leaf.not_after().seconds() + 1));
    assert!(at(chain.deadline()).is_err());
}

#[test]
fn a_certificate_that_is_not_a_ca_cannot_issue() {
    let root = ValidationTestCa::root("Root");
    for kind in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let no_ca = root.authority_with("Mallory", |params| params.is_ca = kind);
        assert_eq!(
            refused(&[&no_ca.leaf(), &no_ca.certificate], &anchored(&root)),
            (1, PathViolation::NotCa)
        );
    }
}

#[test]
fn a_ca_of_version_2_cannot_issue() {
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority("Issuing");
    let version_2 = changed(&issuing.certificate, &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 1], &root);
    assert_eq!(refused(&[&issuing.leaf(), &version_2], &anchored(&root)), (1, PathViolation::NotCa));
}

#[test]
fn a_ca_without_key_cert_sign_cannot_issue() {
    let violation = PathViolation::KeyUsage { needed: "keyCertSign" };
    let edit = |params: &mut CertificateParams| params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority_with("Issuing", edit);
    let refusal = refused(&[&issuing.leaf(), &issuing.certificate], &anchored(&root));
    assert_eq!(refusal, (1, violation.clone()));

    let root = ValidationTestCa::root_with("Root", edit);
    assert_eq!(refused(&[&root.leaf()], &anchored(&root)), (1, violation));

    let without = ValidationTestCa::root_with("Root", |params| params.key_usages.clear());
    assert!(validated(&[&without.leaf()], &anchored(&without)).is_ok());
}

#[test]
fn the_path_length_counts_the_cas_below_except_self_issued_ones() {
    let zero = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let root = ValidationTestCa::root("Root");
    let policy = root.authority_with("Policy", zero);
    assert!(validated(&[&policy.leaf(), &policy.certificate], &anchored(&root)).is_ok());

    let next_key = policy.authority("Policy");
    let chain = [&next_key.leaf(), &next_key.certificate, &policy.certificate];
    assert!(validated(&chain, &anchored(&root)).is_ok());

    let issuing = policy.authority("Issuing");
    let chain = [&issuing.leaf(), &issuing.certificate, &policy.certificate];
    assert_eq!(refused(&chain, &anchored(&root)), (2, PathViolation::PathLength { below: 1, allowed: 0 }));
}

#[test]
fn a_leaf_without_digital_signature_is_refused() {
    let root = ValidationTestCa::root("Root");
    let encipher = root.leaf_with(|params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    let needed = "digitalSignature";
    assert_eq!(refused(&[&encipher], &anchored(&root)), (0, PathViolation::KeyUsage { needed }));
    let without = root.leaf_with(|params| params.key_usages.clear());
    assert!(validated(&[&without], &anchored(&root)).is_ok());
}

#[test]
fn a_required_usage_must_be_in_the_leaf_and_allowed_by_every_ca() {
    let root = ValidationTestCa::root("Root");
    let email = ExtendedKeyUsagePurpose::EmailProtection;
    let smartcard_logon = ExtendedKeyUsagePurpose::Other(vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 2]);
    for usages in [vec![], vec![ANY], vec![SERVER_AUTH], vec![email.clone()], vec![smartcard_logon]] {
        let leaf = root.leaf_with(|params| params.extended_key_usages = usages);
        assert_eq!(refused(&[&leaf], &anchored(&root)), NO_EXTENDED_KEY_USAGE);
    }
    let of_ca = |usages| {
        let issuing = root.authority_with("Issuing", |params| params.extended_key_usages = usages);
        validated(&[&issuing.leaf(), &issuing.certificate], &anchored(&root)).map_err(|error| error.index)
    };
    assert_eq!(of_ca(vec![SERVER_AUTH, email]).unwrap_err(), 1);
    for usages in [vec![], vec![ANY], vec![SERVER_AUTH, CLIENT_AUTH]] {
        assert!(of_ca(usages).is_ok());
    }
}

#[test]
fn every_required_usage_is_needed() {
    let root = ValidationTestCa::root("Root");
    let missing = rfc5280::ID_KP_EMAIL_PROTECTION.into();
    let both = vec![rfc5280::ID_KP_CLIENT_AUTH.into(), missing];
    let rule = ValidationRule { extended_key_usages: both, ..ValidationRule::default() };
    let error = validate(&presented(&[&root.leaf()]), &anchored(&root), &rule, NOW).unwrap_err();
    assert_eq!(error.violation, PathViolation::ExtendedKeyUsage { missing });
}

#[test]
fn an_unknown_critical_extension_in_leaf_or_ca_refuses_the_path() {
    let unknown = "1.3.6.1.4.1.32473.1".parse().unwrap();
    let add = |params: &mut CertificateParams| {
        params.custom_extensions.push(extension(&[1, 3, 6, 1, 4, 1, 32473, 1], true, &[0x30, 0]));
    };
    let root = ValidationTestCa::root("Root");
    let violation = PathViolation::UnknownCriticalExtension { extension: unknown };
    assert_eq!(refused(&[&root.leaf_with(add)], &anchored(&root)), (0, violation.clone()));
    let issuing = root.authority_with("Issuing", add);
    assert_eq!(refused(&[&issuing.leaf(), &issuing.certificate], &anchored(&root)), (1, violation.clone()));
    // An anchor is trusted as its certificate describes it.
    let anchor = ValidationTestCa::root_with("Anchor", add);
    assert_eq!(refused(&[&anchor.leaf()], &anchored(&anchor)), (1, violation));
}

#[test]
fn an_empty_constraint_in_leaf_or_ca_refuses_the_path() {
    let arcs = |oid: const_oid::ObjectIdentifier| oid.arcs().map(u64::from).collect::<Vec<_>>();
    let constraints = [
        rfc5280::ID_CE_NAME_CONSTRAINTS,
        rfc5280::ID_CE_POLICY_CONSTRAINTS,
        rfc5280::ID_CE_POLICY_MAPPINGS,
        rfc5280::ID_CE_INHIBIT_ANY_POLICY,
    ];
    for (oid, critical) in constraints.into_iter().flat_map(|oid| [(oid, true), (oid, false)]) {
        let add = |params: &mut CertificateParams| {
            params.custom_extensions.push(extension(&arcs(oid), critical, &[0x30, 0]));
        };
        let root = ValidationTestCa::root("Root");
        let violation = PathViolation::UndecodableExtension { extension: oid.into() };
        assert_eq!(refused(&[&root.leaf_with(add)], &anchored(&root)), (0, violation.clone()));
        let issuing = root.authority_with("Issuing", add);
        assert_eq!(refused(&[&issuing.leaf(), &issuing.certificate], &anchored(&root)), (1, violation));
    }
}

#[test]
fn an_unknown_extension_that_is_not_critical_has_no_effect() {
    let root = ValidationTestCa::root("Root");
    let unknown = extension(&[1, 3, 6, 1, 4, 1, 32473, 1], false, &[0xff]);
    let leaf = root.leaf_with(|params| params.custom_extensions = vec![unknown]);
    assert!(validated(&[&leaf], &anchored(&root)).is_ok());
}

#[test]
fn a_duplicate_or_undecodable_extension_refuses_the_path() {
    let root = ValidationTestCa::root("Root");
    let policies = [2, 5, 29, 32];
    let good = extension(&policies, false, &[0x30, 8, 0x30, 6, 6, 4, 0x55, 0x1d, 0x20, 0]);
    let bad = extension(&policies, false, &[0x30, 1]);
    let oid = rfc5280::ID_CE_CERTIFICATE_POLICIES.into();

    let twice = root.leaf_with(|params| params.custom_extensions = vec![good.clone(), good]);
    assert_eq!(
        refused(&[&twice], &anchored(&root)),
        (0, PathViolation::DuplicateExtension { extension: oid })
    );
    let undecodable = root.leaf_with(|params| params.custom_extensions = vec![bad]);
    assert_eq!(
        refused(&[&undecodable], &anchored(&root)),
        (0, PathViolation::UndecodableExtension { extension: oid })
    );
}

/// A number of the requested size, which is not a key; its signatures are random.
struct UnusedRsaKey(Vec<u8>);

impl PublicKeyData for UnusedRsaKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }
    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl SigningKey for UnusedRsaKey {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(vec![0x5c; 2_048])
    }
}

#[test]
fn an_rsa_key_of_16384_bits_is_refused_before_it_is_used() {
    let modulus = element(2, &[&[0], [0xc5; 2_048].as_slice()].concat());
    let key = || UnusedRsaKey(element(0x30, &[modulus.as_slice(), &[2, 3, 1, 0, 1]].concat()));
    let root =
        read(&authority_params("Root").signed_by(&key(), &ValidationTestCa::root("Root").issuer).unwrap());
    let issuer = Issuer::new(authority_params("Root"), key());
    let leaf = read(&named("Alice").signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap());
    let cause = SignatureError::Unsupported {
        oid: leaf.signature_algorithm(),
        key: Box::new(KeyAlgorithm::Rsa { bits: 16_384 }),
    };
    let violation = PathViolation::Signature { issuer: root.subject().clone(), cause };
    assert_eq!(refused(&[&leaf], &TrustSet::new(vec![root], Vec::new())), (0, violation));
}

#[test]
fn an_rsa_key_below_the_minimum_is_refused() {
    let root = ValidationTestCa::root("Root");
    let modulus = [&[0x30, 0x81, 0x89, 2, 0x81, 0x81, 0], [0xc5; 128].as_slice(), &[2, 3, 1, 0, 1]].concat();
    let mut params = named("Alice");
    params.extended_key_usages = vec![CLIENT_AUTH];
    let leaf = read(&params.signed_by(&UnusedRsaKey(modulus), &root.issuer).unwrap());
    for (configured, minimum) in [(1024, 2048), (2048, 2048), (3072, 3072)] {
        let rule = ValidationRule { minimum_rsa_bits: configured, ..ValidationRule::default() };
        let error = validate(&presented(&[&leaf]), &anchored(&root), &rule, NOW).unwrap_err();
        assert_eq!(error.violation, PathViolation::WeakKey { bits: 1024, minimum });
    }
}

#[test]
fn a_signature_with_sha_1_is_refused() {
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let root = ValidationTestCa::root("Root").authority_of_key("Root", key, |_| {});
    let leaf = root.leaf();
    let (sha256, sha1) = ([0x86, 0xf7, 0x0d, 1, 1, 11], [0x86, 0xf7, 0x0d, 1, 1, 5]);
    let tbs = replaced(leaf.tbs_der(), &sha256, &sha1);
    let der = replaced(leaf.der(), leaf.tbs_der(), &tbs);
    let leaf = Certificate::from_der(&replaced(&der, &sha256, &sha1)).unwrap();
    let oid = leaf.signature_algorithm();
    let weak = PathViolation::Signature {
        issuer: root.certificate.subject().clone(),
        cause: SignatureError::WeakAlgorithm { oid },
    };
    assert_eq!(refused(&[&leaf], &anchored(&root)), (0, weak));
}

#[test]
fn sha_1_and_rsa_1024_are_accepted_only_if_unsafely_allowed() {
    // Made by openssl: Alice's certificate below "Old Root", both RSA-1024 and signed with SHA-1.
    let pem = include_bytes!("sha1_rsa_1024.pem");
    let [leaf, root]: [Certificate; 2] = read_bundle(pem).unwrap().try_into().unwrap();
    let trust = TrustSet::new(vec![root.clone()], Vec::new());
    let cause = SignatureError::WeakKey { bits: 1024 };
    let violation = PathViolation::Signature { issuer: root.subject().clone(), cause };
    assert_eq!(refused(&[&leaf], &trust), (0, violation));

    let rule = ValidationRule { unsafe_allow_sha1_and_rsa_1024: true, ..ValidationRule::default() };
    let verdict_of = |leaf: &Certificate| validate(&presented(&[leaf]), &trust, &rule, leaf.not_before());
    assert_eq!(verdict_of(&leaf).unwrap().paths().len(), 1);
    let forged = Certificate::from_der(&replaced(leaf.der(), b"Alice", b"Boris")).unwrap();
    let violation = verdict_of(&forged).unwrap_err().violation;
    assert!(matches!(violation, PathViolation::Signature { cause: SignatureError::Wrong, .. }));
}
