//! DER by hand, for extensions that rcgen does not write.

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
