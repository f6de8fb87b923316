//! A ClientHello in odd pieces, and clients that stop in the middle of a handshake. Traefik lost the server name, and
//! with it the policy, to a hello in two records (CVE-2026-32305); rustls panicked on one (RUSTSEC-2024-0399).

use super::caller::{Caller, VERSIONS, Version, Wire};
use super::stage::{HOME, OPEN, card, start, three_sites};
use crate::support::{TEST_TIMEOUT, TestConfig, TestGateway};
use rustls::{CipherSuite, ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::ServerName;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A handshake that has not begun: its ClientHello, and what goes on with it.
struct Begun {
    connection: ClientConnection,
    hello: Vec<u8>,
    socket: TcpStream,
}

impl Begun {
    fn new(caller: &Caller, name: &str) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::clone(&caller.config), name).unwrap();
        let mut hello = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut hello).unwrap();
        }
        Self { connection, hello, socket: tcp(caller) }
    }

    /// Sends the hello in these pieces, each in a write of its own.
    fn send(mut self, pieces: impl IntoIterator<Item = Vec<u8>>) -> Self {
        for piece in pieces {
            self.socket.write_all(&piece).unwrap();
        }
        self
    }

    fn send_whole(self) -> Self {
        let hello = self.hello.clone();
        self.send([hello])
    }

    fn finish(mut self) -> Wire {
        while self.connection.is_handshaking() {
            self.connection.complete_io(&mut self.socket).unwrap();
        }
        Wire::new(self.connection, self.socket)
    }

    /// Waits until the gate closes.
    fn wait_for_the_end(mut self) {
        wait_for_the_end(&mut self.socket);
    }
}

fn tcp(caller: &Caller) -> TcpStream {
    let socket = TcpStream::connect(caller.address).unwrap();
    socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    socket.set_nodelay(true).unwrap();
    socket
}

fn wait_for_the_end(socket: &mut TcpStream) {
    let mut received = [0; 4096];
    loop {
        match socket.read(&mut received) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                assert_eq!(
                    error.kind(),
                    std::io::ErrorKind::ConnectionReset,
                    "the gate keeps the connection"
                );
                return;
            }
        }
    }
}

/// The payload of TLS records, each byte in a record of its own.
fn in_one_byte_records(mut records: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while let Some((header, rest)) = records.split_first_chunk::<5>() {
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        pieces.extend(rest[..length].iter().map(|byte| vec![header[0], header[1], header[2], 0, 1, *byte]));
        records = &rest[length..];
    }
    pieces
}

/// The site asked for a card, and judges it as ever.
fn assert_policy_of_home(wire: &mut Wire, holder: Option<&str>, case: &str) {
    let verdict = wire.get(HOME, "/require/echo").unwrap().status_and_id();
    let expected = if holder.is_some() { "200 permit" } else { "403 certificate-required" };
    assert_eq!(verdict, expected, "{case}");
}

#[test]
fn a_hello_in_one_byte_pieces_gets_the_same_policy() {
    let gateway = start(three_sites());
    for version in VERSIONS {
        for holder in [None, Some("alice")] {
            let caller = Caller::new(&gateway, version, holder.map(card));
            let begun = Begun::new(&caller, HOME);
            let segments: Vec<_> = begun.hello.iter().map(|byte| vec![*byte]).collect();
            let mut wire = begun.send(segments).finish();
            assert_policy_of_home(&mut wire, holder, &format!("{version:?}, segments"));

            let begun = Begun::new(&caller, HOME);
            let records = in_one_byte_records(&begun.hello);
            let mut wire = begun.send(records).finish();
            assert_policy_of_home(&mut wire, holder, &format!("{version:?}, records"));
        }
    }
}

#[test]
fn a_hello_of_more_than_one_record_gets_the_same_policy() {
    let gateway = start(three_sites());
    for version in VERSIONS {
        for holder in [None, Some("alice")] {
            let mut caller = Caller::new(&gateway, version, holder.map(card));
            let unknown = (0..300).map(|number| format!("{number:060}").into_bytes());
            Arc::make_mut(&mut caller.config).alpn_protocols =
                unknown.chain([b"http/1.1".to_vec()]).collect();
            let begun = Begun::new(&caller, HOME);
            assert!(begun.hello.len() > 16_384);
            assert_policy_of_home(&mut begun.send_whole().finish(), holder, &format!("{version:?}"));
        }
    }
}

fn with_limits(limits: &str) -> TestGateway {
    start(TestConfig { limits: limits.to_owned(), ..three_sites() })
}

#[test]
fn a_client_that_never_finishes_its_hello_is_left() {
    let gateway = with_limits("handshake_timeout = \"1s\"");
    let caller = Caller::new(&gateway, Version::Tls13, None);
    wait_for_the_end(&mut tcp(&caller));
    let begun = Begun::new(&caller, HOME);
    let half = begun.hello[..100].to_vec();
    begun.send([half]).wait_for_the_end();
}

#[test]
fn a_client_that_is_asked_for_a_card_has_longer_to_finish_than_one_that_is_not() {
    let gateway = with_limits("handshake_timeout = \"1s\"\ncard_handshake_timeout = \"60s\"");
    for version in VERSIONS {
        let asked = Caller::new(&gateway, version, Some(card("alice")));
        let typing_the_pin = Begun::new(&asked, HOME).send_whole();
        let unasked = Caller::new(&gateway, version, None);
        Begun::new(&unasked, OPEN).send_whole().wait_for_the_end();
        // By now the short limit is over for both.
        assert_policy_of_home(&mut typing_the_pin.finish(), Some("alice"), &format!("{version:?}"));
    }
}

#[test]
fn a_client_that_is_asked_for_a_card_cannot_take_for_ever() {
    let gateway = with_limits("handshake_timeout = \"1s\"\ncard_handshake_timeout = \"1s\"");
    for version in VERSIONS {
        let caller = Caller::new(&gateway, version, Some(card("alice")));
        Begun::new(&caller, HOME).send_whole().wait_for_the_end();
    }
}

#[test]
fn what_is_no_handshake_is_left() {
    const CLOSE_NOTIFY: &[u8] = &[21, 3, 3, 0, 2, 1, 0];
    // A client that says goodbye and keeps its socket open is left when its time is up.
    let gateway = with_limits("handshake_timeout = \"1s\"\ncard_handshake_timeout = \"1s\"");
    let caller = Caller::new(&gateway, Version::Tls13, None);
    let first_bytes: [&[u8]; 5] = [
        CLOSE_NOTIFY,
        b"GET /ignore/echo HTTP/1.1\r\nHost: a.corp.example\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[22, 3, 1, 0xff, 0xff, 1],
        &[0; 64],
    ];
    for bytes in first_bytes {
        let mut socket = tcp(&caller);
        socket.write_all(bytes).unwrap();
        wait_for_the_end(&mut socket);
    }
    for version in VERSIONS {
        let caller = Caller::new(&gateway, version, None);
        Begun::new(&caller, HOME).send_whole().send([CLOSE_NOTIFY.to_vec()]).wait_for_the_end();
    }
    assert!(gateway.rms.requests().is_empty());
}

/// Everything that the gate sends until it closes.
fn all_that_comes(socket: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    if let Err(error) = socket.read_to_end(&mut received) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the gate keeps the connection");
    }
    received
}

/// A handshake is counted a moment after its client has seen the end.
fn wait_until_counted(gateway: &TestGateway, outcome: &str, count: u32) {
    let line = format!("portcullis_handshakes_total{{outcome=\"{outcome}\"}} {count}\n");
    let end = std::time::Instant::now() + TEST_TIMEOUT;
    while !gateway.metrics.encode().contains(&line) {
        assert!(std::time::Instant::now() < end, "{}", gateway.metrics.encode());
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn plain_http_on_a_tls_port_is_told_to_use_tls() {
    let gateway = start(three_sites());
    let caller = Caller::new(&gateway, Version::Tls13, None);
    let requests = [
        "GET /ignore/echo HTTP/1.1\r\nHost: a.corp.example\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n{}", "x".repeat(60_000)),
    ];
    for request in requests {
        let mut socket = tcp(&caller);
        socket.write_all(request.as_bytes()).unwrap();
        let response = String::from_utf8(all_that_comes(&mut socket)).unwrap();
        assert!(response.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{response}");
        assert!(response.contains("\r\nContent-Type: text/plain"), "{response}");
        assert!(response.contains("\r\nConnection: close\r\n"), "{response}");
        assert!(
            response.ends_with("HTTPS only. Write https:// instead of http:// in the address.\n"),
            "{response}"
        );
    }
    let mut socket = tcp(&caller);
    // The method in pieces.
    for piece in ["HE", "AD / HT", "TP/1.1\r\n\r\n"] {
        // The gate may have answered before the last one.
        drop(socket.write_all(piece.as_bytes()));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let response = String::from_utf8(all_that_comes(&mut socket)).unwrap();
    assert!(response.starts_with("HTTP/1.1 400 ") && response.ends_with("\r\n\r\n"), "{response}");
    drop(socket);
    wait_until_counted(&gateway, "plain_http", 4);
    assert!(gateway.rms.requests().is_empty());
}

#[test]
fn a_client_that_speaks_nothing_newer_than_tls_1_1_gets_the_alert_protocol_version() {
    const PROTOCOL_VERSION: u8 = 70;
    let gateway = start(three_sites());
    let caller = Caller::new(&gateway, Version::Tls12, None);
    for minor in 0..=2 {
        let begun = Begun::new(&caller, HOME);
        let mut hello = begun.hello.clone();
        (hello[9], hello[10]) = (3, minor);
        let mut socket = begun.send([hello]).socket;
        assert_eq!(all_that_comes(&mut socket), [21, 3, minor, 0, 2, 2, PROTOCOL_VERSION], "3.{minor}");
    }
    // The hello of SSL 2.0 with which Windows XP begins.
    let mut socket = tcp(&caller);
    socket.write_all(&[0x80, 46, 1, 3, 1, 0, 21, 0, 0, 0, 16]).unwrap();
    assert_eq!(all_that_comes(&mut socket), [21, 3, 1, 0, 2, 2, PROTOCOL_VERSION]);
    wait_until_counted(&gateway, "old_version", 4);
}

#[test]
fn a_tls_1_2_hello_with_tls_1_3_suites_gets_the_certificate_that_its_tls_1_2_suites_can_use() {
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
        let mut caller = Caller::new(&gateway, Version::Tls12, None);
        caller.config = Arc::new(config);
        let begun = Begun::new(&caller, HOME);
        let mut hello = begun.hello.clone();
        let versions = [0x00, 0x2b, 0x00, 0x05, 0x04, 0x03, 0x04, 0x03, 0x03];
        let at = hello.windows(versions.len()).position(|window| window == versions).unwrap();
        // A version that nobody speaks in place of TLS 1.3 (RFC 8701).
        (hello[at + 5], hello[at + 6]) = (0x7a, 0x7a);
        let mut socket = begun.send([hello]).socket;
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
fn handshakes_in_progress_are_limited_and_those_that_end_make_room() {
    let gateway = with_limits("max_handshakes_per_address = 3");
    let caller = Caller::new(&gateway, Version::Tls13, Some(card("alice")));
    let idle: Vec<_> = (0..3).map(|_| Begun::new(&caller, HOME).send_whole()).collect();
    for begun in &idle {
        // The server's flight is here, so the handshake counts.
        assert_eq!(begun.socket.peek(&mut [0]).unwrap(), 1);
    }
    assert!(caller.connect(HOME).is_err());
    let none = "portcullis_handshakes_total{outcome=\"limited\"} 0\n";
    // The client may see the end of its connection before it is counted.
    let begun = std::time::Instant::now();
    while gateway.metrics.encode().contains(none) {
        assert!(begun.elapsed() < TEST_TIMEOUT, "the refused handshake is not counted");
        std::thread::yield_now();
    }
    for begun in idle {
        assert_policy_of_home(&mut begun.finish(), Some("alice"), "admitted before");
    }
    assert_policy_of_home(&mut caller.connect(HOME).unwrap(), Some("alice"), "admitted after");
}

#[test]
fn handshakes_each_second_are_limited() {
    let gateway = with_limits("handshakes_per_second_per_address = 1");
    let caller = Caller::new(&gateway, Version::Tls13, None);
    let admitted = (0..20).filter(|_| caller.connect(HOME).is_ok()).count();
    assert!((5..20).contains(&admitted), "{admitted}");
}
