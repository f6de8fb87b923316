//! Runs the request pipeline for one request and records the result of every step.

use super::certificate::CertificateTrace;
use super::facts::{
    AuthorizationFacts, BackendRequestFacts, Explanation, HeaderFacts, ResponseFacts, RuleFacts,
};
use crate::cli::output::format_time;
use crate::clock::{Clock, UnixTime};
use crate::config::CompiledConfig;
use crate::identity::MappingTrace;
use crate::limits::AddressKey;
use crate::policy::{Denial, DenialId, Evidence, ForwardedAs, PasswordRule};
use crate::proxy::pipeline::{
    ClientChannel, ClientConnection, ConnectionCredential, PermittedRequest, PipelineObserver,
    PreparedRequest, ReceivedRequest, RequestContext, authorize,
};
use crate::proxy::{Authenticator, ConnectionEndpoints, authenticate_in_handshake};
use crate::request::{Authority, CanonicalPath, RequestId, RequestTarget, TargetScheme};
use crate::site::{BackendIdentity, ListenerSites, PathRule, Realm, Site};
use crate::telemetry::Metrics;
use crate::tls::HandshakeFacts;
use crate::validation::{PresentedChain, ValidatedChain};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Extensions, HeaderMap, HeaderValue, Method, Uri, Version, header};
use http_body_util::Empty;
use rustls::CertificateError;
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The address of the client if `--from` does not specify one. RFC 5737 reserves it for documentation.
const EXAMPLE_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// The hint if no certificate is presented. RFC 8446 4.2.3 excludes PKCS #1 v1.5 signatures from TLS 1.3, and many
/// smartcards support no other.
const NO_RSA_PSS: &str = "the site permits TLS 1.3, in which a smartcard without RSA-PSS presents no certificate: set \
     tls.max = \"1.2\"";

/// The hint for an access list with `networks` if `--from` is not specified.
const EXAMPLE_NETWORK: &str = "the path rule depends on the client's address: specify it with --from";

/// The hint for a rejected certificate on a site with `on_bad_certificate = "alert"`.
const ALERT: &str =
    "the site rejects the certificate with a TLS alert in the handshake, so the user sees no error page";

/// The request that `explain` traces.
#[derive(Clone, Debug)]
pub struct ExplainedRequest {
    /// The request method.
    pub method: Method,
    /// The URL. Its host is the server name of the handshake, and the `Host` unless `headers` contains one.
    pub url: Uri,
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The chain that the client presents, leaf certificate first; empty if it presents none.
    pub presented: Vec<CertificateDer<'static>>,
    /// The time of the request.
    pub now: UnixTime,
    /// The client's address; `None` stands for an example address.
    pub client: Option<IpAddr>,
}

impl ExplainedRequest {
    /// Returns how a gateway with this configuration handles the request. A rejection is a result, not an error. The caches
    /// are empty, so every stage of authentication runs.
    ///
    /// # Errors
    /// The runtime cannot be started.
    pub fn explain(self, compiled: &CompiledConfig, metrics: &Metrics) -> anyhow::Result<Explanation> {
        let mut trace = RequestTrace::new(&self);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let result = runtime.block_on(trace.run(self, compiled, metrics));
        Ok(trace.finish(result))
    }

    fn client(&self) -> IpAddr {
        self.client.unwrap_or(EXAMPLE_CLIENT)
    }
}

/// Records the results of the pipeline's steps.
struct RequestTrace {
    explanation: Explanation,
    now: UnixTime,
    client_is_known: bool,
    may_lack_rsa_pss: bool,
    /// The error for which the handshake ends with an alert, on a site with `on_bad_certificate = "alert"`.
    alert: Option<CertificateError>,
    is_rejected_certificate: bool,
    accepts_password: bool,
    certificate: Option<CertificateTrace>,
}

impl RequestTrace {
    fn new(request: &ExplainedRequest) -> Self {
        let explanation = Explanation {
            url: request.url.to_string(),
            method: request.method.to_string(),
            evaluated_at: format_time(request.now),
            client: request.client(),
            listener: None,
            site: None,
            canonical_path: None,
            rule: None,
            certificate: None,
            authorization: None,
            backend_request: None,
            response: ResponseFacts::permit(),
        };
        Self {
            explanation,
            now: request.now,
            client_is_known: request.client.is_some(),
            may_lack_rsa_pss: false,
            alert: None,
            is_rejected_certificate: false,
            accepts_password: false,
            certificate: None,
        }
    }

    async fn run(
        &mut self,
        request: ExplainedRequest,
        compiled: &CompiledConfig,
        metrics: &Metrics,
    ) -> Result<(), Denial> {
        let (snapshot, process) = (&compiled.snapshot, &compiled.process);
        let connection = self.connection(&request, compiled)?;
        let authenticator = Authenticator::new(
            process.validation_timeout,
            process.validation_concurrency,
            process.caches,
            metrics,
        );
        let mut headers = received_headers(&request)?;
        let context = RequestContext {
            snapshot,
            authenticator: &authenticator,
            clock: &Clock::stopped_at(request.now),
            connection: &connection,
            site: connection.site(snapshot),
            request_id: RequestId::random(),
            content_length: content_length(&headers)?,
        };
        let received = ReceivedRequest {
            method: &request.method,
            uri: &origin_form(&request.url),
            version: Version::HTTP_11,
            headers: &mut headers,
            extensions: &mut Extensions::new(),
        };
        let mut permitted = authorize(&context, received, self).await?;
        let body = permitted.request_body(Empty::<Bytes>::new());
        self.permitted(&permitted)?;
        let prepared = permitted.prepare(headers, body)?;
        self.explanation.backend_request = Some(backend_request_facts(&permitted, &prepared));
        Ok(())
    }

    /// Returns the connection on which a client sends the request if it opens the URL.
    fn connection(
        &mut self,
        request: &ExplainedRequest,
        compiled: &CompiledConfig,
    ) -> Result<ClientConnection, Denial> {
        let snapshot = &compiled.snapshot;
        let target = RequestTarget::parse(&request.url)
            .map_err(|error| Denial::because(DenialId::InvalidPath, &error))?;
        let no_host = || Denial::new(DenialId::InvalidPath, "the URL has no scheme or no host");
        let (scheme, authority) = target.scheme().zip(target.authority()).ok_or_else(no_host)?;
        let listeners = match scheme {
            TargetScheme::Https => &snapshot.sites.tls,
            TargetScheme::Http => &snapshot.sites.http,
        };
        let (listener, site) = site_of(listeners, authority, scheme)?;
        self.explanation.listener = Some(listener.to_string());
        let client = AddressKey::of(request.client(), snapshot.connections.ipv6_prefix);
        let channel = match scheme {
            TargetScheme::Http => ClientChannel::Plain,
            TargetScheme::Https => {
                let credential = ConnectionCredential::new(handshake(request, site), client);
                self.may_lack_rsa_pss = credential.may_lack_rsa_pss();
                self.alert = alert(request, site);
                // If the host is an address, a client connects to it and sends no server name (RFC 6066 3).
                let address = authority.host().address();
                ClientChannel::Tls {
                    local: SocketAddr::new(address.unwrap_or(listener.ip()), listener.port()),
                    server_name: address.is_none().then(|| authority.host().clone()),
                    credential: Box::new(credential),
                }
            }
        };
        let peer = SocketAddr::new(request.client(), 0);
        Ok(ClientConnection { endpoints: ConnectionEndpoints { listener, peer }, client, channel })
    }

    fn permitted(&mut self, permitted: &PermittedRequest<'_>) -> Result<(), Denial> {
        let permit = permitted.permit();
        let response = &mut self.explanation.response;
        response.hint = None;
        response.password_prompt =
            matches!(permit.forwarded_as(), ForwardedAs::Passthrough).then_some("backend");
        let rule = permit.rule();
        let by = permit.identity().map(|identity| {
            rule.access.authorize(identity.account(), identity.authenticated_by(), &rule.conditions)
        });
        self.explanation.authorization = Some(AuthorizationFacts::permitted(by.transpose()?));
        Ok(())
    }

    fn finish(self, result: Result<(), Denial>) -> Explanation {
        let Self { mut explanation, accepts_password, .. } = self;
        // The alert ends the handshake, so no path receives the request, not even one that ignores certificates.
        let result = match &self.alert {
            Some(error) if !self.is_rejected_certificate => Err(alert_denial(error)),
            Some(_) | None => result,
        };
        let Err(denial) = result else { return explanation };
        if self.alert.is_some() {
            explanation.authorization = None;
            explanation.backend_request = None;
            explanation.response.hint = Some(ALERT);
        }
        if denial.id() == DenialId::AccessDenied {
            explanation.authorization = Some(AuthorizationFacts::rejected(&denial));
        }
        // A client without credentials is prompted for a password if the path rule accepts one.
        let is_prompted = denial.id() == DenialId::CredentialsRequired && accepts_password;
        let ResponseFacts { redirect, hint, .. } = explanation.response;
        explanation.response = ResponseFacts {
            redirect,
            hint,
            password_prompt: is_prompted.then_some("directory"),
            ..ResponseFacts::denial(&denial)
        };
        explanation
    }
}

impl PipelineObserver for RequestTrace {
    fn site(&mut self, site: &Site) {
        self.explanation.site = Some(site.name.to_string());
    }

    fn canonical_path(&mut self, path: &CanonicalPath) {
        self.explanation.canonical_path = Some(path.to_string());
    }

    fn redirect(&mut self, location: HeaderValue) {
        self.explanation.response.redirect = location.to_str().map(str::to_owned).ok();
    }

    fn rule(&mut self, rule: &PathRule) {
        self.explanation.rule = Some(RuleFacts::of(rule));
        self.accepts_password = rule.rule.password == PasswordRule::Directory;
        if !self.client_is_known && rule.rule.access.uses_networks() {
            self.explanation.response.hint = Some(EXAMPLE_NETWORK);
        }
    }

    fn presented_chain(&mut self, realm: &Realm, chain: &PresentedChain) {
        self.certificate = Some(CertificateTrace::new(realm, chain));
    }

    fn validated_chain(&mut self, chain: &ValidatedChain) {
        if let Some(certificate) = &mut self.certificate {
            certificate.validated(chain);
        }
    }

    fn mapping(&mut self, mapping: &MappingTrace) {
        if let Some(certificate) = &mut self.certificate {
            certificate.mapped(mapping);
        }
    }

    fn certificate_evidence(&mut self, evidence: &Evidence) {
        if self.may_lack_rsa_pss {
            self.explanation.response.hint = Some(NO_RSA_PSS);
        }
        self.is_rejected_certificate = matches!(evidence, Evidence::Rejected(_));
        self.explanation.certificate =
            Some(CertificateTrace::facts(self.certificate.take(), evidence, self.now));
    }
}

/// Returns a full handshake in which the client presents its chain, at the highest version that the site permits.
fn handshake(request: &ExplainedRequest, site: &Site) -> HandshakeFacts {
    HandshakeFacts {
        version: site.tls.max_version(),
        cipher: String::new(),
        alpn: None,
        http2: false,
        resumed: false,
        asked: site.tls.requests_certificate(),
        certificates: request.presented.clone(),
        proven_at: request.now,
    }
}

/// Returns the error for which the handshake ends with an alert, or `None` if it succeeds.
fn alert(request: &ExplainedRequest, site: &Site) -> Option<CertificateError> {
    let realm = site.realm.as_ref().filter(|_| site.tls.alerts_on_bad_certificate())?;
    if request.presented.is_empty() {
        return None;
    }
    authenticate_in_handshake(Arc::clone(realm), Clock::stopped_at(request.now))(&request.presented).err()
}

fn alert_denial(error: &CertificateError) -> Denial {
    let id = match error {
        CertificateError::Revoked => DenialId::CertificateRevoked,
        CertificateError::Expired => DenialId::CertificateExpired,
        CertificateError::NotValidYet => DenialId::CertificateNotYetValid,
        CertificateError::UnknownRevocationStatus => DenialId::RevocationUnknown,
        _ => DenialId::CertificateUntrusted,
    };
    Denial::new(id, format!("the handshake fails: {error}"))
}

/// Returns the headers of the request, with the `Host` that HTTP/1.1 requires.
fn received_headers(request: &ExplainedRequest) -> Result<HeaderMap, Denial> {
    let mut headers = request.headers.clone();
    if !headers.contains_key(header::HOST) {
        let host = request.url.authority().map_or("", |authority| authority.as_str());
        let host = HeaderValue::from_str(host)
            .map_err(|error| Denial::because(DenialId::MalformedRequest, &error))?;
        headers.insert(header::HOST, host);
    }
    Ok(headers)
}

/// Returns the declared length of the body as hyper determines it.
fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Denial> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(None);
    }
    let Some(length) = headers.get(header::CONTENT_LENGTH) else { return Ok(Some(0)) };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    let malformed = || Denial::new(DenialId::MalformedRequest, "Content-Length is not a number");
    length.map(Some).ok_or_else(malformed)
}

/// Returns the request target in the form that a client sends to an origin server (RFC 9112 3.2.1).
fn origin_form(url: &Uri) -> Uri {
    let target = url.clone().into_parts().path_and_query;
    Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")))
}

/// Returns the site of the host and its listener. If several listeners serve it, the port of the authority selects one.
fn site_of<'s>(
    listeners: &'s HashMap<SocketAddr, ListenerSites>,
    authority: &Authority,
    scheme: TargetScheme,
) -> Result<(SocketAddr, &'s Arc<Site>), Denial> {
    let default_port = match scheme {
        TargetScheme::Https => 443,
        TargetScheme::Http => 80,
    };
    let port = authority.port().unwrap_or(default_port);
    let serving = listeners.iter();
    let mut serving: Vec<_> =
        serving.filter_map(|(address, sites)| Some((*address, sites.for_host(authority.host())?))).collect();
    serving.sort_by_key(|(address, _)| (address.port() != port, *address));
    serving.first().copied().ok_or_else(|| {
        Denial::new(
            DenialId::MisdirectedRequest,
            format!("no site serves {} over {}", authority.host(), scheme.as_str()),
        )
    })
}

fn backend_request_facts(
    permitted: &PermittedRequest<'_>,
    prepared: &PreparedRequest,
) -> BackendRequestFacts {
    let (target, headers) = match prepared {
        PreparedRequest::Pooled(request, _) => (request.target(), request.headers()),
        PreparedRequest::Passthrough(request) => (request.target(), request.headers()),
    };
    let lines =
        headers.iter().map(|(name, value)| HeaderFacts { name: name.to_string(), value: header_text(value) });
    let mut headers: Vec<_> = lines.collect();
    headers.sort_by(|one, other| one.name.cmp(&other.name));
    let backend = permitted.backend();
    BackendRequestFacts {
        backend: backend.settings.name.to_string(),
        servers: backend.settings.servers.iter().map(ToString::to_string).collect(),
        method: permitted.target().method.to_string(),
        target: target.to_string(),
        identity: permitted.permit().identity().map(|_| identity_mode(&backend.identity)),
        headers,
    }
}

const fn identity_mode(identity: &BackendIdentity) -> &'static str {
    match identity {
        BackendIdentity::Headers => "headers",
        BackendIdentity::Kerberos(_) => "kerberos",
        BackendIdentity::Certificate(_) => "certificate",
    }
}

/// Returns the value for the output. Secrets are hidden, and so are assertions: a reader of the output could present one to
/// the backend.
fn header_text(value: &HeaderValue) -> String {
    if value.is_sensitive() {
        return "(hidden)".to_owned();
    }
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
