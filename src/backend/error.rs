//! Why a request got no answer from its backend. Each is told before any byte of an answer went to the client; what
//! goes wrong later is a [`ResponseBodyError`](super::ResponseBodyError).

use std::io;
use std::time::Duration;

use super::request_body::RequestBodyError;
use crate::kerberos::DelegationError;

/// Why a request got no answer. `server` is the address as configured; it is for the record, not for the client.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The backend's settings name no server.
    #[error("the backend has no servers")]
    NoServers,
    /// No server could be reached; this is what the last one tried said. Nothing was sent.
    #[error("{server} cannot be reached")]
    Unreachable {
        /// The server tried last.
        server: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No server could be reached; the last one tried did not finish the handshakes in time. Nothing was sent.
    #[error("{server} did not accept the connection within {limit:?}")]
    ConnectTimeout {
        /// The server tried last.
        server: String,
        /// The time it had.
        limit: Duration,
    },
    /// The TLS handshake failed, most often because the certificate is not from the configured authority or is not
    /// for this name. Nothing was sent.
    #[error("TLS with {server} failed")]
    Tls {
        /// The server tried last.
        server: String,
        /// rustls's error, or that of the connection beneath.
        #[source]
        source: io::Error,
    },
    /// All connections were in use for the whole of the queue's time, or the queue was full. Nothing was sent.
    #[error("every connection to the backend is in use")]
    Busy,
    /// The server did not answer in time, or did not take the request's body.
    #[error("{server} did not answer in time")]
    FirstByteTimeout {
        /// The server asked.
        server: String,
    },
    /// The connection ended after some of the request was written and before an answer came. The server may have
    /// acted on the request, so it is not sent again (RFC 9110 9.2.2).
    #[error("{server} closed the connection without an answer")]
    ConnectionLost {
        /// The server asked.
        server: String,
        /// What hyper saw.
        #[source]
        source: hyper::Error,
    },
    /// The client's side of the request's body failed. The backend's connection was closed in the middle of it.
    #[error("the request's body could not be forwarded")]
    RequestBody(#[source] RequestBodyError),
    /// The answer is not HTTP/1.1, or its head is larger than the gate takes.
    #[error("{server} did not answer in HTTP/1.1")]
    Protocol {
        /// The server asked.
        server: String,
        /// What hyper saw.
        #[source]
        source: hyper::Error,
    },
    /// The answer's head can be read as ending at two places (RFC 9112 6.3: both Content-Length and
    /// Transfer-Encoding, or several of one).
    #[error("{server} gave an answer whose length is ambiguous")]
    AmbiguousFraming {
        /// The server asked.
        server: String,
    },
    /// No ticket for the account and this service could be had. Nothing was sent.
    #[error("no ticket in the account's name can be had")]
    Delegation(#[source] DelegationError),
    /// The server did not prove that it could read the ticket, so it may be another than the one that was meant.
    #[error("{server} did not prove that it is the service that the ticket is for")]
    NotProven {
        /// The server asked.
        server: String,
        /// What is wrong with its proof; nothing where it gave none.
        #[source]
        source: Option<DelegationError>,
    },
    /// The server answered 101. The gate never asks for another protocol, and a switched connection would carry
    /// bytes that nothing judges.
    #[error("{server} tried to switch protocols")]
    UpgradeRefused {
        /// The server asked.
        server: String,
    },
}
