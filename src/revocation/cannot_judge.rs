//! Why the silence of a CRL about a certificate does not mean that the certificate is good.
//!
//! A CRL that is set aside never says good, and is not believed when it says revoked either.

use crate::certificate::ObjectIdentifier;
use std::fmt;

/// Why a CRL is set aside: its silence about a certificate does not mean that the certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CannotJudge {
    /// An entry names another issuer's certificate (certificateIssuer, RFC 5280 5.3.3), but the CRL does not say that
    /// it is an indirect one.
    Indirect,
    /// An entry's certificateIssuer is not one distinguished name (RFC 5280 5.3.3).
    EntryIssuer,
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

impl fmt::Display for CannotJudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Indirect => {
                f.write_str("one of its entries is another issuer's, but it is not an indirect CRL")
            }
            Self::EntryIssuer => f.write_str("one of its entries does not name its issuer by one name"),
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
