//! Every fault of a responder under `prefer` and under `require`.

use super::responder::Responder;
use super::scene::CardKind::{self, Good, Revoked, Unknown};
use super::scene::{self, NOW, patient};
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

/// What the responder does, the card, how much later it is judged than answered, and what comes of it.
type Row = (&'static str, CardKind, Duration, Told);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// Both modes let it in.
    Good,
    /// Both modes refuse it, for the reason of the index.
    Revoked,
    /// `prefer` lets it in, `require` refuses it, and both say why.
    Nothing(&'static str),
}

const TABLE: &[Row] = &[
    ("answer", Good, AT_ONCE, Told::Good),
    ("answer", Revoked, AT_ONCE, Told::Revoked),
    ("answer", Unknown, AT_ONCE, Told::Nothing("unknown")),
    ("status/3", Good, AT_ONCE, Told::Nothing("tryLater")),
    ("answer", Good, TWO_HOURS, Told::Nothing("stale")),
    ("other-nonce", Good, AT_ONCE, Told::Nothing("wrong nonce")),
    ("other-issuer", Good, AT_ONCE, Told::Nothing("wrong certificate")),
    ("other-serial", Good, AT_ONCE, Told::Nothing("wrong certificate")),
    ("no-usage", Good, AT_ONCE, Told::Nothing("no OCSPSigning")),
    (UNREACHABLE, Good, AT_ONCE, Told::Nothing("unreachable")),
    ("hang", Good, AT_ONCE, Told::Nothing("slow")),
    // What a fault must not change: a revoked card is never taken for one of which nobody knows.
    ("answer", Revoked, TWO_HOURS, Told::Revoked),
    ("no-nonce", Revoked, AT_ONCE, Told::Revoked),
    ("other-nonce", Revoked, AT_ONCE, Told::Revoked),
    ("sha256", Revoked, AT_ONCE, Told::Revoked),
    ("sha384", Revoked, AT_ONCE, Told::Revoked),
    ("sha512", Revoked, AT_ONCE, Told::Revoked),
    // What is no fault.
    ("sha256", Good, AT_ONCE, Told::Good),
    ("sha384", Good, AT_ONCE, Told::Good),
    ("sha512", Good, AT_ONCE, Told::Good),
    ("no-nonce", Good, AT_ONCE, Told::Good),
    ("by-key", Good, AT_ONCE, Told::Good),
    ("no-next-update", Good, AT_ONCE, Told::Good),
    ("no-next-update", Good, TWO_HOURS, Told::Nothing("stale")),
    // The other ways to say nothing.
    ("status/1", Good, AT_ONCE, Told::Nothing("malformedRequest")),
    ("status/2", Good, AT_ONCE, Told::Nothing("internalError")),
    ("status/5", Good, AT_ONCE, Told::Nothing("sigRequired")),
    ("status/6", Good, AT_ONCE, Told::Nothing("unauthorized")),
    ("alone", Good, AT_ONCE, Told::Nothing("no signer")),
    ("truncated", Good, AT_ONCE, Told::Nothing("malformed")),
    ("http/503", Good, AT_ONCE, Told::Nothing("HTTP 503")),
    ("reset", Good, AT_ONCE, Told::Nothing("broken")),
];

/// In place of a path: a port at which nobody listens.
const UNREACHABLE: &str = "";

#[tokio::test]
async fn prefer_and_require_tell_every_fault_of_a_responder_apart() {
    let Some(responder) = Responder::start() else { return };
    let nobody = port_of_nobody();
    let nobody_url = format!("http://{}/", nobody.local_addr().unwrap().as_socket().unwrap());
    for &(fault, kind, later, expected) in TABLE {
        let url = if fault == UNREACHABLE { nobody_url.clone() } else { responder.url(fault) };
        // Only what never answers is given little time, since all of it will be used.
        let limit = if fault == "hang" { Duration::from_millis(200) } else { patient().limit };
        for mode in [RevocationMode::Prefer, RevocationMode::Require] {
            let result = judge(kind, &url, later, mode, OcspSettings { limit, ..patient() }).await;
            let row = format!("{fault} {kind:?} {later:?} {mode:?}");
            match expected {
                Told::Good => assert_eq!(good_by(&row, result), url, "{row}"),
                Told::Revoked => assert_revoked(&row, &url, result),
                Told::Nothing(why) => assert_eq!(not_known(&row, mode, result), why, "{row}"),
            }
        }
    }
}

#[tokio::test]
async fn a_required_nonce_that_is_not_returned_tells_nothing() {
    let Some(responder) = Responder::start() else { return };
    let settings = || OcspSettings { nonce: NonceRule::Require, ..patient() };
    let ask =
        async |fault| judge(Good, &responder.url(fault), AT_ONCE, RevocationMode::Require, settings()).await;
    assert_eq!(good_by("answer", ask("answer").await), responder.url("answer"));
    assert_eq!(not_known("no-nonce", RevocationMode::Require, ask("no-nonce").await), "no nonce");
}

#[tokio::test]
async fn a_request_without_a_nonce_goes_by_get_and_is_answered() {
    let Some(responder) = Responder::start() else { return };
    let settings = OcspSettings { nonce: NonceRule::Never, ..patient() };
    let url = responder.url("answer");
    let result = judge(Good, &url, AT_ONCE, RevocationMode::Require, settings).await;
    assert_eq!(good_by("answer", result), url);
}

/// Validates a card that names the responder at `url`, and asks.
async fn judge(
    kind: CardKind,
    url: &str,
    later: Duration,
    mode: RevocationMode,
    settings: OcspSettings,
) -> Result<UnrevokedChain, RevocationError> {
    let now = NOW.plus(later);
    let presented = scene::presented(&scene::card(kind, Signer::Issuing, url));
    let chain = validate(&presented, &scene::trust(), &ValidationRule::default(), now).unwrap();
    let rule = RevocationRule { mode, ..RevocationRule::default() };
    let cache = RevocationCache::new(1 << 20, CacheMetrics::default());
    let client = scene::client(settings);
    let (chain, trust) = (Arc::new(chain), Arc::new(scene::trust()));
    let crls = scene::crls_of_authorities().store();
    cache.check(&chain, &rule, &trust, &crls, Some(&client), now).await
}

/// The URL of the responder that called the card good.
fn good_by(row: &str, result: Result<UnrevokedChain, RevocationError>) -> String {
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

/// Why nothing is known of a card that `prefer` lets in and `require` does not.
fn not_known(row: &str, mode: RevocationMode, result: Result<UnrevokedChain, RevocationError>) -> String {
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
    in_a_word(&ocsp)
}

fn in_a_word(error: &OcspError) -> String {
    let word = match error {
        OcspError::Unknown => "unknown",
        OcspError::Refused(OcspErrorStatus::TryLater) => "tryLater",
        OcspError::Refused(status) => return status.to_string(),
        OcspError::Stale { .. } => "stale",
        OcspError::WrongNonce => "wrong nonce",
        OcspError::NoNonce => "no nonce",
        OcspError::WrongCertificate => "wrong certificate",
        OcspError::ResponderNotAuthorised(ResponderFault::NoOcspSigning) => "no OCSPSigning",
        OcspError::ResponderNotAuthorised(ResponderFault::NotAtHand) => "no signer",
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

/// A port that is taken, so that nobody else gets it, and at which nobody listens.
fn port_of_nobody() -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    socket
}
