//! In what shape a denial reaches each kind of client.

use crate::support::{Answer, Client, Lab, Setup, nothing, whole};
use http::Method;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn lab() -> Lab {
    Lab::with(Setup { site: r#"help_desk = "Service desk, telephone 4567""#.into(), ..Setup::default() })
}

/// What every shape carries: nothing may keep it, and it may run nothing.
fn assert_kept_by_nobody(answer: &Answer) {
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
}

async fn page(lab: &Lab, language: &str) -> Answer {
    let client = Client::new(lab);
    let mut request = client.request(Method::GET, "/require/echo").body(nothing()).unwrap();
    request.headers_mut().insert("accept", BROWSER.parse().unwrap());
    request.headers_mut().insert("accept-language", language.parse().unwrap());
    client.send(request).await
}

#[tokio::test]
async fn a_browser_gets_a_page_in_english_or_dutch_with_the_request_id() {
    let lab = lab();
    for (language, tag) in [("en", "en"), ("fr", "en"), ("nl-BE,nl;q=0.8,en;q=0.5", "nl")] {
        let answer = page(&lab, language).await;
        assert_eq!(answer.status, 403);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.header("content-language"), Some(tag));
        assert!(answer.text().contains(&format!("<html lang=\"{tag}\"")), "{}", answer.text());
        assert!(answer.text().contains("certificate-required"));
        assert!(answer.text().contains("Service desk, telephone 4567"));
        assert_kept_by_nobody(&answer);
        let shown =
            |record: &serde_json::Value| answer.text().contains(record["request_id"].as_str().unwrap());
        lab.record_where(shown).await;
    }
}

#[tokio::test]
async fn a_page_shows_nothing_of_the_inside() {
    let lab = lab();
    let answer =
        Client::new(&lab).card("mallory").get_with("/require/echo", &[("accept-language", "en")]).await;
    let record = lab.record(&answer.request_id()).await;
    let detail = record["detail"].as_str().unwrap();
    assert!(!answer.text().contains(detail), "{detail}");
    for inside in ["Demo Issuing CA", "pki/", "127.0.0.1", "rustls"] {
        assert!(!answer.text().contains(inside), "{inside}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_soap_request_gets_a_fault_of_its_own_version() {
    let lab = lab();
    let versions = [
        ("text/xml; charset=utf-8", "http://schemas.xmlsoap.org/soap/envelope/"),
        ("application/soap+xml; charset=utf-8", "http://www.w3.org/2003/05/soap-envelope"),
    ];
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        for (content_type, namespace) in versions {
            let request = client
                .request(Method::POST, "/_wmcs/certification/certification.asmx")
                .header("content-type", content_type)
                .header("soapaction", "\"http://microsoft.com/DRM/CertificationService/Certify\"");
            let answer = client.send(request.body(whole("<a/>")).unwrap()).await;
            assert_eq!(answer.status, 403);
            assert_eq!(answer.header("content-type"), Some(content_type));
            assert!(answer.text().contains(namespace), "{}", answer.text());
            assert!(answer.text().contains("System.UnauthorizedAccessException"));
            assert!(answer.text().contains("certificate-required"));
            assert_kept_by_nobody(&answer);
        }
    }
}

#[tokio::test]
async fn a_program_that_asks_for_json_gets_a_problem_document() {
    let lab = lab();
    let answer = Client::new(&lab).card("bob").get("/require/echo").await;
    let record = lab.record(&answer.request_id()).await;
    let problem = answer.json();
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["id"], "certificate-revoked");
    assert_eq!((&problem["status"], &problem["sub_status"]), (&403.into(), &13.into()));
    assert_eq!(problem["help"], "Service desk, telephone 4567");
    assert_eq!(record["decision"], "certificate-revoked");
    assert_kept_by_nobody(&answer);
}

#[tokio::test]
async fn a_head_request_gets_the_head_alone() {
    let lab = lab();
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        let mut connection = client.connect().await.unwrap();
        let request = connection.request(Method::HEAD, "/require/echo").body(nothing()).unwrap();
        let answer = connection.send(request).await.unwrap();
        assert_eq!((answer.status, answer.body.len()), (403, 0));
        assert!(answer.header("content-length").is_some_and(|length| length != "0"));
        assert_eq!(connection.get("/ignore/echo").await.unwrap().verdict(), "200 permit");
    }
}

#[tokio::test]
async fn a_401_challenges_with_no_scheme_that_opens_a_dialogue() {
    let lab = lab();
    let answer = Client::new(&lab).get("/accept/echo").await;
    assert_eq!(answer.header("www-authenticate"), Some("ClientCertificateRule realm=\"smartcard\""));
}

#[tokio::test]
async fn silence_under_tls13_gets_the_hint_that_tls12_does_not_need() {
    let lab = lab();
    let under_13 = Client::new(&lab).tls13().get("/require/echo").await;
    let under_12 = Client::new(&lab).tls12().get("/require/echo").await;
    assert!(under_13.json()["hint"].is_string());
    assert!(under_12.json()["hint"].is_null());
}
