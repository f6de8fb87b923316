//! The road of a request: connection, service, judge, decision, backend, answer, record.
//!
//! Start reading at [`service`]'s `road`. Everything before a permit can only refuse; everything after it carries out.

pub mod answer;
mod body;
mod client_body;
mod client_stream;
mod connection;
mod dialogue;
mod drain;
mod endpoints;
mod evidence;
mod failed_handshakes;
mod forward;
mod gate;
mod http2;
mod judge;
mod life;
mod linger;
pub mod lookup;
mod on_behalf;
mod password_evidence;
mod password_judge;
mod places;
mod record;
mod refusal_page;
mod request_log;
mod request_rate;
mod service;
mod snapshot;
mod worker;

pub use connection::{serve_plain, serve_tls};
pub use endpoints::Endpoints;
pub use evidence::CardOnConnection;
pub use failed_handshakes::FailedHandshakes;
pub use forward::{assertion_terms, backend_request};
pub use gate::Gate;
pub use judge::{CacheSizes, Judge, judge_in_handshake};
pub use request_log::RequestLog;
pub use snapshot::{Limits, LingerLimits, Snapshot};
pub use worker::Worker;
