//! A complete test PKI, with the keys of its authorities.

use super::authority::{CaHierarchy, TestAuthority};
use super::error::PkiError;
use super::key::{KeyKind, KeyedChain};
use super::profile::{CertificateProfile, HOSTS, SERVER_CA, Signer};
use super::{users, version_one};
use crate::clock::UnixTime;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Certification authorities with their keys, server certificates and client certificates.
pub struct Pki {
    pub(super) created: UnixTime,
    home: CaHierarchy,
    foreign: CaHierarchy,
    server_ca: TestAuthority,
    server_ecdsa: KeyedChain,
    server_rsa: KeyedChain,
    cards: Vec<KeyedChain>,
}

impl Pki {
    /// Creates a PKI whose certificates are valid at `now`, except those that are meant to be invalid.
    ///
    /// The RSA key is generated once per process, since its generation is slow; every other key is new.
    ///
    /// # Errors
    /// If a key cannot be generated or a certificate cannot be signed.
    pub fn create(now: UnixTime) -> Result<Self, PkiError> {
        let home = CaHierarchy::create(now)?;
        let foreign = CaHierarchy::create(now)?;
        let server_ca = TestAuthority::root(SERVER_CA, now)?;
        let server_ecdsa = server_ca.issue_server("server-ecdsa", &HOSTS, KeyKind::EcdsaP256, now)?;
        let server_rsa = server_ca.issue_server("server-rsa", &HOSTS, KeyKind::Rsa2048, now)?;
        let mut pki =
            Self { created: now, home, foreign, server_ca, server_ecdsa, server_rsa, cards: Vec::new() };
        for profile in users::demo_cards(now) {
            let card = pki.issue(&profile)?;
            pki.cards.push(card);
        }
        let version_one =
            version_one::strip_extensions(&pki.issue(&users::version_one(now))?, &pki.home.issuing)?;
        pki.cards.push(version_one);
        Ok(pki)
    }

    /// Returns the trust anchor of the client certificates.
    pub fn root(&self) -> &CertificateDer<'static> {
        self.home.root.certificate()
    }

    /// Returns the policy authority's certificate, issued by the root.
    pub fn policy(&self) -> &CertificateDer<'static> {
        self.home.policy.certificate()
    }

    /// Returns the issuing authority's certificate, issued by the policy authority.
    pub fn issuing(&self) -> &CertificateDer<'static> {
        self.home.issuing.certificate()
    }

    /// Returns the root of the foreign hierarchy, which has the same names and serial numbers but other keys.
    pub fn foreign_root(&self) -> &CertificateDer<'static> {
        self.foreign.root.certificate()
    }

    /// Returns the trust anchor of the server certificates.
    pub fn server_ca(&self) -> &CertificateDer<'static> {
        self.server_ca.certificate()
    }

    /// Returns the ECDSA server certificate for [`HOSTS`].
    pub fn server_ecdsa(&self) -> &KeyedChain {
        &self.server_ecdsa
    }

    /// Returns the RSA server certificate for [`HOSTS`].
    pub fn server_rsa(&self) -> &KeyedChain {
        &self.server_rsa
    }

    /// Returns the client certificates that the PKI was created with.
    pub fn cards(&self) -> &[KeyedChain] {
        &self.cards
    }

    /// Returns the client certificate of this name.
    pub fn card(&self, name: &str) -> Option<&KeyedChain> {
        self.cards.iter().find(|card| card.name == name)
    }

    /// Issues another client certificate, which is not added to [`Pki::cards`].
    pub fn issue(&self, profile: &CertificateProfile) -> Result<KeyedChain, PkiError> {
        self.authority(profile.signer).issue_card(profile, self.issuers(profile.signer))
    }

    /// Issues another client certificate for an existing RSA key, which may be too short to be generated here.
    pub fn issue_for_rsa_key(
        &self,
        profile: &CertificateProfile,
        key: PrivatePkcs8KeyDer<'static>,
    ) -> Result<KeyedChain, PkiError> {
        self.authority(profile.signer).issue_card_for(profile, key, self.issuers(profile.signer))
    }

    /// Issues another server certificate, valid for `hosts` (names and addresses) around `now`.
    pub fn issue_server(
        &self,
        name: &str,
        hosts: &[&str],
        key: KeyKind,
        now: UnixTime,
    ) -> Result<KeyedChain, PkiError> {
        self.server_ca.issue_server(name, hosts, key, now)
    }

    /// Returns a CRL of `signer` that lists the certificates of these names, and whose nextUpdate is a week after `now`.
    ///
    /// Serial numbers are derived from names ([`super::serial_number`]), so a certificate that does not exist can be listed.
    pub fn crl(&self, signer: Signer, revoked: &[&str], now: UnixTime) -> Result<Vec<u8>, PkiError> {
        self.authority(signer).crl(revoked, now)
    }

    /// Returns the CRL of the issuing authority: [`Pki::crl`] of [`Signer::Issuing`].
    pub fn issuing_crl(&self, revoked: &[&str], now: UnixTime) -> Result<Vec<u8>, PkiError> {
        self.crl(Signer::Issuing, revoked, now)
    }

    /// Returns the signature (ECDSA P-256 with SHA-256) of `signer`'s key over `message`, for structures that a test encodes
    /// itself.
    pub fn sign(&self, signer: Signer, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        self.authority(signer).sign(message)
    }

    /// Returns the certificates between a client certificate of `signer` and the trust anchor, lowest first.
    fn issuers(&self, signer: Signer) -> Vec<CertificateDer<'static>> {
        let between = match signer {
            Signer::Issuing => vec![self.home.issuing.certificate(), self.home.policy.certificate()],
            Signer::Foreign => vec![self.foreign.issuing.certificate(), self.foreign.policy.certificate()],
            Signer::Policy => vec![self.home.policy.certificate()],
            Signer::Root => Vec::new(),
        };
        between.into_iter().cloned().collect()
    }

    fn authority(&self, signer: Signer) -> &TestAuthority {
        match signer {
            Signer::Issuing => &self.home.issuing,
            Signer::Policy => &self.home.policy,
            Signer::Root => &self.home.root,
            Signer::Foreign => &self.foreign.issuing,
        }
    }
}
