//! DER for extensions that rcgen does not write: elements, and GeneralNames as in alternative names and name
//! constraints.

use crate::certificate::USER_PRINCIPAL_NAME;
use const_oid::ObjectIdentifier;
use der::Encode;

pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..128 => vec![tag, length[3]],
        128..256 => vec![tag, 0x81, length[3]],
        256..65_536 => vec![tag, 0x82, length[2], length[3]],
        _ => vec![tag, 0x83, length[1], length[2], length[3]],
    };
    [head.as_slice(), content].concat()
}

pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

pub(super) fn oid(oid: impl Encode + Copy) -> Vec<u8> {
    oid.to_der().unwrap()
}

pub(super) fn email(text: &str) -> Vec<u8> {
    element(0x81, text.as_bytes())
}

pub(super) fn dns(text: &str) -> Vec<u8> {
    element(0x82, text.as_bytes())
}

pub(super) fn uri(text: &str) -> Vec<u8> {
    element(0x86, text.as_bytes())
}

pub(super) fn ip(bytes: &[u8]) -> Vec<u8> {
    element(0x87, bytes)
}

pub(super) fn other_name(type_id: ObjectIdentifier, text: &str) -> Vec<u8> {
    element(0xa0, &[oid(type_id), element(0xa0, &element(12, text.as_bytes()))].concat())
}

pub(super) fn upn(text: &str) -> Vec<u8> {
    other_name(USER_PRINCIPAL_NAME, text)
}

/// Returns `O=…,CN=…` from attributes, root first.
fn name(attributes: &[(u8, &str)]) -> Vec<u8> {
    let attribute = |(id, text): &(u8, &str)| {
        let value = element(12, text.as_bytes());
        element(0x31, &sequence(&[vec![6, 3, 0x55, 4, *id], value]))
    };
    sequence(&attributes.iter().map(attribute).collect::<Vec<_>>())
}

pub(super) fn directory(attributes: &[(u8, &str)]) -> Vec<u8> {
    element(0xa4, &name(attributes))
}
