//! Takes the time, gives a whole PKI: certification authorities, server certificates, cards that are right and cards
//! that are each wrong in one way, revocation lists.
//!
//! Never for a real organisation: the private keys of the authorities live in memory beside everything else.

mod authority;
mod extension;
mod files;
mod key;
mod profile;
mod users;
mod version_one;
mod weak_key;

use std::path::PathBuf;

use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

pub use self::authority::serial_number;
pub use self::extension::{OTHER_POLICY, POLICY, SMARTCARD_LOGON};
pub use self::files::PkiFiles;
pub use self::key::{Card, KeyKind, KeyedChain, ServerCertificate};
pub use self::profile::{CardProfile, ExtraExtension, Signer};

use self::authority::{Authority, Hierarchy};
use crate::clock::UnixTime;

/// The common name of the trust anchor, and of the foreign one.
pub const ROOT_CA: &str = "Demo Root CA";
/// The common name of the authority between the anchor and the one that issues cards.
pub const POLICY_CA: &str = "Demo Policy CA";
/// The common name of the authority that issues cards.
pub const ISSUING_CA: &str = "Demo Issuing CA 1";
/// The common name of the authority that issues server certificates, a root of its own.
pub const SERVER_CA: &str = "Demo Server CA";
/// The UPN suffix and mail domain of the demo's organisation.
pub const DOMAIN: &str = "corp.example";
/// The security identifier of the organisation's domain.
pub const DOMAIN_SID: &str = "S-1-5-21-1004336348-1177238915-682003330";
/// The host names and addresses of the two server certificates of every [`Pki`].
pub const HOSTS: [&str; 5] = ["rms.corp.example", "open.corp.example", "localhost", "127.0.0.1", "::1"];

/// Why the demo's PKI could not be made or written.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key could not be made, or a certificate or revocation list not be signed.
    #[error("cannot make {what}")]
    Signing {
        /// The thing that was being made.
        what: String,
        /// The certificate maker's own words.
        #[source]
        source: rcgen::Error,
    },
    /// An Ed25519 key could not be made.
    #[error("cannot make a key for {what}")]
    Key {
        /// Whose key it was to be.
        what: String,
    },
    /// A part of a certificate could not be encoded.
    #[error("cannot encode DER")]
    Encoding(#[from] der::Error),
    /// A date that a certificate cannot carry.
    #[error("{0} cannot be written into a certificate")]
    Date(UnixTime),
    /// A file or a folder could not be written.
    #[error("cannot write {}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
}

/// A whole PKI with the keys of its authorities.
pub struct Pki {
    created: UnixTime,
    home: Hierarchy,
    foreign: Hierarchy,
    server_ca: Authority,
    server_ecdsa: ServerCertificate,
    server_rsa: ServerCertificate,
    cards: Vec<Card>,
}

impl Pki {
    /// Makes a PKI whose certificates are valid around `now`, save those that are to be otherwise.
    ///
    /// RSA keys are made once per process, since they are slow; every other key is new.
    pub fn create(now: UnixTime) -> Result<Self, PkiError> {
        let home = Hierarchy::create(now)?;
        let foreign = Hierarchy::create(now)?;
        let server_ca = Authority::root(SERVER_CA, now)?;
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

    /// The trust anchor of the cards.
    pub fn root(&self) -> &CertificateDer<'static> {
        self.home.root.certificate()
    }

    /// The policy authority's certificate, issued by the root.
    pub fn policy(&self) -> &CertificateDer<'static> {
        self.home.policy.certificate()
    }

    /// The issuing authority's certificate, issued by the policy authority.
    pub fn issuing(&self) -> &CertificateDer<'static> {
        self.home.issuing.certificate()
    }

    /// The root of the foreign hierarchy, whose names and serial numbers equal ours and whose keys do not.
    pub fn foreign_root(&self) -> &CertificateDer<'static> {
        self.foreign.root.certificate()
    }

    /// The trust anchor of the server certificates.
    pub fn server_ca(&self) -> &CertificateDer<'static> {
        self.server_ca.certificate()
    }

    /// The ECDSA server certificate for [`HOSTS`].
    pub fn server_ecdsa(&self) -> &ServerCertificate {
        &self.server_ecdsa
    }

    /// The RSA server certificate for [`HOSTS`].
    pub fn server_rsa(&self) -> &ServerCertificate {
        &self.server_rsa
    }

    /// Every card of the demo.
    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    /// The demo's card of that name, if there is one.
    pub fn card(&self, name: &str) -> Option<&Card> {
        self.cards.iter().find(|card| card.name == name)
    }

    /// Issues one more card. It is not added to [`Pki::cards`].
    pub fn issue(&self, profile: &CardProfile) -> Result<Card, PkiError> {
        self.authority(profile.signer).issue_card(profile, self.issuers(profile.signer))
    }

    /// Issues one more card, for an RSA key that exists already and may be too short to be made here.
    pub fn issue_for_rsa_key(
        &self,
        profile: &CardProfile,
        key: PrivatePkcs8KeyDer<'static>,
    ) -> Result<Card, PkiError> {
        self.authority(profile.signer).issue_card_for(profile, key, self.issuers(profile.signer))
    }

    /// Issues one more server certificate, valid for `hosts` (names and addresses) around `now`.
    pub fn issue_server(
        &self,
        name: &str,
        hosts: &[&str],
        key: KeyKind,
        now: UnixTime,
    ) -> Result<ServerCertificate, PkiError> {
        self.server_ca.issue_server(name, hosts, key, now)
    }

    /// A revocation list of `signer` that lists the cards or authorities named, fresh from `now` for a week.
    ///
    /// Serial numbers follow from names ([`serial_number`]), so a card that does not exist can be listed too.
    pub fn crl(&self, signer: Signer, revoked: &[&str], now: UnixTime) -> Result<Vec<u8>, PkiError> {
        self.authority(signer).crl(revoked, now)
    }

    /// The issuing authority's revocation list: [`Pki::crl`] of [`Signer::Issuing`].
    pub fn issuing_crl(&self, revoked: &[&str], now: UnixTime) -> Result<Vec<u8>, PkiError> {
        self.crl(Signer::Issuing, revoked, now)
    }

    /// The signature (ECDSA P-256 with SHA-256) of `signer`'s key over `message`: for what a test encodes itself.
    pub fn sign(&self, signer: Signer, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        self.authority(signer).sign(message)
    }

    /// The certificates between a card of `signer` and the anchor, lowest first.
    fn issuers(&self, signer: Signer) -> Vec<CertificateDer<'static>> {
        let between = match signer {
            Signer::Issuing => vec![self.home.issuing.certificate(), self.home.policy.certificate()],
            Signer::Foreign => vec![self.foreign.issuing.certificate(), self.foreign.policy.certificate()],
            Signer::Policy => vec![self.home.policy.certificate()],
            Signer::Root => Vec::new(),
        };
        between.into_iter().cloned().collect()
    }

    fn authority(&self, signer: Signer) -> &Authority {
        match signer {
            Signer::Issuing => &self.home.issuing,
            Signer::Policy => &self.home.policy,
            Signer::Root => &self.home.root,
            Signer::Foreign => &self.foreign.issuing,
        }
    }
}

#[cfg(test)]
mod tests;
