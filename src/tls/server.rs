//! One site's side of the handshake: versions, certificates, the request for a card, tickets.

use super::certificates::{self, CertificateChooser, ServerKeyPair};
use super::hints::{self, HintSize, HintsTooLong};
use super::possession::{HandshakeJudge, PossessionVerifier};
use super::tickets::{ConnectionTickets, SiteTickets, TicketKeys};
use crate::clock::Clock;
use rustls::server::{NoClientAuth, NoServerSessionStorage};
use rustls::time_provider::TimeProvider;
use rustls::{ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::UnixTime;
use std::sync::Arc;
use std::time::Duration;

/// The versions of TLS that rustls speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), with ECDHE and AEAD suites only.
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsVersion {
    /// `1.2` or `1.3`.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// How a site asks for the card.
pub struct CardRequest {
    /// DER of the subjects of the trust anchors, sent as hints; empty sends none, and clients then offer every card.
    pub hints: Vec<Vec<u8>>,
    /// Judges in the handshake where the site answers bad certificates with an alert.
    pub judge: Option<HandshakeJudge>,
}

/// What one site's handshakes are made of.
pub struct SiteTlsSettings {
    /// Server certificates in the order of preference; at least one.
    pub key_pairs: Vec<ServerKeyPair>,
    /// The lowest version that is spoken.
    pub min: TlsVersion,
    /// The highest version that is spoken.
    pub max: TlsVersion,
    /// Whether HTTP/2 is offered beside HTTP/1.1.
    pub http2: bool,
    /// `None`: the site never asks for a certificate.
    pub card_request: Option<CardRequest>,
    /// Common to all workers, kept across reloads.
    pub ticket_keys: TicketKeys,
    /// Digest of the trust under which sessions are made; tickets made under another do not open.
    pub binding: [u8; 32],
    /// How long one signature of the card serves resumptions.
    pub card_proof_max_age: Duration,
}

/// A site's TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SiteTlsError {
    /// Too many or too long names of trust anchors.
    #[error(transparent)]
    Hints(#[from] HintsTooLong),
    /// `min` is above `max`.
    #[error("the lowest TLS version is above the highest")]
    NoVersion,
    /// rustls refuses the settings.
    #[error("TLS cannot be set up")]
    Rustls(#[from] rustls::Error),
}

/// One site's handshake settings, shared by all workers.
#[derive(Debug)]
pub struct SiteTls {
    template: ServerConfig,
    tickets: Arc<SiteTickets>,
    clock: Clock,
    asks: bool,
    alerts: bool,
    max: TlsVersion,
    hint_size: HintSize,
}

impl SiteTls {
    /// Checks and builds.
    ///
    /// # Errors
    /// [`SiteTlsError`] where the hints are too long or no version is left.
    pub fn new(settings: SiteTlsSettings, clock: Clock) -> Result<Self, SiteTlsError> {
        let provider = certificates::provider();
        let algorithms = provider.signature_verification_algorithms;
        let builder = ServerConfig::builder_with_details(provider, Arc::new(RustlsTime(clock.clone())))
            .with_protocol_versions(versions(settings.min, settings.max)?)?;
        let names = settings.card_request.as_ref().map_or(&[][..], |request| &request.hints);
        let hint_size = HintSize {
            chain: settings.key_pairs.iter().map(ServerKeyPair::chain_length).max().unwrap_or_default(),
            hints: hints::size(names),
        };
        let asks = settings.card_request.is_some();
        let alerts = settings.card_request.as_ref().is_some_and(|request| request.judge.is_some());
        let builder = match settings.card_request {
            Some(CardRequest { hints, judge }) => builder.with_client_cert_verifier(Arc::new(
                PossessionVerifier::new(hints::hints(&hints)?, algorithms, judge),
            )),
            None => builder.with_client_cert_verifier(Arc::new(NoClientAuth)),
        };
        let tls13 = settings.max == TlsVersion::Tls13;
        let chooser = CertificateChooser::new(settings.key_pairs, tls13);
        let mut template = builder.with_cert_resolver(Arc::new(chooser));
        // Tickets only: they can be sealed with the time of proof, and work across workers without a shared table.
        template.session_storage = Arc::new(NoServerSessionStorage {});
        // 0-RTT data could be replayed under the card's identity.
        template.max_early_data_size = 0;
        if settings.http2 {
            template.alpn_protocols.push(b"h2".to_vec());
        }
        template.alpn_protocols.push(b"http/1.1".to_vec());
        let tickets = Arc::new(SiteTickets {
            keys: settings.ticket_keys,
            binding: settings.binding,
            card_proof_max_age: settings.card_proof_max_age,
        });
        Ok(Self { template, tickets, clock, asks, alerts, max: settings.max, hint_size })
    }

    /// Whether a client of this site is asked for a certificate.
    pub fn asks_for_certificate(&self) -> bool {
        self.asks
    }

    /// Whether HTTP/2 is offered beside HTTP/1.1.
    pub fn offers_http2(&self) -> bool {
        self.template.alpn_protocols.iter().any(|protocol| protocol == b"h2")
    }

    /// Whether a bad certificate ends the handshake with an alert, so that its client sees no page.
    pub fn alerts_on_bad_certificate(&self) -> bool {
        self.alerts
    }

    /// The highest version that is spoken.
    pub fn max_version(&self) -> TlsVersion {
        self.max
    }

    /// How much of the handshake the chain and the CA hints take.
    pub fn hint_size(&self) -> HintSize {
        self.hint_size
    }

    /// rustls's configuration for one connection, and the ticketer that will know the time of proof.
    pub(super) fn for_connection(&self) -> (Arc<ServerConfig>, Arc<ConnectionTickets>) {
        let tickets = Arc::new(ConnectionTickets::new(Arc::clone(&self.tickets), self.clock.clone()));
        let mut config = self.template.clone();
        config.ticketer = Arc::clone(&tickets) as Arc<_>;
        (Arc::new(config), tickets)
    }
}

fn versions(
    min: TlsVersion,
    max: TlsVersion,
) -> Result<&'static [&'static SupportedProtocolVersion], SiteTlsError> {
    use rustls::version::{TLS12, TLS13};
    static ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
    static BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    static ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];
    match (min, max) {
        (TlsVersion::Tls12, TlsVersion::Tls12) => Ok(ONLY_12),
        (TlsVersion::Tls12, TlsVersion::Tls13) => Ok(BOTH),
        (TlsVersion::Tls13, TlsVersion::Tls13) => Ok(ONLY_13),
        (TlsVersion::Tls13, TlsVersion::Tls12) => Err(SiteTlsError::NoVersion),
    }
}

/// Shows rustls the same time as everybody else.
#[derive(Debug)]
struct RustlsTime(Clock);

impl TimeProvider for RustlsTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.now().since_epoch()))
    }
}
