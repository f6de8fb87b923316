//! The limits on connections and on requests per second, per address, network and account.

use super::three_sites::{HOME, card, start, start_with_limits, three_sites};
use crate::support::{Connection, TestClient, TestConfig, TestGateway, wait_for};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

const ONE: &str = "127.0.0.11";
const OTHER: &str = "127.0.0.12";
const THIRD: &str = "127.0.0.13";

fn client(gateway: &TestGateway, from: &str) -> TestClient {
    TestClient::new(gateway).resolving(HOME).from(from)
}

async fn connect(client: &TestClient, number: usize) -> Vec<Connection> {
    let mut connections = Vec::new();
    for _ in 0..number {
        connections.push(client.connect().await.unwrap());
    }
    connections
}

async fn is_served(connection: &mut Connection) -> bool {
    connection.get("/ignore/echo").await.is_ok_and(|response| response.status_and_id() == "200 permit")
}

fn has_line(gateway: &TestGateway, line: &str) -> bool {
    gateway.metrics.encode().lines().any(|written| written == line)
}

#[tokio::test]
async fn connections_of_one_address_are_limited_and_others_are_served() {
    let gateway = start_with_limits("max_connections_per_address = 3");
    let mut open = connect(&client(&gateway, ONE), 3).await;
    for _ in 0..5 {
        assert!(
            client(&gateway, ONE).tls_stream().await.is_err(),
            "the connection must close before its handshake"
        );
    }
    assert!(has_line(&gateway, r#"portcullis_rejected_connections_total{limit="address"} 5"#));
    assert_eq!(client(&gateway, OTHER).get("/ignore/echo").await.status_and_id(), "200 permit");
    for connection in &mut open {
        assert!(is_served(connection).await);
    }
    drop(open.pop());
    wait_for("the closed connection", || has_line(&gateway, "portcullis_client_connections 2").then_some(()))
        .await;
    assert_eq!(client(&gateway, ONE).get("/ignore/echo").await.status_and_id(), "200 permit");
}

#[tokio::test]
async fn connections_without_a_handshake_are_counted() {
    let gateway = start_with_limits("max_connections_per_address = 3");
    let mut idle = Vec::new();
    for _ in 0..3 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((ONE.parse::<std::net::IpAddr>().unwrap(), 0).into()).unwrap();
        idle.push(socket.connect(gateway.address()).await.unwrap());
    }
    // The kernel completes a connection before the gateway accepts it.
    let mut tries = 0;
    while client(&gateway, ONE).tls_stream().await.is_ok() {
        tries += 1;
        assert!(tries < 1_000, "connections without a handshake are not counted");
    }
    assert!(!has_line(&gateway, r#"portcullis_rejected_connections_total{limit="address"} 0"#));
    assert_eq!(client(&gateway, OTHER).get("/ignore/echo").await.status_and_id(), "200 permit");
}

#[tokio::test]
async fn connections_of_one_network_are_limited() {
    let gateway = start_with_limits("max_connections_per_network = 3");
    let _open = (connect(&client(&gateway, ONE), 2).await, connect(&client(&gateway, OTHER), 1).await);
    assert!(client(&gateway, THIRD).tls_stream().await.is_err());
    assert!(has_line(&gateway, r#"portcullis_rejected_connections_total{limit="network"} 1"#));
    assert_eq!(client(&gateway, "127.0.9.1").get("/ignore/echo").await.status_and_id(), "200 permit");
}

#[tokio::test]
async fn a_trusted_network_has_no_share_of_connections_or_requests() {
    let gateway = start_with_limits(
        "max_connections_per_address = 3\nrequests_per_second_per_address = 1\ntrusted_networks = [\"127.0.0.11\"]",
    );
    for connection in &mut connect(&client(&gateway, ONE), 15).await {
        assert!(is_served(connection).await);
    }
}

#[tokio::test]
async fn at_the_total_limit_the_largest_anonymous_client_loses_its_oldest_idle_connection() {
    let gateway = start_with_limits(
        "max_connections = 6\nmax_connections_per_address = 6\nmax_connections_per_network = 6",
    );
    let holder = client(&gateway, ONE).chain(card("alice"));
    let mut held = holder.connect().await.unwrap();
    assert_eq!(held.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    let mut crowd = connect(&client(&gateway, ONE), 2).await;
    let mut others = connect(&client(&gateway, OTHER), 3).await;
    for connection in crowd.iter_mut().chain(&mut others) {
        assert!(is_served(connection).await);
    }
    assert_eq!(client(&gateway, THIRD).get("/ignore/echo").await.status_and_id(), "200 permit");
    assert!(has_line(&gateway, r#"portcullis_closed_connections_total{limit="total"} 1"#));
    assert!(!is_served(&mut others[0]).await, "the connection that was idle for longest must close");
    assert_eq!(held.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    for connection in crowd.iter_mut().chain(&mut others[1..]) {
        assert!(is_served(connection).await);
    }
}

#[tokio::test]
async fn requests_of_one_address_are_limited_and_rejections_are_sampled_in_the_audit_log() {
    let gateway = start_with_limits("requests_per_second_per_address = 1");
    for http2 in [false, true] {
        let address = if http2 { ONE } else { OTHER };
        let client = client(&gateway, address);
        let client = if http2 { client.http2() } else { client };
        let mut connection = client.connect().await.unwrap();
        let mut rejected = 0;
        for _ in 0..60 {
            let response = connection.get("/ignore/echo").await.unwrap();
            match response.status_and_id().as_str() {
                "429 rate-limited" => {
                    rejected += 1;
                    let wait: u64 = response.header("retry-after").unwrap().parse().unwrap();
                    assert!((1..=2).contains(&wait), "{wait}");
                }
                other => assert_eq!(other, "200 permit"),
            }
        }
        assert!(rejected > 20, "{rejected}");
        // A new connection does not reset the rate.
        assert_eq!(client.get("/ignore/echo").await.status_and_id(), "429 rate-limited");
    }
    assert_eq!(client(&gateway, THIRD).get("/ignore/echo").await.status_and_id(), "200 permit");
    let records = gateway.records();
    let limited: Vec<_> = records.iter().filter(|record| record["decision"] == "rate-limited").collect();
    assert!((2..30).contains(&limited.len()), "{}", limited.len());
    assert_eq!(limited[0]["status"], 429);
    assert_eq!(limited[0]["detail"], "the client's address sent more than 1 requests per second");
}

#[tokio::test]
async fn a_certificate_holder_is_served_at_an_address_above_its_request_rate() {
    let gateway =
        start_with_limits("requests_per_second_per_address = 1\nrequests_per_second_per_account = 10");
    let mut anonymous = client(&gateway, ONE).connect().await.unwrap();
    let spend =
        |response: &str| assert!(["200 permit", "429 rate-limited"].contains(&response), "{response}");
    for _ in 0..30 {
        spend(&anonymous.get("/ignore/echo").await.unwrap().status_and_id());
    }
    for http2 in [false, true] {
        let holder = client(&gateway, ONE).chain(card("alice"));
        let mut holder = if http2 { holder.http2() } else { holder }.connect().await.unwrap();
        for path in ["/require/echo", "/ignore/echo"] {
            assert_eq!(holder.get(path).await.unwrap().status_and_id(), "200 permit");
        }
        assert_eq!(holder.get("/none").await.unwrap().status_and_id(), "404 path-not-found");
    }
    let mut forged = client(&gateway, ONE).chain(card("mallory")).connect().await.unwrap();
    let mut results = Vec::new();
    for path in ["/require/echo", "/ignore/echo", "/none"].repeat(5) {
        results.push(forged.get(path).await.unwrap().status_and_id());
    }
    let rejected = results.iter().filter(|result| *result == "429 rate-limited").count();
    assert!(rejected > 8, "{results:?}");
}

#[tokio::test]
async fn denied_requests_of_an_authenticated_client_count_towards_its_rate() {
    let gateway = start_with_limits("requests_per_second_per_account = 1");
    let mut holder = client(&gateway, ONE).chain(card("alice")).connect().await.unwrap();
    assert_eq!(holder.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    let mut results = Vec::new();
    for path in ["/none", "/ignore/echo"].repeat(20) {
        results.push(holder.get(path).await.unwrap().status_and_id());
    }
    let rejected = results.iter().filter(|result| *result == "429 rate-limited").count();
    assert!(rejected > 20, "{results:?}");
}

#[tokio::test]
async fn requests_of_one_account_are_limited_across_its_connections() {
    let gateway = start_with_limits("requests_per_second_per_account = 1");
    let alice = |from| client(&gateway, from).chain(card("alice"));
    let mut results = Vec::new();
    for from in [ONE, OTHER, THIRD] {
        let mut connection = alice(from).connect().await.unwrap();
        for _ in 0..20 {
            results.push(connection.get("/require/echo").await.unwrap().status_and_id());
        }
    }
    let rejected = results.iter().filter(|result| *result == "429 rate-limited").count();
    assert!(rejected > 20, "{results:?}");
    assert_eq!(alice(ONE).get("/ignore/echo").await.status_and_id(), "200 permit");
    let judy = client(&gateway, ONE).chain(card("judy"));
    assert_eq!(judy.get("/require/echo").await.status_and_id(), "200 permit");
    let records = gateway.records();
    let limited: Vec<_> = records.iter().filter(|record| record["decision"] == "rate-limited").collect();
    assert!((1..20).contains(&limited.len()), "{}", limited.len());
    assert_eq!(limited[0]["account"]["upn"], "alice@corp.example");
}

#[tokio::test]
async fn a_reload_changes_the_limits() {
    let mut gateway = start_with_limits("max_connections_per_address = 1");
    let _open = connect(&client(&gateway, ONE), 1).await;
    assert!(client(&gateway, ONE).tls_stream().await.is_err());
    gateway.reload(|config| config.limits = "max_connections_per_address = 2".to_owned());
    assert_eq!(client(&gateway, ONE).get("/ignore/echo").await.status_and_id(), "200 permit");
}

#[tokio::test]
async fn forged_certificates_use_the_anonymous_share_of_the_audit_queue() {
    // The queue can reserve 655 records, of which anonymous clients may use 491.
    let audit = "audit.jsonl\"\nmax_queue_bytes = \"1MiB".to_owned();
    let gateway = start(TestConfig { audit, ..three_sites() });
    let with_card = |name: &str, from: &str| client(&gateway, from).chain(card(name));
    assert_eq!(with_card("alice", "127.0.0.20").get("/require/echo").await.status_and_id(), "200 permit");
    // Each request reserves a record until its body is complete.
    let head = format!("POST /ignore/echo HTTP/1.1\r\nHost: {HOME}\r\nContent-Length: 9\r\n\r\n");
    let mut held = Vec::new();
    for number in 0..520 {
        let mallory = with_card("mallory", &format!("127.0.0.{}", 11 + number % 6));
        let mut stream = mallory.tls_stream().await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let is_full = || {
        let metrics = gateway.metrics.encode();
        let none_rejected = r#"portcullis_decisions_total{decision="audit-unavailable"} 0"#;
        (!metrics.lines().any(|line| line == none_rejected)).then_some(())
    };
    wait_for("the end of the anonymous share", is_full).await;

    let anonymous = client(&gateway, "127.0.0.21").get("/ignore/echo").await;
    assert_eq!(anonymous.status_and_id(), "503 audit-unavailable");
    let mut forged = with_card("mallory", "127.0.0.21").connect().await.unwrap();
    assert!(is_served(&mut forged).await, "the first request may belong to a certificate holder");
    assert_eq!(forged.get("/ignore/echo").await.unwrap().status_and_id(), "503 audit-unavailable");
    // A known certificate holder has a full share at once, even at the address of an attacker.
    for _ in 0..3 {
        let alice = with_card("alice", "127.0.0.11").get("/require/echo").await;
        assert_eq!(alice.status_and_id(), "200 permit");
    }
    let newcomer = with_card("judy", "127.0.0.22").get("/accept/echo").await;
    assert_eq!(newcomer.status_and_id(), "200 permit");
}
