//! Forwards a permitted request to the backend and its response to the client.

use super::pipeline::{IdentityDelegation, PermittedRequest};
use super::record::RequestRecord;
use crate::backend::{
    BackendError, BackendPool, BackendRequest, KerberosDelegation, RequestBodyError, Requester, ResponseBody,
    ServerAddress, ServerTransport, check_token_accepted,
};
use crate::delegation::kerberos::DelegationError;
use crate::headers::ReservedHeaders;
use crate::headers::response_headers::{self, ResponseAudience};
use crate::policy::{Denial, DenialId};
use crate::site::{Backend, BackendIdentity};
use crate::telemetry::{BackendFailure, display_chain};
use http::{Response, StatusCode};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

/// The detail of a 401 on a connection that should have kept its account.
const NOT_PERSISTED: &str = "the server does not keep the account for the connection: set kerberos.persist = false, or \
    authPersistNonNTLM in IIS";

/// The detail of a 401 to a certificate that the backend accepted in the handshake.
const CERTIFICATE_NOT_MAPPED: &str = "the backend accepted the user's certificate and answered 401: it maps the \
    certificate to no account, or requires Windows authentication in addition";

/// The detail for a backend that requests the certificate too late, or never.
const ASK_IN_THE_HANDSHAKE: &str = "it must request the certificate in the first handshake, for every path of this binding: \
    `netsh http update sslcert ... clientcertnegotiation=enable` for http.sys, SSLVerifyClient for the whole host in \
    Apache, ssl_verify_client in nginx";

/// The detail for a certificate that the backend does not accept.
const TRUST_THE_CA: &str = "it must trust the CA of the gateway (`user_certificates.certificate`): the root \
    among its trusted roots, the gateway's CA in the NTAuth store, and a CRL at the distribution point \
    (`user_certificates.crl_distribution_point`)";

/// The detail for a request whose head was probably too long for the server.
const TICKET_TOO_LONG: &str = "the request's head is probably too long for it, since the user is in many groups: raise \
    MaxFieldLength and MaxRequestBytes of http.sys (HKLM\\System\\CurrentControlSet\\Services\\HTTP\\Parameters), \
    LimitRequestFieldSize in Apache, large_client_header_buffers in nginx";

/// The detail for a response without proof of the server's identity.
const NO_PROOF: &str = "it sent no token in WWW-Authenticate with its response; if it never does, and its TLS certificate \
    authenticates it, set kerberos.unsafe_skip_mutual_authentication";

/// A permitted request on its way to the backend.
pub(super) struct BackendExchange<'a> {
    pub(super) permitted: &'a PermittedRequest<'a>,
    pub(super) reserved: &'a Arc<ReservedHeaders>,
    /// The client, as far as connections to the backend are divided among clients.
    pub(super) requester: Requester,
}

impl BackendExchange<'_> {
    pub(super) fn backend(&self) -> &Backend {
        self.permitted.backend()
    }

    /// Sends the request over a pooled connection and returns the response, its body streamed.
    pub(super) async fn send(
        &self,
        mut request: BackendRequest,
        delegation: IdentityDelegation,
        pool: &BackendPool,
        record: &mut RequestRecord,
    ) -> Result<Response<ResponseBody>, Denial> {
        pool.read_ahead(&mut request, self.requester).await.map_err(|error| self.failed(&error))?;
        let metrics = &self.backend().metrics;
        metrics.requests.inc();
        let identity = delegation.obtain(self.permitted.decided_at()).await?;
        let started = Instant::now();
        let answered =
            pool.send(request, &identity, self.requester).await.map_err(|error| self.failed(&error))?;
        metrics.connected(answered.reused);
        record.backend(&answered.server, started.elapsed());
        self.check(answered.response, record)
    }

    /// Counts the failure and returns the denial for the client.
    pub(super) fn failed(&self, error: &BackendError) -> Denial {
        let metrics = &self.backend().metrics;
        if let Some(kind) = failure(error) {
            metrics.failed(kind);
        }
        if let BackendError::RequestBody(RequestBodyError::Stalled | RequestBodyError::TooSlow) = error {
            metrics.slow_clients.inc();
        }
        backend_denial(error)
    }

    fn check(
        &self,
        mut response: Response<ResponseBody>,
        record: &mut RequestRecord,
    ) -> Result<Response<ResponseBody>, Denial> {
        let audience = match self.permitted.permit().identity() {
            Some(_) => ResponseAudience::OneAccount,
            None => ResponseAudience::Anyone,
        };
        // The backend requests a password from a user that the certificate has identified. Forwarded, this challenge would
        // bypass the certificate.
        if audience == ResponseAudience::OneAccount && response.status() == StatusCode::UNAUTHORIZED {
            let detail = match &self.backend().identity {
                BackendIdentity::Headers => "the backend answered 401 to a request under an identity".into(),
                BackendIdentity::Kerberos(delegation) => self.ticket_rejected(delegation, &response),
                BackendIdentity::Certificate(_) => CERTIFICATE_NOT_MAPPED.into(),
            };
            return Err(Denial::new(DenialId::BackendRejectedIdentity, detail));
        }
        response_headers::clean(response.headers_mut(), self.reserved, audience);
        record.status(response.status());
        Ok(response)
    }

    /// The cause of a 401 to a ticket, by the rules that `check --online` applies, too.
    fn ticket_rejected(
        &self,
        delegation: &KerberosDelegation,
        response: &Response<ResponseBody>,
    ) -> Cow<'static, str> {
        let over_tls = |server: &ServerAddress| matches!(server.transport, ServerTransport::Tls(_));
        let over_tls = self.backend().settings.servers.iter().any(over_tls);
        let Err(rejected) = check_token_accepted(response.status(), response.headers(), over_tls) else {
            return "the backend answered 401 to a ticket".into();
        };
        let persisted = delegation.persist.then_some(NOT_PERSISTED);
        let hints: Vec<_> = persisted.into_iter().chain(rejected.hints().iter().copied()).collect();
        format!("{rejected}: {}", hints.join("; ")).into()
    }
}

/// The denial for a backend that sent no response.
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
        | BackendError::UnexpectedUpgrade { .. } => DenialId::BackendUnreachable,
        BackendError::Delegation(DelegationError::AccountMismatch { .. }) => DenialId::IdentityConflict,
        BackendError::Delegation(_) => DenialId::DelegationFailed,
        BackendError::NotProven { .. } | BackendError::TicketTooLong { .. } => {
            DenialId::BackendRejectedIdentity
        }
        BackendError::CertificateNotRequested { .. } => DenialId::BackendRenegotiation,
        BackendError::CertificateUnsuitable { .. } | BackendError::CertificateRejected { .. } => {
            DenialId::BackendRejectedIdentity
        }
        BackendError::FirstByteTimeout { .. } => DenialId::BackendTimeout,
        BackendError::Busy => DenialId::BackendBusy,
        BackendError::RequestBody(RequestBodyError::TooLarge { .. }) => DenialId::BodyTooLarge,
        BackendError::RequestBody(RequestBodyError::Stalled | RequestBodyError::TooSlow) => {
            DenialId::RequestTimeout
        }
        BackendError::RequestBody(RequestBodyError::ClientGone(_)) => DenialId::ClientDisconnected,
        BackendError::RequestBody(RequestBodyError::Malformed(_)) => DenialId::MalformedRequest,
    };
    let hint = match error {
        BackendError::Delegation(error) => error.hint(),
        BackendError::NotProven { source: Some(error), .. } => error.hint(),
        BackendError::NotProven { source: None, .. } => NO_PROOF,
        BackendError::TicketTooLong { .. } => TICKET_TOO_LONG,
        BackendError::CertificateNotRequested { .. } => ASK_IN_THE_HANDSHAKE,
        BackendError::CertificateRejected { .. } => TRUST_THE_CA,
        _ => return Denial::because(id, error),
    };
    Denial::new(id, format!("{}: {hint}", display_chain(error)))
}

/// The kind under which the failure is counted; a fault of the client is not counted for the backend.
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
        | BackendError::UnexpectedUpgrade { .. } => Some(BackendFailure::Protocol),
        BackendError::Delegation(_)
        | BackendError::NotProven { .. }
        | BackendError::TicketTooLong { .. }
        | BackendError::CertificateNotRequested { .. }
        | BackendError::CertificateUnsuitable { .. }
        | BackendError::CertificateRejected { .. } => Some(BackendFailure::Identity),
        BackendError::RequestBody(_) => None,
    }
}
