//! A downloaded CRL, and the errors of a download.

use crate::certificate::{BundleError, crl_ders};
use crate::clock::UnixTime;
use crate::revocation::crl::{Crl, CrlNumber, CrlOrigin, MalformedCrl};
use crate::revocation::fetch::FetchError;
use aws_lc_rs::digest::{SHA256, digest};
use std::sync::Arc;
use thiserror::Error;

/// The maximum size of all downloaded CRLs of a realm, in memory and on disk, in bytes.
pub(super) const MAXIMUM_BYTES: usize = 512 * 1024 * 1024;

/// The URLs of one distribution point (RFC 5280 4.2.1.13): alternatives for one CRL, tried in their order.
pub(crate) type PointUrls = Arc<[String]>;

/// The SHA-256 of a downloaded file.
pub(in crate::revocation) type FileDigest = [u8; 32];

/// A decoded CRL, and the file that it was decoded from.
#[derive(Clone, Debug)]
pub(in crate::revocation) struct FetchedCrl {
    pub(in crate::revocation) crl: Arc<Crl>,
    /// The size of the file in bytes.
    pub(in crate::revocation) bytes: usize,
    /// Names the file in the disk cache.
    pub(in crate::revocation) file: FileDigest,
}

/// The error of a download. The CRLs that were held stay in force.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// No URL could be fetched; the error is that of the last one that may be fetched.
    #[error("the CRL cannot be fetched")]
    Fetch(#[from] FetchError),
    /// The response is not a CRL.
    #[error("the response is not a CRL")]
    NoCrl(#[source] BundleError),
    /// The response contains several CRLs: a distribution point has one (RFC 5280 4.2.1.13).
    #[error("the response contains {0} CRLs instead of one")]
    Several(usize),
    /// The response cannot be decoded.
    #[error("the fetched CRL cannot be decoded")]
    Malformed(#[source] MalformedCrl),
    /// The CRL is older than the one that is held: a replay.
    #[error("the fetched CRL of {fetched} is older than the held one of {held}")]
    Older {
        /// The thisUpdate of the fetched CRL.
        fetched: UnixTime,
        /// The thisUpdate of the held CRL.
        held: UnixTime,
    },
    /// The CRL has a lower number than the held one of the same thisUpdate: a replay.
    #[error("the fetched CRL has the number {fetched}, lower than {held} of the held one")]
    LowerNumber {
        /// The number of the fetched CRL.
        fetched: CrlNumber,
        /// The number of the held CRL.
        held: CrlNumber,
    },
    /// The distribution point served too many CRLs none of which replaces another.
    #[error("the distribution point has served {most} CRLs that do not replace each other")]
    TooManyScopes {
        /// The most that are held of one distribution point.
        most: usize,
    },
    /// The CRLs of the realm would have too many bytes.
    #[error("the downloaded CRLs of this realm would exceed {MAXIMUM_BYTES} bytes")]
    NoRoom,
    /// The distribution point is no longer known, or the task ended.
    #[error("the download was interrupted")]
    Interrupted,
}

impl FetchedCrl {
    /// Decodes the one CRL of a response. RFC 5280 4.2.1.13 requires DER; PEM is accepted too, since some servers
    /// send it.
    pub(in crate::revocation) fn decode(bytes: &[u8], urls: &PointUrls) -> Result<Self, DownloadError> {
        let mut ders = crl_ders(bytes.to_vec()).map_err(DownloadError::NoCrl)?;
        let (Some(der), true) = (ders.pop(), ders.is_empty()) else {
            return Err(DownloadError::Several(ders.len() + 1));
        };
        let url = urls.iter().find(|url| url.starts_with("http:")).or(urls.first());
        let origin = CrlOrigin::Url(url.cloned().unwrap_or_default());
        let crl = Crl::parse(der, origin).map_err(DownloadError::Malformed)?;
        Ok(Self { crl: Arc::new(crl), bytes: bytes.len(), file: file_digest(bytes) })
    }
}

/// Returns the digest that names a file.
pub(in crate::revocation) fn file_digest(bytes: &[u8]) -> FileDigest {
    digest(&SHA256, bytes).as_ref().try_into().expect("a SHA-256 digest is 32 bytes long")
}
