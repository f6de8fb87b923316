//! One request and its answer. Takes a request whose headers are final, gives the answer's head and a body that
//! streams. A request is sent again when hyper gives it back unsent, and once if its method is idempotent, it has no body and
//! a kept connection was closed before the first byte of the response. Never waits without a limit.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::EXPECT;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::ext::on_informational;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::backend::body::request_body::{RequestBody, UploadProgress};
use crate::backend::body::response_body::{ConnectionLease, ResponseBody};
use crate::backend::connection::http1::ConnectionState;
use crate::backend::error::BackendError;
use crate::backend::exchange::framing::{frame_request, is_ambiguous};
use crate::backend::pool::backend_pool::{AcquiredConnection, BackendPool};
use crate::backend::pool::load_balancer::Requester;
use crate::backend::request::backend_request::BackendRequest;
use crate::backend::settings::BackendSettings;
use crate::backend::upstream_identity::identity::UpstreamIdentity;

/// How long a server has to answer a log-in whose body was broken off. Servers that look at the log-in before the body
/// answer at once.
const VERDICT_AFTER_BREAK: Duration = Duration::from_secs(5);

/// An answer, and how it was had.
pub struct UpstreamResponse {
    /// The answer, its body streamed.
    pub response: Response<ResponseBody>,
    /// The server that gave it, as configured.
    pub server: String,
    /// Whether the connection had carried a request before.
    pub reused: bool,
}

/// What became of one attempt.
enum SendOutcome {
    /// An answer whose sender is still to prove itself, the connection that it came on, and whether both messages allow
    /// the connection to be used again.
    Response(Response<Incoming>, AcquiredConnection, bool),
    /// No byte was written. The request, and what hyper saw.
    Unsent(Request<RequestBody>, hyper::Error),
}

impl BackendPool {
    /// Sends `request` to one of the servers and gives its answer, whatever its status: a SOAP fault is a 500.
    ///
    /// The target is written as it stands in the request (origin-form); version and framing are set here. An answer
    /// that comes before the request's body was sent whole is given at once, and the rest of the body goes nowhere.
    /// A dropped future closes the connection.
    ///
    /// `Expect: 100-continue` ends here: the client is told to send its body, and takes a connection only when the body
    /// was read ahead, since a client that keeps silent would otherwise keep the connection from others.
    pub async fn send(
        &self,
        request: BackendRequest,
        behalf: &UpstreamIdentity,
        requester: Requester,
    ) -> Result<UpstreamResponse, BackendError> {
        self.send_framed(request.into_request(), behalf, requester).await
    }

    /// Reads as much of the request's body as is read before a backend connection is taken.
    ///
    /// # Errors
    /// The body is too large, or its client left, stopped or is too slow.
    pub async fn read_ahead(
        &self,
        request: &mut BackendRequest,
        requester: Requester,
    ) -> Result<(), BackendError> {
        self.read_ahead_framed(request.as_request(), requester).await
    }

    pub(in crate::backend) async fn read_ahead_framed(
        &self,
        request: &mut Request<RequestBody>,
        requester: Requester,
    ) -> Result<(), BackendError> {
        // hyper's server sends the client its 100 when the body is first read (RFC 9110 10.1.1).
        request.headers_mut().remove(EXPECT);
        let memory = self.memory.reservation(requester);
        let (limit, idle) = (self.settings.body_buffer, self.settings.body_idle_timeout);
        request.body_mut().read_ahead(limit, idle, memory).await.map_err(BackendError::RequestBody)
    }

    pub(in crate::backend) async fn send_framed(
        &self,
        mut request: Request<RequestBody>,
        behalf: &UpstreamIdentity,
        requester: Requester,
    ) -> Result<UpstreamResponse, BackendError> {
        frame(&mut request);
        let (class, mut speech) = (behalf.class(), behalf.speech());
        speech.prepare(self.idle.has(&class)).await?;
        let mut route = self.route();
        loop {
            let attempt = self.connection(&class, behalf.presented(), requester, &mut route).await?;
            let (server, reused) = (attempt.server.clone(), attempt.reused);
            speech.write(request.headers_mut(), reused).await?;
            let again = if reused && !route.is_fresh() { repeatable(&request) } else { None };
            let link = Rc::clone(&attempt.connection.link);
            let sent = self.exchange(attempt, request).await;
            // The server has seen the certificate by now, and this is the first time that it can say so.
            let sent = match (sent.map_err(|error| behalf.explain(error)), again) {
                // The server closed the idle connection while the request was on its way to it (RFC 9112 9.3.1).
                (Err(BackendError::ConnectionLost { .. }), Some(again)) if !link.has_received() => {
                    request = again;
                    speech.renew();
                    route = self.route_afresh();
                    continue;
                }
                (sent, _) => sent?,
            };
            match sent {
                SendOutcome::Response(mut answer, attempt, reusable) => {
                    let server = server.address.to_string();
                    // A refusal proves nothing, and is the caller's to explain.
                    let refused = answer.status() == StatusCode::UNAUTHORIZED;
                    if refused {
                        speech.refused().await;
                    } else {
                        speech.check(answer.status(), answer.headers_mut(), &server)?;
                    }
                    // Only now: an answer without a body gives its connection back at once, and whoever takes one of an
                    // account's believes that the server has proven itself on it and knows the account.
                    let lease = self.lease(attempt, reusable && !(refused && speech.is_needed()));
                    let mut response =
                        answer.map(|body| ResponseBody::new(body, ConnectionLease::Shared(lease)));
                    let memory = self.memory.reservation(requester);
                    response.body_mut().read_in(self.settings.body_buffer, memory).await;
                    return Ok(UpstreamResponse { response, server, reused });
                }
                SendOutcome::Unsent(unsent, source) => {
                    request = unsent;
                    // A pooled connection that had died is gone from the pool: the next is another one, or a new one.
                    // A new one that dies at once is the server's refusal.
                    if !reused {
                        let name = server.address.to_string();
                        let source = io::Error::other(source);
                        let failure = BackendError::Unreachable { server: name, source };
                        route.give_up(&server, behalf.explain(failure));
                    }
                }
            }
        }
    }

    async fn exchange(
        &self,
        mut attempt: AcquiredConnection,
        request: Request<RequestBody>,
    ) -> Result<SendOutcome, BackendError> {
        let upload = request.body().upload();
        upload.moved();
        attempt.connection.link.carry(&upload);
        let server = || attempt.server.address.to_string();
        let answer = attempt.connection.sender.try_send_request(request);
        let link = &attempt.connection.link;
        let Some(answer) = until_overdue(answer, &upload, link, &self.settings).await else {
            return Err(overdue(&upload, &self.settings, server()));
        };
        match answer {
            Ok(mut answer) => {
                upload.stop();
                if !upload.is_whole() {
                    link.stop_sending();
                }
                check_head(&answer, server)?;
                // hyper sees to `Connection: close`. HTTP/1.0 is closed always: hyper would talk 1.0 to that server from
                // then on, where a body of unknown length cannot be sent.
                let reusable = upload.is_whole() && answer.version() == Version::HTTP_11;
                *answer.version_mut() = Version::HTTP_11;
                Ok(SendOutcome::Response(answer, attempt, reusable))
            }
            Err(mut error) => match error.take_message() {
                Some(unsent) => Ok(SendOutcome::Unsent(unsent, error.into_error())),
                None => Err(failure(error.into_error(), &upload, server())),
            },
        }
    }
}

/// Refuses an answer that cannot be passed on.
pub(in crate::backend) fn check_head(
    answer: &Response<Incoming>,
    server: impl Fn() -> String,
) -> Result<(), BackendError> {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(BackendError::UpgradeRefused { server: server() });
    }
    if is_ambiguous(answer.headers()) {
        return Err(BackendError::AmbiguousFraming { server: server() });
    }
    Ok(())
}

/// A copy of the request, if its method is idempotent and it has no body (RFC 9110 9.2.2).
fn repeatable(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    if !request.method().is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let mut again = Request::new(request.body().same_without_content());
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    *again.extensions_mut() = request.extensions().clone();
    Some(again)
}

/// Sets what belongs to this connection and not to the client's: version and framing.
fn frame(request: &mut Request<RequestBody>) {
    *request.version_mut() = Version::HTTP_11;
    let length = request.body().size_hint().exact();
    let method = request.method().clone();
    frame_request(&method, request.headers_mut(), length);
}

/// As [`frame`], and has the body wait for the server's 100 Continue where the request expects one, for the time that
/// the settings give it. Gives the word that ends the wait, where there is one.
pub(in crate::backend) fn prepare(
    request: &mut Request<RequestBody>,
    settings: &BackendSettings,
) -> Option<Arc<Notify>> {
    frame(request);
    if !expects_continue(request.headers()) || request.body().is_end_stream() {
        return None;
    }
    // hyper's server sends the client its 100 when the body is first read, so the wait is end to end.
    let word = request.body_mut().hold(settings.continue_timeout);
    let told = Arc::clone(&word);
    on_informational(request, move |answer| {
        if answer.status() == StatusCode::CONTINUE {
            told.notify_one();
        }
    });
    Some(word)
}

/// RFC 9110 10.1.1: the one expectation there is, compared without regard to case.
fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get_all(EXPECT).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Waits for `answer` for as long as the body moves, and for the first byte's time after its end.
pub(in crate::backend) async fn until_overdue<A>(
    answer: impl Future<Output = A>,
    upload: &UploadProgress,
    link: &ConnectionState,
    settings: &BackendSettings,
) -> Option<A> {
    let mut answer = pin!(answer);
    loop {
        let waited = async {
            tokio::select! {
                biased;
                answer = &mut answer => Some(answer),
                // Less time is left now.
                () = upload.broken() => None,
            }
        };
        if let Ok(Some(answer)) = timeout_at(deadline(upload, link, settings), waited).await {
            return Some(answer);
        }
        // The body may have moved since the timer was set.
        if deadline(upload, link, settings) <= Instant::now() {
            return None;
        }
    }
}

/// A body that the server does not take is the server's delay, however much of it the client has still to send.
fn deadline(upload: &UploadProgress, link: &ConnectionState, settings: &BackendSettings) -> Instant {
    if upload.is_broken() {
        return upload.progress() + VERDICT_AFTER_BREAK;
    }
    if upload.waits_for_client() {
        return upload.client_deadline(settings.body_idle_timeout);
    }
    let limit = match upload.is_whole() || upload.waits_for_backend() {
        true => settings.first_byte_timeout,
        false => settings.first_byte_timeout.min(settings.body_idle_timeout),
    };
    upload.progress().max(link.last_write()) + limit
}

/// Whose fault it is that nothing moved.
pub(in crate::backend) fn overdue(
    upload: &UploadProgress,
    settings: &BackendSettings,
    server: String,
) -> BackendError {
    if let (true, Some(why)) = (upload.is_broken(), upload.take_failure()) {
        BackendError::RequestBody(why)
    } else if upload.waits_for_client() {
        BackendError::RequestBody(upload.too_late(settings.body_idle_timeout))
    } else {
        BackendError::FirstByteTimeout { server }
    }
}

/// What hyper's error means. Some of the request has been written.
pub(in crate::backend) fn failure(
    source: hyper::Error,
    upload: &UploadProgress,
    server: String,
) -> BackendError {
    if let Some(why) = upload.take_failure() {
        BackendError::RequestBody(why)
    } else if source.is_parse() {
        BackendError::Protocol { server, source }
    } else {
        BackendError::ConnectionLost { server, source }
    }
}
