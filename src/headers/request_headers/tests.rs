//! The headers that are removed from a request, in every spelling.

use super::super::identity_headers::{ForwardedIdentity, IdentityHeaderSettings, ProvenCertificate, set};
use super::super::reserved_headers::NonstandardNames;
use super::*;
use http::HeaderValue;
use http::header::{ACCEPT, CONNECTION, CONTENT_TYPE};

/// Every header in which a backend could mistake a client's claim for the gateway's.
const MANAGED: [&str; 51] = [
    "remote-user",
    "remote-groups",
    "remote-email",
    "x-remote-user",
    "x-remote-upn",
    "x-remote-sid",
    "x-remote-groups",
    "x-remote-mapping",
    "x-remote-authentication",
    "x-remote-certificate-sha256",
    "client-cert",
    "client-cert-chain",
    "x-forwarded-client-cert",
    "x-arr-clientcert",
    "x-portcullis-assertion",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    "forwarded",
    "x-request-id",
    "x-real-ip",
    "via",
    "x-arr-ssl",
    "x-arr-log-id",
    "x-ms-proxy",
    "x-ms-forwarded-client-ip",
    "x-ms-endpoint-absolute-path",
    "x-ms-target-role",
    "x-ms-adfs-proxy-client-ip",
    "x-ms-proxyauth-token",
    "x-ms-client-principal",
    "x-ms-client-principal-name",
    "ms-aspnetcore-clientcert",
    "ms-aspnetcore-token",
    "aspfiltersessionid",
    "front-end-https",
    "translate",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "ssl-client-s-dn",
    "ssl-client-cert",
    "x-client-cert",
    "depth",
    "destination",
    "if",
    "overwrite",
    "lock-token",
];

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    lines.iter().map(line).collect()
}

fn alice() -> ForwardedIdentity<'static> {
    ForwardedIdentity {
        user: "CORP\\alice",
        upn: Some("alice@corp.example"),
        sid: Some("S-1-5-21-1-2-3-1001"),
        groups: &[],
        mapping: "upn",
        strength: "weak",
        authentication: "certificate",
        card: Some(ProvenCertificate {
            leaf: &[0x30],
            chain: &[&[0x31]],
            certificate_sha256: "00ff",
            subject: "CN=Alice",
        }),
        assertion: None,
    }
}

fn every_set() -> IdentityHeaderSettings {
    IdentityHeaderSettings { rfc9440: true, xfcc: true, arr: true, ..IdentityHeaderSettings::default() }
}

/// The name as IIS shows it to CGI, ISAPI and ASP.NET.
fn server_variable(name: &HeaderName) -> String {
    name.as_str().to_ascii_uppercase().replace('-', "_")
}

/// `name` with the hyphens that `mask` selects replaced by underscores.
fn with_underscores(name: &str, mask: u32) -> String {
    let mut hyphen = 0;
    let turn = |letter| {
        if letter != '-' {
            return letter;
        }
        hyphen += 1;
        if mask >> (hyphen - 1) & 1 == 1 { '_' } else { '-' }
    };
    name.chars().map(turn).collect()
}

#[test]
fn an_ordinary_request_is_unchanged() {
    let before = headers(&[
        ("host", "rms.example"),
        ("user-agent", "MSIPC;version=1.0"),
        ("accept", "*/*"),
        ("content-length", "5"),
        ("content-type", "text/xml; charset=utf-8"),
        ("soapaction", "\"urn:x\""),
        ("expect", "100-continue"),
        ("cookie", "a=b"),
        ("authorization", "NTLM x"),
        ("accept-encoding", "gzip"),
        ("accept-encoding", "br"),
    ]);
    let mut after = before.clone();
    assert_eq!(strip(&mut after, &ReservedHeaders::default()), Ok(RemovedHeaders::default()));
    assert_eq!(after, before);
}

#[test]
fn hop_by_hop_fields_are_not_forwarded() {
    let mut after = headers(&[
        ("connection", "close, X-Hop ,\tKEEP-ALIVE,,"),
        ("Connection", "x-other-hop"),
        ("keep-alive", "300"),
        ("x-hop", "1"),
        ("X-Other-Hop", "2"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authenticate", "x"),
        ("proxy-authorization", "Basic x"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABk"),
        ("accept", "*/*"),
    ]);
    let removed = strip(&mut after, &ReservedHeaders::default()).unwrap();
    assert_eq!(after, headers(&[("accept", "*/*")]));
    assert_eq!(
        removed,
        RemovedHeaders { hop_by_hop: 10, named_by_connection: 2, ..RemovedHeaders::default() }
    );
}

#[test]
fn a_connection_field_that_names_an_end_to_end_field_is_refused() {
    for field in ["authorization", "host", "content-length", "cookie"] {
        for spelling in
            [field.to_owned(), format!("close,\t{} ", field.to_ascii_uppercase()), format!(",,{field},x")]
        {
            let before = headers(&[("connection", "x-hop"), ("connection", &spelling), ("x-hop", "1")]);
            let mut after = before.clone();
            let name = HeaderName::from_static(field);
            let refusal = HeaderRefusal::ConnectionNamesEndToEnd { name };
            assert_eq!(strip(&mut after, &ReservedHeaders::default()), Err(refusal), "{spelling}");
            assert_eq!(after, before);
        }
    }
}

#[test]
fn a_connection_field_without_tokens_is_refused() {
    for value in ["\"close\"", "close x-hop", "x-hop;q=1", "\u{a0}x-hop"] {
        let mut after = headers(&[("connection", value)]);
        assert_eq!(
            strip(&mut after, &ReservedHeaders::default()),
            Err(HeaderRefusal::ConnectionMalformed),
            "{value}"
        );
    }
}

#[test]
fn a_transfer_coding_other_than_chunked_is_refused() {
    for lines in [&["gzip, chunked"][..], &["gzip", "chunked"], &["chunked", "chunked"], &["identity"]] {
        let lines: Vec<_> = lines.iter().map(|line| ("transfer-encoding", *line)).collect();
        let refused = strip(&mut headers(&lines), &ReservedHeaders::default());
        assert_eq!(refused, Err(HeaderRefusal::TransferCoding), "{lines:?}");
    }
    let mut chunked = headers(&[("transfer-encoding", "Chunked")]);
    assert_eq!(
        strip(&mut chunked, &ReservedHeaders::default()),
        Ok(RemovedHeaders { hop_by_hop: 1, ..RemovedHeaders::default() })
    );
}

#[test]
fn connection_cannot_remove_the_gateways_own_headers() {
    let own = every_set().names.all().map(HeaderName::to_string);
    let others =
        ["client-cert", "client-cert-chain", "x-forwarded-client-cert", "x-arr-clientcert"].map(String::from);
    let mut expected = HeaderMap::new();
    set(&mut expected, &every_set(), Some(&alice())).unwrap();
    for managed in own.iter().chain(&others) {
        let upper = managed.to_ascii_uppercase();
        for options in
            [managed.clone(), upper.clone(), format!("close, {managed}"), format!(" ,{upper}\t,close")]
        {
            let mut request =
                headers(&[("connection", "close"), ("connection", &options), (managed, "mallory")]);
            strip(&mut request, &ReservedHeaders::default()).unwrap();
            set(&mut request, &every_set(), Some(&alice())).unwrap();
            assert_eq!(request, expected, "Connection: {options}");
        }
    }
}

#[test]
fn no_spelling_of_a_reserved_name_is_forwarded() {
    for nonstandard_names in [NonstandardNames::Drop, NonstandardNames::KeepUnlessReserved] {
        let owned = ReservedHeaders::new([&every_set()], nonstandard_names).unwrap();
        for managed in MANAGED {
            let variable = server_variable(&HeaderName::from_static(managed));
            for mask in 0..1_u32 << managed.matches('-').count() {
                let spelling = with_underscores(managed, mask);
                let capitals = spelling.to_ascii_uppercase();
                let mut request = headers(&[(&spelling, "mallory"), (&capitals, "eve"), ("accept", "*/*")]);
                strip(&mut request, &owned).unwrap();
                assert!(!request.keys().any(|name| server_variable(name) == variable), "{spelling}");
                assert_eq!(request.len(), 1);
            }
        }
    }
}

#[test]
fn only_the_gateways_value_reaches_a_backend_that_folds_names() {
    let settings = every_set();
    let mut request = HeaderMap::new();
    for managed in MANAGED {
        for mask in 0..1_u32 << managed.matches('-').count() {
            request.append(
                HeaderName::try_from(with_underscores(managed, mask)).unwrap(),
                "mallory".parse().unwrap(),
            );
        }
    }
    strip(&mut request, &ReservedHeaders::default()).unwrap();
    set(&mut request, &settings, Some(&alice())).unwrap();
    let mut expected = HeaderMap::new();
    set(&mut expected, &settings, Some(&alice())).unwrap();
    assert_eq!(request, expected);
}

#[test]
fn a_request_without_an_identity_has_no_reserved_header() {
    let mut request: HeaderMap = MANAGED
        .iter()
        .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("mallory")))
        .collect();
    let removed = strip(&mut request, &ReservedHeaders::default()).unwrap();
    set(&mut request, &every_set(), None).unwrap();
    assert_eq!(request, HeaderMap::new());
    assert_eq!(removed, RemovedHeaders { reserved: MANAGED.len(), ..RemovedHeaders::default() });
}

#[test]
fn a_nonstandard_name_is_removed_and_counted_by_default() {
    let lines = [("x_custom", "1"), ("x.custom", "2"), ("x~custom", "3"), ("x-custom", "4")];
    let mut request = headers(&lines);
    let removed = strip(&mut request, &ReservedHeaders::default()).unwrap();
    assert_eq!(request, headers(&[("x-custom", "4")]));
    assert_eq!(removed, RemovedHeaders { nonstandard: 3, ..RemovedHeaders::default() });

    let keeping = ReservedHeaders::new([], NonstandardNames::KeepUnlessReserved).unwrap();
    let mut request = headers(&lines);
    assert_eq!(strip(&mut request, &keeping), Ok(RemovedHeaders::default()));
    assert_eq!(request, headers(&lines));
}

#[test]
fn a_name_that_is_not_a_token_is_not_a_header_name() {
    for name in
        ["x-remote-user\u{a0}", "x-remote-user ", "x\u{2010}remote-user", "x-remote-user\0", " x-remote-user"]
    {
        assert!(HeaderName::from_bytes(name.as_bytes()).is_err(), "{name:?}");
    }
}

#[test]
fn a_clients_authorization_is_removed_on_request() {
    let mut request =
        headers(&[("authorization", "Negotiate x"), ("Authorization", "Basic x"), ("accept", "*/*")]);
    assert!(strip_authorization(&mut request));
    assert_eq!(request, headers(&[("accept", "*/*")]));
    assert!(!strip_authorization(&mut request));
}

#[test]
fn a_name_in_connection_that_no_header_has_removes_nothing() {
    let mut request =
        headers(&[("connection", "x-absent, close"), ("accept", "*/*"), ("content-type", "text/xml")]);
    let removed = strip(&mut request, &ReservedHeaders::default()).unwrap();
    assert!(
        request.contains_key(ACCEPT)
            && request.contains_key(CONTENT_TYPE)
            && !request.contains_key(CONNECTION)
    );
    assert_eq!(removed, RemovedHeaders { hop_by_hop: 1, ..RemovedHeaders::default() });
}

#[test]
fn several_cookie_lines_become_one() {
    let mut headers = HeaderMap::new();
    join_cookies(&mut headers);
    assert!(headers.is_empty());
    for cookie in ["a=1", "b=\"2\"", "c=3; d=4"] {
        headers.append(COOKIE, HeaderValue::from_static(cookie));
    }
    join_cookies(&mut headers);
    let lines: Vec<_> = headers.get_all(COOKIE).iter().collect();
    assert_eq!(lines, ["a=1; b=\"2\"; c=3; d=4"]);
}
