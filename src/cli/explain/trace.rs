//! Walks the road of one request, as `proxy::service` does, by the same functions and in the same order, and notes
//! what each step finds. Never asks a backend.

use super::certificate;
use super::facts::{AdmissionFacts, AnswerFacts, Explanation, HeaderFacts, RuleFacts, ToBackend};
use crate::backend::{BackendRequest, RequestBody, Target};
use crate::cli::time::written;
use crate::clock::UnixTime;
use crate::config::Compiled;
use crate::headers::forwarded::Origin;
use crate::headers::request_headers;
use crate::limits::scheduling::ClientNetwork;
use crate::policy::{AccessRule, Denial, DenialId, Evidence, ForwardedAs, PasswordRule, Permit, decide};
use crate::proxy::{CardOnConnection, Judge, assertion_terms, backend_request, lookup};
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

/// The client's address in the headers that are shown: one of those that RFC 5737 sets aside for examples.
const EXAMPLE_CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// RFC 8446 4.2.3 takes PKCS#1 v1.5 away from TLS 1.3, and many cards can do nothing else.
const SILENT_CARD: &str = "the site speaks TLS 1.3, under which a card that cannot sign RSA-PSS sends no certificate: \
     set tls.max = \"1.2\"";

/// Where `networks` are judged by an address that nobody named.
const EXAMPLE_NETWORK: &str = "the path looks at the client's address: name it with --from";

/// Where `on_bad_certificate = "alert"`.
const ALERT: &str =
    "the site ends the handshake of such a certificate with a TLS alert: its client sees no page";

/// What a request is walked with.
pub(super) struct RequestTrace<'a> {
    pub(super) compiled: &'a Compiled,
    pub(super) metrics: &'a Metrics,
    /// What the client presents, its own certificate first; nothing where it presents none.
    pub(super) presented: Vec<CertificateDer<'static>>,
    pub(super) now: UnixTime,
    /// Where the request comes from; an address for examples where nobody said.
    pub(super) client: Option<IpAddr>,
}

impl RequestTrace<'_> {
    /// Says what would become of a request for `url`. Fails only where this process cannot judge at all.
    pub(super) fn walk(&self, method: Method, url: Uri) -> anyhow::Result<Explanation> {
        let mut explanation = Explanation {
            url: url.to_string(),
            method: method.to_string(),
            judged_at: written(self.now),
            client: self.client(),
            listener: None,
            site: None,
            canonical_path: None,
            rule: None,
            card: None,
            admission: None,
            to_backend: None,
            answer: AnswerFacts::permit(),
        };
        let request = Request::builder().method(method).uri(url).body(())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        if let Err(denial) = runtime.block_on(self.steps(request.into_parts().0, &mut explanation)) {
            if denial.id() == DenialId::AccessDenied {
                explanation.admission = Some(AdmissionFacts::refused(&denial));
            }
            let AnswerFacts { redirect, hint, dialogue, .. } = explanation.answer;
            let answer = AnswerFacts { redirect, hint, dialogue, ..AnswerFacts::denial(&denial) };
            explanation.answer = answer;
        }
        Ok(explanation)
    }

    /// The road, step by step.
    async fn steps(
        &self,
        mut head: http::request::Parts,
        explanation: &mut Explanation,
    ) -> Result<(), Denial> {
        let snapshot = &self.compiled.snapshot;
        let target = RequestTarget::parse(&head.uri)
            .map_err(|error| Denial::because(DenialId::InvalidPath, &error))?;
        let authority = lookup::authority(&target, &head.headers, || None)?;
        let over_tls = target.scheme() == Some(TargetScheme::Https);
        let sites = if over_tls { &snapshot.sites.tls } else { &snapshot.sites.plain };
        let (listener, site) = named_site(sites, &authority, over_tls)?;
        explanation.listener = Some(listener.to_string());
        explanation.site = Some(site.name.to_string());

        let path = lookup::canonical_path(&target, site)?;
        explanation.canonical_path = Some(path.to_string());
        if !over_tls {
            let redirect = lookup::redirect(site, &authority, &path, target.query());
            let text = redirect.and_then(|redirect| redirect.to_str().map(str::to_owned).ok());
            explanation.answer.redirect = text;
            return Err(lookup::tls_required());
        }
        let found = lookup::path_rule(site, &path)?;
        let PathRule { rule, backend } = found.rule;
        explanation.rule = Some(RuleFacts::of(found.rule));
        if self.client.is_none() && rule.access.uses_networks() {
            explanation.answer.hint = Some(EXAMPLE_NETWORK);
        }
        let facts =
            lookup::facts(self.client(), &head.method, &head.headers, &target, site, &authority, None);
        rule.check_request(&facts)?;
        request_headers::strip(&mut head.headers, &snapshot.owned)
            .map_err(|error| Denial::because(DenialId::MalformedRequest, &error))?;

        let evidence = self.evidence(rule, site, explanation).await;
        let permit = decide(rule, &facts, evidence, self.now)
            .inspect_err(|denial| explanation.answer.dialogue = asked_for_password(rule, denial))?;
        explanation.answer.hint = None;
        explanation.answer.dialogue =
            matches!(permit.forwarded_as(), ForwardedAs::Passthrough).then_some("backend");
        let by = permit.identity().map(|identity| {
            rule.access.authorize(identity.account(), identity.authenticated_by(), &rule.conditions)
        });
        explanation.admission = Some(AdmissionFacts::admitted(by.transpose()?));
        let origin = Origin {
            peer: SocketAddr::new(self.client(), 0),
            scheme: TargetScheme::Https,
            host: &authority,
            request_id: RequestId::random(),
        };
        let host = lookup::host_for_backend(backend, site, &authority);
        let target = Target { method: head.method, path: found.forward, query: target.query(), host, origin };
        let body = RequestBody::new(Empty::<Bytes>::new(), rule.max_body, HeaderMap::clear);
        let terms = assertion_terms(&permit, backend, self.now, self.now);
        let request = backend_request(&permit, backend, &target, terms.as_ref(), head.headers, body)?;
        explanation.to_backend = Some(to_backend(backend, &permit, &target.method, &request));
        Ok(())
    }

    fn client(&self) -> IpAddr {
        self.client.unwrap_or(EXAMPLE_CLIENT)
    }

    /// Judges what is presented, by a judge whose caches are empty.
    async fn evidence(&self, rule: &AccessRule, site: &Site, explanation: &mut Explanation) -> Evidence {
        let tls = TlsFacts {
            version: site.tls.max_version(),
            cipher: String::new(),
            alpn: None,
            http2: false,
            resumed: false,
            asked: site.tls.asks_for_certificate(),
            certificates: self.presented.clone(),
            proven_at: self.now,
        };
        if tls.requested_without_certificate_in_tls13() {
            explanation.answer.hint = Some(SILENT_CARD);
        }
        let client = ClientNetwork::of(self.client());
        let card = CardOnConnection::new(tls, client);
        match card.to_judge(rule, site, self.now) {
            Err(evidence) => {
                explanation.card = Some(certificate::unjudged(&evidence));
                evidence
            }
            Ok((chain, realm)) => {
                let process = &self.compiled.process;
                let judge =
                    Judge::new(process.judging_limit, process.judging_places, process.caches, self.metrics);
                let verdict = judge.judge(realm, &chain, client, self.now).await;
                if verdict.is_err() && site.tls.alerts_on_bad_certificate() {
                    explanation.answer.hint = Some(ALERT);
                }
                explanation.card = Some(certificate::judged(realm, &chain, &verdict, self.now).await);
                Evidence::from(verdict)
            }
        }
    }
}

/// A client that lacks credentials is asked for a password where the path takes one.
fn asked_for_password(rule: &AccessRule, denial: &Denial) -> Option<&'static str> {
    let is_asked = denial.id() == DenialId::CredentialsRequired && rule.password == PasswordRule::Directory;
    is_asked.then_some("directory")
}

/// The site of the host, at the listener of the port where the host is served at several.
fn named_site<'s>(
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
        let speech = if over_tls { "TLS" } else { "plain HTTP" };
        Denial::new(
            DenialId::MisdirectedRequest,
            format!("no site serves {} over {speech}", authority.host()),
        )
    })
}

fn to_backend(backend: &Backend, permit: &Permit, method: &Method, request: &BackendRequest) -> ToBackend {
    let lines = request
        .headers()
        .iter()
        .map(|(name, value)| HeaderFacts { name: name.to_string(), value: shown(value) });
    let mut headers: Vec<_> = lines.collect();
    headers.sort_by(|one, other| one.name.cmp(&other.name));
    ToBackend {
        backend: backend.settings.name.to_string(),
        servers: backend.settings.servers.iter().map(ToString::to_string).collect(),
        method: method.to_string(),
        target: request.target().to_string(),
        identity: permit.identity().map(|_| way_of(&backend.identity)),
        headers,
    }
}

const fn way_of(identity: &BackendIdentity) -> &'static str {
    match identity {
        BackendIdentity::Headers => "headers",
        BackendIdentity::Kerberos(_) => "kerberos",
        BackendIdentity::Certificate(_) => "certificate",
    }
}

/// A secret, and an assertion that somebody could use, are not shown.
fn shown(value: &HeaderValue) -> String {
    if value.is_sensitive() {
        return "(not shown)".to_owned();
    }
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
