//! The access lists of a path rule: accounts, groups, issuers and networks.

use crate::support::{TestClient, TestConfig, TestGateway, pki, sha256};

/// Returns a path `/x/echo` with these keys, in a realm whose rules map alice and judy to accounts with groups.
fn with_path(keys: &str) -> TestConfig {
    let rule = |name: &str, groups: &str| {
        let leaf = sha256(pki().card(name).unwrap().certificate_der());
        format!(
            "[[realm.staff.rule]]\nname = \"{name}\"\ncertificate_sha256 = \"{leaf}\"\naccount = \
             {{ user = 'CORP\\{name}', upn = \"{name}@corp.example\", sid = \"S-1-5-21-1-2-3-{}\", groups = {groups} }}\n",
            name.len()
        )
    };
    let rules = [rule("alice", r#"["RMS Users", "Staff"]"#), rule("judy", r#"["Staff", "Contractors"]"#)];
    let realm = TestConfig::default().realm.replace(r#"order = ["upn"]"#, r#"order = ["rule", "upn"]"#);
    let paths = format!("{}\n[[site.path]]\npath = \"/x/echo\"\n{keys}\n", TestConfig::default().paths);
    TestConfig { realm, paths, more: rules.concat(), ..TestConfig::default() }
}

async fn status_and_id(gateway: &TestGateway, card: &str) -> String {
    TestClient::new(gateway).certificate(card).get("/x/echo").await.status_and_id()
}

const PERMIT: &str = "200 permit";
const NOT_ALLOWED: &str = "403 access-denied";

#[tokio::test]
async fn access_lists_match_accounts_groups_and_issuers() {
    for (lists, alice, judy, ken) in [
        (r#"allow = { groups = ["rms users"] }"#, PERMIT, NOT_ALLOWED, NOT_ALLOWED),
        (r#"allow = { groups = ["Staff"] }"#, PERMIT, PERMIT, NOT_ALLOWED),
        (
            r#"allow = { groups = ["RMS Users"], accounts = ["ken@corp.example"] }"#,
            PERMIT,
            NOT_ALLOWED,
            PERMIT,
        ),
        (r#"allow = { accounts = ['corp\JUDY', "S-1-5-21-1-2-3-5"] }"#, PERMIT, PERMIT, NOT_ALLOWED),
        (r#"deny = { groups = ["Contractors"] }"#, PERMIT, NOT_ALLOWED, PERMIT),
        (r#"deny = { accounts = ['ＣＯＲＰ\аlice'] }"#, NOT_ALLOWED, PERMIT, PERMIT),
        // A name that only looks like the account's is another name.
        (r#"allow = { accounts = ['CORP\аlice', 'CORP\álice'] }"#, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED),
        (
            "allow = { groups = [\"Staff\"] }\ndeny = { accounts = ['CORP\\alice'] }",
            NOT_ALLOWED,
            PERMIT,
            NOT_ALLOWED,
        ),
        (r#"allow = { issuers = ["pki/issuing.pem"] }"#, PERMIT, PERMIT, PERMIT),
        (r#"allow = { issuers = ["pki/server-ca.pem"] }"#, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED),
        (r#"deny = { issuers = ["pki/policy.pem"] }"#, NOT_ALLOWED, NOT_ALLOWED, NOT_ALLOWED),
    ] {
        let gateway = TestGateway::with(with_path(&format!("client_certificate = \"require\"\n{lists}")));
        for (card, expected) in [("alice", alice), ("judy", judy), ("ken", ken)] {
            assert_eq!(status_and_id(&gateway, card).await, expected, "{card}: {lists}");
        }
        // An invalid certificate is denied as such before any access list.
        assert_eq!(status_and_id(&gateway, "bob").await, "403 certificate-revoked");
        assert_eq!(status_and_id(&gateway, "none").await, "403 certificate-required");
    }
}

#[tokio::test]
async fn networks_are_checked_on_every_path_before_any_credential() {
    for (certificate, anonymous) in
        [("ignore", PERMIT), ("accept", "401 credentials-required"), ("require", "403 certificate-required")]
    {
        for (list, here) in [
            (r#"allow = { networks = ["127.0.0.0/8"] }"#, true),
            (r#"allow = { networks = ["10.0.0.0/8", "::1"] }"#, false),
            (r#"deny = { networks = ["127.0.0.1"] }"#, false),
            (r#"deny = { networks = ["10.0.0.0/8"] }"#, true),
        ] {
            let gateway =
                TestGateway::with(with_path(&format!("client_certificate = \"{certificate}\"\n{list}")));
            let expected = |expected_here: &'static str| if here { expected_here } else { NOT_ALLOWED };
            assert_eq!(status_and_id(&gateway, "none").await, expected(anonymous), "{certificate} {list}");
            assert_eq!(status_and_id(&gateway, "alice").await, expected(PERMIT), "{certificate} {list}");
        }
    }
}

#[tokio::test]
async fn the_record_names_the_denying_list_and_the_response_does_not() {
    let lists = "client_certificate = \"require\"\nallow = { groups = [\"Contractors\"] }";
    let gateway = TestGateway::with(with_path(lists));
    let response = TestClient::new(&gateway).certificate("alice").get("/x/echo").await;
    assert_eq!(response.status_and_id(), NOT_ALLOWED);
    for secret in ["Contractors", "groups", "CORP"] {
        assert!(!response.text().contains(secret), "{}", response.text());
    }
    let record = gateway.record(&response.request_id()).await;
    assert_eq!(
        record["detail"],
        "the account CORP\\alice is not in `allow.accounts`, and none of its 2 groups is in `allow.groups`"
    );
}

#[tokio::test]
async fn a_reloaded_access_list_applies_to_open_connections() {
    let mut gateway =
        TestGateway::with(with_path("client_certificate = \"require\"\nallow = { groups = [\"Staff\"] }"));
    let client = TestClient::new(&gateway).certificate("alice");
    let mut connection = client.connect().await.unwrap();
    assert_eq!(connection.get("/x/echo").await.unwrap().status_and_id(), PERMIT);
    gateway.reload(|config| config.paths = config.paths.replace("[\"Staff\"]", "[\"Contractors\"]"));
    assert_eq!(connection.get("/x/echo").await.unwrap().status_and_id(), NOT_ALLOWED);
}
