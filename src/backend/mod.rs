//! Sends permitted requests to the servers of a backend, with streamed bodies in both directions.
//!
//! HTTP/1.1 only, on hyper's client connections and a [`BackendPool`] of our own. A general client pool would use one
//! user's authenticated connection for the next user (NTLM and Negotiate authenticate connections, not requests), cannot
//! limit its connections, and does not report whether a failed request may be sent again. A request that keeps the
//! client's `Authorization` has another type, [`PassthroughRequest`], which only a [`PinnedConnection`] accepts.
//!
//! # Concurrency
//! A pool belongs to one worker, whose runtime has one thread: all tasks are local and nothing here is locked, except for
//! the count of pinned connections, which holds for the whole process.
//!
//! Bodies are forwarded unchanged. A request is never sent twice if the server may have acted on it.

mod body;
mod connection;
mod error;
mod exchange;
mod pinned;
mod pool;
mod request;
mod requester;
mod settings;
pub mod tls;
mod upstream_identity;

pub use body::memory::BodyMemory;
pub use body::request_body::RequestBody;
pub use body::response_body::{ResponseBody, ResponseBodyError, UpstreamResponse};
pub use body::transfer_rate::{MinimumRate, TransferRate};
pub use body::upload_progress::{MalformedBody, RequestBodyError, RequestBodyFailed, UploadProgress};
pub use error::BackendError;
pub use pinned::connection::PinnedConnection;
pub use pinned::limit::{PinnedLimiter, PinnedSlot};
pub use pinned::register::PinnedRegister;
pub use pool::backend_pool::BackendPool;
pub use request::backend_request::{BackendRequest, PassthroughRequest};
pub use request::identity::AssertionTerms;
pub use request::target::{CannotForward, UpstreamTarget};
pub use requester::Requester;
pub use settings::{BackendSettings, ConnectionShares, PinnedLimits, ServerAddress, ServerTransport};
pub use upstream_identity::identity::{DelegatedAccount, KerberosDelegation, UpstreamIdentity};
pub use upstream_identity::principal::{PrincipalError, RuleRealm};
pub use upstream_identity::spnego::server_token;
pub use upstream_identity::token_rejection::{TokenRejected, check_token_accepted};

#[cfg(test)]
mod tests;
