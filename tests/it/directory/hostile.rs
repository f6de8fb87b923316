//! Servers that answer what no directory answers. None of them ends the process, and none of them lets anybody in.

use super::fake::{FakeServer, bound};
use super::{directories, error, upn};
use crate::support::{directory_settings, wait_for};
use portcullis::directory::{
    AccountSchema, AttributeName, Directories, DirectoryError, DirectorySettings, GenericGroups,
    GenericSchema, LoginName, Nonsense, Refusal, SearchFilter, Step,
};
use portcullis::secret::Secret;
use std::sync::Arc;

/// A directory without domains, so that the first question after the bind is the test's.
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

fn fake_forest(fake: &FakeServer) -> Directories {
    directories(plain_schema(directory_settings("fake", vec![fake.server()])))
}

/// An element with a length of four bytes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x84], &u32::try_from(content.len()).unwrap().to_be_bytes()[..], content].concat()
}

/// An answer to the first search, whose number is 1.
fn to_search(operation: &[u8]) -> Vec<u8> {
    element(0x30, &[&[2, 1, 1], operation].concat())
}

fn nested(levels: usize) -> Vec<u8> {
    // From the inside, each element around the ones before.
    let mut bytes = Vec::new();
    for level in 0..levels {
        let length = u32::try_from(level * 6).unwrap();
        let mut head = vec![0x30, 0x84];
        head.extend(length.to_be_bytes());
        bytes.push(head);
    }
    bytes.into_iter().rev().flatten().collect()
}

fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    let found = |name: &[u8], attributes: &[u8]| {
        to_search(&element(0x64, &[element(4, name), element(0x30, attributes)].concat()))
    };
    let outcome = |text: &[u8]| [&[10, 1, 0][..], &element(4, b""), &element(4, text)].concat();
    vec![
        ("http", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("zeros", vec![0; 4096]),
        ("ones", vec![0xff; 4096]),
        ("nested messages", nested(30_000)),
        ("an operation of nested elements", to_search(&nested(30_000))),
        ("an entry of nested elements", found(b"CN=a", &nested(30_000))),
        ("a message that says it has 4 GiB", vec![0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
        ("a message that says it has 2 MiB", [&[0x30, 0x84, 0, 0x20, 0, 0][..], &vec![4; 1 << 21]].concat()),
        ("an indefinite length", vec![0x30, 0x80, 2, 1, 1, 0x65, 0, 0, 0]),
        ("an empty message", vec![0x30, 0]),
        ("a message without an operation", vec![0x30, 3, 2, 1, 1]),
        ("a number that is none", vec![0x30, 4, 4, 0, 0x65, 0]),
        ("an answer to nothing", element(0x30, &[&[2, 1, 9], &element(0x65, &outcome(b""))[..]].concat())),
        ("an answer of an unknown kind", to_search(&element(0x7e, &outcome(b"")))),
        ("an end without a result", to_search(&element(0x65, b""))),
        ("an end in bytes that are no text", to_search(&element(0x65, &outcome(b"\xff\xfe")))),
        ("an entry without a name", to_search(&element(0x64, b""))),
        ("an entry whose name is no text", found(b"\xff", b"")),
        ("an entry with bare attributes", found(b"CN=a", &element(4, b"mail"))),
        (
            "an entry with constructed values",
            found(
                b"CN=a",
                &element(0x30, &[element(4, b"mail"), element(0x31, &element(0x24, b""))].concat()),
            ),
        ),
        ("controls", to_search(&[element(0x65, &outcome(b"")), element(0xa0, &element(0x30, b""))].concat())),
    ]
}

#[tokio::test]
async fn whatever_a_server_answers_to_a_search_nobody_is_found_and_nothing_ends() {
    let answer_to_bind = ("an answer to the bind", bound());
    for (name, answer) in nonsense().into_iter().chain([answer_to_bind]) {
        let fake = FakeServer::answering(vec![bound(), answer]);
        let refused = error(&fake_forest(&fake)).await;
        assert!(matches!(refused, DirectoryError::Garbage { .. }), "{name}: {refused:?}");
    }
}

#[tokio::test]
async fn whatever_a_server_answers_to_a_bind_nothing_is_asked_of_it() {
    for (name, answer) in nonsense() {
        let fake = FakeServer::answering(vec![answer]);
        let refused = error(&fake_forest(&fake)).await;
        assert!(matches!(refused, DirectoryError::Garbage { .. }), "{name}: {refused:?}");
        assert_eq!(fake.heard().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_server_without_an_end_to_its_answers_is_cut() {
    let entry = to_search(&element(0x64, &[element(4, b"CN=a"), element(0x30, b"")].concat()));
    let reference = to_search(&element(0x73, &element(4, b"ldap://elsewhere")));
    // Eight people and a ninth are several people; thousands of references are nothing that a directory says.
    let fake = FakeServer::answering(vec![bound(), entry.repeat(9)]);
    assert_eq!(fake_forest(&fake).look_up(&upn("a@b")).await.unwrap().len(), 8);
    let fake = FakeServer::answering(vec![bound(), reference.repeat(5000)]);
    let refused = error(&fake_forest(&fake)).await;
    let DirectoryError::Garbage { source: Nonsense::TooMany { limit: 1024 }, .. } = refused else {
        panic!("{refused:?}")
    };
}

#[tokio::test]
async fn a_directory_that_answers_nonsense_is_left_alone_and_asked_again_later() {
    let fake = FakeServer::answering(vec![bound(), b"nonsense".to_vec()]);
    let directories = fake_forest(&fake);
    assert!(matches!(error(&directories).await, DirectoryError::Garbage { .. }));
    assert!(matches!(error(&directories).await, DirectoryError::Unavailable { .. }));
    while !matches!(error(&directories).await, DirectoryError::Garbage { .. }) {
        tokio::task::yield_now().await;
    }
}

/// RFC 4511 4.2.2 with another result code, and Active Directory's words.
fn refused(code: u8, text: &[u8]) -> Vec<u8> {
    let outcome = [&[10, 1, code][..], &element(4, b""), &element(4, text)].concat();
    element(0x30, &[&[2, 1, 1][..], &element(0x61, &outcome)].concat())
}

/// By a name of another directory, for which this one is asked nothing but nobody's password.
#[tokio::test]
async fn only_success_and_wrong_credentials_are_verdicts_on_a_password() {
    // Operations error, stronger authentication required, referral, a bind to be continued, unwilling.
    for code in [1, 8, 10, 14, 53] {
        let fake = FakeServer::answering(vec![refused(code, b"no")]);
        let login = LoginName::DomainAndName { domain: "other".to_owned(), name: "a".to_owned() };
        let verdict = fake_forest(&fake).verify_password(&login, &Secret::new(b"x".to_vec())).await;
        let Err(DirectoryError::Refused {
            step: Step::Bind, source: Refusal::Result { code: told, .. }, ..
        }) = verdict
        else {
            panic!("{verdict:?}");
        };
        assert_eq!(told, u32::from(code));
    }
}

#[tokio::test]
async fn another_server_is_asked_where_one_says_that_it_cannot_answer_now() {
    let done =
        |code| to_search(&element(0x65, &[&[10, 1, code][..], &element(4, b""), &element(4, b"")].concat()));
    let well = FakeServer::answering(vec![bound(), done(0)]);
    for answers in [vec![refused(51, b"busy")], vec![bound(), done(52)]] {
        let unwell = FakeServer::answering(answers);
        let servers = vec![unwell.server(), well.server()];
        let directories = directories(plain_schema(directory_settings("fake", servers)));
        assert_eq!(directories.look_up(&upn("a@b")).await.unwrap(), []);
        assert!(!unwell.heard().is_empty());
    }
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_is_abandoned() {
    let fake = FakeServer::answering(vec![bound()]);
    let directories = Arc::new(fake_forest(&fake));
    let asking = {
        let directories = Arc::clone(&directories);
        tokio::spawn(async move { directories.look_up(&upn("a@b")).await })
    };
    wait_for("the search", || (fake.heard().len() == 2).then_some(())).await;
    asking.abort();
    // RFC 4511 4.11: [APPLICATION 16] with the number of the search.
    let abandoned = wait_for("the end of it", || fake.heard().get(2).cloned()).await;
    assert!(abandoned.ends_with(&[0x50, 1, 1]), "{abandoned:x?}");
}

#[tokio::test]
async fn one_account_of_more_than_are_told_is_no_answer() {
    let entry = to_search(&element(0x64, &[element(4, b"CN=a"), element(0x30, b"")].concat()));
    // RFC 4511 A.1: sizeLimitExceeded, after one.
    let more = to_search(&element(0x65, &[&[10, 1, 4][..], &element(4, b""), &element(4, b"")].concat()));
    let fake = FakeServer::answering(vec![bound(), [entry, more].concat()]);
    let refused = error(&fake_forest(&fake)).await;
    let DirectoryError::Garbage { source: Nonsense::TooMany { limit: 8 }, .. } = refused else {
        panic!("{refused:?}")
    };
}

#[tokio::test]
async fn a_forest_that_is_dropped_hangs_up() {
    let done = to_search(&element(0x65, &[&[10, 1, 0][..], &element(4, b""), &element(4, b"")].concat()));
    let fake = FakeServer::answering(vec![bound(), done]);
    let directories = fake_forest(&fake);
    assert_eq!(directories.look_up(&upn("a@b")).await.unwrap(), []);
    assert_eq!(fake.hung_up(), 0);
    drop(directories);
    wait_for("the end of the connection", || (fake.hung_up() == 1).then_some(())).await;
}
