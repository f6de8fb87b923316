//! Limits on one client, so that it cannot take resources from others: connections, handshakes, requests per second,
//! HTTP/2 frames.
//!
//! Independent of the contents of requests and of authorization.

mod client_network;
mod connections;
pub(crate) mod descriptors;
mod handshakes;
mod http2_frames;
mod known_holders;
mod request_rate;
pub(crate) mod scheduling;

pub use client_network::AddressKey;
pub(crate) use connections::{ConnectionLimits, ConnectionRefused, ConnectionTable, OpenConnection};
pub(crate) use handshakes::{HandshakeLimitReached, HandshakeQuota};
pub(crate) use http2_frames::{
    FrameBudget, FrameLimits, HeadRejection, Http2Stream, RequestHeads, UnservedHeads,
};
pub(crate) use known_holders::KnownHolders;
pub(crate) use request_rate::{
    AccountKey, AccountRates, RateExceeded, RequestBudget, RequestInFlight, RequestLimit, RequestRate,
};
