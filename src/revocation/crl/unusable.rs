//! Unusable CRLs: the reasons why a CRL cannot show that a certificate is not revoked.
//!
//! The certificates that an unusable CRL lists are revoked all the same if its issuer signed it: a reader that
//! understands less than the whole list must not accept more than it allows (X.509 8.5.2.1: the certificates that an
//! unknown critical extension identifies are assumed to be revoked).

use crate::certificate::ObjectIdentifier;
use std::fmt;

/// Why a CRL that does not list a certificate does not show that it is not revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnusableReason {
    /// An entry is for another issuer's certificate (certificateIssuer, RFC 5280 5.3.3), but the CRL is not marked as
    /// indirect.
    Indirect,
    /// An entry's certificateIssuer is not one distinguished name (RFC 5280 5.3.3).
    EntryIssuer,
    /// An entry cannot be decoded, in whole or after its serial number.
    Entry,
    /// The thisUpdate of the CRL cannot be decoded.
    ThisUpdate,
    /// The version of the CRL is not 2 (RFC 5280 5.1.2.1; a version 1 CRL has none).
    Version,
    /// The signature algorithm inside the signed part differs from the one outside (RFC 5280 5.1.1.2).
    AlgorithmsDiffer,
    /// The extensions of the CRL, or other data in their place, cannot be decoded.
    Extensions,
    /// It is an indirect CRL for too many issuers.
    TooManyIssuers,
    /// A critical extension of the CRL is not supported (RFC 5280 5.2).
    CriticalExtension(ObjectIdentifier),
    /// A critical extension of an entry is not supported (RFC 5280 5.3).
    CriticalEntryExtension(ObjectIdentifier),
    /// A critical extension of the CRL or of an entry is not supported, and its identifier is invalid.
    UnnamedExtension,
    /// The CRL has an extension twice, so it has no definite value.
    RepeatedExtension(ObjectIdentifier),
    /// The BIT STRING of its signature has unused bits, which no signature algorithm produces.
    SignatureBits,
    /// An extension cannot be decoded, or contradicts itself.
    UndecodableExtension(ObjectIdentifier),
}

impl fmt::Display for UnusableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Indirect => {
                f.write_str("one of its entries has another issuer, but it is not marked as an indirect CRL")
            }
            Self::EntryIssuer => f.write_str("one of its entries does not have exactly one issuer name"),
            Self::Entry => f.write_str("one of its entries cannot be decoded"),
            Self::ThisUpdate => f.write_str("its thisUpdate cannot be decoded"),
            Self::Version => f.write_str("its version is not supported"),
            Self::AlgorithmsDiffer => {
                f.write_str("its signature algorithm differs inside and outside the signed part")
            }
            Self::Extensions => f.write_str("its extensions cannot be decoded"),
            Self::TooManyIssuers => f.write_str("it is an indirect CRL for too many issuers"),
            Self::CriticalExtension(oid) => write!(f, "it has the unsupported critical extension {oid}"),
            Self::CriticalEntryExtension(oid) => {
                write!(f, "one of its entries has the unsupported critical extension {oid}")
            }
            Self::UnnamedExtension => {
                f.write_str("it has an unsupported critical extension with an invalid identifier")
            }
            Self::SignatureBits => f.write_str("its signature is not a whole number of bytes"),
            Self::RepeatedExtension(oid) => write!(f, "it has the extension {oid} twice"),
            Self::UndecodableExtension(oid) => {
                write!(f, "its extension {oid} cannot be decoded or contradicts itself")
            }
        }
    }
}
