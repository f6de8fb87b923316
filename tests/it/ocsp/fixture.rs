//! Client certificates that name a responder, and the trust, CRLs and client to check them.

use crate::support::{TEST_TIMEOUT, pki};
use const_oid::ObjectIdentifier;
use der::Encode;
use der::asn1::Ia5String;
use portcullis::certificate::Certificate;
use portcullis::clock::{Clock, UnixTime};
use portcullis::demo::pki::{CertificateProfile, ExtraExtension, KeyedChain, Signer};
use portcullis::revocation::LiveCrls;
use portcullis::revocation::fetch::FetchRules;
use portcullis::revocation::ocsp::{OcspClient, OcspSettings};
use portcullis::validation::{PresentedChain, TrustSet};
use rustls_pki_types::CertificateDer;
use std::fs;
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AccessDescription, AuthorityInfoAccessSyntax};

const AUTHORITY_INFORMATION_ACCESS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.1");
const OCSP: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1");

/// The time of the test: `openssl ocsp` signs responses for no other time.
pub(super) static NOW: LazyLock<UnixTime> = LazyLock::new(|| Clock::system().now());

/// The state of a client certificate in the responder's index.
#[derive(Clone, Copy, Debug)]
pub(super) enum CardKind {
    Good,
    Revoked,
    /// It is not in the index.
    Unknown,
}

impl CardKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Good => "ocsp-good",
            Self::Revoked => "ocsp-revoked",
            Self::Unknown => "ocsp-unknown",
        }
    }
}

/// Returns a client certificate that names the responder at `url`.
pub(super) fn card(kind: CardKind, signer: Signer, url: &str) -> KeyedChain {
    let location = GeneralName::UniformResourceIdentifier(Ia5String::new(url).unwrap());
    let access = AccessDescription { access_method: OCSP, access_location: location };
    let value = AuthorityInfoAccessSyntax(vec![access]).to_der().unwrap();
    let extension = ExtraExtension { identifier: AUTHORITY_INFORMATION_ACCESS, critical: false, value };
    let profile = CertificateProfile::of(kind.name(), *NOW);
    pki().issue(&CertificateProfile { signer, extra_extensions: vec![extension], ..profile }).unwrap()
}

pub(super) fn presented(card: &KeyedChain) -> Arc<PresentedChain> {
    Arc::new(PresentedChain::parse(&card.chain).unwrap())
}

/// Returns a trust set of the demo's root, without intermediates.
pub(super) fn trust() -> TrustSet {
    TrustSet::new(vec![certificate(pki().root())], Vec::new())
}

/// Returns fresh CRLs of the authorities above the issuing CA: the status of client certificates is known only by OCSP.
pub(super) fn crls_of_authorities() -> Arc<LiveCrls> {
    let folder = TempDir::new().unwrap();
    for (name, signer) in [("root.crl", Signer::Root), ("policy.crl", Signer::Policy)] {
        fs::write(folder.path().join(name), pki().crl(signer, &[], *NOW).unwrap()).unwrap();
    }
    Arc::new(LiveCrls::load(vec![folder.path().to_owned()], None, None, *NOW).unwrap())
}

/// Returns a client that may connect to loopback.
pub(super) fn client(settings: OcspSettings) -> OcspClient {
    let rules = FetchRules {
        hosts: vec!["127.0.0.1".parse().unwrap()],
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        ..FetchRules::default()
    };
    OcspClient::new(settings, rules)
}

/// Returns settings with a timeout for a busy machine.
pub(super) fn patient() -> OcspSettings {
    OcspSettings { timeout: TEST_TIMEOUT, ..OcspSettings::default() }
}

fn certificate(der: &CertificateDer<'_>) -> Certificate {
    Certificate::from_der(der).unwrap()
}
