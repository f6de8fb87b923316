//! The contents of one certificate, typed. Validation, revocation and mapping are done by other folders.
//!
//! Certificates of real CAs are read (version 1, unusual serial numbers, unknown critical extensions, alternative names
//! that cannot be decoded). What cannot be understood is recorded, so that a later stage can refuse it with a reason.

mod alt_security_identities;
mod alt_security_name;
mod alternative_names;
mod bundle;
mod distribution_point;
mod element;
mod extensions;
mod fingerprint;
mod general_name;
mod key;
mod layout;
mod malleability;
mod name;
mod name_constraints;
mod object_identifier;
mod policy;
mod security_identifier;
mod serial;
pub mod signature;
mod text;
pub mod usage;
mod validity;
mod windows_name;
mod x509;

#[cfg(test)]
mod tests;

pub use alt_security_identities::{AltSecurityForm, AltSecurityIdentity};
pub use alt_security_name::AltSecurityName;
pub use alternative_names::{
    AlternativeNames, OtherName, OtherValue, SUBJECT_ALTERNATIVE_NAME, UnreadableName,
};
pub use bundle::{
    BundleError, PemError, Pkcs7Error, certificate_ders, crl_ders, private_key_der, read_bundle,
};
pub use distribution_point::{CrlDistributionPoint, GeneralPlace, IssuingDistributionPoint, PointName};
pub use extensions::{AuthorityInformationAccess, BasicConstraints, Extension};
pub use fingerprint::{Fingerprint, KeyId, TbsFingerprint};
pub use general_name::{NameForm, USER_PRINCIPAL_NAME, directory_names};
pub use key::KeyAlgorithm;
pub use name::{AttributeValues, DistinguishedName};
pub use name_constraints::{DomainSubtree, MailSubtree, NameConstraints, Subtree, is_domain};
pub use object_identifier::{InvalidObjectIdentifier, ObjectIdentifier};
pub use policy::{ANY_POLICY, PolicyConstraints, PolicyMapping};
pub use security_identifier::{
    SECURITY_IDENTIFIER_EXTENSION, is_security_identifier, security_identifier_value,
};
pub use serial::SerialNumber;
pub use validity::read_time;
pub use x509::{Certificate, MalformedCertificate, public_key_of};
pub use x509_cert::ext::pkix::KeyUsage;
pub use x509_cert::ext::pkix::crl::dp::{ReasonFlags, Reasons};
