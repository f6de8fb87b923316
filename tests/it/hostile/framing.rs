//! Request smuggling over HTTP/1.1: the gateway responds only to requests that it has authorized, and forwards nothing
//! else. A request that two parsers could read differently never contains a second one.

use super::three_sites::{HOME, forwarded, start, three_sites};
use super::tls_client::{OfferedVersion, TlsClient, TlsConnection, WireResponse};
use crate::support::TestGateway;

const SMUGGLED: &str = "GET /ignore/smuggled HTTP/1.1\r\nHost: a.corp.example\r\nConnection: close\r\n\r\n";
const NEXT: &str = "GET /require/next HTTP/1.1\r\nHost: a.corp.example\r\nConnection: close\r\n\r\n";
const HOST: &str = "Host: a.corp.example\r\n";

/// The bytes to send, the expected statuses of the responses, and the expected targets at the backend.
struct FramingCase {
    name: String,
    bytes: String,
    statuses: &'static [u16],
    forwarded: &'static [&'static str],
}

fn case(
    name: &str,
    bytes: String,
    statuses: &'static [u16],
    forwarded: &'static [&'static str],
) -> FramingCase {
    FramingCase { name: name.to_owned(), bytes, statuses, forwarded }
}

/// Returns a POST with these header lines; `rest` follows its head.
fn post(lines: &str, rest: &str) -> String {
    format!("POST /ignore/echo HTTP/1.1\r\n{HOST}{lines}\r\n{rest}")
}

/// Sends every case on a new connection and reads until the gateway closes it.
fn run(cases: impl IntoIterator<Item = FramingCase>) {
    let mut gateway = start(three_sites());
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, None);
    let mut wrong = Vec::new();
    let mut responded = 0;
    for case in cases {
        let before = forwarded(&gateway).len();
        let mut connection = client.connect(HOME).unwrap();
        // The gateway may close before everything is sent.
        let _unsent = connection.send(&case.bytes);
        let responses = all_responses(&mut connection);
        let statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
        let targets = forwarded(&gateway).split_off(before);
        if statuses != case.statuses || targets != case.forwarded {
            wrong.push(format!("{}: {statuses:?} {targets:?}", case.name));
        }
        responded += responses.len();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    gateway.stop();
    assert_eq!(
        gateway.records().len(),
        responded,
        "one record for each response: {:#?}",
        decisions(&gateway)
    );
}

fn all_responses(connection: &mut TlsConnection) -> Vec<WireResponse> {
    let mut responses = Vec::new();
    while let Ok(response) = connection.response() {
        responses.push(response);
    }
    responses
}

fn decisions(gateway: &TestGateway) -> Vec<String> {
    gateway
        .records()
        .iter()
        .map(|record| format!("{} {}", record["decision"], record["received_path"]))
        .collect()
}

#[test]
fn a_content_length_that_is_not_one_decimal_number_is_rejected() {
    let lengths =
        ["+5", "-5", "0x5", "5,5", "5, 5", "5,6", "", " ", "5 5", "5;", "5.0", "٥", "18446744073709551616"];
    run(lengths.map(|length| FramingCase {
        name: format!("{length:?}"),
        bytes: post(&format!("Content-Length: {length}\r\n"), &format!("hello{SMUGGLED}")),
        statuses: &[400],
        forwarded: &[],
    }));
}

#[test]
fn a_transfer_coding_other_than_chunked_alone_is_rejected() {
    let codings = [
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: ,chunked\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
    ];
    run(codings.map(|lines| FramingCase {
        name: format!("{lines:?}"),
        bytes: post(lines, &format!("0\r\n\r\n{SMUGGLED}")),
        statuses: &[400],
        forwarded: &[],
    }));
}

#[test]
fn a_length_and_a_transfer_coding_close_the_connection_after_the_coded_body() {
    let coded = format!("0\r\n\r\n{SMUGGLED}");
    run([
        case(
            "length first",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", &coded),
            &[200],
            &["/ignore/echo"],
        ),
        case(
            "coding first",
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", &coded),
            &[200],
            &["/ignore/echo"],
        ),
        case(
            "two lengths",
            post("Content-Length: 5\r\nContent-Length: 6\r\n", &format!("hello{SMUGGLED}")),
            &[400],
            &[],
        ),
    ]);
}

#[test]
fn a_malformed_chunk_closes_the_connection_and_no_later_byte_is_a_request() {
    let chunks = ["0x5", "+5", "-5", "5\n", "", "g", "fffffffffffffffff", "5\rhello", " 5"];
    let mut gateway = start(three_sites());
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, None);
    for size in chunks {
        let mut connection = client.connect(HOME).unwrap();
        let rest = format!("{size}\r\nhello\r\n0\r\n\r\n{SMUGGLED}");
        let _unsent = connection.send(post("Transfer-Encoding: chunked\r\n", &rest));
        let responses = all_responses(&mut connection);
        let statuses: Vec<u16> = responses.iter().map(|response| response.status).collect();
        assert_eq!(statuses, [400], "{size:?}: {responses:?}");
    }
    assert!(forwarded(&gateway).iter().all(|target| target == "/ignore/echo"), "{:?}", forwarded(&gateway));
    gateway.stop();
    let records = gateway.records();
    assert_eq!(records.len(), chunks.len(), "one record for each request: {:#?}", decisions(&gateway));
    for record in records {
        assert_eq!((&record["decision"], &record["status"]), (&"malformed-request".into(), &400.into()));
    }
}

#[test]
fn unambiguous_framing_is_forwarded_and_the_next_request_is_authorized() {
    let both: &[&str] = &["/ignore/echo"];
    run([
        case(
            "chunk extension",
            post("Transfer-Encoding: chunked\r\n", &format!("5;a=\"b\"\r\nhello\r\n0\r\n\r\n{NEXT}")),
            &[200, 403],
            both,
        ),
        case(
            "upper-case coding",
            post("Transfer-Encoding: CHUNKED\r\n", &format!("0\r\n\r\n{NEXT}")),
            &[200, 403],
            both,
        ),
        case(
            "the same length twice",
            post("Content-Length: 5\r\nContent-Length: 5\r\n", &format!("hello{NEXT}")),
            &[200, 403],
            both,
        ),
        case(
            "a GET's body",
            format!("GET /ignore/echo HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nhello{NEXT}"),
            &[200, 403],
            both,
        ),
        case(
            "bare LF",
            format!("GET /ignore/echo HTTP/1.1\nHost: a.corp.example\n\n{NEXT}"),
            &[200, 403],
            both,
        ),
        case(
            "empty lines before",
            format!("\r\n\r\nGET /ignore/echo HTTP/1.1\r\n{HOST}\r\n{NEXT}"),
            &[200, 403],
            both,
        ),
    ]);
}

#[test]
fn the_body_of_a_rejected_request_is_never_parsed_as_a_request() {
    let length = SMUGGLED.len();
    let rejected =
        |lines: &str, rest: &str| format!("POST /require/echo HTTP/1.1\r\n{HOST}{lines}\r\n{rest}");
    let chunked = format!("{length:x}\r\n{SMUGGLED}\r\n0\r\n\r\n{NEXT}");
    run([
        case(
            "by length",
            rejected(&format!("Content-Length: {length}\r\n"), &format!("{SMUGGLED}{NEXT}")),
            &[403, 403],
            &[],
        ),
        case("chunked", rejected("Transfer-Encoding: chunked\r\n", &chunked), &[403, 403], &[]),
        case(
            "rejected for its host",
            format!(
                "POST /ignore/echo HTTP/1.1\r\nHost: b.corp.example\r\nContent-Length: {length}\r\n\r\n{SMUGGLED}{NEXT}"
            ),
            &[421],
            &[],
        ),
    ]);
}

#[test]
fn a_body_sent_without_waiting_for_100_continue_is_never_parsed_as_a_request() {
    let gateway = start(three_sites());
    let length = SMUGGLED.len();
    let mut connection = TlsClient::new(&gateway, OfferedVersion::Tls13, None).connect(HOME).unwrap();
    let head = format!(
        "POST /require/echo HTTP/1.1\r\n{HOST}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    let _unsent = connection.send(format!("{head}{SMUGGLED}{NEXT}"));
    // The gateway may close, or drain the body and authorize the next request.
    assert!(all_responses(&mut connection).iter().all(|response| response.status == 403));
    assert_eq!(forwarded(&gateway), Vec::<String>::new());
}

#[test]
fn the_preface_of_http_2_is_rejected_if_alpn_selected_http_1_1() {
    let gateway = start(three_sites());
    let mut connection =
        TlsClient::new(&gateway, OfferedVersion::Tls13, None).offering("http/1.1").connect(HOME).unwrap();
    let _unsent = connection.send(format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{SMUGGLED}"));
    assert!(all_responses(&mut connection).iter().all(|response| response.status == 400));
    assert_eq!(forwarded(&gateway), Vec::<String>::new());
}

#[test]
fn an_upgrade_is_ignored_and_the_next_request_is_authorized() {
    let upgrades = [
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-OfferedVersion: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n",
        "Upgrade: anything\r\n",
    ];
    run(upgrades.map(|lines| FramingCase {
        name: lines.to_owned(),
        bytes: format!("GET /ignore/echo HTTP/1.1\r\n{HOST}{lines}\r\n{NEXT}"),
        statuses: &[200, 403],
        forwarded: &["/ignore/echo"],
    }));
}

#[test]
fn connect_trace_and_unknown_methods_are_rejected() {
    let request = |line: &str| format!("{line}\r\n{HOST}\r\n{NEXT}");
    run([
        case("CONNECT", request("CONNECT a.corp.example:443 HTTP/1.1"), &[400, 403], &[]),
        case("CONNECT elsewhere", request("CONNECT 127.0.0.1:22 HTTP/1.1"), &[400, 403], &[]),
        case("CONNECT with a path", request("CONNECT /ignore/echo HTTP/1.1"), &[405, 403], &[]),
        case("TRACE", request("TRACE /ignore/echo HTTP/1.1"), &[405, 403], &[]),
        case("lower case", request("get /ignore/echo HTTP/1.1"), &[405, 403], &[]),
        case("PROPFIND", request("PROPFIND /ignore/echo HTTP/1.1"), &[405, 403], &[]),
        case("asterisk", request("OPTIONS * HTTP/1.1"), &[400, 403], &[]),
    ]);
}

#[test]
fn a_malformed_head_is_rejected() {
    let request = |lines: &str| format!("GET /ignore/echo HTTP/1.1\r\n{lines}\r\n{SMUGGLED}");
    let bad_request: &'static [u16] = &[400];
    run([
        case("folded", request(&format!("{HOST}X-A: b\r\n c\r\n")), bad_request, &[]),
        case("folded with a tab", request(&format!("{HOST}X-A: b\r\n\tc\r\n")), bad_request, &[]),
        case("space before the colon", request("Host : a.corp.example\r\n"), bad_request, &[]),
        case("space before the name", request(&format!(" {HOST}")), bad_request, &[]),
        case("empty name", request(&format!("{HOST}: b\r\n")), bad_request, &[]),
        case("no colon", request(&format!("{HOST}b\r\n")), bad_request, &[]),
        case("NUL in a value", request(&format!("{HOST}X-A: b\0c\r\n")), bad_request, &[]),
        case(
            "bare CR in a value",
            request(&format!("{HOST}X-A: b\rTransfer-Encoding: chunked\r\n")),
            bad_request,
            &[],
        ),
        case(
            "HTTP/1.0 with a coding",
            format!(
                "POST /ignore/echo HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}"
            ),
            bad_request,
            &[],
        ),
        case("HTTP/0.9", format!("GET /ignore/echo\r\n{SMUGGLED}"), bad_request, &[]),
        case("HTTP/1.2", format!("GET /ignore/echo HTTP/1.2\r\n{HOST}\r\n{SMUGGLED}"), bad_request, &[]),
        case("two spaces", format!("GET  /ignore/echo HTTP/1.1\r\n{HOST}\r\n{SMUGGLED}"), bad_request, &[]),
        case(
            "a space in the path",
            format!("GET /ignore/ echo HTTP/1.1\r\n{HOST}\r\n{SMUGGLED}"),
            bad_request,
            &[],
        ),
    ]);
}

#[test]
fn a_head_above_the_limits_is_rejected() {
    let request = |lines: &str| format!("GET /ignore/echo HTTP/1.1\r\n{HOST}{lines}\r\n{SMUGGLED}");
    let many: String = (0..257).map(|number| format!("X-{number}: a\r\n")).collect();
    let heads = [
        request(&format!("X-A: {}\r\n", "a".repeat(70_000))),
        format!("GET / HTTP/1.1\r\nX-A: {}", "a".repeat(600_000)),
        request(&many),
        format!("GET /{} HTTP/1.1\r\n{HOST}\r\n{SMUGGLED}", "a".repeat(66_000)),
    ];
    let mut gateway = start(three_sites());
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, None);
    for head in &heads {
        let mut connection = client.connect(HOME).unwrap();
        let _unsent = connection.send(head);
        // Unread bytes reset the connection, and the reset may overtake the response.
        let statuses: Vec<_> =
            all_responses(&mut connection).iter().map(|response| response.status).collect();
        assert!(matches!(statuses[..], [] | [431]), "{statuses:?}: {:.60}", head);
    }
    assert_eq!(forwarded(&gateway), Vec::<String>::new());
    gateway.stop();
    let decisions: Vec<_> = gateway.records().iter().map(|record| record["decision"].clone()).collect();
    assert_eq!(decisions, ["headers-too-large"; 4]);
}
