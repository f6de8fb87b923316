//! Sessions that are resumed: nowhere but at their own site, never longer than the card's proof lasts, and under the
//! verdict of today. CVE-2025-23419, CVE-2025-23048, CVE-2025-68121 and CVE-2022-21654 were each a way around one of
//! these.

use super::caller::{Caller, VERSIONS, Version};
use super::stage::{FOREIGN, HOME, HOME_ALIAS, OPEN, card, start, three_sites, three_sites_with};
use crate::support::{TestConfig, TestGateway, pki};
use portcullis::certificate::Certificate;
use portcullis::clock::Clock;
use portcullis::demo::pki::{CardProfile, Signer};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

#[test]
fn a_session_of_one_site_is_worthless_at_every_other() {
    let gateway = start(three_sites());
    for version in VERSIONS {
        for holder in [None, Some("alice"), Some("mallory")] {
            for made_at in [OPEN, HOME, FOREIGN] {
                for used_at in [OPEN, HOME, HOME_ALIAS, FOREIGN] {
                    let case = format!("{version:?}, {holder:?}, made at {made_at}, used at {used_at}");
                    let caller = Caller::new(&gateway, version, holder.map(card));
                    let first = caller.connect(made_at).unwrap().get(made_at, "/ignore/echo").unwrap();
                    assert_eq!(first.status, 200, "{case}");
                    let mut second = caller.connect(used_at).unwrap();
                    // Where a certificate was asked for and none came there is nothing to resume.
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
    for version in VERSIONS {
        let caller = Caller::new(&gateway, version, Some(card("alice")));
        caller.connect(HOME).unwrap().get(HOME, "/require/echo").unwrap();
        let error = caller.nameless().connect(HOME).err().expect("no site is the default one");
        assert!(error.to_string().contains("UnrecognisedName"), "{version:?}: {error}");
    }
}

#[test]
fn a_session_of_a_named_site_is_not_resumed_at_the_default_site() {
    let gateway = start(three_sites_with("default = true"));
    for version in VERSIONS {
        let caller = Caller::new(&gateway, version, Some(card("mallory")));
        caller.connect(FOREIGN).unwrap().get(FOREIGN, "/require/echo").unwrap();
        let mut nameless = caller.nameless().connect(HOME).unwrap();
        assert!(!nameless.resumed(), "{version:?}");
        assert_eq!(nameless.get(HOME, "/require/echo").unwrap().status, 403, "{version:?}");
        let mut other = caller.nameless().connect(HOME).unwrap();
        assert_eq!(other.get(FOREIGN, "/require/echo").unwrap().status, 421, "{version:?}");
    }
}

#[test]
fn authorities_with_equal_names_and_other_keys_do_not_vouch_for_each_others_cards() {
    let gateway = start(three_sites());
    for version in VERSIONS {
        for (site, holder, status) in
            [(HOME, "alice", 200), (HOME, "mallory", 403), (FOREIGN, "alice", 403), (FOREIGN, "mallory", 200)]
        {
            let caller = Caller::new(&gateway, version, Some(card(holder)));
            for resumed in [false, true] {
                let mut wire = caller.connect(site).unwrap();
                assert_eq!(wire.resumed(), resumed);
                let response = wire.get(site, "/require/echo").unwrap();
                assert_eq!(response.status, status, "{version:?} {holder} at {site}, resumed: {resumed}");
            }
        }
    }
}

#[test]
fn a_resumed_connection_gets_the_same_answers_as_the_first() {
    let gateway = start(three_sites());
    let paths = ["/ignore/echo", "/accept/echo", "/require/echo", "/require/exact.asmx", "/none", "/a%2f"];
    for version in VERSIONS {
        for holder in [None, Some("alice"), Some("bob"), Some("carol"), Some("mallory"), Some("frank")] {
            let caller = Caller::new(&gateway, version, holder.map(card));
            let statuses = |resumed: bool| {
                let mut wire = caller.connect(HOME).unwrap();
                assert_eq!(wire.resumed(), resumed && holder.is_some(), "{version:?} {holder:?}");
                paths.map(|path| wire.get(HOME, path).unwrap().status)
            };
            let first = statuses(false);
            assert_eq!(statuses(true), first, "{version:?} {holder:?}");
            assert_eq!(first[0], 200);
        }
    }
}

/// What makes a card worthless between the connection that makes the session and the one that offers it again; whether
/// the session opens then; the verdict.
struct Change {
    what: &'static str,
    make: fn(&mut TestGateway),
    resumed: bool,
    verdict: &'static str,
}

const CHANGES: [Change; 4] = [
    Change {
        what: "the trust anchor is removed",
        make: |gateway| {
            gateway.reload(|setup| setup.realm = setup.realm.replace("pki/root.pem", "pki/foreign-root.pem"));
        },
        resumed: false,
        verdict: "403 certificate-untrusted",
    },
    Change {
        what: "another usage is demanded",
        make: |gateway| {
            gateway.reload(|setup| {
                let other = setup.realm.replace("[\"client_auth\"]", "[\"1.3.6.1.5.5.7.3.4\"]");
                assert_ne!(other, setup.realm);
                setup.realm = other;
            });
        },
        resumed: true,
        verdict: "403 certificate-untrusted",
    },
    Change {
        what: "the card is revoked",
        make: |gateway| {
            let crl = pki().issuing_crl(&["bob", "alice"], gateway.clock.now()).unwrap();
            fs::write(gateway.pki_files.crl.join("issuing.crl"), crl).unwrap();
            gateway.reload(|_| {});
        },
        resumed: true,
        verdict: "403 certificate-revoked",
    },
    Change {
        what: "the revocation lists are too old",
        make: |gateway| gateway.clock.advance(2 * HOUR),
        resumed: true,
        verdict: "403 revocation-unknown",
    },
];

#[test]
fn a_session_does_not_outlive_what_made_its_card_good() {
    for version in VERSIONS {
        for Change { what, make, resumed, verdict } in CHANGES {
            let mut gateway = start(three_sites());
            // The lists are good for seven days; the shared PKI wrote them some time ago.
            gateway.clock.advance(7 * DAY - HOUR);
            let caller = Caller::new(&gateway, version, Some(card("alice")));
            let mut open = caller.connect(HOME).unwrap();
            assert_eq!(open.get(HOME, "/require/echo").unwrap().status_and_id(), "200 permit");
            make(&mut gateway);
            let mut again = caller.connect(HOME).unwrap();
            assert_eq!(again.resumed(), resumed, "{version:?}: {what}");
            assert_eq!(
                again.get(HOME, "/require/echo").unwrap().status_and_id(),
                verdict,
                "{version:?}: {what}"
            );
            assert_eq!(
                open.get(HOME, "/require/echo").unwrap().status_and_id(),
                verdict,
                "{version:?}: {what}"
            );
        }
    }
}

#[test]
fn an_intermediate_that_expires_ends_the_sessions_of_its_cards() {
    let expiry = Certificate::from_der(pki().issuing()).unwrap().not_after();
    let profile = CardProfile::of("walter", Clock::system().now());
    let walter = pki().issue(&CardProfile { not_after: expiry.plus(30 * DAY), ..profile }).unwrap();
    for version in VERSIONS {
        let mut gateway = start(three_sites());
        gateway.clock.advance(expiry.since(gateway.clock.now()) - HOUR);
        write_fresh_lists(&gateway);
        gateway.reload(|_| {});
        let caller = Caller::new(&gateway, version, Some(&walter));
        let mut open = caller.connect(HOME).unwrap();
        assert_eq!(open.get(HOME, "/require/echo").unwrap().status_and_id(), "200 permit");
        gateway.clock.advance(2 * HOUR);
        let mut again = caller.connect(HOME).unwrap();
        assert!(again.resumed(), "{version:?}");
        for wire in [&mut again, &mut open] {
            let verdict = wire.get(HOME, "/require/echo").unwrap().status_and_id();
            assert_eq!(verdict, "403 certificate-expired", "{version:?}");
        }
    }
}

fn write_fresh_lists(gateway: &TestGateway) {
    for (signer, file) in
        [(Signer::Issuing, "issuing.crl"), (Signer::Policy, "policy.crl"), (Signer::Root, "root.crl")]
    {
        fs::write(gateway.pki_files.crl.join(file), pki().crl(signer, &[], gateway.clock.now()).unwrap())
            .unwrap();
    }
}

#[test]
fn a_ticket_that_is_renewed_again_and_again_ends_with_the_cards_proof() {
    for version in VERSIONS {
        let gateway = start(three_sites_with("card_reauth_interval = \"8h\""));
        let caller = Caller::new(&gateway, version, Some(card("alice")));
        assert!(!visit(&caller), "{version:?}");
        for renewal in 1..=10 {
            gateway.clock.advance(45 * MINUTE);
            assert!(visit(&caller), "{version:?}, renewal {renewal}");
        }
        gateway.clock.advance(30 * MINUTE);
        assert!(!visit(&caller), "{version:?}: eight hours after the proof");
        assert!(visit(&caller), "{version:?}: after the new proof");
    }
}

/// Whether the connection was resumed; the card is good in any case.
fn visit(caller: &Caller) -> bool {
    let mut wire = caller.connect(HOME).unwrap();
    assert_eq!(wire.get(HOME, "/require/echo").unwrap().status, 200);
    wire.resumed()
}

#[test]
fn the_end_of_the_proof_turns_an_open_connection_away_and_closes_it() {
    for version in VERSIONS {
        let gateway = start(three_sites_with("card_reauth_interval = \"1h\""));
        let caller = Caller::new(&gateway, version, Some(card("alice")));
        let mut wire = caller.connect(HOME).unwrap();
        assert_eq!(wire.get(HOME, "/require/echo").unwrap().status, 200);
        gateway.clock.advance(60 * MINUTE);
        assert_eq!(wire.get(HOME, "/ignore/echo").unwrap().status, 200, "no card is looked at");
        let refused = wire.get(HOME, "/require/echo").unwrap();
        assert_eq!((refused.status, refused.header("connection")), (421, Some("close")));
        assert!(wire.is_closed());
        assert!(!visit(&caller), "the card signs anew");
    }
}

#[test]
fn a_connection_ends_at_its_greatest_age() {
    let gateway = start(TestConfig { limits: "connection_max_age = \"1s\"".to_owned(), ..three_sites() });
    for version in VERSIONS {
        let mut wire = Caller::new(&gateway, version, Some(card("alice"))).connect(HOME).unwrap();
        assert_eq!(wire.get(HOME, "/require/echo").unwrap().status, 200);
        assert!(wire.is_closed());
    }
}

/// Browsers resume such a session without asking their user, so that the card would never be seen.
#[test]
fn a_card_that_is_inserted_later_is_asked_for_on_the_next_connection() {
    let gateway = start(three_sites());
    for version in VERSIONS {
        let before = Caller::new(&gateway, version, None);
        let mut wire = before.connect(HOME).unwrap();
        assert_eq!(wire.get(HOME, "/require/echo").unwrap().status_and_id(), "403 certificate-required");
        let mut after = Caller::new(&gateway, version, Some(card("alice")));
        Arc::make_mut(&mut after.config).resumption = before.config.resumption.clone();
        let mut wire = after.connect(HOME).unwrap();
        assert!(!wire.resumed(), "{version:?}");
        assert_eq!(wire.get(HOME, "/require/echo").unwrap().status_and_id(), "200 permit", "{version:?}");
        assert!(visit(&after), "{version:?}: with the card it is resumed");
    }
}

#[test]
fn no_session_offers_early_data() {
    let gateway = start(three_sites());
    let mut caller = Caller::new(&gateway, Version::Tls13, Some(card("alice")));
    Arc::make_mut(&mut caller.config).enable_early_data = true;
    for resumed in [false, true] {
        let mut wire = caller.connect(HOME).unwrap();
        assert_eq!(wire.resumed(), resumed);
        assert!(wire.stream.conn.early_data().is_none());
        assert!(!wire.stream.conn.is_early_data_accepted());
        assert_eq!(wire.get(HOME, "/require/echo").unwrap().status, 200);
    }
}
