//! Password authentication, with a directory that logs the password checks.

use crate::support::{PeopleDirectory, TestClient, TestConfig, TestGateway, TestResponse, curl, empty_body};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use std::time::Duration;

/// A path of each kind that accepts passwords, and two that do not.
const PATHS: &str = r#"
[[site.path]]
path = "/accept/echo"
client_certificate = "accept"
password = "directory"

[[site.path]]
path = "/unmapped/echo"
client_certificate = "accept"
password = "directory"
unsafe_allow_password_for_unmapped_card = true

[[site.path]]
path = "/password/echo"
client_certificate = "ignore"
password = "directory"

[[site.path]]
path = "/never/echo"
client_certificate = "accept"

[[site.path]]
path = "/ignore/echo"
client_certificate = "ignore"
"#;

pub(super) const PASSWORD: &str = PeopleDirectory::PASSWORD;
const CHALLENGE: &str = r#"Basic realm="rms.corp.example", charset="UTF-8""#;

/// Returns a configuration of these paths and a realm with these keys in its directory table. All accounts have the
/// same password in both kinds of directories; the gateway's own is in the lab's folder, as `ldap-password`.
pub(super) fn setup(directory: &str, passwords: &str) -> TestConfig {
    let realm = format!(
        "{}passwords = {{ {passwords} }}\n\n[realm.staff.directory]\n{directory}\n\
         bind_password = {{ file = \"ldap-password\" }}\n",
        TestConfig::default().realm
    );
    TestConfig { paths: PATHS.to_owned(), realm, ..TestConfig::default() }
}

pub(super) fn start_gateway(setup: TestConfig) -> TestGateway {
    TestGateway::prepared(setup, PeopleDirectory::write_bind_password)
}

/// Returns the directory keys for slapd.
pub(super) fn directory_keys(directory: &PeopleDirectory) -> String {
    format!(
        "url = \"{}\"\nca = \"pki/server-ca.pem\"\nbind_dn = \"{}\"\nbase_dn = \"DC=corp,DC=example\"\ntimeout = \"2s\"",
        directory.server(),
        PeopleDirectory::SERVICE_DN
    )
}

/// Starts a directory and a gateway that uses it.
pub(super) async fn lab(passwords: &str) -> Option<(PeopleDirectory, TestGateway)> {
    let directory = PeopleDirectory::start().await?;
    let lab = start_gateway(setup(&directory_keys(&directory), passwords));
    Some((directory, lab))
}

pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Returns the response to a request with a user name and a password.
pub(super) async fn send_password(
    client: &TestClient,
    path: &str,
    user: &str,
    password: &str,
) -> TestResponse {
    client.get_with(path, &[("authorization", &basic(user, password))]).await
}

/// Sends fifty concurrent guesses, with each of these names of one account and over both protocols. Returns the number
/// of guesses that the directory rejected; the others were throttled.
pub(super) async fn rejected_of_fifty_guesses(lab: &TestGateway, names: [&'static str; 5]) -> usize {
    let guesses = (0..50).map(|guess| {
        let client = if guess % 2 == 0 { TestClient::new(lab).http1() } else { TestClient::new(lab).http2() };
        let user = names[guess % names.len()];
        tokio::spawn(
            async move { send_password(&client, "/accept/echo", user, &format!("guess {guess}")).await },
        )
    });
    let mut wrong = 0;
    for guess in guesses.collect::<Vec<_>>() {
        match guess.await.unwrap().status_and_id().as_str() {
            "401 invalid-password" => wrong += 1,
            verdict => assert_eq!(verdict, "429 login-throttled"),
        }
    }
    wrong
}

/// Returns the number of password checks in the log of the directory.
pub(super) fn password_checks(directory: &PeopleDirectory) -> usize {
    let binds = directory.requests("BIND dn=");
    binds.iter().filter(|bind| !bind.contains("svc-ldap")).count()
}

#[tokio::test]
async fn a_right_password_is_accepted_with_each_form_of_the_user_name() {
    let Some((_directory, lab)) = lab("default_domain = \"CORP\"").await else { return };
    let logins = ["alice@corp.example", "ALICE@CORP.EXAMPLE", r"CORP\alice", r"corp.example\alice", "alice"];
    for (client, path) in
        [(TestClient::new(&lab).http1(), "/accept/echo"), (TestClient::new(&lab).http2(), "/password/echo")]
    {
        for login in logins {
            let response = send_password(&client, path, login, PASSWORD).await;
            assert_eq!(response.status_and_id(), "200 permit", "{login}");
            assert_eq!(response.received_header("x-remote-user"), [r"CORP\alice"], "{login}");
            assert_eq!(response.received_header("x-remote-upn"), ["alice@corp.example"]);
            assert_eq!(response.received_header("x-remote-authentication"), ["password"]);
            assert_eq!(response.received_header("x-remote-certificate-sha256"), [""; 0]);
            assert_eq!(response.received_header("authorization"), [""; 0], "the password is not forwarded");
            let record = lab.record(&response.request_id()).await;
            assert_eq!(record["authentication"], "password");
            assert_eq!(record["account"]["user"], r"CORP\alice");
            assert_eq!(record["mapping"]["method"], "password");
            assert_eq!(record["certificate"], serde_json::Value::Null);
        }
    }
    let foreign =
        send_password(&TestClient::new(&lab), "/accept/echo", "nina.mueller@people.example", PASSWORD).await;
    assert_eq!(foreign.received_header("x-remote-user"), [r"CORP\nina"]);
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_cannot_be_distinguished() {
    let Some((directory, lab)) = lab("").await else { return };
    let client = TestClient::new(&lab);
    let mut responses = Vec::new();
    for (user, password) in [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("twin@corp.example", PASSWORD),
        (r"OTHER\alice", PASSWORD),
    ] {
        let response = send_password(&client, "/accept/echo", user, password).await;
        assert_eq!(response.status_and_id(), "401 invalid-password", "{user}");
        let id = response.request_id();
        let record = lab.record(&id).await;
        assert!(record["account"].is_null() && record["authentication"].is_null());
        let mut headers = response.headers.clone();
        headers.remove("date");
        responses.push((headers, response.text().replace(&id, "ID"), record["detail"].clone()));
    }
    let details: Vec<_> =
        responses.iter().map(|(_, _, detail)| detail.as_str().unwrap().to_owned()).collect();
    assert_eq!(
        details,
        [
            r"the directory rejected the password of CORP\alice: wrong-or-unknown",
            "no directory account has this user name",
            "2 accounts have this user name; the user has to prefix it with the domain",
            "no directory account has this user name",
        ]
    );
    let (headers, text, _) = &responses[0];
    assert!(responses.iter().all(|(others, other, _)| others == headers && other == text));
    // Each needed the same number of queries.
    assert_eq!(password_checks(&directory), 4);
}

#[tokio::test]
async fn a_401_requests_a_password_only_if_the_path_accepts_one() {
    let Some((_directory, lab)) = lab("").await else { return };
    let client = TestClient::new(&lab);
    let send = async |method: Method, path: &str, headers: &[(&str, &str)]| {
        let mut request = client.request(method, path);
        for (name, value) in headers {
            request.headers_mut().unwrap().insert(
                http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
                http::HeaderValue::from_str(value).unwrap(),
            );
        }
        client.send(request.body(empty_body()).unwrap()).await
    };
    let wrong = basic("alice", "wrong");
    for path in ["/accept/echo", "/password/echo", "/unmapped/echo"] {
        for headers in [
            &[][..],
            &[("accept", "text/html")],
            &[("soapaction", "\"x\"")],
            &[("content-type", "application/soap+xml")],
            &[("authorization", "Negotiate YIIabcdef")],
            &[("authorization", "Bearer abcdef")],
        ] {
            for method in [Method::GET, Method::HEAD, Method::POST] {
                let response = send(method, path, headers).await;
                assert_eq!((response.status, response.header("www-authenticate")), (401, Some(CHALLENGE)));
            }
        }
        let again = send(Method::GET, path, &[("authorization", &wrong)]).await;
        assert_eq!((again.status, again.header("www-authenticate")), (401, Some(CHALLENGE)));
        lab.clock.advance(Duration::from_secs(15 * 60));
    }
    let never = send(Method::GET, "/never/echo", &[("authorization", &basic("alice", PASSWORD))]).await;
    assert_eq!(never.status_and_id(), "401 credentials-required");
    assert_eq!(never.header("www-authenticate"), Some("ClientCertificate realm=\"smartcard\""));
}

#[tokio::test]
async fn malformed_credentials_are_rejected_without_a_query() {
    let Some((directory, lab)) = lab("").await else { return };
    let client = TestClient::new(&lab);
    let long = "x".repeat(2000);
    for credentials in [
        "Basic",
        "Basic !",
        "Basic YWxpY2U",
        &basic("alice", ""),
        &basic("", PASSWORD),
        &basic("alice", "Passw0rd!Lab\0"),
        &basic("alice\r\n", PASSWORD),
        &basic(r"A\B\alice", PASSWORD),
        &basic("alice", &long),
        &format!("Basic {}", STANDARD.encode(b"alice:\xff")),
    ] {
        let response = client.get_with("/accept/echo", &[("authorization", credentials)]).await;
        assert_eq!(response.status_and_id(), "401 invalid-password", "{credentials}");
    }
    let good = basic("alice", PASSWORD);
    let twice = client.get_with("/accept/echo", &[("authorization", &good), ("authorization", &good)]).await;
    assert_eq!(twice.status_and_id(), "401 invalid-password");
    assert_eq!(directory.requests("BIND dn="), [""; 0]);
}

#[tokio::test]
async fn the_right_password_of_an_unusable_account_is_denied() {
    let Some((_directory, lab)) = lab("").await else { return };
    let client = TestClient::new(&lab);
    for (user, why) in
        [("bob", "disabled"), ("carol", "locked"), ("dave", "expired"), ("erin", "logon hours")]
    {
        let response = send_password(&client, "/accept/echo", user, PASSWORD).await;
        assert_eq!(response.status_and_id(), "403 account-disabled", "{user}");
        let record = lab.record(&response.request_id()).await;
        assert!(record["detail"].as_str().unwrap().contains(why), "{}", record["detail"]);
        // With a wrong password the client does not learn the status of the account.
        let response = send_password(&client, "/accept/echo", user, "wrong").await;
        assert_eq!(response.status_and_id(), "401 invalid-password", "{user}");
    }
}

#[tokio::test]
async fn a_rejected_certificate_denies_the_request_whatever_its_password() {
    let Some((directory, lab)) = lab("").await else { return };
    for path in ["/accept/echo", "/unmapped/echo"] {
        for (card, verdict) in [
            ("bob", "403 certificate-revoked"),
            ("mallory", "403 certificate-untrusted"),
            ("carol", "403 certificate-expired"),
            ("heidi", "403 identity-conflict"),
        ] {
            for client in [TestClient::new(&lab).http1(), TestClient::new(&lab).http2()] {
                let response = send_password(&client.certificate(card), path, "alice", PASSWORD).await;
                assert_eq!(response.status_and_id(), verdict, "{card} at {path}");
            }
        }
    }
    assert_eq!(password_checks(&directory), 0);
    // A path that ignores certificates does not reject one.
    let response =
        send_password(&TestClient::new(&lab).certificate("bob"), "/password/echo", "alice", PASSWORD).await;
    assert_eq!(response.received_header("x-remote-user"), [r"CORP\alice"]);
}

#[tokio::test]
async fn an_unmapped_certificate_allows_a_password_only_if_configured() {
    let Some((directory, lab)) = lab("").await else { return };
    // The directory has no account for judy.
    let client = TestClient::new(&lab).certificate("judy");
    let response = send_password(&client, "/accept/echo", "alice", PASSWORD).await;
    assert_eq!(response.status_and_id(), "403 not-mapped");
    assert_eq!(password_checks(&directory), 0);

    let challenged = client.get("/unmapped/echo").await;
    assert_eq!(challenged.status_and_id(), "401 credentials-required");
    assert_eq!(challenged.header("www-authenticate"), Some(CHALLENGE));
    assert_eq!(
        send_password(&client, "/unmapped/echo", "alice", "wrong").await.status_and_id(),
        "401 invalid-password"
    );
    let response = send_password(&client, "/unmapped/echo", "alice", PASSWORD).await;
    assert_eq!(response.received_header("x-remote-user"), [r"CORP\alice"]);
    assert_eq!(response.received_header("x-remote-authentication"), ["password"]);
    assert_eq!(
        response.received_header("x-remote-certificate-sha256"),
        [""; 0],
        "the card proves nothing here"
    );
    let record = lab.record(&response.request_id()).await;
    assert_eq!(record["authentication"], "password");
    assert!(record["certificate"]["subject"].as_str().unwrap().contains("judy"), "{record}");
}

#[tokio::test]
async fn a_cross_site_request_can_neither_use_a_password_nor_count_as_an_attempt() {
    let Some((directory, lab)) = lab("").await else { return };
    let client = TestClient::new(&lab);
    for mark in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        for password in [PASSWORD, "wrong"] {
            let credentials = basic("alice", password);
            let response = client.get_with("/accept/echo", &[("authorization", &credentials), mark]).await;
            assert_eq!(response.status_and_id(), "403 cross-site-request");
        }
        assert_eq!(client.get_with("/accept/echo", &[mark]).await.status_and_id(), "403 cross-site-request");
    }
    assert_eq!(password_checks(&directory), 0);
}

#[tokio::test]
async fn curl_authenticates_by_basic() {
    let Some((_directory, lab)) = lab("").await else { return };
    for version in ["--http1.1", "--http2"] {
        for method in [&["--basic"][..], &["--anyauth"]] {
            let user = format!(r"CORP\alice:{PASSWORD}");
            let url = lab.url("/accept/echo");
            let args = [&[version, "--user", &user, &url], method].concat();
            let Some(ran) = curl(&lab, &args) else { return };
            assert!(ran.stdout.contains(r#"["x-remote-user","CORP\\alice"]"#), "{}", ran.output());
        }
    }
}
