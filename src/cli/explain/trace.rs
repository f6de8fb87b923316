//! Traces one request through the functions of the request pipeline, in the order of `proxy::service`, and records the
//! result of each step. It never connects to a backend.

use super::certificate;
use super::facts::{
    AuthorizationFacts, BackendRequestFacts, Explanation, HeaderFacts, ResponseFacts, RuleFacts,
};
use crate::backend::{BackendRequest, RequestBody, UpstreamTarget};
use crate::cli::output::format_time;
use crate::clock::UnixTime;
use crate::config::CompiledConfig;
use crate::headers::forwarded::RequestOrigin;
use crate::headers::request_headers;
use crate::limits::AddressKey;
use crate::policy::{AccessRule, Denial, DenialId, Evidence, ForwardedAs, PasswordRule, Permit, decide};
use crate::proxy::{Authenticator, ConnectionCredential, assertion_terms, backend_request, routing};
use crate::request::{Authority, RequestId, RequestTarget, TargetScheme};
use crate::site::{Backend, BackendIdentity, ListenerSites, PathRule, Site};
use crate::telemetry::Metrics;
use crate::tls::TlsFacts;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::Empty;
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The client's address if `--from` does not specify one: an address that RFC 5737 reserves for documentation.
const EXAMPLE_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// RFC 8446 4.2.3 excludes PKCS#1 v1.5 signatures from TLS 1.3, and many smartcards support no other.
const NO_RSA_PSS: &str = "the site permits TLS 1.3, in which a smartcard without RSA-PSS presents no certificate: set \
     tls.max = \"1.2\"";

/// For an access list with `networks`, and no `--from`.
const EXAMPLE_NETWORK: &str = "the path rule depends on the client's address: specify it with --from";

/// For `on_bad_certificate = "alert"`.
const ALERT: &str =
    "the site rejects such a certificate with a TLS alert in the handshake: the user sees no error page";

/// The inputs of a trace.
pub(super) struct RequestTrace<'a> {
    pub(super) compiled: &'a CompiledConfig,
    pub(super) metrics: &'a Metrics,
    /// The chain that the client presents, leaf certificate first; empty if it presents none.
    pub(super) presented: Vec<CertificateDer<'static>>,
    pub(super) now: UnixTime,
    /// `None` if the address was not specified.
    pub(super) client: Option<IpAddr>,
}

impl RequestTrace<'_> {
    /// Explains a request for `url`. A rejected request is a result, not an error.
    ///
    /// # Errors
    /// If the request cannot be represented, or the runtime cannot be started.
    pub(super) fn explain(&self, method: Method, url: Uri) -> anyhow::Result<Explanation> {
        let mut explanation = Explanation {
            url: url.to_string(),
            method: method.to_string(),
            evaluated_at: format_time(self.now),
            client: self.client(),
            listener: None,
            site: None,
            canonical_path: None,
            rule: None,
            certificate: None,
            authorization: None,
            backend_request: None,
            response: ResponseFacts::permit(),
        };
        let request = Request::builder().method(method).uri(url).body(())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        if let Err(denial) = runtime.block_on(self.steps(request.into_parts().0, &mut explanation)) {
            if denial.id() == DenialId::AccessDenied {
                explanation.authorization = Some(AuthorizationFacts::rejected(&denial));
            }
            let ResponseFacts { redirect, hint, password_prompt, .. } = explanation.response;
            explanation.response =
                ResponseFacts { redirect, hint, password_prompt, ..ResponseFacts::denial(&denial) };
        }
        Ok(explanation)
    }

    /// Runs the steps, and records each result in `explanation`.
    async fn steps(
        &self,
        mut head: http::request::Parts,
        explanation: &mut Explanation,
    ) -> Result<(), Denial> {
        let snapshot = &self.compiled.snapshot;
        let target = RequestTarget::parse(&head.uri)
            .map_err(|error| Denial::because(DenialId::InvalidPath, &error))?;
        let authority = routing::authority(&target, &head.headers, || None)?;
        let over_tls = target.scheme() == Some(TargetScheme::Https);
        let sites = if over_tls { &snapshot.sites.tls } else { &snapshot.sites.http };
        let (listener, site) = site_of(sites, &authority, over_tls)?;
        explanation.listener = Some(listener.to_string());
        explanation.site = Some(site.name.to_string());

        let path = routing::canonical_path(&target, site)?;
        explanation.canonical_path = Some(path.to_string());
        if !over_tls {
            let redirect = routing::redirect(site, &authority, &path, target.query());
            let text = redirect.and_then(|redirect| redirect.to_str().map(str::to_owned).ok());
            explanation.response.redirect = text;
            return Err(routing::tls_required());
        }
        let found = routing::path_rule(site, &path)?;
        let PathRule { rule, backend } = found.rule;
        explanation.rule = Some(RuleFacts::of(found.rule));
        if self.client.is_none() && rule.access.uses_networks() {
            explanation.response.hint = Some(EXAMPLE_NETWORK);
        }
        let facts =
            routing::facts(self.client(), &head.method, &head.headers, &target, site, &authority, None);
        rule.check_request(&facts)?;
        request_headers::strip(&mut head.headers, &snapshot.owned)
            .map_err(|error| Denial::because(DenialId::MalformedRequest, &error))?;

        let evidence = self.evidence(rule, site, explanation).await;
        let permit = decide(rule, &facts, evidence, self.now)
            .inspect_err(|denial| explanation.response.password_prompt = password_prompt(rule, denial))?;
        explanation.response.hint = None;
        explanation.response.password_prompt =
            matches!(permit.forwarded_as(), ForwardedAs::Passthrough).then_some("backend");
        let by = permit.identity().map(|identity| {
            rule.access.authorize(identity.account(), identity.authenticated_by(), &rule.conditions)
        });
        explanation.authorization = Some(AuthorizationFacts::permitted(by.transpose()?));
        let origin = RequestOrigin {
            peer: SocketAddr::new(self.client(), 0),
            scheme: TargetScheme::Https,
            host: &authority,
            request_id: RequestId::random(),
        };
        let host = routing::host_for_backend(backend, site, &authority);
        let target =
            UpstreamTarget { method: head.method, path: found.forward, query: target.query(), host, origin };
        let body = RequestBody::new(Empty::<Bytes>::new(), rule.max_body, HeaderMap::clear);
        let terms = assertion_terms(&permit, backend, self.now, self.now);
        let request = backend_request(&permit, backend, &target, terms.as_ref(), head.headers, body)?;
        explanation.backend_request = Some(backend_request_facts(backend, &permit, &target.method, &request));
        Ok(())
    }

    fn client(&self) -> IpAddr {
        self.client.unwrap_or(EXAMPLE_CLIENT)
    }

    /// Authenticates the presented chain. The caches are empty, so every stage runs.
    async fn evidence(&self, rule: &AccessRule, site: &Site, explanation: &mut Explanation) -> Evidence {
        let tls = TlsFacts {
            version: site.tls.max_version(),
            cipher: String::new(),
            alpn: None,
            http2: false,
            resumed: false,
            asked: site.tls.requests_certificate(),
            certificates: self.presented.clone(),
            proven_at: self.now,
        };
        if tls.requested_without_certificate_in_tls13() {
            explanation.response.hint = Some(NO_RSA_PSS);
        }
        let client = AddressKey::of(self.client(), self.compiled.snapshot.connections.ipv6_prefix);
        let card = ConnectionCredential::new(tls, client);
        match card.to_judge(rule, site, self.now) {
            Err(evidence) => {
                explanation.certificate = Some(certificate::not_evaluated(&evidence));
                evidence
            }
            Ok((chain, realm)) => {
                let process = &self.compiled.process;
                let judge = Authenticator::new(
                    process.validation_timeout,
                    process.validation_concurrency,
                    process.caches,
                    self.metrics,
                );
                let verdict = judge.judge(realm, &chain, client, self.now).await;
                if verdict.is_err() && site.tls.alerts_on_bad_certificate() {
                    explanation.response.hint = Some(ALERT);
                }
                explanation.certificate =
                    Some(certificate::evaluated(realm, &chain, &verdict, self.now).await);
                Evidence::from(verdict)
            }
        }
    }
}

/// The password prompt of a denial: if the rule permits passwords, a client without credentials is asked for one.
fn password_prompt(rule: &AccessRule, denial: &Denial) -> Option<&'static str> {
    let is_prompted =
        denial.id() == DenialId::CredentialsRequired && rule.password == PasswordRule::Directory;
    is_prompted.then_some("directory")
}

/// The site of the host. If several listeners serve it, the port of the authority selects one.
fn site_of<'s>(
    listeners: &'s HashMap<SocketAddr, ListenerSites>,
    authority: &Authority,
    over_tls: bool,
) -> Result<(SocketAddr, &'s Arc<Site>), Denial> {
    let port = authority.port().unwrap_or(if over_tls { 443 } else { 80 });
    let serving = listeners.iter();
    let mut serving: Vec<_> =
        serving.filter_map(|(address, sites)| Some((*address, sites.for_host(authority.host())?))).collect();
    serving.sort_by_key(|(address, _)| (address.port() != port, *address));
    serving.first().copied().ok_or_else(|| {
        let protocol = if over_tls { "https" } else { "http" };
        Denial::new(
            DenialId::MisdirectedRequest,
            format!("no site serves {} over {protocol}", authority.host()),
        )
    })
}

fn backend_request_facts(
    backend: &Backend,
    permit: &Permit,
    method: &Method,
    request: &BackendRequest,
) -> BackendRequestFacts {
    let lines = request
        .headers()
        .iter()
        .map(|(name, value)| HeaderFacts { name: name.to_string(), value: header_text(value) });
    let mut headers: Vec<_> = lines.collect();
    headers.sort_by(|one, other| one.name.cmp(&other.name));
    BackendRequestFacts {
        backend: backend.settings.name.to_string(),
        servers: backend.settings.servers.iter().map(ToString::to_string).collect(),
        method: method.to_string(),
        target: request.target().to_string(),
        identity: permit.identity().map(|_| identity_mode(&backend.identity)),
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

/// Hides secrets, and assertions that a reader of the output could present to the backend.
fn header_text(value: &HeaderValue) -> String {
    if value.is_sensitive() {
        return "(hidden)".to_owned();
    }
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
