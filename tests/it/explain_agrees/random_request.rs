//! Random requests to the sites of a random configuration.

use super::random_config::RandomConfig;
use crate::support::TestRng;
use http::Method;

const TARGETS: [&str; 10] = [
    "/a/x.asmx",
    "/A/X.ASMX",
    "/a/plain",
    "/a/Plain",
    "/a/other",
    "/a/deep/y.asmx",
    "/a/deep/er/z.html",
    "/b/z.aspx",
    "/b/q",
    "/c",
];

/// Targets that are invalid, without a rule, or spelled in an unusual way.
const ODD_TARGETS: [&str; 24] = [
    "/a/x.asmx",
    "/A/X.ASMX",
    "/a/x.asmx/y",
    "/a/plain",
    "/a/Plain",
    "/a/other",
    "/a/deep/y.asmx",
    "/a/deep/y.asmx/more",
    "/a/deep/",
    "/a/deep/er/z.html",
    "/A/Deep/Er",
    "/b/z.aspx",
    "/b/q",
    "/b",
    "/b/",
    "/c",
    "/c/d",
    "/nowhere",
    "/",
    "/a//x.asmx",
    "/a/../b/q",
    "/a/%2e%2e/q",
    "/a/%78.asmx",
    "/b/q;v=1",
];

const METHODS: [&str; 12] =
    ["GET", "GET", "GET", "GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "OPTIONS", "PROPFIND"];

/// Sets of headers that clients and attackers send.
const HEADERS: [&[(&str, &str)]; 16] = [
    &[],
    &[],
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-origin"), ("origin", "https://rms.corp.example")],
    &[("origin", "https://evil.example")],
    &[("origin", "null")],
    &[("referer", "https://evil.example/page")],
    &[("x-remote-user", "administrator"), ("x-remote-groups", "Staff"), ("x-user", "administrator")],
    &[("x_remote_user", "administrator"), ("client-cert", ":AAAA:"), ("x-arr-clientcert", "AAAA")],
    &[("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1"), ("x-forwarded-host", "evil.example")],
    &[("cookie", "a=1"), ("cookie", "b=2")],
    &[("authorization", "Basic YWxpY2U6c2VjcmV0")],
    &[("connection", "x-hop, keep-alive"), ("x-hop", "1"), ("te", "trailers")],
    &[("connection", "cookie"), ("cookie", "a=1")],
    &[("connection", "a b")],
    &[("expect", "100-continue"), ("x-real-ip", "10.0.0.1")],
];

#[derive(Clone, Debug)]
pub(super) struct RandomRequest {
    pub(super) is_tls: bool,
    /// The host of the URL, and the server name of the handshake.
    pub(super) server_name: &'static str,
    /// The `Host` header.
    pub(super) host: &'static str,
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// The length of the body.
    pub(super) body: usize,
    pub(super) card: &'static str,
    /// The client's address.
    pub(super) from: &'static str,
}

impl RandomRequest {
    pub(super) fn generate(rng: &mut TestRng, config: &RandomConfig) -> Self {
        let server_name = *rng.choose(&["rms.corp.example", "rms.corp.example", "localhost"]);
        let host = match rng.below(50) {
            0 => "RMS.corp.example.",
            1 => "rms.corp.example:443",
            2 => "mail.rms.corp.example",
            3 => "unknown.example",
            4 => "localhost",
            5 => "rms..corp.example",
            _ => server_name,
        };
        let target = if rng.one_in(5) { *rng.choose(&ODD_TARGETS) } else { *rng.choose(&TARGETS) };
        let query = *rng.choose(&["", "", "", "?a=1", "?x=/../b", "?"]);
        let method = Method::from_bytes(rng.choose(&METHODS).as_bytes()).unwrap();
        let has_body = method == Method::POST || method == Method::PUT;
        Self {
            is_tls: !rng.one_in(12),
            server_name,
            host,
            target: format!("{target}{query}"),
            headers: *rng.choose(&HEADERS),
            body: if has_body { *rng.choose(&[0, 10, 100, 101, 2000]) } else { 0 },
            method,
            card: *rng.choose(&config.cards),
            from: *rng.choose(&["127.0.0.1", "127.0.0.2"]),
        }
    }

    pub(super) fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://{}{}", self.server_name, self.target)
    }

    /// Returns all header lines: those that every request has, and the random ones.
    pub(super) fn all_headers(&self) -> Vec<(&'static str, String)> {
        let mut lines = vec![("host", self.host.to_owned()), ("accept", "application/json".to_owned())];
        // Requests the echo of the test RMS server.
        lines.push(("x-demo-echo", "1".to_owned()));
        if self.body > 0 {
            lines.push(("content-length", self.body.to_string()));
        }
        lines.extend(self.headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        lines
    }
}
