//! Takes a proven chain, a realm's rule and CRLs, gives the chain with the paths on which nothing is revoked.
//!
//! CRLs come from files and from the places that proven certificates name; what they do not know, an OCSP responder is
//! asked. Never takes silence for "good" that does not cover the certificate whole: partial, indirect and delta CRLs
//! are put together (RFC 5280 6.3.3), and what holds something not understood is set aside.

mod cache;
mod check;
mod crl;
pub mod fetch;
mod lookup;
mod lookup_result;
pub mod ocsp;
mod rule;
mod source;
mod store;
#[cfg(test)]
pub(crate) mod test_pki;
#[cfg(test)]
mod tests;

pub use cache::RevocationCache;
pub use check::{CertificateStatus, RevocationError, RevocationVerdict, UnrevokedChain, check};
pub use crl::entry::RevocationReason;
pub use crl::list::{CrlOrigin, CrlSource};
pub use crl::number::CrlNumber;
pub use crl::parse::MalformedCrl;
pub use crl::unusable::UnusableReason;
pub use lookup_result::UnknownReason;
pub use rule::{IssuerRule, RevocationDemand, RevocationMode, RevocationRule, UNKNOWN_LIFETIME};
pub use source::RevocationSource;
pub use store::disk_cache::DiskError;
pub use store::downloads::{DownloadError, DownloadSettings, DownloadedCrl, InitialFetches, PointUrls};
pub use store::live::{CrlReload, LiveCrls};
pub use store::snapshot::{CrlGeneration, CrlLoadError, CrlNote, CrlStore};
