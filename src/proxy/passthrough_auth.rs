//! Pass-through authentication: the backend authenticates the client by NTLM, Negotiate or Basic. The requests use pinned
//! connections, and their `Authorization` is forwarded unchanged. Failed logins are counted, so that the gateway cannot be used
//! to lock accounts. User names in these messages are used for counting only, never trusted.

use super::forward::BackendExchange;
use super::lifetime::ConnectionLifetime;
use super::record::RequestRecord;
use super::state::SharedState;
use crate::backend::{
    BackendError, BackendPool, PassthroughRequest, PinnedConnection, ResponseBody, UploadProgress,
    UpstreamResponse, UpstreamTarget,
};
use crate::clock::Clock;
use crate::headers::authorization::{self, LoginClaim};
use crate::headers::response_headers::{self, ResponseAudience};
use crate::limits::AddressKey;
use crate::login_throttle::{AttemptPermit, LoginThrottled};
use crate::policy::{Denial, DenialId};
use crate::site::Backend;
use aws_lc_rs::digest::{self, SHA256};
use http::{HeaderMap, Response, StatusCode, header};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Instant;
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio_util::sync::CancellationToken;

/// The pass-through authentication of one client connection.
#[derive(Default)]
pub(super) struct PassthroughAuth {
    /// By the name of the backend. After a reload with other servers a connection stays with its server, because it is
    /// authenticated there only.
    pins: RefCell<HashMap<String, Rc<PinnedConnection>>>,
    /// The digest of the credentials that a backend accepted last. Basic sends them with every request, and accepted ones are
    /// not an attempt.
    accepted: Cell<Option<[u8; 32]>>,
    /// The digest of the request target to which a backend last responded 401. A successful response for the same target
    /// proves that a login succeeded. For another target the backend may have ignored the password.
    guarded: Cell<Option<[u8; 32]>>,
}

/// The client of a passed-through request.
#[derive(Clone, Copy)]
pub(super) struct PassthroughClient<'a> {
    pub(super) state: &'a SharedState,
    pub(super) address: AddressKey,
    pub(super) lifetime: &'a ConnectionLifetime,
    /// Whether the connection is shared by concurrent requests (HTTP/2).
    pub(super) multiplexed: bool,
}

/// The login of a request, if it has one.
struct PassthroughLogin {
    attempt: Option<AttemptPermit>,
    /// Whether the credentials name the account. A ticket does not.
    named: bool,
    credentials: Option<[u8; 32]>,
    clock: Clock,
}

impl PassthroughAuth {
    /// Sends the request and returns the response with a streamed body. A backend connection that carried `Authorization` is
    /// never replaced: when it has ended, the request is rejected, and the client's connection ends, too.
    ///
    /// # Errors
    /// `login-throttled` if too many logins failed, before the backend receives the request; `http-1-1-required` if the
    /// authentication is that of a connection, and requests share the client's connection; or a denial because of the backend.
    pub(super) async fn send(
        &self,
        exchange: &BackendExchange<'_>,
        request: PassthroughRequest,
        upload: &UploadProgress,
        pool: &BackendPool,
        line: PassthroughClient<'_>,
        record: &mut RequestRecord,
    ) -> Result<Response<ResponseBody>, Denial> {
        if line.multiplexed && authorization::is_connection_based(request.headers()) {
            return Err(http11_required());
        }
        let backend = exchange.backend();
        let log_in = self.begin(request.headers(), backend, line)?;
        let asked_for = digest_of_target(backend, &exchange.permitted.target());
        let authorized = request.headers().contains_key(header::AUTHORIZATION);
        if log_in.is_tried() {
            upload.await_login_result();
        }
        backend.metrics.requests.inc();
        let started = Instant::now();
        let connected = self.connection(exchange, authorized, pool, line).await;
        let pin = connected.map_err(|error| exchange.failed(&error))?;
        let (log_in, sent) = log_in.send(&pin, request).await;
        let answered = sent.map_err(|error| exchange.failed(&error))?;
        let pin_is_authorized = pin.is_authorized();
        backend.metrics.connected(answered.reused);
        record.backend(&answered.server, started.elapsed());
        let mut response = answered.response;
        self.settle(log_in, asked_for, &response, line);
        let is_challenge = response.status() == StatusCode::UNAUTHORIZED;
        if line.multiplexed && is_challenge && authorization::offers_connection_based(response.headers()) {
            return Err(http11_required());
        }
        // Shared caches do not store the response to a request with `Authorization` (RFC 9111 section 3.5). Later requests on
        // the connection are those of the same user, but have no such field, so that a cache would store their responses.
        let audience =
            if pin_is_authorized { ResponseAudience::OneAccount } else { ResponseAudience::Anyone };
        response_headers::clean(response.headers_mut(), exchange.reserved, audience);
        record.status(response.status());
        Ok(response)
    }

    /// Returns the backend connection that is pinned to the client's connection, and opens one if there is none. If requests
    /// share the client's connection, each gets a connection that ends with its response.
    async fn connection(
        &self,
        exchange: &BackendExchange<'_>,
        authorized: bool,
        pool: &BackendPool,
        line: PassthroughClient<'_>,
    ) -> Result<Rc<PinnedConnection>, BackendError> {
        let (backend, requester) = (exchange.backend(), exchange.requester);
        let name = &backend.settings.name;
        if !line.multiplexed {
            let held = self.pins.borrow().get(name).cloned();
            match held {
                Some(pin) if authorized || !pin.is_replaceable() => return Ok(pin),
                Some(_) => drop(self.pins.borrow_mut().remove(name)),
                None => {}
            }
        }
        let place = backend.pinned_limiter.take(requester.address, backend.settings.pinned)?;
        if line.multiplexed {
            return pool.pin(place, requester, CancellationToken::new()).await.map(Rc::new);
        }
        let pin = Rc::new(pool.pin(place, requester, line.lifetime.retired()).await?);
        self.pins.borrow_mut().insert(name.clone(), Rc::clone(&pin));
        Ok(pin)
    }

    /// Counts the login of a request before the backend receives it.
    fn begin(
        &self,
        headers: &HeaderMap,
        backend: &Backend,
        line: PassthroughClient<'_>,
    ) -> Result<PassthroughLogin, Denial> {
        let account = match authorization::login_claim(headers) {
            None | Some(LoginClaim::Opening) => {
                return Ok(PassthroughLogin::none());
            }
            Some(LoginClaim::Ambiguous) => {
                return Err(Denial::new(DenialId::MalformedRequest, "the account of the login is ambiguous"));
            }
            Some(LoginClaim::Attempt { account }) => account,
        };
        let credentials = digest_of(headers, backend);
        let clock = line.state.clock.clone();
        if credentials.is_some() && self.accepted.get() == credentials {
            return Ok(PassthroughLogin { attempt: None, named: account.is_some(), credentials, clock });
        }
        let now = line.state.clock.now();
        let attempt = backend.login_throttle.begin(line.address, now).map_err(|error| too_many(&error))?;
        let attempt = match &account {
            None => attempt,
            Some(account) => attempt.for_account(account, now).map_err(|error| too_many(&error))?,
        };
        Ok(PassthroughLogin { attempt: Some(attempt), named: account.is_some(), credentials, clock })
    }

    /// Settles the login according to the backend's response. A server may respond 400 or 413 without authentication, and it
    /// returns a public resource also for a wrong password. So a login counts as successful only if the response is a success
    /// for a target that was denied to this client before: otherwise an attacker could reset the count of guesses.
    fn settle(
        &self,
        mut log_in: PassthroughLogin,
        asked_for: Option<[u8; 32]>,
        response: &Response<ResponseBody>,
        line: PassthroughClient<'_>,
    ) {
        let now = line.state.clock.now();
        let status = response.status();
        let is_guarded = asked_for.is_some() && self.guarded.get() == asked_for;
        if status == StatusCode::UNAUTHORIZED {
            self.guarded.set(asked_for);
        }
        let failed = log_in.refused(status, response.headers());
        let succeeded = is_guarded && (status.is_success() || status.is_redirection());
        if failed {
            self.accepted.set(None);
        } else if succeeded && log_in.credentials.is_some() {
            self.accepted.set(log_in.credentials);
        }
        let Some(attempt) = log_in.attempt.take() else { return };
        match (failed, succeeded) {
            (true, _) => attempt.failed(now),
            (false, true) => attempt.succeeded(now),
            (false, false) => attempt.cancelled(now),
        }
    }
}

impl PassthroughLogin {
    /// Returns the value for a request without a login.
    fn none() -> Self {
        Self { attempt: None, named: false, credentials: None, clock: Clock::system() }
    }

    /// Returns whether the request has credentials that were not accepted before.
    fn is_tried(&self) -> bool {
        self.attempt.is_some()
    }

    /// Sends a request and returns the response. The response to a login is awaited even if the client disconnects: only a
    /// rejection by the backend counts as failed, and an attacker must not avoid the count by disconnecting early.
    async fn send(
        self,
        pin: &Rc<PinnedConnection>,
        request: PassthroughRequest,
    ) -> (Self, Result<UpstreamResponse, BackendError>) {
        if !self.is_tried() {
            let answered = pin.send(request).await;
            return (self, answered);
        }
        let (sender, received) = oneshot::channel();
        let pin = Rc::clone(pin);
        spawn_local(async move {
            let answered = pin.send(request).await;
            if let Err((log_in, answered)) = sender.send((self, answered)) {
                log_in.settle_without_client(&answered);
            }
        });
        // The task ends without a result only if it panics or the worker ends.
        let lost = || BackendError::PinnedConnectionEnded {
            server: String::new(),
            source: io::Error::other("the task that sent the request has ended"),
        };
        received.await.unwrap_or_else(|_| (Self::none(), Err(lost())))
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        status == StatusCode::UNAUTHORIZED
            // For a ticket, the server may request the next of several messages.
            && (self.named || !authorization::is_continuation(headers))
    }

    /// Settles the login of a client that has disconnected. Only a failure counts, because it is not known whether the target
    /// was denied to the client before.
    fn settle_without_client(mut self, answered: &Result<UpstreamResponse, BackendError>) {
        let refused = answered
            .as_ref()
            .is_ok_and(|answered| self.refused(answered.response.status(), answered.response.headers()));
        if let Some(attempt) = self.attempt.take_if(|_| refused) {
            attempt.failed(self.clock.now());
        }
    }
}

/// A login without a response was not rejected, and does not count.
impl Drop for PassthroughLogin {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            attempt.cancelled(self.clock.now());
        }
    }
}

/// Returns the digest of the request's credentials, which is kept instead of them.
fn digest_of(headers: &HeaderMap, backend: &Backend) -> Option<[u8; 32]> {
    let credentials = headers.get(header::AUTHORIZATION)?;
    digest_of_parts([backend.settings.name.as_bytes(), credentials.as_bytes()])
}

/// Returns the digest of method and target, because a server may protect a single method or query.
fn digest_of_target(backend: &Backend, target: &UpstreamTarget<'_>) -> Option<[u8; 32]> {
    let query = target.query.map(|query| format!("?{query}")).unwrap_or_default();
    let parts = [&backend.settings.name, target.method.as_str(), target.path, &query];
    digest_of_parts(parts.map(str::as_bytes))
}

fn digest_of_parts<const COUNT: usize>(parts: [&[u8]; COUNT]) -> Option<[u8; 32]> {
    let mut context = digest::Context::new(&SHA256);
    for part in parts {
        context.update(part);
        // No part contains this byte, so different parts never have the same input.
        context.update(b"\0");
    }
    context.finish().as_ref().try_into().ok()
}

fn too_many(error: &LoginThrottled) -> Denial {
    Denial::because(DenialId::LoginThrottled, error).with_retry_after(error.retry_after)
}

fn http11_required() -> Denial {
    Denial::new(
        DenialId::Http11Required,
        "the backend authenticates connections (NTLM or Negotiate), and HTTP/2 requests share one",
    )
}
