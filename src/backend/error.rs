//! Why a request got no answer from its backend. Each is told before any byte of an answer went to the client; what
//! goes wrong later is a [`ResponseBodyError`](crate::backend::ResponseBodyError).

use http::StatusCode;
use std::error::Error;
use std::io;
use std::time::Duration;

use super::body::upload_progress::RequestBodyError;
use crate::delegation::kerberos::DelegationError;

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
    /// The server did not ask for the user's certificate in the handshake, so the connection would name nobody. Nothing
    /// was sent. It may ask later, which TLS 1.3 has no renegotiation for and this gate answers in neither version.
    #[error("{server} did not ask for the user's certificate in the handshake")]
    CertificateNotAsked {
        /// The server tried last.
        server: String,
    },
    /// The server asked for a certificate and takes none with a P-256 key. Nothing was sent.
    #[error("{server} takes no certificate with a P-256 key")]
    CertificateUnsuitable {
        /// The server tried last.
        server: String,
    },
    /// The server ended the connection when it had seen the user's certificate: most often it does not trust the
    /// authority that the gate issues under.
    #[error("{server} refused the user's certificate")]
    CertificateRefused {
        /// The server asked.
        server: String,
        /// The alert.
        #[source]
        source: rustls::Error,
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
    /// The connection that belongs to this client's had ended, or did not get ready. Nothing was sent, and nothing is
    /// sent on another: the backend would take it for somebody else's.
    #[error("the connection to {server} for this client has ended")]
    PinnedConnectionEnded {
        /// The server it led to.
        server: String,
        /// How it was found out.
        #[source]
        source: io::Error,
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
    #[error("could not obtain a Kerberos ticket for the account")]
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
    /// The server refused the head of a request with a ticket in it, without a look at the ticket.
    #[error(
        "{server} answered {status} to a request with a Kerberos ticket of {token_bytes} bytes, and did not read it"
    )]
    TicketTooLong {
        /// The server asked.
        server: String,
        /// What it answered.
        status: StatusCode,
        /// The length of the value of `Authorization`.
        token_bytes: usize,
    },
    /// The server answered 101. The gate never asks for another protocol, and a switched connection would carry
    /// bytes that nothing judges.
    #[error("{server} tried to switch protocols")]
    UpgradeRefused {
        /// The server asked.
        server: String,
    },
}

impl BackendError {
    /// What it means on a connection on which the server was sent a user's certificate: an alert of the server then is
    /// about that. Under TLS 1.3 it comes in place of the first answer (RFC 8446 4.4.2.4).
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
            ) => Self::CertificateRefused { server, source },
            (_, other) => other,
        }
    }
}

/// The alert among the causes of `error`. An [`io::Error`] hides what it holds from [`Error::source`].
fn alert(error: &(dyn Error + 'static)) -> Option<rustls::Error> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(rustls::Error::AlertReceived(alert)) = cause.downcast_ref::<rustls::Error>() {
            return Some(rustls::Error::AlertReceived(*alert));
        }
        let held = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match held {
            Some(held) => Some(held),
            None => cause.source(),
        };
    }
    None
}
