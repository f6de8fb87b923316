//! The identity headers that the backend receives, and attempts of clients to forge them.

use crate::support::{TestClient, TestGateway, empty_body, pki, sha256};
use http::Method;

/// Header names that servers, frameworks and other proxies trust, as spelled in HTTP/1.1.
const SPOOFED: [&str; 34] = [
    "X-Remote-User",
    "x-remote-user",
    "X-REMOTE-USER",
    "X_Remote_User",
    "X-Remote_User",
    "X-Remote-Upn",
    "X-Remote-Sid",
    "X-Remote-Groups",
    "X-Remote-Mapping",
    "X-Remote-Authentication",
    "X-Remote-Certificate-Sha256",
    "Client-Cert",
    "Client_Cert",
    "Client-Cert-Chain",
    "X-Forwarded-Client-Cert",
    "X-ARR-ClientCert",
    "X-Portcullis-Assertion",
    "X-SSL-Client-DN",
    "SSL_CLIENT_S_DN",
    "Remote-User",
    "X-MS-CLIENT-PRINCIPAL-NAME",
    "X-Original-URL",
    "X-Authenticated-User",
    "SM_USER",
    "SM-User",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Forwarded-User",
    "REMOTE_USER",
    "X-WEBAUTH-USER",
    "X-Client-Cert",
    "X-Client-Verify",
    "iv-user",
    "X-Goog-Authenticated-User-Email",
];

/// The headers of a GET of [`TestClient`] that the backend receives without an identity.
const ANONYMOUS: [&str; 7] = [
    "accept",
    "forwarded",
    "host",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

#[tokio::test]
async fn the_backend_receives_the_account_and_the_mapping_of_a_certificate() {
    let gateway = TestGateway::start();
    let leaf = sha256(pki().card("alice").unwrap().certificate_der());
    for client in TestClient::http1_and_http2(&gateway) {
        let response = client.certificate("alice").get("/require/echo").await;
        assert_eq!(response.received_header("x-remote-user"), ["alice@corp.example"]);
        assert_eq!(response.received_header("x-remote-upn"), ["alice@corp.example"]);
        assert_eq!(response.received_header("x-remote-mapping"), ["upn; weak"]);
        assert_eq!(response.received_header("x-remote-authentication"), ["certificate"]);
        assert_eq!(response.received_header("x-remote-certificate-sha256"), [leaf.as_str()]);
        assert_eq!(response.received_header("host"), ["rms.corp.example"]);
    }
}

#[tokio::test]
async fn the_backend_receives_the_requested_port_only_if_it_is_the_listeners() {
    let gateway = TestGateway::start();
    let own = format!("rms.corp.example:{}", gateway.address().port());
    let hosts = [(own.as_str(), own.as_str()), ("rms.corp.example:6666", "rms.corp.example")];
    for client in TestClient::http1_and_http2(&gateway) {
        for (requested, received) in hosts {
            let response = client.clone().host(requested).get("/ignore/echo").await;
            assert_eq!(response.received_header("host"), [received]);
            assert_eq!(response.received_header("x-forwarded-host"), [received]);
            let quote = if received.contains(':') { "\"" } else { "" };
            let forwarded = format!("for=127.0.0.1;proto=https;host={quote}{received}{quote}");
            assert_eq!(response.received_header("forwarded"), [forwarded.as_str()]);
        }
    }
}

#[tokio::test]
async fn a_request_without_an_identity_has_no_identity_header() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        for card in ["none", "alice", "bob", "mallory"] {
            let response = client.clone().certificate(card).get("/ignore/echo").await;
            let mut names = response.received_header_names();
            names.sort();
            assert_eq!(names, ANONYMOUS, "{card}");
        }
    }
}

#[tokio::test]
async fn identity_headers_of_the_client_are_removed_in_every_spelling() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        for name in SPOOFED {
            let response = client.get_with("/ignore/echo", &[(name, "CORP\\administrator")]).await;
            let mut names = response.received_header_names();
            names.sort();
            assert_eq!(names, ANONYMOUS, "{name}");
        }
    }
}

#[tokio::test]
async fn forged_identity_headers_do_not_reach_the_backend_with_a_certificate() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let spoofed = SPOOFED.map(|name| (name, "CORP\\administrator"));
        let response = client.certificate("alice").get_with("/require/echo", &spoofed).await;
        assert_eq!(response.received_header("x-remote-user"), ["alice@corp.example"]);
        assert!(!response.text().contains("administrator"), "{}", response.text());
    }
}

#[tokio::test]
async fn the_connection_header_cannot_remove_an_identity_header() {
    let gateway = TestGateway::start();
    let client = TestClient::new(&gateway).certificate("alice").http1();
    let names = ["X-Remote-User", "x-remote-user", "X-Forwarded-For", "X-Request-Id", "Forwarded"];
    for name in names {
        for value in [name.to_owned(), format!("close, {name}"), format!("\t{name} ,keep-alive")] {
            let request = client.request(Method::GET, "/require/echo").header("connection", value.as_str());
            let response = client.send(request.body(empty_body()).unwrap()).await;
            assert_eq!(response.status_and_id(), "200 permit", "{value}");
            assert_eq!(response.received_header("x-remote-user"), ["alice@corp.example"], "{value}");
            assert_eq!(response.received_header(name).len(), 1, "{value}");
        }
    }
}

#[tokio::test]
async fn a_response_to_an_authenticated_request_is_private() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let response = client.clone().certificate("alice").get("/require/echo").await;
        assert_eq!(response.header("cache-control"), Some("private"));
        let response = client.get("/ignore/echo").await;
        assert_eq!(response.header("cache-control"), None);
    }
}
