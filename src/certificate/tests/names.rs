//! How distinguished names are written and compared.

use super::*;

const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const ORGANIZATION: [u8; 3] = [0x55, 4, 10];
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const TELETEX: u8 = 0x14;
const BMP: u8 = 0x1e;

type Value<'a> = (&'a [u8], u8, &'a [u8]);

/// A name of these relative names, root-most first.
fn name_of(relative_names: &[&[Value<'_>]]) -> DistinguishedName {
    let attribute =
        |(oid, tag, value): &Value<'_>| element(0x30, &[element(0x06, oid), element(*tag, value)].concat());
    let relative_name =
        |values: &&[Value<'_>]| element(0x31, &values.iter().flat_map(attribute).collect::<Vec<_>>());
    DistinguishedName::from_der(&element(
        0x30,
        &relative_names.iter().flat_map(relative_name).collect::<Vec<_>>(),
    ))
}

fn common_name(tag: u8, value: &[u8]) -> DistinguishedName {
    name_of(&[&[(&COMMON_NAME, tag, value)]])
}

#[test]
fn a_name_is_written_as_rfc_4514_says() {
    let both: [Value<'_>; 2] = [(&COMMON_NAME, UTF8, b"Alice"), (&ORGANIZATION, PRINTABLE, b"Corp")];
    assert_eq!(name_of(&[&both[1..], &both[..1]]).to_string(), "CN=Alice,O=Corp");
    // A SET OF in DER is sorted, whatever order it came in.
    assert_eq!(name_of(&[&both]).to_string(), "O=Corp+CN=Alice");
    assert_eq!(name_of(&[]).to_string(), "");
    assert_eq!(
        common_name(UTF8, b"#a,b+c\"d\\e<f>g;h ").to_string(),
        "CN=\\#a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\ "
    );
    assert_eq!(common_name(UTF8, b"  ").to_string(), "CN=\\ \\ ");
    assert_eq!(common_name(BMP, &[0, b'A', 0x26, 0x3a]).to_string(), "CN=A\u{263a}");
    // Unknown attribute types and values that are no text are written in hex.
    assert_eq!(name_of(&[&[(&[0x2a, 3], UTF8, b"x")]]).to_string(), "1.2.3=#0c0178");
    assert_eq!(common_name(0x04, b"x").to_string(), "CN=#040178");
}

#[test]
fn a_name_that_would_forge_a_line_or_reverse_the_text_is_written_in_hex() {
    assert_eq!(common_name(UTF8, b"a\r\nb\0").to_string(), "CN=a\\0d\\0ab\\00");
    assert_eq!(common_name(UTF8, "a\u{202e}b\u{85}".as_bytes()).to_string(), "CN=a\\e2\\80\\aeb\\c2\\85");
}

#[test]
fn names_are_equal_without_regard_to_case_white_space_and_string_type() {
    let alice = common_name(UTF8, b"Alice  Smith");
    for same in [b"alice smith".as_slice(), b" ALICE SMITH ", b"Alice Smith"] {
        assert_eq!(alice, common_name(PRINTABLE, same));
    }
    for other in [b"AliceSmith".as_slice(), b"Alice", b""] {
        assert_ne!(alice, common_name(PRINTABLE, other));
    }
}

#[test]
fn names_of_other_attributes_or_in_another_order_differ() {
    let (cn, o): (Value<'_>, Value<'_>) = ((&COMMON_NAME, UTF8, b"x"), (&ORGANIZATION, UTF8, b"x"));
    assert_ne!(name_of(&[&[cn]]), name_of(&[&[o]]));
    assert_ne!(name_of(&[&[cn], &[o]]), name_of(&[&[o], &[cn]]));
    assert_ne!(name_of(&[&[cn], &[o]]), name_of(&[&[cn, o]]));
    // Within one relative name there is no order.
    assert_eq!(name_of(&[&[cn, o]]), name_of(&[&[o, cn]]));
}

#[test]
fn values_that_are_no_text_are_compared_byte_by_byte() {
    assert_eq!(common_name(TELETEX, &[0xe9]), common_name(TELETEX, &[0xe9]));
    assert_ne!(common_name(TELETEX, &[0xe9]), common_name(UTF8, "é".as_bytes()));
    assert_ne!(common_name(UTF8, &[0xff]), common_name(UTF8, &[0xfe]));
}

#[test]
fn a_name_that_cannot_be_decoded_equals_only_its_own_bytes() {
    let broken = DistinguishedName::from_der(&[0x30, 2, 0x31]);
    assert_eq!(broken, DistinguishedName::from_der(&[0x30, 2, 0x31]));
    assert_ne!(broken, DistinguishedName::from_der(&[0x30, 2, 0x30]));
    assert_ne!(broken, name_of(&[]));
    assert_eq!(broken.to_string(), "#300231");
    assert_eq!(broken.attributes().count(), 0);
}

#[test]
fn attributes_come_root_most_first() {
    let name = name_of(&[&[(&ORGANIZATION, UTF8, b"Corp")], &[(&COMMON_NAME, UTF8, b"Alice")]]);
    assert_eq!(name.attributes().map(|(_, text)| text).collect::<Vec<_>>(), ["Corp", "Alice"]);
}
