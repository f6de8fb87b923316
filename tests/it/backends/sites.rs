//! Checks of the lab's web servers with ordinary clients: the servers behave as the other tests assume.

use super::kerberos::Tickets;
use crate::support::{
    ActiveDirectory, CertificateRequest, CertificateSite, KerberosSite, NtlmSite, ProgramOutput,
    TEST_TIMEOUT, pattern, pki, run, sha256,
};
use portcullis::demo::rms::Rms;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use tempfile::TempDir;

const HOST: &str = "rms.corp.example";

#[test]
fn a_ticket_authenticates_one_request_or_a_connection() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let rms = rms();
    let Some(site) = KerberosSite::start(&directory, rms.address()) else { return };
    let Some(tickets) = Tickets::delegated(&directory, "gw", "alice", "HTTP/rms.corp.example") else {
        return;
    };
    let sites = [(site.per_request(), "HTTP/1.1 401 "), (site.per_connection(), "HTTP/1.1 200 ")];
    for (address, expected) in sites {
        let (relay, without_credentials) = relay(address);
        let negotiate = ["--negotiate", "--user", ":"];
        let Some(ran) = curl("http", relay, "/echo", &tickets.environment(), &negotiate) else { return };
        assert_eq!(seen(&ran, "x-remote-user"), ["alice@CORP.EXAMPLE"]);
        let response = without_credentials.join().unwrap();
        assert!(response.starts_with(expected), "{response}");
        assert_eq!(response.contains("alice@CORP.EXAMPLE"), expected.contains("200"), "{response}");
    }
}

#[test]
fn a_ticket_is_accepted_once() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let rms = rms();
    let Some(site) = KerberosSite::start(&directory, rms.address()) else { return };
    let Some(tickets) = Tickets::delegated(&directory, "gw", "bob", "HTTP/rms.corp.example") else { return };
    let negotiate = ["--negotiate", "--user", ":"];
    let Some(ran) = curl("http", site.per_request(), "/echo", &tickets.environment(), &negotiate) else {
        return;
    };
    let credentials = format!("Authorization: {}", seen(&ran, "authorization").remove(0));
    let Some(again) = curl("http", site.per_request(), "/echo", &[], &["--header", &credentials]) else {
        return;
    };
    assert!(again.stdout.contains("401 Unauthorized"), "{}", again.stdout);
}

#[test]
fn ntlm_authenticates_the_connection() {
    let Some(site) = NtlmSite::start() else { return };
    let (relay, without_credentials) = relay(site.address());
    let Some(ran) = curl_ntlm(relay, "/", r"CORP\alice", ActiveDirectory::PASSWORD, &[]) else { return };
    assert_eq!(json(&ran)["user"], r"CORP\alice");
    let response = without_credentials.join().unwrap();
    assert!(response.contains(r"X-Remote-User: CORP\alice"), "{response}");
}

#[test]
fn a_body_is_unchanged_after_ntlm_and_a_wrong_password_is_rejected() {
    let Some(site) = NtlmSite::start() else { return };
    let folder = TempDir::new().unwrap();
    let body = pattern(10 << 20);
    std::fs::write(folder.path().join("body"), &body).unwrap();
    let upload = format!("@{}", folder.path().join("body").display());
    for path in ["/", "/early401"] {
        for more in [&["--data-binary", &upload][..], &["--data-binary", &upload, "--header", "Expect:"]] {
            let password = ActiveDirectory::PASSWORD;
            let Some(ran) = curl_ntlm(site.address(), path, "user200", password, more) else { return };
            assert_eq!(json(&ran)["body_sha256"], sha256(&body), "{path} {more:?}");
        }
    }
    let Some(ran) = curl_ntlm(site.address(), "/", "user200", "wrong", &[]) else { return };
    assert_eq!(ran.stdout, "401\n");
}

#[test]
fn ntlm_of_the_domain_rejects_accounts_that_may_not_log_on() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let Some(site) = NtlmSite::of_domain(&directory) else { return };
    for (user, is_accepted) in [("bob", true), ("heidi", false), ("nobody", false)] {
        let name = format!(r"CORP\{user}");
        let Some(ran) = curl_ntlm(site.address(), "/", &name, ActiveDirectory::PASSWORD, &[]) else { return };
        assert_eq!(ran.stdout.contains(&name.replace('\\', r"\\")), is_accepted, "{}", ran.stdout);
    }
}

#[test]
fn a_site_requires_the_certificate_that_it_requests() {
    let folder = TempDir::new().unwrap();
    let files = pki().write_to(folder.path()).unwrap();
    let cas = [&files.root, &files.policy, &files.issuing].map(|file| std::fs::read_to_string(file).unwrap());
    let rms = rms();
    let Some(site) = CertificateSite::start(&cas.concat(), rms.address()) else { return };
    let (ca, card) = (files.server_ca.display().to_string(), files.card("alice").display().to_string());
    for mode in [CertificateRequest::InHandshake, CertificateRequest::AfterRequest] {
        for tls in ["1.2", "1.3"] {
            let address = site.address(mode, tls);
            let trust = ["--cacert", ca.as_str()];
            let with_card = [&trust[..], &["--cert", &card]].concat();
            let Some(ran) = curl("https", address, "/echo", &[], &with_card) else { return };
            assert_eq!(seen(&ran, "x-client-upn"), ["alice@corp.example"], "{mode:?} {tls}");
            let Some(ran) = curl("https", address, "/echo", &[], &trust) else { return };
            assert_ne!(ran.code, 0, "{mode:?} {tls}: {}", ran.stdout);
        }
    }
}

fn rms() -> Rms {
    Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap()
}

fn curl_ntlm(
    address: SocketAddr,
    path: &str,
    user: &str,
    password: &str,
    more: &[&str],
) -> Option<ProgramOutput> {
    let user = format!("{user}:{password}");
    curl("http", address, path, &[], &[&["--ntlm", "--user", &user], more].concat())
}

/// Runs curl for `path` on the host at this address, and returns its output.
fn curl(
    scheme: &str,
    address: SocketAddr,
    path: &str,
    environment: &[(&str, &str)],
    more: &[&str],
) -> Option<ProgramOutput> {
    let port = address.port();
    let limit = TEST_TIMEOUT.as_secs().to_string();
    let (name, url) = (format!("{HOST}:{port}:{}", address.ip()), format!("{scheme}://{HOST}:{port}{path}"));
    let usual = ["--silent", "--show-error", "--max-time", &limit, "--resolve", &name, &url];
    run("curl", environment, &[&usual, more].concat(), b"")
}

/// Returns the JSON of the echo.
fn json(ran: &ProgramOutput) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.output()))
}

/// Returns the values of a header as the echo received it.
fn seen(ran: &ProgramOutput, name: &str) -> Vec<String> {
    let lines: Vec<(String, String)> = serde_json::from_value(json(ran)["headers"].clone()).unwrap();
    lines.into_iter().filter(|(line, _)| line.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

/// Starts a relay that does what a gateway must never do: it forwards one client connection to `backend`, and after the
/// client has disconnected it sends a request of its own, without credentials, on the same backend connection. The
/// thread returns the response to that request.
fn relay(backend: SocketAddr) -> (SocketAddr, JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let relaying = std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        let mut backend = TcpStream::connect(backend).unwrap();
        let (mut responses, mut to_client) = (backend.try_clone().unwrap(), client.try_clone().unwrap());
        let answering = std::thread::spawn(move || {
            let mut received = Vec::new();
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = responses.read(&mut buffer) {
                received.extend_from_slice(&buffer[..count]);
                // The client may have disconnected; the rest is the response to the relay's own request.
                drop(to_client.write_all(&buffer[..count]));
            }
            received
        });
        std::io::copy(&mut &client, &mut backend).unwrap();
        let own = format!("GET /echo HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        backend.write_all(own.as_bytes()).unwrap();
        let received = answering.join().unwrap();
        let text = String::from_utf8_lossy(&received);
        text[text.rfind("HTTP/1.1 ").unwrap()..].to_owned()
    });
    (address, relaying)
}
