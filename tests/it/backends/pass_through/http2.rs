//! Connection-based authentication is not possible over HTTP/2.

use super::in_front_of;
use super::server::{ConnectionBound, basic, first_message};
use crate::support::{TestClient, TestConfig, TestGateway, curl, empty_body};
use http::Method;
use std::error::Error;

fn with_http2(backend: &ConnectionBound) -> TestGateway {
    TestGateway::with(TestConfig { site: "http2 = true".to_owned(), ..in_front_of(backend.address) })
}

/// Returns the reason with which the stream of an HTTP/2 request for `path` with these headers is reset.
async fn reset_reason(lab: &TestGateway, path: &str, headers: &[(&str, &str)]) -> Option<h2::Reason> {
    let mut connection = TestClient::new(lab).http2().connect().await.unwrap();
    let mut request = connection.request(Method::GET, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let error = connection.send(request.body(empty_body()).unwrap()).await.err()?;
    error.source().unwrap().downcast_ref::<h2::Error>().unwrap().reason()
}

#[tokio::test]
async fn a_site_with_pass_through_authentication_offers_http11_only() {
    let backend = ConnectionBound::start();
    let lab = TestGateway::with(in_front_of(backend.address));
    assert!(TestClient::new(&lab).http2().tls_stream().await.is_err());
    let Some(ran) = curl(&lab, &["--http2", "--write-out", "%{http_version}", &lab.url("/accept/x")]) else {
        return;
    };
    assert!(ran.stdout.ends_with("1.1"), "{}", ran.output());
}

#[tokio::test]
async fn a_connection_based_challenge_resets_the_stream() {
    let backend = ConnectionBound::start();
    let lab = with_http2(&backend);
    assert_eq!(reset_reason(&lab, "/accept/x", &[]).await, Some(h2::Reason::HTTP_1_1_REQUIRED));
    assert_eq!(backend.requests().len(), 1);
    let record = lab.only_record().await;
    assert_eq!((record["decision"].as_str(), record["status"].as_u64()), (Some("http-1-1-required"), None));
}

#[tokio::test]
async fn connection_based_credentials_reset_the_stream_before_they_are_forwarded() {
    let backend = ConnectionBound::start();
    let lab = with_http2(&backend);
    for scheme in ["NTLM", "Negotiate"] {
        let reason = reset_reason(&lab, "/accept/x", &[("authorization", &first_message(scheme))]).await;
        assert_eq!(reason, Some(h2::Reason::HTTP_1_1_REQUIRED), "{scheme}");
    }
    assert_eq!(backend.requests().len(), 0);
}

#[tokio::test]
async fn each_http2_request_has_a_backend_connection_of_its_own() {
    let backend = ConnectionBound::start();
    let lab = with_http2(&backend);
    let mut connection = TestClient::new(&lab).http2().connect().await.unwrap();
    for user in ["alice", "bob", "alice"] {
        let request =
            connection.request(Method::GET, "/accept/x").header("authorization", basic(user, "Passw0rd"));
        let response = connection.send(request.body(empty_body()).unwrap()).await.unwrap();
        assert_eq!(response.json()["user"], user);
    }
    assert_eq!(backend.connections(), 3);
}

#[tokio::test]
async fn curl_retries_over_http11() {
    let backend = ConnectionBound::start();
    let lab = with_http2(&backend);
    let url = lab.url("/accept/x");
    let Some(ran) = curl(&lab, &["--http2", "--write-out", "%{http_version} %{http_code}", &url]) else {
        return;
    };
    assert!(ran.stdout.ends_with("1.1 401"), "{}", ran.output());
}
