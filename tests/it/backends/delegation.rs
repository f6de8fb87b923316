//! Kerberos delegation against the lab's KDC, and against an Apache that requires Kerberos.

use super::krb5_conf::{with_clock_ahead, with_krb5_conf, with_lab};
use super::site_response::SiteResponse;
use crate::support::{ActiveDirectory, KerberosSite};
use portcullis::delegation::kerberos::{
    AcceptedEncryption, DelegationError, DelegationFinding, DelegationStep, DelegatorSettings,
    EncryptionError, EncryptionType, FindingOutcome, KerberosDelegator, KerberosLibrary, KeytabError,
    MutualError, NotForwardableReason,
};
use portcullis::demo::rms::Rms;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;

const RMS: &str = "HTTP/rms.corp.example";
/// The number of concurrent token requests, and of their users.
const REQUESTS: usize = 200;
const USERS: usize = 20;

/// Returns whether an error is the expected one.
type IsExpected = fn(&DelegationError) -> bool;

#[test]
fn a_delegated_user_is_authenticated_and_the_server_as_well() {
    with_site(async |directory, site| {
        let delegator = delegator(&directory.keytab("gw"));
        for user in ["alice", "bob", "oscar", "grace", "ALICE", "jürgen"] {
            let negotiation = delegator.negotiate(&format!("{user}@CORP.EXAMPLE"), RMS).await.unwrap();
            let response = SiteResponse::to(site, negotiation.token()).await;
            let expected = format!("{user}@CORP.EXAMPLE").to_lowercase();
            assert_eq!(response.user.map(|seen| seen.to_lowercase()), Some(expected));
            negotiation.finish(&response.token).unwrap();
        }
    });
}

#[test]
fn each_request_has_its_own_token_which_is_valid_once() {
    with_site(async |directory, site| {
        let delegator = delegator(&directory.keytab("gw"));
        let first = delegator.negotiate("carol@CORP.EXAMPLE", RMS).await.unwrap();
        let second = delegator.negotiate("carol@CORP.EXAMPLE", RMS).await.unwrap();
        assert_ne!(first.token(), second.token());
        let (token, expected) = (first.token().to_vec(), Some("carol@CORP.EXAMPLE".to_owned()));
        assert_eq!(SiteResponse::to(site, &token).await.user, expected);
        assert_eq!(SiteResponse::to(site, &token).await.user, None, "it was sent before");
        assert_eq!(SiteResponse::to(site, second.token()).await.user, expected);
    });
}

#[test]
fn a_response_of_another_exchange_fails_mutual_authentication() {
    with_site(async |directory, site| {
        let delegator = delegator(&directory.keytab("gw"));
        let negotiate = async || delegator.negotiate("dave@CORP.EXAMPLE", RMS).await.unwrap();
        let (own, other) = (negotiate().await, negotiate().await);
        let response = SiteResponse::to(site, own.token()).await.token;
        let of_another_request = SiteResponse::to(site, other.token()).await.token;
        let wrong = |result| {
            matches!(result, Err(DelegationError::MutualAuthentication(MutualError::InvalidProof(_))))
        };
        assert!(wrong(own.finish(&of_another_request)), "a response to another request");

        let own = negotiate().await;
        let mut forged = SiteResponse::to(site, own.token()).await.token;
        *forged.last_mut().unwrap() ^= 1;
        assert!(wrong(own.finish(&forged)), "a forged response");

        assert!(wrong(negotiate().await.finish(&response)), "a replayed response");
        let malformed = negotiate().await.finish(b"");
        let expected = Err(MutualError::Malformed);
        assert_eq!(malformed.map_err(mutual_error), expected, "no response");
    });
}

#[test]
fn each_rejection_of_the_kdc_has_its_own_error() {
    with_lab(|directory| {
        let cases: [(&str, &str, &str, IsExpected); 10] = [
            ("gw", "nobody@CORP.EXAMPLE", RMS, |error| matches!(error, DelegationError::UnknownAccount(_))),
            ("gw", "alice@OTHER.EXAMPLE", RMS, |error| matches!(error, DelegationError::UnknownAccount(_))),
            ("gw", "heidi@CORP.EXAMPLE", RMS, |error| matches!(error, DelegationError::AccountRejected(_))),
            ("gw", "judy@CORP.EXAMPLE", RMS, |error| matches!(error, DelegationError::AccountRejected(_))),
            ("gw", "kim@CORP.EXAMPLE", RMS, |error| matches!(error, DelegationError::AccountRejected(_))),
            ("gw", "alice@CORP.EXAMPLE", "HTTP/elsewhere.corp.example", |error| {
                matches!(error, DelegationError::ServiceNotAllowed(_))
            }),
            ("gw", "alice@CORP.EXAMPLE", "HTTP/nowhere.corp.example", |error| {
                matches!(error, DelegationError::UnknownService(_))
            }),
            ("untrusted", "alice@CORP.EXAMPLE", RMS, is_without_protocol_transition),
            ("untrusted", "peggy@CORP.EXAMPLE", RMS, is_without_protocol_transition),
            ("rms", "alice@CORP.EXAMPLE", RMS, |error| {
                matches!(error, DelegationError::Keytab { error: KeytabError::NoAccount { .. }, .. })
            }),
        ];
        runtime().block_on(async {
            for (keytab, user, service, is_expected) in cases {
                let rejected =
                    delegator(&directory.keytab(keytab)).negotiate(user, service).await.unwrap_err();
                assert!(is_expected(&rejected), "{user} to {service} by {keytab}: {rejected:?}");
            }
        });
    });
}

#[test]
fn a_user_who_may_not_be_delegated_is_identified_after_another_delegation_succeeded() {
    with_lab(|directory| {
        let delegator = delegator(&directory.keytab("gw"));
        let request = |user| runtime().block_on(delegator.negotiate(user, RMS));
        let first = request("peggy@CORP.EXAMPLE").unwrap_err();
        assert!(is_without_protocol_transition(&first), "{first:?}");
        request("alice@CORP.EXAMPLE").unwrap();
        let then = request("peggy@CORP.EXAMPLE").unwrap_err();
        assert!(matches!(then, DelegationError::AccountNotDelegated(_)), "{then:?}");
    });
}

#[test]
fn a_ticket_is_used_until_it_is_removed_from_the_cache() {
    with_lab(|directory| {
        let delegator = delegator(&directory.keytab("gw"));
        let request = || runtime().block_on(delegator.negotiate("spare21@CORP.EXAMPLE", RMS));
        directory.enable("spare21");
        request().unwrap();
        directory.disable("spare21");
        let cached = request();
        runtime().block_on(delegator.forget("spare21@CORP.EXAMPLE", RMS));
        let rejected = request();
        directory.enable("spare21");
        cached.unwrap();
        let rejected = rejected.unwrap_err();
        assert!(matches!(rejected, DelegationError::AccountRejected(_)), "{rejected:?}");
    });
}

#[test]
fn each_defect_of_a_keytab_has_its_own_error() {
    with_lab(|directory| {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let mut outdated = std::fs::read(directory.keytab("gw")).unwrap();
        flip_keys(&mut outdated);
        let error = |keytab: &Path, principal: Option<&str>| {
            let settings = DelegatorSettings { principal: principal.map(str::to_owned), ..settings(keytab) };
            let delegator = KerberosDelegator::new(KerberosLibrary::load().unwrap(), settings);
            match runtime().block_on(delegator.negotiate("alice@CORP.EXAMPLE", RMS)).unwrap_err() {
                DelegationError::Keytab { error, .. } => error,
                other => panic!("{other:?}"),
            }
        };
        let (gw, text) = (directory.keytab("gw"), file("text", b"no keytab"));
        assert!(matches!(error(&folder.path().join("none"), None), KeytabError::Unreadable(_)));
        assert!(matches!(error(&text, None), KeytabError::Malformed));
        assert!(matches!(error(&file("empty", &[5, 2]), None), KeytabError::Empty));
        assert!(matches!(error(&gw, Some("svc-rms")), KeytabError::NoKey { .. }));
        assert!(matches!(error(&file("outdated", &outdated), None), KeytabError::WrongKey { .. }));
    });
}

#[test]
fn a_stale_keytab_causes_one_failed_login_for_any_number_of_users() {
    with_lab(|directory| {
        let folder = TempDir::new().unwrap();
        let keytab = folder.path().join("gateway.keytab");
        std::fs::write(&keytab, keytab_of("spare28")).unwrap();
        let library = KerberosLibrary::load().unwrap();
        let request = |delegator: &KerberosDelegator, user: usize| {
            let user = format!("user{user:03}@CORP.EXAMPLE");
            runtime().block_on(delegator.negotiate(&user, RMS)).map(|_| ())
        };
        let failures = || directory.number("spare28", "badPwdCount");
        // Resets the failure count of an earlier run against the same lab.
        directory.unlock("spare28");
        assert_eq!(failures(), 0);
        // Another backend with the same keytab, and a reload, cause no further login.
        for _ in 0..2 {
            let delegator = Arc::new(KerberosDelegator::new(Arc::clone(&library), settings(&keytab)));
            std::thread::scope(|threads| {
                for thread in 0..4 {
                    let delegator = &delegator;
                    threads.spawn(move || {
                        for user in 1..=5 {
                            let rejected = request(delegator, thread * 5 + user).unwrap_err();
                            let is_wrong_key = matches!(
                                rejected,
                                DelegationError::Keytab { error: KeytabError::WrongKey { .. }, .. }
                            );
                            assert!(is_wrong_key, "{rejected:?}");
                        }
                    });
                }
            });
            assert!(delegator.gateway_login_error().is_some());
        }
        assert_eq!(failures(), 1);
        // A new keytab is tried at once.
        std::fs::copy(directory.keytab("gw"), &keytab).unwrap();
        let delegator = KerberosDelegator::new(library, settings(&keytab));
        request(&delegator, 1).unwrap();
        assert!(delegator.gateway_login_error().is_none());
    });
}

/// Returns a keytab with a wrong key for the account.
fn keytab_of(account: &str) -> Vec<u8> {
    let counted = |text: &[u8]| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text].concat();
    let aes256 = 18_u16.to_be_bytes();
    let record = [
        &1_u16.to_be_bytes()[..],
        &counted(b"CORP.EXAMPLE"),
        &counted(account.as_bytes()),
        // The type of the name, the time, the version of the key.
        &[0, 0, 0, 1, 0, 0, 0, 0, 1],
        &aes256,
        &counted(&[7; 32]),
    ]
    .concat();
    [&[5, 2][..], &i32::try_from(record.len()).unwrap().to_be_bytes(), &record].concat()
}

#[test]
fn rc4_is_rejected_unless_configured() {
    with_lab(|directory| {
        let negotiate = |accepted_encryption| {
            let settings = DelegatorSettings { accepted_encryption, ..settings(&directory.keytab("gw")) };
            let delegator = KerberosDelegator::new(KerberosLibrary::load().unwrap(), settings);
            runtime().block_on(delegator.negotiate("alice@CORP.EXAMPLE", "HTTP/rc4.corp.example"))
        };
        let rejected = negotiate(AcceptedEncryption::Aes).unwrap_err();
        let DelegationError::EncryptionType(EncryptionError::Ticket(found)) = rejected else {
            panic!("{rejected:?}")
        };
        assert_eq!(found, EncryptionType::RC4_HMAC);
        negotiate(AcceptedEncryption::AesAndUnsafeRc4).unwrap();
    });
}

#[test]
fn concurrent_users_are_each_authenticated_as_themselves() {
    with_site(async |directory, site| {
        let delegator = Arc::new(delegator(&directory.keytab("gw")));
        let mut requests = JoinSet::new();
        for number in 0..REQUESTS {
            let delegator = Arc::clone(&delegator);
            let user = format!("user{:03}@CORP.EXAMPLE", 1 + number % USERS);
            requests.spawn(async move {
                let negotiation = delegator.negotiate(&user, RMS).await.unwrap();
                let response = SiteResponse::to(site, negotiation.token()).await;
                assert_eq!(response.user, Some(user));
                negotiation.finish(&response.token).unwrap();
            });
        }
        assert_eq!(requests.join_all().await.len(), REQUESTS);
    });
}

#[test]
fn the_diagnostics_report_the_result_of_each_step() {
    with_lab(|directory| {
        let delegator = delegator(&directory.keytab("gw"));
        let steps = |user: &str, service: &str| {
            let findings = runtime().block_on(delegator.examine(user, service));
            findings.iter().map(|finding| (finding.step, displayed(finding))).collect::<Vec<_>>()
        };
        let whole = steps("alice@CORP.EXAMPLE", RMS);
        let expected = [
            (
                DelegationStep::Keytab,
                "passed: keys: svc-gw@CORP.EXAMPLE (version 2, aes256-cts-hmac-sha1-96), \
                 svc-gw@CORP.EXAMPLE (version 2, aes128-cts-hmac-sha1-96), svc-gw@CORP.EXAMPLE (version 2, rc4-hmac)",
            ),
            (DelegationStep::Login, "passed: as svc-gw@CORP.EXAMPLE, valid for 10h"),
            (DelegationStep::Impersonation, "passed: for alice@CORP.EXAMPLE, forwardable"),
            (DelegationStep::Delegation, "passed: for HTTP/rms.corp.example, valid for 10h"),
            (
                DelegationStep::Encryption,
                "passed: ticket: aes256-cts-hmac-sha1-96, session key: aes256-cts-hmac-sha1-96",
            ),
        ];
        for ((step, found), (expected_step, expected)) in whole.iter().zip(expected) {
            assert_eq!((*step, found.as_str()), (expected_step, expected));
        }
        assert_eq!(whole[5].0, DelegationStep::Token);

        let peggy = steps("peggy@CORP.EXAMPLE", RMS);
        assert_eq!(peggy[2].1, "warning: for peggy@CORP.EXAMPLE, not forwardable");
        assert_eq!(
            peggy[3],
            (
                DelegationStep::Delegation,
                "failed: the account may not be delegated (NOT_DELEGATED or Protected Users)".to_owned()
            )
        );
        assert_eq!(peggy.len(), 4);
        let misspelt = steps("alice", RMS);
        assert_eq!(misspelt, [(DelegationStep::Names, "failed: invalid principal name".to_owned())]);
    });
}

#[test]
fn without_forwardable_in_krb5_conf_the_hint_names_it() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let usual = std::fs::read_to_string(directory.krb5_conf()).unwrap();
    with_krb5_conf(&usual.replace("forwardable = true", "forwardable = false"), || {
        let delegator = delegator(&directory.keytab("gw"));
        let rejected = runtime().block_on(delegator.negotiate("alice@CORP.EXAMPLE", RMS)).unwrap_err();
        let reason = match &rejected {
            DelegationError::NotForwardable { reason, .. } => *reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason, NotForwardableReason::GatewayTicket);
        assert!(rejected.hint().contains("forwardable = true"));
    });
}

#[test]
fn a_missing_kdc_is_unreachable() {
    let Some(directory) = ActiveDirectory::running() else { return };
    for krb5_conf in [krb5_conf_with_kdc("127.0.0.1:1"), krb5_conf_with_kdc("")] {
        with_krb5_conf(&krb5_conf, || {
            let delegator = delegator(&directory.keytab("gw"));
            let rejected = runtime().block_on(delegator.negotiate("alice@CORP.EXAMPLE", RMS)).unwrap_err();
            assert!(matches!(rejected, DelegationError::KdcUnreachable(_)), "{rejected:?}");
        });
    }
}

#[test]
fn a_clock_that_is_far_ahead_is_reported_as_clock_skew() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let usual = std::fs::read_to_string(directory.krb5_conf()).unwrap();
    let request = || {
        let delegator = delegator(&directory.keytab("gw"));
        runtime().block_on(delegator.negotiate("alice@CORP.EXAMPLE", RMS))
    };
    // By default the library corrects for the KDC's time, but not by more than the lifetime of a ticket.
    let without_correction = usual.replace("[libdefaults]", "[libdefaults]\nkdc_timesync = 0");
    for (by, krb5_conf) in [("+1h", without_correction), ("+11h", usual)] {
        with_clock_ahead(by, &krb5_conf, || {
            let rejected = request().unwrap_err();
            assert!(matches!(rejected, DelegationError::ClockSkew(_)), "{rejected:?}");
        });
    }
}

#[test]
fn a_kdc_that_does_not_respond_delays_no_request_beyond_the_limit() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    with_krb5_conf(&krb5_conf_with_kdc(&silent.local_addr().unwrap().to_string()), || {
        let after = Duration::from_millis(50);
        let settings = DelegatorSettings {
            threads: NonZeroUsize::MIN,
            queue: 1,
            timeout: after,
            ..settings(&directory.keytab("gw"))
        };
        let delegator = KerberosDelegator::new(KerberosLibrary::load().unwrap(), settings);
        let request = async |user: &str| delegator.negotiate(user, RMS).await.unwrap_err();
        runtime().block_on(async {
            for user in ["alice@CORP.EXAMPLE", "bob@CORP.EXAMPLE"] {
                let rejected = request(user).await;
                assert!(matches!(rejected, DelegationError::Timeout { .. }), "{rejected:?}");
            }
            let rejected = request("carol@CORP.EXAMPLE").await;
            assert!(matches!(rejected, DelegationError::Busy), "{rejected:?}");
        });
    });
}

fn is_without_protocol_transition(error: &DelegationError) -> bool {
    matches!(error, DelegationError::NotForwardable { reason: NotForwardableReason::ProtocolTransition, .. })
}

fn mutual_error(error: DelegationError) -> MutualError {
    match error {
        DelegationError::MutualAuthentication(error) => error,
        other => panic!("{other:?}"),
    }
}

fn displayed(finding: &DelegationFinding) -> String {
    match &finding.outcome {
        FindingOutcome::Passed(found) => format!("passed: {found}"),
        FindingOutcome::Warning { found, .. } => format!("warning: {found}"),
        FindingOutcome::Failed(error) => format!("failed: {error}"),
    }
}

fn krb5_conf_with_kdc(address: &str) -> String {
    let kdc = if address.is_empty() { String::new() } else { format!("kdc = {address}") };
    format!(
        "[libdefaults]\ndns_lookup_kdc = false\ndns_lookup_realm = false\nudp_preference_limit = 1\n\
         [realms]\nCORP.EXAMPLE = {{\n{kdc}\n}}\n"
    )
}

/// Changes a byte of every key in a keytab of Samba: in each record, the last byte before the 32-bit version and the flags.
fn flip_keys(keytab: &mut [u8]) {
    let mut at = 2;
    while let Some(length) = keytab.get(at..at + 4) {
        let length = usize::try_from(i32::from_be_bytes(length.try_into().unwrap())).unwrap();
        keytab[at + 4 + length - 9] ^= 1;
        at += 4 + length;
    }
}

fn settings(keytab: &Path) -> DelegatorSettings {
    DelegatorSettings {
        keytab: keytab.to_owned(),
        principal: None,
        threads: NonZeroUsize::new(4).unwrap(),
        queue: REQUESTS,
        timeout: Duration::from_secs(15),
        cache_bytes: 16 << 20,
        accepted_encryption: AcceptedEncryption::Aes,
    }
}

fn delegator(keytab: &Path) -> KerberosDelegator {
    KerberosDelegator::new(KerberosLibrary::load().unwrap(), settings(keytab))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs `check` with an Apache that requires a ticket in every request.
fn with_site(check: impl AsyncFnOnce(&ActiveDirectory, SocketAddr)) {
    with_lab(|directory| {
        let rms = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let Some(site) = KerberosSite::start(directory, rms.address()) else { return };
        runtime().block_on(check(directory, site.per_request()));
    });
}
