//! Assertions are verified by PyJWT, an independent library.

use super::verifier::{Expected, verify};
use crate::support::{TestClient, TestConfig, TestGateway, TestResponse, pki, sha256};
use portcullis::clock::{Clock, UnixTime};
use portcullis::delegation::assertion::{
    AssertionSigner, AssertionSignerSettings, AuthenticationMethod, RequestClaims,
};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm};
use rustls_pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

const REQUEST: Expected<'_> = Expected {
    issuer: "https://gateway.corp.example",
    audience: "rms",
    host: "rms.corp.example",
    method: "POST",
    path: "/_wmcs/licensing/license.asmx",
};

fn key(kind: &'static SignatureAlgorithm) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(KeyPair::generate_for(kind).unwrap().serialize_der().into())
}

fn signer_of(keys: &[PrivateKeyDer<'_>]) -> AssertionSigner {
    let settings =
        AssertionSignerSettings { issuer: REQUEST.issuer.to_owned(), lifetime: Duration::from_secs(60) };
    AssertionSigner::new(keys, settings).unwrap()
}

fn signed(signer: &AssertionSigner, issued_at: UnixTime) -> String {
    let claims = RequestClaims {
        audience: REQUEST.audience,
        subject: r"CORP\alice",
        upn: Some("alice@corp.example"),
        sid: Some("S-1-5-21-1-2-3-1103"),
        groups: &["Ärzte"],
        certificate_sha256: None,
        host: REQUEST.host,
        method: REQUEST.method,
        path: REQUEST.path,
        method_of_authentication: AuthenticationMethod::Smartcard,
        authenticated_at: issued_at,
        issued_at,
        id: "01JD8Z",
    };
    signer.sign(&claims).unwrap()
}

/// A JWK set in a file.
struct Published {
    folder: TempDir,
}

impl Published {
    fn by(signer: &AssertionSigner) -> Self {
        let published = Self { folder: TempDir::new().unwrap() };
        fs::write(published.path(), &**signer.jwks()).unwrap();
        published
    }

    fn path(&self) -> String {
        self.folder.path().join("jwks.json").display().to_string()
    }
}

#[track_caller]
fn assert_rejected(jwks: &Published, assertion: &str, request: &Expected<'_>, why: &str) {
    let Some(ran) = verify(&jwks.path(), assertion, request) else { return };
    assert_eq!(ran.code, 1, "{}", ran.output());
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
}

#[test]
fn another_library_verifies_assertions_of_each_kind_of_key() {
    for kind in [&PKCS_ECDSA_P256_SHA256, &PKCS_ED25519, &PKCS_RSA_SHA256] {
        let signer = signer_of(&[key(kind)]);
        let assertion = signed(&signer, Clock::system().now());
        let Some(ran) = verify(&Published::by(&signer).path(), &assertion, &REQUEST) else { return };
        assert_eq!(ran.code, 0, "{kind:?}: {}", ran.stderr);
        let claims: Value = serde_json::from_str(&ran.stdout).unwrap();
        let displayed = [&claims["sub"], &claims["upn"], &claims["sid"], &claims["groups"], &claims["amr"]];
        let expected = [
            json!(r"CORP\alice"),
            json!("alice@corp.example"),
            json!("S-1-5-21-1-2-3-1103"),
            json!(["Ärzte"]),
            json!(["sc"]),
        ];
        assert_eq!(displayed, expected.each_ref());
    }
}

#[test]
fn another_library_verifies_both_keys_during_a_key_change() {
    let (old, new) = (key(&PKCS_RSA_SHA256), key(&PKCS_ECDSA_P256_SHA256));
    let before = signer_of(&[old.clone_key(), new.clone_key()]);
    let after = signer_of(&[new.clone_key(), old]);
    let ended = signer_of(&[new]);
    let now = Clock::system().now();
    for signer in [&before, &after] {
        for jwks in [&before, &after] {
            let published = Published::by(jwks);
            let Some(ran) = verify(&published.path(), &signed(signer, now), &REQUEST) else { return };
            assert_eq!(ran.code, 0, "{}", ran.stderr);
        }
    }
    assert_rejected(&Published::by(&ended), &signed(&before, now), &REQUEST, "no published key");
}

#[test]
fn an_assertion_for_another_request_is_rejected() {
    let signer = signer_of(&[key(&PKCS_ECDSA_P256_SHA256)]);
    let jwks = Published::by(&signer);
    let assertion = signed(&signer, Clock::system().now());
    let rejected = |request: Expected<'_>, why| assert_rejected(&jwks, &assertion, &request, why);
    rejected(Expected { path: "/_wmcs/licensing/publish.asmx", ..REQUEST }, "for the path");
    rejected(Expected { method: "GET", ..REQUEST }, "for the method");
    rejected(Expected { host: "open.corp.example", ..REQUEST }, "for the host");
    rejected(Expected { audience: "intranet", ..REQUEST }, "InvalidAudienceError");
    rejected(Expected { issuer: "https://other.example", ..REQUEST }, "InvalidIssuerError");
}

#[test]
fn an_expired_assertion_is_rejected() {
    let signer = signer_of(&[key(&PKCS_ECDSA_P256_SHA256)]);
    let earlier = Clock::system().now().since_epoch() - Duration::from_secs(120);
    let assertion = signed(&signer, UnixTime::from(earlier));
    assert_rejected(&Published::by(&signer), &assertion, &REQUEST, "ExpiredSignatureError");
}

#[test]
fn an_assertion_of_another_key_is_rejected() {
    let signer = signer_of(&[key(&PKCS_ECDSA_P256_SHA256)]);
    let other = signer_of(&[key(&PKCS_ECDSA_P256_SHA256)]);
    let now = Clock::system().now();
    assert_rejected(&Published::by(&signer), &signed(&other, now), &REQUEST, "no published key");
    // The claims and signature of the other key, with the id of the right key.
    let (right, wrong) = (signed(&signer, now), signed(&other, now));
    let header = right.split('.').next().unwrap();
    let forged = format!("{header}.{}", wrong.split_once('.').unwrap().1);
    assert_rejected(&Published::by(&signer), &forged, &REQUEST, "InvalidSignatureError");
}

/// Starts a gateway that sends assertions to its backend, with the keys `new.key` and `old.key` in its folder.
fn lab(keys: &str) -> TestGateway {
    let setup = TestConfig {
        top: format!("workers = 1\nassertion = {{ keys = [{keys}], issuer = {:?} }}", REQUEST.issuer),
        backend:
            r#"headers = { sets = ["assertion"], secret = { name = "X-Gateway-Secret", file = "secret" } }"#
                .to_owned(),
        ..TestConfig::default()
    };
    TestGateway::prepared(setup, |folder| {
        for name in ["new.key", "old.key"] {
            let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
            fs::write(folder.join(name), pair.serialize_pem()).unwrap();
        }
        fs::write(folder.join("secret"), format!("{SECRET}\n")).unwrap();
    })
}

const SECRET: &str = "only-the-gateway-knows-this-text";

/// Returns the value of a header that the backend received.
fn received(response: &TestResponse, name: &str) -> String {
    response
        .received_header(name)
        .into_iter()
        .next()
        .unwrap_or_else(|| panic!("{name} was not sent"))
        .to_owned()
}

#[tokio::test]
async fn a_backend_verifies_assertions_with_the_published_keys() {
    let mut lab = lab(r#""new.key""#);
    let client = TestClient::new(&lab).certificate("alice");
    let jwks = format!("http://{}/jwks.json", lab.admin_address());
    let expected = Expected { method: "GET", path: "/require/echo", ..REQUEST };
    let response = client.get("/require/echo").await;
    let assertion = received(&response, "x-portcullis-assertion");
    let Some(ran) = verify(&jwks, &assertion, &expected) else { return };
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let claims: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(claims["sub"], "alice@corp.example");
    assert_eq!(claims["amr"], json!(["sc"]));
    assert_eq!(claims["jti"], response.request_id().as_str());
    assert_eq!(claims["certificate_sha256"], sha256(pki().card("alice").unwrap().certificate_der()).as_str());

    lab.reload(|setup| setup.top = setup.top.replace(r#""new.key""#, r#""old.key", "new.key""#));
    let Some(ran) = verify(&jwks, &assertion, &expected) else { return };
    assert_eq!(ran.code, 0, "the key is still published: {}", ran.stderr);
    let changed = received(&client.get("/require/echo").await, "x-portcullis-assertion");
    let Some(ran) = verify(&jwks, &changed, &expected) else { return };
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    lab.reload(|setup| setup.top = setup.top.replace(r#", "new.key""#, ""));
    let Some(ran) = verify(&jwks, &assertion, &expected) else { return };
    assert!(ran.stderr.contains("no published key"), "{}", ran.stderr);
}

#[tokio::test]
async fn an_assertion_and_a_secret_header_of_a_client_are_removed() {
    let lab = lab(r#""new.key""#);
    let forged = [
        ("X-Portcullis-Assertion", "forged"),
        ("X_Gateway_Secret", "guessed"),
        ("X-Gateway-Secret", "guessed"),
    ];
    for client in [TestClient::new(&lab).http1(), TestClient::new(&lab).http2()] {
        let anonymous = client.get_with("/ignore/echo", &forged).await;
        assert_eq!(anonymous.received_header("x-portcullis-assertion"), [""; 0]);
        assert_eq!(anonymous.received_header("x-gateway-secret"), [SECRET]);
        let named = client.certificate("alice").get_with("/require/echo", &forged).await;
        assert_eq!(named.received_header("x-gateway-secret"), [SECRET]);
        assert_eq!(named.received_header("x-portcullis-assertion").len(), 1);
        for response in [anonymous, named] {
            assert!(
                !response.text().contains("forged") && !response.text().contains("guessed"),
                "{}",
                response.text()
            );
        }
    }
}
