//! What an answer says, and each way in which it says nothing.

use super::draft::{FieldEdit, nonce};
use super::*;
use crate::certificate::signature::SignatureError;
use crate::revocation::RevocationReason;
use crate::revocation::test_pki::{element, extension};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA224, SHA256, SHA384, SHA512};
use const_oid::ObjectIdentifier;

#[test]
fn a_good_answer_says_who_signed_it_and_how_old_it_is() {
    let scene = OcspFixture::new();
    let answer = scene.judge(&scene.good().sign(&scene.ca), &OcspSettings::default()).unwrap();
    assert_eq!(answer.status, CertStatus::Good);
    assert_eq!(answer.delegate, None);
    assert_eq!((answer.due, answer.usable_until), (NOW.plus(HOUR), NOW.plus(HOUR + 5 * MINUTE)));
    let source = &answer.source;
    assert_eq!((source.url.as_str(), source.signer.to_string()), ("http://ocsp.example/", "CN=Root".into()));
    let times = (source.produced_at, source.this_update, source.next_update);
    assert_eq!(times, (before(NOW, HOUR), before(NOW, HOUR), Some(NOW.plus(HOUR))));
}

#[test]
fn revoked_comes_with_its_reason_and_unknown_is_told_from_it() {
    let scene = OcspFixture::new();
    let reasons = [
        (None, RevocationReason::Unspecified),
        (Some(1), RevocationReason::KeyCompromise),
        (Some(6), RevocationReason::CertificateHold),
        (Some(7), RevocationReason::Unknown),
    ];
    for (code, reason) in reasons {
        let der = ResponseDraft::about(scene.single().revoked(code)).sign(&scene.ca);
        let answer = scene.judge(&der, &OcspSettings::default()).unwrap();
        assert_eq!(answer.status, CertStatus::Revoked { reason, at: before(NOW, 2 * HOUR) });
    }
    let der = ResponseDraft::about(scene.single().unknown()).sign(&scene.ca);
    assert_eq!(scene.judge(&der, &OcspSettings::default()).unwrap().status, CertStatus::Unknown);
}

#[test]
fn each_status_without_content_is_told_apart() {
    let scene = OcspFixture::new();
    let told = [1, 2, 3, 5, 6, 4, 0].map(|code| scene.refusal(&[0x30, 3, 0x0a, 1, code]));
    let expected = [
        OcspErrorStatus::MalformedRequest,
        OcspErrorStatus::InternalError,
        OcspErrorStatus::TryLater,
        OcspErrorStatus::SignatureRequired,
        OcspErrorStatus::Unauthorized,
        OcspErrorStatus::Other(4),
        OcspErrorStatus::Other(0),
    ];
    assert_eq!(told, expected.map(OcspError::Refused));
}

#[test]
fn content_under_another_status_than_success_is_not_read() {
    let scene = OcspFixture::new();
    let der = ResponseDraft { status: 3, ..scene.good() }.sign(&scene.ca);
    assert_eq!(scene.refusal(&der), OcspError::Refused(OcspErrorStatus::TryLater));
}

#[test]
fn another_type_another_version_and_bytes_behind_the_answer_are_refused() {
    let scene = OcspFixture::new();
    let of_type = ResponseDraft { response_type: &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 9], ..scene.good() };
    let oid = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.9");
    assert_eq!(scene.refusal(&of_type.sign(&scene.ca)), OcspError::UnknownType(oid.into()));
    let version_two = ResponseDraft { version: Some(1), ..scene.good() }.sign(&scene.ca);
    assert!(matches!(scene.refusal(&version_two), OcspError::Malformed(_)));
    let mut longer = scene.good().sign(&scene.ca);
    longer.push(0);
    assert!(matches!(scene.refusal(&longer), OcspError::Malformed(_)));
}

#[test]
fn version_one_may_be_written_out() {
    let scene = OcspFixture::new();
    let der = ResponseDraft { version: Some(0), ..scene.good() }.sign(&scene.ca);
    assert_eq!(scene.judge(&der, &OcspSettings::default()).unwrap().status, CertStatus::Good);
}

#[test]
fn an_answer_about_another_serial_or_another_issuer_is_refused() {
    let scene = OcspFixture::new();
    let other_ca = TestCa::root("Root");
    let other_card = scene.ca.issue("bob", &[0x2b, 2]);
    let strangers = [
        SingleResponseDraft::good(&other_card, &scene.ca),
        SingleResponseDraft::good(&scene.card, &other_ca),
        SingleResponseDraft::good(&scene.card, &TestCa::root("Other")),
    ];
    for single in strangers {
        assert_eq!(scene.refusal(&ResponseDraft::about(single).sign(&scene.ca)), OcspError::WrongCertificate);
    }
    let nothing = ResponseDraft { singles: Vec::new(), ..scene.good() }.sign(&scene.ca);
    assert_eq!(scene.refusal(&nothing), OcspError::WrongCertificate);
}

#[test]
fn of_two_statements_about_one_certificate_the_one_that_says_revoked_counts() {
    let scene = OcspFixture::new();
    let old = SingleResponseDraft { this_update: before(NOW, 2 * HOUR), ..scene.single() };
    let singles = vec![scene.single(), old.revoked(None), scene.single()];
    let der = ResponseDraft { singles, ..scene.good() }.sign(&scene.ca);
    let answer = scene.judge(&der, &OcspSettings::default()).unwrap();
    assert!(matches!(answer.status, CertStatus::Revoked { .. }), "{answer:?}");
}

#[test]
fn of_two_statements_of_one_date_unknown_counts_before_good_and_the_one_that_is_due_earlier() {
    let scene = OcspFixture::new();
    let settings = OcspSettings::default();
    let long = || SingleResponseDraft { next_update: Some(NOW.plus(2 * HOUR)), ..scene.single() };
    let judge =
        |singles| scene.judge(&ResponseDraft { singles, ..scene.good() }.sign(&scene.ca), &settings).unwrap();
    for singles in [vec![scene.single(), long().unknown()], vec![long().unknown(), scene.single()]] {
        assert_eq!(judge(singles).status, CertStatus::Unknown);
    }
    for singles in [vec![scene.single(), long()], vec![long(), scene.single()]] {
        assert_eq!(judge(singles).due, NOW.plus(HOUR));
    }
}

#[test]
fn a_good_answer_counts_until_five_minutes_and_the_grace_after_its_next_update() {
    let scene = OcspFixture::new();
    let der = scene.good().sign(&scene.ca);
    for grace in [Duration::ZERO, HOUR] {
        let settings = OcspSettings { grace, ..OcspSettings::default() };
        let since = NOW.plus(HOUR + 5 * MINUTE + grace);
        let last = before(since, Duration::from_secs(1));
        assert_eq!(scene.judge_at(&der, &settings, None, last).unwrap().status, CertStatus::Good);
        assert_eq!(scene.judge_at(&der, &settings, None, since), Err(OcspError::Stale { since }));
    }
}

#[test]
fn an_answer_without_next_update_counts_as_long_as_the_settings_say() {
    let scene = OcspFixture::new();
    let single = SingleResponseDraft { this_update: NOW, next_update: None, ..scene.single() };
    let der = ResponseDraft::about(single).sign(&scene.ca);
    let settings = OcspSettings { max_age_without_next_update: MINUTE, ..OcspSettings::default() };
    assert_eq!(scene.judge(&der, &settings).unwrap().due, NOW.plus(MINUTE));
    let since = NOW.plus(6 * MINUTE);
    assert_eq!(scene.judge_at(&der, &settings, None, since), Err(OcspError::Stale { since }));
}

#[test]
fn an_answer_from_more_than_five_minutes_ahead_is_refused() {
    let scene = OcspFixture::new();
    let near = NOW.plus(5 * MINUTE);
    let far = near.plus(Duration::from_secs(1));
    let made = |this_update, produced_at| {
        let draft = ResponseDraft::about(SingleResponseDraft { this_update, ..scene.single() });
        ResponseDraft { produced_at, ..draft }.sign(&scene.ca)
    };
    assert_eq!(scene.judge(&made(near, near), &OcspSettings::default()).unwrap().status, CertStatus::Good);
    for der in [made(far, NOW), made(NOW, far)] {
        assert_eq!(scene.refusal(&der), OcspError::NotYetValid { from: far });
    }
}

#[test]
fn what_says_revoked_does_not_grow_stale() {
    let scene = OcspFixture::new();
    let der = ResponseDraft::about(scene.single().revoked(None)).sign(&scene.ca);
    let late = NOW.plus(10_000 * HOUR);
    let answer = scene.judge_at(&der, &OcspSettings::default(), None, late).unwrap();
    assert!(matches!(answer.status, CertStatus::Revoked { .. }), "{answer:?}");
}

#[test]
fn a_returned_nonce_must_be_the_one_sent_and_require_wants_one() {
    let scene = OcspFixture::new();
    let sent = OcspNonce::from_bytes(&[7; 32]).unwrap();
    let answer = |nonces: &[&[u8]], rule| {
        let extensions = nonces.iter().map(|bytes| nonce(bytes)).collect();
        let der = ResponseDraft { extensions, ..scene.good() }.sign(&scene.ca);
        let settings = OcspSettings { nonce: rule, ..OcspSettings::default() };
        scene.judge_at(&der, &settings, Some(&sent), NOW).map(|answer| answer.status)
    };
    let (right, wrong): (&[u8], &[u8]) = (&[7; 32], &[8; 32]);
    for rule in [NonceRule::IfReturned, NonceRule::Require] {
        assert_eq!(answer(&[right], rule), Ok(CertStatus::Good));
        assert_eq!(answer(&[wrong], rule), Err(OcspError::WrongNonce));
        assert_eq!(answer(&[right, wrong], rule), Err(OcspError::WrongNonce));
        assert_eq!(answer(&[right.split_at(31).0], rule), Err(OcspError::WrongNonce));
    }
    assert_eq!(answer(&[], NonceRule::IfReturned), Ok(CertStatus::Good));
    assert_eq!(answer(&[], NonceRule::Require), Err(OcspError::NoNonce));
}

#[test]
fn an_unknown_critical_extension_anywhere_is_refused() {
    let scene = OcspFixture::new();
    let unknown = extension(&[0x2a, 3], true, &[5, 0]);
    let oid = ObjectIdentifier::new_unwrap("1.2.3");
    let outer = ResponseDraft { extensions: vec![unknown.clone()], ..scene.good() };
    let inner = ResponseDraft::about(SingleResponseDraft { extensions: vec![unknown], ..scene.single() });
    for draft in [outer, inner] {
        assert_eq!(scene.refusal(&draft.sign(&scene.ca)), OcspError::CriticalExtension(oid.into()));
    }
    let harmless = ResponseDraft { extensions: vec![extension(&[0x2a, 3], false, &[5, 0])], ..scene.good() };
    assert_eq!(
        scene.judge(&harmless.sign(&scene.ca), &OcspSettings::default()).unwrap().status,
        CertStatus::Good
    );
}

#[test]
fn an_answer_changed_after_it_was_signed_is_refused() {
    let scene = OcspFixture::new();
    let der = ResponseDraft::about(scene.single().unknown()).sign(&scene.ca);
    let at = der.windows(2).position(|pair| pair == [0x82, 0]).unwrap();
    let mut changed = der.clone();
    changed[at] = 0x80;
    assert_eq!(scene.refusal(&changed), OcspError::Signature(SignatureError::Wrong));
}

/// The contents of the hashes' OBJECT IDENTIFIERs.
const NIST_HASH: [u8; 8] = [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2];
const SHA1: [u8; 5] = [0x2b, 0x0e, 3, 2, 0x1a];

#[test]
fn an_answer_names_the_certificate_by_the_hash_that_the_responder_chose() {
    let scene = OcspFixture::new();
    let nist = |number: u8| [&NIST_HASH[..], &[number]].concat();
    let bob = scene.ca.issue("bob", &[0x2b, 2]);
    let other_ca = TestCa::root("Root");
    for (hash, algorithm) in [
        (SHA1.to_vec(), &SHA1_FOR_LEGACY_USE_ONLY),
        (nist(1), &SHA256),
        (nist(2), &SHA384),
        (nist(3), &SHA512),
        (nist(4), &SHA224),
    ] {
        let about = |certificate: &Certificate, issuer: &TestCa| {
            scene.single().named_by(&hash, algorithm, certificate, issuer)
        };
        let status = |single: SingleResponseDraft| {
            scene
                .judge(&ResponseDraft::about(single).sign(&scene.ca), &OcspSettings::default())
                .map(|answer| answer.status)
        };
        assert_eq!(status(about(&scene.card, &scene.ca)), Ok(CertStatus::Good), "{hash:?}");
        let revoked = status(about(&scene.card, &scene.ca).revoked(Some(1)));
        assert!(matches!(revoked, Ok(CertStatus::Revoked { .. })), "{hash:?}: {revoked:?}");
        // It must be all of the name, as ever.
        for stranger in [about(&bob, &scene.ca), about(&scene.card, &other_ca)] {
            assert_eq!(status(stranger), Err(OcspError::WrongCertificate), "{hash:?}");
        }
        // One hash's length and another's name.
        let mixed = scene.single().named_by(&nist(1), &SHA512, &scene.card, &scene.ca);
        assert_eq!(status(mixed), Err(OcspError::WrongCertificate));
    }
}

#[test]
fn under_an_unknown_hash_only_a_revocation_counts() {
    let scene = OcspFixture::new();
    let configured = TestCa::root("Configured");
    let responder =
        ConfiguredResponder { url: String::new(), certificate: Some(configured.certificate.clone()) };
    let of_configured = OcspSettings { responder: Some(responder), ..OcspSettings::default() };
    // 2.25 and a UUID, which const-oid cannot hold.
    let uuid = [&[0x69, 0x83][..], &[0xff; 17], &[0x7f]].concat();
    for (hash, is_named) in [(vec![0x2a, 3], true), (uuid, true), (vec![0x80], false)] {
        let named = || scene.single().named_by(&hash, &SHA256, &scene.card, &scene.ca);
        let expected = match is_named {
            true => {
                OcspError::UnknownHash(crate::certificate::ObjectIdentifier::from_contents(&hash).unwrap())
            }
            false => OcspError::UnnamedHash,
        };
        assert_eq!(scene.refusal(&ResponseDraft::about(named()).sign(&scene.ca)), expected);
        for (signer, settings) in [(&scene.ca, OcspSettings::default()), (&configured, of_configured.clone())]
        {
            let answer =
                scene.judge(&ResponseDraft::about(named().revoked(None)).sign(signer), &settings).unwrap();
            assert!(matches!(answer.status, CertStatus::Revoked { .. }), "{hash:?}");
        }
        let bob = scene.ca.issue("bob", &[0x2b, 2]);
        let of_bob = scene.single().named_by(&hash, &SHA256, &bob, &scene.ca).revoked(None);
        let about_both = |status: SingleResponseDraft| ResponseDraft {
            singles: vec![of_bob_again(&of_bob), status],
            ..scene.good()
        };
        let answer = |single| scene.judge(&about_both(single).sign(&scene.ca), &OcspSettings::default());
        assert_eq!(answer(scene.single()).unwrap().status, CertStatus::Good, "{hash:?}");
        let revoked = answer(scene.single().revoked(None)).unwrap().status;
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
fn nothing_beside_a_revocation_that_cannot_be_decoded_takes_it_away() {
    let scene = OcspFixture::new();
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
    let answer = |single: SingleResponseDraft, edit: FieldEdit| {
        let draft = ResponseDraft { edit, ..ResponseDraft::about(single) };
        scene.judge(&draft.sign(&scene.ca), &OcspSettings::default()).map(|answer| answer.status)
    };
    for (what, edit) in of_single {
        let good = answer(SingleResponseDraft { edit, ..scene.single() }, |_| {});
        assert!(matches!(good, Err(OcspError::Malformed(_))), "{what}: {good:?}");
        let revoked = answer(SingleResponseDraft { edit, ..scene.single().revoked(Some(1)) }, |_| {});
        assert!(matches!(revoked, Ok(CertStatus::Revoked { .. })), "{what}: {revoked:?}");
    }
    for (what, edit) in of_data {
        let good = answer(scene.single(), edit);
        assert!(
            matches!(good, Err(OcspError::Malformed(_) | OcspError::CriticalExtension(_))),
            "{what}: {good:?}"
        );
        let revoked = answer(scene.single().revoked(Some(1)), edit);
        assert!(matches!(revoked, Ok(CertStatus::Revoked { .. })), "{what}: {revoked:?}");
    }
}

/// Adds `more` to the content of an encoded SEQUENCE.
fn append(sequence: &mut Vec<u8>, more: &[u8]) {
    let content = der::asn1::AnyRef::try_from(sequence.as_slice()).unwrap().value();
    *sequence = element(0x30, &[content, more].concat());
}

#[test]
fn what_has_the_tag_of_revoked_is_revoked_whatever_stands_in_it() {
    let scene = OcspFixture::new();
    for status in [
        vec![0xa1, 0],
        vec![0x81, 0],
        vec![0xa1, 2, 5, 0],
        element(0xa1, &[&element(0x18, b"20261122093000Z")[..], &[0xa0, 3, 4, 1, 1]].concat()),
        element(0xa1, &[&element(0x18, b"20261122093000Z")[..], &[0xa0, 3, 0x0a, 1, 99], &[5, 0]].concat()),
    ] {
        let single = SingleResponseDraft { status: status.clone(), ..scene.single() };
        let answer = scene.judge(&ResponseDraft::about(single).sign(&scene.ca), &OcspSettings::default());
        assert!(matches!(answer.unwrap().status, CertStatus::Revoked { .. }), "{status:?}");
    }
}

#[test]
fn a_revocation_counts_under_a_padded_serial_number_and_another_nonce() {
    let scene = OcspFixture::new();
    let padded = SingleResponseDraft {
        edit: |parts| {
            // The serial number is the last field of the CertID, and the card's has two octets.
            let id = &mut parts[0];
            let end = id.len() - 4;
            let content = [&id[2..end], &[2, 4, 0, 0, 0x2b, 1]].concat();
            *id = element(0x30, &content);
        },
        ..scene.single().revoked(None)
    };
    let answer = scene.judge(&ResponseDraft::about(padded).sign(&scene.ca), &OcspSettings::default());
    assert!(matches!(answer.unwrap().status, CertStatus::Revoked { .. }));
    let extensions = vec![nonce(&[8; 32])];
    let der =
        ResponseDraft { extensions, ..ResponseDraft::about(scene.single().revoked(None)) }.sign(&scene.ca);
    let settings = OcspSettings { nonce: NonceRule::Require, ..OcspSettings::default() };
    let sent = OcspNonce::from_bytes(&[7; 32]).unwrap();
    let answer = scene.judge_at(&der, &settings, Some(&sent), NOW);
    assert!(matches!(answer.unwrap().status, CertStatus::Revoked { .. }));
}

#[test]
fn a_revocation_counts_whatever_its_date_looks_like() {
    let scene = OcspFixture::new();
    for date in ["00010101000000Z", "20261122093000.5Z", "20261122103000+0100", "no date at all"] {
        let single =
            SingleResponseDraft { status: element(0xa1, &element(0x18, date.as_bytes())), ..scene.single() };
        let answer = scene.judge(&ResponseDraft::about(single).sign(&scene.ca), &OcspSettings::default());
        assert!(matches!(answer.unwrap().status, CertStatus::Revoked { .. }), "{date}");
    }
}
