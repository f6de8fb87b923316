//! Takes a proven chain, a realm's rule and CRLs, gives the chain with the paths on which nothing is revoked.
//!
//! CRLs come from files and from the places that proven certificates name; what they do not know, an OCSP responder is
//! asked. Never takes silence for "good" that does not cover the certificate whole: partial, indirect and delta CRLs
//! are put together (RFC 5280 6.3.3), and what holds something not understood is set aside.

mod cache;
mod cannot_judge;
mod check;
mod crl;
mod crl_der;
mod crl_entry;
mod crl_index;
mod crl_number;
mod crl_scope;
mod crl_signed;
mod crl_signer;
mod crl_walk;
pub mod fetch;
mod finding;
mod lookup;
pub mod ocsp;
mod refresh;
mod refresh_disk;
mod refresh_place;
mod rule;
mod source;
mod store;
mod store_files;
mod store_live;
#[cfg(test)]
pub(crate) mod test_pki;
#[cfg(test)]
mod tests;

pub use cache::RevocationCache;
pub use cannot_judge::CannotJudge;
pub use check::{CertificateStatus, RevocationError, RevocationVerdict, UnrevokedChain, check};
pub use crl::{CrlOrigin, CrlSource};
pub use crl_entry::RevocationReason;
pub use crl_number::CrlNumber;
pub use crl_walk::MalformedCrl;
pub use finding::WhyUnknown;
pub use refresh::{DownloadError, DownloadSettings, Downloaded, FirstFetches, PointUrls};
pub use refresh_disk::DiskError;
pub use rule::{IssuerRule, RevocationDemand, RevocationMode, RevocationRule, UNKNOWN_LIFETIME};
pub use source::RevocationSource;
pub use store::{CrlGeneration, CrlLoadError, CrlNote, CrlStore};
pub use store_live::{LiveCrls, Reread};
