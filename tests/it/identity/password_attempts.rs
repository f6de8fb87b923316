//! The number of password checks: fewer than the lockout threshold, and one for a cached password.

use super::passwords::{PASSWORD, lab, password_checks, rejected_of_fifty_guesses, send_password};
use crate::support::{TEST_TIMEOUT, TestClient, exchange};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn fifty_concurrent_guesses_under_all_names_are_three_password_checks() {
    let Some((directory, lab)) = lab("").await else { return };
    let names = ["alice", "ALICE", r"CORP\alice", r"corp.example\alice", "alice@corp.example"];
    let wrong = rejected_of_fifty_guesses(&lab, names).await;
    assert_eq!((wrong, password_checks(&directory)), (3, 3));

    let right = send_password(&TestClient::new(&lab), "/accept/echo", "alice", PASSWORD).await;
    assert_eq!(right.status_and_id(), "429 login-throttled");
    let wait: u64 = right.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    assert_eq!(right.header("www-authenticate"), None);
    assert_eq!(password_checks(&directory), 3);
    let other = send_password(&TestClient::new(&lab), "/accept/echo", "leo", PASSWORD).await;
    assert_eq!(other.status_and_id(), "200 permit", "another account has attempts of its own");

    lab.clock.advance(15 * MINUTE);
    let right = send_password(&TestClient::new(&lab), "/accept/echo", "alice", PASSWORD).await;
    assert_eq!(right.status_and_id(), "200 permit");
}

#[tokio::test]
async fn an_address_that_tries_many_accounts_is_throttled() {
    let Some((directory, lab)) = lab("max_failures_per_address = 5").await else { return };
    let client = TestClient::new(&lab);
    for number in 1..=5 {
        let response = send_password(&client, "/accept/echo", &format!("crowd{number:02}"), "wrong").await;
        assert_eq!(response.status_and_id(), "401 invalid-password");
    }
    let response = send_password(&client, "/accept/echo", "alice", PASSWORD).await;
    assert_eq!(response.status_and_id(), "429 login-throttled");
    let record = lab.record(&response.request_id()).await;
    assert!(record["detail"].as_str().unwrap().contains("from the address"), "{}", record["detail"]);
    assert_eq!(password_checks(&directory), 5);
}

#[tokio::test]
async fn a_right_password_is_checked_once_until_its_cache_entry_expires() {
    let Some((directory, lab)) = lab("cache_ttl = \"60s\"").await else { return };
    let crowd = (0..30).map(|_| {
        let client = TestClient::new(&lab).http2();
        tokio::spawn(async move {
            send_password(&client, "/accept/echo", "alice", PASSWORD).await.status_and_id()
        })
    });
    for verdict in crowd.collect::<Vec<_>>() {
        assert_eq!(verdict.await.unwrap(), "200 permit");
    }
    assert_eq!(password_checks(&directory), 1);
    // The cache entry is for this password and this name only.
    let client = TestClient::new(&lab);
    let near = send_password(&client, "/accept/echo", "alice", "Passw0rd!LaB").await;
    assert_eq!((near.status_and_id().as_str(), password_checks(&directory)), ("401 invalid-password", 2));

    lab.clock.advance(MINUTE);
    assert_eq!(send_password(&client, "/accept/echo", "alice", PASSWORD).await.status_and_id(), "200 permit");
    assert_eq!(password_checks(&directory), 3);

    let mut admin = tokio::net::TcpStream::connect(lab.admin_address()).await.unwrap();
    let purged = exchange(&mut admin, b"POST /purge HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(purged.starts_with("HTTP/1.1 200 "), "{purged}");
    assert_eq!(send_password(&client, "/accept/echo", "alice", PASSWORD).await.status_and_id(), "200 permit");
    assert_eq!(password_checks(&directory), 4);
}

#[tokio::test]
async fn a_directory_that_is_down_denies_access_and_counts_no_attempt() {
    let Some((mut directory, lab)) = lab("cache_ttl = \"0s\"").await else { return };
    let client = TestClient::new(&lab);
    assert_eq!(send_password(&client, "/accept/echo", "alice", PASSWORD).await.status_and_id(), "200 permit");
    directory.kill();
    for _ in 0..5 {
        let response = send_password(&client, "/accept/echo", "alice", PASSWORD).await;
        assert_eq!(response.status_and_id(), "503 directory-unavailable");
        assert!(response.header("retry-after").is_some());
    }
    assert_eq!(client.get("/ignore/echo").await.status_and_id(), "200 permit");
    directory.restart().await;
    let begun = std::time::Instant::now();
    loop {
        let verdict = send_password(&client, "/accept/echo", "alice", PASSWORD).await.status_and_id();
        if verdict == "200 permit" {
            break;
        }
        assert_eq!(verdict, "503 directory-unavailable");
        assert!(begun.elapsed() < TEST_TIMEOUT);
    }
}

#[tokio::test]
async fn a_client_that_disconnects_during_the_check_has_made_no_wrong_guess() {
    let Some((directory, lab)) = lab("cache_ttl = \"0s\"").await else { return };
    let client = TestClient::new(&lab);
    assert_eq!(send_password(&client, "/accept/echo", "alice", PASSWORD).await.status_and_id(), "200 permit");
    directory.hang().await;
    for _ in 0..5 {
        let pending = send_password(&client, "/accept/echo", "alice", PASSWORD);
        assert!(tokio::time::timeout(Duration::from_millis(300), pending).await.is_err(), "it hangs");
    }
    directory.resume();
    let begun = std::time::Instant::now();
    loop {
        let verdict = send_password(&client, "/accept/echo", "alice", PASSWORD).await.status_and_id();
        if verdict == "200 permit" {
            break;
        }
        // The gateway may still have to reconnect to the directory. A throttled account would be blocked for 15
        // minutes.
        assert_eq!(verdict, "503 directory-unavailable");
        assert!(begun.elapsed() < TEST_TIMEOUT);
    }
}
