//! The extension by which an enterprise CA names the account of a certificate ([MS-WCCE] 2.2.2.7.7.4), decoded and
//! encoded. Which CAs may name accounts is decided elsewhere.

use const_oid::ObjectIdentifier;
use der::asn1::{Any, OctetString, OctetStringRef};
use der::{Decode, Encode, Error, ErrorKind, Tag};
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

use super::element::DerElement;
use super::general_name::GeneralName as ReadName;

/// szOID_NTDS_CA_SECURITY_EXT ([MS-WCCE] 2.2.2.7.7.4), the extension. Not critical.
pub(crate) const SECURITY_IDENTIFIER_EXTENSION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.25.2");
/// szOID_NTDS_OBJECTSID, the otherName inside it.
const OBJECT_SID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.25.2.1");

/// Returns the value of the extension for `sid`, the text `S-1-5-21-…`: it is encoded in ASCII, not in the binary
/// form of a directory. Fails if the text is not a SID.
pub(crate) fn security_identifier_value(sid: &str) -> der::Result<Vec<u8>> {
    if !is_security_identifier(sid) {
        return Err(malformed());
    }
    let text = OctetString::new(sid.as_bytes())?;
    let name = OtherName { type_id: OBJECT_SID, value: Any::encode_from(&text)? };
    vec![GeneralName::OtherName(name)].to_der()
}

/// Returns whether `text` is a SID ([MS-DTYP] 2.4.2.1): `S-1-`, the identifier authority, and one to fifteen
/// sub-authorities, in decimal.
pub(crate) fn is_security_identifier(text: &str) -> bool {
    let Some(numbers) = text.strip_prefix("S-1-") else { return false };
    let is_number =
        |part: &str| !part.is_empty() && part.len() <= 15 && part.bytes().all(|b| b.is_ascii_digit());
    (2..=16).contains(&numbers.split('-').count()) && numbers.split('-').all(is_number)
}

/// Returns the SID as text, `S-1-5-21-…`. Exactly one and no other element: two would contradict each other.
pub(super) fn read(der: &[u8]) -> der::Result<String> {
    let elements = DerElement::sequence(der)?;
    let [element] = elements.as_slice() else { return Err(malformed()) };
    let ReadName::Other(kind, value) = ReadName::read(*element)? else { return Err(malformed()) };
    let text = <&OctetStringRef>::from_der(value)?.as_bytes();
    let sid = str::from_utf8(text).map_err(|_| malformed())?;
    if kind != OBJECT_SID || !is_security_identifier(sid) {
        return Err(malformed());
    }
    Ok(sid.to_owned())
}

fn malformed() -> Error {
    Error::from(ErrorKind::Value { tag: Tag::OctetString })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of [MS-WCCE].
    const ADMINISTRATORS: &str = "S-1-5-21-1004336348-1177238915-682003330-512";

    #[test]
    fn a_sid_is_encoded_as_windows_does() {
        let head =
            [0x30, 0x3e, 0xa0, 0x3c, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x19, 0x02, 0x01]
                .into_iter()
                .chain([0xa0, 0x2e, 0x04, 0x2c])
                .chain(ADMINISTRATORS.bytes());
        assert_eq!(security_identifier_value(ADMINISTRATORS), Ok(head.collect::<Vec<u8>>()));
    }

    #[test]
    fn an_encoded_sid_is_decoded_as_the_same() {
        let value = security_identifier_value(ADMINISTRATORS).unwrap();
        assert_eq!(read(&value).as_deref(), Ok(ADMINISTRATORS));
    }

    #[test]
    fn a_text_that_is_not_a_sid_is_not_encoded() {
        for text in ["", "S-1-5", "alice", "S-1-5-21-x", "s-1-5-21-1", "S-1-5-21-1\n", "S-1-5--21"] {
            assert_eq!(security_identifier_value(text), Err(malformed()), "{text:?}");
        }
    }
}
