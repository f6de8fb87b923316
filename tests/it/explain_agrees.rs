//! `explain` agrees with a running gateway: each of many random requests to random configurations is sent over a real
//! connection and explained, and both must report the same decision, details and request to the backend.
//!
//! The random numbers are the same in every run; only the keys of the test PKI differ.

mod connections;
mod random_config;
mod random_request;

use crate::support::{TEST_TIMEOUT, TestGateway, TestRng, pki};
use assert_cmd::Command;
use connections::{Connections, SentResponse};
use http::HeaderMap;
use portcullis::cli::ExplainedRequest;
use portcullis::clock::{Clock, UnixTime};
use portcullis::config::{self, CompileContext, CompiledConfig};
use portcullis::policy::DenialId;
use portcullis::telemetry::Metrics;
use random_config::RandomConfig;
use random_request::RandomRequest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const CONFIGURATIONS: u64 = 40;
const REQUESTS: usize = 250;

/// One request out of this number is also explained by the program.
const PROGRAM: usize = 125;

/// Headers that the HTTP libraries set on each connection.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

// The configurations are divided between two tests, which run concurrently.
#[tokio::test]
async fn explain_agrees_with_the_gateway_on_random_requests() {
    compare_all(0..CONFIGURATIONS / 2).await;
}

#[tokio::test]
async fn explain_agrees_with_the_gateway_on_more_random_requests() {
    compare_all(CONFIGURATIONS / 2..CONFIGURATIONS).await;
}

async fn compare_all(seeds: Range<u64>) {
    let mut decisions = BTreeMap::new();
    for seed in seeds {
        compare(seed, &mut decisions).await;
    }
    // The comparison proves little unless every step of the pipeline has decided some of the requests.
    assert!(decisions.get("permit").is_some_and(|count| *count > 500), "{decisions:?}");
    assert!(decisions.len() >= 18, "{decisions:?}");
}

/// Sends the requests of one configuration and compares each with its explanation.
async fn compare(seed: u64, decisions: &mut BTreeMap<String, usize>) {
    let mut rng = TestRng::new(seed);
    let config = RandomConfig::generate(&mut rng);
    let mut gateway = TestGateway::with(config.toml.clone());
    let explainer = Explainer::new(gateway.folder());
    let mut sent = Vec::new();
    let mut connections = Connections::new(&gateway);
    for number in 0..REQUESTS {
        let request = RandomRequest::generate(&mut rng, &config);
        let explanation = explainer.explain(&request);
        if number % PROGRAM == 0 {
            assert_eq!(explainer.explain_by_program(&request), explanation, "seed {seed}: {request:#?}");
        }
        let response = connections.send(&request).await;
        sent.push((request, explanation, response));
    }
    drop(connections);
    gateway.stop();
    let mut records = complete(gateway.records()).into_iter();
    for (number, (request, explanation, response)) in sent.into_iter().enumerate() {
        let decision = explanation["response"]["decision"].as_str().unwrap().to_owned();
        *decisions.entry(decision).or_default() += 1;
        let observed = match &response {
            None => Observed::handshake_failure(),
            Some(response) => Observed::of(&records.next().expect("a record of each request"), response),
        };
        let explained = Observed::explained(&explanation, response.is_none());
        assert_eq!(
            observed, explained,
            "the gateway on the left, explain on the right: seed {seed}, request {number}: {request:#?}\n\
             {explanation:#}\n{response:?}\n{:#?}",
            config.toml
        );
    }
    assert_eq!(records.next(), None, "seed {seed}");
}

/// Returns the records with the fields that a short record omits, taken from the record that its `same_as` refers to.
fn complete(records: Vec<Value>) -> Vec<Value> {
    let mut full: BTreeMap<String, Value> = BTreeMap::new();
    let complete = records.into_iter().map(|record| {
        let earlier = record["same_as"].as_str().map(|id| full[id].clone());
        let Some(Value::Object(mut fields)) = earlier else {
            full.insert(record["request_id"].as_str().unwrap().to_owned(), record.clone());
            return record;
        };
        fields.extend(record.as_object().unwrap().clone());
        Value::Object(fields)
    });
    complete.collect()
}

/// The facts of one request that are compared.
#[derive(Debug, PartialEq)]
struct Observed {
    /// Decision, status, sub-status, detail, site, path and rule.
    decision: Value,
    /// The account, with the method and strength of its mapping.
    account: Value,
    /// Method, target and headers of the request that the backend received, if the response shows it.
    backend_request: Value,
}

impl Observed {
    /// Returns the facts of a handshake that the gateway rejected with an alert: neither a response nor a record.
    fn handshake_failure() -> Self {
        Self { decision: json!("handshake failure"), account: Value::Null, backend_request: Value::Null }
    }

    fn of(record: &Value, response: &SentResponse) -> Self {
        assert_eq!(record["status"], response.status, "{record:#}");
        let permitted = record["decision"] == "permit";
        let status = if permitted { Value::Null } else { record["status"].clone() };
        let decision = [
            &record["decision"],
            &status,
            &record["sub_status"],
            &record["detail"],
            &record["site"],
            &record["path"],
            &record["rule"],
        ];
        let account = match &record["account"] {
            Value::Null => Value::Null,
            account => json!([
                account["user"],
                account["upn"],
                account["sid"],
                record["mapping"]["method"],
                record["mapping"]["strength"],
            ]),
        };
        let backend_request = match response.json() {
            Some(echo) if permitted => {
                let lines: Vec<(String, String)> = serde_json::from_value(echo["headers"].clone()).unwrap();
                json!([echo["method"], echo["target"], comparable(lines)])
            }
            Some(_) | None => Value::Null,
        };
        Self { decision: json!(decision), account, backend_request }
    }

    fn explained(explanation: &Value, handshake_failed: bool) -> Self {
        let response = &explanation["response"];
        let is_alert = response["hint"].as_str().is_some_and(|hint| hint.contains("TLS alert"));
        assert_eq!(is_alert, handshake_failed, "{explanation:#}");
        if is_alert {
            return Self::handshake_failure();
        }
        let status = if response["redirect"].is_null() { response["status"].clone() } else { json!(308) };
        let decision = [
            &response["decision"],
            &status,
            &response["sub_status"],
            &response["detail"],
            &explanation["site"],
            &explanation["canonical_path"],
            &explanation["rule"]["path"],
        ];
        let account = match &explanation["certificate"]["mapping"]["account"] {
            Value::Null => Value::Null,
            account => json!([
                account["user"],
                account["upn"],
                account["sid"],
                account["method"],
                account["strength"]
            ]),
        };
        let backend_request = match &explanation["backend_request"] {
            Value::Null => Value::Null,
            // The response to HEAD does not show the request.
            request if request["method"] == "HEAD" => Value::Null,
            request => {
                let lines = request["headers"].as_array().unwrap().iter();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let lines = lines.map(|line| (text(&line["name"]), text(&line["value"]))).collect();
                json!([request["method"], request["target"], comparable(lines)])
            }
        };
        Self { decision: json!(decision), account, backend_request }
    }
}

/// Returns the header lines by name, without those of the connection. The values of the request id and of secrets are not
/// compared.
fn comparable(lines: Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in lines {
        let is_shown = !["x-request-id", "authorization", "cookie"].contains(&name.as_str());
        let values = headers.entry(name).or_default();
        values.push(if is_shown { value } else { String::new() });
    }
    headers.retain(|name, _| !FRAMING.contains(&name.as_str()));
    headers
}

/// The configuration of one gateway, loaded once more for `explain`.
struct Explainer<'a> {
    folder: &'a Path,
    compiled: CompiledConfig,
    metrics: Arc<Metrics>,
    now: UnixTime,
}

impl<'a> Explainer<'a> {
    fn new(folder: &'a Path) -> Self {
        let metrics = Arc::new(Metrics::new("test", DenialId::IDS));
        let clock = Clock::system();
        let mut context = CompileContext::new(clock.clone(), Arc::clone(&metrics));
        let loaded = config::load(&folder.join("proxy.toml"), &mut context).unwrap();
        // Whole seconds, the resolution of `--at`.
        let now = UnixTime::from_seconds(clock.now().seconds());
        Self { folder, compiled: loaded.compiled, metrics, now }
    }

    fn explain(&self, request: &RandomRequest) -> Value {
        let presented = match request.card {
            "none" => Vec::new(),
            name => pki().card(name).unwrap().chain.clone(),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in request.all_headers() {
            let mut value = http::HeaderValue::from_str(&value).unwrap();
            value.set_sensitive(name == "authorization" || name == "cookie");
            headers.append(http::HeaderName::try_from(name).unwrap(), value);
        }
        let explained = ExplainedRequest {
            method: request.method.clone(),
            url: request.url().parse().unwrap(),
            headers,
            presented,
            now: self.now,
            client: Some(request.from.parse().unwrap()),
        };
        let explanation = std::thread::scope(|scope| {
            let running = scope.spawn(|| explained.explain(&self.compiled, &self.metrics));
            running.join().unwrap().unwrap()
        });
        without_request_id(serde_json::to_value(explanation).unwrap())
    }

    fn explain_by_program(&self, request: &RandomRequest) -> Value {
        let mut command = Command::cargo_bin("portcullis").unwrap();
        command.current_dir(self.folder).timeout(TEST_TIMEOUT).args(["explain", "--json", "--config"]);
        command.arg(self.folder.join("proxy.toml")).args(["--url", &request.url(), "--from", request.from]);
        command.args(["--method", request.method.as_str(), "--at", &self.now.seconds().to_string()]);
        if request.card != "none" {
            command.args(["--certificate", &format!("pki/cards/{}.crt", request.card)]);
        }
        for (name, value) in request.all_headers() {
            command.args(["--header", &format!("{name}: {value}")]);
        }
        let output = command.output().unwrap();
        let json = serde_json::from_slice(&output.stdout);
        without_request_id(json.unwrap_or_else(|error| panic!("{error}: {output:?}")))
    }
}

/// Returns the explanation without the request id, which is random.
fn without_request_id(mut explanation: Value) -> Value {
    let headers = explanation.pointer_mut("/backend_request/headers").and_then(Value::as_array_mut);
    for line in headers.into_iter().flatten().filter(|line| line["name"] == "x-request-id") {
        line["value"] = json!("");
    }
    explanation
}
