//! One request and its answer. Takes a request whose headers are final, gives the answer's head and a body that
//! streams. A request is tried again only when hyper gives it back unsent. Never waits without a limit.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::EXPECT;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::ext::on_informational;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::behalf::Behalf;
use super::error::BackendError;
use super::framing::{frame_request, is_ambiguous};
use super::pool::{Attempt, Pool};
use super::request::BackendRequest;
use super::request_body::{RequestBody, RequestBodyError, Upload};
use super::response_body::{Hold, ResponseBody};
use super::settings::BackendSettings;

/// An answer, and how it was had.
pub struct Answered {
    /// The answer, its body streamed.
    pub response: Response<ResponseBody>,
    /// The server that gave it, as configured.
    pub server: String,
    /// Whether the connection had carried a request before.
    pub reused: bool,
}

/// Who says when a body with `Expect: 100-continue` is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expectation {
    /// The backend, or nobody for so long: then it is sent all the same.
    BackendWithin(Duration),
    /// The backend alone.
    Backend,
}

/// What became of one attempt.
enum Sent {
    /// An answer whose sender is still to prove itself, the connection that it came on, and whether both messages allow
    /// the connection to be used again.
    Answered(Response<Incoming>, Attempt, bool),
    /// No byte was written. The request, and what hyper saw.
    Unsent(Request<RequestBody>, hyper::Error),
}

impl Pool {
    /// Sends `request` to one of the servers and gives its answer, whatever its status: a SOAP fault is a 500.
    ///
    /// The target is written as it stands in the request (origin-form); version and framing are set here. An answer
    /// that comes before the request's body was sent whole is given at once, and the body is read no more.
    /// A dropped future closes the connection.
    pub async fn send(&self, request: BackendRequest, behalf: &Behalf) -> Result<Answered, BackendError> {
        self.send_framed(request.into_request(), behalf).await
    }

    pub(super) async fn send_framed(
        &self,
        mut request: Request<RequestBody>,
        behalf: &Behalf,
    ) -> Result<Answered, BackendError> {
        prepare(&mut request, Expectation::BackendWithin(self.settings.continue_timeout));
        let (class, mut speech) = (behalf.class(), behalf.speech());
        speech.prepare(self.idle.has(&class)).await?;
        let mut route = self.route();
        loop {
            let attempt = self.connection(&class, behalf.presented(), &mut route).await?;
            let (server, reused) = (attempt.server.clone(), attempt.reused);
            speech.write(request.headers_mut(), reused).await?;
            let sent = self.exchange(attempt, request).await;
            // The server has seen the certificate by now, and this is the first time that it can say so.
            match sent.map_err(|error| behalf.explain(error))? {
                Sent::Answered(mut answer, attempt, reusable) => {
                    let server = server.address.to_string();
                    // A refusal proves nothing, and is the caller's to explain.
                    let refused = answer.status() == StatusCode::UNAUTHORIZED;
                    if refused {
                        speech.refused().await;
                    } else {
                        speech.check(answer.headers_mut(), &server)?;
                    }
                    // Only now: an answer without a body gives its connection back at once, and whoever takes one of an
                    // account's believes that the server has proven itself on it and knows the account.
                    let lease = self.lease(attempt, reusable && !(refused && speech.is_needed()));
                    let response = answer.map(|body| ResponseBody::new(body, Hold::Shared(lease)));
                    return Ok(Answered { response, server, reused });
                }
                Sent::Unsent(unsent, source) => {
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
        mut attempt: Attempt,
        request: Request<RequestBody>,
    ) -> Result<Sent, BackendError> {
        let upload = request.body().upload();
        upload.moved();
        let server = || attempt.server.address.to_string();
        let answer = attempt.connection.sender.try_send_request(request);
        let Some(answer) = until_overdue(answer, &upload, &self.settings).await else {
            return Err(overdue(&upload, server()));
        };
        match answer {
            Ok(answer) => {
                upload.stop();
                check_head(&answer, server)?;
                // hyper sees to `Connection: close`. HTTP/1.0 is closed always: hyper would talk 1.0 to that server from
                // then on, where a body of unknown length cannot be sent.
                let reusable = upload.is_whole() && answer.version() == Version::HTTP_11;
                Ok(Sent::Answered(answer, attempt, reusable))
            }
            Err(mut error) => match error.take_message() {
                Some(unsent) => Ok(Sent::Unsent(unsent, error.into_error())),
                None => Err(failure(error.into_error(), &upload, server())),
            },
        }
    }
}

/// Refuses an answer that cannot be passed on.
pub(super) fn check_head(
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

/// Sets what belongs to this connection and not to the client's: version, framing, and the wait for 100 Continue.
/// Gives the word that ends the wait, where there is one.
pub(super) fn prepare(request: &mut Request<RequestBody>, expectation: Expectation) -> Option<Arc<Notify>> {
    *request.version_mut() = Version::HTTP_11;
    let length = request.body().size_hint().exact();
    let method = request.method().clone();
    frame_request(&method, request.headers_mut(), length);
    if !expects_continue(request.headers()) || request.body().is_end_stream() {
        return None;
    }
    // hyper's server sends the client its 100 when the body is first read, so the wait is end to end.
    let word = request.body_mut().hold(match expectation {
        Expectation::BackendWithin(limit) => Some(limit),
        Expectation::Backend => None,
    });
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
pub(super) async fn until_overdue<A>(
    answer: impl Future<Output = A>,
    upload: &Upload,
    settings: &BackendSettings,
) -> Option<A> {
    let mut answer = pin!(answer);
    loop {
        if let Ok(answer) = timeout_at(deadline(upload, settings), &mut answer).await {
            return Some(answer);
        }
        // The body may have moved since the timer was set.
        if deadline(upload, settings) <= Instant::now() {
            return None;
        }
    }
}

fn deadline(upload: &Upload, settings: &BackendSettings) -> Instant {
    let backends_turn = upload.is_whole() || upload.waits_for_backend();
    let limit = if backends_turn { settings.first_byte_timeout } else { settings.body_idle_timeout };
    upload.progress() + limit
}

/// Whose fault it is that nothing moved.
pub(super) fn overdue(upload: &Upload, server: String) -> BackendError {
    if upload.waits_for_client() {
        BackendError::RequestBody(RequestBodyError::Stalled)
    } else {
        BackendError::FirstByteTimeout { server }
    }
}

/// What hyper's error means. Some of the request has been written.
pub(super) fn failure(source: hyper::Error, upload: &Upload, server: String) -> BackendError {
    if let Some(why) = upload.take_failure() {
        BackendError::RequestBody(why)
    } else if source.is_parse() {
        BackendError::Protocol { server, source }
    } else {
        BackendError::ConnectionLost { server, source }
    }
}
