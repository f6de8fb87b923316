//! Errors of requests that have no response from their backend. All of them occur before any byte of a response is
//! forwarded; a later failure is a [`ResponseBodyError`](super::ResponseBodyError).

use http::StatusCode;
use std::error::Error;
use std::io;
use std::time::Duration;

use super::body::upload_progress::RequestBodyError;
use crate::delegation::kerberos::DelegationError;

/// The reason for which a request has no response. `server` is the address as configured, for the audit record and not
/// for the client.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The backend's settings have no server.
    #[error("the backend has no servers")]
    NoServers,
    /// No server could be connected to. Nothing was sent.
    #[error("cannot connect to {server}")]
    Unreachable {
        /// The server that was tried last.
        server: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// No server could be connected to, and the last one did not complete the handshakes in time. Nothing was sent.
    #[error("cannot connect to {server} within {limit:?}")]
    ConnectTimeout {
        /// The server that was tried last.
        server: String,
        /// The time limit.
        limit: Duration,
    },
    /// The TLS handshake failed, most often because the certificate was not issued by a configured authority or is for
    /// another name. Nothing was sent.
    #[error("TLS handshake with {server} failed")]
    Tls {
        /// The server that was tried last.
        server: String,
        /// The error of rustls or of the connection.
        #[source]
        source: io::Error,
    },
    /// The server did not request the user certificate in the handshake, so the connection would be anonymous. Nothing
    /// was sent. It may request one later, but the gateway supports neither renegotiation nor the post-handshake
    /// authentication of TLS 1.3.
    #[error("{server} did not request the user certificate in the handshake")]
    CertificateNotRequested {
        /// The server that was tried last.
        server: String,
    },
    /// The server requested a certificate but accepts none with a P-256 key. Nothing was sent.
    #[error("{server} does not accept client certificates with a P-256 key")]
    CertificateUnsuitable {
        /// The server that was tried last.
        server: String,
    },
    /// The server closed the connection after it received the user certificate, most often because it does not trust the
    /// gateway's CA.
    #[error("{server} rejected the user certificate")]
    CertificateRejected {
        /// The server.
        server: String,
        /// The alert.
        #[source]
        source: rustls::Error,
    },
    /// All connections were in use until the queue timeout, or the queue was full. Nothing was sent.
    #[error("all connections to the backend are in use")]
    Busy,
    /// The server did not respond in time, or did not read the request body.
    #[error("{server} did not respond in time")]
    FirstByteTimeout {
        /// The server.
        server: String,
    },
    /// The connection ended after some of the request was written and before the response. The server may have acted on
    /// the request, so it is not sent again (RFC 9110 9.2.2).
    #[error("{server} closed the connection without a response")]
    ConnectionLost {
        /// The server.
        server: String,
        /// hyper's error.
        #[source]
        source: hyper::Error,
    },
    /// The client's pinned connection had ended or did not become ready. Nothing was sent, and nothing is sent on another
    /// connection, which the backend would take for another user's.
    #[error("the pinned connection to {server} has ended")]
    PinnedConnectionEnded {
        /// The server.
        server: String,
        /// The error on the connection.
        #[source]
        source: io::Error,
    },
    /// The client's part of the request body failed. The backend connection was closed in the middle of the body.
    #[error("the request body could not be forwarded")]
    RequestBody(#[source] RequestBodyError),
    /// The response is not HTTP/1.1, or its head exceeds the limits.
    #[error("{server} did not send a valid HTTP/1.1 response")]
    Protocol {
        /// The server.
        server: String,
        /// hyper's error.
        #[source]
        source: hyper::Error,
    },
    /// The end of the response is ambiguous (RFC 9112 6.3): it has both Content-Length and Transfer-Encoding, or
    /// several of one.
    #[error("{server} sent a response of ambiguous length")]
    AmbiguousFraming {
        /// The server.
        server: String,
    },
    /// No ticket of the account for this service could be obtained. Nothing was sent.
    #[error("cannot obtain a Kerberos ticket for the account")]
    Delegation(#[source] DelegationError),
    /// The server did not prove that it could decrypt the ticket, so it may be another server.
    #[error("{server} did not prove that it is the service of the ticket")]
    NotProven {
        /// The server.
        server: String,
        /// The error in its proof; `None` if it sent none.
        #[source]
        source: Option<DelegationError>,
    },
    /// The server rejected the head of a request with a ticket and did not read the ticket.
    #[error("{server} responded {status} without reading the Kerberos ticket of {token_bytes} bytes")]
    TicketTooLong {
        /// The server.
        server: String,
        /// The status of its response.
        status: StatusCode,
        /// The length of the value of `Authorization`.
        token_bytes: usize,
    },
    /// The server responded 101. The gateway never requests another protocol, and bytes on a switched connection would
    /// be forwarded without any check.
    #[error("{server} tried to switch protocols")]
    UnexpectedUpgrade {
        /// The server.
        server: String,
    },
}

impl BackendError {
    /// Returns the error for a connection with a user certificate, on which an alert of the server is about that
    /// certificate. With TLS 1.3 the alert is received instead of the first response (RFC 8446 4.4.2.4).
    pub(in crate::backend) fn after_certificate(self) -> Self {
        let alert = match &self {
            Self::Tls { source, .. } | Self::Unreachable { source, .. } => alert(source),
            Self::ConnectionLost { source, .. } | Self::Protocol { source, .. } => alert(source),
            _ => None,
        };
        match (alert, self) {
            (
                Some(source),
                Self::Tls { server, .. }
                | Self::Unreachable { server, .. }
                | Self::ConnectionLost { server, .. }
                | Self::Protocol { server, .. },
            ) => Self::CertificateRejected { server, source },
            (_, other) => other,
        }
    }
}

/// Returns the TLS alert among the causes of `error`, if there is one. [`Error::source`] of an [`io::Error`] skips the
/// error inside.
fn alert(error: &(dyn Error + 'static)) -> Option<rustls::Error> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(rustls::Error::AlertReceived(alert)) = cause.downcast_ref::<rustls::Error>() {
            return Some(rustls::Error::AlertReceived(*alert));
        }
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}
