//! The exchange of one request and its response on a pooled connection. A request is sent again if hyper returns it
//! unsent, and once if its method is idempotent, it has no body and a kept connection was closed before the first byte
//! of the response. Every wait has a time limit.

use std::io;
use std::rc::Rc;

use http::header::EXPECT;
use http::{Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;

use super::backend_pool::{AcquiredConnection, BackendPool};
use crate::backend::body::request_body::RequestBody;
use crate::backend::body::response_body::{ConnectionLease, ResponseBody, UpstreamResponse};
use crate::backend::error::BackendError;
use crate::backend::exchange::framing::{check_response_head, frame};
use crate::backend::exchange::timeouts::{exchange_error, response_in_time, timeout_error};
use crate::backend::request::backend_request::BackendRequest;
use crate::backend::requester::Requester;
use crate::backend::upstream_identity::identity::UpstreamIdentity;
use crate::backend::upstream_identity::spnego::SpnegoExchange;

/// The outcome of sending a request once.
enum SendOutcome {
    /// The response, whose server has yet to prove its identity; the connection; and whether both messages allow the
    /// connection to be used again.
    Response(Response<Incoming>, AcquiredConnection, bool),
    /// No byte was written. The request and hyper's error.
    Unsent(Request<RequestBody>, hyper::Error),
}

impl BackendPool {
    /// Sends `request` to one of the servers and returns the response, whatever its status: a SOAP fault is a 500.
    ///
    /// The target is written as it is in the request (origin-form); version and framing are set here. A response that is
    /// received before the whole request body was sent is returned at once, and the rest of the body is discarded.
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// There is no response that can be forwarded.
    pub(crate) async fn send(
        &self,
        request: BackendRequest,
        identity: &UpstreamIdentity,
        requester: Requester,
    ) -> Result<UpstreamResponse, BackendError> {
        self.send_framed(request.into_request(), identity, requester).await
    }

    /// Reads the part of the request body that is read before a backend connection is acquired.
    ///
    /// `Expect: 100-continue` is met here and not forwarded: if a connection were acquired before the client starts its
    /// body, a client that never does would keep the connection from others.
    ///
    /// # Errors
    /// The body is too large, or its client disconnected, stalled or is too slow.
    pub(crate) async fn read_ahead(
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
        // hyper's server sends a 100 to the client when the body is first read (RFC 9110 10.1.1).
        request.headers_mut().remove(EXPECT);
        let memory = self.memory.reservation(requester);
        let (limit, idle) = (self.settings.body_buffer, self.settings.body_idle_timeout);
        request.body_mut().read_ahead(limit, idle, memory).await.map_err(BackendError::RequestBody)
    }

    pub(in crate::backend) async fn send_framed(
        &self,
        mut request: Request<RequestBody>,
        identity: &UpstreamIdentity,
        requester: Requester,
    ) -> Result<UpstreamResponse, BackendError> {
        frame(&mut request);
        let (class, mut spnego) = (identity.class(), SpnegoExchange::new(identity));
        spnego.prepare(self.idle.has(&class)).await?;
        let mut candidates = self.candidates();
        loop {
            let acquired =
                self.acquire(&class, identity.user_certificate(), requester, &mut candidates).await?;
            let (server, reused) = (acquired.server.clone(), acquired.reused);
            spnego.write(request.headers_mut(), reused).await?;
            let resend =
                if reused && !candidates.requires_new_connection() { repeatable(&request) } else { None };
            let state = Rc::clone(&acquired.connection.state);
            let sent = self.exchange(acquired, request).await;
            // The server has received the certificate by now, and its first chance to reject it is here.
            let sent = match (sent.map_err(|error| identity.interpret(error)), resend) {
                // The server closed the idle connection while the request was on its way (RFC 9112 9.3.1).
                (Err(BackendError::ConnectionLost { .. }), Some(resend)) if !state.has_received() => {
                    request = resend;
                    spnego.discard_token();
                    candidates = self.candidates_for_resend();
                    continue;
                }
                (sent, _) => sent?,
            };
            match sent {
                SendOutcome::Response(mut response, acquired, reusable) => {
                    let server = server.address.to_string();
                    // A 401 proves nothing about the server, and is handled by the caller.
                    let rejected = response.status() == StatusCode::UNAUTHORIZED;
                    if rejected {
                        spnego.forget_ticket().await;
                    } else {
                        spnego.verify_server(response.status(), response.headers_mut(), &server)?;
                    }
                    // Only now: a response without a body returns its connection at once, and the next request of the
                    // account takes for granted that the server has proven its identity and knows the account.
                    let lease = self.lease(acquired, reusable && !(rejected && spnego.is_kerberos()));
                    let mut response =
                        response.map(|body| ResponseBody::new(body, ConnectionLease::Pooled(lease)));
                    let memory = self.memory.reservation(requester);
                    response.body_mut().buffer(self.settings.body_buffer, memory).await;
                    return Ok(UpstreamResponse { response, server, reused });
                }
                SendOutcome::Unsent(unsent, source) => {
                    request = unsent;
                    // A pooled connection that was closed has left the pool: the next is another one, or a new one. A
                    // new one that is closed at once is a failure of the server.
                    if !reused {
                        let name = server.address.to_string();
                        let source = io::Error::other(source);
                        let failure = BackendError::Unreachable { server: name, source };
                        candidates.give_up(&server, identity.interpret(failure));
                    }
                }
            }
        }
    }

    async fn exchange(
        &self,
        mut acquired: AcquiredConnection,
        request: Request<RequestBody>,
    ) -> Result<SendOutcome, BackendError> {
        let upload = request.body().progress();
        upload.touch();
        acquired.connection.state.carry(&upload);
        let server = || acquired.server.address.to_string();
        let response = acquired.connection.sender.try_send_request(request);
        let state = &acquired.connection.state;
        let Some(response) = response_in_time(response, &upload, state, &self.settings).await else {
            return Err(timeout_error(&upload, &self.settings, server()));
        };
        match response {
            Ok(mut response) => {
                upload.discard_rest();
                if !upload.is_whole() {
                    state.discard_writes();
                }
                check_response_head(&response, server)?;
                // hyper handles `Connection: close`. An HTTP/1.0 connection is always closed: hyper would write further
                // requests on it as HTTP/1.0, which cannot carry a body of unknown length.
                let reusable = upload.is_whole() && response.version() == Version::HTTP_11;
                *response.version_mut() = Version::HTTP_11;
                Ok(SendOutcome::Response(response, acquired, reusable))
            }
            Err(mut error) => match error.take_message() {
                Some(unsent) => Ok(SendOutcome::Unsent(unsent, error.into_error())),
                None => Err(exchange_error(error.into_error(), &upload, server())),
            },
        }
    }
}

/// Returns a copy of the request if its method is idempotent and it has no body (RFC 9110 9.2.2).
fn repeatable(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    if !request.method().is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(request.body().clone_empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}
