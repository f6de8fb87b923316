//! `portcullis check --online`: the result of each check of each backend server.

use super::CommandFolder;
use crate::support::{TestConfig, WithoutCertificate, raw_backend, raw_backend_with, tls_backend};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Returns a folder whose backend has these servers and keys.
fn with_backend(servers: &[String], backend: &str) -> CommandFolder {
    CommandFolder::with(&TestConfig {
        servers: format!("{servers:?}"),
        backend: backend.to_owned(),
        ..TestConfig::default()
    })
}

/// Returns the check and the result of each finding.
fn results(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|one| (one["check"].as_str().unwrap(), one["result"].as_str().unwrap())).collect()
}

const WITH_CERTIFICATE: &str = r#"
ca = "pki/server-ca.pem"
client_certificate = "pki/cards/alice.crt"
private_key = "pki/cards/alice.key"
"#;

fn https(address: SocketAddr) -> String {
    format!("https://{address}")
}

#[tokio::test]
async fn a_server_that_responds_passes_and_without_credentials_its_authentication_is_not_tested() {
    let address = raw_backend("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let folder = with_backend(&[format!("http://{address}")], "");
    let checked = folder.run_beside(&["check", "--online", "--json"]).await;
    let report = checked.json();
    assert_eq!(results(&report), [("response", "passed"), ("gateway authenticated", "not_tested")]);
    assert_eq!((checked.code, &report["result"]), (0, &json!("not_tested")));
    assert_eq!(report["findings"][0]["component"], format!("backend rms, http://{address}"));
    assert_eq!(report["findings"][0]["detail"], "200 OK");
    assert_eq!(report["findings"][0]["fix"], json!([]));

    let checked = folder.run_beside(&["check", "--online"]).await;
    assert_eq!(checked.code, 0);
    assert!(checked.stdout.contains("passed      response: 200 OK"), "{}", checked.stdout);
    assert!(!checked.stderr.contains("checking"), "progress is for terminals: {}", checked.stderr);
}

#[tokio::test]
async fn a_server_that_does_not_exist_fails_and_the_others_are_checked() {
    let closed = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let busy = raw_backend("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
    let silent = raw_backend("").await;
    let servers = [closed, busy, silent].map(|address| format!("http://{address}"));
    let folder = with_backend(&servers, "headers = { sets = [] }");
    let checked = folder.run_beside(&["check", "--online", "--json"]).await;
    let report = checked.json();
    assert_eq!(results(&report), [("response", "failed"), ("response", "warning"), ("response", "failed")]);
    assert_eq!((checked.code, &report["result"]), (1, &json!("failed")));
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["fix"].as_array().unwrap().len(), 1, "{finding}");
    }
}

#[tokio::test]
async fn a_server_that_accepts_identity_headers_without_the_gateways_certificate_is_a_warning() {
    for (without, result, code) in [
        (WithoutCertificate::Alert, "passed", 0),
        (WithoutCertificate::Status(403), "passed", 0),
        (WithoutCertificate::Status(401), "passed", 0),
        (WithoutCertificate::Status(200), "warning", 1),
        (WithoutCertificate::Status(302), "warning", 1),
    ] {
        let server = https(tls_backend(without).await);
        let folder = with_backend(&[server], WITH_CERTIFICATE);
        for more in [&[][..], &["--as", "alice@corp.example"]] {
            let checked = folder.run_beside(&[&["check", "--online", "--json"], more].concat()).await;
            let report = checked.json();
            assert_eq!(
                results(&report),
                [("response", "passed"), ("gateway authenticated", result)],
                "{without:?} {report}"
            );
            assert_eq!(checked.code, code, "{without:?}");
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_server_that_accepts_identity_headers_without_the_gateways_secret_is_a_warning() {
    let knows_secret = |head: &str| head.contains("x-gateway-secret: twenty-two-characters!");
    let knows_user = |head: &str| head.contains("x-remote-user: CORP\\alice");
    let requires = raw_backend_with(move |head| if knows_secret(head) { OK } else { FORBIDDEN }).await;
    let trusts = raw_backend_with(move |head| if knows_user(head) { OK } else { FORBIDDEN }).await;
    let keys = "headers = { secret = { name = \"X-Gateway-Secret\", file = \"secret\" } }";
    for (server, user, result, code) in [
        (requires, None, "passed", 0),
        (requires, Some("CORP\\alice"), "passed", 0),
        // The server rejects requests without a user, and trusts every user.
        (trusts, None, "not_tested", 0),
        (trusts, Some("CORP\\alice"), "warning", 1),
    ] {
        let folder = with_backend(&[format!("http://{server}")], keys);
        std::fs::write(folder.path().join("secret"), "twenty-two-characters!").unwrap();
        let named = user.map_or_else(Vec::new, |user| vec!["--as", user]);
        let checked = folder.run_beside(&[&["check", "--online", "--json"], named.as_slice()].concat()).await;
        let report = checked.json();
        assert_eq!(results(&report)[1], ("gateway authenticated", result), "{user:?} {report:#}");
        assert_eq!(checked.code, code, "{report:#}");
    }
}

#[tokio::test]
async fn a_server_with_an_untrusted_certificate_fails_with_the_key_to_change() {
    let address = tls_backend(WithoutCertificate::Status(200)).await;
    for (server, ca, fix) in [
        (https(address), "pki/root.pem", "`ca`"),
        (
            https(address).replace("127.0.0.1", "127.0.0.2"),
            "pki/server-ca.pem",
            "check that the server is running",
        ),
    ] {
        let folder = with_backend(&[server], &format!("ca = \"{ca}\""));
        let checked = folder.run_beside(&["check", "--online", "--json"]).await;
        let finding = &checked.json()["findings"][0];
        assert_eq!((checked.code, &finding["result"]), (1, &json!("failed")));
        assert!(finding["fix"][0].as_str().unwrap().contains(fix), "{finding}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_fails_with_that_cause() {
    let folder = with_backend(&["http://no-such-name.invalid".to_owned()], "");
    let checked = folder.run_beside(&["check", "--online", "--json"]).await;
    let finding = &checked.json()["findings"][0];
    assert_eq!((checked.code, &finding["result"]), (1, &json!("failed")));
    assert!(finding["fix"][0].as_str().unwrap().contains("can resolve"), "{finding}");
}

#[test]
fn without_online_no_socket_is_opened_and_its_options_are_rejected() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let folder = with_backend(&[format!("http://{}", listener.local_addr().unwrap())], "");
    assert_eq!(folder.run(&["check"]).code, 0);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    for option in [&["--json"][..], &["--as", "alice"]] {
        folder.run(&[&["check"], option].concat()).assert_usage_error("--online");
    }
}

#[test]
fn an_invalid_configuration_is_an_error_and_no_server_is_checked() {
    with_backend(&["http://a/b".to_owned()], "").run(&["check", "--online"]).assert_usage_error("has a path");
}
