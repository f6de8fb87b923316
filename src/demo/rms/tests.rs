//! Tests of the SOAP services over raw TCP, and the raw HTTP client that the tests of the echo share.

mod echo;
pub(super) mod requests;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

use super::server::serve;
use super::soap::SoapVersion;
use super::*;
use requests::{
    SoapRequest, acquire_issuance_license_request, acquire_license_request, certify_request,
    client_licensor_request, find_service_locations_for_user_request, licensor_certificate_request,
    server_info_request, template_information_request,
};

const VERSIONS: [SoapVersion; 2] = [SoapVersion::V1_1, SoapVersion::V1_2];

fn start() -> Rms {
    Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap()
}

/// A response: status line and header lines as received, and the bytes after them.
struct HttpResponse {
    head: String,
    body: Vec<u8>,
}

impl HttpResponse {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn connect(rms: &Rms) -> TcpStream {
    let stream = TcpStream::connect(rms.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends `head` (without its empty line) and `body`, and returns what the server sends until it closes the connection.
fn exchange(rms: &Rms, head: &str, body: &[u8]) -> HttpResponse {
    let mut stream = connect(rms);
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    split(&received)
}

fn split(received: &[u8]) -> HttpResponse {
    let end = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(received[..end].to_vec()).unwrap();
    HttpResponse { head, body: received[end + 4..].to_vec() }
}

fn get(rms: &Rms, target: &str) -> HttpResponse {
    exchange(rms, &format!("GET {target} HTTP/1.1\r\nHost: rms.corp.example"), b"")
}

fn call(rms: &Rms, request: &SoapRequest, more_headers: &str) -> HttpResponse {
    call_at(rms, request.path, request, more_headers)
}

fn call_at(rms: &Rms, path: &str, request: &SoapRequest, more_headers: &str) -> HttpResponse {
    let headers: String =
        request.headers.iter().map(|(name, value)| format!("\r\n{name}: {value}")).collect();
    let length = request.body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}{headers}{more_headers}");
    exchange(rms, &head, &request.body)
}

const ALICE: &str = "\r\nX-Remote-User: CORP\\alice";

#[test]
fn certify_returns_the_account_of_the_identity_header() {
    let rms = start();
    for version in VERSIONS {
        let response = call(&rms, &certify_request(version), ALICE);
        assert_eq!(response.status(), 200, "{}", response.text());
        assert!(
            response.head.contains(&format!("content-type: {}", version.media_type())),
            "{}",
            response.head
        );
        assert!(response.text().contains("<CertifyResponse"));
        assert!(response.text().contains("<NAME>CORP\\alice</NAME>"));
        assert!(response.text().contains("<MaximumVersion>1.1.0.0</MaximumVersion>"));
        assert!((16_000..17_500).contains(&response.body.len()), "{}", response.body.len());
    }
}

#[test]
fn a_user_name_is_escaped_in_the_response() {
    let response = call(&start(), &certify_request(SoapVersion::V1_1), "\r\nX-Remote-User: <b>&\"");
    assert!(response.text().contains("<NAME>&lt;b&gt;&amp;&quot;</NAME>"));
}

#[test]
fn certify_without_a_user_is_an_unauthorized_fault() {
    let rms = start();
    for version in VERSIONS {
        for users in ["", "\r\nX-Remote-User:", "\r\nX-Remote-User: a\r\nx-remote-user: b"] {
            let response = call(&rms, &certify_request(version), users);
            assert_eq!(response.status(), 500);
            assert!(response.text().contains("System.UnauthorizedAccessException"), "{}", response.text());
            assert!(!response.text().contains("VersionData"));
        }
    }
}

#[test]
fn locations_for_a_user_require_a_user() {
    let rms = start();
    let request = find_service_locations_for_user_request(SoapVersion::V1_1, &["LicensingService"]);
    assert!(call(&rms, &request, "").text().contains("Utilities.UnspecifiedErrorException"));
    let response = call(&rms, &request, ALICE);
    let expected = "<URL>https://rms.corp.example/_wmcs/licensing</URL><Type>LicensingService</Type>";
    assert!(response.text().contains(expected), "{}", response.text());
}

#[test]
fn an_unknown_service_type_is_an_invalid_operation() {
    let request = find_service_locations_for_user_request(SoapVersion::V1_1, &["<NoService>"]);
    let response = call(&start(), &request, ALICE);
    assert_eq!(response.status(), 500);
    assert!(
        response.text().contains("System.InvalidOperationException: &apos;&lt;NoService&gt;&apos;"),
        "{}",
        response.text()
    );
}

#[test]
fn a_use_licence_has_the_measured_size() {
    let request = acquire_license_request(SoapVersion::V1_1);
    assert!((64_000..66_000).contains(&request.body.len()));
    let response = call(&start(), &request, "");
    assert_eq!(response.status(), 200);
    assert!((17_500..18_500).contains(&response.body.len()), "{}", response.body.len());
}

#[test]
fn an_issuance_licence_of_eight_mebibytes_is_accepted() {
    let request = acquire_issuance_license_request(SoapVersion::V1_1, 8 * 1024 * 1024);
    let response = call(&start(), &request, "");
    assert_eq!(response.status(), 200);
    assert!(response.text().contains("<AcquireIssuanceLicenseResponse><CertificateChain>"));
}

#[test]
fn a_body_above_the_limit_is_rejected() {
    let rms = start();
    let mut stream = connect(&rms);
    let head = "POST /_wmcs/licensing/publish.asmx HTTP/1.1\r\nHost: a\r\nContent-Type: text/xml\r\nSOAPAction: x\r\n\
                Content-Length: 33554433\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 12];
    // The server responds only when the body exceeds the limit. It then closes the connection, so that the rest of the body
    // may fail to be written.
    let sender = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || (&sender).write_all(&vec![b' '; 33_554_433]));
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
    drop(stream);
    rms.stop();
    let _ = writing.join().unwrap();
}

#[test]
fn every_other_call_has_a_response_in_both_versions() {
    let rms = start();
    for version in VERSIONS {
        let calls = [
            (client_licensor_request(version), "<GetClientLicensorCertResponse><CertificateChain>"),
            (licensor_certificate_request(version), "<GetLicensorCertificateResult><CertificateChain>"),
            (server_info_request(version), "<VersionInfo Version=\"6.0.0.0\" />"),
            (template_information_request(version), "<GuidHashCount>1</GuidHashCount>"),
        ];
        for (request, expected) in calls {
            let response = call(&rms, &request, "");
            assert_eq!(response.status(), 200, "{}: {}", request.path, response.text());
            assert!(response.text().contains(expected), "{}: {}", request.path, response.text());
        }
    }
}

#[test]
fn only_server_info_has_no_version_data() {
    let rms = start();
    assert!(!call(&rms, &server_info_request(SoapVersion::V1_1), "").text().contains("VersionData"));
    assert!(call(&rms, &licensor_certificate_request(SoapVersion::V1_1), "").text().contains("VersionData"));
}

#[test]
fn a_call_without_version_data_is_an_unsupported_version() {
    let mut request = certify_request(SoapVersion::V1_1);
    let text = String::from_utf8(request.body).unwrap();
    let (before, rest) = text.split_once("<soap:Header>").unwrap();
    let (_, after) = rest.split_once("</soap:Header>").unwrap();
    request.body = format!("{before}{after}").into_bytes();
    let response = call(&start(), &request, ALICE);
    assert_eq!(response.status(), 500);
    assert!(response.text().contains("Core.UnsupportedDataVersionException"), "{}", response.text());
}

#[test]
fn a_file_does_not_recognize_the_operations_of_another() {
    let request = certify_request(SoapVersion::V1_1);
    let response = call_at(&start(), "/_wmcs/licensing/license.asmx", &request, ALICE);
    assert_eq!(response.status(), 500);
    assert!(
        response.text().contains("did not recognize the value of HTTP Header SOAPAction"),
        "{}",
        response.text()
    );
}

#[test]
fn paths_are_compared_case_insensitively() {
    let response =
        call_at(&start(), "/_WMCS/Certification/CERTIFICATION.asmx", &certify_request(VERSIONS[0]), ALICE);
    assert_eq!(response.status(), 200);
}

#[test]
fn a_path_below_a_file_is_served_by_the_file() {
    let rms = start();
    let request = certify_request(SoapVersion::V1_1);
    let response = call_at(&rms, "/_wmcs/certification/certification.asmx/Certify", &request, ALICE);
    assert_eq!(response.status(), 500);
    assert!(response.text().contains("Request format is unrecognized"));
    assert_eq!(get(&rms, "/_wmcs/certification/certification.asmxx").status(), 404);
}

#[test]
fn get_returns_a_page_or_the_service_description() {
    let rms = start();
    let page = get(&rms, "/_wmcs/licensing/license.asmx");
    assert_eq!(page.status(), 200);
    assert!(page.text().contains("<li>AcquireLicense</li>"));
    let wsdl = get(&rms, "/_wmcs/licensing/license.asmx?WSDL");
    assert!(wsdl.text().contains("location=\"http://rms.corp.example/_wmcs/licensing/license.asmx\""));
}

#[test]
fn other_methods_and_paths_are_rejected() {
    let rms = start();
    assert_eq!(get(&rms, "/_wmcs/admin/adminsvc.asmx").status(), 404);
    let put = "PUT /_wmcs/licensing/license.asmx HTTP/1.1\r\nHost: a\r\nContent-Length: 0";
    assert_eq!(exchange(&rms, put, b"").status(), 405);
}

#[test]
fn another_media_type_is_unsupported() {
    let rms = start();
    for headers in ["Content-Type: text/xml", "Content-Type: text/plain\r\nSOAPAction: a", "SOAPAction: a"] {
        let head = format!(
            "POST /_wmcs/licensing/license.asmx HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{headers}"
        );
        assert_eq!(exchange(&rms, &head, b"").status(), 415, "{headers}");
    }
}

#[test]
fn malformed_xml_is_a_bad_request() {
    let request = SoapRequest { body: b"<a".to_vec(), ..certify_request(SoapVersion::V1_1) };
    let response = call(&start(), &request, ALICE);
    assert_eq!(response.status(), 400);
    assert!(response.text().contains("<faultcode>soap:Client</faultcode>"), "{}", response.text());
}

#[test]
fn stop_aborts_every_connection() {
    let rms = start();
    let mut stream = connect(&rms);
    stream.write_all(b"GET /echo?size=1 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    let address = rms.address();
    rms.stop();
    let mut rest = Vec::new();
    // Whether the connection was reset or closed does not matter, only that the read ends.
    let _ = stream.read_to_end(&mut rest);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn serve_runs_as_a_task_of_another_runtime() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let state = Arc::new(RmsState::default());
    let received = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        // `spawn` requires a future that can move between threads, as on a multi-threaded runtime.
        let serving = tokio::spawn(serve(listener, Arc::clone(&state)));
        stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).await.unwrap();
        serving.abort();
        received
    });
    assert_eq!(split(&received).status(), 200);
    assert_eq!(state.requests().len(), 1);
}
