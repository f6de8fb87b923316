//! The encoding of OCSP requests (RFC 6960 4.1, A.1). They are not signed and do not name the client.

use super::certificate_id::CertificateId;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use const_oid::db::rfc6960::ID_PKIX_OCSP_NONCE;
use der::asn1::OctetString;
use der::{Encode, Sequence};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use x509_cert::ext::Extension;

/// The maximum length of an encoded request that is sent in a URL (RFC 6960 A.1, RFC 5019 5).
const LONGEST_IN_URL: usize = 255;

/// The value of a nonce extension: 32 random bytes as an OCTET STRING (RFC 8954 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OcspNonce(OctetString);

impl OcspNonce {
    /// Returns a new nonce. Fails if the system returns no random bytes.
    pub(super) fn random() -> der::Result<Self> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| der::ErrorKind::Failed)?;
        Self::from_bytes(&bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> der::Result<Self> {
        Ok(Self(OctetString::new(OctetString::new(bytes)?.to_der()?)?))
    }

    /// Returns whether an extension with this value returns this nonce as it was sent.
    pub(super) fn is(&self, value: &[u8]) -> bool {
        value == self.0.as_bytes()
    }
}

#[derive(Sequence)]
struct OcspRequest<'a> {
    tbs: TbsRequest<'a>,
}

#[derive(Sequence)]
struct TbsRequest<'a> {
    requests: Vec<SingleRequest<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

#[derive(Sequence)]
struct SingleRequest<'a> {
    id: CertificateId<'a>,
}

/// Encodes the request for one certificate.
pub(super) fn encode(id: &CertificateId<'_>, nonce: Option<&OcspNonce>) -> der::Result<Vec<u8>> {
    let extension = |nonce: &OcspNonce| Extension {
        extn_id: ID_PKIX_OCSP_NONCE,
        critical: false,
        extn_value: nonce.0.clone(),
    };
    let requests = vec![SingleRequest { id: id.clone() }];
    let extensions = nonce.map(|nonce| vec![extension(nonce)]);
    OcspRequest { tbs: TbsRequest { requests, extensions } }.to_der()
}

/// Returns the URL of a GET to `responder`. Returns `None` if the request must be sent by POST: it is too long, or
/// the URL has a query, after which the path cannot continue.
pub(super) fn in_url(responder: &str, request: &[u8]) -> Option<String> {
    let encoded = utf8_percent_encode(&STANDARD.encode(request), NON_ALPHANUMERIC).to_string();
    let fits = encoded.len() <= LONGEST_IN_URL && !responder.contains(['?', '#']);
    fits.then(|| format!("{}/{encoded}", responder.strip_suffix('/').unwrap_or(responder)))
}
