//! Why a chain is rejected: one certificate and one rule, of the path that came closest to being valid.

use crate::certificate::signature::SignatureError;
use crate::certificate::{Certificate, DistinguishedName, KeyAlgorithm, NameForm, ObjectIdentifier, usage};
use crate::clock::UnixTime;
use crate::telemetry::BoundedText;
use std::fmt;

/// The rejection of a presented chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {} is rejected", CertificatePosition(*index), subject.shown())]
pub struct ChainError {
    /// The position of the certificate in the path: 0 is the client's own, the last one is the anchor.
    pub index: usize,
    /// The subject of the certificate.
    pub subject: DistinguishedName,
    /// The rule that it violates.
    #[source]
    pub violation: PathViolation,
}

impl ChainError {
    /// Returns the refusal of a path because of one certificate.
    pub(super) fn new(index: usize, certificate: &Certificate, violation: PathViolation) -> Self {
        Self { index, subject: certificate.subject().clone(), violation }
    }

    /// Returns how many bytes of memory it takes up, estimated high.
    pub(super) fn weight(&self) -> usize {
        const FACTS: usize = 512;
        // As encoded, decoded and ready to be compared.
        let name = |name: &DistinguishedName| 6 * name.der().len();
        let names = match &self.violation {
            PathViolation::NoIssuer { issuer } | PathViolation::Signature { issuer, .. } => name(issuer),
            PathViolation::NameNotPermitted { name: text, by }
            | PathViolation::NameExcluded { name: text, by } => text.len() + name(by),
            PathViolation::NameNotComparable { by, .. } => name(by),
            _ => 0,
        };
        FACTS + name(&self.subject) + names
    }
}

/// The rule that a certificate of a path violates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathViolation {
    /// No certificate of its issuer that leads to an anchor was presented or configured.
    #[error("no trusted path leads to its issuer {}", issuer.shown())]
    NoIssuer {
        /// The issuer that it names.
        issuer: DistinguishedName,
    },
    /// The path exceeds the limit on certificates.
    #[error("the path has more than {limit} certificates")]
    PathTooLong {
        /// The limit, leaf and anchor included.
        limit: usize,
    },
    /// Validating this chain would exceed the limits on work.
    #[error("the chain has too many branches")]
    TooManyBranches,
    /// The signature was not made by its issuer's key, or its algorithm is not accepted.
    #[error("signature of issuer {} is not valid", issuer.shown())]
    Signature {
        /// The issuer that was tried.
        issuer: DistinguishedName,
        /// The reason.
        #[source]
        cause: SignatureError,
    },
    /// Its RSA key is too short.
    #[error("RSA key is {bits} bits; at least {minimum} are required")]
    WeakKey {
        /// The size of the key.
        bits: u32,
        /// The required size.
        minimum: u32,
    },
    /// A key of a kind or size that no handshake accepts.
    #[error("keys of kind {key} are not supported")]
    UnusableKey {
        /// The kind of key.
        key: KeyAlgorithm,
    },
    /// A critical extension that is not understood (RFC 5280 4.2).
    #[error("critical extension {extension} is not understood")]
    UnknownCriticalExtension {
        /// The extension.
        extension: ObjectIdentifier,
    },
    /// The same extension occurs twice (RFC 5280 4.2).
    #[error("extension {extension} occurs more than once")]
    DuplicateExtension {
        /// The extension.
        extension: ObjectIdentifier,
    },
    /// A known extension that cannot be decoded.
    #[error("extension {extension} cannot be decoded")]
    UndecodableExtension {
        /// The extension.
        extension: ObjectIdentifier,
    },
    /// It issued a certificate but is not a CA (RFC 5280 6.1.4 k): no version 3, or no basicConstraints with cA.
    #[error("it is not a CA certificate")]
    NotCa,
    /// More CAs are below it than its path length constraint allows (RFC 5280 6.1.4 m).
    #[error("path length constraint is {allowed}, but {below} CAs are below it")]
    PathLength {
        /// The number of CAs below it, except self-issued ones.
        below: usize,
        /// The path length constraint.
        allowed: u32,
    },
    /// Its keyUsage does not allow the use of its key.
    #[error("key usage lacks {needed}")]
    KeyUsage {
        /// The usage by its name in RFC 5280 4.2.1.3.
        needed: &'static str,
    },
    /// Its extendedKeyUsage lacks a required usage, or is absent.
    #[error("extended key usage lacks {}", shown_usage(*missing))]
    ExtendedKeyUsage {
        /// The missing usage.
        missing: ObjectIdentifier,
    },
    /// A name is outside the name space that a CA above permits.
    #[error("its {} is outside the permitted subtrees of {}", BoundedText::<128>::of(name), by.shown())]
    NameNotPermitted {
        /// The kind of name and the name.
        name: String,
        /// The CA whose certificate has the constraint.
        by: DistinguishedName,
    },
    /// A name is inside a part of the name space that a CA above excludes.
    #[error("its {} is inside an excluded subtree of {}", BoundedText::<128>::of(name), by.shown())]
    NameExcluded {
        /// The kind of name and the name.
        name: String,
        /// The CA whose certificate has the constraint.
        by: DistinguishedName,
    },
    /// A CA above constrains names of a kind that this certificate has, and they cannot be compared.
    #[error("its {form} cannot be compared with the name constraints of {}", by.shown())]
    NameNotComparable {
        /// The kind of name.
        form: NameForm,
        /// The CA whose certificate has the constraint.
        by: DistinguishedName,
    },
    /// Comparing its names with the name constraints above would exceed the limits on work.
    #[error("it has too many names to compare with the name constraints")]
    TooManyNames,
    /// No required certificate policy is valid on the path: none remains after this certificate, or the client's own
    /// has others.
    #[error("none of the required certificate policies is valid for it")]
    CertificatePolicy,
    /// A CA above or the rule requires a valid certificate policy, and from this certificate on there is none.
    #[error("a certificate policy is required, but none is valid for it")]
    NoPolicy,
    /// A CA maps anyPolicy, which RFC 5280 6.1.4 a forbids.
    #[error("it maps anyPolicy")]
    AnyPolicyMapped,
    /// Following its policies and mappings would exceed the limits on work.
    #[error("it has too many certificate policies")]
    TooManyPolicies,
    /// Its validity period has ended.
    #[error("expired at {not_after}")]
    Expired {
        /// The last second of its validity.
        not_after: UnixTime,
    },
    /// Its validity period has not begun.
    #[error("not valid before {not_before}")]
    NotYetValid {
        /// The first second of its validity.
        not_before: UnixTime,
    },
}

/// `leaf certificate` or `certificate 2 of the path`.
struct CertificatePosition(usize);

impl fmt::Display for CertificatePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("leaf certificate"),
            index => write!(f, "certificate {index} of the path"),
        }
    }
}

/// Returns a usage with its name in proxy.toml, if it has one.
fn shown_usage(oid: ObjectIdentifier) -> String {
    match usage::name_of(oid) {
        Some(name) => format!("{name} ({oid})"),
        None => oid.to_string(),
    }
}
