//! User certificates: OpenSSL verifies them, with a CA that OpenSSL created, and the gateway presents them to a server
//! that requires them.

use crate::support::{
    CertificateRequest, CertificateSite, Connection, ProgramOutput, TestClient, TestConfig, TestGateway,
    TestRealm, TestResponse, openssl, pki, sha256,
};
use assert_cmd::Command;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis::certificate::{Certificate, certificate_ders, private_key_der};
use portcullis::clock::Clock;
use portcullis::delegation::user_certificates::{IssuanceSettings, SubordinateCa, UserCertificateSubject};
use portcullis::demo::rms::Rms;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

/// A root that a backend trusts, and the gateway's CA below it.
pub(super) struct Authorities {
    folder: TempDir,
}

impl Authorities {
    /// Creates the authorities with openssl; returns `None` if it is not installed.
    pub(super) fn new() -> Option<Self> {
        let authorities = Self { folder: TempDir::new().unwrap() };
        authorities.make()?;
        Some(authorities)
    }

    /// Creates the authorities, and a certificate for alice in `alice.der`.
    fn with_certificate() -> Option<Self> {
        let issued = Self::new()?;
        let file = |name| fs::read(issued.path(name)).unwrap();
        let chain = certificate_ders(&file("gateway.pem")).unwrap();
        let key = private_key_der(&file("gateway.key")).unwrap();
        let now = Clock::system().now();
        let authority = SubordinateCa::new(&chain, &key, IssuanceSettings::default(), now).unwrap();
        let subject = UserCertificateSubject::new(
            r"CORP\alice",
            Some("alice@corp.example"),
            Some("S-1-5-21-1-2-3-1103"),
        );
        let certificate = authority.issue(&subject.unwrap(), now).unwrap();
        fs::write(issued.path("alice.der"), &certificate.key.cert[0]).unwrap();
        Some(issued)
    }

    fn make(&self) -> Option<()> {
        let [root, root_key, gateway, gateway_key] = ["root.pem", "root.key", "gateway.pem", "gateway.key"]
            .map(|name| self.path(name).display().to_string());
        let common = ["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let usage = "keyUsage=critical,keyCertSign,cRLSign";
        let own = ["-subj", "/DC=example/DC=corp/CN=Corp Root CA", "-addext", usage];
        let below = ["-subj", "/DC=example/DC=corp/CN=Portcullis CA", "-addext", usage];
        let only_leaves =
            ["-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-CA", &root, "-CAkey", &root_key];
        succeed(&[&common[..], &own, &["-out", &root, "-keyout", &root_key]].concat())?;
        succeed(&[&common[..], &below, &only_leaves, &["-out", &gateway, "-keyout", &gateway_key]].concat())?;
        Some(())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the certificates that the backend trusts: the root and the CA below it.
    pub(super) fn trusted(&self) -> String {
        ["root.pem", "gateway.pem"].map(|name| fs::read_to_string(self.path(name)).unwrap()).concat()
    }

    fn verify(&self, purpose: &str) -> Option<ProgramOutput> {
        let [root, gateway, alice] =
            ["root.pem", "gateway.pem", "alice.der"].map(|name| self.path(name).display().to_string());
        openssl(&[
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-CAfile",
            &root,
            "-untrusted",
            &gateway,
            &alice,
        ])
    }
}

fn succeed(args: &[&str]) -> Option<ProgramOutput> {
    let ran = openssl(args)?;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    Some(ran)
}

#[test]
fn openssl_verifies_a_user_certificate_for_tls_clients_only() {
    let Some(issued) = Authorities::with_certificate() else { return };
    let Some(ran) = issued.verify("sslclient") else { return };
    assert_eq!(ran.code, 0, "{}", ran.output());
    for other in ["sslserver", "smimesign", "crlsign", "timestampsign"] {
        let Some(ran) = issued.verify(other) else { return };
        assert!(ran.code != 0 && ran.output().contains("unsuitable certificate purpose"), "{}", ran.output());
    }
}

#[test]
fn openssl_prints_the_names_and_extensions_of_a_user_certificate() {
    let Some(issued) = Authorities::with_certificate() else { return };
    let leaf = issued.path("alice.der").display().to_string();
    let Some(ran) = openssl(&["x509", "-in", &leaf, "-noout", "-text"]) else { return };
    let extensions = ran.stdout.split_once("X509v3 extensions:").unwrap().1;
    let lines: Vec<&str> = extensions.lines().map(str::trim).collect();
    let value = |name: &str| lines[lines.iter().position(|line| line.starts_with(name)).expect(name) + 1];
    assert_eq!(value("X509v3 Key Usage: critical"), "Digital Signature");
    assert_eq!(value("X509v3 Extended Key Usage:"), "TLS Web Client Authentication");
    assert_eq!(value("X509v3 Subject Alternative Name:"), "othername: UPN::alice@corp.example");
    assert!(
        lines.contains(&"1.3.6.1.4.1.311.25.2:") && extensions.contains("S-1-5-21-1-2-3-1103"),
        "{extensions}"
    );
    assert!(ran.stdout.contains("Issuer: DC = example, DC = corp, CN = Portcullis CA"), "{}", ran.stdout);
    assert!(ran.stdout.contains(r"Subject: CN = CORP\\alice"), "{}", ran.stdout);
}

const ALICE: &str = "S-1-5-21-1-2-3-1103";

/// A gateway in front of an Apache that requires certificates and forwards authenticated requests to the echo.
struct CertificateGateway {
    lab: TestGateway,
    _site: CertificateSite,
    _echo: Rms,
}

impl CertificateGateway {
    /// Starts both. Apache requests a certificate as `mode` specifies, and trusts `trusted`. Returns `None` if Apache
    /// is not installed.
    fn start(authorities: &Authorities, trusted: &str, mode: CertificateRequest, tls: &str) -> Option<Self> {
        let echo = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let site = CertificateSite::start(trusted, echo.address())?;
        let issue = |name| authorities.path(name).display().to_string();
        let setup = TestConfig {
            top: "workers = 1".to_owned(),
            servers: format!("[\"https://{}\"]", site.address(mode, tls)),
            backend: format!(
                "ca = \"pki/server-ca.pem\"\nidentity = \"certificate\"\n\
                 user_certificates = {{ certificate = {:?}, private_key = {:?} }}",
                issue("gateway.pem"),
                issue("gateway.key")
            ),
            realm: realm(),
            ..TestConfig::default()
        };
        Some(Self { lab: TestGateway::with(setup), _site: site, _echo: echo })
    }

    fn client(&self, card: &str) -> TestClient {
        TestClient::new(&self.lab).certificate(card)
    }
}

/// Returns a realm in which alice has a UPN and a SID, judy neither, and all other accounts a UPN only.
fn realm() -> String {
    let leaf = |name| sha256(pki().card(name).unwrap().certificate_der());
    let rules = format!(
        r#"
[[realm.staff.rule]]
name = "alice"
certificate_sha256 = "{}"
account = {{ user = 'CORP\alice', upn = "alice@corp.example", sid = "{ALICE}" }}

[[realm.staff.rule]]
name = "judy"
certificate_sha256 = "{}"
account = {{ user = 'CORP\judy' }}
"#,
        leaf("alice"),
        leaf("judy")
    );
    let mapping = r#"order = ["rule", "upn"], strength = "weak""#;
    TestRealm { mapping, more: &rules, ..TestRealm::default() }.toml()
}

/// Returns the certificate that was presented to Apache.
fn presented_certificate(response: &TestResponse) -> Certificate {
    let base64 = response.received_header("x-client-certificate").remove(0);
    let pem = STANDARD.decode(base64).unwrap();
    Certificate::from_der(&certificate_ders(&pem).unwrap()[0]).unwrap()
}

#[tokio::test]
async fn a_certificate_holder_reaches_a_certificate_site_as_their_own_account() {
    let Some(authorities) = Authorities::new() else { return };
    for tls in ["1.2", "1.3"] {
        let trusted = authorities.trusted();
        let Some(gateway) =
            CertificateGateway::start(&authorities, &trusted, CertificateRequest::InHandshake, tls)
        else {
            return;
        };
        let response = gateway.client("alice").get("/require/echo").await;
        assert_eq!(response.status_and_id(), "200 permit", "{tls}");
        assert_eq!(response.received_header("x-client-upn"), ["alice@corp.example"], "{tls}");
        let certificate = presented_certificate(&response);
        assert_eq!(certificate.sid(), Some(ALICE));
        assert_eq!(certificate.subject_alternative_names().upns, ["alice@corp.example"]);
        assert_ne!(
            certificate.der(),
            pki().card("alice").unwrap().certificate_der(),
            "the card's certificate"
        );
        assert_eq!(response.received_header("x-remote-user"), [""; 0], "no identity header is sent");
    }
}

#[tokio::test]
async fn explain_reports_that_the_backend_identifies_the_user_by_a_certificate() {
    let Some(authorities) = Authorities::new() else { return };
    let trusted = authorities.trusted();
    let Some(gateway) =
        CertificateGateway::start(&authorities, &trusted, CertificateRequest::InHandshake, "1.3")
    else {
        return;
    };
    let mut command = Command::cargo_bin("portcullis").unwrap();
    command.current_dir(gateway.lab.folder()).args([
        "explain",
        "--url",
        "https://rms.corp.example/require/echo",
    ]);
    let output = command.args(["--certificate", "pki/cards/alice.crt", "--json"]).output().unwrap();
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(explanation["backend_request"]["identity"], "certificate", "{explanation:#}");
}

#[tokio::test]
async fn users_of_a_certificate_site_never_share_a_connection() {
    let Some(authorities) = Authorities::new() else { return };
    let trusted = authorities.trusted();
    let Some(gateway) =
        CertificateGateway::start(&authorities, &trusted, CertificateRequest::InHandshake, "1.3")
    else {
        return;
    };
    let mut alice = gateway.client("alice").connect().await.unwrap();
    let mut grace = gateway.client("grace").connect().await.unwrap();
    let mut ken = gateway.client("ken").connect().await.unwrap();
    let mut used = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
    for _ in 0..10 {
        let responses = tokio::join!(echo(&mut alice), echo(&mut grace), echo(&mut ken));
        let users = ["alice@corp.example", "grace@corp.example", "ken@corp.example"];
        for ((response, user), used) in
            [responses.0, responses.1, responses.2].iter().zip(users).zip(&mut used)
        {
            assert_eq!(response.status_and_id(), "200 permit", "{user}: {}", response.text());
            assert_eq!(response.received_header("x-client-upn"), [user]);
            used.insert(response.received_header("x-conn").remove(0));
        }
        // A request without a client certificate uses no user certificate, and no connection of another user.
        let anonymous = TestClient::new(&gateway.lab).get("/ignore/echo").await;
        assert_eq!(anonymous.status_and_id(), "502 backend-unreachable");
    }
    let [alice, grace, ken] = &used;
    assert!(alice.is_disjoint(grace) && grace.is_disjoint(ken) && alice.is_disjoint(ken), "{used:?}");
    assert_eq!(used.each_ref().map(BTreeSet::len), [1, 1, 1], "each user's connection is used again");
}

async fn echo(connection: &mut Connection) -> TestResponse {
    connection.get("/require/echo").await.unwrap()
}

#[tokio::test]
async fn a_certificate_request_after_the_handshake_is_backend_renegotiation() {
    let Some(authorities) = Authorities::new() else { return };
    for tls in ["1.2", "1.3"] {
        let trusted = authorities.trusted();
        let Some(gateway) =
            CertificateGateway::start(&authorities, &trusted, CertificateRequest::AfterRequest, tls)
        else {
            return;
        };
        let response = gateway.client("alice").get("/require/echo").await;
        assert_eq!(response.status_and_id(), "502 backend-renegotiation", "{tls}");
        let record = gateway.lab.only_record().await;
        let detail = record["detail"].as_str().unwrap();
        assert!(detail.contains("clientcertnegotiation=enable"), "{detail}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_trust_the_ca_is_backend_rejected_identity() {
    let Some(authorities) = Authorities::new() else { return };
    let Some(others) = Authorities::new() else { return };
    for tls in ["1.2", "1.3"] {
        let trusted = others.trusted();
        let Some(gateway) =
            CertificateGateway::start(&authorities, &trusted, CertificateRequest::InHandshake, tls)
        else {
            return;
        };
        let response = gateway.client("alice").get("/require/echo").await;
        assert_eq!(response.status_and_id(), "502 backend-rejected-identity", "{tls}");
        let record = gateway.lab.only_record().await;
        let detail = record["detail"].as_str().unwrap();
        assert!(detail.contains("user_certificates.certificate"), "{detail}");
    }
}

#[tokio::test]
async fn an_account_without_upn_and_sid_gets_no_certificate() {
    let Some(authorities) = Authorities::new() else { return };
    let trusted = authorities.trusted();
    let Some(gateway) =
        CertificateGateway::start(&authorities, &trusted, CertificateRequest::InHandshake, "1.3")
    else {
        return;
    };
    let response = gateway.client("judy").get("/require/echo").await;
    assert_eq!(response.status_and_id(), "502 delegation-failed");
}

#[tokio::test]
async fn check_online_reports_whether_the_certificate_is_requested_in_the_handshake() {
    let Some(authorities) = Authorities::new() else { return };
    for (mode, tls, code, result, expected) in [
        (CertificateRequest::InHandshake, "1.2", 0, "passed", "HandshakeFailure"),
        (CertificateRequest::InHandshake, "1.3", 0, "passed", "CertificateRequired"),
        (CertificateRequest::AfterRequest, "1.2", 1, "failed", "clientcertnegotiation=enable"),
        (CertificateRequest::AfterRequest, "1.3", 1, "failed", "clientcertnegotiation=enable"),
    ] {
        let Some(gateway) = CertificateGateway::start(&authorities, &authorities.trusted(), mode, tls) else {
            return;
        };
        let mut command = Command::cargo_bin("portcullis").unwrap();
        command.current_dir(gateway.lab.folder()).args(["check", "--online", "--json"]);
        let output = spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let finding = &report["findings"][0];
        assert_eq!(finding["check"], "client certificate requested", "{report:#}");
        assert_eq!((output.status.code(), &finding["result"]), (Some(code), &json!(result)), "{report:#}");
        assert!(finding.to_string().contains(expected), "{finding}");
    }
}
