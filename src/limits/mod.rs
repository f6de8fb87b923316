//! Limits on one client, so that it cannot take resources from others: connections, handshakes, requests per second,
//! HTTP/2 frames.
//!
//! Independent of the contents of requests and of authorization.

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
