//! TLS termination: requests a client certificate if the site requires one, checks the proof of possession of its key,
//! and returns the presented chain, not validated.
//!
//! A client with a chain from an untrusted CA can still complete the handshake, so that it gets an HTTP response with
//! the reason, as from http.sys, unless the site is configured to send alerts.

mod accept;
mod certificates;
mod client_signatures;
mod first_bytes;
mod hints;
mod pool;
mod possession;
mod server;
mod tickets;
mod version;

pub(crate) use accept::{
    AcceptedConnection, HandshakeContext, HandshakeError, HandshakeFacts, HandshakeLimits, HandshakeStage,
    accept,
};
pub(crate) use certificates::ServerKeyPair;
pub(crate) use client_signatures::{
    CLIENT_SIGNATURE_ALGORITHMS, WeakClientSignatures, default_client_signatures, signs_under_tls13,
};
pub(crate) use pool::HandshakePool;
pub(crate) use possession::HandshakeValidator;
pub(crate) use server::{ClientCertificateRequest, SiteTls, SiteTlsError, SiteTlsSettings};
pub(crate) use tickets::{SessionStore, TicketKeysError};
pub(crate) use version::TlsVersion;
