//! The revocation check: removes from a validated chain the paths on which a certificate is revoked.
//!
//! CRLs come from files and from the distribution points of validated certificates; OCSP responders are queried for
//! what the CRLs do not decide. A certificate passes only if CRLs that cover it completely do not list it
//! (RFC 5280 6.3.3) or a responder reports "good". A CRL that cannot be decoded in full still revokes what it lists.

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
pub use crl::{CrlNumber, CrlOrigin, CrlSource, MalformedCrl, RevocationReason, UnusableReason};
pub use rule::{IssuerRule, RevocationDemand, RevocationMode, RevocationRule, UNKNOWN_LIFETIME};
pub use status::{CertificateStatus, RevocationError, RevocationSource, RevocationVerdict, UnknownReason};
pub use store::{
    CrlGeneration, CrlLoadError, CrlNote, CrlReload, CrlStore, DiskError, DownloadError, DownloadSettings,
    DownloadedCrl, InitialFetches, LiveCrls, PointUrls,
};
