//! Runs every card against every kind of path over every version of HTTP and TLS, and tells what came of it.

use super::cases::{CASES, Case, Outcome, PATHS};
use super::client::{Client, ClientProtocol};
use super::environment::DemoEnvironment;
use crate::policy::{ClientCertificateRule, DenialId};
use anyhow::Context;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use std::fmt;

/// The name that the requests are sent to.
const HOST: &str = "rms.corp.example";

/// What came of one card at one path.
#[derive(Clone, Debug)]
pub struct Row {
    /// The card.
    pub case: Case,
    /// The path.
    pub path: &'static str,
    /// What must come of it.
    pub expected: Outcome,
    /// What came of it, for each version of HTTP and TLS.
    pub got: Vec<(&'static str, Result<Outcome, String>)>,
}

impl Row {
    /// Whether every version gave what it must.
    pub fn is_right(&self) -> bool {
        self.got.iter().all(|(_, got)| got.as_ref() == Ok(&self.expected))
    }
}

/// What came of all.
#[derive(Clone, Debug)]
pub struct Report {
    /// A row for each card and path.
    pub rows: Vec<Row>,
}

impl Report {
    /// Whether everything is as it must be.
    pub fn is_right(&self) -> bool {
        self.rows.iter().all(Row::is_right)
    }
}

/// Runs all cases against `environment`.
///
/// # Errors
/// Where a card of the table is not in the PKI. What goes wrong with a request stands in its row.
pub async fn check(environment: &DemoEnvironment) -> anyhow::Result<Report> {
    let mut rows = Vec::new();
    for case in CASES {
        for (path, kind) in PATHS {
            let mut got = Vec::new();
            for (name, protocol) in ClientProtocol::ALL {
                let outcome =
                    ask(environment, &case, path, protocol).await.map_err(|error| format!("{error:#}"));
                got.push((name, outcome));
            }
            rows.push(Row { case, path, expected: case.outcome(kind), got });
        }
    }
    Ok(Report { rows })
}

async fn ask(
    environment: &DemoEnvironment,
    case: &Case,
    path: &str,
    protocol: ClientProtocol,
) -> anyhow::Result<Outcome> {
    let card = match case.card {
        Some(name) => {
            Some(environment.pki.card(name).with_context(|| format!("the PKI has no card {name}"))?)
        }
        None => None,
    };
    let client = Client::new(environment.tls, HOST, environment.pki.server_ca(), card, protocol)?;
    let request = Request::get(format!("https://{HOST}{path}"))
        .header(header::HOST, HOST)
        .header(header::ACCEPT, "application/json")
        .header("x-demo-echo", "1")
        // What an attacker would send, and the backend must never see.
        .header("x-remote-user", "CORP\\administrator")
        .body(Full::new(Bytes::new()))?;
    outcome(&client.send(request).await?)
}

/// Reads the backend's echo, or the gate's denial.
fn outcome(response: &Response<Bytes>) -> anyhow::Result<Outcome> {
    let body: serde_json::Value =
        serde_json::from_slice(response.body()).context("the answer is not JSON")?;
    if let Some(id) = body.get("id").and_then(|id| id.as_str()) {
        let denial = DenialId::from_id(id).with_context(|| format!("unknown denial {id}"))?;
        anyhow::ensure!(response.status() == denial.status(), "{id} came with {}", response.status());
        return Ok(Outcome::Denied(denial));
    }
    let headers = body.get("headers").and_then(|headers| headers.as_array()).context("no echo")?;
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
        [] => Ok(Outcome::Passes(None)),
        [user] => Ok(Outcome::Passes(Some(user.clone()))),
        several => anyhow::bail!("the backend saw {} users", several.len()),
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passes(Some(user)) => write!(f, "passes as {user}"),
            Self::Passes(None) => f.write_str("passes without a name"),
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let versions: Vec<_> = ClientProtocol::ALL.iter().map(|(name, _)| *name).collect();
        writeln!(f, "Each row was asked over HTTP {}.\n", versions.join(", "))?;
        writeln!(
            f,
            "    {:<12}{:<9}{:<37}{:<37}card",
            "who", "path", "expected", "got (X-Remote-User at the backend)"
        )?;
        for row in &self.rows {
            let mark = if row.is_right() { " ok " } else { "BAD " };
            let who = row.case.card.unwrap_or("nobody");
            let expected = row.expected.to_string();
            writeln!(
                f,
                "{mark}{who:<12}{:<9}{expected:<37}{:<37}{}",
                kind(row.path),
                got(row),
                row.case.about
            )?;
        }
        let right = self.rows.iter().filter(|row| row.is_right()).count();
        let wrong = self.rows.len() - right;
        write!(f, "\n{right} right, {wrong} wrong")
    }
}

/// One outcome where all versions agree, each of them where not.
fn got(row: &Row) -> String {
    let one = |got: &Result<Outcome, String>| match got {
        Ok(outcome) => outcome.to_string(),
        Err(error) => format!("failed: {error}"),
    };
    match row.got.first() {
        Some((_, first)) if row.got.iter().all(|(_, got)| got == first) => one(first),
        _ => {
            row.got.iter().map(|(name, got)| format!("[{name}: {}]", one(got))).collect::<Vec<_>>().join(" ")
        }
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
