//! The signature of a CRL, with as much of the signed part as is needed to verify it with keys that are found later:
//! the digest, if the signature algorithm signs one, so that a large CRL does not stay in memory for its signature.

use crate::certificate::signature::{self, SignatureError};
use crate::certificate::{Certificate, KeyId};
use aws_lc_rs::digest::{Digest, digest};
use std::sync::{Mutex, PoisonError};

/// The signature of a CRL, and the results of verifying it.
pub(super) struct CrlSignature {
    algorithm: Box<[u8]>,
    signature: Box<[u8]>,
    signed: SignedBytes,
    results: Mutex<Vec<(KeyId, SignatureResult)>>,
}

/// Whether one key made a signature.
pub(super) type SignatureResult = Result<(), SignatureError>;

enum SignedBytes {
    Digest(Digest),
    /// Ed25519 reads the signed bytes twice, and an unsupported algorithm has no digest here.
    Whole(Box<[u8]>),
}

/// Verifying more bytes than this takes longer than a worker may block.
const SLOW_BYTES: usize = 1024 * 1024;
/// The maximum number of results that are kept for one CRL. The signature is verified again for each further key that
/// bears the issuer's name.
const MAXIMUM_RESULTS: usize = 64;

impl CrlSignature {
    pub(super) fn new(algorithm: &[u8], tbs: &[u8], signature: &[u8]) -> Self {
        let signed = match signature::hash(algorithm) {
            Some(hash) => SignedBytes::Digest(digest(hash, tbs)),
            None => SignedBytes::Whole(tbs.into()),
        };
        let (algorithm, signature) = (algorithm.into(), signature.into());
        Self { algorithm, signature, signed, results: Mutex::default() }
    }

    /// Returns whether the key of `signer` made it.
    pub(super) fn verify(&self, signer: &Certificate) -> SignatureResult {
        if let Some(known) = self.known_result(signer.key_id()) {
            return known;
        }
        // The lock is not held: two threads may verify with one key at once, but none waits for the key of another.
        let result = self.verify_anew(signer);
        let mut results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        if results.len() < MAXIMUM_RESULTS && !results.iter().any(|(key, _)| *key == signer.key_id()) {
            results.push((signer.key_id(), result.clone()));
        }
        result
    }

    /// Returns whether verifying it takes longer than a worker may block.
    pub(super) fn is_slow(&self) -> bool {
        matches!(&self.signed, SignedBytes::Whole(tbs) if tbs.len() > SLOW_BYTES)
    }

    fn verify_anew(&self, signer: &Certificate) -> SignatureResult {
        let (key, algorithm, signature) = (signer.public_key_der(), &self.algorithm, &self.signature);
        match &self.signed {
            SignedBytes::Digest(digest) => signature::verify_digest(key, algorithm, digest, signature),
            SignedBytes::Whole(tbs) => signature::verify(key, algorithm, tbs, signature),
        }
    }

    fn known_result(&self, key: KeyId) -> Option<SignatureResult> {
        let results = self.results.lock().unwrap_or_else(PoisonError::into_inner);
        results.iter().find(|(known, _)| *known == key).map(|(_, result)| result.clone())
    }
}
