//! Bounds what one client can take from the others: connections, requests per second, HTTP/2 frames.
//!
//! Never looks at a request and never decides who may pass.

mod client_network;
mod connections;
pub mod descriptors;
mod handshakes;
mod http2_frames;
mod known_holders;
mod request_rate;
pub mod scheduling;

pub use client_network::AddressKey;
pub use connections::{ConnectionLimits, ConnectionRefused, ConnectionTable, OpenConnection};
pub use handshakes::{HandshakeInProgress, HandshakeLimitReached, HandshakeQuota};
pub use http2_frames::{FrameBudget, FrameLimits, HeadRejection, Http2Stream, RequestHeads, UnservedHeads};
pub use known_holders::KnownHolders;
pub use request_rate::{
    AccountKey, AccountRates, RateExceeded, RequestBudget, RequestInFlight, RequestLimit, RequestRate,
};
