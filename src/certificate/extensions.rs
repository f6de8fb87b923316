//! Takes the extensions of one certificate, gives what they say as typed facts. Never refuses: what is unknown, double
//! or cannot be decoded is listed, for the validation stage to judge.

use std::collections::HashSet;

use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5280, rfc6960};
use der::asn1::OctetStringRef;
use der::{Decode, Sequence};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::FreshestCrl;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage,
};

use super::alternative_names::AlternativeNames;
use super::distribution_point::CrlDistributionPoint;
use super::name_constraints::NameConstraints;
use super::policy::{self, PolicyConstraints, PolicyMapping};
use super::security_identifier::{self, SECURITY_IDENTIFIER_EXTENSION};

/// basicConstraints (RFC 5280 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct BasicConstraints {
    /// Whether the subject is a CA.
    #[asn1(default = "Default::default")]
    pub ca: bool,
    /// How many CA certificates, self-issued ones not counted, may follow below it.
    #[asn1(optional = "true")]
    pub path_length: Option<u32>,
}

/// Where the issuer says more about itself (RFC 5280 4.2.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityInformationAccess {
    /// URIs of OCSP responders.
    pub ocsp: Vec<String>,
    /// URIs of the issuer's certificates.
    pub ca_issuers: Vec<String>,
}

/// All that the extensions say.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usages: Option<Vec<ObjectIdentifier>>,
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

impl Extensions {
    pub(super) fn read(extensions: &[Extension]) -> Self {
        let mut facts = Self::default();
        let mut seen = HashSet::new();
        for extension in extensions {
            // RFC 5280 4.2: no extension twice. The first one counts, so that a second cannot replace what was read.
            if !seen.insert(extension.extn_id) {
                facts.duplicate.push(extension.extn_id);
            } else if facts.add(extension).is_err() {
                facts.undecodable.push(extension.extn_id);
            }
        }
        facts
    }

    fn add(&mut self, extension: &Extension) -> der::Result<()> {
        let der = extension.extn_value.as_bytes();
        match extension.extn_id {
            rfc5280::ID_CE_BASIC_CONSTRAINTS => {
                self.basic_constraints = Some(BasicConstraints::from_der(der)?);
            }
            rfc5280::ID_CE_KEY_USAGE => self.key_usage = Some(KeyUsage::from_der(der)?),
            rfc5280::ID_CE_EXT_KEY_USAGE => {
                self.extended_key_usages = Some(ExtendedKeyUsage::from_der(der)?.0);
            }
            rfc5280::ID_CE_SUBJECT_ALT_NAME => {
                self.alternative_names = AlternativeNames::read(der)?;
                // RFC 5280 4.2: what is critical is understood whole or not at all.
                if extension.critical && self.alternative_names.undecodable {
                    self.undecodable.push(extension.extn_id);
                }
            }
            rfc5280::ID_CE_CERTIFICATE_POLICIES => self.policies = policy::identifiers(der)?,
            rfc5280::ID_CE_SUBJECT_KEY_IDENTIFIER => {
                self.subject_key_identifier = Some(<&OctetStringRef>::from_der(der)?.as_bytes().into());
            }
            rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER => {
                let identifier = AuthorityKeyIdentifier::from_der(der)?.key_identifier;
                self.authority_key_identifier = identifier.map(|id| id.as_bytes().into());
            }
            rfc5280::ID_CE_CRL_DISTRIBUTION_POINTS => {
                let points = CrlDistributionPoints::from_der(der)?.0.into_iter();
                self.crl_distribution_points =
                    points.map(CrlDistributionPoint::try_from).collect::<der::Result<_>>()?;
            }
            rfc5280::ID_CE_FRESHEST_CRL => {
                let points = FreshestCrl::from_der(der)?.0.into_iter();
                self.freshest_crls =
                    points.map(CrlDistributionPoint::try_from).collect::<der::Result<_>>()?;
            }
            rfc5280::ID_PE_AUTHORITY_INFO_ACCESS => {
                self.authority_information_access = AuthorityInfoAccessSyntax::from_der(der)?.into();
            }
            rfc6960::ID_PKIX_OCSP_NOCHECK => self.ocsp_no_check = true,
            SECURITY_IDENTIFIER_EXTENSION => self.sid = Some(security_identifier::read(der)?),
            rfc5280::ID_CE_NAME_CONSTRAINTS => self.name_constraints = Some(NameConstraints::read(der)?),
            rfc5280::ID_CE_POLICY_MAPPINGS => self.policy_mappings = policy::mappings(der)?,
            rfc5280::ID_CE_POLICY_CONSTRAINTS => self.policy_constraints = PolicyConstraints::read(der)?,
            rfc5280::ID_CE_INHIBIT_ANY_POLICY => self.inhibit_any_policy = Some(u32::from_der(der)?),
            unknown if extension.critical => self.unknown_critical.push(unknown),
            _ => {}
        }
        Ok(())
    }
}

impl From<AuthorityInfoAccessSyntax> for AuthorityInformationAccess {
    fn from(syntax: AuthorityInfoAccessSyntax) -> Self {
        let mut access = Self::default();
        for description in syntax.0 {
            match description.access_method {
                rfc5280::ID_AD_OCSP => access.ocsp.extend(uri(description.access_location)),
                rfc5280::ID_AD_CA_ISSUERS => access.ca_issuers.extend(uri(description.access_location)),
                _ => {}
            }
        }
        access
    }
}

fn uri(name: GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(uri) => Some(uri.as_str().to_owned()),
        GeneralName::OtherName(_)
        | GeneralName::Rfc822Name(_)
        | GeneralName::DnsName(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EdiPartyName(_)
        | GeneralName::IpAddress(_)
        | GeneralName::RegisteredId(_) => None,
    }
}
