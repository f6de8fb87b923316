//! Who is never asked: the responder of a certificate that is not proven. And when: never inside a handshake.

use super::scene::{self, CardKind, NOW};
use portcullis::clock::Clock;
use portcullis::demo::pki::Signer;
use portcullis::identity::{AccountLifetimes, MappingSettings, RequiredStrength, SidCheck};
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
async fn only_a_proven_certificate_makes_the_gate_connect_to_the_responder_that_it_names() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let metrics = Metrics::new("test", DenialId::IDS);
    let judge = Authenticator::new(Duration::from_secs(60), 1, CacheSizes::default(), &metrics);
    let client = AddressKey::of([192, 0, 2, 1].into(), 64);
    let verdict = async |signer| {
        let presented = scene::presented(&scene::card(CardKind::Good, signer, &url));
        judge.judge(&Arc::new(realm()), &presented, client, *NOW).await
    };

    let forged = verdict(Signer::Foreign).await.unwrap_err();
    assert!(matches!(*forged, CertificateRejection::Chain(_)), "{forged:?}");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);

    let proven = verdict(Signer::Issuing).await.unwrap_err();
    assert!(matches!(*proven, CertificateRejection::Revocation(_)), "{proven:?}");
    assert!(listener.accept().is_ok());
}

#[test]
fn a_handshake_leaves_to_the_request_what_only_a_responder_may_know() {
    let card = scene::card(CardKind::Good, Signer::Issuing, "http://127.0.0.1/");
    let judge = |realm| authenticate_in_handshake(Arc::new(realm), Clock::system())(&card.chain);
    assert_eq!(judge(realm()), Ok(()));
    assert_eq!(judge(Realm { ocsp: None, ..realm() }), Err(CertificateError::UnknownRevocationStatus));
}

/// Requires to know, and waits for a responder as long as it takes to see that it was asked.
fn realm() -> Realm {
    let settings = OcspSettings { limit: Duration::from_millis(200), ..OcspSettings::default() };
    Realm {
        name: "staff".into(),
        generation: 1,
        trust: Arc::new(scene::trust()),
        validation: Arc::new(ValidationRule::default()),
        revocation: RevocationRule { mode: RevocationMode::Require, ..RevocationRule::default() },
        crls: scene::crls_of_authorities(),
        ocsp: Some(Arc::new(scene::client(settings))),
        mapping: MappingSettings {
            order: Vec::new(),
            strength: RequiredStrength::Strong,
            sid_check: SidCheck::default(),
            identity_issuers: Vec::new(),
            rules: Vec::new(),
            attributes: Vec::new(),
        },
        directory: None,
        account_lifetimes: AccountLifetimes::default(),
        passwords: PasswordSettings::default(),
        verdict_cache_ttl: Duration::from_secs(300),
    }
}
