//! Takes a certificate's name and perhaps a nonce, gives the request in DER and how it travels (RFC 6960 4.1, A.1).
//!
//! Never signs a request and never says for whom it asks.

use super::certificate_id::CertificateId;
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use const_oid::db::rfc6960::ID_PKIX_OCSP_NONCE;
use der::asn1::OctetString;
use der::{Encode, Sequence};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use x509_cert::ext::Extension;

/// The longest encoded request that travels in a URL (RFC 6960 A.1, RFC 5019 5).
const LONGEST_IN_URL: usize = 255;

/// What a nonce extension holds: 32 random bytes as an OCTET STRING (RFC 8954 2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OcspNonce(OctetString);

impl OcspNonce {
    /// A new one. Fails where the system gives no random bytes.
    pub(super) fn random() -> der::Result<Self> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| der::ErrorKind::Failed)?;
        Self::from_bytes(&bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> der::Result<Self> {
        Ok(Self(OctetString::new(OctetString::new(bytes)?.to_der()?)?))
    }

    /// Whether an extension of this value is this nonce, returned as it was sent.
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

/// The request about one certificate, in DER.
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

/// The URL that asks `responder` by GET; `None` where the request has to be posted: it is too long, or the URL has a
/// query behind which a path cannot go on.
pub(super) fn in_url(responder: &str, request: &[u8]) -> Option<String> {
    let encoded = utf8_percent_encode(&STANDARD.encode(request), NON_ALPHANUMERIC).to_string();
    let fits = encoded.len() <= LONGEST_IN_URL && !responder.contains(['?', '#']);
    fits.then(|| format!("{}/{encoded}", responder.strip_suffix('/').unwrap_or(responder)))
}
