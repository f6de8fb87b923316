//! Client connections and their requests: connection, service, pipeline, backend, response, record.
//!
//! Start with `handle` in [`service`]. Before a permit a request can only be rejected; after it, it is only carried
//! out.

mod authenticator;
mod body;
mod client_body;
mod client_stream;
mod concurrency_limit;
mod connection;
mod drain;
mod error_page;
mod error_response;
mod failed_handshakes;
mod forward;
mod http2;
mod lifetime;
mod linger;
mod passthrough_auth;
mod password_auth;
pub(crate) mod pipeline;
mod record;
mod request_log;
mod request_rate;
mod service;
mod snapshot;
mod state;
mod worker;

pub use authenticator::{Authenticator, CacheSizes, authenticate_in_handshake};
pub(crate) use connection::{serve_plain, serve_tls};
pub(crate) use failed_handshakes::FailedHandshakes;
pub(crate) use pipeline::ConnectionEndpoints;
pub(crate) use request_log::RequestLog;
pub(crate) use snapshot::{LingerLimits, ProxyLimits, Snapshot};
pub(crate) use state::SharedState;
pub(crate) use worker::Worker;
