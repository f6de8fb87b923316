//! Responses of the admin listener: liveness, readiness, metrics, the keys of assertions; and `POST /purge`, which
//! clears cached accounts and passwords.
//!
//! Request bodies are never read, and nothing is changed on behalf of a web page in the operator's browser.

use super::Readiness;
use crate::telemetry::Metrics;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use hyper::body::Bytes;
use std::sync::Arc;

const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// OpenMetrics 1.0, "Overall Structure".
const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// RFC 7517 8.5.2.
const JWK_SET: HeaderValue = HeaderValue::from_static("application/jwk-set+json");

/// Returns the current public keys of assertions, or `None` if the gateway signs none.
pub(crate) type PublishedKeys = Arc<dyn Fn() -> Option<Arc<str>> + Send + Sync>;

/// The sources of the responses.
pub(crate) struct AdminResponses {
    metrics: Arc<Metrics>,
    readiness: Readiness,
    keys: PublishedKeys,
    purge: Box<dyn Fn() + Send + Sync>,
    outages: Box<dyn Fn() -> Vec<String> + Send + Sync>,
}

/// The paths of the admin listener.
#[derive(Clone, Copy)]
enum AdminEndpoint {
    Livez,
    Readyz,
    Metrics,
    Jwks,
    Purge,
}

impl AdminResponses {
    /// Creates the responses from their sources. `purge` is called for each `POST /purge`.
    pub(crate) fn new(
        metrics: Arc<Metrics>,
        readiness: Readiness,
        keys: PublishedKeys,
        purge: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { metrics, readiness, keys, purge: Box::new(purge), outages: Box::new(Vec::new) }
    }

    /// Adds the source of the outages that `/readyz?verbose` lists. They do not change the readiness, because another gateway
    /// depends on the same directories and domain controllers.
    #[must_use]
    pub(crate) fn with_outages(self, outages: impl Fn() -> Vec<String> + Send + Sync + 'static) -> Self {
        Self { outages: Box::new(outages), ..self }
    }

    /// Returns the response to a request, whose body must be empty.
    pub(super) fn respond_to(&self, request: &Request<impl Body>) -> Response<Full<Bytes>> {
        let Some(endpoint) = AdminEndpoint::of(request) else {
            return plain_text(StatusCode::NOT_FOUND, "not found\n");
        };
        let methods = endpoint.methods();
        if !methods.contains(request.method()) {
            let names = methods.iter().map(Method::as_str).collect::<Vec<_>>();
            let text = format!("method not allowed: use {}\n", names.join(" or "));
            let mut response = plain_text(StatusCode::METHOD_NOT_ALLOWED, text);
            let allow = HeaderValue::try_from(names.join(", ")).expect("names of methods are visible ASCII");
            response.headers_mut().insert(ALLOW, allow);
            return response;
        }
        if !request.body().is_end_stream() {
            return plain_text(StatusCode::PAYLOAD_TOO_LARGE, "request bodies are not accepted\n");
        }
        match endpoint {
            AdminEndpoint::Livez => plain_text(StatusCode::OK, "ok\n"),
            AdminEndpoint::Readyz => self.readyz(request.uri().query() == Some("verbose")),
            AdminEndpoint::Metrics => response(StatusCode::OK, OPENMETRICS, self.metrics.encode()),
            AdminEndpoint::Jwks => self.jwks(),
            AdminEndpoint::Purge => self.purge(request),
        }
    }

    /// Returns the public keys, or 404 if there are none: a backend would cache an empty set, and then accept no
    /// assertion.
    fn jwks(&self) -> Response<Full<Bytes>> {
        match (self.keys)() {
            Some(keys) => response(StatusCode::OK, JWK_SET, keys.as_bytes().to_vec()),
            None => plain_text(StatusCode::NOT_FOUND, "no backend uses assertions\n"),
        }
    }

    fn readyz(&self, verbose: bool) -> Response<Full<Bytes>> {
        let obstacles = self.readiness.obstacles();
        let (status, mut lines) = match obstacles.is_empty() {
            true => (StatusCode::OK, vec!["ready".to_owned()]),
            false => (StatusCode::SERVICE_UNAVAILABLE, obstacles),
        };
        if verbose {
            lines.extend((self.outages)());
        }
        plain_text(status, lines.join("\n") + "\n")
    }

    /// Clears the caches, unless the request comes from a web page. Any page in the operator's browser can make it send
    /// a POST to this address, but cannot suppress `Origin`, which the browser adds to every POST of a page (Fetch,
    /// "Origin header").
    fn purge(&self, request: &Request<impl Body>) -> Response<Full<Bytes>> {
        let headers = request.headers();
        if headers.contains_key(ORIGIN) || headers.contains_key(SEC_FETCH_SITE) {
            return plain_text(StatusCode::FORBIDDEN, "requests of web pages are not accepted\n");
        }
        (self.purge)();
        plain_text(StatusCode::OK, "cached accounts and passwords cleared\n")
    }
}

impl AdminEndpoint {
    fn of(request: &Request<impl Body>) -> Option<Self> {
        #[expect(
            clippy::disallowed_methods,
            reason = "five literal paths, none forwarded and none used for a decision"
        )]
        match request.uri().path() {
            "/livez" => Some(Self::Livez),
            "/readyz" => Some(Self::Readyz),
            "/metrics" => Some(Self::Metrics),
            "/jwks.json" => Some(Self::Jwks),
            "/purge" => Some(Self::Purge),
            _ => None,
        }
    }

    fn methods(self) -> &'static [Method] {
        match self {
            Self::Livez | Self::Readyz | Self::Metrics | Self::Jwks => &[Method::GET, Method::HEAD],
            Self::Purge => &[Method::POST],
        }
    }
}

fn plain_text(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(status, PLAIN_TEXT, text)
}

fn response(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Returns the status of the response, and the number of purges.
    fn send(request: http::request::Builder) -> (u16, usize) {
        let purges = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&purges);
        let metrics = Arc::new(Metrics::new("1.2.3", &[]));
        let responses = AdminResponses::new(metrics, Readiness::default(), Arc::new(|| None), move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let response = responses.respond_to(&request.body(http_body_util::Empty::<Bytes>::new()).unwrap());
        (response.status().as_u16(), purges.load(Ordering::Relaxed))
    }

    #[test]
    fn only_a_post_purges() {
        assert_eq!(send(Request::post("/purge")), (200, 1));
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
            assert_eq!(send(Request::builder().method(method).uri("/purge")), (405, 0));
        }
    }

    #[test]
    fn a_page_in_the_operators_browser_cannot_purge() {
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:9090"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
        ] {
            assert_eq!(send(Request::post("/purge").header(name, value)), (403, 0), "{name}: {value}");
        }
    }

    #[test]
    fn outages_are_listed_on_request_and_do_not_change_the_status() {
        for (ready, first) in [(true, "ready\n"), (false, "the configuration is not loaded\n")] {
            let readiness = Readiness::default();
            readiness.condition("the configuration is not loaded").set(ready);
            let metrics = Arc::new(Metrics::new("1.2.3", &[]));
            let responses = AdminResponses::new(metrics, readiness, Arc::new(|| None), || {})
                .with_outages(|| vec!["the directory corp does not respond".to_owned()]);
            let get = |uri: &str| {
                let request = Request::get(uri).body(http_body_util::Empty::<Bytes>::new()).unwrap();
                let response = responses.respond_to(&request);
                let status = response.status().as_u16();
                let body = response.into_body();
                (status, String::from_utf8(body.into_inner().unwrap().to_vec()).unwrap())
            };
            let status = if ready { 200 } else { 503 };
            assert_eq!(get("/readyz"), (status, first.to_owned()));
            let verbose = format!("{first}the directory corp does not respond\n");
            assert_eq!(get("/readyz?verbose"), (status, verbose));
        }
    }

    #[test]
    fn other_paths_do_not_accept_a_post() {
        for path in ["/livez", "/readyz", "/metrics"] {
            assert_eq!(send(Request::post(path)), (405, 0), "{path}");
        }
        assert_eq!(send(Request::post("/purge/")), (404, 0));
    }
}
