//! Takes the signed part of a CRL and its signature, gives just enough to verify it by keys that come later: the digest,
//! where the signature is over one, so that nobody keeps megabytes for it.

use crate::certificate::Certificate;
use crate::certificate::signature::{self, SignatureError};
use aws_lc_rs::digest::{Digest, digest};

/// The signed part of a CRL.
pub(in crate::revocation) struct CrlSignature {
    algorithm: Box<[u8]>,
    signature: Box<[u8]>,
    signed: SignedBytes,
}

enum SignedBytes {
    Digest(Digest),
    /// Ed25519 reads what it signed twice, and an algorithm that is not accepted has no digest here.
    Whole(Box<[u8]>),
}

/// Verifying more than this takes longer than a worker may be held up.
const SLOW_BYTES: usize = 1024 * 1024;

impl CrlSignature {
    pub(in crate::revocation) fn new(algorithm: &[u8], tbs: &[u8], signature: &[u8]) -> Self {
        let signed = match signature::hash(algorithm) {
            Some(hash) => SignedBytes::Digest(digest(hash, tbs)),
            None => SignedBytes::Whole(tbs.into()),
        };
        Self { algorithm: algorithm.into(), signature: signature.into(), signed }
    }

    /// Whether the key of `signer` signed it.
    pub(in crate::revocation) fn verify(&self, signer: &Certificate) -> Result<(), SignatureError> {
        let (key, algorithm, signature) = (signer.public_key_der(), &self.algorithm, &self.signature);
        match &self.signed {
            SignedBytes::Digest(digest) => signature::verify_digest(key, algorithm, digest, signature),
            SignedBytes::Whole(tbs) => signature::verify(key, algorithm, tbs, signature),
        }
    }

    /// Whether verifying takes long.
    pub(in crate::revocation) fn is_slow(&self) -> bool {
        matches!(&self.signed, SignedBytes::Whole(tbs) if tbs.len() > SLOW_BYTES)
    }
}
