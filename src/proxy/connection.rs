//! One client connection: its handshake, the site of its server name, its HTTP version, and its end. Requests are
//! handled by [`service`](super::service).

use super::body::ClientResponseBody;
use super::client_body::ClientBody;
use super::client_stream::ClientStream;
use super::http2::Http2Connection;
use super::lifetime::{ConnectionLifetime, LifetimeAction, LifetimeLimits};
use super::linger::{self, RemainingData};
use super::pipeline::{ClientChannel, ClientConnection, ConnectionCredential, ConnectionEndpoints};
use super::record::ConnectionFacts;
use super::service::ConnectionService;
use super::snapshot::{ProxyLimits, Snapshot};
use super::worker::Worker;
use crate::limits::OpenConnection;
use crate::request::HostName;
use crate::telemetry::BoundedText;
use crate::telemetry::audit::{self, CertificateOffer};
use crate::tls::{self, AcceptedConnection, HandshakeContext, HandshakeError, HandshakeFacts};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// Serves one connection of a TLS listener until it ends.
pub(crate) async fn serve_tls(
    worker: Rc<Worker>,
    stream: TcpStream,
    endpoints: ConnectionEndpoints,
    open: OpenConnection,
) {
    let owner = Rc::clone(&worker);
    let state = owner.state();
    let snapshot = state.snapshot.load_full();
    let local = stream.local_addr().unwrap_or(endpoints.listener);
    let choose = |name: Option<&str>| {
        let name = name.map(HostName::parse).transpose().ok()?;
        let sites = snapshot.sites.tls.get(&endpoints.listener)?;
        let site = sites.for_server_name(name.as_ref(), local)?;
        Some((site.tls.clone(), (name, local)))
    };
    let client = open.key();
    let handshake = async {
        let _counted = open.begin_handshake(snapshot.connections.handshakes)?;
        let handshake = HandshakeContext {
            client: (client, state.authenticator.failing_clients().rank(client)),
            limits: snapshot.limits.handshake,
            clock: &state.clock,
            pool: &state.handshakes,
        };
        tls::accept(stream, choose, handshake).await
    };
    let evicted = open.evicted();
    // Boxed, so that an established connection has no room for it.
    let accepted = tokio::select! {
        accepted = Box::pin(handshake) => accepted,
        () = evicted.cancelled() => return,
        () = state.stopping.cancelled() => return,
    };
    count(&worker, &accepted);
    let (stream, (server_name, local), facts) = match accepted {
        Ok(AcceptedConnection { stream, chosen, facts }) => (stream, chosen, facts),
        Err(error) => {
            if error.is_clients_fault() {
                state.authenticator.failing_clients().failed(client);
            }
            state.failed_handshakes.failed(endpoints, &error, &state.stopping);
            return;
        }
    };
    let limits = snapshot.limits;
    let span = lifetime_span(&snapshot, &worker, &facts, server_name.as_ref(), endpoints, local);
    let lifetime = ConnectionLifetime::new(LifetimeLimits::new(span, &limits), open);
    drop(snapshot);
    let http2 = facts.http2;
    let connection = connection_facts(&worker, endpoints, Some(&facts));
    let credential = Box::new(ConnectionCredential::new(facts, client));
    let channel = ClientChannel::Tls { local, server_name, credential };
    let client_connection = ClientConnection { endpoints, client, channel };
    let service = Rc::new(ConnectionService::new(worker, connection, client_connection, lifetime));
    // Boxed, so that the task, which is moved several times when it is spawned, has no room for either.
    if http2 {
        Box::pin(serve_http2(stream, service, limits)).await;
    } else {
        Box::pin(serve_http1(stream, service, limits)).await;
    }
}

/// Serves one connection of a listener for plain HTTP. Its requests are redirected to TLS or rejected.
pub(crate) async fn serve_plain(
    worker: Rc<Worker>,
    stream: TcpStream,
    endpoints: ConnectionEndpoints,
    open: OpenConnection,
) {
    let limits = worker.state().snapshot.load().limits;
    let client = open.key();
    let lifetime = ConnectionLifetime::new(LifetimeLimits::new(limits.connection_max_age, &limits), open);
    let connection = connection_facts(&worker, endpoints, None);
    let client_connection = ClientConnection { endpoints, client, channel: ClientChannel::Plain };
    let service = Rc::new(ConnectionService::new(worker, connection, client_connection, lifetime));
    serve_http1(stream, service, limits).await;
}

async fn serve_http1<IO>(stream: IO, service: Rc<ConnectionService>, limits: ProxyLimits)
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let handler = RequestHandler(Rc::clone(&service));
    let stream = ClientStream::new(stream, Rc::clone(service.lifetime()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.client_idle_timeout)
        .max_header_size(limits.max_header)
        .max_headers(limits.max_header_fields)
        // For the backend: see `headers::spelling`.
        .preserve_header_case(true)
        .serve_connection(TokioIo::new(stream.handle()), handler);
    let ended = run(connection, &service, http1::Connection::graceful_shutdown, false).await;
    let (Some(ended), Some(left)) = (ended, stream.into_left()) else { return };
    let page = service.connection_ended(&ended, &left);
    let more = match page.is_some() || service.lifetime().has_unread_body() {
        true => RemainingData::Expected,
        false => RemainingData::Unlikely,
    };
    // An aborted response must be visible as such to the client, which a regular end would prevent.
    let is_orderly = match &ended {
        Ok(()) => true,
        Err(error) => page.is_some() || (error.is_timeout() && left.is_quiet),
    };
    if is_orderly {
        let closing = linger::close(left.io, page, more, limits.linger);
        service.lifetime().evicted().run_until_cancelled(closing).await;
    }
}

async fn serve_http2<IO>(stream: IO, service: Rc<ConnectionService>, limits: ProxyLimits)
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let connection = Http2Connection::new(stream, Rc::clone(&service), &limits);
    if let Some(Err(error)) = run(connection, &service, Http2Connection::graceful_shutdown, true).await {
        service.http2_failed(&error);
    }
}

/// The service as hyper calls it. Over HTTP/1.1 there is no error.
struct RequestHandler(Rc<ConnectionService>);

impl hyper::service::Service<Request<Incoming>> for RequestHandler {
    type Response = Response<ClientResponseBody>;
    type Error = h2::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, h2::Error>>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = Rc::clone(&self.0);
        let request = request.map(ClientBody::Http1);
        Box::pin(async move { service.answer(request, pending()).await.map_err(h2::Error::from) })
    }
}

/// Drives a connection. At the end of its lifetime, at shutdown, or when it was idle for too long, it completes the requests
/// in progress and closes. If that takes too long, it is dropped, and `None` is returned.
async fn run<C>(
    connection: C,
    service: &ConnectionService,
    shut_down: impl Fn(Pin<&mut C>),
    idle_ends: bool,
) -> Option<C::Output>
where
    C: Future,
{
    let lifetime = service.lifetime();
    let mut connection = std::pin::pin!(connection);
    let (stopping, retired, evicted) = (service.stopping(), lifetime.retired(), lifetime.evicted());
    let mut look = std::pin::pin!(sleep_until(Instant::now()));
    let mut closing = false;
    loop {
        let close = tokio::select! {
            ended = connection.as_mut() => return Some(ended),
            // hyper would wait for a first request, for the whole shutdown timeout.
            () = stopping.cancelled(), if !closing => match lifetime.is_unused() {
                true => return None,
                false => true,
            },
            () = retired.cancelled(), if !closing => true,
            () = evicted.cancelled() => return None,
            () = look.as_mut() => match lifetime.next_action(idle_ends) {
                LifetimeAction::Abort => return None,
                LifetimeAction::Close => true,
                LifetimeAction::Recheck(time) => {
                    look.as_mut().reset(time);
                    false
                }
            },
        };
        if close {
            look.as_mut().reset(lifetime.next_check_while_closing());
            if !closing {
                closing = true;
                shut_down(connection.as_mut());
            }
        }
    }
}

/// How long the connection accepts requests: up to its maximum age, or until the proof of possession expires.
fn lifetime_span(
    snapshot: &Snapshot,
    worker: &Worker,
    facts: &HandshakeFacts,
    server_name: Option<&HostName>,
    endpoints: ConnectionEndpoints,
    local: SocketAddr,
) -> Duration {
    let mut span = snapshot.limits.connection_max_age;
    let sites = snapshot.sites.tls.get(&endpoints.listener);
    if let (false, Some(site)) =
        (facts.certificates.is_empty(), sites.and_then(|sites| sites.for_server_name(server_name, local)))
    {
        let proof_end = facts.proven_at.plus(site.card_reauth_interval);
        span = span.min(proof_end.since(worker.state().clock.now()));
    }
    span
}

fn connection_facts(
    worker: &Worker,
    endpoints: ConnectionEndpoints,
    tls: Option<&HandshakeFacts>,
) -> ConnectionFacts {
    let tls = tls.map(|facts| audit::TlsFacts {
        version: facts.version.number(),
        resumed: facts.resumed,
        cipher: BoundedText::of(&facts.cipher),
        alpn: facts.alpn.as_ref().map(BoundedText::of),
        certificate: match (facts.asked, facts.certificates.is_empty()) {
            (false, _) => CertificateOffer::NotRequested,
            (true, true) => CertificateOffer::NotPresented,
            (true, false) => CertificateOffer::Presented,
        },
    });
    ConnectionFacts {
        listener: BoundedText::of(endpoints.listener),
        peer: BoundedText::of(endpoints.peer),
        tls: tls.map(Arc::new),
        series: Rc::default(),
        accounts: Rc::default(),
        log: worker.state().request_log.clone(),
    }
}

fn count<IO, T>(worker: &Worker, accepted: &Result<AcceptedConnection<IO, T>, HandshakeError>) {
    let handshakes = &worker.state().metrics.handshakes;
    match accepted {
        Ok(accepted) if accepted.facts.resumed => handshakes.resumed.inc(),
        Ok(_) => handshakes.full.inc(),
        Err(HandshakeError::UnknownName { .. }) => handshakes.unknown_name.inc(),
        Err(HandshakeError::Timeout { .. }) => handshakes.timeout.inc(),
        Err(HandshakeError::HandshakeLimitReached(_) | HandshakeError::Overloaded(_)) => {
            handshakes.limited.inc()
        }
        Err(HandshakeError::PlainHttp) => handshakes.plain_http.inc(),
        Err(HandshakeError::UnsupportedVersion(_)) => handshakes.old_version.inc(),
        Err(HandshakeError::Unused | HandshakeError::Closed { .. } | HandshakeError::Failed { .. }) => {
            handshakes.failed.inc()
        }
    };
}
