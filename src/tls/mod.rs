//! Ends TLS for a site: asks for the card where the site wants one, proves that the client holds its key, and hands
//! the chain on unjudged.
//!
//! Never decides whether a certificate is good. A chain that nobody trusts still completes the handshake and is
//! answered over HTTP with a reason, as http.sys does, unless the site asks for alerts.

mod accept;
mod admission;
mod certificates;
mod client_signatures;
mod first_bytes;
mod hints;
mod plain_http;
mod pool;
mod possession;
mod server;
mod tickets;

pub use accept::{Accepted, Handshake, HandshakeError, HandshakeLimits, HandshakeStage, TlsFacts, accept};
pub use admission::{HandshakeLimitReached, HandshakeLimiter, HandshakeQuota};
pub use certificates::{KeyPairError, ServerCertificateResolver, ServerKeyPair};
pub use client_signatures::{
    CLIENT_SIGNATURE_ALGORITHMS, WeakClientSignatures, default_client_signatures, signs_under_tls13,
};
pub use first_bytes::UnsupportedVersion;
pub use hints::{HintSize, HintsTooLong};
pub use pool::HandshakePool;
pub use possession::HandshakeValidator;
pub use server::{ClientCertificateRequest, SiteTls, SiteTlsError, SiteTlsSettings, TlsVersion};
pub use tickets::{SessionStore, TicketKeysError};
