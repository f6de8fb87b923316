//! Malformed HTTP/2 request heads. Each has an audit record.

use super::http2_frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GO_AWAY, HEADERS, RST_STREAM, RawHttp2Connection, fields,
    frame, get,
};
use super::three_sites::{HOME, start, start_with_limits, three_sites};
use crate::support::{TestGateway, wait_for};
use serde_json::{Value, json};

const ALL: u8 = END_HEADERS | END_STREAM;

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "https");
const AUTHORITY: (&str, &str) = (":authority", HOME);
const PATH: (&str, &str) = (":path", "/ignore/echo");

/// Waits until there are `count` records, and returns the decisions of all records.
async fn decisions(gateway: &TestGateway, count: usize) -> Vec<String> {
    wait_for("the records", || (gateway.records().len() >= count).then_some(())).await;
    gateway.records().iter().map(|record| record["decision"].as_str().unwrap().to_owned()).collect()
}

/// Returns the fields of a record that identify the head and its result.
fn summary(record: &Value) -> Value {
    json!([record["decision"], record["protocol"], record["status"], record["method"], record["site"]])
}

#[tokio::test]
async fn a_malformed_head_is_recorded_and_resets_its_stream_only() {
    let gateway = start(three_sites());
    let heads = [
        ("no method", fields(&[SCHEME, AUTHORITY, PATH])),
        ("no scheme", fields(&[METHOD, AUTHORITY, PATH])),
        ("two paths", fields(&[METHOD, SCHEME, AUTHORITY, PATH, PATH])),
        ("a status", fields(&[METHOD, SCHEME, AUTHORITY, PATH, (":status", "200")])),
        ("a protocol", fields(&[("x", "y"), (":protocol", "websocket")])),
        ("a pseudo-header after a field", fields(&[METHOD, SCHEME, AUTHORITY, ("x", "y"), PATH])),
        ("an invalid authority", fields(&[METHOD, SCHEME, (":authority", "a b"), PATH])),
        ("a path with a space", fields(&[METHOD, SCHEME, AUTHORITY, (":path", "/ a")])),
        ("CONNECT with a path", fields(&[(":method", "CONNECT"), AUTHORITY, PATH])),
        ("connection", get("/ignore/echo", &[("connection", "close")])),
        ("keep-alive", get("/ignore/echo", &[("keep-alive", "timeout=1")])),
        ("proxy-connection", get("/ignore/echo", &[("proxy-connection", "close")])),
        ("transfer-encoding", get("/ignore/echo", &[("transfer-encoding", "chunked")])),
        ("upgrade", get("/ignore/echo", &[("upgrade", "h2c")])),
        ("te", get("/ignore/echo", &[("te", "gzip")])),
        ("an invalid length", get("/ignore/echo", &[("content-length", "+1")])),
        ("two lengths", get("/ignore/echo", &[("content-length", "0"), ("content-length", "1")])),
        ("a length without content", get("/ignore/echo", &[("content-length", "5")])),
    ];
    for (case, head) in heads {
        let recorded = gateway.records().len();
        let mut connection = RawHttp2Connection::connect(&gateway).await;
        connection.send(&frame(HEADERS, ALL, 1, &head)).await.unwrap();
        let frames = connection.frames_until(|frame| frame.stream == 1).await;
        assert_eq!(frames.last().map(|frame| frame.kind), Some(RST_STREAM), "{case}");
        let record = wait_for(case, || gateway.records().get(recorded).cloned()).await;
        assert_eq!(summary(&record), json!(["malformed-request", "2", null, "", null]), "{case}");
        connection.send(&frame(HEADERS, ALL, 3, &get("/ignore/echo", &[]))).await.unwrap();
        connection.frames_until(|frame| frame.stream == 3 && frame.kind == HEADERS).await;
        let record = wait_for(case, || gateway.records().get(recorded + 1).cloned()).await;
        assert_eq!(record["decision"], "permit", "{case}");
        assert_eq!(gateway.records().len(), recorded + 2, "{case}");
    }
}

#[tokio::test]
async fn a_head_that_closes_the_connection_is_recorded() {
    let gateway = start(three_sites());
    let unfinished = [frame(HEADERS, END_STREAM, 1, &[]), frame(DATA, 0, 1, &[])].concat();
    for (case, sent) in [
        ("an upper-case name", frame(HEADERS, ALL, 1, &get("/ignore/echo", &[("X-Upper", "a")]))),
        ("an unknown pseudo-header", frame(HEADERS, ALL, 1, &get("/ignore/echo", &[(":x", "a")]))),
        ("an invalid index", frame(HEADERS, ALL, 1, &[0xff, 0xff, 0xff, 0xff, 0x0f])),
        ("a stream of the server", frame(HEADERS, ALL, 2, &get("/ignore/echo", &[]))),
        ("a head that another frame interrupts", unfinished),
    ] {
        let recorded = gateway.records().len();
        let mut connection = RawHttp2Connection::connect(&gateway).await;
        connection.send(&sent).await.unwrap();
        let frames = connection.frames_until(|_| false).await;
        assert_eq!(frames.last().map(|frame| frame.kind), Some(GO_AWAY), "{case}");
        let record = wait_for(case, || gateway.records().get(recorded).cloned()).await;
        assert_eq!(summary(&record), json!(["malformed-request", "2", null, "", null]), "{case}");
        assert_eq!(gateway.records().len(), recorded + 1, "{case}");
    }
}

#[tokio::test]
async fn a_head_is_recorded_once_if_the_connection_closes_at_any_point() {
    let gateway = start(three_sites());
    let valid = |stream| frame(HEADERS, ALL, stream, &get("/ignore/echo", &[]));
    let malformed = |stream| frame(HEADERS, ALL, stream, &fields(&[METHOD]));
    let fatal = frame(HEADERS, ALL, 5, &get("/ignore/echo", &[("X-Upper", "a")]));
    let reset = frame(RST_STREAM, 0, 3, &[0, 0, 0, 8]);
    for (case, sent, count) in [
        ("valid heads before a fatal one", [valid(1), valid(3), fatal.clone()].concat(), 3),
        ("malformed heads before a fatal one", [malformed(1), malformed(3), fatal].concat(), 3),
        ("a malformed head on a stream that is reset", [malformed(3), reset.clone()].concat(), 1),
        ("a valid head on a stream that is reset", [valid(3), reset].concat(), 1),
        ("a malformed head before the end", malformed(1), 1),
        ("a valid head before the end", valid(1), 1),
    ] {
        let recorded = gateway.records().len();
        let mut connection = RawHttp2Connection::connect(&gateway).await;
        connection.send(&sent).await.unwrap();
        drop(connection);
        wait_for(case, || (gateway.records().len() == recorded + count).then_some(())).await;
    }
}

#[tokio::test]
async fn a_head_above_the_limit_is_rejected_by_a_page_a_status_or_a_close() {
    let gateway = start_with_limits(r#"max_header_bytes = "8KiB""#);
    let long = |bytes: usize| frame(HEADERS, ALL, 1, &get("/ignore/echo", &[("x", &"y".repeat(bytes))]));
    let expected =
        |status: Value, site: Value, method: &str| json!(["headers-too-large", "2", status, method, site]);
    for (sent, last, record) in [
        (long(10_000), DATA, expected(431.into(), Value::Null, "GET")),
        (long(16_000), DATA, expected(431.into(), Value::Null, "GET")),
        (long(16_300), HEADERS, expected(431.into(), Value::Null, "")),
        ([frame(HEADERS, 0, 1, &[]), frame(CONTINUATION, 0, 1, &[]).repeat(6)].concat(), GO_AWAY, {
            expected(Value::Null, Value::Null, "")
        }),
    ] {
        let recorded = gateway.records().len();
        let mut connection = RawHttp2Connection::connect(&gateway).await;
        connection.send(&sent).await.unwrap();
        let frames = connection.frames_until(|frame| frame.kind == last).await;
        assert_eq!(frames.last().map(|frame| frame.kind), Some(last));
        if last == DATA {
            let page = String::from_utf8(frames.last().unwrap().payload.clone()).unwrap();
            assert!(page.contains("headers-too-large"), "{page}");
        }
        drop(connection);
        assert_eq!(
            summary(&wait_for("the record", || gateway.records().get(recorded).cloned()).await),
            record
        );
        assert_eq!(gateway.records().len(), recorded + 1);
    }
}

#[tokio::test]
async fn a_field_list_that_expands_from_the_dynamic_table_is_headers_too_large() {
    let gateway = start_with_limits(r#"max_header_bytes = "4KiB""#);
    // The first field enters the dynamic table; the others are references of one byte to it.
    let mut block = fields(&[("x", &"y".repeat(4_000))]);
    block[0] = 0x40;
    block.extend([0xbe; 20]);
    let mut connection = RawHttp2Connection::connect(&gateway).await;
    connection.send(&frame(HEADERS, ALL, 1, &block)).await.unwrap();
    let frames = connection.frames_until(|_| false).await;
    assert_eq!(frames.last().map(|frame| frame.kind), Some(GO_AWAY));
    assert_eq!(decisions(&gateway, 1).await, ["headers-too-large"]);
}

#[tokio::test]
async fn a_head_in_several_frames_is_one_request() {
    let gateway = start(three_sites());
    let head = get("/ignore/echo", &[("x", "y")]);
    let (first, rest) = head.split_at(10);
    let sent = [
        frame(HEADERS, END_STREAM, 1, first),
        frame(CONTINUATION, 0, 1, &rest[..7]),
        frame(CONTINUATION, END_HEADERS, 1, &rest[7..]),
    ];
    let mut connection = RawHttp2Connection::connect(&gateway).await;
    connection.send(&sent.concat()).await.unwrap();
    connection.frames_until(|frame| frame.kind == DATA).await;
    assert_eq!(decisions(&gateway, 1).await, ["permit"]);
}

#[tokio::test]
async fn malformed_trailers_are_not_recorded_as_a_head() {
    let gateway = start(three_sites());
    let post = [(":method", "POST"), SCHEME, AUTHORITY, PATH, ("content-type", "text/plain")];
    let sent = [
        frame(HEADERS, END_HEADERS, 1, &fields(&post)),
        frame(DATA, 0, 1, b"a body that is long enough"),
        frame(HEADERS, ALL, 1, &fields(&[("connection", "close")])),
    ];
    let mut connection = RawHttp2Connection::connect(&gateway).await;
    connection.send(&sent.concat()).await.unwrap();
    connection.frames_until(|frame| frame.stream == 1).await;
    connection.send(&frame(HEADERS, ALL, 3, &get("/ignore/echo", &[]))).await.unwrap();
    connection.frames_until(|frame| frame.stream == 3).await;
    drop(connection);
    let mut decisions = decisions(&gateway, 2).await;
    decisions.sort();
    assert_eq!(decisions, ["malformed-request", "permit"]);
}

#[tokio::test]
async fn a_stream_beyond_the_limit_of_streams_has_no_record() {
    let gateway = start_with_limits("max_http2_streams = 2");
    let mut connection = RawHttp2Connection::connect(&gateway).await;
    let slow = |stream| frame(HEADERS, ALL, stream, &get("/ignore/echo?delay_ms=500", &[]));
    connection.send(&[slow(1), slow(3), slow(5)].concat()).await.unwrap();
    let frames = connection.frames_until(|frame| frame.stream == 5).await;
    let reset = frames.last().map(|frame| (frame.kind, frame.payload.as_slice()));
    assert_eq!(reset, Some((RST_STREAM, &[0, 0, 0, 7][..])));
    connection.frames_until(|frame| frame.kind == DATA).await;
    connection.frames_until(|frame| frame.kind == DATA).await;
    drop(connection);
    assert_eq!(decisions(&gateway, 2).await, ["permit", "permit"]);
}

#[tokio::test]
async fn malformed_heads_count_towards_the_request_rate() {
    let gateway = start_with_limits("requests_per_second_per_address = 1");
    let mut connection = RawHttp2Connection::connect(&gateway).await;
    let malformed: Vec<u8> =
        (0..100).flat_map(|n| frame(HEADERS, ALL, 2 * n + 1, &fields(&[METHOD]))).collect();
    connection.send(&malformed).await.unwrap();
    connection.frames_until(|frame| frame.stream == 199).await;
    drop(connection);
    wait_for("a rejection for the rate", || {
        gateway.records().iter().any(|record| record["decision"] == "rate-limited").then_some(())
    })
    .await;
    let malformed_requests =
        gateway.records().iter().filter(|record| record["decision"] == "malformed-request").count();
    assert!((1..=20).contains(&malformed_requests), "{malformed_requests}");
    assert!(gateway.records().len() < 30, "{}", gateway.records().len());
}
