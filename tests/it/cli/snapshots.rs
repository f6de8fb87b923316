//! Snapshots of the text that people read: the output of every command, diagnostics, error pages. A value that differs
//! between runs is replaced by its kind in brackets.

use super::{CommandFolder, CommandOutput};
use crate::support::{
    TestClient, TestConfig, TestGateway, TestResponse, WithoutCertificate, empty_body, raw_backend,
    sized_body, tls_backend,
};
use http::Method;

/// Regular expressions of values that differ between runs, with their replacements.
const VOLATILE: [(&str, &str); 10] = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
    (r"\(\d+s ago\)", "([age] ago)"),
    (r#""age_seconds": \d+"#, r#""age_seconds": "[age]""#),
    // The CRL numbers of the test PKI are derived from the time.
    (r#""number": "[0-9a-f]+""#, r#""number": "[number]""#),
    (r"\b[0-9a-fA-F]{40,64}\b", "[hash]"),
    // Request ids, and serial numbers in both byte orders.
    (r"\b[0-9a-fA-F]{32}\b", "[id]"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "[id]"),
    (r"127\.0\.0\.1:\d{2,5}", "127.0.0.1:[port]"),
    (r"/tmp/\.tmp\w+", "[folder]"),
    (r"\d+ (hours?|days?|h|d)( \d+ (minutes?|m))? ago", "[age] ago"),
];

/// Compares `text` with the snapshot of this name.
#[track_caller]
fn assert_text(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in VOLATILE {
        settings.add_filter(pattern, replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Returns the exit code and both outputs as one text.
fn transcript(output: &CommandOutput) -> String {
    let errors = if output.stderr.is_empty() { "" } else { "--- standard error\n" };
    format!("exit code {}\n{}{errors}{}", output.code, output.stdout, output.stderr)
}

#[test]
fn check_prints_listeners_sites_and_path_rules() {
    assert_text("check", &transcript(&CommandFolder::new().run(&["check"])));
}

#[test]
fn check_prints_warnings() {
    let folder = CommandFolder::with(&TestConfig {
        backend: "headers = { sets = [] }".to_owned(),
        ..TestConfig::default()
    });
    let path = folder.path().join("proxy.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        text.replace("[admin]\nlisten = [\"127.0.0.1:0\"]", "[admin]\nlisten = [\"10.0.0.2:9090\"]"),
    )
    .unwrap();
    assert_text("check_warnings", &transcript(&folder.run(&["check"])));
}

#[test]
fn check_prints_every_error_with_its_line() {
    let setup = TestConfig {
        hosts: vec!["rms.corp.example", "rms.corp.example"],
        site: "realms = \"staff\"\non_bad_certificate = \"ignore\"".to_owned(),
        realm: TestConfig::default().realm.replace("pki/issuing.pem", "pki/missing.pem"),
        limits: "max_connections = \"many\"".to_owned(),
        paths: format!(
            "{}\n[[site.path]]\npath = \"/a*b\"\nclient_certificate = \"yes\"\n",
            TestConfig::default().paths
        ),
        ..TestConfig::default()
    };
    assert_text("check_errors", &transcript(&CommandFolder::with(&setup).run(&["check"])));
}

#[tokio::test]
async fn check_online_prints_each_result_with_its_fix() {
    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
    let servers = [
        format!("http://{}", raw_backend(OK).await),
        format!("http://{}", raw_backend(BUSY).await),
        "http://127.0.0.1:9".to_owned(),
        format!("https://{}", tls_backend(WithoutCertificate::Status(200)).await),
    ];
    let setup = TestConfig {
        servers: format!("{servers:?}"),
        backend: "ca = \"pki/server-ca.pem\"\nclient_certificate = \"pki/cards/alice.crt\"\n\
                  private_key = \"pki/cards/alice.key\""
            .to_owned(),
        ..TestConfig::default()
    };
    let folder = CommandFolder::with(&setup);
    assert_text("check_online", &transcript(&folder.run_beside(&["check", "--online"]).await));
    assert_text("check_online_json", &transcript(&folder.run_beside(&["check", "--online", "--json"]).await));
}

#[test]
fn explain_prints_every_step_of_the_pipeline() {
    let folder = CommandFolder::new();
    let explain = |path: &str, certificate: &str, json: bool| {
        let (url, chain) =
            (format!("https://rms.corp.example{path}"), format!("pki/cards/{certificate}.crt"));
        let mut arguments = vec!["explain", "--url", &url];
        if !certificate.is_empty() {
            arguments.extend(["--certificate", &chain]);
        }
        if json {
            arguments.push("--json");
        }
        transcript(&folder.run(&arguments))
    };
    for (name, path, certificate) in [
        ("permit", "/policy/echo", "alice"),
        ("revoked", "/require/echo", "bob"),
        ("expired", "/require/echo", "carol"),
        ("untrusted", "/require/echo", "mallory"),
        ("conflict", "/require/echo", "heidi"),
        ("no_certificate", "/require/echo", ""),
        ("no_path_rule", "/elsewhere", "alice"),
    ] {
        assert_text(&format!("explain_{name}"), &explain(path, certificate, false));
    }
    assert_text("explain_permit_json", &explain("/policy/echo", "alice", true));
    assert_text("explain_revoked_json", &explain("/require/echo", "bob", true));
}

#[test]
fn inspect_prints_the_contents_of_certificates() {
    let folder = CommandFolder::new();
    for (name, file) in [
        ("chain", "pki/cards/alice.crt"),
        ("critical", "pki/cards/critical.crt"),
        ("version_one", "pki/cards/version-one.crt"),
    ] {
        assert_text(&format!("inspect_{name}"), &transcript(&folder.run(&["inspect", file])));
    }
    assert_text(
        "inspect_chain_json",
        &transcript(&folder.run(&["inspect", "--json", "pki/cards/alice.crt"])),
    );
}

#[test]
fn verify_prints_the_paths_and_the_revocation_status() {
    let folder = CommandFolder::new();
    let verify = |options: &[&str], certificate: &str| {
        let chain = format!("pki/cards/{certificate}.crt");
        transcript(&folder.run(&[&["verify", "--anchors", "pki/root.pem"], options, &[&chain]].concat()))
    };
    assert_text("verify_valid", &verify(&["--crl", "pki/crl"], "alice"));
    assert_text("verify_without_crl", &verify(&[], "bob"));
    assert_text("verify_revoked", &verify(&["--crl", "pki/crl"], "bob"));
    assert_text("verify_usage", &verify(&["--eku", "smartcard_logon"], "dave"));
    assert_text("verify_no_crl_of_issuer", &verify(&["--crl", "pki/crl/root.crl"], "alice"));
}

#[test]
fn help_describes_every_command() {
    let folder = CommandFolder::new();
    assert_text("help", &transcript(&folder.run(&["--help"])));
    for command in ["serve", "check", "explain", "inspect", "verify", "demo", "schema", "healthcheck"] {
        assert_text(&format!("help_{command}"), &transcript(&folder.run(&[command, "--help"])));
    }
}

/// Returns the status, the headers that describe the body, and the body.
fn response_text(response: &TestResponse) -> String {
    let header = |name| response.header(name).unwrap_or_default();
    format!(
        "{}\ncontent-type: {}\ncontent-language: {}\n\n{}",
        response.status,
        header("content-type"),
        header("content-language"),
        response.text()
    )
}

#[tokio::test]
async fn denials_are_html_soap_or_json_in_english_or_dutch() {
    let setup = TestConfig {
        site: "help_desk = \"Service desk, telephone 4567\"".to_owned(),
        ..TestConfig::default()
    };
    let lab = TestGateway::with(setup);
    for (name, certificate) in [("required", ""), ("revoked", "bob")] {
        let client = TestClient::new(&lab);
        let client = if certificate.is_empty() { client } else { client.certificate(certificate) };
        for language in ["en", "nl"] {
            for (form, accept) in [("html", "text/html"), ("json", "application/json")] {
                let mut request = client.request(Method::GET, "/require/echo").body(empty_body()).unwrap();
                request.headers_mut().insert("accept", accept.parse().unwrap());
                request.headers_mut().insert("accept-language", language.parse().unwrap());
                let response = client.send(request).await;
                assert_text(&format!("page_{name}_{form}_{language}"), &response_text(&response));
            }
            let request = client
                .request(Method::POST, "/_wmcs/certification/certification.asmx")
                .header("accept-language", language)
                .header("content-type", "text/xml; charset=utf-8")
                .header("soapaction", "\"http://microsoft.com/DRM/CertificationService/Certify\"");
            let response = client.send(request.body(sized_body("<a/>")).unwrap()).await;
            assert_text(&format!("page_{name}_soap_{language}"), &response_text(&response));
        }
    }
    let request = TestClient::new(&lab).request(Method::GET, "/elsewhere").body(empty_body()).unwrap();
    let response = TestClient::new(&lab).send(request).await;
    assert_text("page_path_not_found", &response_text(&response));
}
