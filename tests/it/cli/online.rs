//! `portcullis check --online`: what the servers that the configuration names are worth.

use super::Desk;
use crate::support::{Setup, WithoutCertificate, backend_answering, backend_saying, tls_backend};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// A desk whose backend is these servers, with these keys.
fn desk(servers: &[String], backend: &str) -> Desk {
    Desk::with(&Setup { servers: format!("{servers:?}"), backend: backend.to_owned(), ..Setup::default() })
}

/// Verdict and what was tried, of each finding.
fn verdicts(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|one| (one["check"].as_str().unwrap(), one["result"].as_str().unwrap())).collect()
}

const SHOWS_CERTIFICATE: &str = r#"
ca = "pki/server-ca.pem"
client_certificate = "pki/cards/alice.crt"
private_key = "pki/cards/alice.key"
"#;

fn https(address: SocketAddr) -> String {
    format!("https://{address}")
}

#[tokio::test]
async fn a_server_that_answers_works_and_what_keeps_others_away_from_it_is_not_known() {
    let address = backend_saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let desk = desk(&[format!("http://{address}")], "");
    let checked = desk.run_aside(&["check", "--online", "--json"]).await;
    let report = checked.json();
    assert_eq!(verdicts(&report), [("response", "passed"), ("gateway authenticated", "not_tested")]);
    assert_eq!((checked.code, &report["result"]), (0, &json!("not_tested")));
    assert_eq!(report["findings"][0]["component"], format!("backend rms, http://{address}"));
    assert_eq!(report["findings"][0]["detail"], "200 OK");
    assert_eq!(report["findings"][0]["fix"], json!([]));

    let checked = desk.run_aside(&["check", "--online"]).await;
    assert_eq!(checked.code, 0);
    assert!(checked.stdout.contains("passed      response: 200 OK"), "{}", checked.stdout);
    assert!(!checked.stderr.contains("checking"), "progress is for terminals: {}", checked.stderr);
}

#[tokio::test]
async fn a_server_that_is_not_there_fails_and_the_others_are_asked_all_the_same() {
    let closed = {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.local_addr().unwrap()
    };
    let answering = backend_saying("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").await;
    let silent = backend_saying("").await;
    let servers = [closed, answering, silent].map(|address| format!("http://{address}"));
    let desk = desk(&servers, "headers = { sets = [] }");
    let checked = desk.run_aside(&["check", "--online", "--json"]).await;
    let report = checked.json();
    assert_eq!(verdicts(&report), [("response", "failed"), ("response", "warning"), ("response", "failed")]);
    assert_eq!((checked.code, &report["result"]), (1, &json!("failed")));
    for finding in report["findings"].as_array().unwrap() {
        assert_eq!(finding["fix"].as_array().unwrap().len(), 1, "{finding}");
    }
}

#[tokio::test]
async fn a_server_that_believes_whoever_asks_is_told_apart_from_one_that_knows_the_gate() {
    for (without, verdict, code) in [
        (WithoutCertificate::Alert, "passed", 0),
        (WithoutCertificate::Status(403), "passed", 0),
        (WithoutCertificate::Status(401), "passed", 0),
        (WithoutCertificate::Status(200), "warning", 1),
        (WithoutCertificate::Status(302), "warning", 1),
    ] {
        let server = https(tls_backend(without).await);
        let desk = desk(&[server], SHOWS_CERTIFICATE);
        for more in [&[][..], &["--as", "alice@corp.example"]] {
            let checked = desk.run_aside(&[&["check", "--online", "--json"], more].concat()).await;
            let report = checked.json();
            assert_eq!(
                verdicts(&report),
                [("response", "passed"), ("gateway authenticated", verdict)],
                "{without:?} {report}"
            );
            assert_eq!(checked.code, code, "{without:?}");
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_secret_is_withheld_to_see_whether_the_server_asks_for_it() {
    let knows_secret = |head: &str| head.contains("x-gate-secret: twenty-two-characters!");
    let knows_user = |head: &str| head.contains("x-remote-user: CORP\\alice");
    let asks = backend_answering(move |head| if knows_secret(head) { OK } else { FORBIDDEN }).await;
    let believes = backend_answering(move |head| if knows_user(head) { OK } else { FORBIDDEN }).await;
    let keys = "headers = { secret = { name = \"X-Gate-Secret\", file = \"secret\" } }";
    for (server, user, verdict, code) in [
        (asks, None, "passed", 0),
        (asks, Some("CORP\\alice"), "passed", 0),
        // It refuses whoever has no name, and believes every name.
        (believes, None, "not_tested", 0),
        (believes, Some("CORP\\alice"), "warning", 1),
    ] {
        let desk = desk(&[format!("http://{server}")], keys);
        std::fs::write(desk.path().join("secret"), "twenty-two-characters!").unwrap();
        let named = user.map_or_else(Vec::new, |user| vec!["--as", user]);
        let checked = desk.run_aside(&[&["check", "--online", "--json"], named.as_slice()].concat()).await;
        let report = checked.json();
        assert_eq!(verdicts(&report)[1], ("gateway authenticated", verdict), "{user:?} {report:#}");
        assert_eq!(checked.code, code, "{report:#}");
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted_is_told_with_the_key_to_change() {
    let address = tls_backend(WithoutCertificate::Status(200)).await;
    for (server, ca, mend) in [
        (https(address), "pki/root.pem", "`ca`"),
        (
            https(address).replace("127.0.0.1", "127.0.0.2"),
            "pki/server-ca.pem",
            "check that the server is running",
        ),
    ] {
        let desk = desk(&[server], &format!("ca = \"{ca}\""));
        let checked = desk.run_aside(&["check", "--online", "--json"]).await;
        let finding = &checked.json()["findings"][0];
        assert_eq!((checked.code, &finding["result"]), (1, &json!("failed")));
        assert!(finding["fix"][0].as_str().unwrap().contains(mend), "{finding}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_told_as_such() {
    let desk = desk(&["http://no-such-name.invalid".to_owned()], "");
    let checked = desk.run_aside(&["check", "--online", "--json"]).await;
    let finding = &checked.json()["findings"][0];
    assert_eq!((checked.code, &finding["result"]), (1, &json!("failed")));
    assert!(finding["fix"][0].as_str().unwrap().contains("DNS"), "{finding}");
}

#[test]
fn without_online_no_socket_is_opened_and_its_options_mean_nothing() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let desk = desk(&[format!("http://{}", listener.local_addr().unwrap())], "");
    assert_eq!(desk.run(&["check"]).code, 0);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    for option in [&["--json"][..], &["--as", "alice"]] {
        desk.run(&[&["check"], option].concat()).assert_usage("--online");
    }
}

#[test]
fn a_configuration_with_mistakes_is_told_them_and_asks_nobody() {
    desk(&["http://a/b".to_owned()], "").run(&["check", "--online"]).assert_usage("has a path");
}
