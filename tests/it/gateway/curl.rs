//! Requests of curl, the client with which administrators test a gateway.

use crate::support::{TestGateway, curl, openssl, pattern, sha256};
use serde_json::Value;

/// The last line of curl's output: version and status.
const WRITE_OUT: &str = "\n%{http_version} %{http_code}";

struct CurlResponse {
    body: String,
    /// HTTP version and status, such as `2 200`.
    outcome: String,
}

fn get(gateway: &TestGateway, url: &str, args: &[&str]) -> Option<CurlResponse> {
    let mut all = vec!["--write-out", WRITE_OUT, "--header", "Accept: application/json"];
    all.extend(args);
    all.push(url);
    let ran = curl(gateway, &all)?;
    assert_eq!(ran.code, 0, "{}", ran.output());
    let (body, outcome) = ran.stdout.rsplit_once('\n').unwrap();
    Some(CurlResponse { body: body.to_owned(), outcome: outcome.to_owned() })
}

impl CurlResponse {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn assert_user(&self, user: &str) {
        assert!(self.body.contains(&format!("[\"x-remote-user\",\"{user}\"]")), "{}", self.body);
    }
}

/// The options for each pair of versions, with the HTTP version that curl reports.
const VERSIONS: [(&[&str], &str); 4] = [
    (&["--http1.1", "--tls-max", "1.2"], "1.1"),
    (&["--http2", "--tls-max", "1.2"], "2"),
    (&["--http1.1", "--tlsv1.3"], "1.1"),
    (&["--http2", "--tlsv1.3"], "2"),
];

#[test]
fn a_pem_certificate_is_permitted() {
    let gateway = TestGateway::start();
    let url = gateway.url("/require/echo");
    for card in ["alice", "alice-rsa"] {
        let file = gateway.card_file(card);
        for (args, http) in VERSIONS {
            let args = [&["--cert", &file], args].concat();
            let Some(response) = get(&gateway, &url, &args) else { return };
            assert_eq!(response.outcome, format!("{http} 200"), "{}", response.body);
            response.assert_user("alice@corp.example");
        }
    }
}

#[test]
fn a_pkcs12_certificate_is_permitted() {
    let gateway = TestGateway::start();
    let card = gateway.card_file("judy");
    let p12 = gateway.folder().join("judy.p12").display().to_string();
    let made = openssl(&["pkcs12", "-export", "-in", &card, "-out", &p12, "-passout", "pass:1234"]);
    let Some(made) = made else { return };
    assert_eq!(made.code, 0, "{}", made.output());
    let p12 = format!("{p12}:1234");
    for (args, http) in VERSIONS {
        let args = [&["--cert-type", "P12", "--cert", &p12], args].concat();
        let Some(response) = get(&gateway, &gateway.url("/require/echo"), &args) else { return };
        assert_eq!(response.outcome, format!("{http} 200"), "{}", response.body);
        response.assert_user("judy@corp.example");
    }
}

#[test]
fn an_invalid_certificate_is_denied_with_the_reason() {
    let gateway = TestGateway::start();
    for (card, id) in [("bob", "certificate-revoked"), ("mallory", "certificate-untrusted")] {
        let file = gateway.card_file(card);
        for (args, http) in VERSIONS {
            let args = [&["--cert", &file], args].concat();
            let Some(response) = get(&gateway, &gateway.url("/require/echo"), &args) else { return };
            assert_eq!(response.outcome, format!("{http} 403"));
            assert_eq!(response.json()["id"], id);
        }
    }
}

#[test]
fn no_certificate_is_denied_as_certificate_required() {
    let gateway = TestGateway::start();
    for (args, http) in VERSIONS {
        let Some(response) = get(&gateway, &gateway.url("/require/echo"), args) else { return };
        assert_eq!(response.outcome, format!("{http} 403"));
        assert_eq!(response.json()["id"], "certificate-required");
    }
}

#[test]
fn an_upload_of_eight_mebibytes_is_forwarded_with_and_without_expect() {
    let gateway = TestGateway::start();
    let body = pattern(8 << 20);
    let file = gateway.folder().join("licence");
    std::fs::write(&file, &body).unwrap();
    let data = format!("@{}", file.display());
    let card = gateway.card_file("alice");
    for expect in ["Expect: 100-continue", "Expect:"] {
        for (versions, http) in VERSIONS {
            // The wait exceeds the timeout of the test, so that curl sends the body only after `100 Continue`.
            let wait = ["--expect100-timeout", "600", "--header", expect];
            let args = [&["--cert", &card, "--data-binary", &data], &wait[..], versions].concat();
            let Some(response) = get(&gateway, &gateway.url("/require/echo"), &args) else { return };
            assert_eq!(response.outcome, format!("{http} 200"), "{}", response.body);
            assert_eq!(response.json()["body_sha256"], sha256(&body), "{expect}");
        }
    }
}

#[test]
fn a_rejected_upload_receives_the_response() {
    let gateway = TestGateway::start();
    let file = gateway.folder().join("licence");
    std::fs::write(&file, pattern(200 << 10)).unwrap();
    let data = format!("@{}", file.display());
    for (versions, http) in VERSIONS {
        let args = [&["--data-binary", &data, "--header", "Expect:"], versions].concat();
        let Some(response) = get(&gateway, &gateway.url("/require/echo"), &args) else { return };
        assert_eq!(response.outcome, format!("{http} 403"), "{}", response.body);
    }
}

#[test]
fn one_connection_serves_many_requests() {
    let gateway = TestGateway::start();
    let url = gateway.url("/ignore/echo");
    let args = ["--write-out", "%{num_connects}", "--output", "/dev/null"];
    let again = ["--next", "--silent", "--write-out", "%{num_connects}", "--output", "/dev/null"];
    let mut all: Vec<&str> = args.to_vec();
    all.push(&url);
    let ca = gateway.pki_files.server_ca.display().to_string();
    all.extend(again);
    all.extend(["--cacert", &ca, &url]);
    let Some(ran) = curl(&gateway, &all) else { return };
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "10"), "{}", ran.stderr);
}
