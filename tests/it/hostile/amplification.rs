//! The bytes that a client causes the gateway to write or keep are in proportion to the bytes that it sends, with any
//! certificate, host, path or method.

use crate::support::{TestClient, TestConfig, TestGateway, empty_body, pki, wait_for};
use http::{Method, Request, StatusCode};
use portcullis::demo::pki::KeyedChain;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use std::process::{Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HOST: &str = "rms.corp.example";

/// Returns a self-signed certificate with this name.
fn forged(name: &str) -> KeyedChain {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    KeyedChain {
        name: "forged".to_owned(),
        chain: vec![certificate.der().clone()],
        key: PrivatePkcs8KeyDer::from(key.serialize_der()),
    }
}

/// Sends `count` pipelined requests on one connection and reads the responses. Returns the number of sent bytes.
async fn pipelined(client: &TestClient, request: &str, count: usize) -> usize {
    let (mut reading, mut writing) = tokio::io::split(client.tls_stream().await.unwrap());
    let bytes = request.repeat(count);
    let sent = bytes.len();
    let sending = tokio::spawn(async move { writing.write_all(bytes.as_bytes()).await });
    let (mut received, mut tail, mut buffer) = (0, Vec::new(), vec![0; 65_536]);
    while received < count {
        let read = reading.read(&mut buffer).await.unwrap();
        assert!(read > 0, "{received} of {count} responses were received");
        tail.extend_from_slice(&buffer[..read]);
        let heads = tail.windows(9).filter(|bytes| bytes == b"HTTP/1.1 ").count();
        received += heads;
        tail.drain(..tail.len().saturating_sub(8));
    }
    sending.await.unwrap().unwrap();
    sent
}

/// Waits until the audit file has this number of records, and returns its size.
async fn audit_bytes(gateway: &TestGateway, records: usize) -> usize {
    wait_for("every record", || (gateway.records().len() == records).then_some(())).await;
    usize::try_from(std::fs::metadata(gateway.folder().join("audit.jsonl")).unwrap().len()).unwrap()
}

#[tokio::test]
async fn a_short_request_with_a_forged_certificate_writes_few_bytes() {
    let names = [
        "x".repeat(12_000),
        "x".repeat(7_500),
        "\"".repeat(7_500),
        "\u{202e}".repeat(2_500),
        "日".repeat(2_500),
    ];
    let request = format!("GET /require/echo HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    for name in names {
        let gateway = TestGateway::start();
        let client = TestClient::new(&gateway).chain(&forged(&name));
        let sent = pipelined(&client, &request, 500).await;
        let written = audit_bytes(&gateway, 500).await;
        assert!(written <= 10 * sent, "{written} bytes for {sent}");
    }
}

#[tokio::test]
async fn a_request_without_a_certificate_writes_few_bytes() {
    for path in ["/ignore/echo", "/require/echo", "/nowhere"] {
        let gateway = TestGateway::start();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let sent = pipelined(&TestClient::new(&gateway), &request, 500).await;
        let written = audit_bytes(&gateway, 500).await;
        assert!(written <= 10 * sent, "{path}: {written} bytes for {sent}");
    }
}

#[tokio::test]
async fn a_shortened_record_refers_to_a_complete_one() {
    let gateway = TestGateway::start();
    let client = TestClient::new(&gateway).chain(&forged("Nobody"));
    pipelined(&client, &format!("GET /require/echo HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), 20).await;
    audit_bytes(&gateway, 20).await;
    let records = gateway.records();
    let (first, last) = (&records[0], &records[19]);
    assert_eq!((&first["same_as"], &first["certificate"]["subject"]), (&().into(), &"CN=Nobody".into()));
    let named = records.iter().find(|record| record["request_id"] == last["same_as"]).unwrap();
    assert_eq!(named["certificate"], first["certificate"]);
    for field in ["client", "method", "path", "decision", "status"] {
        assert_eq!(last[field], first[field], "{field}");
    }
}

#[tokio::test]
async fn a_long_method_host_or_path_compressed_by_hpack_has_a_short_record() {
    const LONG: usize = 3900;
    const COUNT: usize = 40;
    let path = format!("https://{HOST}/{}", "p".repeat(LONG));
    let host = format!("https://{}/require/echo", "h".repeat(LONG));
    let method = "M".repeat(LONG);
    for (method, target) in [("GET", path.as_str()), ("GET", &host), (&method, "https://x/require/echo")] {
        let gateway = TestGateway::start();
        let client = TestClient::new(&gateway).http2();
        let mut connection = client.connect().await.unwrap();
        for _ in 0..COUNT {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = Request::builder().method(method).uri(target).body(empty_body()).unwrap();
            let response = connection.send(request).await.unwrap();
            assert_ne!(response.status, StatusCode::OK);
        }
        let written = audit_bytes(&gateway, COUNT).await;
        assert!(written <= 1536 * COUNT, "{written} bytes for {COUNT} requests");
    }
}

#[tokio::test]
async fn changing_certificates_after_a_valid_chain_are_not_validated_or_kept() {
    let gateway = TestGateway::start();
    let alice = pki().card("alice").unwrap();
    for number in 0..20 {
        let mut chain = alice.chain.clone();
        chain.extend(forged(&format!("{number} {}", "x".repeat(8_500))).chain);
        chain.extend(forged(&format!("{number} {}", "x".repeat(4_000))).chain);
        let card = KeyedChain { name: "alice".to_owned(), chain, key: alice.key.clone_key() };
        let client = if number % 2 == 0 {
            TestClient::new(&gateway).http1()
        } else {
            TestClient::new(&gateway).http2()
        };
        assert_eq!(client.chain(&card).get("/require/echo").await.status_and_id(), "200 permit");
    }
    assert_eq!(gateway.metrics.validation_cache.misses.get(), 1);
    assert_eq!(gateway.metrics.validation_cache.hits.get(), 19);
}

#[tokio::test]
async fn a_certificate_above_the_size_limit_is_rejected_unparsed() {
    let gateway = TestGateway::start();
    for length in [3_000, 8_500] {
        let response =
            TestClient::new(&gateway).chain(&forged(&"x".repeat(length))).get("/require/echo").await;
        assert_eq!(response.status_and_id(), "403 certificate-untrusted");
    }
    let both = || Some(gateway.records()).filter(|records| records.len() == 2);
    let records = wait_for("both records", both).await;
    let details: Vec<_> =
        records.iter().map(|record| record["detail"].as_str().unwrap().to_owned()).collect();
    // The order of the records of two connections is not defined.
    let has = |text: &str| details.iter().any(|detail| detail.contains(text));
    // The smaller one was parsed and validated; its subject fills the detail up to its limit.
    assert!(has("the chain is not valid: leaf certificate CN=xxx"), "{details:?}");
    assert!(has("bytes; the limit is 16384"), "{details:?}");
}

#[tokio::test]
async fn an_unread_audit_sink_uses_no_more_memory_than_its_limit() {
    const LIMIT: i64 = 1 << 20;
    let config =
        TestConfig { audit: format!("audit.fifo\"\nmax_queue_bytes = \"{LIMIT}"), ..TestConfig::default() };
    let make_fifo = |folder: &std::path::Path| Command::new("mkfifo").arg(folder.join("audit.fifo")).status();
    let gateway = TestGateway::prepared(config, |folder| assert!(make_fifo(folder).unwrap().success()));
    let client = TestClient::new(&gateway).chain(&forged(&"x".repeat(12_000)));
    let mut connection = client.connect().await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..20_000 {
        let response = connection.get("/require/echo").await.unwrap();
        assert!(gateway.metrics.audit.queue_bytes.get() <= LIMIT);
        statuses.push(response.status_and_id());
        if response.status == 503 {
            break;
        }
    }
    assert_eq!(statuses.last().unwrap(), "503 audit-unavailable");
    assert!(statuses.len() > 1000, "{}", statuses.len());
    let fifo = gateway.folder().join("audit.fifo");
    let mut reader = Command::new("cat").arg(fifo).stdout(Stdio::null()).spawn().unwrap();
    wait_for("room in the queue", || (gateway.metrics.audit.queue_bytes.get() == 0).then_some(())).await;
    assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "403 certificate-untrusted");
    reader.kill().unwrap();
    reader.wait().unwrap();
}
