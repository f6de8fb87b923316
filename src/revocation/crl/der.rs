//! DER elements that CRLs and OCSP responses share. Nothing is copied.

use crate::certificate::{self, ObjectIdentifier};
use crate::clock::UnixTime;
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Header, Reader, SliceReader, Tag, Tagged};

/// An extension whose value is not decoded.
pub(in crate::revocation) struct RawExtension<'a> {
    /// The content of its OBJECT IDENTIFIER.
    pub(in crate::revocation) id: &'a [u8],
    pub(in crate::revocation) critical: bool,
    pub(in crate::revocation) value: &'a [u8],
}

impl RawExtension<'_> {
    /// Returns the identifier, or `None` if it is not a valid one. No known identifier is invalid.
    pub(in crate::revocation) fn oid(&self) -> Option<ObjectIdentifier> {
        ObjectIdentifier::from_contents(self.id).ok()
    }
}

/// Reads one Extension (RFC 5280 4.1). An explicit `critical FALSE` is not DER but common, and is
/// accepted.
pub(in crate::revocation) fn read_extension<'a>(
    reader: &mut SliceReader<'a>,
) -> der::Result<RawExtension<'a>> {
    reader.sequence(|extension| {
        let id: AnyRef<'a> = AnyRef::decode(extension)?;
        id.tag().assert_eq(Tag::ObjectIdentifier)?;
        let critical = next_tag(extension)? == Some(Tag::Boolean) && bool::decode(extension)?;
        let value: &'a OctetStringRef = Decode::decode(extension)?;
        Ok(RawExtension { id: id.value(), critical, value: value.as_bytes() })
    })
}

/// Reads a UTCTime or GeneralizedTime (RFC 5280 5.1.2.4). The inner result is an error if its text is not a time.
pub(in crate::revocation) fn read_time(reader: &mut SliceReader<'_>) -> der::Result<der::Result<UnixTime>> {
    let time = AnyRef::decode(reader)?;
    match time.tag() {
        Tag::UtcTime | Tag::GeneralizedTime => Ok(certificate::read_time(time)),
        other => Err(other.unexpected_error(None).into()),
    }
}

/// Returns the tag of the next element, if there is one.
pub(in crate::revocation) fn next_tag(reader: &SliceReader<'_>) -> der::Result<Option<Tag>> {
    if reader.is_finished() { Ok(None) } else { Ok(Some(Header::peek(reader)?.tag())) }
}

/// Returns the content of an INTEGER without the leading octets that DER forbids (X.690 8.3.2). Some CAs pad serial
/// numbers, and a padded one is the same number. Returns `None` for empty content.
pub(in crate::revocation) fn minimal(mut content: &[u8]) -> Option<&[u8]> {
    while let [0 | 0xff, next, ..] = content
        && (*next >= 0x80) == (content.first() == Some(&0xff))
    {
        content = content.get(1..)?;
    }
    (!content.is_empty()).then_some(content)
}
