//! `Authorization` of clients is not sent on pooled connections. NTLM and Negotiate authenticate a connection (RFC 4559 6),
//! so the credentials of one client would authenticate the requests of the next.

use crate::support::{TestClient, TestConfig, TestGateway};

const CREDENTIALS: [&str; 4] =
    ["Basic YWxpY2U6c2VjcmV0", "NTLM TlRMTVNTUAABAAAA", "Negotiate YIIabcdef", "Bearer abcdef"];

#[tokio::test]
async fn authorization_of_a_client_is_never_sent_on_a_pooled_connection() {
    let gateway = TestGateway::with(TestConfig { top: "workers = 1".into(), ..TestConfig::default() });
    for client in TestClient::http1_and_http2(&gateway) {
        for credentials in CREDENTIALS {
            let headers = [("authorization", credentials), ("proxy-authorization", credentials)];
            for (card, path) in
                [("none", "/ignore/echo"), ("alice", "/accept/echo"), ("alice", "/require/echo")]
            {
                let response = client.clone().certificate(card).get_with(path, &headers).await;
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
    assert_eq!(gateway.rms.connections(), 1, "all requests share one pooled connection");
}

#[tokio::test]
async fn accept_without_a_certificate_is_credentials_required_with_any_authorization() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        for credentials in CREDENTIALS {
            let response = client.get_with("/accept/echo", &[("authorization", credentials)]).await;
            assert_eq!(response.status_and_id(), "401 credentials-required");
        }
    }
    assert_eq!(gateway.rms.requests(), []);
}

#[tokio::test]
async fn two_users_on_one_pooled_connection_keep_their_identities() {
    let gateway = TestGateway::with(TestConfig {
        top: "workers = 1".into(),
        backend: "max_connections = 1".into(),
        ..TestConfig::default()
    });
    let mut alice = TestClient::new(&gateway).certificate("alice").connect().await.unwrap();
    let mut judy = TestClient::new(&gateway).certificate("judy").http2().connect().await.unwrap();
    let mut anonymous = TestClient::new(&gateway).connect().await.unwrap();
    for _ in 0..10 {
        let user = alice.get("/require/echo").await.unwrap().received_header("x-remote-user");
        assert_eq!(user, ["alice@corp.example"]);
        assert_eq!(anonymous.get("/ignore/echo").await.unwrap().received_header("x-remote-user"), [""; 0]);
        let user = judy.get("/require/echo").await.unwrap().received_header("x-remote-user");
        assert_eq!(user, ["judy@corp.example"]);
    }
    assert_eq!(gateway.rms.connections(), 1);
}
