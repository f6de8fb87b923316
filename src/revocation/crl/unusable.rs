//! Why the silence of a CRL about a certificate does not mean that the certificate is good.
//!
//! A CRL that is set aside never shows that a certificate is good. What it lists is revoked all the same if its issuer
//! signed it: whoever reads less of a list than there is may not allow more for it (X.509 8.5.2.1: what an unknown critical
//! extension identifies is assumed to be revoked).

use crate::certificate::ObjectIdentifier;
use std::fmt;

/// Why a CRL is set aside: its silence about a certificate does not mean that the certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnusableReason {
    /// An entry names another issuer's certificate (certificateIssuer, RFC 5280 5.3.3), but the CRL does not say that
    /// it is an indirect one.
    Indirect,
    /// An entry's certificateIssuer is not one distinguished name (RFC 5280 5.3.3).
    EntryIssuer,
    /// An entry cannot be decoded, in whole or behind its serial number.
    Entry,
    /// The thisUpdate of the CRL cannot be decoded.
    ThisUpdate,
    /// The CRL has another version than 2 (RFC 5280 5.1.2.1; a version 1 CRL writes none).
    Version,
    /// The algorithm in the signed part is not the one outside (RFC 5280 5.1.1.2).
    AlgorithmsDiffer,
    /// The list of extensions of the CRL, or what stands in its place, cannot be decoded.
    Extensions,
    /// It is an indirect CRL for more issuers than are kept apart.
    TooManyIssuers,
    /// A critical extension of the CRL is unknown here (RFC 5280 5.2).
    CriticalExtension(ObjectIdentifier),
    /// A critical extension of an entry is unknown here (RFC 5280 5.3).
    CriticalEntryExtension(ObjectIdentifier),
    /// A critical extension of the CRL or of an entry is unknown here, and its identifier cannot be shown.
    UnnamedExtension,
    /// An extension stands in it twice, so it does not say one thing.
    RepeatedExtension(ObjectIdentifier),
    /// The BIT STRING of its signature has unused bits, which no signature algorithm makes.
    SignatureBits,
    /// An extension that says what the CRL covers cannot be decoded, or contradicts itself.
    UndecodableExtension(ObjectIdentifier),
}

impl fmt::Display for UnusableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Indirect => {
                f.write_str("one of its entries is another issuer's, but it is not an indirect CRL")
            }
            Self::EntryIssuer => f.write_str("one of its entries does not name its issuer by one name"),
            Self::Entry => f.write_str("one of its entries cannot be decoded"),
            Self::ThisUpdate => f.write_str("its thisUpdate cannot be decoded"),
            Self::Version => f.write_str("it is of an unknown version"),
            Self::AlgorithmsDiffer => {
                f.write_str("the signature algorithm differs inside and outside the signed part")
            }
            Self::Extensions => f.write_str("its extensions cannot be decoded"),
            Self::TooManyIssuers => f.write_str("it is an indirect CRL for more issuers than are kept apart"),
            Self::CriticalExtension(oid) => write!(f, "it has the unknown critical extension {oid}"),
            Self::CriticalEntryExtension(oid) => {
                write!(f, "one of its entries has the unknown critical extension {oid}")
            }
            Self::UnnamedExtension => {
                f.write_str("it has an unknown critical extension, whose identifier cannot be shown")
            }
            Self::SignatureBits => f.write_str("its signature is not a whole number of bytes"),
            Self::RepeatedExtension(oid) => write!(f, "it has the extension {oid} twice"),
            Self::UndecodableExtension(oid) => {
                write!(f, "its extension {oid} cannot be decoded or contradicts itself")
            }
        }
    }
}
