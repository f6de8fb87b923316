//! Asks each server of each backend, as the gate would and as somebody else would, and says what came of it.

use super::Progress;
use super::kerberos::{self, Speaker};
use super::probe::{NoAnswer, OwnCertificate, ask, ask_without_certificate, within};
use super::report::{Finding, Verdict};
use crate::backend::{ServerAddress, Transport};
use crate::config::address::is_private;
use crate::headers::identity_headers::{self, Identity};
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

/// For a connection, and again for an answer, whatever longer limits requests have.
const LIMIT: Duration = Duration::from_secs(10);

const REACHED: &str = "answers";
const ASKING: &str = "asks for the user's certificate";
const TRUST: &str = "believes the gate alone";

/// Where a backend is asked: a path that leads to it, under the host that it is to see.
struct Place {
    host: String,
    path: String,
}

/// What each server of `snapshot` says. With `user`, the servers that take names from headers are told this one.
pub(super) async fn examine(snapshot: &Snapshot, user: Option<&str>, progress: Progress) -> Vec<Finding> {
    let mut findings = Vec::new();
    for backend in &snapshot.backends {
        let place = place(snapshot, backend);
        let speaker = match &backend.identity {
            BackendIdentity::Headers | BackendIdentity::Certificate(_) => None,
            BackendIdentity::Kerberos(delegation) => {
                let about = format!("backend {}, {}", backend.settings.name, delegation.service);
                progress.asking(&about);
                let (found, speaker) = kerberos::examine(&about, delegation, user).await;
                findings.extend(found);
                speaker
            }
        };
        for server in &backend.settings.servers {
            let about = format!("backend {}, {server}", backend.settings.name);
            progress.asking(&about);
            let trial = Trial { about, backend, server, place: place.as_ref(), user };
            findings.extend(trial.findings(speaker.as_ref()).await);
        }
    }
    findings
}

/// A path under an identity before others, and one that is itself before a directory.
fn place(snapshot: &Snapshot, backend: &Arc<Backend>) -> Option<Place> {
    let listeners = snapshot.sites.tls.values();
    let sites = listeners.flat_map(|listener| &listener.sites);
    let rules = sites.flat_map(|site| site.paths.rules().map(move |(pattern, rule)| (site, pattern, rule)));
    let leading = rules.filter(|(_, _, rule)| Arc::ptr_eq(&rule.backend, backend));
    let best = leading.min_by_key(|(_, pattern, rule)| {
        (!rule.rule.uses_certificate(), pattern.scope() == PathScope::Below, pattern.to_string())
    });
    best.map(|(site, pattern, _)| Place { host: host(backend, site), path: path(pattern) })
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

/// One server, and how it is asked.
struct Trial<'a> {
    about: String,
    backend: &'a Backend,
    server: &'a ServerAddress,
    place: Option<&'a Place>,
    user: Option<&'a str>,
}

impl Trial<'_> {
    async fn findings(&self, speaker: Option<&Speaker<'_>>) -> Vec<Finding> {
        let (as_gate, reached) = self.reach().await;
        let mut findings = vec![reached];
        findings.extend(self.in_the_clear().await);
        if let Ok(as_gate) = &as_gate
            && self.backend.identity_headers.depends_on_sender()
        {
            findings.push(self.trust(as_gate).await);
        }
        if let (Ok(_), Some(speaker)) = (&as_gate, speaker) {
            findings.push(self.delegated(speaker).await);
        }
        findings
    }

    /// As a request goes there; but where users are told by certificates, none is shown, since those are made for
    /// permitted requests alone. Whether the server asks for one is seen without.
    async fn reach(&self) -> (Result<Parts, NoAnswer>, Finding) {
        match (&self.backend.identity, &self.server.transport) {
            (BackendIdentity::Certificate(_), Transport::Tls(tls)) => {
                let request = self.request(OwnCertificate::Shown);
                let (wanted, answer) = ask_without_certificate(self.server, tls, request, LIMIT).await;
                let finding = judge_asking(&self.about, wanted, &answer);
                (answer, finding)
            }
            _ => {
                let answer = self.ask(OwnCertificate::Shown).await;
                let finding = reached(&self.about, &answer);
                (answer, finding)
            }
        }
    }

    /// Whether the server's name has an address that strangers are on the way to, where it is told who the user is
    /// without TLS.
    async fn in_the_clear(&self) -> Option<Finding> {
        let told = matches!(self.backend.identity, BackendIdentity::Kerberos(_))
            || self.backend.identity_headers.depends_on_sender()
            || !self.own_headers().is_empty();
        if !told || matches!(self.server.transport, Transport::Tls(_)) {
            return None;
        }
        let found = within(LIMIT, lookup_host((self.server.host.as_str(), self.server.port))).await;
        let strange = found.ok()?.ok()?.map(|address| address.ip()).find(|address| !is_private(*address))?;
        let finding = Finding::works(
            &self.about,
            "in the clear",
            format!("who the user is goes without TLS to {strange}, which is not on a private network"),
        );
        Some(
            finding.but(Verdict::Doubtful, "write https:// and `ca`, or reach it over a network of your own"),
        )
    }

    /// Whether the server takes a ticket in the user's name.
    async fn delegated(&self, speaker: &Speaker<'_>) -> Finding {
        let (negotiation, line) = match speaker.begin(&self.about).await {
            Ok(begun) => begun,
            Err(failed) => return failed,
        };
        let mut request = self.request(OwnCertificate::Shown);
        request.headers_mut().insert(header::AUTHORIZATION, line);
        match ask(self.server, OwnCertificate::Shown, request, LIMIT).await {
            Ok(answer) => {
                let over_tls = matches!(self.server.transport, Transport::Tls(_));
                speaker.judge(&self.about, negotiation, &answer, over_tls)
            }
            Err(error) => speaker.unheard(&self.about, &error),
        }
    }

    /// Whether the server would believe somebody else who sends the headers that the gate sends.
    async fn trust(&self, as_gate: &Parts) -> Finding {
        if !self.shows_certificate() && self.own_headers().is_empty() {
            let found = "it takes names from headers, and knows the gate by nothing";
            return Finding::works(&self.about, TRUST, found).but(
                Verdict::Untested,
                "see that nobody but the gate reaches it, or give the backend a `client_certificate` that it requires",
            );
        }
        let as_somebody = self.ask(OwnCertificate::Withheld).await;
        judge_trust(&self.about, as_gate, &as_somebody, self.user.is_some())
    }

    async fn ask(&self, own: OwnCertificate) -> Result<Parts, NoAnswer> {
        ask(self.server, own, self.request(own), LIMIT).await
    }

    fn request(&self, own: OwnCertificate) -> Request<Empty<Bytes>> {
        let mut headers = self.identity();
        if own == OwnCertificate::Withheld {
            for name in self.own_headers().keys() {
                headers.remove(name);
            }
        }
        let host = self.place.map_or(self.server.host.as_str(), |place| place.host.as_str());
        if let Ok(host) = HeaderValue::from_str(host) {
            headers.insert(header::HOST, host);
        }
        let path = self.place.map_or("/", |place| place.path.as_str());
        let mut request = Request::new(Empty::new());
        if let Ok(uri) = path.parse() {
            *request.uri_mut() = uri;
        }
        *request.headers_mut() = headers;
        request
    }

    /// What the gate says of itself, and of the user where one is named.
    fn identity(&self) -> HeaderMap {
        let Some(user) = self.user else { return self.own_headers() };
        let identity = Identity {
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
        // A name that does not fit is told nobody; the request then goes under none.
        drop(identity_headers::set(&mut headers, &self.backend.identity_headers, Some(&identity)));
        headers
    }

    /// What the gate says of itself whoever asks.
    fn own_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        drop(identity_headers::set(&mut headers, &self.backend.identity_headers, None));
        headers
    }

    fn shows_certificate(&self) -> bool {
        match &self.server.transport {
            Transport::Plain => false,
            Transport::Tls(tls) => tls.config.client_auth_cert_resolver.has_certs(),
        }
    }
}

fn reached(about: &str, answer: &Result<Parts, NoAnswer>) -> Finding {
    match answer {
        Err(error) => Finding::works(about, REACHED, display_chain(error)).but(Verdict::Fails, error.mend()),
        Ok(answer) => {
            let finding = Finding::works(about, REACHED, format!("with {}", answer.status));
            if answer.status.is_server_error() {
                return finding.but(Verdict::Doubtful, "see in the server's own log what it is that fails");
            }
            finding
        }
    }
}

/// Whether the server would be told who the user is by her certificate: only if it asks in the first handshake.
fn judge_asking(about: &str, wanted: bool, answer: &Result<Parts, NoAnswer>) -> Finding {
    let finding = |found: String| Finding::works(about, ASKING, found);
    match answer {
        Err(error) if !error.is_the_servers_doing() => reached(about, answer),
        Ok(answer) if wanted => finding(format!("in the handshake, and answers with {} to none", answer.status)),
        Err(error) if wanted => {
            finding(format!("in the handshake, and lets nobody in without: {}", display_chain(error)))
        }
        Err(NoAnswer::Tls(_)) => reached(about, answer),
        Ok(_) | Err(_) => finding("not in the handshake".to_owned()).but(
            Verdict::Fails,
            "have it ask in the first handshake: `clientcertnegotiation=enable` for http.sys, SSLVerifyClient for the \
             whole host in Apache, ssl_verify_client in nginx",
        ),
    }
}

/// A refusal proves something only where the gate itself gets another answer, or where it comes before HTTP.
fn judge_trust(
    about: &str,
    as_gate: &Parts,
    as_somebody: &Result<Parts, NoAnswer>,
    user_was_named: bool,
) -> Finding {
    let finding = |found: String| Finding::works(about, TRUST, found);
    match as_somebody {
        Err(error @ (NoAnswer::Tls(_) | NoAnswer::Ended(_))) => {
            finding(format!("without what the gate is known by: {}", display_chain(error)))
        }
        Err(error @ (NoAnswer::Connect(_) | NoAnswer::Limit(_))) => {
            finding(format!("the second time it was asked: {}", display_chain(error)))
                .but(Verdict::Untested, "try again when the server answers every time")
        }
        Ok(answer) if !is_refusal(answer.status) => finding(format!(
            "it answers with {} to whoever asks, without what the gate is known by",
            answer.status
        ))
        .but(
            Verdict::Doubtful,
            "have the server refuse whoever does not show the gate's certificate or secret: others can name any user",
        ),
        Ok(answer) if !is_refusal(as_gate.status) => {
            finding(format!("without what the gate is known by it answers with {}", answer.status))
        }
        Ok(answer) => {
            let finding = finding(format!("it answers with {} to the gate as to others", answer.status));
            let mend = if user_was_named {
                "name a user with --as who may see the path"
            } else {
                "name a user with --as: it may be a missing name that is refused"
            };
            finding.but(Verdict::Untested, mend)
        }
    }
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16) -> Parts {
        http::Response::builder().status(status).body(()).unwrap().into_parts().0
    }

    fn broken_off() -> NoAnswer {
        NoAnswer::Tls(std::io::ErrorKind::ConnectionReset.into())
    }

    #[test]
    fn only_a_refusal_that_the_gate_does_not_get_shows_that_the_gate_alone_is_believed() {
        for (as_gate, as_somebody, verdict) in [
            (200, Some(401), Verdict::Works),
            (200, Some(403), Verdict::Works),
            (404, Some(403), Verdict::Works),
            (200, None, Verdict::Works),
            (403, None, Verdict::Works),
            (200, Some(200), Verdict::Doubtful),
            (200, Some(302), Verdict::Doubtful),
            (403, Some(200), Verdict::Doubtful),
            (500, Some(500), Verdict::Doubtful),
            (403, Some(403), Verdict::Untested),
            (401, Some(403), Verdict::Untested),
        ] {
            let as_somebody = as_somebody.map(answer).ok_or_else(broken_off);
            let finding = judge_trust("x", &answer(as_gate), &as_somebody, false);
            assert_eq!(finding.verdict, verdict, "{as_gate} {as_somebody:?}");
        }
    }

    #[test]
    fn silence_proves_nothing() {
        let finding = judge_trust("x", &answer(200), &Err(NoAnswer::Limit(LIMIT)), false);
        assert_eq!(finding.verdict, Verdict::Untested);
    }
}
