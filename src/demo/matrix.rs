//! Requests every kind of path with every test certificate over every version of HTTP and TLS, and compares the
//! responses with the expected ones.

use super::cases::{CASES, PATHS, RequestOutcome, TestCase};
use super::client::{ClientProtocol, DemoClient};
use super::environment::DemoEnvironment;
use crate::policy::{ClientCertificateRule, DenialId};
use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use std::fmt;

/// The host of the requests.
const HOST: &str = "rms.corp.example";

/// One test certificate at one path.
#[derive(Clone, Debug)]
pub(crate) struct MatrixRow {
    /// The test certificate.
    pub case: TestCase,
    /// The path.
    pub path: &'static str,
    /// The expected outcome.
    pub expected: RequestOutcome,
    /// The outcome for each version of HTTP and TLS.
    pub actual: Vec<(&'static str, Result<RequestOutcome, String>)>,
}

impl MatrixRow {
    /// Returns whether the outcome was the expected one over every version of HTTP and TLS.
    pub(crate) fn passed(&self) -> bool {
        self.actual.iter().all(|(_, actual)| actual.as_ref() == Ok(&self.expected))
    }
}

/// The results of all requests.
#[derive(Clone, Debug)]
pub(crate) struct MatrixReport {
    /// One row for each certificate and path.
    pub rows: Vec<MatrixRow>,
}

impl MatrixReport {
    /// Returns whether every row passed.
    pub(crate) fn passed(&self) -> bool {
        self.rows.iter().all(MatrixRow::passed)
    }
}

/// Sends the requests of all test cases and returns their outcomes.
///
/// # Errors
/// If the PKI lacks a certificate of the test cases. A failed request is recorded in its row.
pub(crate) async fn check(environment: &DemoEnvironment) -> anyhow::Result<MatrixReport> {
    let mut rows = Vec::new();
    for case in CASES {
        for (path, kind) in PATHS {
            let mut actual = Vec::new();
            for (name, protocol) in ClientProtocol::ALL {
                let outcome =
                    request(environment, &case, path, protocol).await.map_err(|error| format!("{error:#}"));
                actual.push((name, outcome));
            }
            rows.push(MatrixRow { case, path, expected: case.outcome(kind), actual });
        }
    }
    Ok(MatrixReport { rows })
}

async fn request(
    environment: &DemoEnvironment,
    case: &TestCase,
    path: &str,
    protocol: ClientProtocol,
) -> anyhow::Result<RequestOutcome> {
    let card = match case.card {
        Some(name) => {
            Some(environment.pki.card(name).with_context(|| format!("the PKI has no certificate {name}"))?)
        }
        None => None,
    };
    let client = DemoClient::new(environment.tls, HOST, environment.pki.server_ca(), card, protocol)?;
    let request = Request::get(format!("https://{HOST}{path}"))
        .header(header::HOST, HOST)
        .header(header::ACCEPT, "application/json")
        .header("x-demo-echo", "1")
        // A forged identity header, which must never reach the backend.
        .header("x-remote-user", "CORP\\administrator")
        .body(Full::new(Bytes::new()))?;
    parse_outcome(&client.send(request).await?)
}

/// Parses the response: the backend's echo of the forwarded request, or the gateway's denial.
fn parse_outcome(response: &Response<Bytes>) -> anyhow::Result<RequestOutcome> {
    let body: serde_json::Value =
        serde_json::from_slice(response.body()).context("the response is not JSON")?;
    if let Some(id) = body.get("id").and_then(|id| id.as_str()) {
        let denial = DenialId::from_id(id).with_context(|| format!("unknown denial id {id}"))?;
        anyhow::ensure!(
            response.status() == denial.status(),
            "unexpected status for {id}: {}",
            response.status()
        );
        return Ok(RequestOutcome::Denied(denial));
    }
    let headers = body
        .get("headers")
        .and_then(|headers| headers.as_array())
        .context("the response contains no headers")?;
    let line = |header: &serde_json::Value| -> Option<(String, String)> {
        Some((header.get(0)?.as_str()?.to_owned(), header.get(1)?.as_str()?.to_owned()))
    };
    let users: Vec<String> = headers
        .iter()
        .filter_map(line)
        .filter(|(name, _)| name == "x-remote-user")
        .map(|(_, user)| user)
        .collect();
    match users.as_slice() {
        [] => Ok(RequestOutcome::Forwarded(None)),
        [user] => Ok(RequestOutcome::Forwarded(Some(user.clone()))),
        several => anyhow::bail!("the backend received {} X-Remote-User headers", several.len()),
    }
}

impl fmt::Display for RequestOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forwarded(Some(user)) => write!(f, "forwarded as {user}"),
            Self::Forwarded(None) => f.write_str("forwarded without a user"),
            Self::Denied(id) => {
                write!(f, "{}", id.status().as_u16())?;
                if let Some(sub) = id.sub_status() {
                    write!(f, ".{sub}")?;
                }
                write!(f, " {id}")
            }
        }
    }
}

impl fmt::Display for MatrixReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<_> = ClientProtocol::ALL.iter().map(|(name, _)| *name).collect();
        writeln!(f, "Each row was requested over HTTP {}.\n", versions.join(", "))?;
        writeln!(f, "    {:<12}{:<9}{:<37}{:<37}description", "certificate", "path", "expected", "actual")?;
        for row in &self.rows {
            let mark = if row.passed() { "ok  " } else { "FAIL" };
            let certificate = row.case.card.unwrap_or("none");
            let expected = row.expected.to_string();
            writeln!(
                f,
                "{mark}{certificate:<12}{:<9}{expected:<37}{:<37}{}",
                kind(row.path),
                actual(row),
                row.case.about
            )?;
        }
        let passed = self.rows.iter().filter(|row| row.passed()).count();
        let failed = self.rows.len() - passed;
        write!(f, "\n{passed} passed, {failed} failed")
    }
}

/// Returns one outcome if all versions agree, otherwise the outcome of each version.
fn actual(row: &MatrixRow) -> String {
    let one = |actual: &Result<RequestOutcome, String>| match actual {
        Ok(outcome) => outcome.to_string(),
        Err(error) => format!("failed: {error}"),
    };
    match row.actual.first() {
        Some((_, first)) if row.actual.iter().all(|(_, actual)| actual == first) => one(first),
        _ => row
            .actual
            .iter()
            .map(|(name, actual)| format!("[{name}: {}]", one(actual)))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn kind(path: &str) -> &'static str {
    let found = PATHS.iter().find(|(known, _)| *known == path);
    match found.map(|(_, kind)| kind) {
        Some(ClientCertificateRule::Ignore) => "ignore",
        Some(ClientCertificateRule::Accept) => "accept",
        Some(ClientCertificateRule::Require) => "require",
        None => "",
    }
}
