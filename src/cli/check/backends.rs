//! Online checks of the backends: each server is requested with the credentials of the gateway, and without them.

use super::kerberos::{self, DelegatedUser};
use super::probe::{GatewayCertificate, ProbeError, probe, probe_without_certificate, within};
use super::progress::CheckProgress;
use super::report::OnlineFinding;
use crate::backend::{ServerAddress, ServerTransport};
use crate::config::is_private;
use crate::headers::identity_headers::{self, ForwardedIdentity};
use crate::proxy::Snapshot;
use crate::request::{PathPattern, PathScope};
use crate::site::{Backend, BackendIdentity, Site};
use crate::telemetry::display_chain;
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::Empty;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::lookup_host;

/// The time limit of a connection, and again of a response. Requests of clients may have longer ones, for which an
/// administrator at a terminal would wait too long.
const LIMIT: Duration = Duration::from_secs(10);

const RESPONSE: &str = "response";
const CERTIFICATE_REQUEST: &str = "client certificate requested";
const GATEWAY_AUTHENTICATION: &str = "gateway authenticated";
const ENCRYPTION: &str = "encryption";

/// The host and path of the requests to one backend.
struct ProbeTarget {
    host: String,
    path: String,
}

/// Checks every server of every backend, and returns the findings. Requests are sent in the name of `user`, if any.
pub(super) async fn check(
    snapshot: &Snapshot,
    user: Option<&str>,
    progress: CheckProgress,
) -> Vec<OnlineFinding> {
    let mut findings = Vec::new();
    for backend in &snapshot.backends {
        let target = target(snapshot, backend);
        let delegated = match &backend.identity {
            BackendIdentity::Headers | BackendIdentity::Certificate(_) => None,
            BackendIdentity::Kerberos(delegation) => {
                let component = format!("backend {}, {}", backend.settings.name, delegation.service);
                progress.checking(&component);
                let (found, delegated) = kerberos::check(&component, delegation, user).await;
                findings.extend(found);
                delegated
            }
        };
        for server in &backend.settings.servers {
            let component = format!("backend {}, {server}", backend.settings.name);
            progress.checking(&component);
            let check = ServerCheck { component, backend, server, target: target.as_ref(), user };
            findings.extend(check.findings(delegated.as_ref()).await);
        }
    }
    findings
}

/// Returns the request target of a path rule of the backend: of one that authenticates clients, if possible, since its path
/// shows whether the server trusts the user's identity, and an exact path rather than a prefix, since it is more likely to
/// exist.
fn target(snapshot: &Snapshot, backend: &Arc<Backend>) -> Option<ProbeTarget> {
    let listeners = snapshot.sites.tls.values();
    let sites = listeners.flat_map(|listener| &listener.sites);
    let rules = sites.flat_map(|site| site.paths.rules().map(move |(pattern, rule)| (site, pattern, rule)));
    let rules = rules.filter(|(_, _, rule)| Arc::ptr_eq(&rule.backend, backend));
    let best = rules.min_by_key(|(_, pattern, rule)| {
        (!rule.rule.uses_certificate(), pattern.scope() == PathScope::Below, pattern.to_string())
    });
    best.map(|(site, pattern, _)| ProbeTarget { host: host(backend, site), path: path(pattern) })
}

fn host(backend: &Backend, site: &Site) -> String {
    let authority = backend.host.as_ref().or(site.public_host.as_ref());
    authority.map_or_else(|| site.name.to_string(), ToString::to_string)
}

fn path(pattern: &PathPattern) -> String {
    match pattern.scope() {
        PathScope::Itself => pattern.path().to_owned(),
        PathScope::Below => format!("{}/", pattern.path()),
    }
}

/// The check of one server, with the requests that are sent to it.
struct ServerCheck<'a> {
    component: String,
    backend: &'a Backend,
    server: &'a ServerAddress,
    target: Option<&'a ProbeTarget>,
    user: Option<&'a str>,
}

impl ServerCheck<'_> {
    async fn findings(&self, delegated: Option<&DelegatedUser<'_>>) -> Vec<OnlineFinding> {
        let (as_gateway, finding) = self.response().await;
        let mut findings = vec![finding];
        findings.extend(self.encryption().await);
        if let Ok(as_gateway) = &as_gateway
            && self.backend.identity_headers.depends_on_sender()
        {
            findings.push(self.gateway_authentication(as_gateway).await);
        }
        if let (Ok(_), Some(delegated)) = (&as_gateway, delegated) {
            findings.push(self.ticket(delegated).await);
        }
        findings
    }

    /// Sends one request as the gateway does, and returns the response and the finding about it. If users are identified by
    /// certificates, none is presented: the gateway issues them for permitted requests only, and the handshake shows without
    /// one whether the server requests it.
    async fn response(&self) -> (Result<Parts, ProbeError>, OnlineFinding) {
        match (&self.backend.identity, &self.server.transport) {
            (BackendIdentity::Certificate(_), ServerTransport::Tls(tls)) => {
                let request = self.request(GatewayCertificate::Presented);
                let (requested, response) = probe_without_certificate(self.server, tls, request, LIMIT).await;
                let finding = certificate_request_finding(&self.component, requested, &response);
                (response, finding)
            }
            _ => {
                let response = self.probe(GatewayCertificate::Presented).await;
                let finding = response_finding(&self.component, &response);
                (response, finding)
            }
        }
    }

    /// Returns a finding if the user's identity is sent without TLS to an address outside private networks. Validation of
    /// the configuration reports such addresses; a name must be resolved first, which it does not do.
    async fn encryption(&self) -> Option<OnlineFinding> {
        let sends_identity = matches!(self.backend.identity, BackendIdentity::Kerberos(_))
            || self.backend.identity_headers.depends_on_sender()
            || !self.gateway_headers().is_empty();
        if !sends_identity || matches!(self.server.transport, ServerTransport::Tls(_)) {
            return None;
        }
        let found = within(LIMIT, lookup_host((self.server.host.as_str(), self.server.port))).await;
        let public = found.ok()?.ok()?.map(|address| address.ip()).find(|address| !is_private(*address))?;
        let detail =
            format!("the user's identity is sent without TLS to {public}, which is not a private address");
        let finding = OnlineFinding::passed(&self.component, ENCRYPTION, detail);
        Some(finding.warning("write https:// and `ca`, or connect to the server over a private network"))
    }

    /// Returns whether the server accepts a Kerberos ticket in the user's name.
    async fn ticket(&self, delegated: &DelegatedUser<'_>) -> OnlineFinding {
        let (negotiation, authorization) = match delegated.begin(&self.component).await {
            Ok(begun) => begun,
            Err(finding) => return finding,
        };
        let mut request = self.request(GatewayCertificate::Presented);
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
        match probe(self.server, GatewayCertificate::Presented, request, LIMIT).await {
            Ok(response) => {
                let over_tls = matches!(self.server.transport, ServerTransport::Tls(_));
                delegated.response_finding(&self.component, negotiation, &response, over_tls)
            }
            Err(error) => DelegatedUser::error_finding(&self.component, &error),
        }
    }

    /// Returns whether the server rejects identity headers that the gateway did not send. If it does not, any host that can
    /// reach it can impersonate any user.
    async fn gateway_authentication(&self, as_gateway: &Parts) -> OnlineFinding {
        if !self.presents_certificate() && self.gateway_headers().is_empty() {
            let detail =
                "the server trusts identity headers, and the gateway has no credentials to present to it";
            return OnlineFinding::passed(&self.component, GATEWAY_AUTHENTICATION, detail).not_tested(
                "check that only the gateway can reach the server, or set a `client_certificate` that the server \
                 requires",
            );
        }
        let without_credentials = self.probe(GatewayCertificate::Withheld).await;
        gateway_authentication_finding(&self.component, as_gateway, &without_credentials, self.user.is_some())
    }

    async fn probe(&self, certificate: GatewayCertificate) -> Result<Parts, ProbeError> {
        probe(self.server, certificate, self.request(certificate), LIMIT).await
    }

    fn request(&self, certificate: GatewayCertificate) -> Request<Empty<Bytes>> {
        let mut headers = self.identity_headers();
        if certificate == GatewayCertificate::Withheld {
            for name in self.gateway_headers().keys() {
                headers.remove(name);
            }
        }
        let host = self.target.map_or(self.server.host.as_str(), |target| target.host.as_str());
        if let Ok(host) = HeaderValue::from_str(host) {
            headers.insert(header::HOST, host);
        }
        let path = self.target.map_or("/", |target| target.path.as_str());
        let mut request = Request::new(Empty::new());
        if let Ok(uri) = path.parse() {
            *request.uri_mut() = uri;
        }
        *request.headers_mut() = headers;
        request
    }

    /// Returns the headers that authenticate the gateway, and those of the user if `--as` specifies one.
    fn identity_headers(&self) -> HeaderMap {
        let Some(user) = self.user else { return self.gateway_headers() };
        let identity = ForwardedIdentity {
            user,
            upn: user.contains('@').then_some(user),
            sid: None,
            groups: &[],
            mapping: "check",
            strength: "weak",
            authentication: "check",
            card: None,
            assertion: None,
        };
        let mut headers = HeaderMap::new();
        // A name that cannot be a header value is left out, and the request is anonymous.
        drop(identity_headers::set(&mut headers, &self.backend.identity_headers, Some(&identity)));
        headers
    }

    /// Returns the headers that authenticate the gateway, which do not depend on the user.
    fn gateway_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        drop(identity_headers::set(&mut headers, &self.backend.identity_headers, None));
        headers
    }

    fn presents_certificate(&self) -> bool {
        match &self.server.transport {
            ServerTransport::Plain => false,
            ServerTransport::Tls(tls) => tls.config.client_auth_cert_resolver.has_certs(),
        }
    }
}

fn response_finding(component: &str, response: &Result<Parts, ProbeError>) -> OnlineFinding {
    match response {
        Err(error) => OnlineFinding::passed(component, RESPONSE, display_chain(error)).failed(&[error.fix()]),
        Ok(response) => {
            let finding = OnlineFinding::passed(component, RESPONSE, response.status.to_string());
            if response.status.is_server_error() {
                return finding.warning("look for the error in the log of the server");
            }
            finding
        }
    }
}

/// Returns whether the server requests a user certificate. The gateway presents one in the first handshake only, so a server
/// that requests it later receives none.
fn certificate_request_finding(
    component: &str,
    requested: bool,
    response: &Result<Parts, ProbeError>,
) -> OnlineFinding {
    let finding = |detail: String| OnlineFinding::passed(component, CERTIFICATE_REQUEST, detail);
    match response {
        Err(error) if !error.is_rejection() => response_finding(component, response),
        Ok(response) if requested => {
            finding(format!("in the handshake; response without a certificate: {}", response.status))
        }
        Err(error) if requested => {
            finding(format!("in the handshake; rejected without a certificate: {}", display_chain(error)))
        }
        Err(ProbeError::Tls(_)) => response_finding(component, response),
        Ok(_) | Err(_) => finding("not in the handshake".to_owned()).failed(&[
            "configure the server to request a certificate in the first handshake: `clientcertnegotiation=enable` for \
             http.sys, SSLVerifyClient for the whole host in Apache, ssl_verify_client in nginx",
        ]),
    }
}

/// Returns whether the server authenticates the gateway. A rejection without credentials proves that only if the gateway
/// itself gets another response, or if the server rejects the connection before HTTP.
fn gateway_authentication_finding(
    component: &str,
    as_gateway: &Parts,
    without_credentials: &Result<Parts, ProbeError>,
    has_user: bool,
) -> OnlineFinding {
    let finding = |detail: String| OnlineFinding::passed(component, GATEWAY_AUTHENTICATION, detail);
    match without_credentials {
        Err(error @ (ProbeError::Tls(_) | ProbeError::Closed(_))) => {
            finding(format!("rejected without the gateway's credentials: {}", display_chain(error)))
        }
        Err(error @ (ProbeError::Connect(_) | ProbeError::Timeout(_))) => {
            finding(format!("the request without the gateway's credentials failed: {}", display_chain(error)))
                .not_tested("run the check again when the server responds to every request")
        }
        Ok(response) if !is_rejection(response.status) => {
            finding(format!("response without the gateway's credentials: {}", response.status)).warning(
                "configure the server to reject requests without the gateway's certificate or secret: otherwise any \
                 host that can reach it can impersonate any user",
            )
        }
        Ok(response) if !is_rejection(as_gateway.status) => {
            finding(format!("response without the gateway's credentials: {}", response.status))
        }
        Ok(response) => {
            let finding = finding(format!(
                "response both with and without the gateway's credentials: {}",
                response.status
            ));
            finding.not_tested(if has_user {
                "specify another user with --as, who is permitted to read the path"
            } else {
                "specify a user with --as: the server may reject the request because it names no user"
            })
        }
    }
}

fn is_rejection(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::report::CheckResult;

    fn response(status: u16) -> Parts {
        http::Response::builder().status(status).body(()).unwrap().into_parts().0
    }

    fn connection_reset() -> ProbeError {
        ProbeError::Tls(std::io::ErrorKind::ConnectionReset.into())
    }

    #[test]
    fn a_rejection_proves_that_the_gateway_is_authenticated_only_if_the_gateway_is_not_rejected() {
        for (as_gateway, without_credentials, result) in [
            (200, Some(401), CheckResult::Passed),
            (200, Some(403), CheckResult::Passed),
            (404, Some(403), CheckResult::Passed),
            (200, None, CheckResult::Passed),
            (403, None, CheckResult::Passed),
            (200, Some(200), CheckResult::Warning),
            (200, Some(302), CheckResult::Warning),
            (403, Some(200), CheckResult::Warning),
            (500, Some(500), CheckResult::Warning),
            (403, Some(403), CheckResult::NotTested),
            (401, Some(403), CheckResult::NotTested),
        ] {
            let without_credentials = without_credentials.map(response).ok_or_else(connection_reset);
            let finding =
                gateway_authentication_finding("x", &response(as_gateway), &without_credentials, false);
            assert_eq!(finding.result, result, "{as_gateway} {without_credentials:?}");
        }
    }

    #[test]
    fn a_timeout_does_not_prove_that_the_gateway_is_authenticated() {
        let timeout = Err(ProbeError::Timeout(LIMIT));
        let finding = gateway_authentication_finding("x", &response(200), &timeout, false);
        assert_eq!(finding.result, CheckResult::NotTested);
    }
}
