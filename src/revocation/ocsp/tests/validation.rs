//! The validation of responses, and every reason to reject one.

use super::draft::{FieldEdit, delegate, nonce};
use super::*;
use crate::certificate::signature::SignatureError;
use crate::revocation::RevocationReason;
use crate::revocation::test_pki::{element, extension};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA224, SHA256, SHA384, SHA512};
use const_oid::ObjectIdentifier;
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::LazyLock;

#[test]
fn a_good_response_has_its_signer_and_its_dates() {
    let fixture = OcspFixture::new();
    let response = fixture.validate(&fixture.good().sign(&fixture.ca), &OcspSettings::default()).unwrap();
    assert_eq!(response.status, CertStatus::Good);
    assert_eq!(response.delegate, None);
    assert_eq!((response.due, response.usable_until), (NOW.plus(HOUR), NOW.plus(HOUR + 5 * MINUTE)));
    let source = &response.source;
    assert_eq!((source.url.as_str(), source.signer.to_string()), ("http://ocsp.example/", "CN=Root".into()));
    let times = (source.produced_at, source.this_update, source.next_update);
    assert_eq!(times, (before(NOW, HOUR), before(NOW, HOUR), Some(NOW.plus(HOUR))));
}

#[test]
fn a_revoked_response_has_its_reason_and_differs_from_unknown() {
    let fixture = OcspFixture::new();
    let reasons = [
        (None, RevocationReason::Unspecified),
        (Some(1), RevocationReason::KeyCompromise),
        (Some(6), RevocationReason::CertificateHold),
        (Some(7), RevocationReason::Unknown),
    ];
    for (code, reason) in reasons {
        let der = ResponseDraft::about(fixture.single().revoked(code)).sign(&fixture.ca);
        let response = fixture.validate(&der, &OcspSettings::default()).unwrap();
        assert_eq!(response.status, CertStatus::Revoked { reason, at: before(NOW, 2 * HOUR) });
    }
    let der = ResponseDraft::about(fixture.single().unknown()).sign(&fixture.ca);
    assert_eq!(fixture.validate(&der, &OcspSettings::default()).unwrap().status, CertStatus::Unknown);
}

#[test]
fn each_error_status_is_distinguished() {
    let fixture = OcspFixture::new();
    let errors = [1, 2, 3, 5, 6, 4, 0].map(|code| fixture.error(&[0x30, 3, 0x0a, 1, code]));
    let expected = [
        OcspErrorStatus::MalformedRequest,
        OcspErrorStatus::InternalError,
        OcspErrorStatus::TryLater,
        OcspErrorStatus::SignatureRequired,
        OcspErrorStatus::Unauthorized,
        OcspErrorStatus::Other(4),
        OcspErrorStatus::Other(0),
    ];
    assert_eq!(errors, expected.map(OcspError::Refused));
}

#[test]
fn content_with_an_error_status_is_not_decoded() {
    let fixture = OcspFixture::new();
    let der = ResponseDraft { status: 3, ..fixture.good() }.sign(&fixture.ca);
    assert_eq!(fixture.error(&der), OcspError::Refused(OcspErrorStatus::TryLater));
}

#[test]
fn another_type_another_version_and_trailing_bytes_are_rejected() {
    let fixture = OcspFixture::new();
    let of_type = ResponseDraft { response_type: &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 9], ..fixture.good() };
    let oid = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.9");
    assert_eq!(fixture.error(&of_type.sign(&fixture.ca)), OcspError::UnknownType(oid.into()));
    let version_two = ResponseDraft { version: Some(1), ..fixture.good() }.sign(&fixture.ca);
    assert!(matches!(fixture.error(&version_two), OcspError::Malformed(_)));
    let mut longer = fixture.good().sign(&fixture.ca);
    longer.push(0);
    assert!(matches!(fixture.error(&longer), OcspError::Malformed(_)));
}

#[test]
fn version_one_may_be_encoded() {
    let fixture = OcspFixture::new();
    let der = ResponseDraft { version: Some(0), ..fixture.good() }.sign(&fixture.ca);
    assert_eq!(fixture.validate(&der, &OcspSettings::default()).unwrap().status, CertStatus::Good);
}

#[test]
fn a_response_for_another_serial_number_or_issuer_is_rejected() {
    let fixture = OcspFixture::new();
    let other_ca = TestCa::root("Root");
    let other_card = fixture.ca.issue("bob", &[0x2b, 2]);
    let strangers = [
        SingleResponseDraft::good(&other_card, &fixture.ca),
        SingleResponseDraft::good(&fixture.leaf, &other_ca),
        SingleResponseDraft::good(&fixture.leaf, &TestCa::root("Other")),
    ];
    for single in strangers {
        assert_eq!(
            fixture.error(&ResponseDraft::about(single).sign(&fixture.ca)),
            OcspError::WrongCertificate
        );
    }
    let nothing = ResponseDraft { singles: Vec::new(), ..fixture.good() }.sign(&fixture.ca);
    assert_eq!(fixture.error(&nothing), OcspError::WrongCertificate);
}

#[test]
fn of_two_parts_for_one_certificate_the_one_that_revokes_counts() {
    let fixture = OcspFixture::new();
    let old = SingleResponseDraft { this_update: before(NOW, 2 * HOUR), ..fixture.single() };
    let singles = vec![fixture.single(), old.revoked(None), fixture.single()];
    let der = ResponseDraft { singles, ..fixture.good() }.sign(&fixture.ca);
    let response = fixture.validate(&der, &OcspSettings::default()).unwrap();
    assert!(matches!(response.status, CertStatus::Revoked { .. }), "{response:?}");
}

#[test]
fn of_two_parts_of_one_date_unknown_and_the_earlier_next_update_count() {
    let fixture = OcspFixture::new();
    let settings = OcspSettings::default();
    let long = || SingleResponseDraft { next_update: Some(NOW.plus(2 * HOUR)), ..fixture.single() };
    let validate = |singles| {
        fixture.validate(&ResponseDraft { singles, ..fixture.good() }.sign(&fixture.ca), &settings).unwrap()
    };
    for singles in [vec![fixture.single(), long().unknown()], vec![long().unknown(), fixture.single()]] {
        assert_eq!(validate(singles).status, CertStatus::Unknown);
    }
    for singles in [vec![fixture.single(), long()], vec![long(), fixture.single()]] {
        assert_eq!(validate(singles).due, NOW.plus(HOUR));
    }
}

#[test]
fn a_good_response_must_arrive_before_its_next_update_and_the_grace_end() {
    let fixture = OcspFixture::new();
    let der = fixture.good().sign(&fixture.ca);
    for grace in [Duration::ZERO, HOUR] {
        let settings = OcspSettings { grace, ..OcspSettings::default() };
        let since = NOW.plus(HOUR + grace);
        let last = before(since, Duration::from_secs(1));
        let response = fixture.validate_at(&der, &settings, None, last).unwrap();
        assert_eq!((response.status, response.usable_until), (CertStatus::Good, since.plus(5 * MINUTE)));
        assert_eq!(fixture.validate_at(&der, &settings, None, since), Err(OcspError::Expired { since }));
    }
}

#[test]
fn a_response_without_next_update_is_accepted_for_the_configured_time() {
    let fixture = OcspFixture::new();
    let single = SingleResponseDraft { this_update: NOW, next_update: None, ..fixture.single() };
    let der = ResponseDraft::about(single).sign(&fixture.ca);
    let settings = OcspSettings { max_age_without_next_update: MINUTE, ..OcspSettings::default() };
    assert_eq!(fixture.validate(&der, &settings).unwrap().due, NOW.plus(MINUTE));
    let since = NOW.plus(6 * MINUTE);
    assert_eq!(fixture.validate_at(&der, &settings, None, since), Err(OcspError::Expired { since }));
}

#[test]
fn a_response_dated_more_than_five_minutes_ahead_is_rejected() {
    let fixture = OcspFixture::new();
    let near = NOW.plus(5 * MINUTE);
    let far = near.plus(Duration::from_secs(1));
    let made = |this_update, produced_at| {
        let draft = ResponseDraft::about(SingleResponseDraft { this_update, ..fixture.single() });
        ResponseDraft { produced_at, ..draft }.sign(&fixture.ca)
    };
    assert_eq!(
        fixture.validate(&made(near, near), &OcspSettings::default()).unwrap().status,
        CertStatus::Good
    );
    for der in [made(far, NOW), made(NOW, far)] {
        assert_eq!(fixture.error(&der), OcspError::NotYetValid { from: far });
    }
}

#[test]
fn a_revoked_response_does_not_expire() {
    let fixture = OcspFixture::new();
    let der = ResponseDraft::about(fixture.single().revoked(None)).sign(&fixture.ca);
    let late = NOW.plus(10_000 * HOUR);
    let response = fixture.validate_at(&der, &OcspSettings::default(), None, late).unwrap();
    assert!(matches!(response.status, CertStatus::Revoked { .. }), "{response:?}");
}

#[test]
fn a_returned_nonce_must_be_that_of_the_request_and_require_needs_one() {
    let fixture = OcspFixture::new();
    let sent = OcspNonce::from_bytes(&[7; 32]).unwrap();
    let response = |nonces: &[&[u8]], rule| {
        let extensions = nonces.iter().map(|bytes| nonce(bytes)).collect();
        let der = ResponseDraft { extensions, ..fixture.good() }.sign(&fixture.ca);
        let settings = OcspSettings { nonce: rule, ..OcspSettings::default() };
        fixture.validate_at(&der, &settings, Some(&sent), NOW).map(|response| response.status)
    };
    let (right, wrong): (&[u8], &[u8]) = (&[7; 32], &[8; 32]);
    for rule in [NonceRule::IfReturned, NonceRule::Require] {
        assert_eq!(response(&[right], rule), Ok(CertStatus::Good));
        assert_eq!(response(&[wrong], rule), Err(OcspError::WrongNonce));
        assert_eq!(response(&[right, wrong], rule), Err(OcspError::WrongNonce));
        assert_eq!(response(&[right.split_at(31).0], rule), Err(OcspError::WrongNonce));
    }
    assert_eq!(response(&[], NonceRule::IfReturned), Ok(CertStatus::Good));
    assert_eq!(response(&[], NonceRule::Require), Err(OcspError::NoNonce));
}

#[test]
fn an_unsupported_critical_extension_anywhere_is_rejected() {
    let fixture = OcspFixture::new();
    let unknown = extension(&[0x2a, 3], true, &[5, 0]);
    let oid = ObjectIdentifier::new_unwrap("1.2.3");
    let outer = ResponseDraft { extensions: vec![unknown.clone()], ..fixture.good() };
    let inner = ResponseDraft::about(SingleResponseDraft { extensions: vec![unknown], ..fixture.single() });
    for draft in [outer, inner] {
        assert_eq!(fixture.error(&draft.sign(&fixture.ca)), OcspError::CriticalExtension(oid.into()));
    }
    let harmless =
        ResponseDraft { extensions: vec![extension(&[0x2a, 3], false, &[5, 0])], ..fixture.good() };
    assert_eq!(
        fixture.validate(&harmless.sign(&fixture.ca), &OcspSettings::default()).unwrap().status,
        CertStatus::Good
    );
}

#[test]
fn a_response_changed_after_it_was_signed_is_rejected() {
    let fixture = OcspFixture::new();
    let der = ResponseDraft::about(fixture.single().unknown()).sign(&fixture.ca);
    let at = der.windows(2).position(|pair| pair == [0x82, 0]).unwrap();
    let mut changed = der.clone();
    changed[at] = 0x80;
    assert_eq!(fixture.error(&changed), OcspError::Signature(SignatureError::Wrong));
}

/// The contents of the OBJECT IDENTIFIERs of hashes.
const NIST_HASH: [u8; 8] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];
const SHA1: [u8; 5] = [0x2b, 0x0e, 3, 2, 0x1a];

#[test]
fn a_response_identifies_the_certificate_by_the_hash_that_the_responder_chose() {
    let fixture = OcspFixture::new();
    let nist = |number: u8| [&NIST_HASH[..], &[number]].concat();
    let bob = fixture.ca.issue("bob", &[0x2b, 2]);
    let other_ca = TestCa::root("Root");
    for (hash, algorithm) in [
        (SHA1.to_vec(), &SHA1_FOR_LEGACY_USE_ONLY),
        (nist(1), &SHA256),
        (nist(2), &SHA384),
        (nist(3), &SHA512),
        (nist(4), &SHA224),
    ] {
        let about = |certificate: &Certificate, issuer: &TestCa| {
            fixture.single().named_by(&hash, algorithm, certificate, issuer)
        };
        let status = |single: SingleResponseDraft| {
            fixture
                .validate(&ResponseDraft::about(single).sign(&fixture.ca), &OcspSettings::default())
                .map(|response| response.status)
        };
        assert_eq!(status(about(&fixture.leaf, &fixture.ca)), Ok(CertStatus::Good), "{hash:?}");
        let revoked = status(about(&fixture.leaf, &fixture.ca).revoked(Some(1)));
        assert!(matches!(revoked, Ok(CertStatus::Revoked { .. })), "{hash:?}: {revoked:?}");
        // All parts of the CertID must match.
        for stranger in [about(&bob, &fixture.ca), about(&fixture.leaf, &other_ca)] {
            assert_eq!(status(stranger), Err(OcspError::WrongCertificate), "{hash:?}");
        }
        // The length of one hash and the name of another.
        let mixed = fixture.single().named_by(&nist(1), &SHA512, &fixture.leaf, &fixture.ca);
        assert_eq!(status(mixed), Err(OcspError::WrongCertificate));
    }
}

#[test]
fn with_an_unsupported_hash_only_a_revocation_counts() {
    let fixture = OcspFixture::new();
    let configured = TestCa::root("Configured");
    let responder =
        ConfiguredResponder { url: String::new(), certificate: Some(configured.certificate.clone()) };
    let of_configured = OcspSettings { responder: Some(responder), ..OcspSettings::default() };
    // 2.25 and a UUID, which const-oid cannot hold.
    let uuid = [&[0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat();
    for (hash, is_named) in [(vec![0x2a, 3], true), (uuid, true), (vec![0x80], false)] {
        let named = || fixture.single().named_by(&hash, &SHA256, &fixture.leaf, &fixture.ca);
        let expected = match is_named {
            true => {
                OcspError::UnknownHash(crate::certificate::ObjectIdentifier::from_contents(&hash).unwrap())
            }
            false => OcspError::UnnamedHash,
        };
        assert_eq!(fixture.error(&ResponseDraft::about(named()).sign(&fixture.ca)), expected);
        for (signer, settings) in
            [(&fixture.ca, OcspSettings::default()), (&configured, of_configured.clone())]
        {
            let response = fixture
                .validate(&ResponseDraft::about(named().revoked(None)).sign(signer), &settings)
                .unwrap();
            assert!(matches!(response.status, CertStatus::Revoked { .. }), "{hash:?}");
        }
        let bob = fixture.ca.issue("bob", &[0x2b, 2]);
        let of_bob = fixture.single().named_by(&hash, &SHA256, &bob, &fixture.ca).revoked(None);
        let about_both = |status: SingleResponseDraft| ResponseDraft {
            singles: vec![of_bob_again(&of_bob), status],
            ..fixture.good()
        };
        let response =
            |single| fixture.validate(&about_both(single).sign(&fixture.ca), &OcspSettings::default());
        assert_eq!(response(fixture.single()).unwrap().status, CertStatus::Good, "{hash:?}");
        let revoked = response(fixture.single().revoked(None)).unwrap().status;
        assert!(matches!(revoked, CertStatus::Revoked { .. }), "{hash:?}");
    }
}

fn of_bob_again(single: &SingleResponseDraft) -> SingleResponseDraft {
    SingleResponseDraft {
        id: single.id.clone(),
        status: single.status.clone(),
        this_update: single.this_update,
        next_update: single.next_update,
        extensions: Vec::new(),
        edit: single.edit,
    }
}

#[test]
fn a_revocation_counts_beside_parts_that_cannot_be_decoded() {
    let fixture = OcspFixture::new();
    let of_single: [(&str, FieldEdit); 8] = [
        ("no thisUpdate", |parts| parts.truncate(2)),
        ("thisUpdate of another type", |parts| parts[2] = vec![0x17, 1, b'Z']),
        ("thisUpdate that is no time", |parts| parts[2] = element(0x18, b"yesterday")),
        ("nextUpdate that is no time", |parts| parts[3] = element(0xa0, &element(0x18, b"tomorrow"))),
        ("nextUpdate without content", |parts| parts[3] = element(0xa0, &[])),
        ("extensions of another type", |parts| parts.push(element(0xa1, &[4, 0]))),
        ("an extension without identifier", |parts| parts.push(element(0xa1, &[0x30, 2, 0x30, 0]))),
        ("an unknown field", |parts| parts.push(vec![0xa7, 0])),
    ];
    let of_data: [(&str, FieldEdit); 9] = [
        ("another version", |data| data.insert(0, element(0xa0, &[2, 1, 7]))),
        ("a version of another type", |data| data.insert(0, element(0xa0, &[5, 0]))),
        ("a responder of another type", |data| data[0] = vec![0xa5, 0]),
        ("producedAt that is no time", |data| data[1] = element(0x18, b"never")),
        ("a single response of another type behind it", |data| append(&mut data[2], &[4, 0])),
        ("an empty single response behind it", |data| append(&mut data[2], &[0x30, 0])),
        ("a truncated single response behind it", |data| append(&mut data[2], &[0x30])),
        ("extensions of another type", |data| data.push(element(0xa1, &[4, 0]))),
        ("an unknown critical extension", |data| {
            data.push(element(0xa1, &element(0x30, &extension(&[0x2a, 3], true, &[5, 0]))));
        }),
    ];
    let response = |single: SingleResponseDraft, edit: FieldEdit| {
        let draft = ResponseDraft { edit, ..ResponseDraft::about(single) };
        fixture.validate(&draft.sign(&fixture.ca), &OcspSettings::default()).map(|response| response.status)
    };
    for (what, edit) in of_single {
        let good = response(SingleResponseDraft { edit, ..fixture.single() }, |_| {});
        assert!(matches!(good, Err(OcspError::Malformed(_))), "{what}: {good:?}");
        let revoked = response(SingleResponseDraft { edit, ..fixture.single().revoked(Some(1)) }, |_| {});
        assert!(matches!(revoked, Ok(CertStatus::Revoked { .. })), "{what}: {revoked:?}");
    }
    for (what, edit) in of_data {
        let good = response(fixture.single(), edit);
        assert!(
            matches!(good, Err(OcspError::Malformed(_) | OcspError::CriticalExtension(_))),
            "{what}: {good:?}"
        );
        let revoked = response(fixture.single().revoked(Some(1)), edit);
        assert!(matches!(revoked, Ok(CertStatus::Revoked { .. })), "{what}: {revoked:?}");
    }
}

/// Adds `more` to the content of an encoded SEQUENCE.
fn append(sequence: &mut Vec<u8>, more: &[u8]) {
    let content = der::asn1::AnyRef::try_from(sequence.as_slice()).unwrap().value();
    *sequence = element(0x30, &[content, more].concat());
}

#[test]
fn the_tag_of_revoked_revokes_whatever_its_content() {
    let fixture = OcspFixture::new();
    for status in [
        vec![0xa1, 0],
        vec![0x81, 0],
        vec![0xa1, 2, 5, 0],
        element(0xa1, &[&element(0x18, b"20261122093000Z")[..], &[0xa0, 3, 4, 1, 1]].concat()),
        element(0xa1, &[&element(0x18, b"20261122093000Z")[..], &[0xa0, 3, 0x0a, 1, 99], &[5, 0]].concat()),
    ] {
        let single = SingleResponseDraft { status: status.clone(), ..fixture.single() };
        let response =
            fixture.validate(&ResponseDraft::about(single).sign(&fixture.ca), &OcspSettings::default());
        assert!(matches!(response.unwrap().status, CertStatus::Revoked { .. }), "{status:?}");
    }
}

#[test]
fn a_revocation_counts_under_a_padded_serial_number_and_another_nonce() {
    let fixture = OcspFixture::new();
    let padded = SingleResponseDraft {
        edit: |parts| {
            // The serial number is the last field of the CertID, and has two octets.
            let id = &mut parts[0];
            let end = id.len() - 4;
            let content = [&id[2..end], &[2, 4, 0, 0, 0x2b, 1]].concat();
            *id = element(0x30, &content);
        },
        ..fixture.single().revoked(None)
    };
    let response =
        fixture.validate(&ResponseDraft::about(padded).sign(&fixture.ca), &OcspSettings::default());
    assert!(matches!(response.unwrap().status, CertStatus::Revoked { .. }));
    let extensions = vec![nonce(&[8; 32])];
    let der = ResponseDraft { extensions, ..ResponseDraft::about(fixture.single().revoked(None)) }
        .sign(&fixture.ca);
    let settings = OcspSettings { nonce: NonceRule::Require, ..OcspSettings::default() };
    let sent = OcspNonce::from_bytes(&[7; 32]).unwrap();
    let response = fixture.validate_at(&der, &settings, Some(&sent), NOW);
    assert!(matches!(response.unwrap().status, CertStatus::Revoked { .. }));
}

#[test]
fn a_revocation_counts_whatever_its_date() {
    let fixture = OcspFixture::new();
    for date in ["00010101000000Z", "20261122093000.5Z", "20261122103000+0100", "no date at all"] {
        let single = SingleResponseDraft {
            status: element(0xa1, &element(0x18, date.as_bytes())),
            ..fixture.single()
        };
        let response =
            fixture.validate(&ResponseDraft::about(single).sign(&fixture.ca), &OcspSettings::default());
        assert!(matches!(response.unwrap().status, CertStatus::Revoked { .. }), "{date}");
    }
}

static FIXTURE: LazyLock<(OcspFixture, Vec<u8>)> = LazyLock::new(|| {
    let fixture = OcspFixture::new();
    let singles = vec![fixture.single().unknown(), fixture.single().revoked(Some(1))];
    let draft = ResponseDraft { singles, extensions: vec![nonce(&[7; 32])], ..fixture.good() };
    let der = draft.sign_by(&delegate(&fixture.ca, |_| {}));
    (fixture, der)
});

proptest! {
    #[test]
    fn random_bytes_are_rejected(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(FIXTURE.0.validate(&bytes, &OcspSettings::default()).is_err());
    }

    /// No change of the signature, of the certificate or of the signed bytes makes a revoked certificate good.
    #[test]
    fn a_changed_response_is_never_good(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let (fixture, der) = &*FIXTURE;
        let mut changed = der.clone();
        for (at, byte) in changes {
            let at = at.index(changed.len());
            changed[at] = byte;
        }
        let length = changed.len() - cut.index(changed.len()) / 8;
        for bytes in [&changed[..], &changed[..length]] {
            let validated = fixture.validate(bytes, &OcspSettings::default());
            let is_revoked = validated.map(|response| matches!(response.status, CertStatus::Revoked { .. }));
            prop_assert!(is_revoked != Ok(false));
        }
    }
}
