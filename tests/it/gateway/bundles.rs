//! A gateway whose trust anchors, intermediates, identity issuer and CRLs come from PKCS #7 bundles.

use crate::support::{TestClient, TestConfig, TestGateway, openssl};
use std::path::Path;

const REALM: &str = r#"
trust_anchors = ["root.p7b"]
intermediates = ["intermediates.p7b"]
extended_key_usage = ["client_auth", "smartcard_logon"]
revocation = { mode = "require", crl = ["crls/"] }
mapping = { order = ["upn"], strength = "weak" }
identity_issuers = [{ certificate = "issuing.p7b", upn_suffixes = ["corp.example"] }]
"#;

fn bundle(folder: &Path, more: &[&str], out: &str) {
    let out = folder.join(out).display().to_string();
    let arguments = [&["crl2pkcs7", "-outform", "DER", "-out", &out][..], more].concat();
    let ran = openssl(&arguments).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.output());
}

#[tokio::test]
async fn certificates_are_validated_with_anchors_issuers_and_crls_from_bundles() {
    // Records the skip if openssl is not installed.
    if openssl(&["version"]).is_none() {
        return;
    }
    let gateway =
        TestGateway::prepared(TestConfig { realm: REALM.to_owned(), ..TestConfig::default() }, |folder| {
            std::fs::create_dir(folder.join("crls")).unwrap();
            let path = |name: &str| folder.join("pki").join(name).display().to_string();
            for name in ["root", "intermediates", "issuing"] {
                let certificates = path(&format!("{name}.pem"));
                bundle(folder, &["-nocrl", "-certfile", &certificates], &format!("{name}.p7b"));
            }
            for name in ["root", "policy", "issuing"] {
                let (crl, certificate) = (path(&format!("crl/{name}.crl")), path("root.pem"));
                let more = ["-inform", "DER", "-in", &crl, "-certfile", &certificate];
                bundle(folder, &more, &format!("crls/{name}.p7b"));
            }
        });
    for (card, expected) in [
        ("alice", "200 permit"),
        ("bob", "403 certificate-revoked"),
        ("mallory", "403 certificate-untrusted"),
    ] {
        let response = TestClient::new(&gateway).certificate(card).get("/require/echo").await;
        assert_eq!(response.status_and_id(), expected, "{card}");
    }
}
