//! A client's `Authorization` on the shared road: NTLM and Negotiate authenticate a connection (RFC 4559 6), so what
//! one client sends there would speak for the next.

use crate::support::{Client, Lab, Setup};

const CREDENTIALS: [&str; 4] =
    ["Basic YWxpY2U6c2VjcmV0", "NTLM TlRMTVNTUAABAAAA", "Negotiate YIIabcdef", "Bearer abcdef"];

#[tokio::test]
async fn a_clients_authorization_never_reaches_the_shared_pool() {
    let lab = Lab::with(Setup { top: "workers = 1".into(), ..Setup::default() });
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        for credentials in CREDENTIALS {
            let headers = [("authorization", credentials), ("proxy-authorization", credentials)];
            for (card, path) in
                [("none", "/ignore/echo"), ("alice", "/accept/echo"), ("alice", "/require/echo")]
            {
                let answer = client.clone().card(card).get_with(path, &headers).await;
                assert_eq!(answer.verdict(), "200 permit");
                assert_eq!(answer.seen("authorization"), [""; 0], "{credentials} at {path}");
                assert_eq!(answer.seen("proxy-authorization"), [""; 0], "{credentials} at {path}");
            }
        }
    }
    assert_eq!(lab.rms.connections(), 1, "one pool serves them all");
}

#[tokio::test]
async fn accept_without_a_card_is_credentials_required_whatever_password_is_sent() {
    let lab = Lab::start();
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        for credentials in CREDENTIALS {
            let answer = client.get_with("/accept/echo", &[("authorization", credentials)]).await;
            assert_eq!(answer.verdict(), "401 credentials-required");
        }
    }
    assert_eq!(lab.rms.seen(), []);
}

#[tokio::test]
async fn two_users_over_one_backend_connection_are_told_apart() {
    let lab = Lab::with(Setup {
        top: "workers = 1".into(),
        backend: "max_connections = 1".into(),
        ..Setup::default()
    });
    let mut alice = Client::new(&lab).card("alice").connect().await.unwrap();
    let mut judy = Client::new(&lab).card("judy").http2().connect().await.unwrap();
    let mut nobody = Client::new(&lab).connect().await.unwrap();
    for _ in 0..10 {
        let seen = alice.get("/require/echo").await.unwrap().seen("x-remote-user");
        assert_eq!(seen, ["alice@corp.example"]);
        assert_eq!(nobody.get("/ignore/echo").await.unwrap().seen("x-remote-user"), [""; 0]);
        let seen = judy.get("/require/echo").await.unwrap().seen("x-remote-user");
        assert_eq!(seen, ["judy@corp.example"]);
    }
    assert_eq!(lab.rms.connections(), 1);
}
