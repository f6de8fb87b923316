//! Random requests on one connection: no request changes the result of a later one. The expected result is a function of
//! one request and the client certificate. In CVE-2016-4979 an earlier request disabled the check of later ones.

use super::three_sites::{HOME, card, start, three_sites};
use crate::support::{TestClient, TestGateway, TestResponse, TestRng, empty_body, sized_body};
use http::Method;

const HOLDERS: [Option<&str>; 6] =
    [None, Some("alice"), Some("bob"), Some("carol"), Some("mallory"), Some("frank")];

const PATHS: [&str; 16] = [
    "/ignore/echo",
    "/IGNORE/Echo",
    "/accept/echo",
    "/Accept/ECHO",
    "/require/echo",
    "/REQUIRE/echo",
    "/require/exact.asmx",
    "/Require/Exact.ASMX",
    "/require/exact.asmx/echo",
    "/require/exact.asmx/",
    "/ignore/a.asmx/echo",
    "/ignored/echo",
    "/",
    "/ignore//echo",
    "/ignore/../require/echo",
    "/require%2fecho",
];

const QUERIES: [&str; 3] = ["", "?wsdl", "?path=/ignore/echo"];

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE];

#[derive(Clone, Debug)]
struct SequenceRequest {
    method: Method,
    path: &'static str,
    query: &'static str,
}

/// Returns the result that a gateway without state has.
fn expected_result(holder: Option<&str>, request: &SequenceRequest) -> &'static str {
    let path = request.path.to_ascii_lowercase();
    if path.contains("//") || path.contains("..") || path.contains('%') {
        return "400 invalid-path";
    }
    let (card, query) = match path.as_str() {
        "/require/exact.asmx" => ("require", "reject"),
        below if below.contains(".asmx/") => return "404 path-not-found",
        below if below.starts_with("/ignore/") => ("ignore", "allow"),
        below if below.starts_with("/accept/") => ("accept", "allow"),
        below if below.starts_with("/require/") => ("require", "allow"),
        _ => return "404 path-not-found",
    };
    if ![Method::GET, Method::HEAD, Method::POST].contains(&request.method) {
        return "405 method-not-allowed";
    }
    if query == "reject" && !request.query.is_empty() {
        return "400 invalid-path";
    }
    match (card, holder) {
        ("ignore", _) | (_, Some("alice")) => "200 permit",
        ("accept", None) => "401 credentials-required",
        (_, None) => "403 certificate-required",
        (_, Some("bob")) => "403 certificate-revoked",
        (_, Some("carol")) => "403 certificate-expired",
        (_, Some("mallory")) => "403 certificate-untrusted",
        (_, Some(_)) => "403 not-mapped",
    }
}

impl SequenceRequest {
    fn generate(rng: &mut TestRng) -> Self {
        Self { method: rng.choose(&METHODS).clone(), path: *rng.choose(&PATHS), query: *rng.choose(&QUERIES) }
    }
}

/// Returns whether the response is the expected one. A response to HEAD has no body, hence no id.
fn agrees(response: &TestResponse, request: &SequenceRequest, expected: &str) -> bool {
    match request.method {
        Method::HEAD => expected.starts_with(&response.status.to_string()),
        _ => response.status_and_id() == expected,
    }
}

async fn send_sequence(gateway: &TestGateway, client: TestClient, holder: Option<&str>, seed: u64) {
    let client = match holder {
        Some(name) => client.chain(card(name)),
        None => client,
    };
    let mut connection = client.connect().await.unwrap();
    let mut rng = TestRng::new(seed);
    for number in 0..60 {
        let request = SequenceRequest::generate(&mut rng);
        let expected = expected_result(holder, &request);
        let before = gateway.rms.requests().len();
        let target = format!("{}{}", request.path, request.query);
        let message = connection.request(request.method.clone(), &target).header("x-demo-echo", "1");
        let body = if request.method == Method::POST { sized_body("hello") } else { empty_body() };
        let response = connection.send(message.body(body).unwrap()).await;
        let response =
            response.unwrap_or_else(|error| panic!("{holder:?}, {seed}/{number}, {request:?}: {error:?}"));
        assert!(
            agrees(&response, &request, expected),
            "{holder:?}, {seed}/{number}, {request:?}: expected {expected}, received {}",
            response.status_and_id()
        );
        let forwarded = gateway.rms.requests().len() - before;
        assert_eq!(
            forwarded,
            usize::from(expected == "200 permit"),
            "{holder:?}, {seed}/{number}, {request:?}"
        );
        if expected == "200 permit" && request.method != Method::HEAD {
            let ignored = request.path.to_ascii_lowercase().starts_with("/ignore/");
            let users: &[&str] = if ignored { &[] } else { &["alice@corp.example"] };
            assert_eq!(
                response.received_header("x-remote-user"),
                users,
                "{holder:?}, {seed}/{number}, {request:?}"
            );
        }
    }
}

#[tokio::test]
async fn every_result_on_an_http_1_1_connection_depends_on_its_request_only() {
    let gateway = start(three_sites());
    for (seed, holder) in (1..).zip(HOLDERS) {
        send_sequence(&gateway, TestClient::new(&gateway).resolving(HOME).http1(), holder, seed).await;
        send_sequence(
            &gateway,
            TestClient::new(&gateway).resolving(HOME).http1().tls12(),
            holder,
            seed + 100,
        )
        .await;
    }
}

#[tokio::test]
async fn every_result_on_an_http_2_connection_depends_on_its_request_only() {
    let gateway = start(three_sites());
    for (seed, holder) in (1..).zip(HOLDERS) {
        send_sequence(&gateway, TestClient::new(&gateway).resolving(HOME).http2(), holder, seed + 200).await;
        send_sequence(
            &gateway,
            TestClient::new(&gateway).resolving(HOME).http2().tls12(),
            holder,
            seed + 300,
        )
        .await;
    }
}
