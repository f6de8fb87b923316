//! Assertions are signed, and verified with the JWT library.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use const_oid::db::rfc5912::RSA_ENCRYPTION;
use der::asn1::{AnyRef, OctetStringRef, UintRef};
use der::{Encode, Tag};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer};
use serde_json::{Value, json};
use spki::AlgorithmIdentifierRef;

use super::{
    AssertionError, AssertionKeyError, AssertionSigner, AssertionSignerError, AssertionSignerSettings,
    AuthenticationMethod, RequestClaims,
};
use crate::clock::UnixTime;

const NOW: UnixTime = UnixTime::from_seconds(1_795_339_800);

fn key(algorithm: &'static rcgen::SignatureAlgorithm) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(KeyPair::generate_for(algorithm).unwrap().serialize_der().into())
}

fn settings() -> AssertionSignerSettings {
    AssertionSignerSettings {
        issuer: "https://gateway.corp.example".to_owned(),
        lifetime: Duration::from_secs(60),
    }
}

fn signer(keys: &[PrivateKeyDer<'_>]) -> Result<AssertionSigner, AssertionSignerError> {
    AssertionSigner::new(keys, settings())
}

fn claims() -> RequestClaims<'static> {
    RequestClaims {
        audience: "rms",
        subject: r"CORP\alice",
        upn: Some("alice@corp.example"),
        sid: Some("S-1-5-21-1-2-3-1103"),
        groups: &["Staff, all", "Ärzte"],
        certificate_sha256: Some("0011"),
        host: "rms.corp.example",
        method: "POST",
        path: "/_wmcs/licensing/license.asmx",
        method_of_authentication: AuthenticationMethod::Smartcard,
        authenticated_at: UnixTime::from_seconds(1_795_339_000),
        issued_at: NOW,
        id: "01JD8Z",
    }
}

/// Verifies `token` with the key of `jwks` that has its `kid`, and returns its claims.
fn verify(jwks: &str, token: &str) -> Result<Value, jsonwebtoken::errors::Error> {
    let header = decode_header(token)?;
    let set: JwkSet = serde_json::from_str(jwks).unwrap();
    let published = set.find(header.kid.as_deref().unwrap()).expect("the key is published");
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.set_audience(&["rms"]);
    Ok(decode(token, &DecodingKey::from_jwk(published)?, &validation)?.claims)
}

#[test]
fn an_assertion_has_all_claims_and_is_verified_by_the_published_key() {
    for (kind, algorithm) in [
        (&PKCS_ECDSA_P256_SHA256, Algorithm::ES256),
        (&PKCS_ED25519, Algorithm::EdDSA),
        (&PKCS_RSA_SHA256, Algorithm::RS256),
    ] {
        let signer = signer(&[key(kind)]).unwrap();
        let token = signer.sign(&claims()).unwrap();
        assert_eq!(decode_header(&token).unwrap().alg, algorithm);
        let expected = json!({
            "iss": "https://gateway.corp.example",
            "aud": "rms",
            "sub": r"CORP\alice",
            "upn": "alice@corp.example",
            "sid": "S-1-5-21-1-2-3-1103",
            "groups": ["Staff, all", "Ärzte"],
            "certificate_sha256": "0011",
            "host": "rms.corp.example",
            "method": "POST",
            "path": "/_wmcs/licensing/license.asmx",
            "amr": ["sc"],
            "auth_time": 1_795_339_000,
            "iat": 1_795_339_800,
            "exp": 1_795_339_860,
            "jti": "01JD8Z",
        });
        assert_eq!(verify(signer.jwks(), &token).unwrap(), expected);
    }
}

#[test]
fn unknown_properties_of_a_user_are_absent() {
    let signer = signer(&[key(&PKCS_ECDSA_P256_SHA256)]).unwrap();
    let method_of_authentication = AuthenticationMethod::Password;
    let unknown = RequestClaims { upn: None, sid: None, certificate_sha256: None, groups: &[], ..claims() };
    let token = signer.sign(&RequestClaims { method_of_authentication, ..unknown }).unwrap();
    let claims = verify(signer.jwks(), &token).unwrap();
    let absent = ["upn", "sid", "certificate_sha256", "groups"];
    assert!(absent.iter().all(|claim| claims.get(claim).is_none()), "{claims}");
    assert_eq!(claims["amr"], json!(["pwd"]));
}

#[test]
fn the_first_key_signs_and_all_are_published() {
    let (old, new) = (key(&PKCS_RSA_SHA256), key(&PKCS_ECDSA_P256_SHA256));
    let announcing = signer(&[old.clone_key(), new.clone_key()]).unwrap();
    let changed = signer(&[new, old]).unwrap();
    let before = announcing.sign(&claims()).unwrap();
    let after = changed.sign(&claims()).unwrap();
    let kid = |token: &str| decode_header(token).unwrap().kid.unwrap();
    assert_eq!(kid(&before), announcing.key_ids()[0]);
    assert_eq!(kid(&after), announcing.key_ids()[1]);
    // A backend that has either set can verify both.
    for jwks in [announcing.jwks(), changed.jwks()] {
        assert!(verify(jwks, &before).is_ok() && verify(jwks, &after).is_ok());
    }
}

#[test]
fn no_private_parameter_of_a_key_is_published() {
    let keys = [key(&PKCS_RSA_SHA256), key(&PKCS_ECDSA_P256_SHA256), key(&PKCS_ED25519)];
    let signer = signer(&keys).unwrap();
    let set: Value = serde_json::from_str(signer.jwks()).unwrap();
    let names: Vec<Vec<&str>> = set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_object().unwrap().keys().map(String::as_str).collect())
        .collect();
    let sorted = |names: &[&str]| {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(sorted(&names[0]), sorted(&["use", "alg", "kid", "kty", "n", "e"]));
    assert_eq!(sorted(&names[1]), sorted(&["use", "alg", "kid", "kty", "crv", "x", "y"]));
    assert_eq!(sorted(&names[2]), sorted(&["use", "alg", "kid", "kty", "crv", "x"]));
    assert!(format!("{signer:?}").contains("[redacted]"));
}

#[test]
fn a_key_is_named_by_its_thumbprint() {
    let signer = signer(&[key(&PKCS_ED25519)]).unwrap();
    let set: Value = serde_json::from_str(signer.jwks()).unwrap();
    let x = set["keys"][0]["x"].as_str().unwrap();
    // RFC 8037 section 2 with RFC 7638 section 3: the required members in order, without spaces.
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, members.as_bytes());
    assert_eq!(signer.key_ids(), [URL_SAFE_NO_PAD.encode(hash)]);
    assert_eq!(set["keys"][0]["kid"], signer.key_ids()[0]);
}

#[test]
fn a_changed_assertion_is_not_verified() {
    let signer = signer(&[key(&PKCS_ECDSA_P256_SHA256)]).unwrap();
    let token = signer.sign(&claims()).unwrap();
    let other = signer.sign(&RequestClaims { path: "/other", ..claims() }).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let others: Vec<&str> = other.split('.').collect();
    let forged = [parts[0], others[1], parts[2]].join(".");
    assert!(verify(signer.jwks(), &forged).is_err());
    assert!(verify(signer.jwks(), &token).is_ok());
}

#[test]
fn an_assertion_without_a_required_claim_is_not_signed() {
    let signer = signer(&[key(&PKCS_ECDSA_P256_SHA256)]).unwrap();
    for (claim, incomplete) in [
        ("aud", RequestClaims { audience: "", ..claims() }),
        ("sub", RequestClaims { subject: "", ..claims() }),
        ("jti", RequestClaims { id: "", ..claims() }),
        ("host", RequestClaims { host: "", ..claims() }),
        ("method", RequestClaims { method: "", ..claims() }),
        ("path", RequestClaims { path: "", ..claims() }),
    ] {
        let rejected = signer.sign(&incomplete).unwrap_err();
        assert!(matches!(rejected, AssertionError::Empty { claim: named } if named == claim), "{claim}");
    }
}

#[test]
fn an_assertion_is_valid_for_at_most_five_minutes() {
    let keys = [key(&PKCS_ECDSA_P256_SHA256)];
    let of = |millis| {
        let lifetime = Duration::from_millis(millis);
        AssertionSigner::new(&keys, AssertionSignerSettings { lifetime, ..settings() })
    };
    for millis in [0, 999, 300_001] {
        assert!(matches!(of(millis), Err(AssertionSignerError::Lifetime { .. })), "{millis} ms");
    }
    let signer = of(300_000).unwrap();
    let claims = verify(signer.jwks(), &signer.sign(&claims()).unwrap()).unwrap();
    assert_eq!(claims["exp"], json!(NOW.seconds() + 300));
}

#[test]
fn a_signer_without_an_issuer_is_rejected() {
    let nameless = AssertionSignerSettings { issuer: String::new(), ..settings() };
    let rejected = AssertionSigner::new(&[key(&PKCS_ECDSA_P256_SHA256)], nameless);
    assert!(matches!(rejected, Err(AssertionSignerError::NoIssuer)));
}

#[test]
fn an_assertion_that_is_too_long_is_rejected_and_not_shortened() {
    let signer = signer(&[key(&PKCS_ECDSA_P256_SHA256)]).unwrap();
    let groups = ["g".repeat(8192)];
    let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
    let rejected = signer.sign(&RequestClaims { groups: &groups, ..claims() }).unwrap_err();
    assert!(matches!(rejected, AssertionError::TooLong { limit: 8192, .. }));
}

#[test]
fn unusable_keys_are_rejected_with_their_position() {
    let valid = key(&PKCS_ECDSA_P256_SHA256);
    assert!(matches!(signer(&[]), Err(AssertionSignerError::NoKeys)));
    let twice = signer(&[valid.clone_key(), valid.clone_key()]);
    assert!(matches!(twice, Err(AssertionSignerError::Duplicate { number: 2 })));
    let cause = |second: PrivateKeyDer<'static>| match signer(&[valid.clone_key(), second]) {
        Err(AssertionSignerError::Key { number: 2, cause }) => cause,
        other => panic!("{other:?}"),
    };
    assert!(matches!(cause(key(&PKCS_ECDSA_P384_SHA384)), AssertionKeyError::Unsupported { .. }));
    let garbage = PrivateKeyDer::Pkcs8(vec![0x30, 0].into());
    assert!(matches!(cause(garbage), AssertionKeyError::Malformed(_)));
    let old = PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(vec![0x30, 0]));
    assert!(matches!(cause(old), AssertionKeyError::NotPkcs8));
    let PrivateKeyDer::Pkcs8(ed25519) = key(&PKCS_ED25519) else { panic!("it is PKCS #8") };
    let mut inconsistent = ed25519.secret_pkcs8_der().to_vec();
    // The last byte belongs to the public key.
    *inconsistent.last_mut().unwrap() ^= 1;
    assert!(matches!(cause(PrivateKeyDer::Pkcs8(inconsistent.into())), AssertionKeyError::Inconsistent));
}

/// Returns the part of an RSA key that is decoded to determine its length, with a modulus of this many bits.
fn rsa_of(bits: usize) -> PrivateKeyDer<'static> {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] >>= (8 - bits % 8) % 8;
    let numbers = [0_u8.to_der().unwrap(), UintRef::new(&modulus).unwrap().to_der().unwrap()].concat();
    let pkcs1 = AnyRef::new(Tag::Sequence, &numbers).unwrap().to_der().unwrap();
    let algorithm = AlgorithmIdentifierRef { oid: RSA_ENCRYPTION, parameters: Some(AnyRef::NULL) };
    let key = OctetStringRef::new(&pkcs1).unwrap();
    let fields = [0_u8.to_der().unwrap(), algorithm.to_der().unwrap(), key.to_der().unwrap()].concat();
    PrivateKeyDer::Pkcs8(AnyRef::new(Tag::Sequence, &fields).unwrap().to_der().unwrap().into())
}

#[test]
fn an_rsa_key_that_is_too_short_or_too_long_is_rejected() {
    for wrong in [1024, 2047, 4097, 8192] {
        let rejected = signer(&[rsa_of(wrong)]).unwrap_err();
        let AssertionSignerError::Key { cause: AssertionKeyError::RsaLength { bits, .. }, .. } = rejected
        else {
            panic!("{rejected:?}")
        };
        assert_eq!(bits, wrong);
    }
    for right in [2048, 4096] {
        let rejected = signer(&[rsa_of(right)]).unwrap_err();
        assert!(
            matches!(rejected, AssertionSignerError::Key { cause: AssertionKeyError::Inconsistent, .. }),
            "only its numbers are wrong"
        );
    }
}
