//! One extension as it is encoded, of a certificate, a CRL, an entry of a CRL or an OCSP response.

use der::Sequence;
use der::asn1::OctetStringRef;

use super::object_identifier::ObjectIdentifier;

/// An Extension (RFC 5280 4.1), its value still encoded. An explicit `critical FALSE` is not DER but common, and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct Extension<'a> {
    /// Which one.
    pub id: ObjectIdentifier,
    /// Whether it must be understood.
    #[asn1(default = "Default::default")]
    pub critical: bool,
    value: &'a OctetStringRef,
}

impl<'a> Extension<'a> {
    /// The contents of extnValue.
    pub fn value(&self) -> &'a [u8] {
        self.value.as_bytes()
    }
}
