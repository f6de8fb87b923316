//! Takes a request that may be forwarded, gives the answer of one of a backend's servers, both bodies streamed.
//!
//! HTTP/1.1 only, on hyper's client connections with an own small [`Pool`]: a shared client pool gives one user's
//! authenticated connection to the next (NTLM and Negotiate authenticate connections, not requests), cannot cap
//! its connections and does not say whether a failed request may be sent again. A request that keeps the client's
//! `Authorization` is of another type, a [`DialogueRequest`], and only a [`PinnedConnection`] takes it.
//!
//! A pool belongs to one worker, whose runtime has one thread: nothing here is locked, every task is local.
//! Never rewrites a body, never sends a request twice of which a byte may have been written.

mod admission;
mod behalf;
mod connect;
mod connection;
mod delegated_answer;
mod error;
mod exchange;
mod framing;
mod idle;
mod memory;
mod pace;
mod pinned;
mod pinned_places;
mod pinned_register;
mod pool;
mod request;
mod request_body;
mod response_body;
mod settings;
mod statement;
mod stream;
pub mod tls;

pub use admission::Requester;
pub use behalf::{Behalf, Delegated, Delegation, NoPrincipal, RuleRealm, server_token};
pub use delegated_answer::{TokenNotTaken, took_token};
pub use error::BackendError;
pub use exchange::Answered;
pub use memory::BodyMemory;
pub use pace::{MinimumRate, Pace};
pub use pinned::PinnedConnection;
pub use pinned_places::{PinnedLimits, PinnedPlace, PinnedPlaces};
pub use pinned_register::PinnedRegister;
pub use pool::Pool;
pub use request::{BackendRequest, CannotForward, DialogueRequest, Target};
pub use request_body::{RequestBody, RequestBodyError, RequestBodyFailed, Upload};
pub use response_body::{ResponseBody, ResponseBodyError};
pub use settings::{BackendSettings, ServerAddress, Shares, Transport};
pub use statement::AssertionTerms;

#[cfg(test)]
mod tests;
