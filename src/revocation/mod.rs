//! The revocation check: removes from a validated chain the paths on which a certificate is revoked.
//!
//! CRLs come from files and from the distribution points of validated certificates; OCSP responders are queried for
//! certificates whose status the CRLs do not show. A certificate passes only if CRLs that cover it completely do not
//! list it (RFC 5280 6.3.3) or a responder reports "good". The certificates that a CRL lists are revoked even if the
//! rest of the CRL cannot be decoded.

mod cache;
mod check;
mod crl;
pub mod fetch;
mod lookup;
mod lookup_result;
pub mod ocsp;
mod rule;
mod status;
mod store;
#[cfg(test)]
pub(crate) mod test_pki;
#[cfg(test)]
mod tests;

pub use cache::RevocationCache;
pub use check::{UnrevokedChain, check};
pub(crate) use crl::{CrlOrigin, CrlSource};
#[cfg(test)]
pub(crate) use crl::{RevocationReason, UnusableReason};
#[cfg(test)]
pub(crate) use rule::UNKNOWN_LIFETIME;
pub(crate) use rule::{IssuerRule, RevocationDemand};
pub use rule::{RevocationMode, RevocationRule};
pub(crate) use status::CertificateStatus;
pub use status::{RevocationError, RevocationSource, RevocationVerdict, UnknownReason};
#[cfg(test)]
pub(crate) use store::CrlNote;
pub(crate) use store::{CrlGeneration, DownloadError, DownloadSettings, DownloadedCrl, PointUrls};
pub use store::{CrlLoadError, CrlStore, LiveCrls};
