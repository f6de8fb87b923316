//! Responses are matched to searches. A response that matches none, or exceeds a limit, ends the connection.

use super::super::filter::SearchFilter;
use super::super::message::SearchScope;
use super::super::message::tests::{
    bind_response, extended_response, message_bytes, search_done, search_entry, search_reference,
    with_controls,
};
use super::super::pending_search::MAXIMUM_RESPONSES;
use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::oneshot::Receiver;

const SEARCH: u32 = 7;
const LIMIT: Duration = Duration::from_secs(30);

type Outcome = Receiver<Result<(SearchResult, bool), LdapError>>;

/// Returns one pending search of at most 200 entries, and the receiver of its outcome.
fn pending() -> (PendingSearches, Outcome) {
    let mut pending = PendingSearches::default();
    let (reply, outcome) = oneshot::channel();
    pending.start(SEARCH, 200, reply);
    (pending, outcome)
}

fn take(pending: &mut PendingSearches, id: u32, operation: &[u8]) -> Result<(), ProtocolError> {
    let bytes = message_bytes(id, operation);
    pending.receive(LdapMessage::decode(&bytes)?, bytes.len())
}

#[test]
fn a_search_ends_with_its_last_response() {
    let (mut pending, mut outcome) = pending();
    assert_eq!(
        take(&mut pending, SEARCH, &search_entry("CN=alice", "objectSid", &[&[1, 0xff], &[2]])),
        Ok(())
    );
    assert_eq!(take(&mut pending, SEARCH, &search_reference()), Ok(()));
    assert!(outcome.try_recv().is_err());
    assert_eq!(take(&mut pending, SEARCH, &search_done(0)), Ok(()));
    let (found, done) = outcome.try_recv().unwrap().unwrap();
    assert_eq!((found.entries.len(), found.truncated, done), (1, false, true));
    // A repeated response is not matched to another search.
    assert_eq!(take(&mut pending, SEARCH, &search_done(0)), Ok(()));
}

#[test]
fn a_response_to_no_request_is_rejected() {
    let (mut pending, _outcome) = pending();
    let unasked = Err(ProtocolError::Malformed("response to no pending request"));
    for id in [0, SINGLE_REQUEST, SEARCH + 1, LAST_ID] {
        assert_eq!(take(&mut pending, id, &search_done(0)), unasked, "{id}");
    }
}

#[test]
fn late_responses_to_an_abandoned_search_are_ignored_up_to_a_limit() {
    let (mut pending, _outcome) = pending();
    pending.abandon(SEARCH);
    for _ in 0..MAXIMUM_LATE_RESPONSES {
        assert_eq!(take(&mut pending, SEARCH, &search_done(0)), Ok(()));
    }
    let limit = MAXIMUM_LATE_RESPONSES;
    assert_eq!(take(&mut pending, SEARCH, &search_done(0)), Err(ProtocolError::TooManyResults { limit }));
}

/// Without this, a connection that is open for months would reach the limit.
#[test]
fn late_responses_are_counted_anew_after_the_end_of_another_search() {
    let (mut pending, _outcome) = pending();
    pending.abandon(SEARCH);
    for id in [SEARCH + 1, SEARCH + 2] {
        let (reply, _outcome) = oneshot::channel();
        pending.start(id, 200, reply);
        for _ in 0..MAXIMUM_LATE_RESPONSES {
            assert_eq!(take(&mut pending, SEARCH, &search_done(0)), Ok(()));
        }
        assert_eq!(take(&mut pending, id, &search_done(0)), Ok(()));
    }
}

#[test]
fn responses_of_other_kinds_and_unrequested_controls_are_rejected() {
    let other_kind = Err(ProtocolError::Malformed("not a response to a search"));
    assert_eq!(take(&mut pending().0, SEARCH, &bind_response(0)), other_kind);
    assert_eq!(take(&mut pending().0, SEARCH, &extended_response(0)), other_kind);
    let controls = Err(ProtocolError::Malformed("unrequested controls"));
    assert_eq!(take(&mut pending().0, SEARCH, &with_controls(&search_done(0))), controls);
}

#[test]
fn a_search_without_a_last_response_fails_at_the_limit_of_responses() {
    let (mut pending, _outcome) = pending();
    for _ in 0..MAXIMUM_RESPONSES {
        assert_eq!(take(&mut pending, SEARCH, &search_reference()), Ok(()));
    }
    let limit = MAXIMUM_RESPONSES;
    assert_eq!(take(&mut pending, SEARCH, &search_reference()), Err(ProtocolError::TooManyResults { limit }));
}

#[test]
fn a_search_fails_at_the_limit_of_bytes() {
    let (mut pending, _outcome) = pending();
    let found = search_entry("CN=alice", "photo", &[&vec![0; MAXIMUM_MESSAGE - 100]]);
    for _ in 0..4 {
        assert_eq!(take(&mut pending, SEARCH, &found), Ok(()));
    }
    let limit = MAXIMUM_RESPONSES;
    assert_eq!(take(&mut pending, SEARCH, &found), Err(ProtocolError::TooManyResults { limit }));
}

#[test]
fn a_search_returns_when_its_size_limit_is_reached() {
    let (mut pending, mut outcome) = pending();
    for _ in 0..201 {
        assert_eq!(take(&mut pending, SEARCH, &search_entry("CN=a", "cn", &[b"a"])), Ok(()));
    }
    let (found, done) = outcome.try_recv().unwrap().unwrap();
    assert_eq!((found.entries.len(), found.truncated, done), (200, true, false));
}

#[test]
fn a_search_that_the_server_refuses_does_not_end_the_connection() {
    let (mut pending, mut outcome) = pending();
    assert_eq!(take(&mut pending, SEARCH, &search_done(50)), Ok(()));
    let refused = outcome.try_recv().unwrap().unwrap_err();
    assert!(matches!(refused, LdapError::Refused { operation: LdapOperation::Search, .. }), "{refused}");
}

fn request(base: &str) -> SearchRequest {
    SearchRequest {
        base: base.to_owned(),
        scope: SearchScope::Base,
        filter: SearchFilter::present("objectClass"),
        attributes: vec!["cn".to_owned()],
        size_limit: 1,
    }
}

/// Returns a connection and the server's end of it.
fn connected() -> (LdapConnection, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    (LdapConnection::start(LdapStream::new(ours, MAXIMUM_MESSAGE)), theirs)
}

/// Returns the id and the operation of the client's next request, whose lengths all have four bytes.
async fn read_request(server: &mut DuplexStream) -> (u8, Vec<u8>) {
    assert_eq!(server.read_u16().await.unwrap(), 0x3084);
    let mut content = vec![0; usize::try_from(server.read_u32().await.unwrap()).unwrap()];
    server.read_exact(&mut content).await.unwrap();
    assert_eq!(content[..2], [2, 1]);
    (content[2], content[3..].to_vec())
}

#[tokio::test]
async fn searches_run_concurrently_and_their_responses_have_any_order() {
    let (connection, mut server) = connected();
    let respond = async {
        let (first, _) = read_request(&mut server).await;
        let (second, _) = read_request(&mut server).await;
        assert_eq!((first, second), (2, 3));
        for id in [3, 2] {
            let entry = search_entry(&format!("CN={id}"), "cn", &[b"x"]);
            server.write_all(&message_bytes(id, &entry)).await.unwrap();
            server.write_all(&message_bytes(id, &search_done(0))).await.unwrap();
        }
    };
    let search = |base| connection.search(request(base), LIMIT);
    let (first, second, ()) = tokio::join!(search("CN=a"), search("CN=b"), respond);
    assert_eq!(first.unwrap().entries[0].dn, "CN=2");
    assert_eq!(second.unwrap().entries[0].dn, "CN=3");
    assert!(connection.is_open());
}

#[tokio::test]
async fn a_dropped_search_is_abandoned_and_the_connection_stays_usable() {
    let (connection, mut server) = connected();
    tokio::select! {
        _ = connection.search(request("CN=a"), LIMIT) => unreachable!("the server does not respond"),
        (id, _) = read_request(&mut server) => assert_eq!(id, 2),
    }
    assert_eq!(read_request(&mut server).await, (3, vec![0x50, 1, 2]));
    let respond = async {
        let (id, _) = read_request(&mut server).await;
        // Late responses to the abandoned search come first.
        server.write_all(&message_bytes(2, &search_done(0))).await.unwrap();
        server.write_all(&message_bytes(id.into(), &search_done(0))).await.unwrap();
    };
    let (found, ()) = tokio::join!(connection.search(request("CN=b"), LIMIT), respond);
    assert_eq!(found.unwrap(), SearchResult::default());
    assert!(connection.is_open());
}

#[tokio::test]
async fn a_search_whose_size_limit_is_reached_is_abandoned() {
    let (connection, mut server) = connected();
    let respond = async {
        let (id, _) = read_request(&mut server).await;
        let entry = message_bytes(id.into(), &search_entry("CN=a", "cn", &[b"x"]));
        server.write_all(&entry.repeat(2)).await.unwrap();
    };
    let (found, ()) = tokio::join!(connection.search(request("CN=a"), LIMIT), respond);
    let found = found.unwrap();
    assert_eq!((found.entries.len(), found.truncated), (1, true));
    assert_eq!(read_request(&mut server).await, (3, vec![0x50, 1, 2]));
}

#[tokio::test]
async fn a_violation_of_the_protocol_fails_every_search_and_closes_the_connection() {
    let (connection, mut server) = connected();
    let respond = async {
        read_request(&mut server).await;
        read_request(&mut server).await;
        server.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    };
    let search = |base| connection.search(request(base), LIMIT);
    let (first, second, ()) = tokio::join!(search("CN=a"), search("CN=b"), respond);
    for failed in [first, second] {
        let error = failed.unwrap_err();
        assert!(
            matches!(error, LdapError::Protocol(ProtocolError::Malformed("not an LDAP message"))),
            "{error}"
        );
    }
    assert!(!connection.is_open());
    let after = connection.search(request("CN=c"), LIMIT).await.unwrap_err();
    assert!(matches!(after, LdapError::Protocol(_)), "{after}");
}

#[tokio::test]
async fn a_notice_of_disconnection_and_an_end_of_the_stream_close_the_connection() {
    for notice in [message_bytes(0, &extended_response(52)).to_vec(), Vec::new()] {
        let (connection, mut server) = connected();
        let respond = async {
            read_request(&mut server).await;
            server.write_all(&notice).await.unwrap();
            drop(server);
        };
        let (failed, ()) = tokio::join!(connection.search(request("CN=a"), LIMIT), respond);
        assert!(matches!(failed, Err(LdapError::Connection(ConnectionError::Closed))), "{failed:?}");
        assert!(!connection.is_open());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_respond_in_time_is_disconnected() {
    let (connection, mut server) = connected();
    let late = connection.search(request("CN=a"), LIMIT).await.unwrap_err();
    assert!(matches!(late, LdapError::Timeout { operation: LdapOperation::Search, limit: LIMIT }), "{late}");
    assert!(!connection.is_open());
    let mut rest = Vec::new();
    server.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn a_dropped_connection_is_closed() {
    let (connection, mut server) = connected();
    drop(connection);
    assert_eq!(server.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}
