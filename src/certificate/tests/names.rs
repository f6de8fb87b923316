//! The display and the comparison of distinguished names.

use super::*;
use const_oid::db::rfc4519;

const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const ORGANIZATION: [u8; 3] = [0x55, 4, 10];
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const TELETEX: u8 = 0x14;
const UNIVERSAL: u8 = 0x1c;
const BMP: u8 = 0x1e;

type Value<'a> = (&'a [u8], u8, &'a [u8]);

/// Returns a name of these relative names, root first.
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
fn a_name_is_displayed_as_in_rfc_4514() {
    let both: [Value<'_>; 2] = [(&COMMON_NAME, UTF8, b"Alice"), (&ORGANIZATION, PRINTABLE, b"Corp")];
    assert_eq!(name_of(&[&both[1..], &both[..1]]).to_string(), "CN=Alice,O=Corp");
    // A SET OF in DER is sorted.
    assert_eq!(name_of(&[&both]).to_string(), "O=Corp+CN=Alice");
    assert_eq!(name_of(&[]).to_string(), "");
    assert_eq!(
        common_name(UTF8, b"#a,b+c\"d\\e<f>g;h ").to_string(),
        "CN=\\#a\\,b\\+c\\\"d\\\\e\\<f\\>g\\;h\\ "
    );
    assert_eq!(common_name(UTF8, b"  ").to_string(), "CN=\\ \\ ");
    assert_eq!(common_name(BMP, &[0, b'A', 0x26, 0x3a]).to_string(), "CN=A\u{263a}");
    // Unknown attribute types and values that are not text are written in hex.
    assert_eq!(name_of(&[&[(&[0x2a, 3], UTF8, b"x")]]).to_string(), "1.2.3=#0c0178");
    assert_eq!(common_name(0x04, b"x").to_string(), "CN=#040178");
}

#[test]
fn control_and_direction_characters_are_displayed_in_hex() {
    assert_eq!(common_name(UTF8, b"a\r\nb\0").to_string(), "CN=a\\0d\\0ab\\00");
    assert_eq!(common_name(UTF8, "a\u{202e}b\u{85}".as_bytes()).to_string(), "CN=a\\e2\\80\\aeb\\c2\\85");
}

#[test]
fn case_white_space_and_string_type_are_ignored_in_comparisons() {
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
fn values_that_are_not_text_are_compared_byte_by_byte() {
    assert_eq!(common_name(0x04, b"a"), common_name(0x04, b"a"));
    assert_ne!(common_name(0x04, b"a"), common_name(0x04, b"A"));
    assert_ne!(common_name(0x04, b"a"), common_name(UTF8, b"a"));
    assert_ne!(common_name(UTF8, &[0xff]), common_name(UTF8, &[0xfe]));
}

#[test]
fn a_name_is_the_same_in_every_string_type() {
    let expected = common_name(UTF8, "Prüfstelle".as_bytes());
    let latin1 = b"Pr\xfcfstelle";
    let wide = |bytes: usize| -> Vec<u8> {
        "Prüfstelle".chars().flat_map(|c| u32::from(c).to_be_bytes()[4 - bytes..].to_vec()).collect()
    };
    assert_eq!(common_name(TELETEX, latin1), expected);
    assert_eq!(common_name(UNIVERSAL, &wide(4)), expected);
    assert_eq!(common_name(BMP, &wide(2)), expected);
    assert_eq!(common_name(UNIVERSAL, &wide(4)).to_string(), "CN=Prüfstelle");
}

#[test]
fn an_unreadable_attribute_hides_no_other() {
    let uuid: ObjectIdentifier = "2.25.329800735698586629295641978511506172918".parse().unwrap();
    for odd in [
        (uuid.as_octets(), UTF8, &b"x"[..]),
        (&[0x2a, 0x24, 0x82, 0xf4, 0xc3, 0xdb, 0xcf, 0x7f], UTF8, b"x"),
        (&[0x88, 0x37], UTF8, b"x"),
        (&COMMON_NAME, UNIVERSAL, b"odd"),
        (&COMMON_NAME, UTF8, &[0xff]),
        (&COMMON_NAME, 0x1d, b"x"),
        (&COMMON_NAME, 0x30, &[]),
    ] {
        let name = name_of(&[&[odd], &[(&ORGANIZATION, UTF8, b"Corp")]]);
        assert!(name.is_decoded(), "{odd:?}");
        assert_eq!(name.values(rfc4519::ORGANIZATION_NAME).texts, ["Corp"], "{odd:?}");
        assert!(name.values(rfc4519::ORGANIZATION_NAME).hidden.is_empty(), "{odd:?}");
        let hides = odd.0 == COMMON_NAME;
        assert_eq!(name.values(rfc4519::COMMON_NAME).hidden.len(), usize::from(hides), "{odd:?}");
    }
}

#[test]
fn a_name_that_cannot_be_decoded_may_have_any_attribute() {
    let broken = DistinguishedName::from_der(&[0x30, 2, 0x31]);
    assert_eq!(broken.values(rfc4519::COMMON_NAME).hidden, [&[0x30, 2, 0x31]]);
    assert_eq!(name_of(&[]).values(rfc4519::COMMON_NAME), AttributeValues { texts: vec![], hidden: vec![] });
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
fn attributes_are_in_order_from_the_root() {
    let name = name_of(&[&[(&ORGANIZATION, UTF8, b"Corp")], &[(&COMMON_NAME, UTF8, b"Alice")]]);
    assert_eq!(name.attributes().map(|(_, text)| text).collect::<Vec<_>>(), ["Corp", "Alice"]);
}
