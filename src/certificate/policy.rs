//! The extensions about certificate policies. Which policies are valid depends on a whole path and is decided elsewhere;
//! qualifiers are not decoded.

use const_oid::db::rfc5280;
use der::{Decode, ErrorKind, Sequence, Tag};

use super::element::{DerElement, SEQUENCE};
use super::object_identifier::ObjectIdentifier;

/// anyPolicy (RFC 5280 4.2.1.4).
pub(crate) const ANY_POLICY: ObjectIdentifier = ObjectIdentifier::known(rfc5280::ANY_POLICY);

/// One entry of policyMappings (RFC 5280 4.2.1.5): below this CA the subject's policy is equivalent to the issuer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub struct PolicyMapping {
    /// The policy in the domain of the CA that issued the certificate.
    pub issuer_domain: ObjectIdentifier,
    /// The policy in the domain of the CA that is the subject of the certificate.
    pub subject_domain: ObjectIdentifier,
}

/// policyConstraints (RFC 5280 4.2.1.11): how many certificates may follow before a requirement applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Sequence)]
pub struct PolicyConstraints {
    /// A policy must be valid on the path.
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub require_explicit_policy: Option<u32>,
    /// Policies must not be mapped.
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub inhibit_policy_mapping: Option<u32>,
}

impl PolicyConstraints {
    /// Reads a PolicyConstraints. An empty extension is rejected: RFC 5280 forbids CAs to issue it and does not
    /// specify its meaning.
    pub(super) fn read(der: &[u8]) -> der::Result<Self> {
        Some(Self::from_der(der)?).filter(|constraints| *constraints != Self::default()).ok_or_else(empty)
    }
}

/// Returns the mappings of a policyMappings extension, at least one.
pub(super) fn mappings(der: &[u8]) -> der::Result<Vec<PolicyMapping>> {
    Some(Vec::<PolicyMapping>::from_der(der)?).filter(|mappings| !mappings.is_empty()).ok_or_else(empty)
}

/// Returns the policy identifiers of certificatePolicies, or of Microsoft's application policies, which have the same
/// syntax. Qualifiers are texts for users, and RFC 5280 4.2.1.4 leaves so many forms of them in use that decoding
/// them all would refuse good certificates.
pub(super) fn identifiers(der: &[u8]) -> der::Result<Vec<ObjectIdentifier>> {
    let identifier = |element: DerElement<'_>| match element.inside(SEQUENCE)?.as_slice() {
        [identifier] | [identifier, _] => ObjectIdentifier::from_der(identifier.der),
        _ => Err(empty()),
    };
    DerElement::sequence(der)?.into_iter().map(identifier).collect()
}

fn empty() -> der::Error {
    ErrorKind::Value { tag: Tag::Sequence }.into()
}
