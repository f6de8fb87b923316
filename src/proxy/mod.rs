//! The request pipeline: connection, service, authenticator, decision, backend, response, record.
//!
//! Start with `handle` in [`service`]. Before a permit a request can only be rejected; after it, it is only carried
//! out.

mod authenticator;
mod body;
mod client_body;
mod client_stream;
mod concurrency_limit;
mod connection;
mod connection_credential;
mod drain;
mod endpoints;
pub mod error_page;
mod error_response;
mod failed_handshakes;
mod forward;
mod http2;
mod lifetime;
mod linger;
mod passthrough_auth;
mod password_auth;
mod password_evidence;
mod record;
mod request_log;
mod request_rate;
pub mod routing;
mod service;
mod snapshot;
mod state;
mod upstream_identity;
mod worker;

pub use authenticator::{Authenticator, CacheSizes, authenticate_in_handshake};
pub use connection::{serve_plain, serve_tls};
pub use connection_credential::ConnectionCredential;
pub use endpoints::Endpoints;
pub use failed_handshakes::FailedHandshakes;
pub use forward::{assertion_terms, backend_request};
pub use request_log::RequestLog;
pub use snapshot::{Limits, LingerLimits, Snapshot};
pub use state::SharedState;
pub use worker::Worker;
