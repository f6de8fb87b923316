//! The last stretch of the road: from a permit to the backend and back.

use super::record::RequestRecord;
use crate::backend::{
    BackendError, BackendRequest, Behalf, CannotForward, Delegated, Pool, RequestBody, RequestBodyError,
    ResponseBody, Target,
};
use crate::decision::{Denial, DenialId, Permit};
use crate::headers::OwnedNames;
use crate::headers::response_headers::{self, Audience};
use crate::observability::{BackendFailure, with_causes};
use crate::policy::{Backend, BackendIdentity};
use http::{HeaderMap, Response, StatusCode};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Instant;

/// For the record of a 401 to a ticket that the KDC gave for this very service.
const TICKET_REFUSED: &str = "the backend answered 401 to a ticket in the account's name: the service's name (SPN) is \
    registered for another account than the one that decrypts tickets there (useAppPoolCredentials, useKernelMode), or \
    Extended Protection asks for the client's own TLS channel (tokenChecking = None), or the backend keeps no account \
    with its connections (persist = false)";

/// For the record of an answer without a word of proof.
const NO_PROOF: &str = "it sent no token in WWW-Authenticate with its answer; where it never does, and is known by its \
    TLS certificate, set kerberos.unsafe_skip_mutual_authentication";

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
        let behalf = behalf(&self.permit, self.backend)?;
        let started = Instant::now();
        let answered = pool.send(request, &behalf).await.map_err(|error| {
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
            let detail = match &self.backend.identity {
                BackendIdentity::Headers => "the backend answered 401 to a request under an identity",
                BackendIdentity::Kerberos(_) => TICKET_REFUSED,
            };
            return Err(Denial::new(DenialId::BackendRefusedIdentity, detail));
        }
        response_headers::clean(response.headers_mut(), self.owned, audience);
        record.status(response.status());
        Ok(response)
    }
}

/// On whose behalf the request travels.
fn behalf(permit: &Permit, backend: &Backend) -> Result<Behalf, Denial> {
    match (&backend.identity, permit.identity()) {
        (BackendIdentity::Headers, _) | (BackendIdentity::Kerberos(_), None) => Ok(Behalf::Nobody),
        (BackendIdentity::Kerberos(delegation), Some(identity)) => {
            Delegated::new(delegation, identity.account())
                .map(Behalf::Kerberos)
                .map_err(|error| Denial::because(DenialId::DelegationFailed, &error))
        }
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
        BackendError::Delegation(_) => DenialId::DelegationFailed,
        BackendError::NotProven { .. } => DenialId::BackendRefusedIdentity,
        BackendError::FirstByteTimeout { .. } => DenialId::BackendTimeout,
        BackendError::Busy => DenialId::BackendBusy,
        BackendError::RequestBody(RequestBodyError::TooLarge { .. }) => DenialId::BodyTooLarge,
        BackendError::RequestBody(RequestBodyError::Stalled) => DenialId::RequestTimeout,
        BackendError::RequestBody(RequestBodyError::ClientGone(_)) => DenialId::ClientGone,
    };
    let hint = match error {
        BackendError::Delegation(error) => error.hint(),
        BackendError::NotProven { source: Some(error), .. } => error.hint(),
        BackendError::NotProven { source: None, .. } => NO_PROOF,
        _ => return Denial::because(id, error),
    };
    Denial::new(id, format!("{}: {hint}", with_causes(error)))
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
        BackendError::Delegation(_) | BackendError::NotProven { .. } => Some(BackendFailure::Identity),
        BackendError::RequestBody(_) => None,
    }
}
