//! The extensions of a certificate, typed. Reading never fails: unknown, duplicate and undecodable extensions are listed
//! for the validation stage, which refuses them.

use std::collections::HashSet;

use const_oid::db::{rfc5280, rfc6960};
use der::asn1::OctetStringRef;
use der::{Decode, Sequence};
use x509_cert::ext::pkix::KeyUsage;

use super::alternative_names::AlternativeNames;
use super::distribution_point::CrlDistributionPoint;
use super::element::{DerElement, SEQUENCE, malformed};
use super::general_name::{GeneralName, ia5};
use super::name_constraints::NameConstraints;
use super::object_identifier::ObjectIdentifier;
use super::policy::{self, PolicyConstraints, PolicyMapping};
use super::security_identifier::{self, SECURITY_IDENTIFIER_EXTENSION};
use super::text::line;

/// One Extension (RFC 5280 4.1) of a certificate, a CRL, a CRL entry or an OCSP response, its value still encoded. An
/// explicit `critical FALSE` is not DER, but common and accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub(crate) struct X509Extension<'a> {
    /// extnID.
    pub id: ObjectIdentifier,
    /// Whether a reader that does not know it must reject the certificate.
    #[asn1(default = "Default::default")]
    pub critical: bool,
    value: &'a OctetStringRef,
}

impl<'a> X509Extension<'a> {
    /// Returns the contents of extnValue.
    pub(crate) fn value(&self) -> &'a [u8] {
        self.value.as_bytes()
    }
}

/// Application Policies (szOID_APPLICATION_CERT_POLICIES, [MS-WCCE] 2.2.2.7.7.3), in which AD CS repeats the usages of
/// extendedKeyUsage. The certificate template determines whether it is critical.
const APPLICATION_POLICIES: const_oid::ObjectIdentifier =
    const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.21.10");

/// basicConstraints (RFC 5280 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct BasicConstraints {
    /// Whether the subject is a CA.
    #[asn1(default = "Default::default")]
    pub ca: bool,
    /// The maximum number of CA certificates that may follow below it, without self-issued ones.
    #[asn1(optional = "true")]
    pub path_length: Option<u32>,
}

/// The locations of information about the issuer (authorityInfoAccess, RFC 5280 4.2.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityInformationAccess {
    /// URIs of OCSP responders.
    pub ocsp: Vec<String>,
    /// URIs of the issuer's certificates.
    pub ca_issuers: Vec<String>,
}

/// szOID_ANY_APPLICATION_POLICY: in Application Policies the equivalent of anyExtendedKeyUsage.
pub(super) const ANY_APPLICATION_POLICY: const_oid::ObjectIdentifier =
    const_oid::ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.10.12.1");

/// The contents of all extensions.
#[derive(Debug, Default)]
pub(super) struct CertificateExtensions {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usages: Option<Vec<ObjectIdentifier>>,
    pub(super) application_policies: Option<Vec<ObjectIdentifier>>,
    pub(super) alternative_names: AlternativeNames,
    pub(super) policies: Vec<ObjectIdentifier>,
    pub(super) subject_key_identifier: Option<Box<[u8]>>,
    pub(super) authority_key_identifier: Option<Box<[u8]>>,
    pub(super) crl_distribution_points: Vec<CrlDistributionPoint>,
    pub(super) freshest_crls: Vec<CrlDistributionPoint>,
    pub(super) authority_information_access: AuthorityInformationAccess,
    pub(super) sid: Option<String>,
    pub(super) ocsp_no_check: bool,
    pub(super) name_constraints: Option<NameConstraints>,
    pub(super) policy_mappings: Vec<PolicyMapping>,
    pub(super) policy_constraints: PolicyConstraints,
    pub(super) inhibit_any_policy: Option<u32>,
    pub(super) unknown_critical: Vec<ObjectIdentifier>,
    pub(super) duplicate: Vec<ObjectIdentifier>,
    pub(super) undecodable: Vec<ObjectIdentifier>,
}

impl CertificateExtensions {
    pub(super) fn read(extensions: &[X509Extension<'_>]) -> Self {
        let mut facts = Self::default();
        let mut seen = HashSet::new();
        for extension in extensions {
            // RFC 5280 4.2 forbids duplicates. The first one is used, so that a second cannot replace it.
            if !seen.insert(extension.id) {
                facts.duplicate.push(extension.id);
            } else if facts.add(extension).is_err() {
                facts.undecodable.push(extension.id);
            }
        }
        facts
    }

    fn add(&mut self, extension: &X509Extension<'_>) -> der::Result<()> {
        let der = extension.value();
        match extension.id.as_known() {
            Some(rfc5280::ID_CE_BASIC_CONSTRAINTS) => {
                self.basic_constraints = Some(BasicConstraints::from_der(der)?);
            }
            Some(rfc5280::ID_CE_KEY_USAGE) => self.key_usage = Some(KeyUsage::from_der(der)?),
            Some(rfc5280::ID_CE_EXT_KEY_USAGE) => {
                let usages = DerElement::sequence(der)?.into_iter();
                let usages = usages.map(|usage| ObjectIdentifier::from_der(usage.der));
                self.extended_key_usages = Some(usages.collect::<der::Result<_>>()?);
            }
            Some(rfc5280::ID_CE_SUBJECT_ALT_NAME) => {
                self.alternative_names = AlternativeNames::read(der)?;
                // RFC 5280 4.2: a critical extension is understood or refused. A name of a known kind is understood.
                if extension.critical && self.alternative_names.undecodable {
                    self.undecodable.push(extension.id);
                }
            }
            Some(rfc5280::ID_CE_CERTIFICATE_POLICIES) => self.policies = policy::identifiers(der)?,
            Some(rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER) => {
                self.subject_key_identifier = Some(<&OctetStringRef>::from_der(der)?.as_bytes().into());
            }
            Some(rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER) => {
                // The issuer's name and serial number beside it are not used (RFC 4158 3.5.12), so they may have any
                // form and length.
                let fields = DerElement::sequence(der)?;
                let identifier = fields.iter().find(|field| field.identifier == 0x80);
                self.authority_key_identifier = identifier.map(|identifier| identifier.contents.into());
            }
            Some(rfc5280::ID_CE_CRL_DISTRIBUTION_POINTS) => {
                self.crl_distribution_points = CrlDistributionPoint::read_all(der)?;
            }
            Some(rfc5280::ID_CE_FRESHEST_CRL) => self.freshest_crls = CrlDistributionPoint::read_all(der)?,
            Some(rfc5280::ID_PE_AUTHORITY_INFO_ACCESS) => {
                self.authority_information_access = AuthorityInformationAccess::read(der)?;
            }
            Some(SECURITY_IDENTIFIER_EXTENSION) => self.sid = Some(security_identifier::read(der)?),
            Some(APPLICATION_POLICIES) => self.application_policies = Some(policy::identifiers(der)?),
            Some(rfc6960::ID_PKIX_OCSP_NOCHECK) => self.ocsp_no_check = true,
            Some(rfc5280::ID_CE_NAME_CONSTRAINTS) => {
                self.name_constraints = Some(NameConstraints::read(der)?);
            }
            Some(rfc5280::ID_CE_POLICY_MAPPINGS) => self.policy_mappings = policy::mappings(der)?,
            Some(rfc5280::ID_CE_POLICY_CONSTRAINTS) => {
                self.policy_constraints = PolicyConstraints::read(der)?;
            }
            Some(rfc5280::ID_CE_INHIBIT_ANY_POLICY) => self.inhibit_any_policy = Some(u32::from_der(der)?),
            _ if extension.critical => self.unknown_critical.push(extension.id),
            _ => {}
        }
        Ok(())
    }
}

impl AuthorityInformationAccess {
    /// Reads an AuthorityInfoAccess. A location that is not a URI, or an unreadable URI, is ignored: it would not be
    /// used.
    fn read(der: &[u8]) -> der::Result<Self> {
        let mut access = Self::default();
        for description in DerElement::sequence(der)? {
            let parts = description.inside(SEQUENCE)?;
            let [method, location] = parts.as_slice() else { return Err(malformed()) };
            let method = ObjectIdentifier::from_der(method.der)?;
            let uris = match method.as_known() {
                Some(rfc5280::ID_AD_OCSP) => &mut access.ocsp,
                Some(rfc5280::ID_AD_CA_ISSUERS) => &mut access.ca_issuers,
                Some(_) | None => continue,
            };
            if let GeneralName::Uri(content) = GeneralName::read(*location)? {
                uris.extend(ia5(content).and_then(line));
            }
        }
        Ok(access)
    }
}
