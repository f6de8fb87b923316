//! Error responses as clients receive them.

use super::*;
use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

const ANY: ErrorResponseInputs<'static> = ErrorResponseInputs {
    request_id: "0192f3a1",
    method: &Method::GET,
    accept: None,
    accept_language: None,
    content_type: None,
    soap_action: false,
    allow: None,
    challenge: None,
    retry_after: None,
    hint: None,
    help: None,
};

const BROWSER: Option<&str> = Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");

fn text(response: &Response<Bytes>) -> &str {
    str::from_utf8(response.body()).unwrap()
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

fn every_format() -> [ErrorResponseInputs<'static>; 4] {
    [
        ErrorResponseInputs { accept: BROWSER, ..ANY },
        ErrorResponseInputs { accept: Some("application/json"), ..ANY },
        ErrorResponseInputs { soap_action: true, ..ANY },
        ErrorResponseInputs { content_type: Some("application/soap+xml"), ..ANY },
    ]
}

#[test]
fn every_response_has_the_id_of_the_denial_and_of_the_request() {
    for denial in DenialId::ALL {
        for (inputs, language) in
            every_format().into_iter().flat_map(|f| ["en", "nl"].map(|language| (f, language)))
        {
            let inputs = ErrorResponseInputs {
                accept_language: Some(language),
                hint: Some(DenialHint::Tls13WithoutPss),
                help: Some("Help desk"),
                ..inputs
            };
            let response = error_response(*denial, &inputs);
            assert_eq!(response.status(), denial.status());
            assert_eq!(header(&response, "content-language"), language);
            for part in [denial.id(), "0192f3a1", "Help desk", "RSA-PSS"] {
                assert!(text(&response).contains(part), "{denial} {inputs:?} lacks {part}");
            }
        }
    }
}

#[test]
fn every_response_forbids_caching_framing_sniffing_and_loading() {
    for inputs in every_format() {
        let response = error_response(DenialId::CertificateRequired, &inputs);
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer");
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(
            policy.ends_with("'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
            "{policy}"
        );
    }
}

#[test]
fn the_content_security_policy_allows_the_style_of_the_page() {
    let response = error_response(DenialId::CertificateRequired, &ANY);
    let (_, rest) = text(&response).split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, style.as_bytes()));
    assert!(header(&response, "content-security-policy").contains(&format!("style-src 'sha256-{hash}';")));
}

#[test]
fn a_page_has_no_script_and_no_style_attribute_and_loads_no_resources() {
    let response = error_response(DenialId::CertificateRequired, &ANY);
    for part in ["<script", "style=", "src=", "href=", "url(", "@import"] {
        assert!(!text(&response).contains(part), "{part}");
    }
}

#[test]
fn a_browser_gets_a_page_in_its_language() {
    let english =
        error_response(DenialId::CertificateRequired, &ErrorResponseInputs { accept: BROWSER, ..ANY });
    assert_eq!(header(&english, "content-type"), "text/html; charset=utf-8");
    assert!(text(&english).starts_with("<!doctype html>\n<html lang=\"en\">"));
    assert!(text(&english).contains("<h1>Your smartcard was not used</h1>"));
    assert!(text(&english).contains("<dd>403.7</dd>"));
    let dutch =
        ErrorResponseInputs { accept: BROWSER, accept_language: Some("nl-NL,nl;q=0.9,en;q=0.8"), ..ANY };
    let dutch = error_response(DenialId::CertificateRequired, &dutch);
    assert!(text(&dutch).contains("<html lang=\"nl\">"));
    assert!(text(&dutch).contains("<h1>Uw smartcard is niet gebruikt</h1>"));
}

#[test]
fn a_client_that_prefers_json_gets_a_problem_document() {
    let inputs = ErrorResponseInputs { accept: Some("application/json"), ..ANY };
    let response = error_response(DenialId::CertificateRevoked, &inputs);
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let expected = json!({
        "type": "urn:portcullis:denial:certificate-revoked",
        "title": "Your certificate has been withdrawn",
        "status": 403,
        "detail": "The certificate that your computer sent, or the certificate of its issuer, was withdrawn. This also \
            happens when a card is replaced or reported lost.",
        "id": "certificate-revoked",
        "sub_status": 13,
        "what_to_do": [
            "If you have received a new card, close all windows of the browser or program, open it again and use the \
             new card.",
            "If that does not help, give the request number to your help desk.",
        ],
        "hint": null,
        "help": null,
        "request_id": "0192f3a1",
    });
    assert_eq!(serde_json::from_str::<Value>(text(&response)).unwrap(), expected);
}

#[test]
fn a_soap_1_1_request_gets_a_soap_1_1_fault_with_the_status_of_the_denial() {
    let inputs =
        ErrorResponseInputs { method: &Method::POST, content_type: Some("text/xml; charset=utf-8"), ..ANY };
    let response = error_response(DenialId::NotMapped, &inputs);
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&response, "content-type"), "text/xml; charset=utf-8");
    insta::assert_snapshot!(text(&response), @r#"
    <?xml version="1.0" encoding="utf-8"?>
    <soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>
    <faultcode>soap:Server</faultcode>
    <faultstring>System.UnauthorizedAccessException: Your certificate is not linked to an account. Your certificate is valid, but no user account is linked to it.</faultstring>
    <detail><denial xmlns="urn:portcullis:denial">
    <id>not-mapped</id>
    <status>403</status>
    <subStatus>12</subStatus>
    <whatToDo>If you have more than one certificate or card, close all windows of the browser or program, open it again and choose the other one.</whatToDo>
    <whatToDo>Otherwise, ask your help desk to link your smartcard to your account.</whatToDo>
    <requestId>0192f3a1</requestId>
    </denial></detail>
    </soap:Fault></soap:Body></soap:Envelope>
    "#);
}

#[test]
fn a_soap_1_2_request_gets_a_soap_1_2_fault_in_its_language() {
    let content_type = Some("Application/SOAP+xml; charset=utf-8; action=\"urn:x\"");
    let inputs =
        ErrorResponseInputs { method: &Method::POST, content_type, accept_language: Some("nl"), ..ANY };
    let response = error_response(DenialId::BackendTimeout, &inputs);
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(header(&response, "content-type"), "application/soap+xml; charset=utf-8");
    insta::assert_snapshot!(text(&response), @r#"
    <?xml version="1.0" encoding="utf-8"?>
    <soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope"><soap:Body><soap:Fault>
    <soap:Code><soap:Value>soap:Receiver</soap:Value></soap:Code>
    <soap:Reason><soap:Text xml:lang="nl">System.Web.HttpException: De dienst antwoordde niet op tijd. Uw verzoek is doorgegeven, maar er kwam geen antwoord. Het kan toch zijn verwerkt.</soap:Text></soap:Reason>
    <soap:Detail><denial xmlns="urn:portcullis:denial">
    <id>backend-timeout</id>
    <status>504</status>
    <whatToDo>Ga na of uw verzoek is verwerkt, voordat u het opnieuw probeert.</whatToDo>
    <whatToDo>Blijft dit gebeuren? Geef dan het verzoeknummer door aan uw helpdesk.</whatToDo>
    <requestId>0192f3a1</requestId>
    </denial></soap:Detail>
    </soap:Fault></soap:Body></soap:Envelope>
    "#);
}

#[test]
fn soap_is_recognized_by_its_header_or_content_type_only() {
    let is_fault = |inputs: ErrorResponseInputs<'_>| {
        text(&error_response(DenialId::NotMapped, &inputs)).starts_with("<?xml")
    };
    assert!(is_fault(ErrorResponseInputs { soap_action: true, accept: BROWSER, ..ANY }));
    assert!(is_fault(ErrorResponseInputs {
        content_type: Some("TEXT/XML"),
        method: &Method::POST,
        accept: BROWSER,
        ..ANY
    }));
    assert!(!is_fault(ErrorResponseInputs { content_type: Some("text/xml"), ..ANY }));
    assert!(!is_fault(ErrorResponseInputs {
        content_type: Some("application/xml"),
        method: &Method::POST,
        ..ANY
    }));
}

#[test]
fn input_from_outside_is_escaped() {
    let hostile = "</p><script>alert('x')</script>&amp;\"\u{0}\u{b}\u{ffff}";
    for inputs in every_format() {
        let inputs = ErrorResponseInputs { help: Some(hostile), request_id: "<b>\"&", ..inputs };
        let response = error_response(DenialId::NotMapped, &inputs);
        if inputs.accept != Some("application/json") {
            assert!(!text(&response).contains("<script>") && !text(&response).contains("<b>"));
            assert!(text(&response).contains("&lt;b&gt;&quot;&amp;"));
        }
        if text(&response).starts_with("<?xml") {
            assert!(!text(&response).contains(['\u{0}', '\u{b}', '\u{ffff}']));
        }
    }
}

#[test]
fn a_response_to_head_has_the_headers_of_get_and_no_body() {
    for inputs in every_format() {
        let get = error_response(DenialId::BackendBusy, &inputs);
        let head =
            error_response(DenialId::BackendBusy, &ErrorResponseInputs { method: &Method::HEAD, ..inputs });
        assert_eq!(head.headers(), get.headers());
        assert_eq!(header(&head, "content-length"), get.body().len().to_string());
        assert!(head.body().is_empty());
    }
}

#[test]
fn a_transient_denial_has_a_retry_after_in_whole_seconds() {
    let after = |denial, retry_after| {
        header(&error_response(denial, &ErrorResponseInputs { retry_after, ..ANY }), "retry-after").to_owned()
    };
    assert_eq!(after(DenialId::Overloaded, None), "5");
    assert_eq!(after(DenialId::Overloaded, Some(Duration::from_millis(1_001))), "2");
    assert_eq!(after(DenialId::LoginThrottled, Some(Duration::from_secs(60))), "60");
    assert_eq!(after(DenialId::LoginThrottled, None), "");
    assert_eq!(after(DenialId::NotMapped, None), "");
}

#[test]
fn a_405_always_has_an_allow_field() {
    let methods = HeaderValue::from_static("GET, HEAD");
    let response =
        error_response(DenialId::MethodNotAllowed, &ErrorResponseInputs { allow: Some(&methods), ..ANY });
    assert_eq!(header(&response, "allow"), "GET, HEAD");
    assert!(error_response(DenialId::MethodNotAllowed, &ANY).headers().contains_key(ALLOW));
    let other = error_response(DenialId::PathNotFound, &ErrorResponseInputs { allow: Some(&methods), ..ANY });
    assert!(!other.headers().contains_key(ALLOW));
}

#[test]
fn a_401_always_has_a_challenge_and_no_other_status_has_one() {
    let basic = HeaderValue::from_static("Basic realm=\"rms\"");
    for denial in DenialId::ALL {
        let with = error_response(*denial, &ErrorResponseInputs { challenge: Some(&basic), ..ANY });
        let without = error_response(*denial, &ANY);
        if denial.status() == StatusCode::UNAUTHORIZED {
            assert_eq!(header(&with, "www-authenticate"), "Basic realm=\"rms\"");
            assert_eq!(header(&without, "www-authenticate"), "ClientCertificate realm=\"smartcard\"");
        } else {
            assert!(!with.headers().contains_key(WWW_AUTHENTICATE), "{denial}");
        }
    }
}
