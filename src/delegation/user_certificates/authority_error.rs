//! Errors of the subordinate CA and of the certificates that it issues.

use std::time::Duration;

use crate::certificate::signature::SignatureError;
use crate::certificate::{KeyAlgorithm, MalformedCertificate};
use crate::clock::UnixTime;

/// The reason for which a chain and a key cannot be used as a subordinate CA.
#[derive(Debug, thiserror::Error)]
pub enum SubordinateCaError {
    /// The chain is empty.
    #[error("no certificate")]
    NoCertificate,
    /// A certificate of the chain is malformed.
    #[error("certificate {number} of the chain is malformed")]
    Malformed {
        /// Its position in the chain, from 1.
        number: usize,
        /// The reason.
        #[source]
        cause: MalformedCertificate,
    },
    /// The private key is malformed or not supported.
    #[error("cannot use the private key")]
    UnusableKey(#[source] rustls::Error),
    /// The private key belongs to another certificate.
    #[error("private key does not match the certificate")]
    KeyMismatch,
    /// Windows cannot verify signatures of this key, or the key is too short.
    #[error("unsuitable CA key {0}: use RSA of at least 2048 bits, P-256, P-384 or P-521")]
    UnsuitableKey(KeyAlgorithm),
    /// The certificate is not a CA certificate (RFC 5280 4.2.1.9).
    #[error(
        "certificate {number} of the chain is not a CA certificate: basicConstraints with cA=TRUE is missing"
    )]
    NotAuthority {
        /// Its position in the chain, from 1.
        number: usize,
    },
    /// The CA may not sign certificates (RFC 5280 4.2.1.3).
    #[error("certificate {number} of the chain may not sign certificates: keyUsage without keyCertSign")]
    MayNotSign {
        /// Its position in the chain, from 1.
        number: usize,
    },
    /// The CA may not issue client certificates: Windows applies the extended key usages of a CA to all certificates below.
    #[error("certificate {number} of the chain does not permit clientAuth in extendedKeyUsage")]
    NotForClients {
        /// Its position in the chain, from 1.
        number: usize,
    },
    /// The path length constraint of a CA is exceeded (RFC 5280 4.2.1.9).
    #[error("certificate {number} of the chain permits only {limit} CAs below it")]
    PathTooLong {
        /// Its position in the chain, from 1.
        number: usize,
        /// Its pathLenConstraint.
        limit: u32,
    },
    /// The certificate has no subjectKeyIdentifier, which RFC 5280 4.2.1.2 requires of a CA.
    #[error("certificate without subjectKeyIdentifier")]
    NoKeyIdentifier,
    /// A certificate of the chain was not issued by the next one.
    #[error("certificate {number} of the chain was not issued by the next one")]
    NotIssuedByNext {
        /// Its position in the chain, from 1.
        number: usize,
        /// The error of the signature, if the names match.
        #[source]
        cause: Option<SignatureError>,
    },
    /// A certificate of the chain is not valid, or expires before a certificate issued now.
    #[error(transparent)]
    Time(IssuanceError),
    /// The lifetime is out of range.
    #[error("lifetime {given:?} is not between {least:?} and {most:?}")]
    Lifetime {
        /// The configured value.
        given: Duration,
        /// The minimum.
        least: Duration,
        /// The maximum.
        most: Duration,
    },
    /// The backdating is too long: Windows does not map a certificate that is older than the account.
    #[error("backdating by {given:?} exceeds {most:?}")]
    Backdate {
        /// The configured value.
        given: Duration,
        /// The maximum.
        most: Duration,
    },
}

/// The reason for which no certificate was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssuanceError {
    /// A certificate of the CA's chain is not yet valid.
    #[error("chain of the subordinate CA is not valid before {not_before} (now {now})")]
    AuthorityNotYetValid {
        /// The start of its validity.
        not_before: UnixTime,
        /// The current time.
        now: UnixTime,
    },
    /// A certificate of the CA's chain expires before one issued now.
    #[error("chain of the subordinate CA expires at {not_after}, before a certificate issued at {now}")]
    AuthorityEnds {
        /// The end of the validity of the certificate that expires first.
        not_after: UnixTime,
        /// The current time.
        now: UnixTime,
    },
    /// The system returned no random bytes for a key or serial number.
    #[error("cannot generate a key")]
    Key,
    /// The new key cannot be used for TLS.
    #[error("cannot use the new key")]
    UnusableKey(#[source] rustls::Error),
    /// A part of the certificate cannot be encoded.
    #[error("cannot encode the certificate")]
    Encoding(#[from] der::Error),
    /// Signing failed.
    #[error("cannot sign with the key of the subordinate CA")]
    Signing(#[source] rustls::Error),
    /// The gateway is stopping.
    #[error("issuing was interrupted")]
    Interrupted,
}
