//! The formats of a denial: HTML for browsers, SOAP faults, JSON, and empty responses to HEAD.

use crate::support::{TestClient, TestConfig, TestGateway, TestResponse, empty_body, sized_body};
use http::Method;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn gateway() -> TestGateway {
    TestGateway::with(TestConfig {
        site: r#"help_desk = "Service desk, telephone 4567""#.into(),
        ..TestConfig::default()
    })
}

/// Panics unless the response forbids caching and active content.
fn assert_uncached_and_inert(response: &TestResponse) {
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    let policy = response.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
}

async fn page(gateway: &TestGateway, language: &str) -> TestResponse {
    let client = TestClient::new(gateway);
    let mut request = client.request(Method::GET, "/require/echo").body(empty_body()).unwrap();
    request.headers_mut().insert("accept", BROWSER.parse().unwrap());
    request.headers_mut().insert("accept-language", language.parse().unwrap());
    client.send(request).await
}

#[tokio::test]
async fn a_browser_receives_a_page_in_english_or_dutch_with_the_request_id() {
    let gateway = gateway();
    for (language, tag) in [("en", "en"), ("fr", "en"), ("nl-BE,nl;q=0.8,en;q=0.5", "nl")] {
        let response = page(&gateway, language).await;
        assert_eq!(response.status, 403);
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(response.header("content-language"), Some(tag));
        assert!(response.text().contains(&format!("<html lang=\"{tag}\"")), "{}", response.text());
        assert!(response.text().contains("certificate-required"));
        assert!(response.text().contains("Service desk, telephone 4567"));
        assert_uncached_and_inert(&response);
        let contains_id =
            |record: &serde_json::Value| response.text().contains(record["request_id"].as_str().unwrap());
        gateway.record_where(contains_id).await;
    }
}

#[tokio::test]
async fn a_page_contains_no_internal_detail() {
    let gateway = gateway();
    let response = TestClient::new(&gateway)
        .certificate("mallory")
        .get_with("/require/echo", &[("accept-language", "en")])
        .await;
    let record = gateway.record(&response.request_id()).await;
    let detail = record["detail"].as_str().unwrap();
    assert!(!response.text().contains(detail), "{detail}");
    for internal in ["Demo Issuing CA", "pki/", "127.0.0.1", "rustls"] {
        assert!(!response.text().contains(internal), "{internal}: {}", response.text());
    }
}

#[tokio::test]
async fn a_soap_request_receives_a_fault_of_its_soap_version() {
    let gateway = gateway();
    let versions = [
        ("text/xml; charset=utf-8", "http://schemas.xmlsoap.org/soap/envelope/"),
        ("application/soap+xml; charset=utf-8", "http://www.w3.org/2003/05/soap-envelope"),
    ];
    for client in TestClient::http1_and_http2(&gateway) {
        for (content_type, namespace) in versions {
            let request = client
                .request(Method::POST, "/_wmcs/certification/certification.asmx")
                .header("content-type", content_type)
                .header("soapaction", "\"http://microsoft.com/DRM/CertificationService/Certify\"");
            let response = client.send(request.body(sized_body("<a/>")).unwrap()).await;
            assert_eq!(response.status, 403);
            assert_eq!(response.header("content-type"), Some(content_type));
            assert!(response.text().contains(namespace), "{}", response.text());
            assert!(response.text().contains("System.UnauthorizedAccessException"));
            assert!(response.text().contains("certificate-required"));
            assert_uncached_and_inert(&response);
        }
    }
}

#[tokio::test]
async fn a_client_that_accepts_json_receives_a_problem_document() {
    let gateway = gateway();
    let response = TestClient::new(&gateway).certificate("bob").get("/require/echo").await;
    let record = gateway.record(&response.request_id()).await;
    let problem = response.json();
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["id"], "certificate-revoked");
    assert_eq!((&problem["status"], &problem["sub_status"]), (&403.into(), &13.into()));
    assert_eq!(problem["help"], "Service desk, telephone 4567");
    assert_eq!(record["decision"], "certificate-revoked");
    assert_uncached_and_inert(&response);
}

#[tokio::test]
async fn a_head_request_receives_no_content() {
    let gateway = gateway();
    for client in TestClient::http1_and_http2(&gateway) {
        let mut connection = client.connect().await.unwrap();
        let request = connection.request(Method::HEAD, "/require/echo").body(empty_body()).unwrap();
        let response = connection.send(request).await.unwrap();
        assert_eq!((response.status, response.body.len()), (403, 0));
        assert!(response.header("content-length").is_some_and(|length| length != "0"));
        assert_eq!(connection.get("/ignore/echo").await.unwrap().status_and_id(), "200 permit");
    }
}

#[tokio::test]
async fn a_401_offers_no_scheme_that_prompts_for_a_password() {
    let gateway = gateway();
    let response = TestClient::new(&gateway).get("/accept/echo").await;
    assert_eq!(response.header("www-authenticate"), Some("ClientCertificate realm=\"smartcard\""));
}

#[tokio::test]
async fn a_missing_certificate_under_tls_1_3_adds_a_hint() {
    let gateway = gateway();
    let tls13 = TestClient::new(&gateway).tls13().get("/require/echo").await;
    let tls12 = TestClient::new(&gateway).tls12().get("/require/echo").await;
    assert!(tls13.json()["hint"].is_string());
    assert!(tls12.json()["hint"].is_null());
}
