//! Denials because of the backend or the gateway itself.

use crate::support::{Client, Lab, Setup, exchange, wait_for};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_busy_backend_without_a_queue_is_backend_busy() {
    let lab = Lab::with(Setup {
        top: "workers = 1".into(),
        limits: "body_buffer = \"4KiB\"".into(),
        backend: "max_connections = 1\nqueue_length = 0".into(),
        ..Setup::default()
    });
    let mut slow = Client::new(&lab).tls_stream().await.unwrap();
    let head = "POST /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nContent-Length: 8192\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    // A smaller body takes no connection before it is complete.
    slow.write_all(&[b'x'; 8189]).await.unwrap();
    slow.flush().await.unwrap();
    wait_for("the slow request", || (lab.rms.seen().len() == 1).then_some(())).await;
    let answer = Client::new(&lab).get("/ignore/echo").await;
    assert_eq!(answer.verdict(), "503 backend-busy");
    assert!(answer.header("retry-after").is_some());
    let ended = exchange(&mut slow, b"abc");
    let freed = async {
        loop {
            let answer = Client::new(&lab).get("/ignore/echo").await;
            if answer.status == 200 {
                return;
            }
        }
    };
    tokio::select! {
        _ = ended => panic!("the gateway keeps the connection"),
        () = freed => {}
    }
}

#[tokio::test]
async fn no_request_is_permitted_while_the_audit_log_cannot_be_written() {
    let lab = Lab::with(Setup { audit: "/dev/full".into(), ..Setup::default() });
    let client = Client::new(&lab).card("alice");
    // The first record cannot be written.
    client.get("/require/echo").await;
    let write_failed = || lab.metrics.encode().contains("audit_write_failures_total 1").then_some(());
    wait_for("the failed write", write_failed).await;
    for path in ["/ignore/echo", "/require/echo", "/no/such/path"] {
        let answer = client.get(path).await;
        assert_eq!(answer.verdict(), "503 audit-unavailable", "{path}");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(lab.rms.seen().len(), 1);
}

#[tokio::test]
async fn a_dead_backend_is_backend_unreachable() {
    // Nothing listens on port 1.
    let lab = Lab::with(Setup { servers: r#"["http://127.0.0.1:1"]"#.into(), ..Setup::default() });
    let answer = Client::new(&lab).get("/ignore/echo").await;
    assert_eq!(answer.verdict(), "502 backend-unreachable");
    assert_eq!(answer.json()["request_id"], lab.only_record().await["request_id"]);
}

#[tokio::test]
async fn an_unreachable_server_is_skipped() {
    let lab = Lab::with(Setup { servers: r#"["http://127.0.0.1:1", "{rms}"]"#.into(), ..Setup::default() });
    for _ in 0..4 {
        assert_eq!(Client::new(&lab).get("/ignore/echo").await.verdict(), "200 permit");
    }
}

#[tokio::test]
async fn a_silent_backend_is_backend_timeout() {
    let lab = Lab::with(Setup { backend: r#"first_byte_timeout = "1s""#.into(), ..Setup::default() });
    let answer = Client::new(&lab).get("/ignore/echo?delay_ms=60000").await;
    assert_eq!(answer.verdict(), "504 backend-timeout");
}

#[tokio::test]
async fn a_401_of_the_backend_to_an_identity_is_backend_rejected_identity() {
    let lab = Lab::start();
    let client = Client::new(&lab).card("alice");
    let target = "/require/echo?status=401&header=WWW-Authenticate:Negotiate";
    let answer = client.get(target).await;
    assert_eq!(answer.verdict(), "502 backend-rejected-identity");
    assert_eq!(answer.header("www-authenticate"), None);
}
