//! Connections to the servers of a backend, and the permitted requests on them, with streamed bodies in both
//! directions.
//!
//! Only HTTP/1.1 is used, on hyper's client connections and a [`BackendPool`] of our own. A general client pool would
//! use one user's authenticated connection for the next user (NTLM and Negotiate authenticate connections, not
//! requests), cannot limit its connections, and does not report whether a failed request may be sent again. A request
//! that keeps the client's `Authorization` has another type, [`PassthroughRequest`], which only a [`PinnedConnection`]
//! accepts.
//!
//! # Concurrency
//! A pool belongs to one worker, whose runtime has one thread. All tasks are local and nothing here is locked, except
//! for the count of pinned connections of the whole process.
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
pub(crate) mod tls;
mod upstream_identity;

pub(crate) use body::memory::BodyMemory;
pub(crate) use body::request_body::RequestBody;
pub(crate) use body::response_body::{ResponseBody, ResponseBodyError, UpstreamResponse};
pub(crate) use body::transfer_rate::{MinimumRate, TransferRate};
pub(crate) use body::upload_progress::{MalformedBody, RequestBodyError, UploadProgress};
pub(crate) use error::BackendError;
pub(crate) use pinned::connection::PinnedConnection;
pub(crate) use pinned::limit::PinnedLimiter;
pub(crate) use pinned::register::PinnedRegister;
pub(crate) use pool::backend_pool::BackendPool;
pub(crate) use request::backend_request::{BackendRequest, PassthroughRequest};
pub(crate) use request::identity::{AssertionTerms, IdentityHeaderCache};
pub(crate) use request::target::{ForwardError, UpstreamTarget};
pub(crate) use requester::Requester;
pub(crate) use settings::{BackendSettings, ConnectionShares, PinnedLimits, ServerAddress, ServerTransport};
pub(crate) use upstream_identity::identity::{DelegatedAccount, KerberosDelegation, UpstreamIdentity};
pub(crate) use upstream_identity::principal::RuleRealm;
pub(crate) use upstream_identity::spnego::server_token;
pub(crate) use upstream_identity::token_rejection::check_token_accepted;

#[cfg(test)]
mod tests;
