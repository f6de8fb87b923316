//! Tests of the echo and its options.

use std::io::{BufRead, BufReader, Read, Write};

use serde_json::{Value, json};

use super::{connect, exchange, get, split, start};

#[test]
fn the_echo_returns_the_exact_head_and_the_digest_of_the_body() {
    let rms = start();
    let head = "POST /echo?a=%41 HTTP/1.1\r\nHost: x\r\nX-ODD-Case:  two  spaces \r\nx_under: 1\r\nX-odd-case: b\r\n\
                Content-Length: 5";
    let response = exchange(&rms, head, b"hello").json();
    assert_eq!(response["head"], json!(format!("{head}\r\nConnection: close")));
    assert_eq!(response["method"], "POST");
    assert_eq!(response["target"], "/echo?a=%41");
    assert_eq!(response["version"], "HTTP/1.1");
    assert_eq!(response["body_length"], 5);
    assert_eq!(response["body_sha256"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    let seen = &rms.requests()[0];
    assert_eq!(seen.values("X-Odd-Case"), ["two  spaces", "b"]);
    assert_eq!(json!(seen.headers), response["headers"]);
}

#[test]
fn any_path_is_echoed_if_a_header_requests_it() {
    let head = "GET /_wmcs/licensing/license.asmx HTTP/1.1\r\nHost: a\r\nX-Demo-Echo: 1";
    assert_eq!(exchange(&start(), head, b"").json()["target"], "/_wmcs/licensing/license.asmx");
    assert_eq!(get(&start(), "/_wmcs/echo").json()["target"], "/_wmcs/echo");
}

#[test]
fn connections_and_their_requests_are_numbered() {
    let rms = start();
    let first = connect(&rms);
    let mut reader = BufReader::new(first.try_clone().unwrap());
    for expected in ["\"connection\":1,\"request\":1,", "\"connection\":1,\"request\":2,"] {
        (&first).write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        assert!(String::from_utf8(body).unwrap().contains(expected));
    }
    assert_eq!(get(&rms, "/echo").json()["connection"], 2);
    assert_eq!(rms.connections(), 2);
}

#[test]
fn trailers_of_a_request_are_returned() {
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTrailer: X-End\r\nTransfer-Encoding: chunked";
    let response = exchange(&start(), head, b"3\r\nabc\r\n0\r\nX-End: done\r\n\r\n").json();
    assert_eq!(response["body_length"], 3);
    assert_eq!(response["trailers"], json!([["x-end", "done"]]));
}

#[test]
fn a_mirror_keeps_the_framing() {
    let rms = start();
    let with_length =
        exchange(&rms, "POST /echo?mirror=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3", b"\x00\xff\n");
    assert!(with_length.head.contains("content-length: 3"));
    assert_eq!(with_length.body, b"\x00\xff\n");
    let head = "POST /echo?mirror=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked";
    let chunked = exchange(&rms, head, b"3\r\nabc\r\n0\r\n\r\n");
    assert!(chunked.head.contains("transfer-encoding: chunked"));
    assert_eq!(chunked.body, b"3\r\nabc\r\n0\r\n\r\n");
}

#[test]
fn the_options_determine_the_response() {
    let rms = start();
    let response = get(&rms, "/echo?status=503&size=1000000&header=X-A:%201&header=X-A:2&close=1&delay_ms=1");
    assert_eq!(response.status(), 503);
    assert_eq!(response.body.len(), 1_000_000);
    assert_eq!(&response.body[26 * 630 - 1..26 * 630 + 2], b"zab");
    assert!(response.head.contains("x-a: 1\r\nx-a: 2"), "{}", response.head);
    assert!(response.head.contains("content-length: 1000000"), "{}", response.head);
    assert_eq!(get(&rms, "/echo?status=no").status(), 400);
    assert_eq!(get(&rms, "/echo?header=none").status(), 400);
}

#[test]
fn a_chunked_response_may_have_trailers() {
    let response =
        exchange(&start(), "GET /echo?size=3&trailer=X-End:done HTTP/1.1\r\nHost: a\r\nTE: trailers", b"");
    assert!(response.head.contains("transfer-encoding: chunked"), "{}", response.head);
    assert_eq!(response.text(), "3\r\nabc\r\n0\r\nx-end: done\r\n\r\n");
    assert_eq!(get(&start(), "/echo?size=3&chunked=1").text(), "3\r\nabc\r\n0\r\n\r\n");
}

#[test]
fn an_early_response_does_not_wait_for_the_body() {
    let rms = start();
    let mut stream = connect(&rms);
    stream.write_all(b"POST /echo?early=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(split(&received).json()["body_length"], Value::Null);
}

#[test]
fn a_response_can_be_aborted() {
    let response = get(&start(), "/echo?size=100&cut=10");
    assert!(response.head.contains("content-length: 100"));
    assert_eq!(response.text(), "abcdefghij");
}

#[test]
fn an_informational_response_precedes_the_final_one() {
    let response = get(&start(), "/echo?informational=1");
    assert_eq!(response.status(), 103);
    assert!(response.text().starts_with("HTTP/1.1 200 OK\r\n"));
}
