//! The text of a string value: every form of DirectoryString (RFC 5280 4.1.2.4) and the other string types that CAs use.

use super::element::DerElement;

/// Returns the text of a string. `None` for a value of another type, or one that violates the rules of its type.
///
/// TeletexString is read as Latin-1, as OpenSSL and Windows read it and CAs write it; T.61's own repertoire is not in
/// use. BMPString is read as UTF-16, because Windows writes characters beyond the first plane as surrogates.
pub(super) fn text(value_der: &[u8]) -> Option<String> {
    let value = DerElement::read(value_der).ok()?;
    let contents = value.contents;
    match value.identifier {
        UTF8_STRING => str::from_utf8(contents).ok().map(str::to_owned),
        NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING => {
            str::from_utf8(contents).ok().filter(|text| text.is_ascii()).map(str::to_owned)
        }
        TELETEX_STRING => Some(contents.iter().copied().map(char::from).collect()),
        UNIVERSAL_STRING => {
            let (units, rest) = contents.as_chunks::<4>();
            let characters = units.iter().map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
            rest.is_empty().then(|| characters.collect())?
        }
        BMP_STRING => {
            let (units, rest) = contents.as_chunks::<2>();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok())?
        }
        _ => None,
    }
}

/// Returns the text unless it is empty or has a control character: readers of C strings, headers or lines would read
/// such a text differently.
pub(super) fn line(text: &str) -> Option<String> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_string_type_that_cas_use_is_read() {
        for (der, expected) in [
            (&[0x0c, 3, b'P', 0xc3, 0xbc][..], Some("P\u{fc}")),
            (&[0x14, 2, b'P', 0xfc], Some("P\u{fc}")),
            (&[0x1c, 8, 0, 0, 0, b'P', 0, 0, 0, 0xfc], Some("P\u{fc}")),
            (&[0x1e, 4, 0, b'P', 0, 0xfc], Some("P\u{fc}")),
            (&[0x1e, 4, 0xd8, 0x3d, 0xde, 0x00], Some("\u{1f600}")),
            (&[0x13, 1, b'P'], Some("P")),
            (&[0x16, 1, b'@'], Some("@")),
            (&[0x1a, 1, b'P'], Some("P")),
            (&[0x12, 1, b'7'], Some("7")),
            (&[0x13, 1, 0xfc], None),
            (&[0x0c, 1, 0xfc], None),
            (&[0x1c, 3, 0, 0, b'P'], None),
            (&[0x1c, 4, 0, 0x11, 0, 0], None),
            (&[0x1e, 3, 0, b'P', 0], None),
            (&[0x1e, 2, 0xd8, 0x3d], None),
            (&[0x04, 1, b'P'], None),
            (&[0x24, 3, 0x04, 1, b'P'], None),
        ] {
            assert_eq!(text(der).as_deref(), expected, "{der:?}");
        }
    }
}
