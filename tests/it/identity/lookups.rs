//! The number of directory lookups, and their failures, with a slapd for each test.

use super::directory_gateway::{RealmOptions, card, card_with, gateway_with_ldap_at, gateway_with_slapd};
use crate::support::{PeopleDirectory, TestClient, TestGateway, sid, wait_for};
use portcullis::demo::pki::KeyedChain;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

const LIFETIME: Duration = Duration::from_secs(60);
const SHORT: RealmOptions<'_> = RealmOptions {
    order: r#"["sid", "alt_security_identities", "upn"]"#,
    strength: "weak",
    cache: r#"ttl = "1m", negative_ttl = "1s""#,
};

async fn verdict(lab: &TestGateway, card: &KeyedChain) -> String {
    TestClient::new(lab).chain(card).get("/require/echo").await.status_and_id()
}

fn alices_card() -> KeyedChain {
    card(Some("alice@corp.example"), Some(&sid(1101).to_string()))
}

/// Returns the searches for accounts in the log of the directory. A lookup needs one.
fn searches(directory: &PeopleDirectory) -> Vec<String> {
    let mut searches = directory.requests("SRCH base=");
    searches.retain(|search| search.contains("scope=2") && search.contains("userPrincipalName="));
    searches
}

#[tokio::test]
async fn a_reload_closes_the_connections_of_the_configuration_it_replaces() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let mut gateway = gateway_with_slapd(&directory, &RealmOptions::default());
    assert_eq!(verdict(&gateway, &alices_card()).await, "200 permit");
    let binds = || directory.requests("BIND dn=").len();
    let closed = || directory.requests(" closed").len();
    let (bound, closed_before) = (binds(), closed());
    gateway.reload(|_| {});
    wait_for("the end of the connection", || (closed() > closed_before).then_some(())).await;
    assert_eq!(binds(), bound, "no lookup has used the new configuration");
    assert_eq!(verdict(&gateway, &alices_card()).await, "200 permit");
}

#[tokio::test]
async fn a_thousand_cold_lookups_of_ten_certificates_are_ten_searches() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let lab = Arc::new(gateway_with_slapd(&directory, &RealmOptions::default()));
    let cards: Vec<_> = (1..=10)
        .map(|number| Arc::new(card(Some(&format!("crowd{number:02}@corp.example")), None)))
        .collect();
    let clients = (0..50).map(|client: usize| {
        let (lab, cards) = (Arc::clone(&lab), cards.clone());
        tokio::spawn(async move {
            for turn in 0..20 {
                let number = (client + turn) % cards.len();
                // A new connection each time, without a cached verdict.
                let response = TestClient::new(&lab).chain(&cards[number]).get("/require/echo").await;
                assert_eq!(
                    response.received_header("x-remote-user"),
                    [format!("CORP\\crowd{:02}", number + 1)]
                );
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    assert_eq!(searches(&directory).len(), 10, "{:?}", searches(&directory));
}

#[tokio::test]
async fn certificates_with_equal_serial_subject_and_issuer_never_get_each_others_account() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let lab = Arc::new(gateway_with_slapd(&directory, &SHORT));
    let people = (1..=8).map(|number| (format!("crowd{number:02}"), sid(1110 + number).to_string()));
    let cards: Vec<_> =
        people.map(|(name, sid)| (card(Some(&format!("{name}@corp.example")), Some(&sid)), name)).collect();
    let mut connections = Vec::new();
    for (card, name) in &cards {
        connections
            .push((TestClient::new(&lab).chain(card).connect().await.unwrap(), format!("CORP\\{name}")));
    }
    // 80 rounds of 8 times 16 requests: ten thousand, in which each certificate is looked up 80 times.
    for _ in 0..80 {
        let round = connections.into_iter().map(|(mut connection, user)| {
            tokio::spawn(async move {
                for _ in 0..16 {
                    let response = connection.get("/require/echo").await.unwrap();
                    assert_eq!(response.received_header("x-remote-user"), [user.as_str()]);
                }
                (connection, user)
            })
        });
        let round: Vec<_> = round.collect();
        connections = Vec::new();
        for one in round {
            connections.push(one.await.unwrap());
        }
        lab.clock.advance(LIFETIME);
    }
    assert_eq!(searches(&directory).len(), 80 * 8);
}

#[tokio::test]
async fn a_directory_that_stops_or_hangs_denies_access_and_is_used_again_when_it_is_back() {
    let Some(mut directory) = PeopleDirectory::start().await else { return };
    let lab = gateway_with_slapd(&directory, &SHORT);
    let card = alices_card();
    let mut open = TestClient::new(&lab).chain(&card).connect().await.unwrap();
    assert_eq!(open.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    for hangs in [false, true] {
        if hangs {
            directory.hang().await;
        } else {
            directory.kill();
        }
        lab.clock.advance(LIFETIME);
        let client = TestClient::new(&lab).chain(&card);
        let (required, ignored) = tokio::join!(client.get("/require/echo"), async {
            TestClient::new(&lab).chain(&card).get("/ignore/echo").await
        });
        assert_eq!(required.status_and_id(), "503 directory-unavailable");
        assert!(required.header("retry-after").is_some());
        assert_eq!(ignored.status_and_id(), "200 permit");
        assert_eq!(open.get("/require/echo").await.unwrap().status_and_id(), "503 directory-unavailable");
        if hangs {
            directory.resume();
        } else {
            directory.restart().await;
        }
        until_permitted(&lab, &card).await;
        // Requests on the open connection are permitted too: it does not cache the failure.
        assert_eq!(open.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    }
}

/// Sends requests until one is permitted, as a client does after `Retry-After`.
async fn until_permitted(lab: &TestGateway, card: &KeyedChain) {
    let mut tries = tokio::task::JoinSet::new();
    let client = TestClient::new(lab).chain(card);
    let ask = |client: TestClient| async move { client.get("/require/echo").await.status_and_id() };
    tries.spawn(ask(client.clone()));
    wait_for("the directory's return", || match tries.try_join_next() {
        Some(verdict) if verdict.as_ref().unwrap() == "200 permit" => Some(()),
        Some(_) => {
            tries.spawn(ask(client.clone()));
            None
        }
        None => None,
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_a_directory_denies_access() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldaps://{}", listener.local_addr().unwrap());
    // The thread ends with the process: it waits for the next connection.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            drop(stream.and_then(|mut stream| stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")));
        }
    });
    let lab = gateway_with_ldap_at(&url, &SHORT);
    assert_eq!(verdict(&lab, &alices_card()).await, "503 directory-unavailable");
}

#[tokio::test]
async fn a_stale_account_is_used_only_if_configured_and_is_marked() {
    let Some(mut directory) = PeopleDirectory::start().await else { return };
    let stale = r#"ttl = "1m", unsafe_stale_accounts = "1h""#;
    let lab = gateway_with_slapd(&directory, &RealmOptions { cache: stale, ..RealmOptions::default() });
    let (alice, leo) = (alices_card(), card(Some("leo@corp.example"), None));
    assert_eq!(verdict(&lab, &alice).await, "200 permit");
    directory.kill();
    lab.clock.advance(LIFETIME);
    let response = TestClient::new(&lab).chain(&alice).get("/require/echo").await;
    assert_eq!(response.status_and_id(), "200 permit");
    assert_eq!(lab.record(&response.request_id()).await["mapping"]["stale"], true);
    // No account is cached for this certificate.
    assert_eq!(verdict(&lab, &leo).await, "503 directory-unavailable");
    lab.clock.advance(Duration::from_secs(3600));
    assert_eq!(verdict(&lab, &alice).await, "503 directory-unavailable");
}

#[tokio::test]
async fn a_name_with_filter_characters_matches_only_the_account_of_that_name() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let order = r#"["upn", "email", "subject"]"#;
    let lab = gateway_with_slapd(&directory, &RealmOptions { order, ..RealmOptions::default() });
    for text in [
        "*",
        "alice*",
        "al*ce",
        "*)(objectClass=*",
        "*)(objectClass=*)(userPrincipalName=*",
        "alice)(|(objectClass=*)",
        r"\2a",
        r"alice\40corp.example",
        "(",
        "|",
        "&(objectClass=*)",
        "\u{430}lice",
    ] {
        let name = format!("{text}@corp.example");
        let mail = if name.is_ascii() { vec![name.clone()] } else { Vec::new() };
        let cards = [
            card(Some(&name), None),
            card_with(|profile| profile.emails = mail),
            card_with(|profile| text.clone_into(&mut profile.common_name)),
        ];
        for card in cards {
            assert_eq!(verdict(&lab, &card).await, "403 not-mapped", "{text}");
        }
    }
    let response =
        TestClient::new(&lab).chain(&card(Some("star*@corp.example"), None)).get("/require/echo").await;
    assert_eq!(response.received_header("x-remote-user"), ["CORP\\star*"]);
}
