//! The subordinate CA that issues user certificates, each with a new key. A chain is rejected if clients of the backend
//! could not validate it, and no certificate outlives the chain.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use const_oid::db::rfc5280;
use rustls::crypto::aws_lc_rs::sign::{any_ecdsa_type, any_supported_type};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_cert::ext::pkix::KeyUsages;

use super::authority_error::{IssuanceError, SubordinateCaError};
use super::contents::{CertificateContents, signed};
use super::issuing_key::IssuingKey;
use super::subject::UserCertificateSubject;
use crate::certificate::{Certificate, SerialNumber};
use crate::clock::UnixTime;

/// The minimum lifetime. A shorter one could end before the handshake, because of clock skew.
const LEAST_LIFETIME: Duration = Duration::from_secs(60);
/// The maximum lifetime. These certificates cannot be revoked in time, so they must be short-lived.
const MOST_LIFETIME: Duration = Duration::from_secs(3600);
/// The length of a serial number in bytes, of which 126 bits are random; RFC 5280 4.1.2.2 permits twenty bytes.
const SERIAL_BYTES: usize = 16;

/// The validity of user certificates, and their CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuanceSettings {
    /// The time from issue to expiry, one minute to one hour.
    pub lifetime: Duration,
    /// How long before the time of issue the validity begins, for backends whose clock is behind; at most one hour.
    pub backdate: Duration,
    /// The URL of a CRL, for backends that reject certificates of unknown status (http.sys by default). Without it the
    /// certificates have the extension noRevAvail (RFC 9608).
    pub crl_distribution_point: Option<String>,
}

impl Default for IssuanceSettings {
    /// Five minutes, backdated by one minute, without a CRL.
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(300),
            backdate: Duration::from_secs(60),
            crl_distribution_point: None,
        }
    }
}

/// A CA of the gateway, subordinate to one that the backend trusts.
#[derive(Debug)]
pub struct SubordinateCa {
    /// The chain, which begins with the CA's own certificate. It has no root unless one is configured.
    chain: Vec<Certificate>,
    key: IssuingKey,
    key_identifier: Box<[u8]>,
    issuer: Vec<u8>,
    settings: IssuanceSettings,
}

/// A certificate for one account, with its key, ready for a handshake.
#[derive(Clone, Debug)]
pub struct UserCertificate {
    /// The certificate, the chain of the CA, and the key, which never leaves the process.
    pub key: Arc<CertifiedKey>,
    /// The serial number, for the audit record.
    pub serial: SerialNumber,
    /// The end of its validity.
    pub not_after: UnixTime,
}

impl SubordinateCa {
    /// Creates a CA from a chain, in which each certificate is issued by the next one, and the private key of the
    /// first.
    ///
    /// # Errors
    /// A backend could not validate certificates that the CA issued at `now`.
    pub fn new(
        chain: &[CertificateDer<'_>],
        key: &PrivateKeyDer<'_>,
        settings: IssuanceSettings,
        now: UnixTime,
    ) -> Result<Self, SubordinateCaError> {
        check_settings(&settings)?;
        let chain = read(chain)?;
        let Some(own) = chain.first() else { return Err(SubordinateCaError::NoCertificate) };
        let key = any_supported_type(key).map_err(SubordinateCaError::UnusableKey)?;
        if key.public_key().is_none_or(|public| public.as_ref() != own.public_key_der()) {
            return Err(SubordinateCaError::KeyMismatch);
        }
        let key = IssuingKey::new(key, own.key_algorithm())?;
        for (place, certificate) in chain.iter().enumerate() {
            check_authority(certificate, place)?;
        }
        for (place, pair) in chain.windows(2).enumerate() {
            check_issued(pair, place)?;
        }
        let key_identifier = own.subject_key_identifier().ok_or(SubordinateCaError::NoKeyIdentifier)?.into();
        let issuer = own.subject().der().to_vec();
        let authority = Self { key, key_identifier, issuer, settings, chain };
        authority.check_time(now).map_err(SubordinateCaError::Time)?;
        Ok(authority)
    }

    /// Issues a certificate with a new key for `subject`. Takes as long as one signature of the CA's key: 50 µs with P-256,
    /// some milliseconds with RSA.
    ///
    /// # Errors
    /// The chain expires before the certificate, or signing failed.
    pub fn issue(
        &self,
        subject: &UserCertificateSubject,
        now: UnixTime,
    ) -> Result<UserCertificate, IssuanceError> {
        self.check_time(now)?;
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| IssuanceError::Key)?;
        let public_key = pair.public_key().as_der().map_err(|_| IssuanceError::Key)?;
        let serial = serial_number()?;
        let algorithm = self.key.algorithm_der()?;
        let not_after = now.plus(self.settings.lifetime);
        let to_be_signed = CertificateContents {
            serial: &serial,
            algorithm: &algorithm,
            issuer: &self.issuer,
            issuer_key_identifier: &self.key_identifier,
            not_before: UnixTime::from(now.since_epoch().saturating_sub(self.settings.backdate)),
            not_after,
            subject,
            public_key: public_key.as_ref(),
            crl_distribution_point: self.settings.crl_distribution_point.as_deref(),
        }
        .to_be_signed()?;
        let leaf = signed(&to_be_signed, &algorithm, &self.key.sign(&to_be_signed)?)?;
        Ok(UserCertificate {
            key: Arc::new(self.certified(leaf, &pair)?),
            serial: SerialNumber::from_bytes(&serial),
            not_after: UnixTime::from_seconds(not_after.seconds()),
        })
    }

    /// Returns the lifetime of the certificates.
    pub fn lifetime(&self) -> Duration {
        self.settings.lifetime
    }

    /// Returns the CA's own certificate and those above it, in order.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    fn certified(&self, leaf: Vec<u8>, pair: &EcdsaKeyPair) -> Result<CertifiedKey, IssuanceError> {
        // The document is zeroed when it is dropped.
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| IssuanceError::Key)?;
        let key = any_ecdsa_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8.as_ref())))
            .map_err(IssuanceError::UnusableKey)?;
        let above = self.chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec()));
        let chain = std::iter::once(CertificateDer::from(leaf)).chain(above).collect();
        Ok(CertifiedKey::new(chain, key))
    }

    /// Checks that all certificates of the chain are valid for the whole lifetime of a certificate that is issued at
    /// `now`.
    fn check_time(&self, now: UnixTime) -> Result<(), IssuanceError> {
        let begin = self.chain.iter().map(Certificate::not_before).max().unwrap_or(UnixTime::END);
        let end = self.chain.iter().map(Certificate::not_after).min().unwrap_or(UnixTime::EPOCH);
        if now < begin {
            return Err(IssuanceError::AuthorityNotYetValid { not_before: begin, now });
        }
        if end < now.plus(self.settings.lifetime) {
            return Err(IssuanceError::AuthorityEnds { not_after: end, now });
        }
        Ok(())
    }
}

fn check_settings(settings: &IssuanceSettings) -> Result<(), SubordinateCaError> {
    if !(LEAST_LIFETIME..=MOST_LIFETIME).contains(&settings.lifetime) {
        let (least, most) = (LEAST_LIFETIME, MOST_LIFETIME);
        return Err(SubordinateCaError::Lifetime { given: settings.lifetime, least, most });
    }
    if settings.backdate > MOST_LIFETIME {
        return Err(SubordinateCaError::Backdate { given: settings.backdate, most: MOST_LIFETIME });
    }
    Ok(())
}

fn read(chain: &[CertificateDer<'_>]) -> Result<Vec<Certificate>, SubordinateCaError> {
    let read = |(place, der): (usize, &CertificateDer<'_>)| {
        Certificate::from_der(der).map_err(|cause| SubordinateCaError::Malformed { number: place + 1, cause })
    };
    chain.iter().enumerate().map(read).collect()
}

/// Checks the requirements of RFC 5280 6.1.4 for a CA of a path. `place` is the number of CAs below it in the chain.
fn check_authority(certificate: &Certificate, place: usize) -> Result<(), SubordinateCaError> {
    let number = place + 1;
    let Some(constraints) = certificate.basic_constraints().filter(|constraints| constraints.ca) else {
        return Err(SubordinateCaError::NotAuthority { number });
    };
    let signs = |usage: &x509_cert::ext::pkix::KeyUsage| usage.0.contains(KeyUsages::KeyCertSign);
    if !certificate.key_usage().as_ref().is_some_and(signs) {
        return Err(SubordinateCaError::MayNotSign { number });
    }
    let for_clients = [rfc5280::ID_KP_CLIENT_AUTH, rfc5280::ANY_EXTENDED_KEY_USAGE];
    if certificate
        .extended_key_usages()
        .is_some_and(|usages| !usages.iter().any(|usage| for_clients.iter().any(|known| usage == known)))
    {
        return Err(SubordinateCaError::NotForClients { number });
    }
    match constraints.path_length {
        Some(limit) if usize::try_from(limit).is_ok_and(|limit| limit < place) => {
            Err(SubordinateCaError::PathTooLong { number, limit })
        }
        _ => Ok(()),
    }
}

fn check_issued(pair: &[Certificate], place: usize) -> Result<(), SubordinateCaError> {
    let [certificate, issuer] = pair else { return Ok(()) };
    let number = place + 1;
    if certificate.issuer() != issuer.subject() {
        return Err(SubordinateCaError::NotIssuedByNext { number, cause: None });
    }
    certificate
        .verify_signature(issuer.public_key_der())
        .map_err(|cause| SubordinateCaError::NotIssuedByNext { number, cause: Some(cause) })
}

/// Returns a random serial number, which is positive and has full length.
fn serial_number() -> Result<[u8; SERIAL_BYTES], IssuanceError> {
    let mut serial = [0; SERIAL_BYTES];
    rand::fill(&mut serial).map_err(|_| IssuanceError::Key)?;
    if let Some(first) = serial.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    Ok(serial)
}
