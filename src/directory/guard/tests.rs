//! What the guard lets through the library reads without panicking, whatever the bytes.

use super::*;
use crate::directory::ber::{ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET, element};
use ldap3::asn1::parse_tag;
use proptest::prelude::*;

const ENTRY: u8 = 0x64;
const DONE: u8 = 0x65;
const REFERENCE: u8 = 0x73;

fn message(id: u8, operation: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&[INTEGER, 1, id], operation]).to_vec()
}

fn octets(bytes: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, &[bytes]).to_vec()
}

fn attribute(name: &str, values: &[&[u8]]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| octets(value)).collect();
    element(SEQUENCE, &[&octets(name.as_bytes()), &element(SET, &[&values])]).to_vec()
}

fn entry(dn: &[u8], attributes: &[u8]) -> Vec<u8> {
    element(ENTRY, &[&octets(dn), &element(SEQUENCE, &[attributes])]).to_vec()
}

fn done() -> Vec<u8> {
    element(DONE, &[&[ENUMERATED, 1, 0], &octets(b""), &octets(b"")]).to_vec()
}

fn search(id: u8) -> Vec<u8> {
    message(id, &[0x63, 0])
}

/// A guard on a connection where the search 7 is under way.
fn guard() -> Guard {
    let mut guard = Guard::default();
    guard.asks(&search(7)).unwrap();
    guard
}

fn nonsense(operation: &[u8]) -> Nonsense {
    guard().hears(&message(7, operation)).unwrap_err()
}

#[test]
fn the_answers_to_a_search_pass_until_it_is_over() {
    let mut guard = guard();
    let found = entry(b"CN=alice", &attribute("objectSid", &[&[1, 0xff], &[2]]));
    assert_eq!(guard.hears(&message(7, &found)), Ok(Passage::Pass));
    assert_eq!(
        guard.hears(&message(7, &element(REFERENCE, &[&octets(b"ldap://elsewhere")]))),
        Ok(Passage::Pass)
    );
    assert_eq!(guard.hears(&message(7, &done())), Ok(Passage::Pass));
    assert_eq!(guard.hears(&message(7, &done())), Ok(Passage::Drop));
}

#[test]
fn an_answer_to_no_request_is_refused() {
    let mut guard = guard();
    assert_eq!(guard.hears(&message(8, &done())), Err(Nonsense::Malformed("an answer to no request")));
    assert_eq!(guard.hears(&message(0, &done())), Err(Nonsense::Malformed("an answer to no request")));
}

#[test]
fn late_answers_to_a_search_that_was_given_up_are_dropped() {
    let mut guard = guard();
    guard.asks(&message(8, &[0x50, 1, 7])).unwrap();
    assert_eq!(guard.hears(&message(7, &done())), Ok(Passage::Drop));
}

#[test]
fn late_answers_have_an_end() {
    let mut guard = guard();
    guard.asks(&message(8, &[0x50, 1, 7])).unwrap();
    for _ in 0..MAXIMUM_STRAYS {
        assert_eq!(guard.hears(&message(7, &done())), Ok(Passage::Drop));
    }
    assert_eq!(guard.hears(&message(7, &done())), Err(Nonsense::TooMany { limit: MAXIMUM_STRAYS }));
}

#[test]
fn answers_of_other_kinds_are_refused() {
    let outcome = [&[ENUMERATED, 1, 0][..], &octets(b""), &octets(b"")].concat();
    let other = Nonsense::Malformed("another answer than to a search");
    assert_eq!(nonsense(&element(0x61, &[&outcome])), other);
    assert_eq!(nonsense(&element(0x78, &[&outcome])), other);
    assert_eq!(nonsense(&element(0x79, &[])), Nonsense::Malformed("an answer that nobody asks for"));
}

#[test]
fn a_search_without_end_is_cut() {
    let mut guard = guard();
    let found = message(7, &entry(b"CN=alice", &[]));
    for _ in 0..MAXIMUM_ANSWERS {
        assert_eq!(guard.hears(&found), Ok(Passage::Pass));
    }
    assert_eq!(guard.hears(&found), Err(Nonsense::TooMany { limit: MAXIMUM_ANSWERS }));
}

#[test]
fn answers_of_many_megabytes_are_cut() {
    let mut guard = guard();
    let found = message(7, &entry(b"CN=alice", &attribute("photo", &[&vec![0; MAXIMUM_MESSAGE - 100]])));
    for _ in 0..4 {
        assert_eq!(guard.hears(&found), Ok(Passage::Pass));
    }
    assert_eq!(guard.hears(&found), Err(Nonsense::TooMany { limit: MAXIMUM_ANSWERS }));
}

#[test]
fn the_library_is_spared_what_it_would_panic_at() {
    let breaks_off = Nonsense::Malformed("an element breaks off");
    let other_kind = Nonsense::Malformed("an element of another kind");
    let no_text = Nonsense::Malformed("a text that is not UTF-8");
    assert_eq!(nonsense(&element(ENTRY, &[])), breaks_off);
    assert_eq!(nonsense(&element(DONE, &[])), breaks_off);
    assert_eq!(nonsense(&element(DONE, &[&[ENUMERATED, 1, 0], &octets(b"\xff"), &octets(b"")])), no_text);
    assert_eq!(nonsense(&entry(b"\xff", &[])), no_text);
    assert_eq!(nonsense(&entry(b"CN=a", &octets(b"no attribute"))), other_kind);
    assert_eq!(nonsense(&element(DONE, &[&octets(b""), &octets(b""), &octets(b"")])), other_kind);
    // A text in pieces, which BER knows and LDAP does not: constructed, so the library goes into it.
    assert_eq!(nonsense(&entry(b"CN=a", &element(SEQUENCE, &[&[0x24, 0]]))), other_kind);
    assert_eq!(guard().hears(&element(SEQUENCE, &[])), Err(breaks_off));
    assert_eq!(guard().hears(&message(7, &[])), Err(breaks_off));
    let controls = [done(), element(0xa0, &[&[0x30, 0]]).to_vec()].concat();
    let refused = guard().hears(&message(7, &controls));
    assert_eq!(refused, Err(Nonsense::Malformed("controls that nobody asks for")));
}

#[test]
fn a_notice_of_disconnection_is_a_good_bye_also_as_active_directory_writes_it() {
    let outcome = [&[ENUMERATED, 1, 52][..], &octets(b""), &octets(b"")].concat();
    let name = element(0x8a, &[b"1.3.6.1.4.1.1466.20036"]);
    let right = element(0x78, &[&outcome, &name]);
    assert_eq!(guard().hears(&message(0, &right)), Ok(Passage::GoodBye));
    let misplaced = [&element(0x78, &[&outcome])[..], &name].concat();
    assert_eq!(guard().hears(&message(0, &misplaced)), Ok(Passage::GoodBye));
}

#[test]
fn messages_nested_in_each_other_are_refused_without_going_into_them() {
    let mut nested = Vec::new();
    for _ in 0..10_000 {
        nested = element(SEQUENCE, &[&nested]).to_vec();
    }
    assert_eq!(guard().hears(&nested), Err(Nonsense::Malformed("an element of another kind")));
    assert_eq!(nonsense(&nested), Nonsense::Malformed("an answer that nobody asks for"));
    assert_eq!(
        nonsense(&element(ENTRY, &[&octets(b""), &nested])),
        Nonsense::Malformed("an element of another kind")
    );
}

#[test]
fn entries_of_thousands_of_empty_values_are_refused() {
    let values = vec![&b""[..]; 10_000];
    let many = entry(b"CN=a", &attribute("member", &values));
    assert_eq!(nonsense(&many), Nonsense::Malformed("an entry of thousands of values"));
}

/// Trees of elements: more often near to a message than random bytes are.
fn tree() -> impl Strategy<Value = Vec<u8>> {
    let tag =
        prop::sample::select(vec![2_u8, 4, 10, 0x30, 0x31, 0x61, 0x64, 0x65, 0x73, 0x78, 0x80, 0xa0, 0xa3]);
    let leaf = (tag.clone(), prop::collection::vec(any::<u8>(), 0..6))
        .prop_map(|(tag, content)| element(tag, &[&content]).to_vec());
    leaf.prop_recursive(6, 40, 5, move |inner| {
        (tag.clone(), prop::collection::vec(inner, 0..5))
            .prop_map(|(tag, parts)| element(tag, &[&parts.concat()]).to_vec())
    })
}

/// How deep the library goes into a message, counted as it goes: by constructed elements.
fn depth(tag: ldap3::asn1::StructureTag) -> usize {
    tag.expect_constructed().map_or(0, |parts| 1 + parts.into_iter().map(depth).max().unwrap_or(0))
}

/// The library reads this without a panic, and in the end with nothing left.
fn library_reads(bytes: &[u8]) {
    let (rest, tag) = parse_tag(bytes).unwrap();
    assert!(rest.is_empty());
    assert!(depth(tag.clone()) <= 5);
    let mut parts = tag.expect_constructed().unwrap();
    let operation = parts.pop().unwrap();
    match operation.id {
        4 => drop(ldap3::SearchEntry::construct(ldap3::ResultEntry::new(operation))),
        5 => drop(ldap3::LdapResult::from(ldap3::asn1::Tag::StructureTag(operation))),
        19 => drop(ldap3::parse_refs(operation)),
        other => panic!("the library knows no answer {other} to a search"),
    }
}

fn judge(bytes: &[u8]) {
    let Ok(Some(length)) = Guard::length(bytes) else { return };
    let Some(message) = bytes.get(..length) else { return };
    if guard().hears(message) == Ok(Passage::Pass) {
        library_reads(message);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        judge(&bytes);
        judge(&message(7, &bytes));
    }

    #[test]
    fn random_trees_never_panic(operation in tree(), whole in tree()) {
        judge(&message(7, &operation));
        judge(&whole);
    }

    #[test]
    fn damaged_answers_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3) {
        let operation = match kind {
            0 => entry(b"CN=alice", &attribute("mail", &[b"a@b", &[0xff]])),
            1 => done(),
            _ => element(REFERENCE, &[&octets(b"ldap://elsewhere")]).to_vec(),
        };
        let mut damaged = message(7, &operation);
        library_reads(&damaged);
        let at = at.index(damaged.len());
        damaged[at] = byte;
        judge(&damaged);
    }
}
