//! Cases in which no responder is queried: a certificate that was not validated, and the handshake.

use super::fixture::{self, CardKind, NOW};
use portcullis::clock::Clock;
use portcullis::demo::pki::Signer;
use portcullis::identity::{AccountLifetimes, MappingSettings};
use portcullis::limits::AddressKey;
use portcullis::policy::{CertificateRejection, DenialId};
use portcullis::proxy::{Authenticator, CacheSizes, authenticate_in_handshake};
use portcullis::revocation::ocsp::OcspSettings;
use portcullis::revocation::{RevocationMode, RevocationRule};
use portcullis::site::{PasswordSettings, Realm};
use portcullis::telemetry::Metrics;
use portcullis::validation::ValidationRule;
use rustls::CertificateError;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn only_a_validated_certificate_makes_the_gateway_connect_to_its_responder() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let metrics = Metrics::new("test", DenialId::IDS);
    let authenticator = Authenticator::new(Duration::from_secs(60), 1, CacheSizes::default(), &metrics);
    let client = AddressKey::of([192, 0, 2, 1].into(), 64);
    let verdict = async |signer| {
        let presented = fixture::presented(&fixture::card(CardKind::Good, signer, &url));
        authenticator.authenticate(&Arc::new(realm()), &presented, client, *NOW, &mut ()).await
    };

    let forged = verdict(Signer::Foreign).await.unwrap_err();
    assert!(matches!(*forged, CertificateRejection::Chain(_)), "{forged:?}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);

    let proven = verdict(Signer::Issuing).await.unwrap_err();
    assert!(matches!(*proven, CertificateRejection::Revocation(_)), "{proven:?}");
    assert!(listener.accept().is_ok());
}

#[test]
fn no_responder_is_queried_during_the_handshake() {
    let card = fixture::card(CardKind::Good, Signer::Issuing, "http://127.0.0.1/");
    let check = |realm| authenticate_in_handshake(Arc::new(realm), Clock::system())(&card.chain);
    assert_eq!(check(realm()), Ok(()));
    assert_eq!(check(Realm { ocsp: None, ..realm() }), Err(CertificateError::UnknownRevocationStatus));
}

/// Returns a realm that requires the status, with a short timeout for the responder.
fn realm() -> Realm {
    let settings = OcspSettings { timeout: Duration::from_millis(200), ..OcspSettings::default() };
    Realm {
        name: "staff".into(),
        generation: 1,
        trust: Arc::new(fixture::trust()),
        validation: Arc::new(ValidationRule::default()),
        revocation: RevocationRule { mode: RevocationMode::Require, ..RevocationRule::default() },
        crls: fixture::crls_of_authorities(),
        ocsp: Some(Arc::new(fixture::client(settings))),
        mapping: MappingSettings::default(),
        directory: None,
        account_lifetimes: AccountLifetimes::default(),
        passwords: PasswordSettings::default(),
        verdict_cache_ttl: Duration::from_secs(300),
    }
}
