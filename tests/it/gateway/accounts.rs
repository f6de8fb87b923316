//! The mapping of client certificates to accounts, and the headers by which the backend learns the account.

use crate::support::{TestClient, TestConfig, TestGateway, TestResponse, pki, sha256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::asn1::AnyRef;
use der::{Decode, Encode, Reader, SliceReader, Tag};
use portcullis::demo::pki::KeyedChain;
use rustls_pki_types::CertificateDer;

/// Returns a realm with these mapping rules, which precede the UPN.
fn with_rules(strength: &str, rules: &str) -> TestConfig {
    let realm = TestConfig::default()
        .realm
        .replace(r#"order = ["upn"]"#, r#"order = ["rule", "upn"]"#)
        .replace("\"weak\"", &format!("\"{strength}\""));
    TestConfig { realm, more: rules.to_owned(), ..TestConfig::default() }
}

/// Returns a realm that requires a strong mapping and has one rule, for the certificate of alice.
fn with_rule_for_alice() -> TestConfig {
    let leaf = sha256(pki().card("alice").unwrap().certificate_der());
    with_rules("strong", &RULE_FOR_ALICE.replace("{leaf}", &leaf))
}

const RULE_FOR_ALICE: &str = r#"
[[realm.staff.rule]]
name = "alice's card"
certificate_sha256 = "{leaf}"
account = { user = 'CORP\älice', upn = "alice@corp.example", sid = "S-1-5-21-1-2-3-1104", groups = ["RMS Users", "Staff", "Board, the"] }
"#;

async fn at_require(gateway: &TestGateway, card: &str) -> TestResponse {
    TestClient::new(gateway).certificate(card).get("/require/echo").await
}

#[tokio::test]
async fn a_rule_for_one_certificate_is_a_strong_mapping() {
    let gateway = TestGateway::with(with_rule_for_alice());
    let response = at_require(&gateway, "alice").await;
    assert_eq!(response.status_and_id(), "200 permit");
    assert_eq!(response.received_header("x-remote-user"), ["CORP\\%C3%A4lice"]);
    assert_eq!(response.received_header("x-remote-sid"), ["S-1-5-21-1-2-3-1104"]);
    assert!(
        response.received_header("x-remote-mapping")[0].ends_with("; strong"),
        "{:?}",
        response.received_header("x-remote-mapping")
    );
    let record = gateway.record(&response.request_id()).await;
    assert_eq!(record["account"]["user"], "CORP\\älice");
    // The rule does not match another certificate of the same user.
    assert_eq!(at_require(&gateway, "alice-rsa").await.status_and_id(), "403 mapping-too-weak");
}

#[tokio::test]
async fn only_the_groups_of_send_groups_are_sent() {
    let backend = r#"headers = { send_groups = ["rms users", "Board, the", "Other"] }"#;
    let gateway = TestGateway::with(TestConfig { backend: backend.into(), ..with_rule_for_alice() });
    let response = at_require(&gateway, "alice").await;
    assert_eq!(response.received_header("x-remote-groups"), ["RMS Users,Board%2C the"]);
    let gateway = TestGateway::with(with_rule_for_alice());
    assert_eq!(at_require(&gateway, "alice").await.received_header("x-remote-groups"), [""; 0]);
}

#[tokio::test]
async fn a_denying_rule_precedes_the_name_in_the_certificate() {
    let rule = r#"
[[realm.staff.rule]]
name = "judy has left"
issuer = "pki/issuing.pem"
subject = { CN = "jud*" }
deny = true
"#;
    let gateway = TestGateway::with(with_rules("weak", rule));
    assert_eq!(at_require(&gateway, "judy").await.status_and_id(), "403 not-mapped");
    assert_eq!(at_require(&gateway, "alice").await.status_and_id(), "200 permit");
}

#[tokio::test]
async fn a_denying_rule_is_not_evaded_by_another_spelling_of_the_name() {
    for pattern in ["JUDY", " judy.", "jüdy", "ｊｕｄｙ", "judу", "ju\u{ad}dy", "J*", "*UDÝ"] {
        let rule = format!(
            "[[realm.staff.rule]]\nname = \"judy\"\nissuer = \"pki/issuing.pem\"\nsubject = {{ CN = \"{pattern}\" }}\ndeny = true\n"
        );
        let gateway = TestGateway::with(with_rules("weak", &rule));
        assert_eq!(at_require(&gateway, "judy").await.status_and_id(), "403 not-mapped", "{pattern}");
        assert_eq!(at_require(&gateway, "alice").await.status_and_id(), "200 permit", "{pattern}");
    }
}

/// Returns the certificate with the other valid ECDSA signature, whose s is n - s. An attacker can compute it without the
/// issuer's key, and it changes the digest of the certificate.
fn twin(certificate: &[u8]) -> CertificateDer<'static> {
    let order = b"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order = num_bigint::BigUint::parse_bytes(order, 16).unwrap();
    let mut parts: Vec<AnyRef<'_>> = fields(AnyRef::try_from(certificate).unwrap());
    let bits = parts.pop().unwrap();
    let [r, s] = <[AnyRef<'_>; 2]>::try_from(fields(AnyRef::try_from(&bits.value()[1..]).unwrap())).unwrap();
    let s = (order - num_bigint::BigUint::from_bytes_be(s.value())).to_bytes_be();
    let s = der::asn1::UintRef::new(&s).unwrap().to_der().unwrap();
    let signature = sequence(&[&r.to_der().unwrap(), &s]);
    let bits = AnyRef::new(Tag::BitString, &[&[0], signature.as_slice()].concat()).unwrap().to_der().unwrap();
    let [tbs, algorithm] = [0, 1].map(|place| parts[place].to_der().unwrap());
    sequence(&[&tbs, &algorithm, &bits]).into()
}

fn fields(sequence: AnyRef<'_>) -> Vec<AnyRef<'_>> {
    let mut reader = SliceReader::new(sequence.value()).unwrap();
    let mut fields = Vec::new();
    while !reader.is_finished() {
        fields.push(AnyRef::decode(&mut reader).unwrap());
    }
    fields
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    AnyRef::new(Tag::Sequence, &parts.concat()).unwrap().to_der().unwrap()
}

#[tokio::test]
async fn a_changed_certificate_signature_evades_no_rule() {
    let of = |name: &str| {
        let card = pki().card(name).unwrap();
        let leaf = twin(card.certificate_der());
        assert_ne!(&*leaf, card.certificate_der());
        let chain = [leaf].into_iter().chain(card.chain[1..].iter().cloned()).collect();
        (
            KeyedChain { name: name.to_owned(), chain, key: card.key.clone_key() },
            sha256(card.certificate_der()),
        )
    };
    let (changed, own) = of("alice");
    let (revoked, _) = of("bob");
    let criteria = [
        format!("certificate_sha256 = \"{own}\""),
        format!("certificate_sha256 = \"{}\"", sha256(&changed.chain[0])),
        "certificate = \"alice.der\"".to_owned(),
        "certificate = \"changed.der\"".to_owned(),
    ];
    for criterion in criteria {
        for (outcome, expected, user) in [
            ("deny = true", "403 not-mapped", None),
            ("account = { user = 'CORP\\reader' }", "200 permit", Some("CORP\\reader")),
        ] {
            let rule = format!("[[realm.staff.rule]]\nname = \"alice\"\n{criterion}\n{outcome}\n");
            let gateway = TestGateway::prepared(with_rules("weak", &rule), |folder| {
                let alice = pki().card("alice").unwrap();
                std::fs::write(folder.join("alice.der"), alice.certificate_der()).unwrap();
                std::fs::write(folder.join("changed.der"), &changed.chain[0]).unwrap();
            });
            for client in
                [TestClient::new(&gateway).certificate("alice"), TestClient::new(&gateway).chain(&changed)]
            {
                let response = client.get("/require/echo").await;
                assert_eq!(response.status_and_id(), expected, "{rule}");
                if let Some(user) = user {
                    assert_eq!(response.received_header("x-remote-user"), [user], "{rule}");
                }
            }
            let response = TestClient::new(&gateway).chain(&revoked).get("/require/echo").await;
            assert_eq!(response.status_and_id(), "403 certificate-revoked");
        }
    }
}

#[tokio::test]
async fn a_name_is_mapped_only_if_its_issuer_may_assert_it() {
    for (from, to) in [("pki/issuing.pem", "pki/policy.pem"), ("corp.example", "other.example")] {
        let realm = TestConfig::default().realm.replace(from, to);
        let gateway = TestGateway::with(TestConfig { realm, ..TestConfig::default() });
        assert_eq!(at_require(&gateway, "alice").await.status_and_id(), "403 not-mapped", "{to}");
    }
}

#[tokio::test]
async fn a_backend_receives_the_configured_header_sets_and_names() {
    let backend = r#"headers = { sets = ["account", "rfc9440", "arr"], names = { user = "X-Logon" } }"#;
    let gateway = TestGateway::with(TestConfig { backend: backend.into(), ..TestConfig::default() });
    let card = pki().card("alice").unwrap();
    let spoofed = ["x-logon", "X_LOGON", "client-cert", "client-cert-chain", "x-arr-clientcert"];
    for client in TestClient::http1_and_http2(&gateway) {
        let headers = spoofed.map(|name| (name, "spoofed"));
        let anonymous = client.get_with("/ignore/echo", &headers).await;
        assert!(!anonymous.text().contains("spoofed"), "{}", anonymous.text());
        let response = client.certificate("alice").get_with("/require/echo", &headers).await;
        assert!(!response.text().contains("spoofed"), "{}", response.text());
        assert_eq!(response.received_header("x-logon"), ["alice@corp.example"]);
        assert_eq!(response.received_header("x-remote-user"), [""; 0]);
        let leaf = STANDARD.encode(card.certificate_der());
        assert_eq!(response.received_header("client-cert"), [format!(":{leaf}:")]);
        assert_eq!(response.received_header("x-arr-clientcert"), [leaf]);
        let others: Vec<_> =
            card.chain[1..].iter().map(|der| format!(":{}:", STANDARD.encode(der))).collect();
        assert_eq!(response.received_header("client-cert-chain"), [others.join(", ")]);
    }
}

/// Returns the key of alice with these certificates in this order.
fn alice_with(chain: Vec<CertificateDer<'static>>) -> KeyedChain {
    let alice = pki().card("alice").unwrap();
    KeyedChain { name: "alice".to_owned(), chain, key: alice.key.clone_key() }
}

#[tokio::test]
async fn only_the_certificate_of_the_handshake_signature_is_mapped() {
    let gateway = TestGateway::start();
    let chain = &pki().card("alice").unwrap().chain;
    let [leaf, issuing, policy] = [0, 1, 2].map(|place| chain[place].clone());
    let judy = pki().card("judy").unwrap().chain[0].clone();
    let mallory = pki().card("mallory").unwrap().chain.clone();
    let noisy =
        [vec![leaf.clone(), judy.clone()], mallory, vec![policy.clone(), issuing.clone(), judy]].concat();
    let orders = [vec![leaf.clone(), policy, issuing], noisy];
    for order in orders {
        let card = alice_with(order);
        for client in TestClient::tls12_and_tls13(&gateway) {
            let response = client.chain(&card).get("/require/echo").await;
            assert_eq!(response.status_and_id(), "200 permit");
            assert_eq!(response.received_header("x-remote-user"), ["alice@corp.example"]);
        }
    }
    // With the leaf of another user first, the key does not match and the handshake fails.
    let stolen = alice_with(pki().card("judy").unwrap().chain.clone());
    for client in TestClient::tls12_and_tls13(&gateway) {
        let permitted = match client.chain(&stolen).connect().await {
            Ok(mut connection) => connection.get("/ignore/echo").await.is_ok(),
            Err(_) => false,
        };
        assert!(!permitted, "a signature by another key was accepted");
    }
}

#[tokio::test]
async fn intermediates_of_the_realm_complete_a_chain_without_issuers() {
    let alone = alice_with(vec![pki().card("alice").unwrap().chain[0].clone()]);
    let gateway = TestGateway::start();
    let response = TestClient::new(&gateway).chain(&alone).get("/require/echo").await;
    assert_eq!(response.status_and_id(), "403 certificate-untrusted");
    let realm = format!("{}\nintermediates = [\"pki/intermediates.pem\"]", TestConfig::default().realm);
    let gateway = TestGateway::with(TestConfig { realm, ..TestConfig::default() });
    let response = TestClient::new(&gateway).chain(&alone).get("/require/echo").await;
    assert_eq!(response.status_and_id(), "200 permit");
}
