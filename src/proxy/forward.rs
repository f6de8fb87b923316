//! The last stretch of the road: from a permit to the backend and back.

use super::record::RequestRecord;
use crate::backend::{
    BackendError, BackendRequest, CannotForward, Pool, RequestBody, RequestBodyError, ResponseBody, Target,
};
use crate::decision::{Denial, DenialId, Permit};
use crate::headers::OwnedNames;
use crate::headers::response_headers::{self, Audience};
use crate::observability::BackendFailure;
use crate::policy::Backend;
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Instant;

/// A permitted request, with all that the backend is to be told.
pub(super) struct Outgoing<'a> {
    pub(super) permit: Permit,
    pub(super) backend: &'a Backend,
    pub(super) target: Target<'a>,
    pub(super) owned: &'a Arc<OwnedNames>,
}

impl Outgoing<'_> {
    /// Sends the request and gives the backend's answer, its body streamed.
    pub(super) async fn send(
        self,
        headers: HeaderMap,
        body: Incoming,
        pool: &Pool,
        record: &mut RequestRecord,
    ) -> Result<Response<ResponseBody>, Denial> {
        // hyper sends an HTTP/1.1 server the trailers only that `Trailer` announces, and that header ends here.
        let body = RequestBody::new(body, self.permit.rule().max_body, HeaderMap::clear);
        let upload = body.upload();
        record.upload(&upload);
        let request = backend_request(&self.permit, self.backend, &self.target, headers, body)?;
        self.backend.metrics.requests.inc();
        let started = Instant::now();
        let answered = pool.send(request).await.map_err(|error| {
            if let Some(kind) = failure(&error) {
                self.backend.metrics.failed(kind);
            }
            backend_denial(&error)
        })?;
        let counter =
            if answered.reused { &self.backend.metrics.reuses } else { &self.backend.metrics.connects };
        counter.inc();
        record.backend(answered.server, started.elapsed());
        self.check(answered.response, record)
    }

    fn check(
        &self,
        mut response: Response<ResponseBody>,
        record: &mut RequestRecord,
    ) -> Result<Response<ResponseBody>, Denial> {
        let audience = match self.permit.identity() {
            Some(_) => Audience::OneAccount,
            None => Audience::Anyone,
        };
        // The backend asks a person, whom the card has named already, for a password. Passed on, that dialogue would
        // get around the card.
        if audience == Audience::OneAccount && response.status() == StatusCode::UNAUTHORIZED {
            let detail = "the backend answered 401 to a request under an identity";
            return Err(Denial::new(DenialId::BackendRefusedIdentity, detail));
        }
        response_headers::clean(response.headers_mut(), self.owned, audience);
        record.status(response.status());
        Ok(response)
    }
}

/// The request as `backend` gets it. `explain` shows the same.
///
/// # Errors
/// Where the identity does not fit its headers.
pub fn backend_request(
    permit: &Permit,
    backend: &Backend,
    target: &Target<'_>,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<BackendRequest, Denial> {
    BackendRequest::new(permit, &backend.identity_headers, target, headers, body)
        .map_err(|error| cannot_forward(&error))
}

fn cannot_forward(error: &CannotForward) -> Denial {
    let id = match error {
        CannotForward::Identity(_) => DenialId::BackendRefusedIdentity,
        CannotForward::Target(_) | CannotForward::Host(_) => DenialId::BadPath,
    };
    Denial::because(id, error)
}

/// What the client is told of a backend that gave no answer.
fn backend_denial(error: &BackendError) -> Denial {
    let id = match error {
        BackendError::NoServers
        | BackendError::Unreachable { .. }
        | BackendError::ConnectTimeout { .. }
        | BackendError::Tls { .. }
        | BackendError::ConnectionLost { .. }
        | BackendError::Protocol { .. }
        | BackendError::AmbiguousFraming { .. }
        | BackendError::UpgradeRefused { .. } => DenialId::BackendUnreachable,
        BackendError::FirstByteTimeout { .. } => DenialId::BackendTimeout,
        BackendError::Busy => DenialId::BackendBusy,
        BackendError::RequestBody(RequestBodyError::TooLarge { .. }) => DenialId::BodyTooLarge,
        BackendError::RequestBody(RequestBodyError::Stalled) => DenialId::RequestTimeout,
        BackendError::RequestBody(RequestBodyError::ClientGone(_)) => DenialId::ClientGone,
    };
    Denial::because(id, error)
}

/// Under which kind the failure is counted; a client's fault is none of the backend's.
fn failure(error: &BackendError) -> Option<BackendFailure> {
    match error {
        BackendError::NoServers | BackendError::Unreachable { .. } => Some(BackendFailure::Connect),
        BackendError::ConnectTimeout { .. } => Some(BackendFailure::ConnectTimeout),
        BackendError::Tls { .. } => Some(BackendFailure::Tls),
        BackendError::Busy => Some(BackendFailure::Busy),
        BackendError::FirstByteTimeout { .. } => Some(BackendFailure::FirstByteTimeout),
        BackendError::ConnectionLost { .. } => Some(BackendFailure::Interrupted),
        BackendError::Protocol { .. }
        | BackendError::AmbiguousFraming { .. }
        | BackendError::UpgradeRefused { .. } => Some(BackendFailure::Protocol),
        BackendError::RequestBody(_) => None,
    }
}
