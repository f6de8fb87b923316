//! The errors of OCSP. Each cause has its own variant, because each has another fix.

use crate::certificate::ObjectIdentifier;
use crate::certificate::signature::SignatureError;
use crate::clock::UnixTime;
use crate::revocation::fetch::FetchError;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// Why no responder shows whether a certificate is good or revoked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OcspError {
    /// No responder is configured and the certificate names none.
    #[error("the certificate names no OCSP responder, and none is configured")]
    NoResponder,
    /// Too many certificates are being queried.
    #[error("timed out waiting for a free OCSP query slot after {limit:?}")]
    Busy {
        /// The time limit of the wait.
        limit: Duration,
    },
    /// The responder cannot be reached, is not allowed, does not respond in time, or sends invalid HTTP.
    #[error("the OCSP responder {url} did not respond")]
    Unreachable {
        /// The URL of the responder.
        url: String,
        /// Why not.
        #[source]
        cause: FetchError,
    },
    /// The responder returned an error status. It is not signed, so its origin is unknown (RFC 6960 2.3).
    #[error("the OCSP responder returned {0}")]
    Refused(OcspErrorStatus),
    /// The response does not conform to RFC 6960 4.2.1.
    #[error("the OCSP response cannot be decoded")]
    Malformed(#[from] der::Error),
    /// The type of the response is not id-pkix-ocsp-basic, the only one that exists.
    #[error("the OCSP response has the unknown type {0}")]
    UnknownType(ObjectIdentifier),
    /// A critical extension of the response is not supported (RFC 6960 4.4).
    #[error("the OCSP response has the unsupported critical extension {0}")]
    CriticalExtension(ObjectIdentifier),
    /// As [`OcspError::CriticalExtension`], with an invalid identifier.
    #[error("the OCSP response has an unsupported critical extension with an invalid identifier")]
    UnnamedExtension,
    /// The responder named in the response did not sign it.
    #[error("the signature of the OCSP response is invalid")]
    Signature(#[source] SignatureError),
    /// The signer of the response is not authorised by the issuer.
    #[error("the OCSP responder is not authorised")]
    ResponderNotAuthorised(#[source] ResponderFault),
    /// More certificates than are tried have the name or key of the signer, and none of the tried ones is the signer's.
    #[error("the OCSP response has more than {limit} certificates of its signer")]
    TooManySigners {
        /// How many are tried.
        limit: usize,
    },
    /// The response is for other certificates (RFC 6960 3.2, 1).
    #[error("the OCSP response is for another certificate")]
    WrongCertificate,
    /// The response identifies its certificate by an unsupported hash.
    #[error("the OCSP response identifies the certificate by the unsupported hash {0}")]
    UnknownHash(ObjectIdentifier),
    /// As [`OcspError::UnknownHash`], with an invalid identifier.
    #[error("the OCSP response identifies the certificate by an unsupported hash with an invalid identifier")]
    UnnamedHash,
    /// The response is not newer than one that was received before: a replay.
    #[error("the OCSP response of {received} is not newer than the held one of {held}")]
    Older {
        /// The thisUpdate of this response.
        received: UnixTime,
        /// The thisUpdate of the held response.
        held: UnixTime,
    },
    /// The response has another nonce than the request: it was made for the request of another client.
    #[error("the OCSP response has another nonce than the request")]
    WrongNonce,
    /// The response has no nonce although one is required.
    #[error("the OCSP response has no nonce, which `ocsp_nonce` requires")]
    NoNonce,
    /// The response is past its nextUpdate, or has none and is too old.
    #[error("the OCSP response expired at {since}")]
    Expired {
        /// When it expired.
        since: UnixTime,
    },
    /// The response is dated in the future: the clock of the gateway or of the responder is wrong.
    #[error("the OCSP response is not valid before {from}")]
    NotYetValid {
        /// Its date.
        from: UnixTime,
    },
    /// The responder does not know the certificate (RFC 6960 2.2).
    #[error("the OCSP responder does not know the certificate")]
    Unknown,
}

/// The statuses of responses without content (OCSPResponseStatus, RFC 6960 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspErrorStatus {
    /// It cannot decode the request.
    MalformedRequest,
    /// It is in an inconsistent state.
    InternalError,
    /// It cannot respond at the moment.
    TryLater,
    /// It accepts signed requests only, which the gateway does not send.
    SignatureRequired,
    /// It does not respond to this client, or not for this issuer (RFC 5019 2.2.3).
    Unauthorized,
    /// A status that RFC 6960 does not define, or success without content.
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

/// Why the issuer has not authorised a responder (RFC 6960 4.2.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResponderFault {
    /// It is neither the issuer nor configured, and the response does not contain its certificate.
    #[error("its certificate is not available")]
    NotAvailable,
    /// Its certificate names another issuer.
    #[error("its certificate was not issued by the issuer of the client certificate")]
    OtherIssuer,
    /// Its certificate names the issuer, but the issuer did not sign it.
    #[error("its certificate is not signed by the issuer of the client certificate")]
    IssuerSignature(#[source] SignatureError),
    /// Its certificate lacks id-kp-OCSPSigning. anyExtendedKeyUsage is not enough: the CA must have intended it.
    #[error("its certificate lacks the extended key usage OCSPSigning")]
    NoOcspSigning,
    /// Its certificate has a keyUsage without digitalSignature and nonRepudiation.
    #[error("its certificate lacks the key usage digitalSignature")]
    KeyUsage,
    /// Its certificate is not valid now.
    #[error("its certificate is valid only from {not_before} to {not_after}")]
    OutsideValidity {
        /// Its first second.
        not_before: UnixTime,
        /// Its last second.
        not_after: UnixTime,
    },
    /// Its certificate has an extension twice, one that cannot be decoded, or a critical one that is not supported.
    #[error("its certificate has the extension {0}, which is unsupported, invalid or repeated")]
    Extension(ObjectIdentifier),
    /// Its certificate is listed by the issuer's CRL.
    #[error("its certificate is revoked")]
    Revoked,
    /// Its certificate has a long lifetime, lacks id-pkix-ocsp-nocheck, and is not covered by a fresh CRL.
    #[error("the revocation status of its certificate is unknown")]
    RevocationUnknown,
}
