//! The certification authorities of the test PKI. They sign certificates and CRLs without checking them, since tests need
//! invalid ones.

use std::net::IpAddr;
use std::time::Duration;

use const_oid::ObjectIdentifier;
use der::Encode;
use rcgen::{BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint};
use rcgen::{CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod};
use rcgen::{
    KeyPair, KeyUsagePurpose, PublicKeyData, RevocationReason, RevokedCertParams, SanType, SerialNumber,
    SigningKey,
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use x509_cert::ext::pkix::certpolicy::{CertificatePolicies, PolicyInformation};

use super::error::PkiError;
use super::key::{self, KeyKind, KeyedChain};
use super::profile::{
    ANY_POLICY, CertificateProfile, DAY, ISSUING_CA, OTHER_POLICY, POLICY, POLICY_CA, ROOT_CA,
    USER_PRINCIPAL_NAME, YEAR, serial_number,
};
use super::weak_key::RsaPublicKey;
use crate::certificate::{SECURITY_IDENTIFIER_EXTENSION, security_identifier_value};
use crate::clock::UnixTime;

const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");

/// The time from thisUpdate to nextUpdate of a CRL.
const CRL_LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// A root, a policy authority below it, and an issuing authority below that.
pub(super) struct CaHierarchy {
    pub(super) root: TestAuthority,
    pub(super) policy: TestAuthority,
    pub(super) issuing: TestAuthority,
}

impl CaHierarchy {
    pub(super) fn create(now: UnixTime) -> Result<Self, PkiError> {
        let root = TestAuthority::root(ROOT_CA, now)?;
        let policy = root.below(POLICY_CA, 1, &[ANY_POLICY], now)?;
        let issuing = policy.below(ISSUING_CA, 0, &[POLICY, OTHER_POLICY], now)?;
        Ok(Self { root, policy, issuing })
    }
}

/// A certification authority with its private key.
pub(super) struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    key_identifier: KeyIdMethod,
    certificate: CertificateDer<'static>,
}

impl TestAuthority {
    /// Creates a self-signed authority without a path length constraint.
    pub(super) fn root(name: &str, now: UnixTime) -> Result<Self, PkiError> {
        let parameters = authority_parameters(name, BasicConstraints::Unconstrained, now)?;
        let pair = key::generate(KeyKind::EcdsaP256, name)?;
        let certificate = parameters.self_signed(&pair).map_err(|source| PkiError::signing(name, source))?;
        Ok(Self {
            certificate: certificate.into(),
            key_identifier: key_identifier(name),
            issuer: Issuer::new(parameters, pair),
        })
    }

    /// Creates a subordinate authority that may assert only `policies`.
    fn below(
        &self,
        name: &str,
        path_length: u8,
        policies: &[ObjectIdentifier],
        now: UnixTime,
    ) -> Result<Self, PkiError> {
        let constraints = BasicConstraints::Constrained(path_length);
        let mut parameters = authority_parameters(name, constraints, now)?;
        parameters.use_authority_key_identifier_extension = true;
        parameters.custom_extensions = vec![certificate_policies(policies)?];
        let pair = key::generate(KeyKind::EcdsaP256, name)?;
        let certificate =
            parameters.signed_by(&pair, &self.issuer).map_err(|source| PkiError::signing(name, source))?;
        Ok(Self {
            certificate: certificate.into(),
            key_identifier: key_identifier(name),
            issuer: Issuer::new(parameters, pair),
        })
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Returns the signature (ECDSA P-256 with SHA-256) of this authority's key over `message`.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        self.issuer.key().sign(message).map_err(|source| PkiError::signing("a signature", source))
    }

    /// Issues a client certificate of `profile` with a new key; `issuers` are the rest of its chain.
    pub(super) fn issue_card(
        &self,
        profile: &CertificateProfile,
        issuers: Vec<CertificateDer<'static>>,
    ) -> Result<KeyedChain, PkiError> {
        let pair = key::generate(profile.key, &profile.name)?;
        let leaf = self.certify(&profile.name, card_parameters(profile)?, &pair)?;
        Ok(KeyedChain::assemble(&profile.name, leaf, issuers, pair.into()))
    }

    /// Issues a client certificate of `profile` for an existing RSA key; `issuers` are the rest of its chain.
    pub(super) fn issue_card_for(
        &self,
        profile: &CertificateProfile,
        key: PrivatePkcs8KeyDer<'static>,
        issuers: Vec<CertificateDer<'static>>,
    ) -> Result<KeyedChain, PkiError> {
        let leaf = self.certify(&profile.name, card_parameters(profile)?, &RsaPublicKey::of(&key)?)?;
        Ok(KeyedChain::assemble(&profile.name, leaf, issuers, key))
    }

    /// Issues a server certificate for `hosts` (names and addresses), valid from an hour before `now` to 90 days after it.
    pub(super) fn issue_server(
        &self,
        name: &str,
        hosts: &[&str],
        key: KeyKind,
        now: UnixTime,
    ) -> Result<KeyedChain, PkiError> {
        let mut parameters = CertificateParams::default();
        let subject = hosts.first().copied().unwrap_or(name);
        parameters.distinguished_name = distinguished_name("Servers", subject);
        parameters.serial_number = Some(SerialNumber::from_slice(&serial_number(name)));
        parameters.not_before = date(before(now, Duration::from_secs(3600)))?;
        parameters.not_after = date(now.plus(90 * DAY))?;
        parameters.subject_alt_names =
            hosts.iter().map(|host| server_name(host)).collect::<Result<_, _>>()?;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let pair = key::generate(key, name)?;
        let leaf = self.certify(name, parameters, &pair)?;
        Ok(KeyedChain::assemble(name, leaf, Vec::new(), pair.into()))
    }

    /// Returns a CRL in DER that lists the certificates named `revoked`, and whose nextUpdate is a week after `now`.
    pub(super) fn crl(&self, revoked: &[&str], now: UnixTime) -> Result<Vec<u8>, PkiError> {
        let this_update = date(now)?;
        let entry = |name: &&str| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&serial_number(name)),
            revocation_time: this_update,
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        };
        let parameters = CertificateRevocationListParams {
            this_update,
            next_update: date(now.plus(CRL_LIFETIME))?,
            crl_number: SerialNumber::from(now.seconds()),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: self.key_identifier.clone(),
        };
        let list = parameters
            .signed_by(&self.issuer)
            .map_err(|source| PkiError::signing("a certificate revocation list", source))?;
        Ok(list.der().to_vec())
    }

    fn certify(
        &self,
        name: &str,
        mut parameters: CertificateParams,
        key: &impl PublicKeyData,
    ) -> Result<CertificateDer<'static>, PkiError> {
        // Only with ExplicitNoCa does rcgen write the subject key identifier into a leaf.
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.use_authority_key_identifier_extension = true;
        let leaf =
            parameters.signed_by(key, &self.issuer).map_err(|source| PkiError::signing(name, source))?;
        Ok(leaf.into())
    }
}

fn card_parameters(profile: &CertificateProfile) -> Result<CertificateParams, PkiError> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = distinguished_name("Staff", &profile.common_name);
    parameters.serial_number = Some(SerialNumber::from_slice(&profile.serial_number));
    parameters.not_before = date(profile.not_before)?;
    parameters.not_after = date(profile.not_after)?;
    parameters.subject_alt_names = alternative_names(profile)?;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages =
        profile.extended_key_usages.iter().map(|usage| ExtendedKeyUsagePurpose::Other(arcs(usage))).collect();
    parameters.crl_distribution_points = distribution_points(&profile.crl_distribution_points);
    parameters.custom_extensions = custom_extensions(profile)?;
    Ok(parameters)
}

fn authority_parameters(
    name: &str,
    constraints: BasicConstraints,
    now: UnixTime,
) -> Result<CertificateParams, PkiError> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = distinguished_name("PKI", name);
    parameters.serial_number = Some(SerialNumber::from_slice(&serial_number(name)));
    // The expired certificate must lie within the validity of its issuers, or it would be invalid in two ways.
    parameters.not_before = date(before(now, 2 * YEAR))?;
    parameters.not_after = date(now.plus(10 * YEAR))?;
    parameters.is_ca = IsCa::Ca(constraints);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.key_identifier_method = key_identifier(name);
    Ok(parameters)
}

/// Returns the key identifier of an authority, derived from its name. The foreign hierarchy therefore has the same key
/// identifiers, and only signatures distinguish the two (RFC 5280 4.2.1.2 permits any method of derivation).
fn key_identifier(name: &str) -> KeyIdMethod {
    KeyIdMethod::PreSpecified(serial_number(name))
}

fn distinguished_name(unit: &str, common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Corp Example");
    name.push(DnType::OrganizationalUnitName, unit);
    name.push(DnType::CommonName, common_name);
    name
}

fn alternative_names(profile: &CertificateProfile) -> Result<Vec<SanType>, PkiError> {
    let upn = |upn: &String| SanType::OtherName((arcs(&USER_PRINCIPAL_NAME), upn.as_str().into()));
    let mut names: Vec<SanType> = profile.upns.iter().map(upn).collect();
    for email in &profile.emails {
        let email = email.as_str().try_into().map_err(|source| PkiError::signing(email, source))?;
        names.push(SanType::Rfc822Name(email));
    }
    Ok(names)
}

fn server_name(host: &str) -> Result<SanType, PkiError> {
    match host.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName(host.try_into().map_err(|source| PkiError::signing(host, source))?)),
    }
}

fn distribution_points(urls: &[String]) -> Vec<CrlDistributionPoint> {
    urls.iter().map(|url| CrlDistributionPoint { uris: vec![url.clone()] }).collect()
}

fn custom_extensions(profile: &CertificateProfile) -> Result<Vec<CustomExtension>, PkiError> {
    let mut extensions = Vec::new();
    if !profile.policies.is_empty() {
        extensions.push(certificate_policies(&profile.policies)?);
    }
    if let Some(sid) = &profile.sid {
        extensions.push(security_identifier(sid)?);
    }
    for extra in &profile.extra_extensions {
        let mut custom = CustomExtension::from_oid_content(&arcs(&extra.identifier), extra.value.clone());
        custom.set_criticality(extra.critical);
        extensions.push(custom);
    }
    Ok(extensions)
}

// rcgen supports neither of these two extensions.

/// Returns the certificatePolicies extension (RFC 5280 4.2.1.4), not critical, without qualifiers.
fn certificate_policies(policies: &[ObjectIdentifier]) -> Result<CustomExtension, PkiError> {
    let information =
        |policy: &ObjectIdentifier| PolicyInformation { policy_identifier: *policy, policy_qualifiers: None };
    let value = CertificatePolicies(policies.iter().map(information).collect()).to_der()?;
    Ok(CustomExtension::from_oid_content(&arcs(&CERTIFICATE_POLICIES), value))
}

/// Returns the SID extension (MS-WCCE 2.2.2.7.7.4): the SID as ASCII text inside an otherName, not critical.
fn security_identifier(sid: &str) -> Result<CustomExtension, PkiError> {
    let value = security_identifier_value(sid)?;
    Ok(CustomExtension::from_oid_content(&arcs(&SECURITY_IDENTIFIER_EXTENSION), value))
}

/// Returns the arcs of `identifier` in the type that rcgen takes.
fn arcs(identifier: &ObjectIdentifier) -> Vec<u64> {
    identifier.arcs().map(u64::from).collect()
}

fn before(now: UnixTime, span: Duration) -> UnixTime {
    UnixTime::from(now.since_epoch().saturating_sub(span))
}

fn date(time: UnixTime) -> Result<OffsetDateTime, PkiError> {
    let seconds = i64::try_from(time.seconds()).map_err(|_| PkiError::Date(time))?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| PkiError::Date(time))
}
