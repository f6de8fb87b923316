//! The audit log: one record for every request, whether it is permitted, denied or aborted.

use crate::support::{TestClient, TestConfig, TestGateway, empty_body, pki, sha256, sized_body, wait_for};
use http::Method;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

/// Checks the format of the fields that differ between runs, and returns the record without them.
fn settled(mut record: Value) -> Value {
    let fields = record.as_object_mut().unwrap();
    let time = fields.remove("time").unwrap();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    let id = fields.remove("request_id").unwrap();
    assert_eq!(id.as_str().unwrap().len(), 32, "{id}");
    assert!(fields.remove("client").unwrap().as_str().unwrap().starts_with("127.0.0.1:"));
    let duration = fields.remove("duration_ms").unwrap();
    assert!(duration["total"].is_f64(), "{duration}");
    record
}

fn certificate_of(card: &str) -> Value {
    let card = pki().card(card).unwrap();
    let leaf = portcullis::certificate::Certificate::from_der(card.certificate_der()).unwrap();
    json!({
        "sha256": sha256(card.certificate_der()),
        "subject": leaf.subject().to_string(),
        "issuer": leaf.issuer().to_string(),
        "serial": leaf.serial().to_string(),
        "not_after": leaf.not_after().to_string(),
    })
}

#[tokio::test]
async fn a_permit_is_recorded_with_certificate_account_and_backend() {
    let gateway = TestGateway::start();
    let client = TestClient::new(&gateway).certificate("alice").tls13().http2();
    let response = client.post("/Require/ECHO?a=b", sized_body("12345")).await;
    let record = settled(gateway.record(&response.request_id()).await);
    let expected = json!({
        "site": "rms.corp.example",
        "listener": "127.0.0.1:0",
        "tls": {
            "version": "1.3",
            "resumed": false,
            "cipher": "TLS13_AES_128_GCM_SHA256",
            "alpn": "h2",
            "certificate": "presented",
        },
        "protocol": "2",
        "method": "POST",
        "host": "rms.corp.example",
        "received_path": "/Require/ECHO",
        "received_path_truncated": false,
        "path": "/require/echo",
        "rule": "/require/echo",
        "certificate": certificate_of("alice"),
        "account": { "user": "alice@corp.example", "upn": "alice@corp.example", "sid": null },
        "authentication": "certificate",
        "mapping": { "method": "upn", "strength": "weak", "stale": false },
        "decision": "permit",
        "sub_status": null,
        "detail": null,
        "status": 200,
        "backend": format!("http://{}", gateway.rms.address()),
        "bytes_in": 5,
        "bytes_out": response.body.len(),
    });
    assert_eq!(record, expected);
}

#[tokio::test]
async fn a_denial_is_recorded_with_its_detail_and_no_account() {
    let gateway = TestGateway::start();
    let response = TestClient::new(&gateway).certificate("bob").tls12().http1().get("/require/echo").await;
    let mut record = settled(gateway.record(&response.request_id()).await);
    let detail = record.as_object_mut().unwrap().remove("detail").unwrap();
    assert!(detail.as_str().unwrap().contains("revoked"), "{detail}");
    let expected = json!({
        "site": "rms.corp.example",
        "listener": "127.0.0.1:0",
        "tls": {
            "version": "1.2",
            "resumed": false,
            "cipher": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "alpn": "http/1.1",
            "certificate": "presented",
        },
        "protocol": "1.1",
        "method": "GET",
        "host": "rms.corp.example",
        "received_path": "/require/echo",
        "received_path_truncated": false,
        "path": "/require/echo",
        "rule": "/require/echo",
        "certificate": certificate_of("bob"),
        "account": null,
        "authentication": null,
        "mapping": null,
        "decision": "certificate-revoked",
        "sub_status": 13,
        "status": 403,
        "backend": null,
        "bytes_in": 0,
        "bytes_out": response.body.len(),
    });
    assert_eq!(record, expected);
}

#[tokio::test]
async fn a_handshake_without_a_certificate_is_recorded_as_not_presented() {
    let gateway = TestGateway::start();
    let response = TestClient::new(&gateway).get("/require/echo").await;
    let record = gateway.record(&response.request_id()).await;
    assert_eq!(record["tls"]["certificate"], "not_presented");
    assert_eq!(record["certificate"], Value::Null);
}

#[tokio::test]
async fn a_client_that_disconnects_before_the_response_is_recorded() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let before = (gateway.records().len(), gateway.rms.requests().len());
        let mut connection = client.certificate("alice").connect().await.unwrap();
        let request =
            connection.request(Method::GET, "/require/echo?delay_ms=60000").body(empty_body()).unwrap();
        {
            let waiting = connection.begin(request);
            let received =
                wait_for("the request", || (gateway.rms.requests().len() > before.1).then_some(()));
            tokio::select! {
                response = waiting => panic!("{response:?}"),
                () = received => {}
            }
        }
        drop(connection);
        let record = wait_for("the record", || gateway.records().get(before.0).cloned()).await;
        assert_eq!(record["decision"], "client-disconnected");
        assert_eq!(record["status"], Value::Null);
        assert_eq!(record["account"]["user"], "alice@corp.example");
    }
}

#[tokio::test]
async fn a_disconnect_during_the_response_is_recorded_with_the_bytes_sent() {
    const SIZE: u64 = 1 << 30;
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let before = gateway.records().len();
        let mut connection = client.connect().await.unwrap();
        let target = format!("/ignore/echo?size={SIZE}");
        let request = connection.request(Method::GET, &target).body(empty_body()).unwrap();
        let mut response = connection.begin(request).await.unwrap();
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        assert!(!frame.into_data().unwrap().is_empty());
        drop((response, connection));
        let record = wait_for("the record", || gateway.records().get(before).cloned()).await;
        assert_eq!((&record["decision"], &record["status"]), (&"client-disconnected".into(), &200.into()));
        assert!((1..SIZE).contains(&record["bytes_out"].as_u64().unwrap()), "{record}");
    }
}

#[tokio::test]
async fn a_disconnect_during_the_request_body_is_recorded_with_the_bytes_received() {
    let gateway = TestGateway::start();
    let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
    let head = "POST /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nContent-Length: 10\r\n\r\nabc";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    let record = gateway.only_record().await;
    assert_eq!((&record["decision"], &record["bytes_in"]), (&"client-disconnected".into(), &3.into()));
    assert_eq!(record["status"], Value::Null);
}

#[tokio::test]
async fn every_request_has_one_record() {
    let gateway = TestGateway::start();
    let mut ids = Vec::new();
    for client in TestClient::http1_and_http2(&gateway) {
        let mut connection = client.certificate("alice").connect().await.unwrap();
        for path in ["/require/echo", "/ignore/echo", "/none", "/policy/echo", "//", "/require/echo"] {
            ids.push(connection.get(path).await.unwrap().request_id());
        }
    }
    for id in &ids {
        gateway.record(id).await;
    }
    let recorded: Vec<_> =
        gateway.records().iter().map(|record| record["request_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(recorded, ids);
}

#[tokio::test]
async fn a_stop_writes_every_record() {
    let mut gateway = TestGateway::start();
    for _ in 0..10 {
        TestClient::new(&gateway).get("/ignore/echo").await;
    }
    gateway.stop();
    assert_eq!(gateway.records().len(), 10);
}

#[tokio::test]
async fn no_secret_of_a_request_is_recorded() {
    const SECRET: &str = "hunter2";
    let gateway = TestGateway::with(TestConfig {
        paths: TestConfig::default().paths.replace("/small/echo", "/x/echo"),
        ..TestConfig::default()
    });
    let headers = [
        ("authorization", "Basic hunter2"),
        ("proxy-authorization", "Basic hunter2"),
        ("cookie", "session=hunter2"),
        ("x-api-key", "hunter2"),
        ("referer", "https://rms.corp.example/?token=hunter2"),
    ];
    for client in TestClient::http1_and_http2(&gateway) {
        for (card, path) in [("alice", "/require/echo"), ("none", "/require/echo"), ("none", "/none")] {
            let target = format!("{path}?password={SECRET}");
            let response = client.clone().certificate(card).get_with(&target, &headers).await;
            gateway.record(&response.request_id()).await;
        }
    }
    let text = std::fs::read_to_string(gateway.folder().join("audit.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 6);
    assert!(!text.contains(SECRET), "{text}");
}
