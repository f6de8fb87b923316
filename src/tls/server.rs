//! The TLS settings of one site: versions, certificates, the CertificateRequest, tickets.

use super::certificates::{self, ServerCertificateResolver, ServerKeyPair};
use super::hints::{self, HintSize, HintsTooLong};
use super::possession::{ClientAuthentication, HandshakeValidator, PossessionRule, PossessionVerifier};
use super::tickets::{ConnectionSessions, SessionStore, SiteSessions};
use super::version::TlsVersion;
use crate::clock::Clock;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, ResolvesServerCert};
use rustls::time_provider::TimeProvider;
use rustls::{ServerConfig, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::UnixTime;
use std::sync::Arc;
use std::time::Duration;

/// How a site requests a client certificate.
pub struct ClientCertificateRequest {
    /// The subjects of the trust anchors in DER, sent as hints. If empty, clients offer every certificate.
    pub hints: Vec<Vec<u8>>,
    /// The signature algorithms that are offered, in the order of preference.
    pub signatures: Vec<SignatureScheme>,
    /// Validates the chain in the handshake, if the site sends an alert for a bad certificate.
    pub validator: Option<HandshakeValidator>,
}

/// The TLS settings of one site.
pub struct SiteTlsSettings {
    /// Server certificates in the order of preference; at least one.
    pub key_pairs: Vec<ServerKeyPair>,
    /// The minimum version.
    pub min: TlsVersion,
    /// The maximum version.
    pub max: TlsVersion,
    /// Whether HTTP/2 is offered beside HTTP/1.1.
    pub http2: bool,
    /// `None` if the site never requests a certificate.
    pub certificate_request: Option<ClientCertificateRequest>,
    /// The ticket keys and sessions, shared by all workers and kept across reloads.
    pub sessions: SessionStore,
    /// A digest of the trust under which sessions are made; tickets made under another one are not accepted.
    pub binding: [u8; 32],
    /// The time for which resumptions may rely on one signature of the client's key.
    pub card_reauth_interval: Duration,
}

/// Why a site's TLS settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SiteTlsError {
    /// The names of the trust anchors are too long.
    #[error(transparent)]
    Hints(#[from] HintsTooLong),
    /// `min` is above `max`.
    #[error("the minimum TLS version is above the maximum")]
    NoVersion,
    /// rustls rejects the settings.
    #[error("rustls rejects the TLS settings")]
    Rustls(#[from] rustls::Error),
}

/// The handshake settings of one site, shared by all workers.
#[derive(Debug)]
pub struct SiteTls {
    provider: Arc<CryptoProvider>,
    time: Arc<RustlsTime>,
    versions: &'static [&'static SupportedProtocolVersion],
    certificates: Arc<ServerCertificateResolver>,
    /// `None` if the site requests no certificate.
    possession: Option<Arc<PossessionRule>>,
    protocols: Vec<Vec<u8>>,
    sessions: Arc<SiteSessions>,
    clock: Clock,
    http2: bool,
    alerts: bool,
    max: TlsVersion,
    hint_size: HintSize,
}

impl SiteTls {
    /// Checks the settings, so that an error is reported when the configuration is loaded.
    ///
    /// # Errors
    /// [`SiteTlsError`] if the hints are too long or no version is left.
    pub fn new(settings: SiteTlsSettings, clock: Clock) -> Result<Self, SiteTlsError> {
        let provider = certificates::provider();
        let algorithms = provider.signature_verification_algorithms;
        let names = settings.certificate_request.as_ref().map_or(&[][..], |request| &request.hints);
        let hint_size = HintSize {
            chain: settings.key_pairs.iter().map(ServerKeyPair::chain_length).max().unwrap_or_default(),
            hints: hints::size(names),
        };
        let alerts = settings.certificate_request.as_ref().is_some_and(|request| request.validator.is_some());
        let possession = match settings.certificate_request {
            Some(ClientCertificateRequest { hints, signatures, validator }) => {
                Some(Arc::new(PossessionRule::new(hints::hints(&hints)?, algorithms, signatures, validator)))
            }
            None => None,
        };
        let mut protocols = vec![b"http/1.1".to_vec()];
        if settings.http2 {
            protocols.insert(0, b"h2".to_vec());
        }
        let site = Self {
            provider,
            time: Arc::new(RustlsTime(clock.clone())),
            versions: versions(settings.min, settings.max)?,
            certificates: Arc::new(ServerCertificateResolver::new(
                settings.key_pairs,
                settings.min,
                settings.max,
            )),
            possession,
            protocols,
            sessions: Arc::new(SiteSessions {
                keeper: settings.sessions,
                binding: settings.binding,
                card_reauth_interval: settings.card_reauth_interval,
            }),
            clock,
            http2: settings.http2,
            alerts,
            max: settings.max,
            hint_size,
        };
        // Settings that rustls rejects are reported here, not at the first handshake.
        site.for_connection()?;
        Ok(site)
    }

    /// Returns whether the site requests a certificate from clients.
    pub fn requests_certificate(&self) -> bool {
        self.possession.is_some()
    }

    /// Returns whether HTTP/2 is offered beside HTTP/1.1.
    pub fn offers_http2(&self) -> bool {
        self.http2
    }

    /// Returns whether a bad certificate ends the handshake with an alert, so that the client gets no page.
    pub fn alerts_on_bad_certificate(&self) -> bool {
        self.alerts
    }

    /// Returns the maximum version.
    pub fn max_version(&self) -> TlsVersion {
        self.max
    }

    /// Returns the bytes of chain and CA hints in the handshake.
    pub fn hint_size(&self) -> HintSize {
        self.hint_size
    }

    /// Returns rustls's configuration for one connection, and its sessions, which record the time of proof.
    pub(super) fn for_connection(
        &self,
    ) -> Result<(Arc<ServerConfig>, Arc<ConnectionSessions>), rustls::Error> {
        let client = Arc::new(ClientAuthentication::default());
        let verifier: Arc<dyn ClientCertVerifier> = match &self.possession {
            Some(rule) => Arc::new(PossessionVerifier::new(Arc::clone(rule), Arc::clone(&client))),
            None => Arc::new(NoClientAuth),
        };
        let certificates: Arc<dyn ResolvesServerCert> = Arc::clone(&self.certificates) as _;
        let time: Arc<dyn TimeProvider> = Arc::clone(&self.time) as _;
        let mut config = ServerConfig::builder_with_details(Arc::clone(&self.provider), time)
            .with_protocol_versions(self.versions)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(certificates);
        let sessions =
            Arc::new(ConnectionSessions::new(Arc::clone(&self.sessions), self.clock.clone(), client));
        config.ticketer = Arc::clone(&sessions) as _;
        config.session_storage = Arc::clone(&sessions) as _;
        // The order of `certificates::provider`.
        config.ignore_client_order = true;
        // 0-RTT data could be replayed under the client's identity.
        config.max_early_data_size = 0;
        config.alpn_protocols.clone_from(&self.protocols);
        Ok((Arc::new(config), sessions))
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

/// The time of [`Clock`], for rustls.
#[derive(Debug)]
struct RustlsTime(Clock);

impl TimeProvider for RustlsTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(self.0.now().since_epoch()))
    }
}
