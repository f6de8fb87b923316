//! Every fault of a responder, under `prefer` and `require`.

use super::fixture::CardKind::{self, Good, Revoked, Unknown};
use super::fixture::{self, NOW, patient};
use super::responder::Responder;
use portcullis::demo::pki::Signer;
use portcullis::revocation::fetch::FetchError;
use portcullis::revocation::ocsp::{NonceRule, OcspError, OcspErrorStatus, OcspSettings, ResponderFault};
use portcullis::revocation::{
    RevocationCache, RevocationError, RevocationMode, RevocationRule, RevocationSource, RevocationVerdict,
    UnknownReason, UnrevokedChain,
};
use portcullis::telemetry::CacheMetrics;
use portcullis::validation::{ValidationRule, validate};
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const AT_ONCE: Duration = Duration::ZERO;
const TWO_HOURS: Duration = Duration::from_secs(2 * 3600);

/// The behaviour of the responder, the certificate, the delay between response and check, and the expected result.
type Row = (&'static str, CardKind, Duration, Expected);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// Both modes accept it.
    Good,
    /// Both modes reject it, with the reason of the index.
    Revoked,
    /// `prefer` accepts it, `require` rejects it, and both report why.
    Unknown(&'static str),
}

const TABLE: &[Row] = &[
    ("answer", Good, AT_ONCE, Expected::Good),
    ("answer", Revoked, AT_ONCE, Expected::Revoked),
    ("answer", Unknown, AT_ONCE, Expected::Unknown("unknown")),
    ("status/3", Good, AT_ONCE, Expected::Unknown("tryLater")),
    ("answer", Good, TWO_HOURS, Expected::Unknown("stale")),
    ("other-nonce", Good, AT_ONCE, Expected::Unknown("wrong nonce")),
    ("other-issuer", Good, AT_ONCE, Expected::Unknown("wrong certificate")),
    ("other-serial", Good, AT_ONCE, Expected::Unknown("wrong certificate")),
    ("no-usage", Good, AT_ONCE, Expected::Unknown("no OCSPSigning")),
    (UNREACHABLE, Good, AT_ONCE, Expected::Unknown("unreachable")),
    ("hang", Good, AT_ONCE, Expected::Unknown("slow")),
    // A revoked certificate stays revoked, whatever the fault.
    ("answer", Revoked, TWO_HOURS, Expected::Revoked),
    ("no-nonce", Revoked, AT_ONCE, Expected::Revoked),
    ("other-nonce", Revoked, AT_ONCE, Expected::Revoked),
    ("sha256", Revoked, AT_ONCE, Expected::Revoked),
    ("sha384", Revoked, AT_ONCE, Expected::Revoked),
    ("sha512", Revoked, AT_ONCE, Expected::Revoked),
    // Not faults.
    ("sha256", Good, AT_ONCE, Expected::Good),
    ("sha384", Good, AT_ONCE, Expected::Good),
    ("sha512", Good, AT_ONCE, Expected::Good),
    ("no-nonce", Good, AT_ONCE, Expected::Good),
    ("by-key", Good, AT_ONCE, Expected::Good),
    ("no-next-update", Good, AT_ONCE, Expected::Good),
    ("no-next-update", Good, TWO_HOURS, Expected::Unknown("stale")),
    // The other faults.
    ("status/1", Good, AT_ONCE, Expected::Unknown("malformedRequest")),
    ("status/2", Good, AT_ONCE, Expected::Unknown("internalError")),
    ("status/5", Good, AT_ONCE, Expected::Unknown("sigRequired")),
    ("status/6", Good, AT_ONCE, Expected::Unknown("unauthorized")),
    ("alone", Good, AT_ONCE, Expected::Unknown("no signer")),
    ("truncated", Good, AT_ONCE, Expected::Unknown("malformed")),
    ("http/503", Good, AT_ONCE, Expected::Unknown("HTTP 503")),
    ("reset", Good, AT_ONCE, Expected::Unknown("broken")),
];

/// In place of a path: a port without a listener.
const UNREACHABLE: &str = "";

#[tokio::test]
async fn every_fault_of_a_responder_is_distinguished_under_prefer_and_require() {
    let Some(responder) = Responder::start() else { return };
    let closed = closed_port();
    let closed_url = format!("http://{}/", closed.local_addr().unwrap().as_socket().unwrap());
    for &(fault, kind, later, expected) in TABLE {
        let url = if fault == UNREACHABLE { closed_url.clone() } else { responder.url(fault) };
        // Only the responder that never responds has a short timeout, since all of it passes.
        let limit = if fault == "hang" { Duration::from_millis(200) } else { patient().timeout };
        for mode in [RevocationMode::Prefer, RevocationMode::Require] {
            let result = check(kind, &url, later, mode, OcspSettings { timeout: limit, ..patient() }).await;
            let row = format!("{fault} {kind:?} {later:?} {mode:?}");
            match expected {
                Expected::Good => assert_eq!(good_responder(&row, result), url, "{row}"),
                Expected::Revoked => assert_revoked(&row, &url, result),
                Expected::Unknown(why) => assert_eq!(unknown_reason(&row, mode, result), why, "{row}"),
            }
        }
    }
}

#[tokio::test]
async fn a_response_without_the_required_nonce_is_rejected() {
    let Some(responder) = Responder::start() else { return };
    let settings = || OcspSettings { nonce: NonceRule::Require, ..patient() };
    let check_fault =
        async |fault| check(Good, &responder.url(fault), AT_ONCE, RevocationMode::Require, settings()).await;
    assert_eq!(good_responder("answer", check_fault("answer").await), responder.url("answer"));
    assert_eq!(
        unknown_reason("no-nonce", RevocationMode::Require, check_fault("no-nonce").await),
        "no nonce"
    );
}

#[tokio::test]
async fn a_request_without_a_nonce_is_sent_by_get() {
    let Some(responder) = Responder::start() else { return };
    let settings = OcspSettings { nonce: NonceRule::Never, ..patient() };
    let url = responder.url("answer");
    let result = check(Good, &url, AT_ONCE, RevocationMode::Require, settings).await;
    assert_eq!(good_responder("answer", result), url);
}

/// Validates a certificate that names the responder at `url`, and checks its revocation.
async fn check(
    kind: CardKind,
    url: &str,
    later: Duration,
    mode: RevocationMode,
    settings: OcspSettings,
) -> Result<UnrevokedChain, RevocationError> {
    let now = NOW.plus(later);
    let presented = fixture::presented(&fixture::card(kind, Signer::Issuing, url));
    let chain = validate(&presented, &fixture::trust(), &ValidationRule::default(), now).unwrap();
    let rule = RevocationRule { mode, ..RevocationRule::default() };
    let cache = RevocationCache::new(1 << 20, CacheMetrics::default());
    let client = fixture::client(settings);
    let (chain, trust) = (Arc::new(chain), Arc::new(fixture::trust()));
    let crls = fixture::crls_of_authorities().store();
    cache.check(&chain, &rule, &trust, &crls, Some(&client), now).await
}

/// Returns the URL of the responder that returned "good".
fn good_responder(row: &str, result: Result<UnrevokedChain, RevocationError>) -> String {
    let passed = result.unwrap_or_else(|error| panic!("{row}: {error:?}"));
    match &passed.status()[0].verdict {
        RevocationVerdict::Good(source) => source.url.clone(),
        other => panic!("{row}: {other:?}"),
    }
}

fn assert_revoked(row: &str, url: &str, result: Result<UnrevokedChain, RevocationError>) {
    match result {
        Err(RevocationError::Revoked { reason, at, found_in: RevocationSource::Ocsp(source), .. }) => {
            assert_eq!((reason.to_string().as_str(), source.url.as_str()), ("keyCompromise", url), "{row}");
            assert_eq!(at.to_string(), "2026-01-01T12:00:00.000Z", "{row}");
        }
        other => panic!("{row}: {other:?}"),
    }
}

/// Returns why the status is unknown of a certificate that `prefer` accepts and `require` rejects.
fn unknown_reason(
    row: &str,
    mode: RevocationMode,
    result: Result<UnrevokedChain, RevocationError>,
) -> String {
    let why = match (mode, result) {
        (RevocationMode::Prefer, Ok(passed)) => match &passed.status()[0].verdict {
            RevocationVerdict::Unknown(why) => why.clone(),
            other @ (RevocationVerdict::Good(_) | RevocationVerdict::NotRevoked(_)) => {
                panic!("{row}: {other:?}")
            }
        },
        (RevocationMode::Require, Err(RevocationError::Unknown { why, .. })) => why,
        (_, other) => panic!("{row}: {other:?}"),
    };
    let UnknownReason::Ocsp { crl, ocsp } = why else { panic!("{row}: {why:?}") };
    assert_eq!(*crl, UnknownReason::NoCrl, "{row}");
    keyword(&ocsp)
}

fn keyword(error: &OcspError) -> String {
    let word = match error {
        OcspError::Unknown => "unknown",
        OcspError::Refused(OcspErrorStatus::TryLater) => "tryLater",
        OcspError::Refused(status) => return status.to_string(),
        OcspError::Expired { .. } => "stale",
        OcspError::WrongNonce => "wrong nonce",
        OcspError::NoNonce => "no nonce",
        OcspError::WrongCertificate => "wrong certificate",
        OcspError::ResponderNotAuthorised(ResponderFault::NoOcspSigning) => "no OCSPSigning",
        OcspError::ResponderNotAuthorised(ResponderFault::NotAvailable) => "no signer",
        OcspError::Malformed(_) => "malformed",
        OcspError::Unreachable { cause: FetchError::Unreachable { .. }, .. } => "unreachable",
        OcspError::Unreachable { cause: FetchError::Timeout { .. }, .. } => "slow",
        OcspError::Unreachable { cause: FetchError::Broken { .. }, .. } => "broken",
        OcspError::Unreachable { cause: FetchError::Status { status, .. }, .. } => {
            return format!("HTTP {}", status.as_u16());
        }
        other => return format!("{other:?}"),
    };
    word.to_owned()
}

/// Returns a bound port without a listener.
fn closed_port() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket
}
