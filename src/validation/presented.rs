//! The certificates that a client presents. The first one is the client's own, and no other is ever taken for it.

use std::collections::HashSet;
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use rustls_pki_types::CertificateDer;

use super::trust::TrustSet;
use crate::certificate::{Certificate, DistinguishedName, Fingerprint, KeyAlgorithm, MalformedCertificate};

/// The maximum number of certificates that a client may present. Real clients present two to four.
pub(crate) const MAX_PRESENTED_CERTIFICATES: usize = 16;
/// The maximum size of all presented certificates together, in bytes.
pub(crate) const MAX_PRESENTED_BYTES: usize = 64 * 1024;

/// The maximum size of one certificate, in bytes. Those of real CAs have about 2 KB.
pub(crate) const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;
/// The maximum size of all certificates except the client's own, in bytes. Certificates beyond it are ignored.
pub(crate) const MAX_ADDITIONAL_BYTES: usize = 32 * 1024;

/// A presented chain: the client's own certificate, possession of whose key was proved in the handshake, and the others
/// that the client sent.
#[derive(Clone)]
pub struct PresentedChain {
    leaf: Certificate,
    certificates: Vec<Certificate>,
    digest: [u8; 32],
}

/// Why a presented chain cannot be validated at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedChain {
    /// The client presented no certificate.
    #[error("no certificate was presented")]
    Empty,
    /// More than [`MAX_PRESENTED_CERTIFICATES`].
    #[error("{count} certificates were presented; the limit is {MAX_PRESENTED_CERTIFICATES}")]
    TooManyCertificates {
        /// Their number.
        count: usize,
    },
    /// More than [`MAX_PRESENTED_BYTES`].
    #[error("certificates of {bytes} bytes were presented; the limit is {MAX_PRESENTED_BYTES}")]
    TooManyBytes {
        /// Their length.
        bytes: usize,
    },
    /// The client's own certificate has more than [`MAX_CERTIFICATE_BYTES`].
    #[error("the client's own certificate has {bytes} bytes; the limit is {MAX_CERTIFICATE_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The client's own certificate cannot be read.
    #[error("the client's own certificate cannot be decoded")]
    Leaf(#[source] MalformedCertificate),
}

/// Returns the presented certificates that are read, the client's own first, not yet decoded. Others are ignored if
/// they are too long or beyond [`MAX_ADDITIONAL_BYTES`].
///
/// # Errors
/// The client's own certificate is too long, or all of them together are more than a real client presents.
pub(crate) fn within_limits<'p, 'd>(
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
    /// Reads a presented chain, the client's own certificate first. Limits are checked before anything is decoded. Another
    /// certificate that cannot be decoded is ignored: it can be on no path, so it has no effect.
    pub fn parse(presented: &[CertificateDer<'_>]) -> Result<Self, MalformedChain> {
        let presented = within_limits(presented)?;
        let (leaf, others) = presented.split_first().ok_or(MalformedChain::Empty)?;
        let leaf = Certificate::from_der(leaf).map_err(MalformedChain::Leaf)?;
        let mut certificates = vec![leaf.clone()];
        certificates.extend(others.iter().filter_map(|der| Certificate::from_der(der).ok()));
        Ok(Self { leaf, certificates, digest: digest(&presented) })
    }

    /// Returns the certificate whose key the client proved to hold: always the first one (CVE-2023-2422).
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Returns all certificates that could be decoded, the leaf first, in the client's order.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Returns the relative cost of validating the chain: more certificates may be tried in more pairs, and a
    /// signature of a long key takes many times as long as one of a short key.
    pub fn cost(&self) -> u32 {
        let certificates = u32::try_from(self.certificates.len()).unwrap_or(u32::MAX);
        let keys: u32 =
            self.certificates.iter().map(|certificate| key_cost(certificate.key_algorithm())).sum();
        keys.saturating_mul(certificates)
    }

    /// Returns whether validating the chain takes long enough to delay other clients: P-521 keys, RSA keys above
    /// 4,096 bits, more than four signatures, or more bytes than a real client's chain. If the leaf's issuer is not
    /// presented, the leaf's signature shows the kind of its key.
    pub fn is_expensive(&self) -> bool {
        let bytes: usize = self.certificates.iter().map(|certificate| certificate.der().len()).sum();
        let long = |certificate: &Certificate| {
            key_cost(certificate.key_algorithm()) > 1 || certificate.is_signed_by_long_key()
        };
        self.certificates.len() > 4 || bytes > 16 * 1024 || self.certificates.iter().any(long)
    }

    /// Returns the other certificates that may affect a verdict, sorted: those with the name of an issuer that a path
    /// may lead to, and those that may sign CRLs and were issued by one of these. No other certificate can be on a
    /// path or sign a CRL for one.
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

    /// Returns the SHA-256 over all certificates that were read, each preceded by its length.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// Returns the cost of one signature by such a key, in multiples of the common ones (RSA 2048, P-256).
fn key_cost(key: KeyAlgorithm) -> u32 {
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

/// Returns the SHA-256 over all certificates, each preceded by its length. The lengths prevent two different chains from
/// having the same bytes, so that one would have the verdict of the other.
fn digest(presented: &[&CertificateDer<'_>]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for certificate in presented {
        let length = u64::try_from(certificate.len()).expect("a length fits 64 bits");
        context.update(&length.to_be_bytes());
        context.update(certificate);
    }
    context.finish().as_ref().try_into().expect("a SHA-256 digest is 32 bytes long")
}
