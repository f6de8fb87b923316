//! Limits on the resources that one client can use: connections, handshakes, requests and HTTP/2 frames.
//!
//! They do not depend on the contents of requests, or on their authorization.

mod client_network;
mod connections;
pub(crate) mod descriptors;
mod handshakes;
mod http2_frames;
mod known_holders;
mod request_rate;
pub(crate) mod scheduling;

pub use client_network::AddressKey;
pub(crate) use connections::{ConnectionLimitReached, ConnectionLimits, ConnectionTable, OpenConnection};
pub(crate) use handshakes::{HandshakeLimitReached, HandshakeQuota};
pub(crate) use http2_frames::{
    FrameBudget, FrameLimits, HeadRejection, Http2Stream, RequestHeads, UnservedHeads,
};
pub(crate) use known_holders::KnownHolders;
pub(crate) use request_rate::{
    AccountKey, AccountRates, RateExceeded, RequestBudget, RequestInFlight, RequestLimit, RequestRate,
};
