//! Takes the certificates that a client sent, gives a [`PresentedChain`]. Never judges one, and never takes anything
//! but the first certificate for the client's own.

use std::collections::HashSet;
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use rustls_pki_types::CertificateDer;

use super::trust::TrustSet;
use crate::certificate::{Certificate, DistinguishedName, Fingerprint, KeyAlgorithm, MalformedCertificate};

/// The most certificates that a client may present. Real cards send two to four.
pub const MAX_PRESENTED_CERTIFICATES: usize = 16;
/// The most bytes that all presented certificates may have together.
pub const MAX_PRESENTED_BYTES: usize = 64 * 1024;

/// The most bytes of one certificate. Those of real CAs have some 2 KB.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;
/// The most bytes that all certificates but the client's own may have together. What is sent beyond is passed over.
pub const MAX_ADDITIONAL_BYTES: usize = 32 * 1024;

/// What a client presented: its own certificate, whose key the handshake proved, and whatever it sent along.
#[derive(Clone)]
pub struct PresentedChain {
    leaf: Certificate,
    certificates: Vec<Certificate>,
    digest: [u8; 32],
}

/// Why what a client presented cannot be judged at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedChain {
    /// No certificate.
    #[error("no certificate was presented")]
    Empty,
    /// More than [`MAX_PRESENTED_CERTIFICATES`].
    #[error("{count} certificates were presented, more than {MAX_PRESENTED_CERTIFICATES}")]
    TooManyCertificates {
        /// How many.
        count: usize,
    },
    /// More than [`MAX_PRESENTED_BYTES`].
    #[error("certificates of {bytes} bytes were presented, more than {MAX_PRESENTED_BYTES}")]
    TooManyBytes {
        /// How many.
        bytes: usize,
    },
    /// The client's own certificate has more than [`MAX_CERTIFICATE_BYTES`].
    #[error("the client's own certificate has {bytes} bytes, more than {MAX_CERTIFICATE_BYTES}")]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// The client's own certificate cannot be read.
    #[error("the client's own certificate cannot be read")]
    Leaf(#[source] MalformedCertificate),
}

/// What may be read of the certificates that a client sent, its own first. Nothing is decoded yet. Of the others those
/// are passed over that are too long or come after [`MAX_ADDITIONAL_BYTES`].
///
/// # Errors
/// Where the client's own certificate is too long, or all of them together are more than any client sends.
pub fn within_limits<'p, 'd>(
    presented: &'p [CertificateDer<'d>],
) -> Result<Vec<&'p CertificateDer<'d>>, MalformedChain> {
    let (leaf, others) = presented.split_first().ok_or(MalformedChain::Empty)?;
    if presented.len() > MAX_PRESENTED_CERTIFICATES {
        return Err(MalformedChain::TooManyCertificates { count: presented.len() });
    }
    let bytes = presented.iter().map(|certificate| certificate.len()).sum();
    if bytes > MAX_PRESENTED_BYTES {
        return Err(MalformedChain::TooManyBytes { bytes });
    }
    if leaf.len() > MAX_CERTIFICATE_BYTES {
        return Err(MalformedChain::TooLong { bytes: leaf.len() });
    }
    let mut room = MAX_ADDITIONAL_BYTES;
    let others = others.iter().filter(|other| {
        let fits = other.len() <= room.min(MAX_CERTIFICATE_BYTES);
        room -= if fits { other.len() } else { 0 };
        fits
    });
    Ok(std::iter::once(leaf).chain(others).collect())
}

impl PresentedChain {
    /// Reads what the client sent, its own certificate first. Limits are held before anything is decoded. A further
    /// certificate that cannot be read is passed over: it can be on no path, and what is on no path changes nothing.
    pub fn parse(presented: &[CertificateDer<'_>]) -> Result<Self, MalformedChain> {
        let presented = within_limits(presented)?;
        let (leaf, others) = presented.split_first().ok_or(MalformedChain::Empty)?;
        let leaf = Certificate::from_der(leaf).map_err(MalformedChain::Leaf)?;
        let mut certificates = vec![leaf.clone()];
        certificates.extend(others.iter().filter_map(|der| Certificate::from_der(der).ok()));
        Ok(Self { leaf, certificates, digest: digest(&presented) })
    }

    /// The certificate whose key the client has proven to hold: the first one, always (CVE-2023-2422).
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// All that could be read, the leaf first, in the client's order.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// How much work it is to validate, in no particular unit: more certificates may be tried in more pairs, and a
    /// signature of a long key takes many times that of a short one.
    pub fn work(&self) -> u32 {
        let certificates = u32::try_from(self.certificates.len()).unwrap_or(u32::MAX);
        let keys: u32 =
            self.certificates.iter().map(|certificate| key_work(certificate.key_algorithm())).sum();
        keys.saturating_mul(certificates)
    }

    /// Whether validating it takes long enough to hold up others: P-521 keys, RSA keys above 4,096 bits, more than four
    /// signatures, or more bytes than the chain of a card has. A leaf whose issuer is not presented shows by its own
    /// signature what kind of key made it.
    pub fn is_expensive(&self) -> bool {
        let bytes: usize = self.certificates.iter().map(|certificate| certificate.der().len()).sum();
        let long = |certificate: &Certificate| {
            key_work(certificate.key_algorithm()) > 1 || certificate.is_signed_by_long_key()
        };
        self.certificates.len() > 4 || bytes > 16 * 1024 || self.certificates.iter().any(long)
    }

    /// Those of the certificates beside the client's own that may matter for a verdict, sorted: what bears the name of an
    /// issuer that a path may lead to, and what may sign CRLs and was issued by one of these. No other certificate can
    /// be on a path or sign a CRL for one.
    pub(super) fn relevant(&self, trust: &TrustSet) -> Vec<Fingerprint> {
        let others = self.certificates.get(1..).unwrap_or_default();
        let mut issuers = HashSet::from([self.leaf.issuer()]);
        let mut unseen: Vec<&DistinguishedName> = vec![self.leaf.issuer()];
        while let Some(name) = unseen.pop() {
            let presented = others.iter().filter(|other| other.subject() == name);
            for authority in presented.chain(trust.intermediates_named(name)) {
                if issuers.insert(authority.issuer()) {
                    unseen.push(authority.issuer());
                }
            }
        }
        let matters = |other: &&Certificate| {
            issuers.contains(other.subject()) || other.may_sign_crls() && issuers.contains(other.issuer())
        };
        let mut relevant: Vec<_> = others.iter().filter(matters).map(Certificate::fingerprint).collect();
        relevant.sort_unstable();
        relevant.dedup();
        relevant
    }

    /// The SHA-256 over all that was presented and read, each certificate preceded by its length.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// What one signature by such a key takes, in multiples of the common ones (RSA 2048, P-256).
fn key_work(key: KeyAlgorithm) -> u32 {
    match key {
        KeyAlgorithm::EcP521 => 16,
        KeyAlgorithm::Rsa { bits } if bits > 4096 => bits / 1024,
        KeyAlgorithm::Rsa { .. }
        | KeyAlgorithm::EcP256
        | KeyAlgorithm::EcP384
        | KeyAlgorithm::Ed25519
        | KeyAlgorithm::Other(_) => 1,
    }
}

impl fmt::Debug for PresentedChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.certificates).finish()
    }
}

/// The lengths keep two different chains from flowing into the same bytes, which would give one the verdict of the
/// other.
fn digest(presented: &[&CertificateDer<'_>]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for certificate in presented {
        let length = u64::try_from(certificate.len()).expect("a length fits 64 bits");
        context.update(&length.to_be_bytes());
        context.update(certificate);
    }
    context.finish().as_ref().try_into().expect("a SHA-256 digest is 32 bytes long")
}
