//! Fragmented ClientHellos, and clients that stall in the handshake. Traefik lost the server name, and with it the
//! policy, of a ClientHello in two records (CVE-2026-32305); rustls panicked on one (RUSTSEC-2024-0399).

use super::three_sites::{HOME, OPEN, card, start, start_with_limits, three_sites};
use super::tls_client::{OfferedVersion, TLS_VERSIONS, TlsClient, TlsConnection};
use crate::support::{TEST_TIMEOUT, TestGateway};
use rustls::{CipherSuite, ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::ServerName;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A handshake before its ClientHello was sent.
struct PendingHandshake {
    connection: ClientConnection,
    hello: Vec<u8>,
    socket: TcpStream,
}

impl PendingHandshake {
    fn new(client: &TlsClient, name: &str) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::clone(&client.config), name).unwrap();
        let mut hello = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut hello).unwrap();
        }
        Self { connection, hello, socket: tcp(client) }
    }

    /// Sends these pieces, each in one write.
    fn send(mut self, pieces: impl IntoIterator<Item = Vec<u8>>) -> Self {
        for piece in pieces {
            self.socket.write_all(&piece).unwrap();
        }
        self
    }

    fn send_hello(self) -> Self {
        let hello = self.hello.clone();
        self.send([hello])
    }

    fn finish(mut self) -> TlsConnection {
        while self.connection.is_handshaking() {
            self.connection.complete_io(&mut self.socket).unwrap();
        }
        TlsConnection::new(self.connection, self.socket)
    }

    fn wait_for_close(mut self) {
        wait_for_close(&mut self.socket);
    }
}

fn tcp(client: &TlsClient) -> TcpStream {
    let socket = TcpStream::connect(client.address).unwrap();
    socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

fn wait_for_close(socket: &mut TcpStream) {
    let mut received = [0; 4096];
    loop {
        match socket.read(&mut received) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                assert_eq!(
                    error.kind(),
                    std::io::ErrorKind::ConnectionReset,
                    "the gateway keeps the connection"
                );
                return;
            }
        }
    }
}

/// Returns TLS records with the same payload, one record for each byte.
fn in_one_byte_records(mut records: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while let Some((header, rest)) = records.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        pieces.extend(rest[..length].iter().map(|byte| vec![header[0], header[1], header[2], 0, 1, *byte]));
        records = &rest[length..];
    }
    pieces
}

/// Asserts that the site requested and authenticated the client certificate.
fn assert_policy_of_home(connection: &mut TlsConnection, holder: Option<&str>, case: &str) {
    let status_and_id = connection.get(HOME, "/require/echo").unwrap().status_and_id();
    let expected = if holder.is_some() { "200 permit" } else { "403 certificate-required" };
    assert_eq!(status_and_id, expected, "{case}");
}

#[test]
fn a_client_hello_in_pieces_of_one_byte_has_the_same_policy() {
    let gateway = start(three_sites());
    for version in TLS_VERSIONS {
        for holder in [None, Some("alice")] {
            let client = TlsClient::new(&gateway, version, holder.map(card));
            let handshake = PendingHandshake::new(&client, HOME);
            let segments: Vec<_> = handshake.hello.iter().map(|byte| vec![*byte]).collect();
            let mut connection = handshake.send(segments).finish();
            assert_policy_of_home(&mut connection, holder, &format!("{version:?}, segments"));

            let handshake = PendingHandshake::new(&client, HOME);
            let records = in_one_byte_records(&handshake.hello);
            let mut connection = handshake.send(records).finish();
            assert_policy_of_home(&mut connection, holder, &format!("{version:?}, records"));
        }
    }
}

#[test]
fn a_client_hello_of_several_records_has_the_same_policy() {
    let gateway = start(three_sites());
    for version in TLS_VERSIONS {
        for holder in [None, Some("alice")] {
            let mut client = TlsClient::new(&gateway, version, holder.map(card));
            let unknown = (0..300).map(|number| format!("{number:060}").into_bytes());
            Arc::make_mut(&mut client.config).alpn_protocols =
                unknown.chain([b"http/1.1".to_vec()]).collect();
            let handshake = PendingHandshake::new(&client, HOME);
            assert!(handshake.hello.len() > 16_384);
            assert_policy_of_home(&mut handshake.send_hello().finish(), holder, &format!("{version:?}"));
        }
    }
}

#[test]
fn an_incomplete_client_hello_is_closed_after_the_handshake_timeout() {
    let gateway = start_with_limits("handshake_timeout = \"1s\"");
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, None);
    wait_for_close(&mut tcp(&client));
    let handshake = PendingHandshake::new(&client, HOME);
    let half = handshake.hello[..100].to_vec();
    handshake.send([half]).wait_for_close();
}

#[test]
fn a_handshake_with_a_certificate_request_has_the_longer_timeout() {
    let gateway = start_with_limits("handshake_timeout = \"1s\"\ncard_handshake_timeout = \"60s\"");
    for version in TLS_VERSIONS {
        let with_certificate = TlsClient::new(&gateway, version, Some(card("alice")));
        let typing_the_pin = PendingHandshake::new(&with_certificate, HOME).send_hello();
        let without_request = TlsClient::new(&gateway, version, None);
        PendingHandshake::new(&without_request, OPEN).send_hello().wait_for_close();
        // The shorter timeout has passed for both.
        assert_policy_of_home(&mut typing_the_pin.finish(), Some("alice"), &format!("{version:?}"));
    }
}

#[test]
fn a_handshake_with_a_certificate_request_is_closed_after_its_timeout() {
    let gateway = start_with_limits("handshake_timeout = \"1s\"\ncard_handshake_timeout = \"1s\"");
    for version in TLS_VERSIONS {
        let client = TlsClient::new(&gateway, version, Some(card("alice")));
        PendingHandshake::new(&client, HOME).send_hello().wait_for_close();
    }
}

#[test]
fn bytes_that_are_not_a_handshake_close_the_connection() {
    const CLOSE_NOTIFY: &[u8] = &[21, 3, 3, 0, 2, 1, 0];
    // A client that sends close_notify and keeps its socket open is closed after the timeout.
    let gateway = start_with_limits("handshake_timeout = \"1s\"\ncard_handshake_timeout = \"1s\"");
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, None);
    let first_bytes: [&[u8]; 5] = [
        CLOSE_NOTIFY,
        b"GET /ignore/echo HTTP/1.1\r\nHost: a.corp.example\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[22, 3, 1, 0xff, 0xff, 1],
        &[0; 64],
    ];
    for bytes in first_bytes {
        let mut socket = tcp(&client);
        socket.write_all(bytes).unwrap();
        wait_for_close(&mut socket);
    }
    for version in TLS_VERSIONS {
        let client = TlsClient::new(&gateway, version, None);
        PendingHandshake::new(&client, HOME).send_hello().send([CLOSE_NOTIFY.to_vec()]).wait_for_close();
    }
    assert!(gateway.rms.requests().is_empty());
}

/// Returns everything that the gateway sends until it closes the connection.
fn read_to_end(socket: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    if let Err(error) = socket.read_to_end(&mut received) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the gateway keeps the connection");
    }
    received
}

/// Waits until the metric has this count, because a client may observe the end of a handshake before it is counted.
fn wait_until_counted(gateway: &TestGateway, outcome: &str, count: u32) {
    let line = format!("portcullis_handshakes_total{{outcome=\"{outcome}\"}} {count}\n");
    let end = std::time::Instant::now() + TEST_TIMEOUT;
    while !gateway.metrics.encode().contains(&line) {
        assert!(std::time::Instant::now() < end, "{}", gateway.metrics.encode());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn plain_http_on_a_tls_port_receives_a_400() {
    let gateway = start(three_sites());
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, None);
    let requests = [
        "GET /ignore/echo HTTP/1.1\r\nHost: a.corp.example\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n{}", "x".repeat(60_000)),
    ];
    for request in requests {
        let mut socket = tcp(&client);
        socket.write_all(request.as_bytes()).unwrap();
        let response = String::from_utf8(read_to_end(&mut socket)).unwrap();
        assert!(response.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{response}");
        assert!(response.contains("\r\nContent-Type: text/plain"), "{response}");
        assert!(response.contains("\r\nConnection: close\r\n"), "{response}");
        assert!(
            response.ends_with("HTTPS only. Write https:// instead of http:// in the address.\n"),
            "{response}"
        );
    }
    let mut socket = tcp(&client);
    // The request line in pieces.
    for piece in ["HE", "AD / HT", "TP/1.1\r\n\r\n"] {
        // The gateway may have responded before the last piece.
        drop(socket.write_all(piece.as_bytes()));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let response = String::from_utf8(read_to_end(&mut socket)).unwrap();
    assert!(response.starts_with("HTTP/1.1 400 ") && response.ends_with("\r\n\r\n"), "{response}");
    drop(socket);
    wait_until_counted(&gateway, "plain_http", 4);
    assert!(gateway.rms.requests().is_empty());
}

#[test]
fn a_client_with_tls_1_1_at_most_receives_the_alert_protocol_version() {
    const PROTOCOL_VERSION: u8 = 70;
    let gateway = start(three_sites());
    let client = TlsClient::new(&gateway, OfferedVersion::Tls12, None);
    for minor in 0..=2 {
        let handshake = PendingHandshake::new(&client, HOME);
        let mut hello = handshake.hello.clone();
        (hello[9], hello[10]) = (3, minor);
        let mut socket = handshake.send([hello]).socket;
        assert_eq!(read_to_end(&mut socket), [21, 3, minor, 0, 2, 2, PROTOCOL_VERSION], "3.{minor}");
    }
    // The SSL 2.0 ClientHello of Windows XP.
    let mut socket = tcp(&client);
    socket.write_all(&[0x80, 46, 1, 3, 1, 0, 21, 0, 0, 0, 16]).unwrap();
    assert_eq!(read_to_end(&mut socket), [21, 3, 1, 0, 2, 2, PROTOCOL_VERSION]);
    wait_until_counted(&gateway, "old_version", 4);
}

#[test]
fn a_tls_1_2_client_with_tls_1_3_suites_receives_a_certificate_for_its_tls_1_2_suites() {
    let gateway = start(three_sites());
    let names = ["server-ecdsa.pem", "server-rsa.pem"];
    let [ecdsa, rsa] = names.map(|name| {
        let pem = std::fs::read(gateway.folder().join("pki").join(name)).unwrap();
        portcullis::certificate::certificate_ders(&pem).unwrap().swap_remove(0)
    });
    for (suite, served) in [
        (CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, &rsa),
        (CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &ecdsa),
    ] {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites.retain(|known| known.suite() == suite || known.tls13().is_some());
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let mut client = TlsClient::new(&gateway, OfferedVersion::Tls12, None);
        client.config = Arc::new(config);
        let handshake = PendingHandshake::new(&client, HOME);
        let mut hello = handshake.hello.clone();
        let versions = [0x00, 0x2b, 0x00, 0x05, 0x04, 0x03, 0x04, 0x03, 0x03];
        let at = hello.windows(versions.len()).position(|window| window == versions).unwrap();
        // A reserved version (RFC 8701) instead of TLS 1.3.
        (hello[at + 5], hello[at + 6]) = (0x7a, 0x7a);
        let mut socket = handshake.send([hello]).socket;
        let mut response = Vec::new();
        while !response.windows(served.len()).any(|window| window == served.as_ref()) {
            let mut piece = [0; 4096];
            let length = socket.read(&mut piece).unwrap();
            assert_ne!(length, 0, "{suite:?}: {response:?}");
            response.extend_from_slice(&piece[..length]);
        }
    }
}

#[test]
fn concurrent_handshakes_are_limited_until_others_complete() {
    let gateway = start_with_limits("max_handshakes_per_address = 3");
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, Some(card("alice")));
    let idle: Vec<_> = (0..3).map(|_| PendingHandshake::new(&client, HOME).send_hello()).collect();
    for handshake in &idle {
        // The server has responded, so the handshake is counted.
        assert_eq!(handshake.socket.peek(&mut [0]).unwrap(), 1);
    }
    assert!(client.connect(HOME).is_err());
    let none = "portcullis_handshakes_total{outcome=\"limited\"} 0\n";
    // The client may observe the close before it is counted.
    let started = std::time::Instant::now();
    while gateway.metrics.encode().contains(none) {
        assert!(started.elapsed() < TEST_TIMEOUT, "the rejected handshake is not counted");
        std::thread::yield_now();
    }
    for handshake in idle {
        assert_policy_of_home(&mut handshake.finish(), Some("alice"), "admitted before");
    }
    assert_policy_of_home(&mut client.connect(HOME).unwrap(), Some("alice"), "admitted after");
}

#[test]
fn handshakes_per_second_are_limited() {
    let gateway = start_with_limits("handshakes_per_second_per_address = 1");
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, None);
    let admitted = (0..20).filter(|_| client.connect(HOME).is_ok()).count();
    assert!((5..20).contains(&admitted), "{admitted}");
}
