//! What a realm wants of OCSP responders: whom to ask, what an answer must carry, and how long anything may take.
//!
//! Plain data. Which hosts may be reached at all is the fetcher's to know, also for the responder named here.

use crate::certificate::Certificate;
use std::time::Duration;

/// Whether a request carries a nonce, and what an answer must do with it (RFC 8954).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NonceRule {
    /// None is sent. Only times tell how old an answer is, and a request without one may be a GET that HTTP caches
    /// answer.
    Never,
    /// One is sent. An answer that returns another is refused, one that returns none is judged by its times: public
    /// responders sign ahead (RFC 8954 3).
    #[default]
    IfReturned,
    /// One is sent, and an answer without it is refused.
    Require,
}

/// About which certificates responders are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OcspScope {
    /// About those of which no fresh CRL tells. A fresh CRL is at hand without waiting, and nobody learns who logs on.
    #[default]
    UnknownToCrls,
    /// About all but those that a CRL lists: where CRLs are issued seldom, a responder knows earlier. What either says
    /// is revoked is revoked, and where no responder tells, a fresh CRL does.
    All,
}

/// A responder that is asked instead of those that certificates name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredResponder {
    /// Where it is: an `http` URL.
    pub url: String,
    /// Its certificate, where it is to be trusted by itself (RFC 6960 2.2, "a Trusted TestResponder"): what its key signs
    /// counts for every issuer of the realm. Without one only issuers and their delegates may sign.
    pub certificate: Option<Certificate>,
}

/// A realm's settings for OCSP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspSettings {
    /// About which certificates responders are asked.
    pub scope: OcspScope,
    /// What answers must do with nonces.
    pub nonce: NonceRule,
    /// Asked instead of the responders that certificates name.
    pub responder: Option<ConfiguredResponder>,
    /// How long after its nextUpdate an answer still counts, beyond five minutes for clocks that differ.
    pub grace: Duration,
    /// How long after its thisUpdate an answer counts that names no nextUpdate, beyond those five minutes.
    pub max_age_without_next_update: Duration,
    /// How long a responder's certificate may be valid that neither carries id-pkix-ocsp-nocheck nor is covered by a
    /// fresh CRL: so long may a stolen key of it be used (RFC 6960 4.2.2.2.1).
    pub max_unchecked_responder_lifetime: Duration,
    /// How long one responder may take, and how long a certificate may wait for its place. A certificate that names
    /// two responders costs three times this at most.
    pub limit: Duration,
    /// How many certificates are asked about at once.
    pub places: usize,
    /// In how many bytes of memory responses are remembered.
    pub cache_bytes: u64,
}

/// What CRLs do not know, by a nonce, of the responders that certificates name; no grace, five minutes for answers
/// without nextUpdate, a week for responder certificates that nobody checks, two seconds, 64 at once.
impl Default for OcspSettings {
    fn default() -> Self {
        Self {
            scope: OcspScope::default(),
            nonce: NonceRule::default(),
            responder: None,
            grace: Duration::ZERO,
            max_age_without_next_update: Duration::from_secs(300),
            max_unchecked_responder_lifetime: Duration::from_secs(7 * 86_400),
            limit: Duration::from_secs(2),
            places: 64,
            cache_bytes: 32 << 20,
        }
    }
}
