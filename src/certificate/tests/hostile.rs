//! Hostile input: any bytes are read as a certificate or rejected with an error.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

static REAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let certificate = self_signed(|params| {
        params.subject_alt_names =
            vec![utf8_name(&UPN, "alice@corp.example"), SanType::DnsName("a.b".try_into().unwrap())];
        params.is_ca = IsCa::Ca(Constraint::Constrained(1));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.use_authority_key_identifier_extension = true;
        params.crl_distribution_points = vec![Point { uris: vec!["http://a.b/c".into()] }];
        params.custom_extensions =
            vec![extension(&[2, 5, 29, 32], false, element(0x30, &element(0x30, &[6, 1, 42])))];
    });
    certificate.der().to_vec()
});

/// Reads the bytes in every way. The outlines of the certificate and of its key agree.
fn look(bytes: &[u8]) {
    let key = public_key_of(bytes);
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert_eq!(certificate.der(), bytes);
        assert_eq!(key.unwrap(), certificate.public_key_der());
        let text = format!("{} {}", certificate.subject(), certificate.issuer());
        assert!(!text.chars().any(char::is_control));
        assert!(
            certificate.verify_signature(certificate.public_key_der()).is_err() || bytes == REAL.as_slice()
        );
    }
    let _ = (read_bundle(bytes), private_key_der(bytes), crl_ders(bytes));
}

proptest! {
    #[test]
    fn random_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        look(&bytes);
    }

    #[test]
    fn a_changed_certificate_is_read_or_refused_and_its_signature_is_not_valid(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = REAL.clone();
        for (index, value) in changes {
            *index.get_mut(&mut bytes) = value;
        }
        look(&bytes);
    }

    #[test]
    fn a_truncated_or_doubled_certificate_is_read_or_refused(at in any::<prop::sample::Index>(), length in 0..40usize) {
        let at = at.index(REAL.len());
        look(&REAL[..at]);
        let end = (at + length).min(REAL.len());
        look(&[&REAL[..end], &REAL[at..]].concat());
    }
}

#[test]
fn the_unchanged_certificate_is_read() {
    look(&REAL);
    let certificate = Certificate::from_der(&REAL).unwrap();
    assert!(certificate.undecodable_extensions().is_empty());
    assert_eq!(certificate.verify_signature(certificate.public_key_der()), Ok(()));
}
