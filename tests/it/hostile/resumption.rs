//! A resumed session is bound to its site and to its proof of possession, and its client is authenticated again.
//! CVE-2025-23419, CVE-2025-23048, CVE-2025-68121 and CVE-2022-21654 each evaded one of these rules.

use super::three_sites::{
    FOREIGN, HOME, HOME_ALIAS, OPEN, card, start, start_with_limits, three_sites, three_sites_with,
};
use super::tls_client::{OfferedVersion, TLS_VERSIONS, TlsClient};
use crate::support::{TestGateway, pki};
use portcullis::certificate::Certificate;
use portcullis::clock::Clock;
use portcullis::demo::pki::{CertificateProfile, Signer};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_session_of_one_site_is_not_resumed_at_another() {
    let gateway = start(three_sites());
    for version in TLS_VERSIONS {
        for holder in [None, Some("alice"), Some("mallory")] {
            for made_at in [OPEN, HOME, FOREIGN] {
                for used_at in [OPEN, HOME, HOME_ALIAS, FOREIGN] {
                    let case = format!("{version:?}, {holder:?}, made at {made_at}, used at {used_at}");
                    let client = TlsClient::new(&gateway, version, holder.map(card));
                    let first = client.connect(made_at).unwrap().get(made_at, "/ignore/echo").unwrap();
                    assert_eq!(first.status, 200, "{case}");
                    let mut second = client.connect(used_at).unwrap();
                    // If a certificate was requested and not presented, no session is kept.
                    let resumable = holder.is_some() || made_at == OPEN;
                    assert_eq!(second.resumed(), resumable && made_at == used_at, "{case}");
                    let response = second.get(used_at, "/require/echo").unwrap();
                    let (status, user) = match (used_at, holder) {
                        (OPEN, _) => (200, None),
                        (HOME | HOME_ALIAS, Some("alice")) | (FOREIGN, Some("mallory")) => {
                            (200, Some("alice@corp.example".to_owned()))
                        }
                        _ => (403, None),
                    };
                    assert_eq!((response.status, response.user()), (status, user), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_session_is_not_resumed_without_a_server_name() {
    let gateway = start(three_sites());
    for version in TLS_VERSIONS {
        let client = TlsClient::new(&gateway, version, Some(card("alice")));
        client.connect(HOME).unwrap().get(HOME, "/require/echo").unwrap();
        let error = client.nameless().connect(HOME).err().expect("no site is the default one");
        assert!(error.to_string().contains("UnrecognisedName"), "{version:?}: {error}");
    }
}

#[test]
fn a_session_of_a_named_site_is_not_resumed_at_the_default_site() {
    let gateway = start(three_sites_with("default = true"));
    for version in TLS_VERSIONS {
        let client = TlsClient::new(&gateway, version, Some(card("mallory")));
        client.connect(FOREIGN).unwrap().get(FOREIGN, "/require/echo").unwrap();
        let mut nameless = client.nameless().connect(HOME).unwrap();
        assert!(!nameless.resumed(), "{version:?}");
        assert_eq!(nameless.get(HOME, "/require/echo").unwrap().status, 403, "{version:?}");
        let mut other = client.nameless().connect(HOME).unwrap();
        assert_eq!(other.get(FOREIGN, "/require/echo").unwrap().status, 421, "{version:?}");
    }
}

#[test]
fn authorities_with_equal_names_and_different_keys_are_distinguished() {
    let gateway = start(three_sites());
    for version in TLS_VERSIONS {
        for (site, holder, status) in
            [(HOME, "alice", 200), (HOME, "mallory", 403), (FOREIGN, "alice", 403), (FOREIGN, "mallory", 200)]
        {
            let client = TlsClient::new(&gateway, version, Some(card(holder)));
            for resumed in [false, true] {
                let mut connection = client.connect(site).unwrap();
                assert_eq!(connection.resumed(), resumed);
                let response = connection.get(site, "/require/echo").unwrap();
                assert_eq!(response.status, status, "{version:?} {holder} at {site}, resumed: {resumed}");
            }
        }
    }
}

#[test]
fn a_resumed_connection_receives_the_same_responses_as_the_first() {
    let gateway = start(three_sites());
    let paths = ["/ignore/echo", "/accept/echo", "/require/echo", "/require/exact.asmx", "/none", "/a%2f"];
    for version in TLS_VERSIONS {
        for holder in [None, Some("alice"), Some("bob"), Some("carol"), Some("mallory"), Some("frank")] {
            let client = TlsClient::new(&gateway, version, holder.map(card));
            let statuses = |resumed: bool| {
                let mut connection = client.connect(HOME).unwrap();
                assert_eq!(connection.resumed(), resumed && holder.is_some(), "{version:?} {holder:?}");
                paths.map(|path| connection.get(HOME, path).unwrap().status)
            };
            let first = statuses(false);
            assert_eq!(statuses(true), first, "{version:?} {holder:?}");
            assert_eq!(first[0], 200);
        }
    }
}

/// A change between two connections that invalidates the client certificate, and the expected result.
struct TrustChange {
    name: &'static str,
    apply: fn(&mut TestGateway),
    resumed: bool,
    denial: &'static str,
}

const CHANGES: [TrustChange; 4] = [
    TrustChange {
        name: "the trust anchor is removed",
        apply: |gateway| {
            gateway
                .reload(|config| config.realm = config.realm.replace("pki/root.pem", "pki/foreign-root.pem"));
        },
        resumed: false,
        denial: "403 certificate-untrusted",
    },
    TrustChange {
        name: "another extended key usage is required",
        apply: |gateway| {
            gateway.reload(|config| {
                let other = config.realm.replace("[\"client_auth\"]", "[\"1.3.6.1.5.5.7.3.4\"]");
                assert_ne!(other, config.realm);
                config.realm = other;
            });
        },
        resumed: true,
        denial: "403 certificate-untrusted",
    },
    TrustChange {
        name: "the certificate is revoked",
        apply: |gateway| {
            let crl = pki().issuing_crl(&["bob", "alice"], gateway.clock.now()).unwrap();
            fs::write(gateway.pki_files.crl.join("issuing.crl"), crl).unwrap();
            gateway.reload(|_| {});
        },
        resumed: true,
        denial: "403 certificate-revoked",
    },
    TrustChange {
        name: "the CRLs have expired",
        apply: |gateway| gateway.clock.advance(2 * HOUR),
        resumed: true,
        denial: "403 revocation-unknown",
    },
];

#[test]
fn a_resumed_session_is_authenticated_with_the_present_trust() {
    for version in TLS_VERSIONS {
        for TrustChange { name, apply, resumed, denial } in CHANGES {
            let mut gateway = start(three_sites());
            // The CRLs are valid for seven days from the creation of the shared PKI.
            gateway.clock.advance(7 * DAY - HOUR);
            let client = TlsClient::new(&gateway, version, Some(card("alice")));
            let mut open = client.connect(HOME).unwrap();
            assert_eq!(open.get(HOME, "/require/echo").unwrap().status_and_id(), "200 permit");
            apply(&mut gateway);
            let mut again = client.connect(HOME).unwrap();
            assert_eq!(again.resumed(), resumed, "{version:?}: {name}");
            assert_eq!(
                again.get(HOME, "/require/echo").unwrap().status_and_id(),
                denial,
                "{version:?}: {name}"
            );
            assert_eq!(
                open.get(HOME, "/require/echo").unwrap().status_and_id(),
                denial,
                "{version:?}: {name}"
            );
        }
    }
}

#[test]
fn an_expired_intermediate_invalidates_resumed_sessions() {
    let expiry = Certificate::from_der(pki().issuing()).unwrap().not_after();
    let profile = CertificateProfile::of("walter", Clock::system().now());
    let walter = pki().issue(&CertificateProfile { not_after: expiry.plus(30 * DAY), ..profile }).unwrap();
    for version in TLS_VERSIONS {
        let mut gateway = start(three_sites());
        gateway.clock.advance(expiry.since(gateway.clock.now()) - HOUR);
        write_fresh_crls(&gateway);
        gateway.reload(|_| {});
        let client = TlsClient::new(&gateway, version, Some(&walter));
        let mut open = client.connect(HOME).unwrap();
        assert_eq!(open.get(HOME, "/require/echo").unwrap().status_and_id(), "200 permit");
        gateway.clock.advance(2 * HOUR);
        let mut again = client.connect(HOME).unwrap();
        assert!(again.resumed(), "{version:?}");
        for connection in [&mut again, &mut open] {
            let status_and_id = connection.get(HOME, "/require/echo").unwrap().status_and_id();
            assert_eq!(status_and_id, "403 certificate-expired", "{version:?}");
        }
    }
}

fn write_fresh_crls(gateway: &TestGateway) {
    for (signer, file) in
        [(Signer::Issuing, "issuing.crl"), (Signer::Policy, "policy.crl"), (Signer::Root, "root.crl")]
    {
        fs::write(gateway.pki_files.crl.join(file), pki().crl(signer, &[], gateway.clock.now()).unwrap())
            .unwrap();
    }
}

#[test]
fn a_renewed_ticket_expires_with_the_proof_of_possession() {
    for version in TLS_VERSIONS {
        let gateway = start(three_sites_with("card_reauth_interval = \"8h\""));
        let client = TlsClient::new(&gateway, version, Some(card("alice")));
        assert!(!visit(&client), "{version:?}");
        for renewal in 1..=10 {
            gateway.clock.advance(45 * MINUTE);
            assert!(visit(&client), "{version:?}, renewal {renewal}");
        }
        gateway.clock.advance(30 * MINUTE);
        assert!(!visit(&client), "{version:?}: eight hours after the proof");
        assert!(visit(&client), "{version:?}: after the new proof");
    }
}

/// Sends one permitted request on a new connection. Returns whether the session was resumed.
fn visit(client: &TlsClient) -> bool {
    let mut connection = client.connect(HOME).unwrap();
    assert_eq!(connection.get(HOME, "/require/echo").unwrap().status, 200);
    connection.resumed()
}

#[test]
fn an_expired_proof_of_possession_closes_the_connection_with_421() {
    for version in TLS_VERSIONS {
        let gateway = start(three_sites_with("card_reauth_interval = \"1h\""));
        let client = TlsClient::new(&gateway, version, Some(card("alice")));
        let mut connection = client.connect(HOME).unwrap();
        assert_eq!(connection.get(HOME, "/require/echo").unwrap().status, 200);
        gateway.clock.advance(60 * MINUTE);
        assert_eq!(
            connection.get(HOME, "/ignore/echo").unwrap().status,
            200,
            "this path ignores certificates"
        );
        let misdirected = connection.get(HOME, "/require/echo").unwrap();
        assert_eq!((misdirected.status, misdirected.header("connection")), (421, Some("close")));
        assert!(connection.is_closed());
        assert!(!visit(&client), "a full handshake is expected");
    }
}

#[test]
fn a_connection_closes_at_its_maximum_age() {
    let gateway = start_with_limits("connection_max_age = \"1s\"");
    for version in TLS_VERSIONS {
        let mut connection = TlsClient::new(&gateway, version, Some(card("alice"))).connect(HOME).unwrap();
        assert_eq!(connection.get(HOME, "/require/echo").unwrap().status, 200);
        assert!(connection.is_closed());
    }
}

/// Browsers resume a session without a certificate silently, so a card that is inserted later would never be used.
#[test]
fn a_card_that_is_inserted_later_is_requested_on_the_next_connection() {
    let gateway = start(three_sites());
    for version in TLS_VERSIONS {
        let before = TlsClient::new(&gateway, version, None);
        let mut connection = before.connect(HOME).unwrap();
        assert_eq!(
            connection.get(HOME, "/require/echo").unwrap().status_and_id(),
            "403 certificate-required"
        );
        let mut after = TlsClient::new(&gateway, version, Some(card("alice")));
        Arc::make_mut(&mut after.config).resumption = before.config.resumption.clone();
        let mut connection = after.connect(HOME).unwrap();
        assert!(!connection.resumed(), "{version:?}");
        assert_eq!(
            connection.get(HOME, "/require/echo").unwrap().status_and_id(),
            "200 permit",
            "{version:?}"
        );
        assert!(visit(&after), "{version:?}: with the card it is resumed");
    }
}

#[test]
fn no_session_offers_early_data() {
    let gateway = start(three_sites());
    let mut client = TlsClient::new(&gateway, OfferedVersion::Tls13, Some(card("alice")));
    Arc::make_mut(&mut client.config).enable_early_data = true;
    for resumed in [false, true] {
        let mut connection = client.connect(HOME).unwrap();
        assert_eq!(connection.resumed(), resumed);
        assert!(connection.stream.conn.early_data().is_none());
        assert!(!connection.stream.conn.is_early_data_accepted());
        assert_eq!(connection.get(HOME, "/require/echo").unwrap().status, 200);
    }
}
