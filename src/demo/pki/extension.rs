//! Certificate extensions that rcgen does not support.

use const_oid::ObjectIdentifier;
use der::Encode;
use rcgen::CustomExtension;
use x509_cert::ext::pkix::certpolicy::{CertificatePolicies, PolicyInformation};

use super::error::PkiError;
use crate::certificate::{SECURITY_IDENTIFIER_EXTENSION, security_identifier_value};

/// The certificate policy that the demo's path rules require (NIST's test policy 1).
pub(crate) const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.2.1.48.1");
/// Another policy that the issuing authority may assert (NIST's test policy 2).
pub(crate) const OTHER_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.2.1.48.2");
/// The extended key usage for Windows smartcard logon (MS-WCCE).
pub(crate) const SMARTCARD_LOGON: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.2");

pub(super) const ANY_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");
pub(super) const USER_PRINCIPAL_NAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");

/// Returns the certificatePolicies extension (RFC 5280 4.2.1.4), not critical, without qualifiers.
pub(super) fn certificate_policies(policies: &[ObjectIdentifier]) -> Result<CustomExtension, PkiError> {
    let information =
        |policy: &ObjectIdentifier| PolicyInformation { policy_identifier: *policy, policy_qualifiers: None };
    let value = CertificatePolicies(policies.iter().map(information).collect()).to_der()?;
    Ok(CustomExtension::from_oid_content(&arcs(&CERTIFICATE_POLICIES), value))
}

/// Returns the SID extension (MS-WCCE 2.2.2.7.7.4): the SID as ASCII text inside an otherName, not critical.
pub(super) fn security_identifier(sid: &str) -> Result<CustomExtension, PkiError> {
    let value = security_identifier_value(sid)?;
    Ok(CustomExtension::from_oid_content(&arcs(&SECURITY_IDENTIFIER_EXTENSION), value))
}

/// Returns the arcs of `identifier` in the type that rcgen takes.
pub(super) fn arcs(identifier: &ObjectIdentifier) -> Vec<u64> {
    identifier.arcs().map(u64::from).collect()
}
