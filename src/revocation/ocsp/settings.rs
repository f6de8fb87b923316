//! The OCSP settings of a realm. The rules of the fetcher specify the allowed hosts, including that of a configured
//! responder.

use crate::certificate::Certificate;
use std::time::Duration;

/// Whether requests have a nonce, and whether responses must return it (RFC 8954).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NonceRule {
    /// Requests have no nonce. The age of a response is known only from its dates, and HTTP caches may respond to a
    /// GET.
    Never,
    /// Requests have a nonce. A response with another one is rejected; one without a nonce is accepted by its dates,
    /// since public responders sign in advance (RFC 8954 3).
    #[default]
    IfReturned,
    /// Requests have a nonce, and a response without it is rejected.
    Require,
}

/// The certificates for which responders are queried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OcspScope {
    /// Those whose status no fresh CRL shows. With a fresh CRL no request waits, and the responder does not learn which
    /// users log on.
    #[default]
    UnknownToCrls,
    /// All that no CRL lists: if CRLs are issued rarely, a responder reports a revocation earlier. A certificate is
    /// revoked if either reports it, and a fresh CRL decides if no responder does.
    All,
}

/// A responder that is queried instead of those that certificates name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredResponder {
    /// Its `http` URL.
    pub url: String,
    /// Its certificate, if it is trusted directly (RFC 6960 2.2, "a Trusted Responder"): its responses are accepted
    /// for every issuer of the realm. Without it only issuers and their delegates may sign.
    pub certificate: Option<Certificate>,
}

/// The OCSP settings of a realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OcspSettings {
    /// The certificates for which responders are queried.
    pub scope: OcspScope,
    /// The use of nonces.
    pub nonce: NonceRule,
    /// Queried instead of the responders that certificates name.
    pub responder: Option<ConfiguredResponder>,
    /// The time for which a response is accepted after its nextUpdate, and five minutes longer if it is cached and no
    /// newer one is available.
    pub grace: Duration,
    /// The time for which a response without nextUpdate is used after its thisUpdate before another query. It is
    /// accepted for the grace and five minutes longer.
    pub max_age_without_next_update: Duration,
    /// The maximum validity of a delegate's certificate that neither has id-pkix-ocsp-nocheck nor is covered by a
    /// fresh CRL: for this time a compromised key of it can be used (RFC 6960 4.2.2.2.1).
    pub max_unchecked_responder_lifetime: Duration,
    /// The timeout of one responder, and of the wait for a free slot. A certificate that names two responders takes
    /// three times this at most.
    pub timeout: Duration,
    /// The maximum number of concurrent queries.
    pub max_concurrent_queries: usize,
    /// The size of the response cache in bytes.
    pub cache_bytes: u64,
}

/// Queries, with a nonce, for certificates whose status CRLs do not show, to the responders that certificates name; no
/// grace, five minutes for responses without nextUpdate, a week for delegates that cannot be checked, a timeout of two
/// seconds, 64 concurrent queries.
impl Default for OcspSettings {
    fn default() -> Self {
        Self {
            scope: OcspScope::default(),
            nonce: NonceRule::default(),
            responder: None,
            grace: Duration::ZERO,
            max_age_without_next_update: Duration::from_secs(300),
            max_unchecked_responder_lifetime: Duration::from_secs(7 * 86_400),
            timeout: Duration::from_secs(2),
            max_concurrent_queries: 64,
            cache_bytes: 32 << 20,
        }
    }
}
