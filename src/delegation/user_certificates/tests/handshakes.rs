//! User certificates in handshakes.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::client::{Resumption, danger::HandshakeSignatureValid};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime as PkiTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, DistinguishedName, Error, HandshakeKind,
    RootCertStore, ServerConfig, ServerConnection, SignatureScheme, SupportedProtocolVersion,
};

use super::{NOW, alice, authority};
use crate::certificate::Certificate;
use crate::clock::Tick;
use crate::delegation::user_certificates::{
    CertificatePresentation, IssuedUserCertificate, PresentationOutcome, UserCertificates,
};
use crate::telemetry::CacheMetrics;

/// Requests a certificate and accepts any with a valid signature by one of these schemes.
#[derive(Debug)]
struct AnyClientCertificate(Vec<SignatureScheme>);

impl ClientCertVerifier for AnyClientCertificate {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: PkiTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A server, and the settings of a client that trusts it and resumes sessions.
struct TestServer {
    settings: Arc<ServerConfig>,
    template: ClientConfig,
}

impl TestServer {
    fn new(version: &'static SupportedProtocolVersion, verifier: Option<AnyClientCertificate>) -> Self {
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(["iis.corp.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
            None => builder.with_no_client_auth(),
        };
        let private = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let settings = builder.with_single_cert(vec![own.der().clone()], private).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(own.der().clone()).unwrap();
        let mut template = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        template.resumption = Resumption::in_memory_sessions(8);
        Self { settings: Arc::new(settings), template }
    }

    fn handshake(
        &self,
        identity: &IssuedUserCertificate,
    ) -> (ClientConnection, ServerConnection, CertificatePresentation) {
        let (settings, presentation) = identity.settings_for_one_connection(&self.template);
        let name = ServerName::try_from("iis.corp.example").unwrap();
        let mut client = ClientConnection::new(settings, name).unwrap();
        let mut server = ServerConnection::new(Arc::clone(&self.settings)).unwrap();
        while client.is_handshaking()
            || server.is_handshaking()
            || client.wants_write()
            || server.wants_write()
        {
            let mut flight = Vec::new();
            client.write_tls(&mut flight).unwrap();
            server.read_tls(&mut flight.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            let mut flight = Vec::new();
            server.write_tls(&mut flight).unwrap();
            client.read_tls(&mut flight.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        (client, server, presentation)
    }
}

async fn identity() -> Arc<IssuedUserCertificate> {
    let identities = UserCertificates::new(authority().load(), 1 << 20, CacheMetrics::default());
    identities.identity(&alice(), Tick::ORIGIN, NOW).await.unwrap()
}

fn every_scheme() -> AnyClientCertificate {
    AnyClientCertificate(provider().signature_verification_algorithms.supported_schemes())
}

#[tokio::test]
async fn a_server_that_requests_a_certificate_sees_the_account() {
    let identity = identity().await;
    for version in [&TLS12, &TLS13] {
        let server = TestServer::new(version, Some(every_scheme()));
        let (_, seen, presentation) = server.handshake(&identity);
        let leaf = Certificate::from_der(&seen.peer_certificates().unwrap()[0]).unwrap();
        assert_eq!(leaf.subject_alternative_names().upns, ["alice@corp.example"]);
        assert_eq!(presentation.outcome(), PresentationOutcome::Sent);
    }
}

#[tokio::test]
async fn a_server_that_requests_no_certificate_is_reported() {
    let identity = identity().await;
    for version in [&TLS12, &TLS13] {
        let server = TestServer::new(version, None);
        let (_, seen, presentation) = server.handshake(&identity);
        assert_eq!(seen.peer_certificates(), None);
        assert_eq!(presentation.outcome(), PresentationOutcome::NotRequested);
    }
}

#[tokio::test]
async fn a_server_that_accepts_no_signature_of_the_key_is_reported() {
    let identity = identity().await;
    let old =
        || AnyClientCertificate(vec![SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme::RSA_PSS_SHA256]);
    for version in [&TLS12, &TLS13] {
        let server = TestServer::new(version, Some(old()));
        let (_, seen, presentation) = server.handshake(&identity);
        assert_eq!(seen.peer_certificates(), None);
        assert_eq!(presentation.outcome(), PresentationOutcome::Unsuitable);
    }
}

#[tokio::test]
async fn no_session_is_resumed_so_each_connection_presents_the_certificate() {
    let identity = identity().await;
    for version in [&TLS12, &TLS13] {
        let server = TestServer::new(version, Some(every_scheme()));
        for _ in 0..2 {
            let (client, _, presentation) = server.handshake(&identity);
            assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
            assert_eq!(presentation.outcome(), PresentationOutcome::Sent);
        }
    }
}
