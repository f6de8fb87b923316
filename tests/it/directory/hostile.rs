//! Servers that violate the protocol. None of them causes a panic, and no lookup returns an account.

use super::stub_server::{StubServer, bind_success};
use super::{directories, error, upn, verify};
use crate::support::{TEST_TIMEOUT, directory_settings, wait_for};
use portcullis::directory::{
    AccountSchema, DirectoryError, DirectorySettings, GenericGroups, GenericSchema, LoginName,
    RealmDirectories,
};
use portcullis::ldap::{AttributeName, LdapOperation, LdapRefusal, ProtocolError, SearchFilter};
use std::sync::Arc;

/// Returns settings of a directory without domains, so that the first search after the bind is the test's.
fn plain_schema(settings: DirectorySettings) -> DirectorySettings {
    let attribute = |name| AttributeName::parse(name).unwrap();
    let schema = GenericSchema {
        people: SearchFilter::parse("(objectClass=*)").unwrap(),
        user_name: attribute("uid"),
        upn: Some(attribute("principal")),
        mail: None,
        alt_security_identities: None,
        groups: GenericGroups::None,
        disabled: None,
        expires: None,
    };
    DirectorySettings { schema: AccountSchema::Generic(Box::new(schema)), ..settings }
}

fn stub_directories(stub: &StubServer) -> RealmDirectories {
    directories(plain_schema(directory_settings("stub", vec![stub.server()])))
}

/// Encodes an element whose length has four bytes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x84], &u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

/// Encodes a response to the first search, which has the message id 2.
fn search_response(operation: &[u8]) -> Vec<u8> {
    element(0x30, &[&[2, 1, 2], operation].concat())
}

fn nested(levels: usize) -> Vec<u8> {
    // Written from the inside to the outside.
    let mut bytes = Vec::new();
    for level in 0..levels {
        let length = u32::try_from(level * 6).unwrap();
        let mut head = vec![0x30, 0x84];
        head.extend(length.to_be_bytes());
        bytes.push(head);
    }
    bytes.into_iter().rev().flatten().collect()
}

fn malformed_responses() -> Vec<(&'static str, Vec<u8>)> {
    let found = |name: &[u8], attributes: &[u8]| {
        search_response(&element(0x64, &[element(4, name), element(0x30, attributes)].concat()))
    };
    let result = |text: &[u8]| [&[10, 1, 0][..], &element(4, b""), &element(4, text)].concat();
    vec![
        ("http", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("ones", vec![0xff; 4096]),
        ("nested messages", nested(30_000)),
        ("an operation of nested elements", search_response(&nested(30_000))),
        ("an entry of nested elements", found(b"CN=a", &nested(30_000))),
        ("a message with an announced length of 4 GiB", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        ("a message of 2 MiB", [&[0x30, 0x84, 0, 0x20, 0, 0][..], &vec![4; 1 << 21]].concat()),
        ("an indefinite length", vec![0x30, 0x80, 2, 1, 2, 0x65, 0, 0, 0]),
        ("an empty message", vec![0x30, 0]),
        ("a message without an operation", vec![0x30, 3, 2, 1, 2]),
        ("a message id that is not a number", vec![0x30, 4, 4, 0, 0x65, 0]),
        ("a response to no request", element(0x30, &[&[2, 1, 9], &element(0x65, &result(b""))[..]].concat())),
        ("a response of an unknown kind", search_response(&element(0x7e, &result(b"")))),
        ("an end without a result", search_response(&element(0x65, b""))),
        ("an end with a text that is not UTF-8", search_response(&element(0x65, &result(b"\xff\xfe")))),
        ("an entry without a name", search_response(&element(0x64, b""))),
        ("an entry with a name that is not UTF-8", found(b"\xff", b"")),
        ("an entry with attributes that are not sequences", found(b"CN=a", &element(4, b"mail"))),
        (
            "an entry with constructed values",
            found(
                b"CN=a",
                &element(0x30, &[element(4, b"mail"), element(0x31, &element(0x24, b""))].concat()),
            ),
        ),
        (
            "controls",
            search_response(&[element(0x65, &result(b"")), element(0xa0, &element(0x30, b""))].concat()),
        ),
    ]
}

#[tokio::test]
async fn a_malformed_response_to_a_search_is_an_error() {
    let bind_response = ("a response to the bind", bind_success());
    for (name, response) in malformed_responses().into_iter().chain([bind_response]) {
        let stub = StubServer::responding(vec![bind_success(), response]);
        let rejected = error(&stub_directories(&stub)).await;
        assert!(matches!(rejected, DirectoryError::Protocol { .. }), "{name}: {rejected:?}");
    }
}

#[tokio::test]
async fn after_a_malformed_response_to_a_bind_no_search_is_sent() {
    for (name, response) in malformed_responses() {
        let stub = StubServer::responding(vec![response]);
        let rejected = error(&stub_directories(&stub)).await;
        assert!(matches!(rejected, DirectoryError::Protocol { .. }), "{name}: {rejected:?}");
        assert_eq!(stub.received().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn connections_and_running_operations_end_with_their_directories() {
    let done = search_response(&element(0x65, b"\x0a\x01\x00\x04\x00\x04\x00"));
    let idle = StubServer::responding(vec![bind_success(), done]);
    let directories = stub_directories(&idle);
    assert_eq!(directories.look_up(&upn("a@b")).await.unwrap(), []);
    drop(directories);
    wait_for("the end of an idle connection", || (idle.closed_connections() == 1).then_some(())).await;

    // The server does not respond to the search of a probe, which no caller waits for.
    let hung = StubServer::responding(vec![bind_success()]);
    let mut settings = plain_schema(directory_settings("stub", vec![hung.server()]));
    settings.limits.operation = TEST_TIMEOUT * 2;
    let directories = super::directories(settings);
    assert_eq!(directories.outages(), [""; 0]);
    wait_for("the search", || (hung.received().len() == 2).then_some(())).await;
    assert_eq!(hung.closed_connections(), 0);
    drop(directories);
    wait_for("the end of the probe", || (hung.closed_connections() == 1).then_some(())).await;
}

#[tokio::test]
async fn a_server_that_sends_responses_without_an_end_is_disconnected() {
    let entry = search_response(&element(0x64, &[element(4, b"CN=a"), element(0x30, b"")].concat()));
    let reference = search_response(&element(0x73, &element(4, b"ldap://elsewhere")));
    // Eight accounts and a ninth are ambiguous; thousands of referrals exceed the limit.
    let stub = StubServer::responding(vec![bind_success(), entry.repeat(9)]);
    assert_eq!(stub_directories(&stub).look_up(&upn("a@b")).await.unwrap().len(), 8);
    let stub = StubServer::responding(vec![bind_success(), reference.repeat(5000)]);
    let rejected = error(&stub_directories(&stub)).await;
    let DirectoryError::Protocol { source: ProtocolError::TooManyResults { limit: 1024 }, .. } = rejected
    else {
        panic!("{rejected:?}")
    };
}

#[tokio::test]
async fn a_server_that_sends_a_malformed_response_is_tried_again_later() {
    let stub = StubServer::responding(vec![bind_success(), b"malformed".to_vec()]);
    let directories = stub_directories(&stub);
    assert!(matches!(error(&directories).await, DirectoryError::Protocol { .. }));
    assert!(matches!(error(&directories).await, DirectoryError::Unavailable { .. }));
    while !matches!(error(&directories).await, DirectoryError::Protocol { .. }) {
        tokio::task::yield_now().await;
    }
}

/// Encodes a response to the bind with this result code (RFC 4511 4.2.2).
fn bind_response(code: u8, text: &[u8]) -> Vec<u8> {
    let result = [&[10, 1, code][..], &element(4, b""), &element(4, text)].concat();
    element(0x30, &[&[2, 1, 1][..], &element(0x61, &result)].concat())
}

/// The login name belongs to another directory, so this one receives only the bind with a name that no account has.
#[tokio::test]
async fn only_success_and_wrong_credentials_are_verdicts_on_a_password() {
    // operationsError, strongerAuthRequired, referral, saslBindInProgress, unwillingToPerform.
    for code in [1, 8, 10, 14, 53] {
        let stub = StubServer::responding(vec![bind_response(code, b"no")]);
        let login = LoginName::DomainAndName { domain: "other".to_owned(), name: "a".to_owned() };
        let verdict = verify(&stub_directories(&stub), &login, "x").await;
        let Err(DirectoryError::Refused {
            operation: LdapOperation::Bind,
            source: LdapRefusal::Result { code: reported, .. },
            ..
        }) = verdict
        else {
            panic!("{verdict:?}");
        };
        assert_eq!(reported, u32::from(code));
    }
}

#[tokio::test]
async fn another_server_is_used_if_one_is_busy_or_unavailable() {
    let done = |code| {
        search_response(&element(0x65, &[&[10, 1, code][..], &element(4, b""), &element(4, b"")].concat()))
    };
    let available = StubServer::responding(vec![bind_success(), done(0)]);
    for responses in [vec![bind_response(51, b"busy")], vec![bind_success(), done(52)]] {
        let unavailable = StubServer::responding(responses);
        let servers = vec![unavailable.server(), available.server()];
        let directories = directories(plain_schema(directory_settings("stub", servers)));
        assert_eq!(directories.look_up(&upn("a@b")).await.unwrap(), []);
        assert!(!unavailable.received().is_empty());
    }
}

#[tokio::test]
async fn a_lookup_that_is_dropped_abandons_its_search() {
    let stub = StubServer::responding(vec![bind_success()]);
    let directories = Arc::new(stub_directories(&stub));
    let lookup = {
        let directories = Arc::clone(&directories);
        tokio::spawn(async move { directories.look_up(&upn("a@b")).await })
    };
    wait_for("the search", || (stub.received().len() == 2).then_some(())).await;
    lookup.abort();
    // RFC 4511 4.11: [APPLICATION 16] with the message id of the search.
    let abandoned = wait_for("the abandon request", || stub.received().get(2).cloned()).await;
    assert!(abandoned.ends_with(&[0x50, 1, 2]), "{abandoned:x?}");
}

#[tokio::test]
async fn one_account_of_an_incomplete_result_is_an_error() {
    let entry = search_response(&element(0x64, &[element(4, b"CN=a"), element(0x30, b"")].concat()));
    // RFC 4511 A.1: sizeLimitExceeded, after one.
    let more =
        search_response(&element(0x65, &[&[10, 1, 4][..], &element(4, b""), &element(4, b"")].concat()));
    let stub = StubServer::responding(vec![bind_success(), [entry, more].concat()]);
    let rejected = error(&stub_directories(&stub)).await;
    let DirectoryError::Protocol { source: ProtocolError::TooManyResults { limit: 8 }, .. } = rejected else {
        panic!("{rejected:?}")
    };
}

#[tokio::test]
async fn directories_that_are_dropped_close_their_connections() {
    let done =
        search_response(&element(0x65, &[&[10, 1, 0][..], &element(4, b""), &element(4, b"")].concat()));
    let stub = StubServer::responding(vec![bind_success(), done]);
    let directories = stub_directories(&stub);
    assert_eq!(directories.look_up(&upn("a@b")).await.unwrap(), []);
    assert_eq!(stub.closed_connections(), 0);
    drop(directories);
    wait_for("the end of the connection", || (stub.closed_connections() == 1).then_some(())).await;
}
