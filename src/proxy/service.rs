//! Handles the requests of one connection: [`ConnectionService::handle`] runs the request pipeline and forwards what it permits.

use super::body::ClientResponseBody;
use super::client_body::ClientBody;
use super::client_stream::EndedStream;
use super::drain::{self, BodyRest};
use super::error_response::{DenialDetails, ResponsePreferences, http_date, last_in_http1};
use super::forward::BackendExchange;
use super::lifetime::ConnectionLifetime;
use super::passthrough_auth::{PassthroughAuth, PassthroughClient};
use super::pipeline::{
    ClientConnection, ConnectionCredential, PermittedRequest, PipelineObserver, PreparedRequest,
    ReceivedRequest, RequestContext, authorize,
};
use super::record::{ConnectionFacts, RequestHead, RequestRecord};
use super::request_rate::{self, AccountBudget, RateLimitDenial};
use super::snapshot::Snapshot;
use super::worker::Worker;
use crate::backend::{BackendPool, Requester, ResponseBody};
use crate::headers::RemovedHeaders;
use crate::limits::{FrameBudget, RequestInFlight};
use crate::policy::{AccessRule, Denial, DenialId, Evidence, PasswordRule, Permit, PermittedIdentity};
use crate::request::{CanonicalPath, RequestId, basic_challenge, received_target};
use crate::site::{PathRule, Site};
use crate::telemetry::audit::{CertificateFacts, Part};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Body;
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The requests in progress of an address with certificates that were never validated, above which it has only the share of
/// anonymous clients.
const NEWCOMERS_PER_ADDRESS: u32 = 64;

/// Handles the requests of one connection.
pub(super) struct ConnectionService {
    worker: Rc<Worker>,
    facts: ConnectionFacts,
    connection: ClientConnection,
    passthrough: PassthroughAuth,
    lifetime: Rc<ConnectionLifetime>,
    /// The number of the connection in this worker.
    number: u64,
    frames: Rc<FrameBudget>,
    account: AccountBudget,
    /// Whether the holder of the client's certificate was authenticated on an earlier connection.
    is_known: Cell<bool>,
}

/// A request in progress: what its error response may need.
struct InFlight {
    id: RequestId,
    record: RequestRecord,
    content_length: Option<u64>,
    /// `None` once the request is forwarded.
    body: Option<ClientBody>,
    allow: Option<HeaderValue>,
    /// Whether the path accepts passwords of the directory, so that a client without credentials is asked for one.
    takes_password: bool,
    redirect: Option<HeaderValue>,
    /// Whether it still has to be taken out of a budget of requests.
    unpaid: bool,
    /// Whether an HTTP/1.1 connection ends with the response, because the request's body is not read to its end.
    closes: bool,
}

/// Fills the record and the error response of a request from the results of the pipeline.
struct RequestObserver<'a> {
    service: &'a ConnectionService,
    request: &'a mut InFlight,
}

impl PipelineObserver for RequestObserver<'_> {
    fn site(&mut self, site: &Site) {
        self.request.record.site(&site.name, &site.metrics);
    }

    fn canonical_path(&mut self, path: &CanonicalPath) {
        self.request.record.path(path.as_str());
    }

    fn redirect(&mut self, location: HeaderValue) {
        self.request.redirect = Some(location);
    }

    fn rule(&mut self, rule: &PathRule) {
        self.request.record.rule(&rule.rule.name);
        self.request.takes_password = rule.rule.password == PasswordRule::Directory;
    }

    fn rejected_by_form(&mut self, rule: &AccessRule) {
        self.request.allow = HeaderValue::from_str(&rule.allow_header()).ok();
    }

    fn removed_headers(&mut self, removed: &RemovedHeaders) {
        let names = u64::try_from(removed.reserved + removed.nonstandard).unwrap_or(u64::MAX);
        self.service.worker.state().metrics.dropped_headers.inc_by(names);
    }

    fn certificate(&mut self, facts: &Arc<CertificateFacts>) {
        self.request.record.certificate(facts);
    }

    fn authentication_time(&mut self, took: Duration) {
        self.request.record.authentication_time(took);
    }

    fn evidence(&mut self, evidence: &Evidence) {
        self.request.record.evidence(evidence);
        self.service.note(evidence);
        // The client needs a new handshake. HTTP/2 has no `Connection: close`, so the connection itself has to end.
        if let Evidence::None(absent) = evidence
            && absent.needs_new_handshake()
        {
            self.service.lifetime.retire();
        }
    }
}

impl ConnectionService {
    pub(super) fn new(
        worker: Rc<Worker>,
        facts: ConnectionFacts,
        connection: ClientConnection,
        lifetime: ConnectionLifetime,
    ) -> Self {
        let state = worker.state();
        state.metrics.client_connections.inc();
        let frames = FrameBudget::new(state.snapshot.load().limits.http2_frames);
        let number = worker.number_connection();
        let (passthrough, account) = (PassthroughAuth::default(), AccountBudget::default());
        let leaf = connection.credential().and_then(ConnectionCredential::fingerprint);
        let known = leaf.and_then(|leaf| state.known_holders.account(leaf.as_bytes()));
        if let Some(holder) = known {
            account.recall(holder, state);
        }
        let (lifetime, is_known) = (Rc::new(lifetime), Cell::new(known.is_some()));
        Self { worker, facts, connection, passthrough, lifetime, number, frames, account, is_known }
    }

    /// Responds to one request, and writes its record in every case.
    ///
    /// # Errors
    /// The reason to reset the request's stream with, if the client has to send it again over HTTP/1.1 (RFC 9113 7).
    pub(super) async fn answer(
        &self,
        request: Request<ClientBody>,
        reset: impl Future<Output = Option<h2::Reason>>,
    ) -> Result<Response<ClientResponseBody>, h2::Reason> {
        let _running = self.lifetime.begin_request();
        let id = RequestId::random();
        let snapshot = self.worker.state().snapshot.load_full();
        let (head, body) = request.into_parts();
        let wanted = ResponsePreferences::of(&head);
        let unpaid = self.pays_by_account();
        let within = if unpaid { Ok(()) } else { request_rate::of_address(&self.lifetime) };
        let in_flight = match self.has_own_share() {
            true => self.account.in_flight(&self.lifetime),
            false => request_rate::in_flight(&self.lifetime),
        };
        let (place, within) = match (in_flight, within) {
            (Ok(place), within) => (place, within),
            (Err(excess), _) => (None, Err(excess)),
        };
        if let Err(RateLimitDenial { denial, recorded: false }) = &within {
            self.worker.state().metrics.decisions.denied(denial.id().index());
            return Ok(self.unrecorded(denial, id, body, head.version, &wanted).await);
        }
        let record = match self.begin_record(&head, id, place) {
            Ok(record) => record,
            Err(denial) => return Ok(self.unrecorded(&denial, id, body, head.version, &wanted).await),
        };
        let (content_length, version) = (body.size_hint().exact(), head.version);
        let mut in_flight = InFlight {
            id,
            record,
            content_length,
            body: Some(body),
            allow: None,
            takes_password: false,
            redirect: None,
            unpaid,
            closes: false,
        };
        let site = self.connection.site(&snapshot);
        if let Err(RateLimitDenial { denial, .. }) = within {
            return Ok(self.reject(&denial, site, &wanted, version, in_flight).await);
        }
        self.frames.request();
        // `reset` is ready when the stream was reset, with the error code if there is one.
        let handled = tokio::select! {
            biased;
            handled = self.handle(&snapshot, site, head, &mut in_flight) => handled,
            reason = reset => return Err(stream_ended(reason, &mut in_flight.record)),
        };
        let mut answer = match handled {
            Ok(mut answer) => {
                let owned = Arc::clone(&snapshot.owned);
                if in_flight.closes && version != Version::HTTP_2 {
                    self.close_after(&mut answer);
                }
                answer.map(|body| {
                    ClientResponseBody::backend(body, owned, in_flight.record, self.lifetime.begin_response())
                })
            }
            Err(denial) if denial.id() == DenialId::Http11Required && version == Version::HTTP_2 => {
                in_flight.record.denial(&denial);
                return Err(h2::Reason::HTTP_1_1_REQUIRED);
            }
            // The body is malformed, which is an error of its stream (RFC 9113 8.1.1); h2 may have reset it before.
            Err(denial)
                if denial.id() == DenialId::MalformedRequest
                    && version == Version::HTTP_2
                    && in_flight.body.is_none() =>
            {
                in_flight.record.denial(&denial);
                return Err(h2::Reason::PROTOCOL_ERROR);
            }
            Err(denial) => {
                let denial = self.pay(&mut in_flight).err().unwrap_or(denial);
                self.reject(&denial, site, &wanted, version, in_flight).await
            }
        };
        // The connection accepts no other request; over HTTP/2 a GOAWAY frame announces that.
        if self.lifetime.is_retired() && version != Version::HTTP_2 {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(answer)
    }

    /// Runs the request pipeline and forwards a permitted request. Returns the streamed response of the backend, or the
    /// denial.
    async fn handle(
        &self,
        snapshot: &Snapshot,
        site: Option<&Arc<Site>>,
        head: http::request::Parts,
        in_flight: &mut InFlight,
    ) -> Result<Response<ResponseBody>, Denial> {
        let state = self.worker.state();
        let context = RequestContext {
            snapshot,
            authenticator: &state.authenticator,
            clock: &state.clock,
            connection: &self.connection,
            site,
            request_id: in_flight.id,
            content_length: in_flight.content_length,
        };
        let http::request::Parts { method, uri, version, mut headers, mut extensions, .. } = head;
        let received = ReceivedRequest {
            method: &method,
            uri: &uri,
            version,
            headers: &mut headers,
            extensions: &mut extensions,
        };
        let mut observer = RequestObserver { service: self, request: in_flight };
        let permitted = authorize(&context, received, &mut observer).await?;
        if permitted.permit().identity().is_some() {
            in_flight.unpaid = false;
            self.account.take(permitted.permit(), &self.lifetime, state, &mut in_flight.record)?;
        }
        self.pay(in_flight)?;
        in_flight.record.permit(permitted.permit());
        let pool = self.worker.pool(snapshot, permitted.backend());
        self.forward(permitted, headers, version, snapshot, &pool, in_flight).await
    }

    /// Forwards a permitted request: over a pooled connection, or over one that is pinned to the client's, if the backend
    /// authenticates the client itself.
    async fn forward(
        &self,
        mut permitted: PermittedRequest<'_>,
        headers: HeaderMap,
        version: Version,
        snapshot: &Snapshot,
        pool: &BackendPool,
        in_flight: &mut InFlight,
    ) -> Result<Response<ResponseBody>, Denial> {
        let Some(body) = in_flight.body.take() else {
            return Err(Denial::new(DenialId::MalformedRequest, "the body was taken before"));
        };
        let body = permitted.request_body(body);
        let upload = body.progress();
        in_flight.record.upload(&upload);
        let prepared = permitted.prepare(headers, body);
        let requester = self.requester(permitted.permit());
        let exchange = BackendExchange { permitted: &permitted, reserved: &snapshot.owned, requester };
        let record = &mut in_flight.record;
        match prepared {
            Ok(PreparedRequest::Pooled(request, delegation)) => {
                let answered = exchange.send(request, delegation, pool, record).await;
                in_flight.closes = !record.body_is_whole();
                answered
            }
            Ok(PreparedRequest::Passthrough(request)) => {
                let line = self.client_line(version);
                let answered = self.passthrough.send(&exchange, request, &upload, pool, line, record).await;
                // The rest of the body is still sent to the backend; if that takes too long, the connection ends.
                if !record.body_is_whole() {
                    self.lifetime.leave_body_unread();
                }
                in_flight.closes = answered.is_err() && !record.body_is_whole();
                answered
            }
            Err(denial) => {
                in_flight.closes = !record.body_is_whole();
                Err(denial)
            }
        }
    }

    fn requester(&self, permit: &Permit) -> Requester {
        let account = permit.identity().map(PermittedIdentity::account);
        Requester {
            address: self.lifetime.address(),
            connection: self.number,
            account: account.map(|account| self.worker.state().account_key(account)),
        }
    }

    /// The error response of a request without a record.
    async fn unrecorded(
        &self,
        denial: &Denial,
        id: RequestId,
        body: ClientBody,
        version: Version,
        wanted: &ResponsePreferences,
    ) -> Response<ClientResponseBody> {
        let mut page = wanted.page(denial, id, DenialDetails::default());
        if self.end_body(body, version, wanted).await == BodyRest::Unread {
            self.close_after(&mut page);
        }
        page.map(|page| ClientResponseBody::page(page, None))
    }

    /// Drains the rest of a rejected request's body before or during the response, within limits.
    async fn end_body(&self, body: ClientBody, version: Version, wanted: &ResponsePreferences) -> BodyRest {
        if version == Version::HTTP_2 {
            drain::beside_response(body, wanted.expects_continue());
            return BodyRest::Read;
        }
        drain::before_response(body, wanted.expects_continue()).await
    }

    /// Ends the HTTP/1.1 connection with `response`, although the client may have more to send (RFC 9112 9.6).
    fn close_after<B>(&self, response: &mut Response<B>) {
        self.lifetime.leave_body_unread();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }

    fn client_line(&self, version: Version) -> PassthroughClient<'_> {
        PassthroughClient {
            state: self.worker.state(),
            address: self.lifetime.key(),
            lifetime: &self.lifetime,
            multiplexed: version == Version::HTTP_2,
        }
    }

    /// Whether requests use the share of an account in the common limits, and not that of their address.
    fn has_own_share(&self) -> bool {
        self.lifetime.is_authenticated() || self.is_known.get()
    }

    /// Records whether the client's certificate identified an account.
    fn note(&self, evidence: &Evidence) {
        let known_holders = &self.worker.state().known_holders;
        let account = match evidence {
            Evidence::Certificate(credential) => credential.account().ok(),
            Evidence::Rejected(rejection) if rejection.denial().id().is_transient() => return,
            Evidence::Rejected(_) => None,
            Evidence::Password { .. } | Evidence::None(_) => return,
        };
        if self.is_known.replace(account.is_some()) == account.is_some() {
            return;
        }
        let leaf = self.connection.credential().and_then(ConnectionCredential::fingerprint);
        let Some(leaf) = leaf else { return };
        match account {
            Some(account) => {
                known_holders.authenticated(*leaf.as_bytes(), self.worker.state().account_key(account));
            }
            None => known_holders.rejected(leaf.as_bytes()),
        }
    }

    /// The part of the audit log's queue that a request may use. Clients that have not been authenticated leave slots to
    /// others. A certificate that has not been validated is no reason for more, since anyone can forge one; but the first
    /// request of a connection with one may use a part of its own, a few for each address, so that a user whose certificate
    /// is new is served although anonymous clients have filled their part.
    fn audit_part(&self) -> Part {
        let is_newcomer = || {
            let in_progress = self.lifetime.budget().map_or(0, |budget| budget.in_flight());
            self.pays_by_account() && self.lifetime.requests() <= 1 && in_progress <= NEWCOMERS_PER_ADDRESS
        };
        if self.has_own_share() {
            Part::Whole
        } else if is_newcomer() {
            Part::SevenEighths
        } else {
            Part::ThreeQuarters
        }
    }

    fn begin_record(
        &self,
        head: &http::request::Parts,
        id: RequestId,
        place: Option<RequestInFlight>,
    ) -> Result<RequestRecord, Denial> {
        let state = self.worker.state();
        let slot = state.audit.reserve(self.audit_part()).map_err(|error| {
            state.metrics.decisions.denied(DenialId::AuditUnavailable.index());
            Denial::because(DenialId::AuditUnavailable, &error)
        })?;
        let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let head = RequestHead {
            time: state.clock.now(),
            id,
            version: head.version,
            method: head.method.as_str(),
            target: received_target(&head.uri, head.version),
            host: host.or_else(|| head.uri.authority().map(http::uri::Authority::as_str)),
        };
        let slot = slot.holding(place);
        Ok(RequestRecord::begin(slot, &self.facts, &head, state.metrics.decisions.clone()))
    }

    /// Rejects a request: sends the error response, completes the record, and drains the rest of the body.
    async fn reject(
        &self,
        denial: &Denial,
        site: Option<&Arc<Site>>,
        wanted: &ResponsePreferences,
        version: Version,
        mut in_flight: InFlight,
    ) -> Response<ClientResponseBody> {
        let challenge = site.filter(|_| in_flight.takes_password).map(|site| basic_challenge(&site.name));
        let credential = self.connection.credential();
        let now = self.worker.state().clock.now();
        let is_proof_expired =
            |site: &Arc<Site>| credential.is_some_and(|credential| credential.is_proof_expired(site, now));
        let details = DenialDetails {
            challenge: challenge.as_ref(),
            allow: in_flight.allow.as_ref(),
            redirect: in_flight.redirect.as_ref(),
            may_lack_rsa_pss: credential.is_some_and(ConnectionCredential::may_lack_rsa_pss),
            proof_expired: site.is_some_and(is_proof_expired),
            help: site.and_then(|site| site.help_desk.as_deref()),
        };
        let mut page = wanted.page(denial, in_flight.id, details);
        in_flight.record.denial(denial);
        // A client that is gone receives no response.
        if denial.id() != DenialId::ClientDisconnected {
            in_flight.record.status(page.status());
        }
        if let Some(body) = in_flight.body.take() {
            in_flight.closes = self.end_body(body, version, wanted).await == BodyRest::Unread;
        }
        if in_flight.closes && version != Version::HTTP_2 {
            self.close_after(&mut page);
        }
        page.map(|page| {
            ClientResponseBody::page(page, Some((in_flight.record, self.lifetime.begin_response())))
        })
    }

    /// Whether requests count against the budget of an account rather than of the address, so that a client with a
    /// certificate is served although others at its address have used theirs. If the certificate maps to no account, the
    /// request counts against the address after all.
    fn pays_by_account(&self) -> bool {
        let credential = self.connection.credential();
        credential.is_some_and(ConnectionCredential::is_presented) || self.lifetime.is_authenticated()
    }

    /// Takes the request out of the budget that it counts against, unless that was done before.
    fn pay(&self, in_flight: &mut InFlight) -> Result<(), Denial> {
        if !std::mem::take(&mut in_flight.unpaid) {
            return Ok(());
        }
        let paid = match self.lifetime.is_authenticated() {
            true => self.account.take_again(),
            false => request_rate::of_address(&self.lifetime),
        };
        paid.map_err(|excess| excess.into_denial(&mut in_flight.record))
    }

    /// The budget of HTTP/2 frames that serve no request.
    pub(super) fn frames(&self) -> &Rc<FrameBudget> {
        &self.frames
    }

    /// The lifetime of the connection.
    pub(super) fn lifetime(&self) -> &Rc<ConnectionLifetime> {
        &self.lifetime
    }

    /// Cancelled when no more requests are accepted.
    pub(super) fn stopping(&self) -> CancellationToken {
        self.worker.state().stopping.clone()
    }

    /// Handles the end of an HTTP/1.1 connection. If hyper could not parse the last request, or its head was never
    /// completed, writes its record, and returns an error page if one can still be sent.
    pub(super) fn connection_ended<IO>(
        &self,
        ended: &hyper::Result<()>,
        left: &EndedStream<IO>,
    ) -> Option<Vec<u8>> {
        let error = ended.as_ref().err()?;
        let id = if error.is_parse_too_large() {
            DenialId::HeadersTooLarge
        } else if error.is_parse() {
            DenialId::MalformedRequest
        } else if error.is_timeout() && left.head_begun && left.is_quiet {
            DenialId::RequestTimeout
        } else {
            self.log_end(error);
            return None;
        };
        let request = RequestId::random();
        let denial = Denial::because(id, error);
        self.record_unread(&denial, request, Version::HTTP_11, Some(denial.id().status()));
        let page = ResponsePreferences::unknown().page(&denial, request, DenialDetails::default());
        left.is_quiet.then(|| last_in_http1(&page, self.worker.state().clock.now()))
    }

    /// Records a request over HTTP/2 whose head was rejected before it became a request. It counts against the budget of
    /// its client like others, and has no record if they would have none.
    pub(super) fn head_rejected(&self, denial: &Denial, status: Option<StatusCode>) {
        let paid = match self.lifetime.is_authenticated() {
            true => self.account.take_again(),
            false => request_rate::of_address(&self.lifetime),
        };
        match paid {
            Ok(()) => self.record_unread(denial, RequestId::random(), Version::HTTP_2, status),
            Err(RateLimitDenial { denial, recorded: true }) => {
                self.record_unread(&denial, RequestId::random(), Version::HTTP_2, status);
            }
            Err(RateLimitDenial { denial, recorded: false }) => {
                self.worker.state().metrics.decisions.denied(denial.id().index());
            }
        }
    }

    /// The value of `Date` for a response that is sent now.
    pub(super) fn date(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(http_date(self.worker.state().clock.now())).ok()
    }

    /// It is no request, so it has no audit record; any client can cause it, so there is one line a minute.
    fn count_flood(&self, error: &(dyn std::error::Error + 'static)) {
        let state = self.worker.state();
        state.metrics.connections.http2_flood.inc();
        if let Some(connections) = state.http2_floods.count() {
            tracing::warn!(
                target: "portcullis::limits",
                connections,
                last_peer = self.facts.peer.as_str(),
                listener = self.facts.listener.as_str(),
                error,
                "HTTP/2 connections were closed: their clients sent too many frames that serve no request"
            );
        }
    }

    /// Handles an HTTP/2 connection that ended with an error.
    pub(super) fn http2_failed(&self, error: &(dyn std::error::Error + 'static)) {
        if self.frames.is_exceeded() || is_calmed(error) {
            self.count_flood(error);
        } else {
            self.log_end(error);
        }
    }

    fn log_end(&self, error: &(dyn std::error::Error + 'static)) {
        tracing::debug!(target: "portcullis::connection", peer = self.facts.peer.as_str(), error);
    }

    /// The record of a request whose head could not be read.
    fn record_unread(&self, denial: &Denial, id: RequestId, version: Version, status: Option<StatusCode>) {
        let state = self.worker.state();
        let Ok(slot) = state.audit.reserve(self.audit_part()) else {
            state.metrics.decisions.denied(DenialId::AuditUnavailable.index());
            return;
        };
        let head = RequestHead {
            time: state.clock.now(),
            id,
            version,
            method: "",
            target: String::new(),
            host: None,
        };
        let mut record = RequestRecord::begin(slot, &self.facts, &head, state.metrics.decisions.clone());
        record.denial(denial);
        if let Some(status) = status {
            record.status(status);
        }
        record.finish(0);
    }
}

impl Drop for ConnectionService {
    fn drop(&mut self) {
        self.worker.state().metrics.client_connections.dec();
    }
}

/// Whether h2 closed the connection because of one of its own limits: resets, CONTINUATION frames, header lists.
fn is_calmed(error: &(dyn std::error::Error + 'static)) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|error| error.is_library() && error.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}

/// A stream that ends before its response was reset by the client, or by h2 because the request is malformed.
fn stream_ended(reason: Option<h2::Reason>, record: &mut RequestRecord) -> h2::Reason {
    if reason == Some(h2::Reason::PROTOCOL_ERROR) {
        let detail = "the stream was reset with PROTOCOL_ERROR before the response";
        record.denial(&Denial::new(DenialId::MalformedRequest, detail));
    }
    reason.unwrap_or(h2::Reason::CANCEL)
}
