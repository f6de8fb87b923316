//! GeneralNames in DER, as in alternative names and name constraints.

use super::der::{element, oid, sequence};
use crate::certificate::USER_PRINCIPAL_NAME;
use const_oid::ObjectIdentifier;

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
