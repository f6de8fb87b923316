//! Tests of the fetcher with a server on loopback.

use super::url::ListedUrl;
use super::*;
use http::StatusCode;
use http::header::HeaderValue;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Returns a server that responds with `response` to every complete head, and closes the connection.
async fn serving(response: impl Into<Vec<u8>>) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let response = response.into();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_head(&mut stream).await;
            drop(stream.write_all(&response).await);
        }
    });
    (address, serving)
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
}

fn loopback_allowed() -> FetchRules {
    FetchRules {
        hosts: vec!["127.0.0.1".parse().unwrap(), "localhost".parse().unwrap()],
        addresses: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        max_bytes: 1000,
        ..FetchRules::default()
    }
}

async fn get(rules: FetchRules, url: &str) -> Result<Vec<u8>, FetchError> {
    Fetcher::new(rules).get(url).await.map(|bytes| bytes.to_vec())
}

#[tokio::test]
async fn an_allowed_url_returns_its_body() {
    let (address, _server) = serving("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ncrl").await;
    let url = format!("http://{address}/root.crl?x");
    assert_eq!(get(loopback_allowed(), &url).await, Ok(b"crl".to_vec()));
}

#[tokio::test]
async fn a_post_returns_the_body_of_its_response() {
    let (address, _server) = serving("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").await;
    let fetcher = Fetcher::new(loopback_allowed());
    let kind = HeaderValue::from_static("application/ocsp-request");
    let response = fetcher.post(&format!("http://{address}/ocsp"), kind, vec![1, 2, 3, 4]).await;
    assert_eq!(response, Ok("good".into()));
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_its_connection() {
    let (address, _server) = serving("HTTP/1.0 200 OK\r\n\r\ncrl").await;
    assert_eq!(get(loopback_allowed(), &format!("http://{address}/")).await, Ok(b"crl".to_vec()));
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_not_connected_to() {
    let rejected = get(FetchRules::default(), "http://PKI.corp.example./root.crl").await;
    assert_eq!(rejected, Err(FetchError::HostNotListed { host: "pki.corp.example".into() }));
}

#[tokio::test]
async fn an_allowed_name_with_a_loopback_address_is_not_connected_to() {
    let (address, _server) = serving("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let rules = FetchRules { addresses: Vec::new(), ..loopback_allowed() };
    let rejected = get(rules.clone(), &format!("http://127.0.0.1:{}/", address.port())).await;
    assert_eq!(rejected, Err(FetchError::AddressRefused { host: "127.0.0.1".into(), address: address.ip() }));
    let by_name = get(rules, &format!("http://localhost:{}/", address.port())).await;
    assert!(matches!(by_name, Err(FetchError::AddressRefused { .. })), "{by_name:?}");
}

#[tokio::test]
async fn an_ldaps_url_is_not_fetched_without_a_configured_authority() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("ldaps://localhost:{port}/CN=Staff%20CA,DC=corp?certificateRevocationList");
    let rejected = get(loopback_allowed(), &url).await;
    assert_eq!(rejected, Err(FetchError::NoAuthority { host: "localhost".to_owned() }));
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn other_schemes_and_urls_with_a_user_are_rejected() {
    for url in ["https://localhost/", "file:///etc/passwd"] {
        let rejected = get(loopback_allowed(), url).await;
        assert!(matches!(rejected, Err(FetchError::Scheme { .. })), "{url}: {rejected:?}");
    }
    for url in [
        "http://user@localhost/",
        "http:///root.crl",
        "http:root.crl",
        "root.crl",
        "",
        "http://[::1/",
        "http://localhost/a b",
    ] {
        let rejected = get(loopback_allowed(), url).await;
        assert_eq!(rejected, Err(FetchError::MalformedUrl { url: url.into() }));
    }
}

#[tokio::test]
async fn a_redirect_to_an_allowed_host_is_followed() {
    let (target, _target) = serving("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ncrl").await;
    let (first, _first) = serving(format!(
        "HTTP/1.1 302 CheckedCertificate\r\nLocation: http://{target}/there\r\nContent-Length: 0\r\n\r\n"
    ))
    .await;
    assert_eq!(get(loopback_allowed(), &format!("http://{first}/")).await, Ok(b"crl".to_vec()));
}

#[tokio::test]
async fn a_redirect_to_another_host_is_checked_like_the_first_url() {
    let redirect =
        "HTTP/1.1 301 Moved\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n";
    let (address, _server) = serving(redirect).await;
    let url = format!("http://{address}/");
    let rejected = get(loopback_allowed(), &url).await;
    assert_eq!(rejected, Err(FetchError::HostNotListed { host: "169.254.169.254".into() }));
    let mut rules = loopback_allowed();
    rules.hosts.push("169.254.169.254".parse().unwrap());
    let address = "169.254.169.254".parse().unwrap();
    let rejected = get(rules, &url).await;
    assert_eq!(rejected, Err(FetchError::AddressRefused { host: "169.254.169.254".into(), address }));
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let (address, _server) = serving("HTTP/1.1 307 Again\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").await;
    let rejected = get(loopback_allowed(), &format!("http://{address}/")).await;
    assert_eq!(rejected, Err(FetchError::TooManyRedirects { limit: 3 }));
}

#[tokio::test]
async fn a_redirect_without_a_valid_url_is_rejected() {
    for location in ["", "Location:\r\n", "Location: http://\r\n"] {
        let (address, _server) =
            serving(format!("HTTP/1.1 302 CheckedCertificate\r\n{location}Content-Length: 0\r\n\r\n")).await;
        let rejected = get(loopback_allowed(), &format!("http://{address}/")).await;
        assert_eq!(rejected, Err(FetchError::BadRedirect { host: "127.0.0.1".into() }), "{location:?}");
    }
}

#[test]
fn every_form_of_a_location_is_resolved_against_the_requested_url() {
    let mut rules = loopback_allowed();
    rules.hosts.push("pki.example".parse().unwrap());
    let requested = ListedUrl::parse("http://127.0.0.1:8080/crl/old/staff.crl?as=der", &rules).unwrap();
    let leads_to = |location: &str| {
        requested.redirected(location, &rules).map(|url| format!("{}{}", url.authority, url.target))
    };
    for (location, expected) in [
        ("new.crl", "127.0.0.1:8080/crl/old/new.crl"),
        ("./new.crl", "127.0.0.1:8080/crl/old/new.crl"),
        ("../new.crl", "127.0.0.1:8080/crl/new.crl"),
        ("../../../new.crl", "127.0.0.1:8080/new.crl"),
        ("/new.crl", "127.0.0.1:8080/new.crl"),
        ("?as=pem", "127.0.0.1:8080/crl/old/staff.crl?as=pem"),
        ("new.crl#part", "127.0.0.1:8080/crl/old/new.crl"),
        ("//pki.example/new.crl", "pki.example/new.crl"),
        ("HTTP://PKI.example/new%20one.crl", "pki.example/new%20one.crl"),
        ("a:b/../new.crl", ""),
    ] {
        match leads_to(location) {
            Ok(url) => assert_eq!(url, expected, "{location}"),
            Err(error) => assert!(expected.is_empty(), "{location}: {error}"),
        }
    }
    // Whatever the form, the host must be allowed.
    for location in
        ["//evil.example/", "http://evil.example/", "http:\\\\evil.example/", "\\\\evil.example/x"]
    {
        let rejected = Err(FetchError::HostNotListed { host: "evil.example".into() });
        assert_eq!(leads_to(location), rejected, "{location}");
    }
    assert_eq!(leads_to("https://pki.example/"), Err(FetchError::Scheme { scheme: "https".into() }));
}

#[tokio::test]
async fn a_post_is_not_redirected() {
    let (address, _server) = serving("HTTP/1.1 307 There\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").await;
    let kind = HeaderValue::from_static("application/ocsp-request");
    let rejected = Fetcher::new(loopback_allowed()).post(&format!("http://{address}/"), kind, vec![1]).await;
    let status = StatusCode::TEMPORARY_REDIRECT;
    assert_eq!(rejected, Err(FetchError::Status { host: "127.0.0.1".into(), status }));
}

#[tokio::test]
async fn a_body_above_the_limit_is_rejected() {
    let body = "x".repeat(1001);
    for head in ["HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"] {
        let (address, _server) = serving(format!("{head}{body}")).await;
        let rejected = get(loopback_allowed(), &format!("http://{address}/")).await;
        assert_eq!(rejected, Err(FetchError::TooLarge { max_bytes: 1000 }));
    }
}

#[tokio::test]
async fn an_invalid_response_is_rejected() {
    for response in
        ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "\u{16}\u{3}\u{1}no HTTP\r\n\r\n", ""]
    {
        let (address, _server) = serving(response).await;
        let rejected = get(loopback_allowed(), &format!("http://{address}/")).await;
        assert!(matches!(rejected, Err(FetchError::Broken { .. })), "{response:?}: {rejected:?}");
    }
}

#[tokio::test]
async fn any_other_status_is_an_error() {
    let (address, _server) =
        serving("HTTP/1.1 404 Not CheckedCertificate\r\nContent-Length: 3\r\n\r\ncrl").await;
    let rejected = get(loopback_allowed(), &format!("http://{address}/")).await;
    assert_eq!(rejected, Err(FetchError::Status { host: "127.0.0.1".into(), status: StatusCode::NOT_FOUND }));
}

#[tokio::test]
async fn a_server_that_never_responds_delays_no_longer_than_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let limit = Duration::from_millis(50);
    let rules = FetchRules { timeout: limit, ..loopback_allowed() };
    let url = format!("http://{}/", listener.local_addr().unwrap());
    assert_eq!(get(rules, &url).await, Err(FetchError::Timeout { limit }));
}

#[tokio::test]
async fn a_slow_body_delays_no_longer_than_the_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let dripping = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let limit = Duration::from_millis(100);
    let rules = FetchRules { timeout: limit, ..loopback_allowed() };
    assert_eq!(get(rules, &url).await, Err(FetchError::Timeout { limit }));
    dripping.abort();
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let kind = std::io::ErrorKind::ConnectionRefused;
    assert_eq!(
        get(loopback_allowed(), &url).await,
        Err(FetchError::Unreachable { host: "127.0.0.1".into(), kind })
    );
}

#[tokio::test]
async fn a_url_is_rewritten_before_it_is_checked() {
    let (address, _server) = serving("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ncrl").await;
    let rewrite = vec![UrlRewrite { from: "ldap:///CN=Staff".into(), to: format!("http://{address}/staff") }];
    let rules = FetchRules { rewrite, ..loopback_allowed() };
    assert_eq!(get(rules.clone(), "ldap:///CN=Staff").await, Ok(b"crl".to_vec()));
    let rules = FetchRules { hosts: Vec::new(), ..rules };
    let rejected = get(rules, "ldap:///CN=Staff").await;
    assert_eq!(rejected, Err(FetchError::HostNotListed { host: "127.0.0.1".into() }));
}

#[test]
fn an_allowed_host_matches_itself_or_all_hosts_of_a_domain() {
    let matches = |pattern: &str, host| pattern.parse::<AllowedHost>().unwrap().matches(host);
    assert!(matches("PKI.corp.example", "pki.corp.example"));
    assert!(!matches("corp.example", "pki.corp.example"));
    assert!(matches("*.corp.example", "pki.corp.example"));
    assert!(matches("*.corp.example", "a.pki.corp.example"));
    assert!(!matches("*.corp.example", "corp.example"));
    assert!(!matches("*.corp.example", "evilcorp.example"));
    assert!(!matches("*.corp.example", ".corp.example"));
    assert!(matches("::1", "::1"));
}

#[test]
fn a_value_that_is_not_a_host_is_rejected() {
    for text in
        ["", "*", "*.", "*.*.example", "*.10.0.0.1", "a..b", "http://a", "a:80", "[::1]", "a/b", "pki.*"]
    {
        assert!(text.parse::<AllowedHost>().is_err(), "{text:?}");
    }
}

#[test]
fn addresses_of_this_machine_its_link_and_groups_are_rejected_in_every_spelling() {
    let rejected = [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::1",
    ];
    for address in rejected {
        assert!(!FetchRules::default().allows_address(address.parse().unwrap()), "{address}");
    }
    for address in ["10.0.0.5", "192.168.1.1", "93.184.216.34", "2001:db8::1", "fd00::1", "::ffff:10.0.0.5"] {
        assert!(FetchRules::default().allows_address(address.parse().unwrap()), "{address}");
    }
}

/// Returns a directory server that accepts the bind and responds to the search with these messages.
async fn directory(messages: impl Into<Vec<u8>>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ldap://{}/CN=a?certificateRevocationList", listener.local_addr().unwrap());
    let messages = messages.into();
    let serving = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_message(&mut stream).await;
            stream.write_all(b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00").await.unwrap();
            read_message(&mut stream).await;
            drop(stream.write_all(&messages).await);
        }
    });
    (url, serving)
}

/// A message with a length of four bytes, as the client encodes it.
async fn read_message(stream: &mut TcpStream) {
    assert_eq!(stream.read_u16().await.unwrap(), 0x3084);
    let length = stream.read_u32().await.unwrap();
    let mut content = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut content).await.unwrap();
}

/// Returns an entry with one value of the attribute, of less than 64 KiB.
fn entry(value: &[u8]) -> Vec<u8> {
    values(&[value])
}

fn values(values: &[&[u8]]) -> Vec<u8> {
    let wrapped = |tag: u8, content: &[u8]| {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    };
    let name = wrapped(0x04, b"certificateRevocationList;binary");
    let values: Vec<_> = values.iter().map(|value| wrapped(0x04, value)).collect();
    let attribute = [name, wrapped(0x31, &values.concat())].concat();
    let entry = [wrapped(0x04, b"CN=a"), wrapped(0x30, &wrapped(0x30, &attribute))].concat();
    wrapped(0x30, &[&b"\x02\x01\x02"[..], &wrapped(0x64, &entry)].concat())
}

const DONE: &[u8] = b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00";
/// A reference to `ldap://b/` beside the entries.
const REFERENCE: &[u8] = b"\x30\x10\x02\x01\x02\x73\x0b\x04\x09ldap://b/";

#[tokio::test]
async fn the_crl_of_a_directory_entry_is_fetched_and_referrals_are_ignored() {
    let (url, _server) = directory([REFERENCE, &entry(b"crl"), REFERENCE, DONE].concat()).await;
    assert_eq!(get(loopback_allowed(), &url).await, Ok(b"crl".to_vec()));
}

#[tokio::test]
async fn a_directory_without_the_crl_and_one_that_rejects_the_search_are_different_errors() {
    let host = "127.0.0.1".to_owned();
    let (url, _server) = directory([REFERENCE, DONE].concat()).await;
    let attribute = "certificateRevocationList".to_owned();
    let rejected = get(loopback_allowed(), &url).await;
    assert_eq!(rejected, Err(FetchError::NoValue { host: host.clone(), attribute }));
    // RFC 4511 A.1: "referral", which is not followed, and "noSuchObject".
    for code in [10, 32] {
        let mut done = DONE.to_vec();
        done[9] = code;
        let (url, _server) = directory(done).await;
        let rejected = get(loopback_allowed(), &url).await;
        assert_eq!(rejected, Err(FetchError::Directory { host: host.clone(), code: code.into() }));
    }
}

#[tokio::test]
async fn a_directory_cannot_send_more_than_the_limit() {
    let above = [&entry(&[0; 1001]), DONE].concat();
    let announced = b"\x30\x84\xff\xff\xff\xff".to_vec();
    let without_end = REFERENCE.repeat(10_000);
    for messages in [above, announced, without_end] {
        let (url, _server) = directory(messages).await;
        let rejected = get(loopback_allowed(), &url).await;
        assert_eq!(rejected, Err(FetchError::TooLarge { max_bytes: 1000 }));
    }
}

#[tokio::test]
async fn a_malformed_response_of_a_directory_is_an_error() {
    let nested = [&b"\x30\x83\x00\xc0\x00"[..], &[0x30, 0x80].repeat(0x6000)].concat();
    let entries = [entry(b"crl"), entry(b"crl"), DONE.to_vec()].concat();
    let half = entry(b"crl").split_at(20).0.to_vec();
    let several = [values(&[b"crl", b"crl"]), DONE.to_vec()].concat();
    let other_id =
        entry(b"crl").iter().enumerate().map(|(at, byte)| if at == 6 { 3 } else { *byte }).collect();
    let notice = b"\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00".to_vec();
    let http = b"HTTP/1.1 400 Bad".to_vec();
    for messages in [nested, entries, several, other_id, half, entry(b"crl"), notice, http, Vec::new()] {
        let (url, _server) = directory(messages).await;
        let rejected = get(loopback_allowed(), &url).await;
        assert!(matches!(rejected, Err(FetchError::Broken { .. })), "{rejected:?}");
    }
}
