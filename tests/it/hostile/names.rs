//! One site has many spellings of its names, and no spelling leads to another site's policy. Traefik (CVE-2026-48491,
//! CVE-2022-23632) and Caddy (CVE-2026-27588) each lost a check to a wildcard, a dot or a capital letter.

use super::caller::{Caller, VERSIONS, Version};
use super::stage::{FOREIGN, HOME, OPEN, card, forwarded, start, three_sites};
use crate::support::{Client, openssl_client};

#[test]
fn every_spelling_of_a_server_name_leads_to_the_same_policy() {
    let gateway = start(three_sites());
    for version in VERSIONS {
        for name in ["a.corp.example", "A.CORP.EXAMPLE", "a.Corp.example", "a2.corp.example"] {
            let caller = Caller::new(&gateway, version, Some(card("alice")));
            let mut wire = caller.connect(name).unwrap();
            assert_eq!(
                wire.get(HOME, "/require/echo").unwrap().user().as_deref(),
                Some("alice@corp.example")
            );
            let verdict =
                Caller::new(&gateway, version, None).connect(name).unwrap().get(HOME, "/require/echo");
            assert_eq!(verdict.unwrap().status_and_id(), "403 certificate-required", "{version:?} {name}");
        }
    }
}

/// Our own client cannot write these; OpenSSL sends what it is told.
#[test]
fn odd_server_names_lead_to_the_same_policy_or_to_no_site() {
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
        for (name, told) in names {
            let Some(ran) = openssl_client(&gateway, &[version, "-servername", name], request) else {
                return;
            };
            assert!(ran.output().contains(told), "{version} {name}: {}", ran.output());
            assert!(!ran.output().contains("HTTP/1.1 200"), "{version} {name}: {}", ran.output());
        }
    }
    assert_eq!(forwarded(&gateway), Vec::<String>::new());
}

#[test]
fn a_server_name_that_is_nobodys_gets_no_site() {
    let gateway = start(three_sites());
    for version in VERSIONS {
        for name in [
            "c.corp.example",
            "corp.example",
            "x.a.corp.example",
            "a.b.wild.corp.example",
            "wild.corp.example",
        ] {
            let error = Caller::new(&gateway, version, None).connect(name).err().expect(name);
            assert!(error.to_string().contains("UnrecognisedName"), "{version:?} {name}: {error}");
        }
    }
}

/// What a request may write for the host of the site that it is connected to.
const OWN: [&str; 8] = [
    "a.corp.example",
    "A.CORP.EXAMPLE",
    "a.corp.example.",
    "a.corp.example:443",
    "a.corp.example:8443",
    "A.corp.EXAMPLE.:443",
    "a2.corp.example",
    " a.corp.example ",
];

/// What names another site, or nothing: never the policy of another site.
const OTHERS: [&str; 26] = [
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
fn a_request_names_its_own_site_in_any_spelling_and_no_other_in_any() {
    let gateway = start(three_sites());
    let caller = Caller::new(&gateway, Version::Tls13, Some(card("alice")));
    for host in OWN {
        let response = caller.connect(HOME).unwrap().get(host, "/require/echo").unwrap();
        assert_eq!(
            response.user().as_deref(),
            Some("alice@corp.example"),
            "{host:?}: {}",
            response.status_and_id()
        );
    }
    let before = forwarded(&gateway).len();
    for host in OTHERS {
        for path in ["/ignore/echo", "/require/echo"] {
            let response = caller.connect(HOME).unwrap().get(host, path).unwrap();
            assert!(matches!(response.status, 400 | 421), "{host:?}: {}", response.status_and_id());
        }
    }
    assert_eq!(forwarded(&gateway).len(), before);
}

#[test]
fn a_permissive_site_is_no_door_to_a_strict_one() {
    let gateway = start(three_sites());
    let caller = Caller::new(&gateway, Version::Tls13, Some(card("alice")));
    for name in [OPEN, "x.wild.corp.example"] {
        for host in OWN.into_iter().chain([FOREIGN]) {
            let response = caller.connect(name).unwrap().get(host, "/require/echo").unwrap();
            assert_eq!(response.status_and_id(), "421 misdirected-request", "{name} {host:?}");
        }
    }
    assert_eq!(forwarded(&gateway), Vec::<String>::new());
}

#[test]
fn the_targets_own_authority_names_the_connections_site_or_the_request_is_refused() {
    let gateway = start(three_sites());
    let caller = Caller::new(&gateway, Version::Tls13, Some(card("alice")));
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
    for (target, hosts, verdict) in cases {
        let mut wire = caller.connect(HOME).unwrap();
        wire.send(format!("GET {target} HTTP/1.1\r\n{hosts}{json}\r\n")).unwrap();
        assert_eq!(wire.response().unwrap().status_and_id(), verdict, "{target} {hosts:?}");
    }
}

#[tokio::test]
async fn an_authority_of_http_2_names_the_connections_site_in_any_spelling_and_no_other_in_any() {
    let gateway = start(three_sites());
    let client = Client::new(&gateway).resolving(HOME).chain(card("alice")).http2();
    for host in OWN.map(str::trim) {
        let response = client.clone().host(host).get("/require/echo").await;
        assert_eq!(response.status_and_id(), "200 permit", "{host}");
        assert_eq!(response.received_header("x-remote-user"), ["alice@corp.example"], "{host}");
    }
    let before = forwarded(&gateway).len();
    for host in OTHERS.into_iter().filter(|host| host.parse::<http::uri::Authority>().is_ok()) {
        let response = client.clone().host(host).get("/require/echo").await;
        assert!(matches!(response.status, 400 | 421), "{host}: {}", response.status_and_id());
    }
    let both = client.get_with("/require/echo", &[("host", "b.corp.example")]).await;
    assert_eq!(both.status_and_id(), "400 malformed-request");
    assert_eq!(forwarded(&gateway).len(), before);
}
