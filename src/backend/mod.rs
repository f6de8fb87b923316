//! Takes a request that may be forwarded, gives the answer of one of a backend's servers, both bodies streamed.
//!
//! HTTP/1.1 only, on hyper's client connections with an own small [`BackendPool`]: a shared client pool gives one user's
//! authenticated connection to the next (NTLM and Negotiate authenticate connections, not requests), cannot cap
//! its connections and does not say whether a failed request may be sent again. A request that keeps the client's
//! `Authorization` is of another type, a [`PassthroughRequest`], and only a [`PinnedConnection`] takes it.
//!
//! A pool belongs to one worker, whose runtime has one thread: nothing here is locked, every task is local.
//! Never rewrites a body, never sends a request twice of which a byte may have been written.

mod body;
mod connection;
mod error;
mod exchange;
mod pinned;
mod pool;
mod request;
mod settings;
pub mod tls;
mod upstream_identity;

pub use body::memory::BodyMemory;
pub use body::request_body::{RequestBody, RequestBodyError, RequestBodyFailed, UploadProgress};
pub use body::response_body::{ResponseBody, ResponseBodyError};
pub use body::transfer_rate::{MinimumRate, TransferRate};
pub use error::BackendError;
pub use pinned::connection::PinnedConnection;
pub use pinned::limit::{PinnedLimiter, PinnedLimits, PinnedSlot};
pub use pinned::register::PinnedRegister;
pub use pool::backend_pool::BackendPool;
pub use pool::load_balancer::Requester;
pub use pool::send::UpstreamResponse;
pub use request::assertion::AssertionTerms;
pub use request::backend_request::{BackendRequest, CannotForward, PassthroughRequest, UpstreamTarget};
pub use settings::{BackendSettings, ConnectionShares, ServerAddress, ServerTransport};
pub use upstream_identity::identity::{
    DelegatedAccount, KerberosDelegation, PrincipalError, RuleRealm, UpstreamIdentity, server_token,
};
pub use upstream_identity::token_rejection::{TokenRejected, check_token_accepted};

#[cfg(test)]
mod tests;
