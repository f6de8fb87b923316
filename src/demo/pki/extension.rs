//! Takes object identifiers and a SID, gives the certificate extensions that the certificate maker does not know.

use const_oid::ObjectIdentifier;
use der::Encode;
use der::asn1::{Any, OctetString};
use rcgen::CustomExtension;
use x509_cert::ext::pkix::certpolicy::{CertificatePolicies, PolicyInformation};
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

use super::PkiError;

/// The certificate policy that the demo's paths ask for (NIST's test policy 1).
pub const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.2.1.48.1");
/// Another policy that the issuing authority may assert (NIST's test policy 2).
pub const OTHER_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.2.1.48.2");
/// The extended key usage of a smartcard that logs on to Windows (MS-WCCE).
pub const SMARTCARD_LOGON: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.2");

pub(super) const ANY_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");
pub(super) const USER_PRINCIPAL_NAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
const SECURITY_EXTENSION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.25.2");
const OBJECT_SID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.25.2.1");

/// The certificatePolicies extension (RFC 5280 4.2.1.4), not critical, without qualifiers.
pub(super) fn certificate_policies(policies: &[ObjectIdentifier]) -> Result<CustomExtension, PkiError> {
    let information =
        |policy: &ObjectIdentifier| PolicyInformation { policy_identifier: *policy, policy_qualifiers: None };
    let value = CertificatePolicies(policies.iter().map(information).collect()).to_der()?;
    Ok(CustomExtension::from_oid_content(&arcs(&CERTIFICATE_POLICIES), value))
}

/// The SID extension (MS-WCCE 2.2.2.7.7.4): the SID as ASCII text inside an otherName, not critical.
pub(super) fn security_identifier(sid: &str) -> Result<CustomExtension, PkiError> {
    let text = OctetString::new(sid.as_bytes())?;
    let name = OtherName { type_id: OBJECT_SID, value: Any::encode_from(&text)? };
    let value = vec![GeneralName::OtherName(name)].to_der()?;
    Ok(CustomExtension::from_oid_content(&arcs(&SECURITY_EXTENSION), value))
}

/// The identifier as the list of numbers that the certificate maker takes.
pub(super) fn arcs(identifier: &ObjectIdentifier) -> Vec<u64> {
    identifier.arcs().map(u64::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sid_extension_has_the_bytes_that_windows_writes() {
        let extension = security_identifier("S-1-5-21-1004336348-1177238915-682003330-512").unwrap();
        let head =
            [0x30, 0x3e, 0xa0, 0x3c, 0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x19, 0x02, 0x01]
                .into_iter()
                .chain([0xa0, 0x2e, 0x04, 0x2c])
                .chain(*b"S-1-5-21-1004336348-1177238915-682003330-512");
        assert_eq!(extension.content(), head.collect::<Vec<u8>>());
        assert!(!extension.criticality());
    }
}
