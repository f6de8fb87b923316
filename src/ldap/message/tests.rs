//! Malformed and hostile messages are rejected without recursion and without a panic.

use super::*;
use proptest::prelude::*;

const UNEXPECTED_TAG: ProtocolError = ProtocolError::Malformed("element with an unexpected tag");
const TRUNCATED: ProtocolError = ProtocolError::Malformed("truncated element");
const NOT_UTF8: ProtocolError = ProtocolError::Malformed("text that is not UTF-8");

/// Encodes a message with an operation.
pub(in crate::ldap) fn message_bytes(id: u32, operation: &[u8]) -> Bytes {
    message(id, operation).to_vec().into()
}

fn octets(bytes: &[u8]) -> Vec<u8> {
    encode(OCTET_STRING, &[bytes]).to_vec()
}

fn attribute(name: &str, values: &[&[u8]]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| octets(value)).collect();
    encode(SEQUENCE, &[&octets(name.as_bytes()), &encode(SET, &[&values])]).to_vec()
}

fn entry_of(dn: &[u8], attributes: &[u8]) -> Vec<u8> {
    encode(SEARCH_RESULT_ENTRY, &[&octets(dn), &encode(SEQUENCE, &[attributes])]).to_vec()
}

/// Encodes an entry with one attribute.
pub(in crate::ldap) fn search_entry(dn: &str, name: &str, values: &[&[u8]]) -> Vec<u8> {
    entry_of(dn.as_bytes(), &attribute(name, values))
}

pub(in crate::ldap) fn search_reference() -> Vec<u8> {
    encode(SEARCH_RESULT_REFERENCE, &[&octets(b"ldap://elsewhere")]).to_vec()
}

fn result_fields(code: u8, text: &[u8]) -> Vec<u8> {
    [&[ENUMERATED, 1, code][..], &octets(b""), &octets(text)].concat()
}

/// Encodes the last response to a search.
pub(in crate::ldap) fn search_done(code: u8) -> Vec<u8> {
    encode(SEARCH_RESULT_DONE, &[&result_fields(code, b"")]).to_vec()
}

pub(in crate::ldap) fn bind_response(code: u8) -> Vec<u8> {
    encode(BIND_RESPONSE, &[&result_fields(code, b"")]).to_vec()
}

/// Encodes a response to StartTLS or, with the id 0, a notice of disconnection.
pub(in crate::ldap) fn extended_response(code: u8) -> Vec<u8> {
    encode(EXTENDED_RESPONSE, &[&result_fields(code, b"")]).to_vec()
}

/// Appends empty controls to an operation.
pub(in crate::ldap) fn with_controls(operation: &[u8]) -> Vec<u8> {
    [operation, &encode(CONTROLS, &[&[SEQUENCE, 0]])].concat()
}

fn error(operation: &[u8]) -> ProtocolError {
    LdapMessage::decode(&message_bytes(7, operation)).unwrap_err()
}

#[test]
fn an_entry_is_decoded_with_short_and_long_lengths() {
    let short = b"\x30\x14\x02\x01\x02\x64\x0f\x04\x01a\x30\x0a\x30\x08\x04\x01B\x31\x03\x04\x01c";
    let expected = LdapResponse::Entry(LdapEntry::of("a", &[("b", &[b"c"])]));
    let decoded = LdapMessage::decode(&Bytes::from_static(short)).unwrap();
    assert_eq!((decoded.id, decoded.response, decoded.has_controls), (2, expected.clone(), false));
    let long = LdapMessage::decode(&message_bytes(2, &search_entry("a", "B", &[b"c"]))).unwrap();
    assert_eq!(long.response, expected);
}

#[test]
fn incomplete_and_malformed_operations_are_rejected() {
    assert_eq!(error(&encode(SEARCH_RESULT_ENTRY, &[])), TRUNCATED);
    assert_eq!(error(&encode(SEARCH_RESULT_DONE, &[])), TRUNCATED);
    assert_eq!(error(&encode(SEARCH_RESULT_DONE, &[&result_fields(0, b"\xff")])), NOT_UTF8);
    assert_eq!(error(&entry_of(b"\xff", &[])), NOT_UTF8);
    assert_eq!(error(&entry_of(b"CN=a", &octets(b"not an attribute"))), UNEXPECTED_TAG);
    assert_eq!(
        error(&encode(SEARCH_RESULT_DONE, &[&octets(b""), &octets(b""), &octets(b"")])),
        UNEXPECTED_TAG
    );
    // A constructed OCTET STRING, which BER permits and LDAP does not.
    assert_eq!(error(&entry_of(b"CN=a", &encode(SEQUENCE, &[&[0x24, 0]]))), UNEXPECTED_TAG);
    assert_eq!(LdapMessage::decode(&encode(SEQUENCE, &[]).to_vec().into()), Err(TRUNCATED));
    assert_eq!(error(&[]), TRUNCATED);
    assert_eq!(error(&encode(0x79, &[])), ProtocolError::Malformed("response of an unexpected kind"));
    assert_eq!(error(&[search_done(0), octets(b"")].concat()), ProtocolError::Malformed("trailing data"));
}

#[test]
fn nested_elements_are_rejected_without_recursion() {
    let mut nested = Vec::new();
    for _ in 0..10_000 {
        nested = encode(SEQUENCE, &[&nested]).to_vec();
    }
    assert_eq!(LdapMessage::decode(&nested.clone().into()), Err(UNEXPECTED_TAG));
    assert_eq!(error(&nested), ProtocolError::Malformed("response of an unexpected kind"));
    assert_eq!(error(&encode(SEARCH_RESULT_ENTRY, &[&octets(b""), &nested])), UNEXPECTED_TAG);
}

#[test]
fn an_entry_with_too_many_values_is_rejected() {
    let too_many = ProtocolError::Malformed("too many values");
    assert_eq!(error(&search_entry("CN=a", "member", &vec![&b""[..]; MAXIMUM_VALUES])), too_many);
    assert_eq!(error(&entry_of(b"CN=a", &attribute("a", &[]).repeat(MAXIMUM_VALUES + 1))), too_many);
    assert_eq!(error(&encode(SEARCH_RESULT_REFERENCE, &[&octets(b"").repeat(MAXIMUM_VALUES + 1)])), too_many);
}

#[test]
fn a_notice_of_disconnection_is_recognised_in_the_form_of_rfc_4511_and_of_active_directory() {
    let name = encode(RESPONSE_NAME, &[b"1.3.6.1.4.1.1466.20036"]);
    let inside = encode(EXTENDED_RESPONSE, &[&result_fields(52, b""), &name]);
    let misplaced = [&extended_response(52)[..], &name].concat();
    for operation in [&inside[..], &misplaced] {
        assert!(LdapMessage::decode(&message_bytes(0, operation)).unwrap().is_disconnection());
    }
    assert!(!LdapMessage::decode(&message_bytes(1, &inside)).unwrap().is_disconnection());
}

#[test]
fn a_diagnostic_message_is_reduced_to_one_short_line() {
    let text = format!("no\r\nforged line{}", "x".repeat(1000));
    let LdapRefusal::Result { text, .. } = (OperationResult { code: 1, text }).refusal() else {
        unreachable!()
    };
    assert!(text.starts_with("no  forged line"), "{text}");
    assert_eq!(text.len(), MAXIMUM_TEXT);
}

#[test]
fn requests_are_encoded_as_rfc_4511_defines_them() {
    let number = |tag, number| encode_number(tag, number);
    let search = SearchRequest {
        base: "DC=x".to_owned(),
        scope: SearchScope::Subtree,
        filter: SearchFilter::present("uid"),
        attributes: vec!["mail".to_owned()],
        size_limit: 8,
    };
    let fields = [
        octets(b"DC=x"),
        number(ENUMERATED, 2),
        number(ENUMERATED, 0),
        number(INTEGER, 8),
        number(INTEGER, 0),
        vec![BOOLEAN, 1, 0],
        encode(0x87, &[b"uid"]).to_vec(),
        encode(SEQUENCE, &[&octets(b"mail")]).to_vec(),
    ];
    let expected = encode(SEQUENCE, &[&[2, 1, 7], &encode(0x63, &[&fields.concat()])]);
    assert_eq!(*search_request(7, &search), *expected);
    assert_eq!(*abandon_request(300, 7), *encode(SEQUENCE, &[&[2, 2, 1, 44], &[0x50, 1, 7]]));
    let anonymous = [&[2, 1, 3][..], &octets(b""), &encode(0x80, &[])].concat();
    assert_eq!(*anonymous_bind_request(1), *encode(SEQUENCE, &[&[2, 1, 1], &encode(0x60, &[&anonymous])]));
}

/// Generates trees of elements, which are more similar to messages than random bytes are.
fn tree() -> impl Strategy<Value = Vec<u8>> {
    let tag =
        prop::sample::select(vec![2_u8, 4, 10, 0x30, 0x31, 0x61, 0x64, 0x65, 0x73, 0x78, 0x80, 0xa0, 0xa3]);
    let leaf = (tag.clone(), prop::collection::vec(any::<u8>(), 0..6))
        .prop_map(|(tag, content)| encode(tag, &[&content]).to_vec());
    leaf.prop_recursive(6, 40, 5, move |inner| {
        (tag.clone(), prop::collection::vec(inner, 0..5))
            .prop_map(|(tag, parts)| encode(tag, &[&parts.concat()]).to_vec())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), tag in 0x60_u8..0x80) {
        drop(LdapMessage::decode(&message_bytes(7, &bytes)));
        drop(LdapMessage::decode(&message_bytes(7, &encode(tag, &[&bytes]))));
        drop(LdapMessage::decode(&bytes.into()));
    }

    #[test]
    fn random_trees_never_cause_a_panic(operation in tree(), whole in tree()) {
        drop(LdapMessage::decode(&message_bytes(7, &operation)));
        drop(LdapMessage::decode(&whole.into()));
    }

    #[test]
    fn damaged_responses_never_cause_a_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), kind in 0..3) {
        let operation = match kind {
            0 => search_entry("CN=alice", "mail", &[b"a@b", &[0xff]]),
            1 => search_done(0),
            _ => search_reference(),
        };
        let mut damaged = message(7, &operation).to_vec();
        prop_assert!(LdapMessage::decode(&damaged.clone().into()).is_ok());
        let at = at.index(damaged.len());
        damaged[at] = byte;
        drop(LdapMessage::decode(&damaged.into()));
    }
}
