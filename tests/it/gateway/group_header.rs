//! The groups header, decoded by another program as docs/identity.md specifies.

use crate::support::{TestClient, TestConfig, TestGateway, pki, python, sha256};
use http::HeaderMap;
use portcullis::headers::identity_headers::{ForwardedIdentity, IdentityHeaderSettings, NamedGroup, set};

/// The decoding that docs/identity.md specifies for backends.
const DECODER: &str = "
import json, sys, urllib.parse
print(json.dumps([urllib.parse.unquote(item, errors='strict') for item in sys.stdin.read().split(',')]))
";

/// Names that a wrong encoding would split, truncate, trim or decode twice.
const ODD_NAMES: [&str; 14] = [
    "Board, the",
    "100%",
    "%2C",
    "%25",
    " begins with a space",
    "ends with two  ",
    "\"quoted\"",
    "o'neil; admin=1",
    "CORP\\Staff",
    "Müller & Söhne",
    "用户",
    "\u{1f600}\u{202e}",
    "a+b=c",
    ",",
];

fn decoded(header: &str) -> Option<Vec<String>> {
    let ran = python(DECODER, header.as_bytes())?;
    assert_eq!(ran.code, 0, "{}", ran.output());
    Some(serde_json::from_str(&ran.stdout).unwrap())
}

/// Returns the header of an account in all of these groups, with all of them in `send_groups`.
fn header(groups: &[String]) -> String {
    let settings =
        IdentityHeaderSettings { send_groups: groups.to_vec(), ..IdentityHeaderSettings::default() };
    let groups: Vec<_> = groups.iter().map(|name| NamedGroup { name, sid: None }).collect();
    let identity = ForwardedIdentity {
        user: "CORP\\alice",
        upn: None,
        sid: None,
        groups: &groups,
        mapping: "rule:x",
        strength: "strong",
        authentication: "certificate",
        card: None,
        assertion: None,
    };
    let mut headers = HeaderMap::new();
    set(&mut headers, &settings, Some(&identity)).unwrap();
    headers["x-remote-groups"].to_str().unwrap().to_owned()
}

/// Returns a realm whose rule maps alice to an account in these groups, and a backend with all of them in `send_groups`.
fn alice_in(groups: &[String]) -> TestConfig {
    let leaf = sha256(pki().card("alice").unwrap().certificate_der());
    // The JSON strings are valid TOML strings, because both formats escape these characters in the same way.
    let list = serde_json::to_string(groups).unwrap();
    let rule = format!(
        "[[realm.staff.rule]]\nname = \"alice\"\ncertificate_sha256 = \"{leaf}\"\n\
         account = {{ user = 'CORP\\alice', groups = {list} }}\n"
    );
    let realm = TestConfig::default().realm.replace(r#"order = ["upn"]"#, r#"order = ["rule"]"#);
    TestConfig {
        realm,
        more: rule,
        backend: format!("headers = {{ send_groups = {list} }}"),
        ..TestConfig::default()
    }
}

#[tokio::test]
async fn python_decodes_the_received_groups_to_their_names() {
    let names = ODD_NAMES.map(str::to_owned);
    let gateway = TestGateway::with(alice_in(&names));
    for client in TestClient::http1_and_http2(&gateway) {
        let response = client.certificate("alice").get("/require/echo").await;
        assert_eq!(response.status_and_id(), "200 permit");
        let lines = response.received_header("x-remote-groups");
        assert_eq!(lines.len(), 1, "{lines:?}");
        let Some(decoded) = decoded(&lines[0]) else { return };
        assert_eq!(decoded, names);
    }
}

#[test]
fn python_decodes_every_character() {
    let characters = (0..=0x24f).filter_map(char::from_u32);
    let names: Vec<String> = characters.flat_map(|one| [format!("{one}"), format!("a{one}b")]).collect();
    for names in names.chunks(200) {
        let Some(decoded) = decoded(&header(names)) else { return };
        assert_eq!(decoded, names);
    }
}

/// The table of docs/identity.md.
#[test]
fn only_control_characters_percent_comma_and_outer_spaces_are_encoded_in_ascii() {
    for byte in 0_u8..=0x7f {
        let written = header(&[format!("a{}b", char::from(byte))]);
        let encoded = match byte {
            0x00..=0x1f | b'%' | b',' | 0x7f => format!("a%{byte:02X}b"),
            _ => format!("a{}b", char::from(byte)),
        };
        assert_eq!(written, encoded);
    }
    assert_eq!(header(&[" a b ".to_owned(), "é€".to_owned()]), "%20a b%20,%C3%A9%E2%82%AC");
}

#[tokio::test]
async fn groups_above_the_header_limit_deny_the_request_and_are_never_truncated() {
    // One header is limited to 8 KiB.
    for (length, expected) in [(1023, "200 permit"), (1024, "502 backend-rejected-identity")] {
        let names: Vec<String> = (0..8).map(|number| format!("{number}{}", "x".repeat(length - 1))).collect();
        let gateway = TestGateway::with(alice_in(&names));
        let response = TestClient::new(&gateway).certificate("alice").get("/require/echo").await;
        assert_eq!(response.status_and_id(), expected, "{length}");
        if response.status == 200 {
            assert_eq!(response.received_header("x-remote-groups"), [names.join(",")]);
        }
        assert_eq!(
            TestClient::new(&gateway).certificate("alice").get("/ignore/echo").await.status_and_id(),
            "200 permit"
        );
    }
}
