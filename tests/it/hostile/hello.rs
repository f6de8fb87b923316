//! A ClientHello in odd pieces, and clients that stop in the middle of a handshake. Traefik lost the server name, and
//! with it the policy, to a hello in two records (CVE-2026-32305); rustls panicked on one (RUSTSEC-2024-0399).

use super::caller::{Caller, VERSIONS, Version, Wire};
use super::stage::{HOME, OPEN, card, start, three_sites};
use crate::support::{Lab, PATIENCE, Setup};
use rustls::ClientConnection;
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
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
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
    let verdict = wire.get(HOME, "/require/echo").unwrap().verdict();
    let expected = if holder.is_some() { "200 permit" } else { "403 certificate-required" };
    assert_eq!(verdict, expected, "{case}");
}

#[test]
fn a_hello_in_one_byte_pieces_gets_the_same_policy() {
    let lab = start(three_sites());
    for version in VERSIONS {
        for holder in [None, Some("alice")] {
            let caller = Caller::new(&lab, version, holder.map(card));
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
    let lab = start(three_sites());
    for version in VERSIONS {
        for holder in [None, Some("alice")] {
            let mut caller = Caller::new(&lab, version, holder.map(card));
            let unknown = (0..300).map(|number| format!("{number:060}").into_bytes());
            Arc::make_mut(&mut caller.config).alpn_protocols =
                unknown.chain([b"http/1.1".to_vec()]).collect();
            let begun = Begun::new(&caller, HOME);
            assert!(begun.hello.len() > 16_384);
            assert_policy_of_home(&mut begun.send_whole().finish(), holder, &format!("{version:?}"));
        }
    }
}

fn with_limits(limits: &str) -> Lab {
    start(Setup { limits: limits.to_owned(), ..three_sites() })
}

#[test]
fn a_client_that_never_finishes_its_hello_is_left() {
    let lab = with_limits("handshake_timeout = \"1s\"");
    let caller = Caller::new(&lab, Version::Tls13, None);
    wait_for_the_end(&mut tcp(&caller));
    let begun = Begun::new(&caller, HOME);
    let half = begun.hello[..100].to_vec();
    begun.send([half]).wait_for_the_end();
}

#[test]
fn a_client_that_is_asked_for_a_card_has_longer_to_finish_than_one_that_is_not() {
    let lab = with_limits("handshake_timeout = \"1s\"\ncard_handshake_timeout = \"60s\"");
    for version in VERSIONS {
        let asked = Caller::new(&lab, version, Some(card("alice")));
        let typing_the_pin = Begun::new(&asked, HOME).send_whole();
        let unasked = Caller::new(&lab, version, None);
        Begun::new(&unasked, OPEN).send_whole().wait_for_the_end();
        // By now the short limit is over for both.
        assert_policy_of_home(&mut typing_the_pin.finish(), Some("alice"), &format!("{version:?}"));
    }
}

#[test]
fn a_client_that_is_asked_for_a_card_cannot_take_for_ever() {
    let lab = with_limits("handshake_timeout = \"1s\"\ncard_handshake_timeout = \"1s\"");
    for version in VERSIONS {
        let caller = Caller::new(&lab, version, Some(card("alice")));
        Begun::new(&caller, HOME).send_whole().wait_for_the_end();
    }
}

#[test]
fn what_is_no_handshake_is_left() {
    const CLOSE_NOTIFY: &[u8] = &[21, 3, 3, 0, 2, 1, 0];
    // A client that says goodbye and keeps its socket open is left when its time is up.
    let lab = with_limits("handshake_timeout = \"1s\"\ncard_handshake_timeout = \"1s\"");
    let caller = Caller::new(&lab, Version::Tls13, None);
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
        let caller = Caller::new(&lab, version, None);
        Begun::new(&caller, HOME).send_whole().send([CLOSE_NOTIFY.to_vec()]).wait_for_the_end();
    }
    assert!(lab.rms.seen().is_empty());
}
