//! Why a subordinate CA cannot be used at all, and why it gave no certificate.

use std::time::Duration;

use crate::certificate::signature::SignatureError;
use crate::certificate::{KeyAlgorithm, MalformedCertificate};
use crate::clock::UnixTime;

/// Why a certificate and a key cannot be the gate's subordinate CA.
#[derive(Debug, thiserror::Error)]
pub enum SubordinateCaError {
    /// There is no certificate.
    #[error("there is no certificate")]
    NoCertificate,
    /// A certificate of the chain cannot be decoded.
    #[error("certificate {number} of the chain cannot be decoded")]
    Malformed {
        /// Which one, counted from 1.
        number: usize,
        /// Why.
        #[source]
        cause: MalformedCertificate,
    },
    /// The private key is of a kind that cannot be used.
    #[error("the private key cannot be used")]
    UnusableKey(#[source] rustls::Error),
    /// The private key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    KeyMismatch,
    /// Windows or a backend of its age could not verify what the key signs, or it is too short.
    #[error(
        "certificates cannot be signed with a key of the kind {0}: use RSA of at least 2048 bits, P-256, P-384 or P-521"
    )]
    UnsuitableKey(KeyAlgorithm),
    /// The certificate is not a CA's (RFC 5280 4.2.1.9).
    #[error("certificate {number} of the chain is not a CA's: it lacks basicConstraints with cA=TRUE")]
    NotAuthority {
        /// Which one, counted from 1.
        number: usize,
    },
    /// The CA may not sign certificates (RFC 5280 4.2.1.3).
    #[error("certificate {number} of the chain may not sign certificates: its keyUsage lacks keyCertSign")]
    MayNotSign {
        /// Which one, counted from 1.
        number: usize,
    },
    /// What the CA issues may not be used by clients: Windows applies the usages of a CA to all below it.
    #[error("certificate {number} of the chain limits what is below it to other uses than clientAuth")]
    NotForClients {
        /// Which one, counted from 1.
        number: usize,
    },
    /// A CA above allows fewer CAs below it than there are (RFC 5280 4.2.1.9).
    #[error("certificate {number} of the chain allows only {limit} CAs below it")]
    PathTooLong {
        /// Which one, counted from 1.
        number: usize,
        /// Its pathLenConstraint.
        limit: u32,
    },
    /// The certificate has no subjectKeyIdentifier, which RFC 5280 4.2.1.2 demands of a CA's; what it issues points at it.
    #[error("the certificate has no subjectKeyIdentifier")]
    NoKeyIdentifier,
    /// A certificate of the chain was not issued by the next one.
    #[error("certificate {number} of the chain was not issued by the next one")]
    NotIssuedByNext {
        /// Which one, counted from 1.
        number: usize,
        /// What the signature is, where the names do fit.
        #[source]
        cause: Option<SignatureError>,
    },
    /// A certificate of the chain does not count at this time, or ends before a certificate issued now would.
    #[error(transparent)]
    Time(IssuanceError),
    /// The lifetime is none of minutes.
    #[error("a lifetime of {given:?} is not between {least:?} and {most:?}")]
    Lifetime {
        /// What is configured.
        given: Duration,
        /// The least.
        least: Duration,
        /// The most.
        most: Duration,
    },
    /// A certificate that begins long ago could be older than the account, which Windows then refuses to map.
    #[error("backdating by {given:?} is more than {most:?}")]
    Backdate {
        /// What is configured.
        given: Duration,
        /// The most.
        most: Duration,
    },
}

/// Why there is no certificate for an account.
#[derive(Debug, thiserror::Error)]
pub enum IssuanceError {
    /// A certificate of the CA's chain is not yet valid.
    #[error("the subordinate CA's chain is valid only from {not_before}, and it is {now}")]
    AuthorityNotYetValid {
        /// When it begins.
        not_before: UnixTime,
        /// The time now.
        now: UnixTime,
    },
    /// A certificate of the CA's chain ends before one issued now would.
    #[error("the subordinate CA's chain ends at {not_after}, before a certificate issued at {now} would")]
    AuthorityEnds {
        /// The last second of the one that ends first.
        not_after: UnixTime,
        /// The time now.
        now: UnixTime,
    },
    /// No key could be made: the system gave no random bytes.
    #[error("no key could be made")]
    Key,
    /// The new key cannot be used for TLS.
    #[error("the new key cannot be used")]
    UnusableKey(#[source] rustls::Error),
    /// A part of the certificate cannot be encoded.
    #[error("the certificate cannot be encoded")]
    Encoding(#[from] der::Error),
    /// The CA's key did not sign.
    #[error("the subordinate CA's key did not sign")]
    Signing(#[source] rustls::Error),
    /// The gate is being stopped.
    #[error("issuing was interrupted")]
    Interrupted,
}
