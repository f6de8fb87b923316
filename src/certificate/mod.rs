//! The contents of one certificate, typed. Validation, revocation and mapping are done by other folders.
//!
//! Certificates of real CAs are read (version 1, unusual serial numbers, unknown critical extensions, alternative names
//! that cannot be decoded). Parts that are not understood are recorded, so that a later stage can reject the certificate
//! with a reason.

mod alt_security;
mod alternative_names;
mod bundle;
mod distribution_point;
mod element;
mod extensions;
mod general_name;
mod identifiers;
mod key;
mod layout;
mod malleability;
mod name;
mod name_constraints;
mod object_identifier;
mod policy;
mod security_identifier;
pub(crate) mod signature;
mod text;
pub(crate) mod usage;
mod validity;
mod x509;

#[cfg(test)]
mod tests;

pub use alt_security::AltSecurityForm;
pub(crate) use alt_security::{AltSecurityIdentity, AltSecurityName};
#[cfg(test)]
pub(crate) use alternative_names::{AlternativeNames, OtherName};
pub(crate) use alternative_names::{OtherValue, SUBJECT_ALTERNATIVE_NAME};
pub(crate) use bundle::{BundleError, read_bundle};
pub use bundle::{certificate_ders, crl_ders, private_key_der};
pub(crate) use distribution_point::{
    CrlDistributionPoint, GeneralPlace, IssuingDistributionPoint, PointName,
};
#[cfg(test)]
pub(crate) use extensions::{BasicConstraints, X509Extension};
pub(crate) use general_name::{NameForm, USER_PRINCIPAL_NAME, directory_names};
pub(crate) use identifiers::{Fingerprint, KeyId, SerialNumber, TbsFingerprint};
pub(crate) use key::KeyAlgorithm;
pub(crate) use name::{AttributeValues, DistinguishedName};
pub(crate) use name_constraints::{DomainSubtree, MailSubtree, NameConstraints, NameSubtree, is_domain};
pub(crate) use object_identifier::ObjectIdentifier;
pub(crate) use policy::{ANY_POLICY, PolicyMapping};
pub(crate) use security_identifier::{
    SECURITY_IDENTIFIER_EXTENSION, is_security_identifier, security_identifier_value,
};
pub(crate) use validity::read_time;
pub use x509::Certificate;
pub(crate) use x509::{MalformedCertificate, public_key_of};
pub(crate) use x509_cert::ext::pkix::KeyUsage;
pub(crate) use x509_cert::ext::pkix::crl::dp::{ReasonFlags, Reasons};
