//! The requirements of a path rule, in addition to those of its site and realm.

use crate::support::{TestClient, TestConfig, TestGateway, empty_body};
use http::Method;

fn with_path(keys: &str) -> TestConfig {
    let paths = format!("{}\n[[site.path]]\npath = \"/x/echo\"\n{keys}\n", TestConfig::default().paths);
    TestConfig { paths, ..TestConfig::default() }
}

async fn status_and_id(gateway: &TestGateway, card: &str) -> String {
    TestClient::new(gateway).certificate(card).get("/x/echo").await.status_and_id()
}

#[tokio::test]
async fn a_path_can_require_a_usage_that_the_realm_does_not() {
    let config = with_path("client_certificate = \"require\"\nextended_key_usage = [\"smartcard_logon\"]");
    let realm = config.realm.replace(r#", "smartcard_logon"]"#, "]");
    let gateway = TestGateway::with(TestConfig { realm, ..config });
    assert_eq!(
        TestClient::new(&gateway).certificate("dave").get("/require/echo").await.status_and_id(),
        "200 permit"
    );
    assert_eq!(status_and_id(&gateway, "dave").await, "403 certificate-not-sufficient");
    assert_eq!(status_and_id(&gateway, "alice").await, "200 permit");
}

#[tokio::test]
async fn a_path_can_require_an_issuer_by_its_key() {
    for (issuer, expected) in
        [("issuing", "200 permit"), ("policy", "200 permit"), ("server-ca", "403 certificate-not-sufficient")]
    {
        let keys = format!("client_certificate = \"accept\"\nissuers = [\"pki/{issuer}.pem\"]");
        let gateway = TestGateway::with(with_path(&keys));
        assert_eq!(status_and_id(&gateway, "alice").await, expected, "{issuer}");
    }
}

#[tokio::test]
async fn a_path_can_reject_queries() {
    let gateway = TestGateway::with(with_path("client_certificate = \"ignore\"\nquery = \"reject\""));
    for client in TestClient::http1_and_http2(&gateway) {
        assert_eq!(client.get("/x/echo").await.status_and_id(), "200 permit");
        assert_eq!(client.get("/x/echo?").await.status_and_id(), "400 invalid-path");
        assert_eq!(client.get("/x/echo?wsdl").await.status_and_id(), "400 invalid-path");
    }
}

#[tokio::test]
async fn a_query_is_forwarded_unchanged_and_a_long_one_is_rejected() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        for query in ["", "wsdl", "a=%2e%2E/../&b=+%00%zz", "q=?/@:!$'()*,;"] {
            let response = client.get(&format!("/ignore/echo?{query}")).await;
            assert_eq!(response.json()["target"], format!("/ignore/echo?{query}"));
        }
        let long = "a".repeat(2049);
        assert_eq!(client.get(&format!("/ignore/echo?{long}")).await.status_and_id(), "400 invalid-path");
        let response = client.get(&format!("/ignore/echo?{}", &long[1..])).await;
        assert_eq!(response.status_and_id(), "200 permit");
    }
}

#[tokio::test]
async fn the_path_is_forwarded_as_spelled_in_the_configuration() {
    let config = TestConfig {
        paths: TestConfig::default().paths.replace("/ignore/echo", "/Ignore/Echo"),
        ..TestConfig::default()
    };
    let gateway = TestGateway::with(config);
    for client in TestClient::http1_and_http2(&gateway) {
        for path in ["/ignore/echo", "/IGNORE/ECHO", "/Ignore/Echo"] {
            assert_eq!(client.get(path).await.json()["target"], "/Ignore/Echo", "{path}");
        }
    }
}

#[tokio::test]
async fn a_path_below_a_file_does_not_match_a_broader_rule() {
    let keys =
        "client_certificate = \"require\"\n[[site.path]]\npath = \"/x/*\"\nclient_certificate = \"ignore\"";
    let gateway = TestGateway::with(with_path(keys));
    let client = TestClient::new(&gateway);
    assert_eq!(client.get("/x/other/echo").await.status_and_id(), "200 permit");
    assert_eq!(client.get("/x/echo").await.status_and_id(), "403 certificate-required");
    for path in ["/x/echo/", "/x/echo/info", "/X/ECHO/info", "/x/echo/a/b/echo"] {
        assert_eq!(client.get(path).await.status_and_id(), "404 path-not-found", "{path}");
    }
}

#[tokio::test]
async fn a_path_can_allow_other_methods_and_cross_site_requests() {
    let keys = "client_certificate = \"require\"\nmethods = [\"GET\", \"PUT\"]\ncross_site = \"allow\"";
    let gateway = TestGateway::with(with_path(keys));
    let client = TestClient::new(&gateway).certificate("alice");
    let put = client.request(Method::PUT, "/x/echo").body(empty_body()).unwrap();
    assert_eq!(client.send(put).await.status_and_id(), "200 permit");
    let post = client.request(Method::POST, "/x/echo").body(empty_body()).unwrap();
    let response = client.send(post).await;
    assert_eq!(
        (response.status_and_id().as_str(), response.header("allow")),
        ("405 method-not-allowed", Some("GET, PUT"))
    );
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(client.get_with("/x/echo", &foreign).await.status_and_id(), "200 permit");
}

#[tokio::test]
async fn a_path_can_have_its_own_backend() {
    let keys = "client_certificate = \"ignore\"\nbackend = \"other\"";
    let more = "[backend.other]\nservers = [\"http://127.0.0.1:1\"]";
    let gateway = TestGateway::with(TestConfig { more: more.into(), ..with_path(keys) });
    assert_eq!(status_and_id(&gateway, "none").await, "502 backend-unreachable");
    assert_eq!(TestClient::new(&gateway).get("/ignore/echo").await.status_and_id(), "200 permit");
}
