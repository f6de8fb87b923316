//! Denials caused by the backend or by the gateway itself.

use crate::support::{TestClient, TestConfig, TestGateway, exchange, wait_for};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_busy_backend_without_a_queue_is_backend_busy() {
    let gateway = TestGateway::with(TestConfig {
        top: "workers = 1".into(),
        limits: "body_buffer = \"4KiB\"".into(),
        backend: "max_connections = 1\nqueue_length = 0".into(),
        ..TestConfig::default()
    });
    let mut slow = TestClient::new(&gateway).tls_stream().await.unwrap();
    let head = "POST /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nContent-Length: 8192\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    // A body that fits into `body_buffer` occupies no connection before it is complete.
    slow.write_all(&[b'x'; 8189]).await.unwrap();
    slow.flush().await.unwrap();
    wait_for("the slow request", || (gateway.rms.requests().len() == 1).then_some(())).await;
    let response = TestClient::new(&gateway).get("/ignore/echo").await;
    assert_eq!(response.status_and_id(), "503 backend-busy");
    assert!(response.header("retry-after").is_some());
    let ended = exchange(&mut slow, b"abc");
    let connection_freed = async {
        loop {
            let response = TestClient::new(&gateway).get("/ignore/echo").await;
            if response.status == 200 {
                return;
            }
        }
    };
    tokio::select! {
        _ = ended => panic!("the gateway keeps the connection"),
        () = connection_freed => {}
    }
}

#[tokio::test]
async fn no_request_is_permitted_while_the_audit_log_cannot_be_written() {
    let gateway = TestGateway::with(TestConfig { audit: "/dev/full".into(), ..TestConfig::default() });
    let client = TestClient::new(&gateway).certificate("alice");
    // The first record cannot be written.
    client.get("/require/echo").await;
    let write_failed = || gateway.metrics.encode().contains("audit_write_failures_total 1").then_some(());
    wait_for("the failed write", write_failed).await;
    for path in ["/ignore/echo", "/require/echo", "/no/such/path"] {
        let response = client.get(path).await;
        assert_eq!(response.status_and_id(), "503 audit-unavailable", "{path}");
        assert!(response.header("retry-after").is_some());
    }
    assert_eq!(gateway.rms.requests().len(), 1);
}

#[tokio::test]
async fn a_dead_backend_is_backend_unreachable() {
    // Nothing listens on port 1.
    let gateway = TestGateway::with(TestConfig {
        servers: r#"["http://127.0.0.1:1"]"#.into(),
        ..TestConfig::default()
    });
    let response = TestClient::new(&gateway).get("/ignore/echo").await;
    assert_eq!(response.status_and_id(), "502 backend-unreachable");
    assert_eq!(response.json()["request_id"], gateway.only_record().await["request_id"]);
}

#[tokio::test]
async fn an_unreachable_server_is_skipped() {
    let gateway = TestGateway::with(TestConfig {
        servers: r#"["http://127.0.0.1:1", "{rms}"]"#.into(),
        ..TestConfig::default()
    });
    for _ in 0..4 {
        assert_eq!(TestClient::new(&gateway).get("/ignore/echo").await.status_and_id(), "200 permit");
    }
}

#[tokio::test]
async fn a_silent_backend_is_backend_timeout() {
    let gateway = TestGateway::with(TestConfig {
        backend: r#"first_byte_timeout = "1s""#.into(),
        ..TestConfig::default()
    });
    let response = TestClient::new(&gateway).get("/ignore/echo?delay_ms=60000").await;
    assert_eq!(response.status_and_id(), "504 backend-timeout");
}

#[tokio::test]
async fn a_401_of_the_backend_to_an_identity_is_backend_rejected_identity() {
    let gateway = TestGateway::start();
    let client = TestClient::new(&gateway).certificate("alice");
    let target = "/require/echo?status=401&header=WWW-Authenticate:Negotiate";
    let response = client.get(target).await;
    assert_eq!(response.status_and_id(), "502 backend-rejected-identity");
    assert_eq!(response.header("www-authenticate"), None);
}
