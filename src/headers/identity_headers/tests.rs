//! The identity in each set of headers, and that no value can break out of its header.

use super::*;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

fn alice() -> ForwardedIdentity<'static> {
    ForwardedIdentity {
        user: "CORP\\alice",
        upn: Some("alice@corp.example"),
        sid: Some("S-1-5-21-1-2-3-1001"),
        groups: &[],
        mapping: "upn",
        strength: "weak",
        authentication: "certificate",
        card: Some(certificate()),
        assertion: None,
    }
}

fn certificate() -> ProvenCertificate<'static> {
    ProvenCertificate {
        leaf: &[0x30, 0x82, 0xff, 0xfe],
        chain: &[&[0x30], &[0x31]],
        certificate_sha256: "00ff",
        subject: "CN=Alice,O=Corp",
    }
}

fn with_subject(subject: &str) -> ForwardedIdentity<'_> {
    ForwardedIdentity { card: Some(ProvenCertificate { subject, ..certificate() }), ..alice() }
}

fn told(
    settings: &IdentityHeaderSettings,
    identity: &ForwardedIdentity<'_>,
) -> Result<HeaderMap, IdentityTooLarge> {
    let mut headers = HeaderMap::new();
    set(&mut headers, settings, Some(identity)).map(|()| headers)
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

fn decoded(headers: &HeaderMap, name: &str) -> String {
    percent_decode_str(headers[name].to_str().unwrap()).decode_utf8().unwrap().into_owned()
}

fn certificate_sets() -> IdentityHeaderSettings {
    let account = IdentityHeaderSettings::default();
    IdentityHeaderSettings { account: false, rfc9440: true, xfcc: true, arr: true, ..account }
}

#[test]
fn the_account_set_has_account_mapping_and_certificate() {
    let expected = [
        "x-remote-authentication: certificate",
        "x-remote-certificate-sha256: 00ff",
        "x-remote-mapping: upn; weak",
        "x-remote-sid: S-1-5-21-1-2-3-1001",
        "x-remote-upn: alice@corp.example",
        "x-remote-user: CORP\\alice",
    ];
    assert_eq!(lines(&told(&IdentityHeaderSettings::default(), &alice()).unwrap()), expected);
}

#[test]
fn headers_of_missing_account_names_are_absent() {
    let bob = ForwardedIdentity { user: "bob@corp.example", upn: None, sid: None, ..alice() };
    let mut headers: HeaderMap = ["x-remote-upn", "x-remote-sid", "x-remote-groups"]
        .map(|name| (HeaderName::from_static(name), HeaderValue::from_static("mallory")))
        .into_iter()
        .collect();
    set(&mut headers, &IdentityHeaderSettings::default(), Some(&bob)).unwrap();
    let expected = [
        "x-remote-authentication: certificate",
        "x-remote-certificate-sha256: 00ff",
        "x-remote-mapping: upn; weak",
        "x-remote-user: bob@corp.example",
    ];
    assert_eq!(lines(&headers), expected);
}

#[test]
fn certificates_are_written_as_in_rfc_9440_envoy_and_arr() {
    let pem = "-----BEGIN%20CERTIFICATE-----%0AMIL%2F%2Fg%3D%3D%0A-----END%20CERTIFICATE-----%0A";
    let expected = [
        "client-cert-chain: :MA==:, :MQ==:".to_owned(),
        "client-cert: :MIL//g==:".to_owned(),
        "x-arr-clientcert: MIL//g==".to_owned(),
        format!("x-forwarded-client-cert: Hash=00ff;Cert=\"{pem}\";Subject=\"CN=Alice,O=Corp\""),
    ];
    assert_eq!(lines(&told(&certificate_sets(), &alice()).unwrap()), expected);
}

#[test]
fn a_leaf_alone_has_no_chain_header() {
    let headers = told(
        &certificate_sets(),
        &ForwardedIdentity { card: Some(ProvenCertificate { chain: &[], ..certificate() }), ..alice() },
    )
    .unwrap();
    assert!(headers.contains_key("client-cert") && !headers.contains_key("client-cert-chain"));
}

#[test]
fn only_the_groups_that_the_settings_name_are_sent() {
    let groups = ["RMS Users", "Domain Users", "A,B", "\u{c9}quipe 100%"]
        .map(|name| NamedGroup { name, sid: (name == "A,B").then_some("S-1-5-21-1-2-3-1600") });
    let member = ForwardedIdentity { groups: &groups, ..alice() };
    let sending = |names: &[&str]| {
        let send_groups = names.iter().map(|name| (*name).to_owned()).collect();
        let settings = IdentityHeaderSettings { send_groups, ..IdentityHeaderSettings::default() };
        told(&settings, &member)
            .unwrap()
            .get("x-remote-groups")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(sending(&[]), None);
    assert_eq!(sending(&["Others"]), None);
    assert_eq!(sending(&["rms users", "A,B"]).as_deref(), Some("RMS Users,A%2CB"));
    assert_eq!(sending(&["s-1-5-21-1-2-3-1600"]).as_deref(), Some("A%2CB"));
    assert_eq!(sending(&["\u{c9}quipe 100%"]).as_deref(), Some("%C3%89quipe 100%25"));
}

#[test]
fn an_identity_without_a_certificate_has_no_certificate_headers() {
    let every_set = IdentityHeaderSettings { account: true, ..certificate_sets() };
    let headers =
        told(&every_set, &ForwardedIdentity { card: None, authentication: "password", ..alice() }).unwrap();
    let expected = [
        "x-remote-authentication: password",
        "x-remote-mapping: upn; weak",
        "x-remote-sid: S-1-5-21-1-2-3-1001",
        "x-remote-upn: alice@corp.example",
        "x-remote-user: CORP\\alice",
    ];
    assert_eq!(lines(&headers), expected);
}

#[test]
fn a_request_without_an_identity_has_no_identity_headers() {
    let every_set = IdentityHeaderSettings { account: true, ..certificate_sets() };
    let mut headers = told(&every_set, &alice()).unwrap();
    assert_eq!(headers.len(), 10);
    set(&mut headers, &every_set, None).unwrap();
    assert_eq!(headers, HeaderMap::new());
}

#[test]
fn configured_names_are_used() {
    let user = HeaderName::from_static("remote_user");
    let names = AccountHeaderNames { user: user.clone(), ..AccountHeaderNames::default() };
    let headers =
        told(&IdentityHeaderSettings { names, ..IdentityHeaderSettings::default() }, &alice()).unwrap();
    assert_eq!(headers.get(user).unwrap(), "CORP\\alice");
    assert!(!headers.contains_key("x-remote-user"));
}

#[test]
fn a_value_that_is_too_long_is_an_error_and_nothing_is_set() {
    let longest = "u".repeat(MAX_VALUE_BYTES);
    let settings = IdentityHeaderSettings::default();
    assert!(told(&settings, &ForwardedIdentity { user: &longest, ..alice() }).is_ok());

    let mut headers = HeaderMap::new();
    let too_long = format!("{longest}u");
    let refused = set(&mut headers, &settings, Some(&ForwardedIdentity { user: &too_long, ..alice() }));
    let header = HeaderName::from_static("x-remote-user");
    assert_eq!(
        refused,
        Err(IdentityTooLarge::Header { header, bytes: MAX_VALUE_BYTES + 1, limit: MAX_VALUE_BYTES })
    );
    assert_eq!(headers, HeaderMap::new());
}

#[test]
fn encoding_counts_toward_the_limit() {
    let third = "\u{e9}".repeat(MAX_VALUE_BYTES / 6 + 1);
    let refused = told(&IdentityHeaderSettings::default(), &ForwardedIdentity { user: &third, ..alice() });
    assert!(matches!(refused, Err(IdentityTooLarge::Header { bytes: 8196, .. })), "{refused:?}");
}

#[test]
fn an_identity_that_is_too_long_in_total_is_an_error() {
    let der = vec![0; 6000];
    let big = ForwardedIdentity {
        card: Some(ProvenCertificate { leaf: &der, chain: &[], ..certificate() }),
        ..alice()
    };
    let settings = IdentityHeaderSettings { xfcc: false, ..certificate_sets() };
    let fits = told(&settings, &big);
    assert!(fits.is_ok(), "{fits:?}");
    let long_user = "u".repeat(1000);
    let with_account = IdentityHeaderSettings { account: true, ..settings };
    let refused = told(&with_account, &ForwardedIdentity { user: &long_user, ..big });
    assert!(matches!(refused, Err(IdentityTooLarge::Whole { limit: MAX_IDENTITY_BYTES, .. })), "{refused:?}");
}

#[test]
fn a_name_cannot_add_a_key_to_envoys_header() {
    for subject in
        [r#"CN=a\\";URI=spiffe://admin;Subject="x"#, r#"CN=a";URI=spiffe://admin"#, "CN=a\\", r#"CN=\"\\"#]
    {
        let headers = told(&certificate_sets(), &with_subject(subject)).unwrap();
        let value = headers["x-forwarded-client-cert"].to_str().unwrap();
        for reader in [keys_where_a_backslash_escapes_anything, keys_where_a_backslash_escapes_quotes] {
            assert_eq!(reader(value), ["Hash", "Cert", "Subject"], "{value}");
        }
    }
}

fn keys_where_a_backslash_escapes_anything(element: &str) -> Vec<String> {
    keys(element, |_| true)
}

fn keys_where_a_backslash_escapes_quotes(element: &str) -> Vec<String> {
    keys(element, |next| next == Some('"'))
}

/// The keys of one element as read by a reader that applies escapes as `escapes` does.
fn keys(element: &str, escapes: fn(Option<char>) -> bool) -> Vec<String> {
    let (mut pairs, mut quoted) = (vec![String::new()], false);
    let mut letters = element.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if quoted && escapes(letters.peek().copied()) => _ = letters.next(),
            '"' => quoted = !quoted,
            ';' if !quoted => pairs.push(String::new()),
            other => pairs.last_mut().unwrap().push(other),
        }
    }
    assert!(!quoted, "an open quote: {element}");
    pairs.iter().map(|pair| pair.split_once('=').map_or(pair.clone(), |(key, _)| key.to_owned())).collect()
}

proptest! {
    #[test]
    fn any_text_is_encoded_in_printable_ascii_and_decodes_to_itself(
        user in any::<String>(),
        upn in "[ \\r\\n\\x00\"',%\u{202e}a-c\u{e9}]{0,20}",
        groups in prop::collection::vec("[ ,%a-c\\r\\n\u{1f600}]{1,8}", 0..4),
        subject in any::<String>(),
    ) {
        let settings = IdentityHeaderSettings { account: true, send_groups: groups.clone(), ..certificate_sets() };
        let named: Vec<_> = groups.iter().map(|name| NamedGroup { name, sid: None }).collect();
        let identity = ForwardedIdentity { user: &user, upn: Some(&upn), groups: &named, ..with_subject(&subject) };
        let headers = told(&settings, &identity).unwrap();
        for value in headers.values() {
            prop_assert!(value.len() <= MAX_VALUE_BYTES);
            prop_assert!(value.as_bytes().iter().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(value.as_bytes().trim_ascii(), value.as_bytes());
        }
        prop_assert_eq!(decoded(&headers, "x-remote-user"), user);
        prop_assert_eq!(decoded(&headers, "x-remote-upn"), upn);
        let list = headers.get("x-remote-groups").map_or("", |value| value.to_str().unwrap());
        let told_groups: Vec<String> = list
            .split_terminator(',')
            .map(|group| percent_decode_str(group).decode_utf8().unwrap().into_owned())
            .collect();
        prop_assert_eq!(told_groups, groups);
    }

    #[test]
    fn no_subject_adds_a_key_to_envoys_header(subject in "[a\\\\\";=,% \u{e9}]{0,24}") {
        let headers = told(&certificate_sets(), &with_subject(&subject)).unwrap();
        let value = headers["x-forwarded-client-cert"].to_str().unwrap();
        prop_assert_eq!(keys_where_a_backslash_escapes_anything(value), ["Hash", "Cert", "Subject"]);
        prop_assert_eq!(keys_where_a_backslash_escapes_quotes(value), ["Hash", "Cert", "Subject"]);
    }

    #[test]
    fn any_identity_either_fits_or_is_refused(length in 0_usize..20_000) {
        let user = "\u{e9}".repeat(length);
        match told(&IdentityHeaderSettings::default(), &ForwardedIdentity { user: &user, ..alice() }) {
            Ok(headers) => prop_assert_eq!(decoded(&headers, "x-remote-user"), user),
            Err(_) => prop_assert!(length * 6 > MAX_VALUE_BYTES),
        }
    }
}

#[test]
fn an_assertion_is_sent_only_in_its_set_and_is_not_shown() {
    let identity = ForwardedIdentity { assertion: Some("aaa.bbb.ccc"), ..alice() };
    let without = told(&IdentityHeaderSettings::default(), &identity).unwrap();
    assert!(!without.contains_key("x-portcullis-assertion"));
    let settings = IdentityHeaderSettings { account: false, assertion: true, ..Default::default() };
    let with = told(&settings, &identity).unwrap();
    assert_eq!(lines(&with), ["x-portcullis-assertion: aaa.bbb.ccc"]);
    assert!(with["x-portcullis-assertion"].is_sensitive());
}

#[test]
fn an_assertion_of_the_client_is_removed() {
    let settings = IdentityHeaderSettings { assertion: true, ..Default::default() };
    for identity in [None, Some(&alice())] {
        let mut headers = HeaderMap::new();
        headers.insert("x-portcullis-assertion", HeaderValue::from_static("forged"));
        set(&mut headers, &settings, identity).unwrap();
        assert!(!headers.contains_key("x-portcullis-assertion"));
    }
}

#[test]
fn the_secret_is_on_every_request_and_replaces_the_clients() {
    let name = HeaderName::from_static("x-gateway-secret");
    let secret = SecretHeader::new(name.clone(), b"twenty-two-characters!").unwrap();
    let settings = IdentityHeaderSettings { secret: Some(secret), ..Default::default() };
    for identity in [None, Some(&alice())] {
        let mut headers = HeaderMap::new();
        headers.append(&name, HeaderValue::from_static("guessed"));
        headers.append(&name, HeaderValue::from_static("again"));
        set(&mut headers, &settings, identity).unwrap();
        assert_eq!(headers.get_all(&name).iter().collect::<Vec<_>>(), ["twenty-two-characters!"]);
    }
}
