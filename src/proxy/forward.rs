//! Forwards a permitted request to the backend and its response to the client.

use super::client_body::ClientBody;
use super::record::RequestRecord;
use super::upstream_identity::upstream_identity;
use crate::backend::{
    AssertionTerms, BackendError, BackendPool, BackendRequest, CannotForward, KerberosDelegation,
    RequestBody, RequestBodyError, Requester, ResponseBody, ServerAddress, ServerTransport, UpstreamTarget,
    check_token_accepted,
};
use crate::clock::UnixTime;
use crate::delegation::kerberos::DelegationError;
use crate::headers::response_headers::{self, ResponseAudience};
use crate::headers::{HeaderCase, ReservedHeaders};
use crate::policy::{AuthenticatedBy, Denial, DenialId, Permit};
use crate::site::{Backend, BackendIdentity};
use crate::telemetry::{BackendFailure, display_chain};
use http::{HeaderMap, Response, StatusCode};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// For the record of a 401 on a connection that was to keep its account.
const NOT_PERSISTED: &str = "the server keeps no account with its connections: set kerberos.persist = false, or \
    authPersistNonNTLM in IIS";

/// For the record of a 401 to a certificate that the backend took in the handshake.
const CERTIFICATE_NOT_MAPPED: &str = "the backend took the user's certificate and answered 401: it maps it to no \
    account, or asks for Windows authentication beside it";

/// For the record of a backend that asks too late, or never.
const ASK_IN_THE_HANDSHAKE: &str = "it must ask in the first handshake, for every path of this binding: \
    `netsh http update sslcert ... clientcertnegotiation=enable` for http.sys, SSLVerifyClient for the whole host in \
    Apache, ssl_verify_client in nginx";

/// For the record of a certificate that the backend does not take.
const TRUST_THE_CA: &str = "it must trust the authority that the gate issues under (`user_certificates.certificate`): the root \
    among its trusted roots, the gate's CA in the NTAuth store, and a CRL where it looks for one \
    (`user_certificates.crl_distribution_point`)";

/// For the record of a request whose head a server found too long, most likely.
const TICKET_TOO_LONG: &str = "most likely the request's head is too long for it, since the user is in many groups: raise \
    MaxFieldLength and MaxRequestBytes of http.sys (HKLM\\System\\CurrentControlSet\\Services\\HTTP\\Parameters), \
    LimitRequestFieldSize in Apache, large_client_header_buffers in nginx";

/// For the record of an answer without a word of proof.
const NO_PROOF: &str = "it sent no token in WWW-Authenticate with its answer; where it never does, and is known by its \
    TLS certificate, set kerberos.unsafe_skip_mutual_authentication";

/// A permitted request, with all that the backend is to be told.
pub(super) struct Outgoing<'a> {
    pub(super) permit: Permit,
    pub(super) backend: &'a Backend,
    pub(super) target: UpstreamTarget<'a>,
    pub(super) owned: &'a Arc<ReservedHeaders>,
    pub(super) spelling: HeaderCase,
    /// When the card's key last signed.
    pub(super) proven_at: UnixTime,
    pub(super) now: UnixTime,
    /// The client, as far as connections to the backend are divided among clients.
    pub(super) requester: Requester,
}

impl Outgoing<'_> {
    /// Sends the request and gives the backend's answer, its body streamed.
    pub(super) async fn send(
        mut self,
        headers: HeaderMap,
        body: ClientBody,
        pool: &BackendPool,
        record: &mut RequestRecord,
    ) -> Result<Response<ResponseBody>, Denial> {
        let requester = self.requester;
        let body = self.request_body(body);
        record.upload(&body.progress());
        let terms = assertion_terms(&self.permit, self.backend, self.proven_at, self.now);
        let mut request =
            backend_request(&self.permit, self.backend, &self.target, terms.as_ref(), headers, body)?
                .spelled(std::mem::take(&mut self.spelling));
        pool.read_ahead(&mut request, requester).await.map_err(|error| self.failed(&error))?;
        self.backend.metrics.requests.inc();
        let identity = upstream_identity(&self.permit, self.backend, self.now).await?;
        let started = Instant::now();
        let answered = pool.send(request, &identity, requester).await.map_err(|error| self.failed(&error))?;
        self.backend.metrics.connected(answered.reused);
        record.backend(&answered.server, started.elapsed());
        self.check(answered.response, record)
    }

    /// The client's body, with the limits of the path and the backend.
    pub(super) fn request_body(&self, body: ClientBody) -> RequestBody {
        // hyper sends an HTTP/1.1 server the trailers only that `Trailer` announces, and that header ends here.
        RequestBody::new(body, self.permit.rule().max_body, HeaderMap::clear)
            .with_minimum_rate(self.backend.settings.minimum_rate)
    }

    /// Counts the failure and gives what the client is told of it.
    pub(super) fn failed(&self, error: &BackendError) -> Denial {
        if let Some(kind) = failure(error) {
            self.backend.metrics.failed(kind);
        }
        if let BackendError::RequestBody(RequestBodyError::Stalled | RequestBodyError::TooSlow) = error {
            self.backend.metrics.slow_clients.inc();
        }
        backend_denial(error)
    }

    fn check(
        &self,
        mut response: Response<ResponseBody>,
        record: &mut RequestRecord,
    ) -> Result<Response<ResponseBody>, Denial> {
        let audience = match self.permit.identity() {
            Some(_) => ResponseAudience::OneAccount,
            None => ResponseAudience::Anyone,
        };
        // The backend asks a person, whom the card has named already, for a password. Passed on, that dialogue would
        // get around the card.
        if audience == ResponseAudience::OneAccount && response.status() == StatusCode::UNAUTHORIZED {
            let detail = match &self.backend.identity {
                BackendIdentity::Headers => "the backend answered 401 to a request under an identity".into(),
                BackendIdentity::Kerberos(delegation) => self.ticket_refused(delegation, &response),
                BackendIdentity::Certificate(_) => CERTIFICATE_NOT_MAPPED.into(),
            };
            return Err(Denial::new(DenialId::BackendRejectedIdentity, detail));
        }
        response_headers::clean(response.headers_mut(), self.owned, audience);
        record.status(response.status());
        Ok(response)
    }

    /// What a 401 to a ticket says of the server's settings, which `check --online` reads the same.
    fn ticket_refused(
        &self,
        delegation: &KerberosDelegation,
        answer: &Response<ResponseBody>,
    ) -> Cow<'static, str> {
        let over_tls = |server: &ServerAddress| matches!(server.transport, ServerTransport::Tls(_));
        let over_tls = self.backend.settings.servers.iter().any(over_tls);
        let Err(refused) = check_token_accepted(answer.status(), answer.headers(), over_tls) else {
            return "the backend answered 401 to a ticket".into();
        };
        let persisted = delegation.persist.then_some(NOT_PERSISTED);
        let hints: Vec<_> = persisted.into_iter().chain(refused.hints().iter().copied()).collect();
        format!("{refused}: {}", hints.join("; ")).into()
    }
}

/// What the statement for `backend` needs, where it gets one. A card proved its holder at `proven_at`; a password came
/// with this very request.
pub fn assertion_terms<'a>(
    permit: &Permit,
    backend: &'a Backend,
    proven_at: UnixTime,
    now: UnixTime,
) -> Option<AssertionTerms<'a>> {
    let authenticated_at = match permit.identity()?.authenticated_by() {
        AuthenticatedBy::Certificate(_) => proven_at,
        AuthenticatedBy::Password => now,
    };
    let signer = backend.assertions.as_deref()?;
    Some(AssertionTerms { signer, audience: &backend.settings.name, authenticated_at, now })
}

/// The request as `backend` gets it. `explain` shows the same.
///
/// # Errors
/// Where the identity does not fit its headers, or no statement of it can be signed.
pub fn backend_request(
    permit: &Permit,
    backend: &Backend,
    target: &UpstreamTarget<'_>,
    terms: Option<&AssertionTerms<'_>>,
    headers: HeaderMap,
    body: RequestBody,
) -> Result<BackendRequest, Denial> {
    BackendRequest::new(permit, &backend.identity_headers, target, terms, headers, body)
        .map_err(|error| cannot_forward(&error))
}

pub(super) fn cannot_forward(error: &CannotForward) -> Denial {
    let id = match error {
        CannotForward::Identity(_) | CannotForward::Assertion(_) => DenialId::BackendRejectedIdentity,
        CannotForward::Target(_) | CannotForward::Host(_) => DenialId::InvalidPath,
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
        | BackendError::PinnedConnectionEnded { .. }
        | BackendError::Protocol { .. }
        | BackendError::AmbiguousFraming { .. }
        | BackendError::UpgradeRefused { .. } => DenialId::BackendUnreachable,
        BackendError::Delegation(DelegationError::AnotherAccount { .. }) => DenialId::IdentityConflict,
        BackendError::Delegation(_) => DenialId::DelegationFailed,
        BackendError::NotProven { .. } | BackendError::TicketTooLong { .. } => {
            DenialId::BackendRejectedIdentity
        }
        BackendError::CertificateNotAsked { .. } => DenialId::BackendRenegotiation,
        BackendError::CertificateUnsuitable { .. } | BackendError::CertificateRefused { .. } => {
            DenialId::BackendRejectedIdentity
        }
        BackendError::FirstByteTimeout { .. } => DenialId::BackendTimeout,
        BackendError::Busy => DenialId::BackendBusy,
        BackendError::RequestBody(RequestBodyError::TooLarge { .. }) => DenialId::BodyTooLarge,
        BackendError::RequestBody(RequestBodyError::Stalled | RequestBodyError::TooSlow) => {
            DenialId::RequestTimeout
        }
        BackendError::RequestBody(RequestBodyError::ClientGone(_)) => DenialId::ClientDisconnected,
    };
    let hint = match error {
        BackendError::Delegation(error) => error.hint(),
        BackendError::NotProven { source: Some(error), .. } => error.hint(),
        BackendError::NotProven { source: None, .. } => NO_PROOF,
        BackendError::TicketTooLong { .. } => TICKET_TOO_LONG,
        BackendError::CertificateNotAsked { .. } => ASK_IN_THE_HANDSHAKE,
        BackendError::CertificateRefused { .. } => TRUST_THE_CA,
        _ => return Denial::because(id, error),
    };
    Denial::new(id, format!("{}: {hint}", display_chain(error)))
}

/// Under which kind the failure is counted; a client's fault is none of the backend's.
fn failure(error: &BackendError) -> Option<BackendFailure> {
    match error {
        BackendError::NoServers | BackendError::Unreachable { .. } => Some(BackendFailure::Connect),
        BackendError::ConnectTimeout { .. } => Some(BackendFailure::ConnectTimeout),
        BackendError::Tls { .. } => Some(BackendFailure::Tls),
        BackendError::Busy => Some(BackendFailure::Busy),
        BackendError::FirstByteTimeout { .. } => Some(BackendFailure::FirstByteTimeout),
        BackendError::ConnectionLost { .. } | BackendError::PinnedConnectionEnded { .. } => {
            Some(BackendFailure::Interrupted)
        }
        BackendError::Protocol { .. }
        | BackendError::AmbiguousFraming { .. }
        | BackendError::UpgradeRefused { .. } => Some(BackendFailure::Protocol),
        BackendError::Delegation(_)
        | BackendError::NotProven { .. }
        | BackendError::TicketTooLong { .. }
        | BackendError::CertificateNotAsked { .. }
        | BackendError::CertificateUnsuitable { .. }
        | BackendError::CertificateRefused { .. } => Some(BackendFailure::Identity),
        BackendError::RequestBody(_) => None,
    }
}
