//! Why an OCSP responder tells nothing that can be believed: every reason apart, since each has another person who can
//! mend it.

use super::super::fetch::FetchError;
use crate::certificate::ObjectIdentifier;
use crate::certificate::signature::SignatureError;
use crate::clock::UnixTime;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Why no responder tells whether a certificate is good or revoked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OcspError {
    /// No responder is configured and the certificate names none.
    #[error("the certificate names no OCSP responder, and none is configured")]
    NoResponder,
    /// The gate asks about as many certificates as it may already.
    #[error("no place to ask an OCSP responder became free within {limit:?}")]
    Busy {
        /// How long it waited.
        limit: Duration,
    },
    /// The responder cannot be reached, may not be asked, or answers too late or not by HTTP's rules.
    #[error("the OCSP responder {url} gives no answer")]
    Unreachable {
        /// Where it was asked.
        url: String,
        /// Why not.
        #[source]
        cause: FetchError,
    },
    /// The responder says that it will not answer. Unsigned, so nobody knows who said so (RFC 6960 2.3).
    #[error("the OCSP responder answers {0}")]
    Refused(OcspErrorStatus),
    /// The answer is not what RFC 6960 4.2.1 writes.
    #[error("the answer of the OCSP responder cannot be decoded")]
    Malformed(#[from] der::Error),
    /// An answer of another type than id-pkix-ocsp-basic, the only one there is.
    #[error("the answer of the OCSP responder is of the unknown type {0}")]
    UnknownType(ObjectIdentifier),
    /// A critical extension of the answer is unknown here (RFC 6960 4.4).
    #[error("the answer of the OCSP responder has the unknown critical extension {0}")]
    CriticalExtension(ObjectIdentifier),
    /// As [`OcspError::CriticalExtension`], with an identifier that cannot be shown.
    #[error(
        "the answer of the OCSP responder has an unknown critical extension, whose identifier cannot be shown"
    )]
    UnnamedExtension,
    /// The key of the responder that the answer names did not sign it.
    #[error("the signature on the answer of the OCSP responder does not hold")]
    Signature(#[source] SignatureError),
    /// Whoever signed the answer may not speak for the issuer.
    #[error("the OCSP responder is not authorised")]
    ResponderNotAuthorised(#[source] ResponderFault),
    /// The answer is about other certificates (RFC 6960 3.2, 1).
    #[error("the answer of the OCSP responder is about another certificate")]
    WrongCertificate,
    /// The response names its certificate by a hash that is not known here.
    #[error("the OCSP response names the certificate by the unknown hash {0}")]
    UnknownHash(ObjectIdentifier),
    /// As [`OcspError::UnknownHash`], with an identifier that cannot be decoded.
    #[error("the OCSP response names the certificate by an unknown hash, whose identifier cannot be decoded")]
    UnnamedHash,
    /// The response is not newer than one that was received before: a replay.
    #[error("the OCSP response of {received} is not newer than the one that is held, of {held}")]
    Older {
        /// The thisUpdate of this one.
        received: UnixTime,
        /// The thisUpdate of the one that is held.
        held: UnixTime,
    },
    /// The answer returns another nonce than was sent: it was made for somebody else's request.
    #[error("the answer of the OCSP responder returns another nonce")]
    WrongNonce,
    /// The answer returns no nonce although one is required.
    #[error("the answer of the OCSP responder returns no nonce")]
    NoNonce,
    /// The answer is past its nextUpdate, or too old to have none.
    #[error("the answer of the OCSP responder is stale since {since}")]
    Stale {
        /// From when on it counts no more.
        since: UnixTime,
    },
    /// The answer is from the future: this clock or the responder's is wrong.
    #[error("the answer of the OCSP responder is not valid before {from}")]
    NotYetValid {
        /// Its date.
        from: UnixTime,
    },
    /// The responder does not know the certificate (RFC 6960 2.2).
    #[error("the OCSP responder does not know the certificate")]
    Unknown,
}

/// The answers without content (OCSPResponseStatus, RFC 6960 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspErrorStatus {
    /// It did not understand the request.
    MalformedRequest,
    /// It is in an inconsistent state.
    InternalError,
    /// It is there but cannot answer now.
    TryLater,
    /// It answers signed requests only, which the gate does not make.
    SignatureRequired,
    /// It does not answer us, or does not answer for this issuer (RFC 5019 2.2.3).
    Unauthorized,
    /// A status that RFC 6960 does not know, or success without content.
    Other(u8),
}

/// As RFC 6960 4.2.1 spells it: `tryLater`.
impl fmt::Display for OcspErrorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MalformedRequest => f.write_str("malformedRequest"),
            Self::InternalError => f.write_str("internalError"),
            Self::TryLater => f.write_str("tryLater"),
            Self::SignatureRequired => f.write_str("sigRequired"),
            Self::Unauthorized => f.write_str("unauthorized"),
            Self::Other(code) => write!(f, "status {code} without content"),
        }
    }
}

impl From<u8> for OcspErrorStatus {
    fn from(code: u8) -> Self {
        match code {
            1 => Self::MalformedRequest,
            2 => Self::InternalError,
            3 => Self::TryLater,
            5 => Self::SignatureRequired,
            6 => Self::Unauthorized,
            other => Self::Other(other),
        }
    }
}

/// Why a responder may not speak for the issuer (RFC 6960 4.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResponderFault {
    /// It is neither the issuer nor configured, and its certificate is not in the answer.
    #[error("its certificate is not at hand")]
    NotAtHand,
    /// Its certificate bears the name of another issuer.
    #[error("its certificate is not issued by the issuer of the certificate in query")]
    OtherIssuer,
    /// Its certificate bears the issuer's name but not its signature.
    #[error("its certificate is not signed by the issuer of the certificate in query")]
    IssuerSignature(#[source] SignatureError),
    /// Its certificate has no id-kp-OCSPSigning. anyExtendedKeyUsage is not enough: a CA must have meant it.
    #[error("its certificate is not for signing OCSP answers")]
    NoOcspSigning,
    /// Its certificate has a keyUsage without digitalSignature and nonRepudiation.
    #[error("the key of its certificate is not for signing")]
    KeyUsage,
    /// Its certificate is not valid now.
    #[error("its certificate is valid from {not_before} to {not_after} only")]
    OutsideValidity {
        /// Its first second.
        not_before: UnixTime,
        /// Its last second.
        not_after: UnixTime,
    },
    /// Its certificate has an extension twice, one that cannot be decoded, or a critical one that is unknown here.
    #[error("the extension {0} of its certificate is not understood")]
    Extension(ObjectIdentifier),
    /// Its certificate is on the issuer's CRL.
    #[error("its certificate is revoked")]
    Revoked,
    /// Its certificate lives long, has no id-pkix-ocsp-nocheck, and no fresh CRL covers it.
    #[error("nobody knows whether its certificate is revoked")]
    RevocationUnknown,
}
