//! The log lines about failed handshakes: one for the first failure of each kind, then one per minute with the count and the
//! last cause. A failed handshake has no request and no audit record, and any client can cause thousands of them.

use super::pipeline::ConnectionEndpoints;
use crate::telemetry::display_chain;
use crate::tls::{HandshakeError, HandshakeStage, TlsVersion};
use rustls::AlertDescription;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// The time between two log lines of one kind.
const PERIOD: Duration = Duration::from_secs(60);

/// The kinds of failure. Their number bounds the memory per listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum HandshakeFailureKind {
    Limited,
    Timeout,
    UnknownName,
    UnsupportedVersion,
    PlainHttp,
    /// The client ended the handshake after a TLS 1.3 certificate request.
    CertificateRequest13,
    Closed,
    /// The client sent an alert.
    ClientAlert,
    /// The client's certificate or its signature was rejected.
    BadClientCertificate,
    Protocol,
}

/// The failures of the current period, by listener and kind. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FailedHandshakes(
    Arc<Mutex<HashMap<(SocketAddr, HandshakeFailureKind), HandshakeFailureCount>>>,
);

/// The failures that are not logged yet.
#[derive(Debug, Default)]
struct HandshakeFailureCount {
    count: u64,
    last: Option<LastHandshakeFailure>,
}

/// The last failure of its kind.
#[derive(Debug)]
struct LastHandshakeFailure {
    peer: IpAddr,
    cause: String,
}

impl FailedHandshakes {
    /// Logs or counts a failed handshake. Must be called on the thread of a worker. `stopping` ends the period early, so that no
    /// count is lost at shutdown.
    pub(super) fn failed(
        &self,
        endpoints: ConnectionEndpoints,
        error: &HandshakeError,
        stopping: &CancellationToken,
    ) {
        let ConnectionEndpoints { listener, peer } = endpoints;
        let cause = display_chain(error);
        tracing::debug!(target: "portcullis::handshake", client = %peer, %listener, error = cause);
        let Some(kind) = kind(error) else { return };
        let last = LastHandshakeFailure { peer: peer.ip(), cause };
        if let Some(first) = self.count(listener, kind, last) {
            report(listener, kind, 1, &first);
            let (failures, stopping) = (self.clone(), stopping.clone());
            tokio::task::spawn_local(async move {
                loop {
                    tokio::select! {
                        () = sleep(PERIOD) => {}
                        () = stopping.cancelled() => {}
                    }
                    match failures.end_period(listener, kind) {
                        Some((count, last)) => report(listener, kind, count, &last),
                        None => return,
                    }
                }
            });
        }
    }

    /// Counts the failure in the current period. If there is none, begins one and returns the failure.
    fn count(
        &self,
        listener: SocketAddr,
        kind: HandshakeFailureKind,
        last: LastHandshakeFailure,
    ) -> Option<LastHandshakeFailure> {
        let mut periods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match periods.get_mut(&(listener, kind)) {
            None => {
                periods.insert((listener, kind), HandshakeFailureCount::default());
                Some(last)
            }
            Some(counted) => {
                counted.count += 1;
                counted.last = Some(last);
                None
            }
        }
    }

    /// Ends the period, and returns its count and last failure. If it counted no failure, the next period does not begin.
    fn end_period(
        &self,
        listener: SocketAddr,
        kind: HandshakeFailureKind,
    ) -> Option<(u64, LastHandshakeFailure)> {
        let mut periods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = periods.remove(&(listener, kind))?;
        let last = counted.last?;
        periods.insert((listener, kind), HandshakeFailureCount::default());
        Some((counted.count, last))
    }
}

fn report(listener: SocketAddr, kind: HandshakeFailureKind, count: u64, last: &LastHandshakeFailure) {
    let LastHandshakeFailure { peer, cause } = last;
    tracing::warn!(
        target: "portcullis::handshake",
        %listener,
        client = %peer,
        count,
        cause,
        hint = hint(kind),
        "TLS handshakes failed"
    );
}

/// Returns the kind of failure, or `None` for health checks and port scanners, which connect and close.
fn kind(error: &HandshakeError) -> Option<HandshakeFailureKind> {
    Some(match error {
        HandshakeError::Unused => return None,
        HandshakeError::HandshakeLimitReached(_) | HandshakeError::Overloaded(_) => {
            HandshakeFailureKind::Limited
        }
        HandshakeError::Timeout { .. } => HandshakeFailureKind::Timeout,
        HandshakeError::UnknownName { .. } => HandshakeFailureKind::UnknownName,
        HandshakeError::UnsupportedVersion(_) => HandshakeFailureKind::UnsupportedVersion,
        HandshakeError::PlainHttp => HandshakeFailureKind::PlainHttp,
        HandshakeError::Closed { stage } if certificate_was_requested_in_tls13(*stage) => {
            HandshakeFailureKind::CertificateRequest13
        }
        HandshakeError::Closed { .. } => HandshakeFailureKind::Closed,
        HandshakeError::Failed { stage, source } => {
            match source.get_ref().and_then(|cause| cause.downcast_ref()) {
                Some(rustls::Error::AlertReceived(alert)) => match alert {
                    AlertDescription::HandshakeFailure
                    | AlertDescription::InternalError
                    | AlertDescription::IllegalParameter
                        if certificate_was_requested_in_tls13(*stage) =>
                    {
                        HandshakeFailureKind::CertificateRequest13
                    }
                    _ => HandshakeFailureKind::ClientAlert,
                },
                Some(rustls::Error::InvalidCertificate(_)) => HandshakeFailureKind::BadClientCertificate,
                _ => HandshakeFailureKind::Protocol,
            }
        }
    })
}

fn certificate_was_requested_in_tls13(stage: HandshakeStage) -> bool {
    matches!(stage, HandshakeStage::Finish { version: Some(TlsVersion::Tls13), asked: true })
}

/// Returns the likely cause, if the kind of failure indicates one.
fn hint(kind: HandshakeFailureKind) -> Option<&'static str> {
    match kind {
        HandshakeFailureKind::CertificateRequest13 => Some(
            "browsers also close such a connection while the user chooses a certificate; a smartcard that cannot sign \
             RSA-PSS never completes a TLS 1.3 handshake: set tls = { max = \"1.2\" } for its site",
        ),
        HandshakeFailureKind::BadClientCertificate => Some(
            "a smartcard with an RSA key of 1024 bits cannot be used under TLS 1.3, nor with RSA-PSS: set tls = { max = \
             \"1.2\" } for its site",
        ),
        HandshakeFailureKind::UnsupportedVersion => Some("the client has to be configured to use TLS 1.2"),
        HandshakeFailureKind::Limited => Some(
            "see max_handshakes, max_handshakes_per_address and handshakes_per_second_per_address in [limits]",
        ),
        HandshakeFailureKind::Timeout
        | HandshakeFailureKind::UnknownName
        | HandshakeFailureKind::PlainHttp
        | HandshakeFailureKind::Closed
        | HandshakeFailureKind::ClientAlert
        | HandshakeFailureKind::Protocol => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::CertificateError;
    use std::io;

    const LISTENER: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 443);

    fn last(number: u8) -> LastHandshakeFailure {
        LastHandshakeFailure { peer: [192, 0, 2, number].into(), cause: format!("cause {number}") }
    }

    #[test]
    fn the_first_failure_is_logged_at_once_and_later_ones_as_a_count_with_the_last_cause() {
        let failed = FailedHandshakes::default();
        assert_eq!(failed.count(LISTENER, HandshakeFailureKind::Closed, last(1)).unwrap().cause, "cause 1");
        for number in 2..=200 {
            assert!(failed.count(LISTENER, HandshakeFailureKind::Closed, last(number)).is_none());
        }
        let (count, reported) = failed.end_period(LISTENER, HandshakeFailureKind::Closed).unwrap();
        assert_eq!((count, reported.cause.as_str()), (199, "cause 200"));
        // The next period counted no failure, so the next failure begins a new one.
        assert!(failed.end_period(LISTENER, HandshakeFailureKind::Closed).is_none());
        assert!(failed.count(LISTENER, HandshakeFailureKind::Closed, last(1)).is_some());
    }

    #[test]
    fn each_kind_of_failure_is_logged_separately() {
        let failed = FailedHandshakes::default();
        assert!(failed.count(LISTENER, HandshakeFailureKind::Closed, last(1)).is_some());
        assert!(failed.count(LISTENER, HandshakeFailureKind::Timeout, last(1)).is_some());
    }

    #[test]
    fn a_client_that_ends_a_tls_1_3_handshake_at_the_certificate_request_gets_a_hint() {
        let asked = HandshakeStage::Finish { version: Some(TlsVersion::Tls13), asked: true };
        let tls12 = HandshakeStage::Finish { version: Some(TlsVersion::Tls12), asked: true };
        let unasked = HandshakeStage::Finish { version: Some(TlsVersion::Tls13), asked: false };
        let failed = |stage, error: rustls::Error| {
            kind(&HandshakeError::Failed { stage, source: io::Error::other(error) })
        };
        let alert = rustls::Error::AlertReceived;
        for error in [
            kind(&HandshakeError::Closed { stage: asked }),
            failed(asked, alert(AlertDescription::HandshakeFailure)),
            failed(asked, alert(AlertDescription::InternalError)),
        ] {
            assert_eq!(error, Some(HandshakeFailureKind::CertificateRequest13));
        }
        assert_eq!(kind(&HandshakeError::Closed { stage: tls12 }), Some(HandshakeFailureKind::Closed));
        assert_eq!(
            failed(unasked, alert(AlertDescription::HandshakeFailure)),
            Some(HandshakeFailureKind::ClientAlert)
        );
        assert_eq!(
            failed(asked, alert(AlertDescription::UnknownCA)),
            Some(HandshakeFailureKind::ClientAlert)
        );
        assert_eq!(
            failed(asked, CertificateError::BadSignature.into()),
            Some(HandshakeFailureKind::BadClientCertificate)
        );
        assert!(hint(HandshakeFailureKind::CertificateRequest13).unwrap().contains("max = \"1.2\""));
        assert_eq!(kind(&HandshakeError::Unused), None);
    }
}
