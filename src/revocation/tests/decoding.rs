//! The decoding of CRLs, and loading them from files.

use super::*;
use crate::certificate::SerialNumber;
use crate::revocation::crl::{Crl, parse};
use crate::revocation::test_pki::{
    CrlDraft, at_uri, base_number, ecdsa_with_sha256, element, entry, extension, issuing_point, number,
    reason,
};
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::LazyLock;

fn origin() -> CrlOrigin {
    CrlOrigin::Url("http://pki.example/a.crl".to_owned())
}

#[test]
fn a_crl_of_another_library_is_decoded_with_its_number() {
    let (root, chain) = root_and_chain();
    let crl = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 11, 22),
        next_update: rcgen::date_time_ymd(2026, 11, 23),
        crl_number: vec![0x12, 0x34].into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let crl = crl.signed_by(root.issuer()).unwrap().der().to_vec();
    let passed = check_crls(&chain, &REQUIRE, &[&crl]).unwrap();
    let [CertificateStatus { verdict: RevocationVerdict::NotRevoked(sources), .. }] = passed.status() else {
        panic!("{passed:?}")
    };
    assert_eq!(sources[0].number.as_ref().unwrap().to_string(), "1234");
}

#[test]
fn a_negative_serial_is_not_the_positive_one_of_the_same_bytes() {
    let root = TestCa::root("Root");
    let chain = proven(&root.issue("alice", &[0x8b, 1]), &[], &[&root.certificate]);
    assert_eq!(chain.leaf().serial().as_bytes(), [0, 0x8b, 1]);
    let listing = |serial: &[u8]| CrlDraft::revoking(&[serial]).sign(&root);
    why_revoked(check_crls(&chain, &REQUIRE, &[&listing(&[0, 0x8b, 1])]));
    assert!(check_crls(&chain, &REQUIRE, &[&listing(&[0x8b, 1])]).is_ok());
}

#[test]
fn serials_with_the_same_last_eight_bytes_are_distinguished() {
    let root = TestCa::root("Root");
    let serial = |first: u8| [&[first], &[7; 19][..]].concat();
    let chain = proven(&root.issue("alice", &serial(1)), &[], &[&root.certificate]);
    let others = CrlDraft::revoking(&[&serial(2), &serial(3), &[7; 8]]).sign(&root);
    assert!(check_crls(&chain, &REQUIRE, &[&others]).is_ok());
    let all = CrlDraft::revoking(&[&serial(2), &serial(1), &serial(3)]).sign(&root);
    why_revoked(check_crls(&chain, &REQUIRE, &[&all]));
}

#[test]
fn the_error_names_a_file_that_is_not_a_crl() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.crl");
    let load = || CrlStore::load(std::slice::from_ref(&path));
    assert!(matches!(load(), Err(CrlLoadError::Unreadable { path: named, .. }) if named == path));
    std::fs::write(&path, "no CRL").unwrap();
    assert!(matches!(load(), Err(CrlLoadError::NoCrl { path: named, .. }) if named == path));
    std::fs::write(&path, element(0x30, &[])).unwrap();
    assert!(matches!(load(), Err(CrlLoadError::Malformed { path: named, number: 1, .. }) if named == path));
}

#[test]
fn an_empty_folder_is_reported_and_hidden_files_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".keep"), "").unwrap();
    let paths = [PathBuf::from(folder.path())];
    let crls = CrlStore::load(&paths).unwrap();
    assert_eq!(crls.notes(), [CrlNote::EmptyFolder { path: paths[0].clone() }]);
    assert!(crls.is_empty());
}

#[test]
fn a_pem_file_with_two_crls_has_the_same_generation_as_two_files() {
    use base64::Engine;
    let (one, other) = (TestCa::root("One"), TestCa::root("Other"));
    let crls = [CrlDraft::default().sign(&one), CrlDraft::default().sign(&other)];
    let pem = crls.clone().map(|der| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN X509 CRL-----\n{text}\n-----END X509 CRL-----\n")
    });
    let together = store(&[pem.concat().as_bytes()]);
    assert_eq!(together.len(), 2);
    assert_eq!(together.generation(), store(&[&crls[0], &crls[1]]).generation());
    assert_ne!(together.generation(), store(&[&crls[0]]).generation());
}

#[test]
fn a_crl_with_two_signature_algorithms_is_unusable_and_revokes() {
    let (root, chain) = root_and_chain();
    let sha384 = element(0x30, &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3]);
    assert_ne!(sha384, ecdsa_with_sha256());
    let crl = |serial: &[u8]| {
        CrlDraft { inner_algorithm: sha384.clone(), ..CrlDraft::revoking(&[serial]) }.sign(&root)
    };
    let why = UnknownReason::Unusable(UnusableReason::AlgorithmsDiffer);
    assert_eq!(why_unknown(&chain, &[&crl(&[9])]), why);
    why_revoked(check_crls(&chain, &PREFER, &[&crl(SERIAL)]));
}

#[test]
fn a_truncated_or_changed_crl_is_parsed_without_a_panic() {
    let root = TestCa::root("Root");
    let entries = vec![entry(SERIAL, &[reason(1)]), entry(&[5], &[])];
    let extensions = vec![extension(&[0x55, 0x1d, 20], false, &[2, 1, 1])];
    let der = CrlDraft { entries, extensions, ..CrlDraft::default() }.sign(&root);
    let serial = SerialNumber::from_bytes(SERIAL);
    for index in 0..der.len() {
        assert!(parse(&der[..index]).is_err());
        for value in [0, 0x30, 0x7f, 0x80, 0x84, 0xff] {
            let mut changed = der.clone();
            changed[index] = value;
            if let Ok(crl) = Crl::parse(changed, origin()) {
                crl.entry(root.certificate.subject(), &serial);
            }
        }
    }
}

static ROOT: LazyLock<TestCa> = LazyLock::new(|| TestCa::root("Root"));

proptest! {
    #[test]
    fn a_serial_number_is_found_if_and_only_if_it_is_listed(
        listed in proptest::collection::vec("[\\x01\\x07]{1,12}", 0..40), looked_up in "[\\x01\\x07]{1,12}"
    ) {
        let serials: Vec<_> = listed.iter().map(String::as_bytes).collect();
        let der = CrlDraft::revoking(&serials).sign(&ROOT);
        let crl = Crl::parse(der, origin()).unwrap();
        let is_listed = |serial| crl.entry(ROOT.certificate.subject(), &SerialNumber::from_bytes(serial)).is_some();
        prop_assert!(serials.iter().all(|serial| is_listed(serial)));
        let found = is_listed(looked_up.as_bytes());
        prop_assert_eq!(found, listed.contains(&looked_up));
    }

    #[test]
    fn any_extension_and_changed_bytes_are_parsed_without_a_panic(
        issuing_point in proptest::collection::vec(any::<u8>(), 0..40),
        issuer in proptest::collection::vec(any::<u8>(), 0..40),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let extensions = vec![
            extension(&[0x55, 0x1d, 28], true, &issuing_point),
            extension(&[0x55, 0x1d, 46], false, &issuer),
            base_number(1),
            number(2),
        ];
        let entries = vec![entry(SERIAL, &[reason(1)]), entry(&[5], &[extension(&[0x55, 0x1d, 29], true, &issuer)])];
        let mut der = CrlDraft { entries, extensions, ..CrlDraft::default() }.sign(&ROOT);
        for (index, value) in changes {
            let at = index.index(der.len());
            der[at] = value;
        }
        if let Ok(crl) = Crl::parse(der, origin()) {
            crl.entry(ROOT.certificate.subject(), &SerialNumber::from_bytes(SERIAL));
        }
    }
}

#[test]
fn of_two_entries_of_one_serial_the_one_that_revokes_counts() {
    for (first, second) in [(8, 1), (1, 8)] {
        let entries =
            vec![entry(SERIAL, &[reason(first)]), entry(&[1], &[]), entry(SERIAL, &[reason(second)])];
        let crl = Crl::parse(CrlDraft { entries, ..CrlDraft::default() }.sign(&ROOT), origin()).unwrap();
        let listed = crl.entry(ROOT.certificate.subject(), &SerialNumber::from_bytes(SERIAL)).unwrap();
        assert_eq!(listed.reason, RevocationReason::KeyCompromise);
    }
}

#[test]
fn the_date_and_the_reason_of_an_entry_are_decoded() {
    for (code, name) in (0..).zip(["unspecified", "keyCompromise", "cACompromise", "affiliationChanged"]) {
        let entries = vec![entry(SERIAL, &[reason(code)])];
        let crl = Crl::parse(CrlDraft { entries, ..CrlDraft::default() }.sign(&ROOT), origin()).unwrap();
        let listed = crl.entry(ROOT.certificate.subject(), &SerialNumber::from_bytes(SERIAL)).unwrap();
        assert_eq!((listed.reason.to_string().as_str(), listed.revoked_at), (name, before(NOW, 2 * HOUR)));
    }
}

#[test]
fn a_crl_signed_with_ed25519_is_verified() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let root = TestCa::root_of("Root", key);
    let chain = proven(&root.issue("alice", SERIAL), &[], &[&root.certificate]);
    let crl = rcgen::CertificateRevocationListParams {
        this_update: rcgen::date_time_ymd(2026, 11, 22),
        next_update: rcgen::date_time_ymd(2026, 11, 23),
        crl_number: vec![1].into(),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let mut crl = crl.signed_by(root.issuer()).unwrap().der().to_vec();
    assert!(check_crls(&chain, &REQUIRE, &[&crl]).is_ok());
    *crl.last_mut().unwrap() ^= 1;
    assert!(matches!(why_unknown(&chain, &[&crl]), UnknownReason::Signature(_)));
}

/// Returns an entry with this revocationDate.
fn entry_at(serial: &[u8], tag: u8, date: &str) -> Vec<u8> {
    element(0x30, &[element(2, serial), element(tag, date.as_bytes())].concat())
}

#[test]
fn an_invalid_date_of_an_entry_does_not_affect_the_entry_or_the_crl() {
    let (root, chain) = root_and_chain();
    for (tag, date) in [
        (0x17, "500101000000Z"),
        (0x17, "691231235959Z"),
        (0x17, "261122093000+0000"),
        (0x17, "261122093000-0500"),
        (0x17, "2611220930Z"),
        (0x17, "26112209"),
        (0x17, "000000000000Z"),
        (0x17, ""),
        (0x18, "00000101000000Z"),
        (0x18, "00010101000000Z"),
        (0x18, "16010101000000Z"),
        (0x18, "19700101000000Z"),
        (0x18, "20261122093000.123Z"),
        (0x18, "20261122093000"),
        (0x18, "99991231235959Z"),
        (0x18, "unknown"),
    ] {
        let odd = entry_at(&[9], tag, date);
        let with = |others: &[Vec<u8>]| {
            let entries = [std::slice::from_ref(&odd), others].concat();
            CrlDraft { entries, ..CrlDraft::default() }.sign(&root)
        };
        assert!(check_crls(&chain, &REQUIRE, &[&with(&[])]).is_ok(), "{date}");
        why_revoked(check_crls(&chain, &PREFER, &[&with(&[entry(SERIAL, &[])])]));
        let own = CrlDraft { entries: vec![entry_at(SERIAL, tag, date)], ..CrlDraft::default() }.sign(&root);
        let revoked = check_crls(&chain, &PREFER, &[&own]);
        assert!(matches!(revoked, Err(RevocationError::Revoked { .. })), "{date}: {revoked:?}");
    }
}

#[test]
fn an_extension_with_a_very_long_identifier_matters_only_if_it_is_critical() {
    let (root, chain) = root_and_chain();
    // 2.25 and a UUID, and one of sixty bytes.
    let uuid = [&[0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat();
    let long = [&[0x2a][..], &[1; 59]].concat();
    for oid in [uuid, long] {
        let crl = |critical: bool, serials: &[&[u8]]| {
            let extensions = vec![extension(&oid, critical, &[5, 0])];
            CrlDraft { extensions, ..CrlDraft::revoking(serials) }.sign(&root)
        };
        assert!(check_crls(&chain, &REQUIRE, &[&crl(false, &[])]).is_ok());
        why_revoked(check_crls(&chain, &PREFER, &[&crl(false, &[SERIAL])]));
        let id = crate::certificate::ObjectIdentifier::from_contents(&oid).unwrap();
        let of_crl = UnknownReason::Unusable(UnusableReason::CriticalExtension(id));
        assert_eq!(why_unknown(&chain, &[&crl(true, &[])]), of_crl);
        let of_entry = |critical: bool| {
            let entries = vec![entry(SERIAL, &[extension(&oid, critical, &[5, 0])])];
            CrlDraft { entries, ..CrlDraft::default() }.sign(&root)
        };
        why_revoked(check_crls(&chain, &PREFER, &[&of_entry(false)]));
        why_revoked(check_crls(&chain, &PREFER, &[&of_entry(true)]));
    }
}

/// Returns entries that cannot be decoded after their serial number.
fn odd_entries(serial: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let date = element(0x17, b"261122073000Z");
    let serial = element(2, serial);
    let entry = |parts: &[&[u8]]| element(0x30, &parts.concat());
    vec![
        ("no date", entry(&[&serial])),
        ("a date of another type", entry(&[&serial, &[5, 0]])),
        ("extensions in place of the date", entry(&[&serial, &[0x30, 0]])),
        ("extensions of another type", entry(&[&serial, &date, &[0x31, 0]])),
        ("an extension of another type", entry(&[&serial, &date, &[0x30, 2, 5, 0]])),
        ("a truncated extension", entry(&[&serial, &date, &[0x30, 3, 0x30, 9, 6]])),
        ("an unknown field", entry(&[&serial, &date, &[0x30, 0], &[5, 0]])),
        ("a lifted hold and then an unknown field", {
            entry(&[&serial, &date, &element(0x30, &reason(8)), &[5, 0]])
        }),
    ]
}

#[test]
fn an_entry_counts_if_nothing_after_its_serial_number_can_be_decoded() {
    let (root, chain) = root_and_chain();
    let crl = |entries: Vec<Vec<u8>>| CrlDraft { entries, ..CrlDraft::default() }.sign(&root);
    let is_revoked = |entries| {
        matches!(check_crls(&chain, &PREFER, &[&crl(entries)]), Err(RevocationError::Revoked { .. }))
    };
    for (what, own) in odd_entries(SERIAL) {
        assert!(is_revoked(vec![own]), "{what}");
    }
    for (what, other) in odd_entries(&[9]) {
        assert!(is_revoked(vec![other.clone(), entry(SERIAL, &[])]), "{what}, first");
        assert!(is_revoked(vec![entry(SERIAL, &[]), other.clone()]), "{what}, last");
        assert_eq!(
            why_unknown(&chain, &[&crl(vec![other])]),
            UnknownReason::Unusable(UnusableReason::Entry),
            "{what}"
        );
    }
    // An entry without a serial number may be for any certificate or for none: the others count.
    for other in [vec![0x30, 0], vec![5, 0], element(0x30, &[5, 0]), element(0x30, &[2, 0])] {
        assert!(is_revoked(vec![other.clone(), entry(SERIAL, &[])]), "{other:?}");
        assert_eq!(why_unknown(&chain, &[&crl(vec![other])]), UnknownReason::Unusable(UnusableReason::Entry));
    }
    // If the length of an entry is wrong, the entries after it cannot be decoded.
    assert!(is_revoked(vec![entry(SERIAL, &[]), vec![0x30, 0x7f]]));
}

#[test]
fn a_padded_serial_number_is_the_same_number() {
    let (root, chain) = root_and_chain();
    for serial in [&[0, 0x2b, 1][..], &[0, 0, 0, 0x2b, 1]] {
        why_revoked(check_crls(&chain, &REQUIRE, &[&CrlDraft::revoking(&[serial]).sign(&root)]));
    }
    for other in [&[0x2b][..], &[1, 0x2b, 1], &[0xff, 0x2b, 1], &[0, 0]] {
        assert!(
            check_crls(&chain, &REQUIRE, &[&CrlDraft::revoking(&[other]).sign(&root)]).is_ok(),
            "{other:?}"
        );
    }
}

/// A signed CRL that lists this serial number.
type ListOf<'a> = Box<dyn Fn(&[u8]) -> Vec<u8> + 'a>;

#[test]
fn a_part_that_cannot_be_decoded_makes_a_crl_unusable_and_its_entries_count() {
    let (root, chain) = root_and_chain();
    let date = |text: &str| element(0x17, text.as_bytes());
    let dates = [date("261122083000Z"), date("261122103000Z")];
    let signed = |version: &[u8], dates: &[Vec<u8>], serial: &[u8], behind: &[u8]| {
        let mut parts =
            vec![version.to_vec(), ecdsa_with_sha256(), root.certificate.subject().der().to_vec()];
        parts.extend_from_slice(dates);
        parts.push(element(0x30, &entry(serial, &[])));
        parts.push(behind.to_vec());
        root.sign_list(&element(0x30, &parts.concat()))
    };
    let two = [2, 1, 1];
    let point = issuing_point(&[at_uri("http://elsewhere.example/")]);
    let cases: Vec<(UnusableReason, ListOf<'_>)> = vec![
        (UnusableReason::Version, Box::new(|serial| signed(&[2, 1, 7], &dates, serial, &[]))),
        (UnusableReason::Version, Box::new(|serial| signed(&[2, 2, 1, 1], &dates, serial, &[]))),
        (UnusableReason::ThisUpdate, Box::new(|serial| signed(&two, &[date("now")], serial, &[]))),
        (UnusableReason::ThisUpdate, Box::new(|serial| signed(&two, &[vec![5, 0]], serial, &[]))),
        (UnusableReason::ThisUpdate, Box::new(|serial| signed(&two, &[], serial, &[]))),
        (UnusableReason::Extensions, Box::new(|serial| signed(&two, &dates, serial, &[0xa0, 2, 5, 0]))),
        (
            UnusableReason::Extensions,
            Box::new(|serial| signed(&two, &dates, serial, &[0xa0, 4, 0x30, 2, 5, 0])),
        ),
        (UnusableReason::Extensions, Box::new(|serial| signed(&two, &dates, serial, &[0xa7, 0]))),
        (
            UnusableReason::Extensions,
            Box::new(|serial| {
                let list = element(0x30, &[&point[..], &[5, 0]].concat());
                signed(&two, &dates, serial, &element(0xa0, &list))
            }),
        ),
        (
            UnusableReason::RepeatedExtension(
                const_oid::db::rfc5280::ID_CE_ISSUING_DISTRIBUTION_POINT.into(),
            ),
            Box::new(|serial| {
                let list = element(0x30, &[&point[..], &point[..]].concat());
                signed(&two, &dates, serial, &element(0xa0, &list))
            }),
        ),
    ];
    for (why, crl) in cases {
        assert_eq!(why_unknown(&chain, &[&crl(&[9])]), UnknownReason::Unusable(why));
        why_revoked(check_crls(&chain, &PREFER, &[&crl(SERIAL)]));
        // An older or newer CRL that does not list it changes neither.
        for clean in [before(NOW, HOUR / 2), before(NOW, 3 * HOUR)] {
            let clean = CrlDraft { this_update: clean, ..CrlDraft::default() }.sign(&root);
            assert!(check_crls(&chain, &REQUIRE, &[&crl(&[9]), &clean]).is_ok(), "{why}");
            if why == UnusableReason::ThisUpdate {
                why_revoked(check_crls(&chain, &REQUIRE, &[&crl(SERIAL), &clean]));
            }
        }
    }
}
