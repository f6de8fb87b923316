//! Why a chain is refused: the one certificate and the one rule where the path that got furthest ended.

use crate::certificate::signature::SignatureError;
use crate::certificate::{DistinguishedName, KeyAlgorithm, NameForm, ObjectIdentifier};
use crate::clock::UnixTime;
use crate::telemetry::BoundedText;

/// The refusal of a presented chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificate {index} of the path, {}, is refused", subject.shown())]
pub struct ChainError {
    /// Which certificate of the path: 0 is the client's own, the last one is the anchor.
    pub index: usize,
    /// Whose certificate that is.
    pub subject: DistinguishedName,
    /// The rule that it breaks.
    #[source]
    pub violation: PathViolation,
}

impl ChainError {
    /// How many bytes of memory it takes up, estimated high.
    pub(super) fn weight(&self) -> usize {
        const FACTS: usize = 512;
        // As encoded, decoded and ready to be compared.
        let name = |name: &DistinguishedName| 6 * name.der().len();
        let names = match &self.violation {
            PathViolation::NoIssuer { issuer } | PathViolation::Signature { issuer, .. } => name(issuer),
            PathViolation::NameNotPermitted { name: text, by }
            | PathViolation::NameExcluded { name: text, by } => text.len() + name(by),
            PathViolation::NameNotJudged { by, .. } => name(by),
            _ => 0,
        };
        FACTS + name(&self.subject) + names
    }
}

/// The rule that a certificate of a path breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathViolation {
    /// Neither presented nor configured: a certificate of its issuer that leads on to an anchor.
    #[error("no trusted path leads to its issuer {}", issuer.shown())]
    NoIssuer {
        /// Whom it names as its issuer.
        issuer: DistinguishedName,
    },
    /// The path needs more certificates than are followed.
    #[error("the path is longer than {limit} certificates")]
    PathTooLong {
        /// How many are followed, leaf and anchor included.
        limit: usize,
    },
    /// Judging this chain takes more work than is spent on one.
    #[error("the chain has more branches than are followed")]
    TooManyBranches,
    /// Its issuer's key did not sign it, or not in a way that counts.
    #[error("its signature by {} does not hold", issuer.shown())]
    Signature {
        /// The issuer that was tried.
        issuer: DistinguishedName,
        /// Why it does not hold.
        #[source]
        cause: SignatureError,
    },
    /// Its RSA key is too short.
    #[error("its RSA key has {bits} bits where {minimum} are demanded")]
    WeakKey {
        /// The bits it has.
        bits: u32,
        /// The bits demanded.
        minimum: u32,
    },
    /// Its key is of a kind, or of a size, with which nobody can log in.
    #[error("its key of {key} cannot be used")]
    UnusableKey {
        /// The kind of key.
        key: KeyAlgorithm,
    },
    /// A critical extension that is not understood (RFC 5280 4.2).
    #[error("its critical extension {extension} is not understood")]
    UnknownCriticalExtension {
        /// The extension.
        extension: ObjectIdentifier,
    },
    /// The same extension twice (RFC 5280 4.2).
    #[error("its extension {extension} stands there more than once")]
    DuplicateExtension {
        /// The extension.
        extension: ObjectIdentifier,
    },
    /// An extension that would be understood but cannot be decoded.
    #[error("its extension {extension} cannot be decoded")]
    UndecodableExtension {
        /// The extension.
        extension: ObjectIdentifier,
    },
    /// It issued a certificate without being a CA (RFC 5280 6.1.4 k): no version 3, or no basicConstraints with cA.
    #[error("it is not the certificate of a CA")]
    NotCa,
    /// More CAs follow below it than it allows (RFC 5280 6.1.4 m).
    #[error("{below} CAs follow below it where it allows {allowed}")]
    PathLength {
        /// How many follow, self-issued ones not counted.
        below: usize,
        /// How many it allows.
        allowed: u32,
    },
    /// Its keyUsage does not allow what its key was used for.
    #[error("its key usage does not allow {needed}")]
    KeyUsage {
        /// The usage by its name in RFC 5280 4.2.1.3.
        needed: &'static str,
    },
    /// Its extendedKeyUsage lacks a demanded usage, or it has none.
    #[error("its extended key usage lacks {missing}")]
    ExtendedKeyUsage {
        /// The usage that is lacking.
        missing: ObjectIdentifier,
    },
    /// A name in it lies in no part of the name space that a CA above may issue for.
    #[error("its {} is none of those for which {} may issue certificates", BoundedText::<128>::of(name), by.shown())]
    NameNotPermitted {
        /// The kind of name and the name.
        name: String,
        /// The CA whose certificate says so.
        by: DistinguishedName,
    },
    /// A name in it lies in a part of the name space that is taken from a CA above.
    #[error("its {} is one of those for which {} may not issue certificates", BoundedText::<128>::of(name), by.shown())]
    NameExcluded {
        /// The kind of name and the name.
        name: String,
        /// The CA whose certificate says so.
        by: DistinguishedName,
    },
    /// A CA above limits names of a kind that this certificate has, and they cannot be compared.
    #[error("its {form} cannot be compared with those for which {} may issue certificates", by.shown())]
    NameNotJudged {
        /// The kind of name.
        form: NameForm,
        /// The CA whose certificate limits it.
        by: DistinguishedName,
    },
    /// Comparing its names with the name constraints above takes more work than is spent on one chain.
    #[error("it has more names than are compared")]
    TooManyNames,
    /// None of the demanded certificate policies is valid on the path: this certificate ends the last one, or the
    /// client's own has others.
    #[error("none of the certificate policies that are demanded is valid for it")]
    CertificatePolicy,
    /// A CA above, or the rule, requires that some certificate policy is valid, and from this certificate on none is.
    #[error("no certificate policy is valid for it where one is required")]
    NoPolicy,
    /// A CA maps anyPolicy, which RFC 5280 6.1.4 a forbids.
    #[error("it maps anyPolicy")]
    AnyPolicyMapped,
    /// Following its policies and mappings takes more work than is spent on one chain.
    #[error("it has more certificate policies than are followed")]
    TooManyPolicies,
    /// Its time is over.
    #[error("it was valid until {not_after}")]
    Expired {
        /// The last second of its validity.
        not_after: UnixTime,
    },
    /// Its time has not begun.
    #[error("it is valid from {not_before} on")]
    NotYetValid {
        /// The first second of its validity.
        not_before: UnixTime,
    },
}
