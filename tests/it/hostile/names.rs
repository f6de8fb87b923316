//! Spellings of host names. None of them selects the policy of another site. Traefik (CVE-2026-48491, CVE-2022-23632) and
//! Caddy (CVE-2026-27588) each skipped a check because of a wildcard, a dot or a capital letter.

use super::three_sites::{FOREIGN, HOME, OPEN, card, forwarded, start, three_sites};
use super::tls_client::{OfferedVersion, TLS_VERSIONS, TlsClient};
use crate::support::{TestClient, openssl_client};

#[test]
fn every_spelling_of_a_server_name_selects_the_same_policy() {
    let gateway = start(three_sites());
    for version in TLS_VERSIONS {
        for name in ["a.corp.example", "A.CORP.EXAMPLE", "a.Corp.example", "a2.corp.example"] {
            let client = TlsClient::new(&gateway, version, Some(card("alice")));
            let mut connection = client.connect(name).unwrap();
            assert_eq!(
                connection.get(HOME, "/require/echo").unwrap().user().as_deref(),
                Some("alice@corp.example")
            );
            let response =
                TlsClient::new(&gateway, version, None).connect(name).unwrap().get(HOME, "/require/echo");
            assert_eq!(response.unwrap().status_and_id(), "403 certificate-required", "{version:?} {name}");
        }
    }
}

/// rustls does not send such names; OpenSSL sends them unchecked.
#[test]
fn an_unusual_server_name_selects_the_same_policy_or_no_site() {
    let gateway = start(three_sites());
    let request = "GET /require/echo HTTP/1.1\r\nHost: a.corp.example\r\nConnection: close\r\n\r\n";
    let names = [
        ("A.CORP.example.", "HTTP/1.1 403"),
        ("a.corp.example.", "HTTP/1.1 403"),
        ("x.wild.corp.example", "HTTP/1.1 421"),
        ("X.WILD.corp.example.", "HTTP/1.1 421"),
        ("*.wild.corp.example", "alert number"),
        ("a.corp.example..", "alert number"),
        ("127.0.0.1", "alert number"),
        ("[::1]", "alert number"),
        ("a.corp.example:443", "alert number"),
        ("a_corp.example", "alert number"),
        ("a\u{3002}corp.example", "alert number"),
    ];
    for version in ["-tls1_2", "-tls1_3"] {
        for (name, expected) in names {
            let Some(ran) = openssl_client(&gateway, &[version, "-servername", name], request) else {
                return;
            };
            assert!(ran.output().contains(expected), "{version} {name}: {}", ran.output());
            assert!(!ran.output().contains("HTTP/1.1 200"), "{version} {name}: {}", ran.output());
        }
    }
    assert_eq!(forwarded(&gateway), Vec::<String>::new());
}

#[test]
fn an_unknown_server_name_is_rejected() {
    let gateway = start(three_sites());
    for version in TLS_VERSIONS {
        for name in [
            "c.corp.example",
            "corp.example",
            "x.a.corp.example",
            "a.b.wild.corp.example",
            "wild.corp.example",
        ] {
            let error = TlsClient::new(&gateway, version, None).connect(name).err().expect(name);
            assert!(error.to_string().contains("UnrecognisedName"), "{version:?} {name}: {error}");
        }
    }
}

/// Spellings of hosts of the connection's site.
const SAME_SITE: [&str; 8] = [
    "a.corp.example",
    "A.CORP.EXAMPLE",
    "a.corp.example.",
    "a.corp.example:443",
    "a.corp.example:8443",
    "A.corp.EXAMPLE.:443",
    "a2.corp.example",
    " a.corp.example ",
];

/// Spellings of hosts of other sites, of unknown hosts and of no host.
const OTHER_HOSTS: [&str; 26] = [
    "b.corp.example",
    "B.CORP.EXAMPLE",
    "b.corp.example.",
    "b.corp.example:443",
    "open.corp.example",
    "OPEN.corp.example.",
    "x.wild.corp.example",
    "X.WILD.corp.example.:443",
    "*.wild.corp.example",
    "c.corp.example",
    "127.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]:443",
    "localhost",
    "",
    ".",
    "a.corp.example..",
    ".a.corp.example",
    "a.corp.example:",
    "a.corp.example:0443",
    "a.corp.example:99999",
    "a.corp.example@b.corp.example",
    "user@a.corp.example",
    "a.corp.example, b.corp.example",
    "a.corp.example/ignore",
    "a\u{3002}corp.example",
];

#[test]
fn a_host_in_any_spelling_selects_the_connections_site_or_is_rejected() {
    let gateway = start(three_sites());
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, Some(card("alice")));
    for host in SAME_SITE {
        let response = client.connect(HOME).unwrap().get(host, "/require/echo").unwrap();
        assert_eq!(
            response.user().as_deref(),
            Some("alice@corp.example"),
            "{host:?}: {}",
            response.status_and_id()
        );
    }
    let before = forwarded(&gateway).len();
    for host in OTHER_HOSTS {
        for path in ["/ignore/echo", "/require/echo"] {
            let response = client.connect(HOME).unwrap().get(host, path).unwrap();
            assert!(matches!(response.status, 400 | 421), "{host:?}: {}", response.status_and_id());
        }
    }
    assert_eq!(forwarded(&gateway).len(), before);
}

#[test]
fn a_connection_to_an_open_site_never_reaches_a_strict_one() {
    let gateway = start(three_sites());
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, Some(card("alice")));
    for name in [OPEN, "x.wild.corp.example"] {
        for host in SAME_SITE.into_iter().chain([FOREIGN]) {
            let response = client.connect(name).unwrap().get(host, "/require/echo").unwrap();
            assert_eq!(response.status_and_id(), "421 misdirected-request", "{name} {host:?}");
        }
    }
    assert_eq!(forwarded(&gateway), Vec::<String>::new());
}

#[test]
fn the_authority_of_an_absolute_target_selects_the_connections_site_or_is_rejected() {
    let gateway = start(three_sites());
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, Some(card("alice")));
    let json = "Accept: application/json\r\n";
    let cases = [
        ("https://a.corp.example/require/echo", "Host: a.corp.example\r\n", "200 permit"),
        ("HTTPS://A.Corp.Example:443/require/echo", "Host: a.corp.example.\r\n", "200 permit"),
        ("https://b.corp.example/require/echo", "Host: b.corp.example\r\n", "421 misdirected-request"),
        ("https://open.corp.example/require/echo", "Host: open.corp.example\r\n", "421 misdirected-request"),
        ("https://a.corp.example/require/echo", "Host: b.corp.example\r\n", "400 malformed-request"),
        ("https://b.corp.example/require/echo", "Host: a.corp.example\r\n", "400 malformed-request"),
        (
            "https://a.corp.example@b.corp.example/require/echo",
            "Host: a.corp.example\r\n",
            "400 invalid-path",
        ),
        ("https://b.corp.example\\@a.corp.example/require/echo", "Host: a.corp.example\r\n", "400"),
        ("//b.corp.example/require/echo", "Host: a.corp.example\r\n", "400 invalid-path"),
        ("ftp://a.corp.example/require/echo", "Host: a.corp.example\r\n", "400 invalid-path"),
        ("a.corp.example/require/echo", "Host: a.corp.example\r\n", "400"),
        ("/require/echo", "Host: a.corp.example\r\nHost: a.corp.example\r\n", "400 malformed-request"),
        ("/require/echo", "Host: a.corp.example\r\nHost: b.corp.example\r\n", "400 malformed-request"),
        ("/require/echo", "Host: a.corp.example\r\nHOST: a.corp.example\r\n", "400 malformed-request"),
        ("/require/echo", "X-Host: a.corp.example\r\n", "400 malformed-request"),
    ];
    for (target, hosts, expected) in cases {
        let mut connection = client.connect(HOME).unwrap();
        connection.send(format!("GET {target} HTTP/1.1\r\n{hosts}{json}\r\n")).unwrap();
        assert_eq!(connection.response().unwrap().status_and_id(), expected, "{target} {hosts:?}");
    }
}

#[tokio::test]
async fn an_authority_of_http_2_selects_the_connections_site_or_is_rejected() {
    let gateway = start(three_sites());
    let client = TestClient::new(&gateway).resolving(HOME).chain(card("alice")).http2();
    for host in SAME_SITE.map(str::trim) {
        let response = client.clone().host(host).get("/require/echo").await;
        assert_eq!(response.status_and_id(), "200 permit", "{host}");
        assert_eq!(response.received_header("x-remote-user"), ["alice@corp.example"], "{host}");
    }
    let before = forwarded(&gateway).len();
    for host in OTHER_HOSTS.into_iter().filter(|host| host.parse::<http::uri::Authority>().is_ok()) {
        let response = client.clone().host(host).get("/require/echo").await;
        assert!(matches!(response.status, 400 | 421), "{host}: {}", response.status_and_id());
    }
    let both = client.get_with("/require/echo", &[("host", "b.corp.example")]).await;
    assert_eq!(both.status_and_id(), "400 malformed-request");
    assert_eq!(forwarded(&gateway).len(), before);
}
