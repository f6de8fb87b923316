//! The pieces of DER that a CRL and its entries share: times, extensions, and what stands next.
//!
//! Nothing is copied, and nothing is judged.

use crate::clock::UnixTime;
use const_oid::ObjectIdentifier;
use der::asn1::OctetStringRef;
use der::{Decode, Header, Reader, SliceReader, Tag};
use x509_cert::time::Time;

/// One extension, its value still encoded.
pub(super) struct RawExtension<'a> {
    pub(super) oid: ObjectIdentifier,
    pub(super) critical: bool,
    pub(super) value: &'a [u8],
}

/// Reads one Extension (RFC 5280 4.1). An explicit `critical FALSE` is not DER but common, and let through.
pub(super) fn read_extension<'a>(reader: &mut SliceReader<'a>) -> der::Result<RawExtension<'a>> {
    reader.sequence(|extension| {
        let oid = ObjectIdentifier::decode(extension)?;
        let critical = next_tag(extension)? == Some(Tag::Boolean) && bool::decode(extension)?;
        let value: &'a OctetStringRef = Decode::decode(extension)?;
        Ok(RawExtension { oid, critical, value: value.as_bytes() })
    })
}

/// Reads a UTCTime or GeneralizedTime (RFC 5280 5.1.2.4).
pub(super) fn read_time(reader: &mut SliceReader<'_>) -> der::Result<UnixTime> {
    Ok(UnixTime::from(Time::decode(reader)?.to_unix_duration()))
}

/// The tag that stands next, if anything does.
pub(super) fn next_tag(reader: &SliceReader<'_>) -> der::Result<Option<Tag>> {
    if reader.is_finished() { Ok(None) } else { Ok(Some(Header::peek(reader)?.tag())) }
}
