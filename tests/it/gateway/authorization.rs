//! A client's `Authorization` on the shared road: NTLM and Negotiate authenticate a connection (RFC 4559 6), so what
//! one client sends there would speak for the next.

use crate::support::{Client, TestConfig, TestGateway};

const CREDENTIALS: [&str; 4] =
    ["Basic YWxpY2U6c2VjcmV0", "NTLM TlRMTVNTUAABAAAA", "Negotiate YIIabcdef", "Bearer abcdef"];

#[tokio::test]
async fn a_clients_authorization_never_reaches_the_shared_pool() {
    let gateway = TestGateway::with(TestConfig { top: "workers = 1".into(), ..TestConfig::default() });
    for client in [Client::new(&gateway).http1(), Client::new(&gateway).http2()] {
        for credentials in CREDENTIALS {
            let headers = [("authorization", credentials), ("proxy-authorization", credentials)];
            for (card, path) in
                [("none", "/ignore/echo"), ("alice", "/accept/echo"), ("alice", "/require/echo")]
            {
                let response = client.clone().card(card).get_with(path, &headers).await;
                assert_eq!(response.status_and_id(), "200 permit");
                assert_eq!(response.received_header("authorization"), [""; 0], "{credentials} at {path}");
                assert_eq!(
                    response.received_header("proxy-authorization"),
                    [""; 0],
                    "{credentials} at {path}"
                );
            }
        }
    }
    assert_eq!(gateway.rms.connections(), 1, "one pool serves them all");
}

#[tokio::test]
async fn accept_without_a_card_is_credentials_required_whatever_password_is_sent() {
    let gateway = TestGateway::start();
    for client in [Client::new(&gateway).http1(), Client::new(&gateway).http2()] {
        for credentials in CREDENTIALS {
            let response = client.get_with("/accept/echo", &[("authorization", credentials)]).await;
            assert_eq!(response.status_and_id(), "401 credentials-required");
        }
    }
    assert_eq!(gateway.rms.requests(), []);
}

#[tokio::test]
async fn two_users_over_one_backend_connection_are_told_apart() {
    let gateway = TestGateway::with(TestConfig {
        top: "workers = 1".into(),
        backend: "max_connections = 1".into(),
        ..TestConfig::default()
    });
    let mut alice = Client::new(&gateway).card("alice").connect().await.unwrap();
    let mut judy = Client::new(&gateway).card("judy").http2().connect().await.unwrap();
    let mut nobody = Client::new(&gateway).connect().await.unwrap();
    for _ in 0..10 {
        let seen = alice.get("/require/echo").await.unwrap().received_header("x-remote-user");
        assert_eq!(seen, ["alice@corp.example"]);
        assert_eq!(nobody.get("/ignore/echo").await.unwrap().received_header("x-remote-user"), [""; 0]);
        let seen = judy.get("/require/echo").await.unwrap().received_header("x-remote-user");
        assert_eq!(seen, ["judy@corp.example"]);
    }
    assert_eq!(gateway.rms.connections(), 1);
}
