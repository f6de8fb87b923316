//! Tests of OCSP, with responses encoded byte by byte and a responder on loopback.

mod combining;
mod draft;
mod querying;
mod requests;
mod responder;
mod signers;
mod validation;

use super::super::test_pki::{HOUR, NOW, TestCa, before};
use super::certificate_id::CertificateId;
use super::error::{OcspError, OcspErrorStatus, ResponderFault};
use super::request::{self, OcspNonce};
use super::response::CertStatus;
use super::settings::{ConfiguredResponder, NonceRule, OcspScope, OcspSettings};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::revocation::ocsp::validate::{self, OcspQuery, ValidatedResponse};
use draft::{ResponseDraft, SingleResponseDraft};
use std::time::Duration;

const SERIAL: &[u8] = &[0x2b, 1];
const MINUTE: Duration = Duration::from_secs(60);

/// A CA and a certificate that it issued.
struct OcspFixture {
    ca: TestCa,
    leaf: Certificate,
}

impl OcspFixture {
    fn new() -> Self {
        let ca = TestCa::root("Root");
        let leaf = ca.issue("alice", SERIAL);
        Self { ca, leaf }
    }

    /// Returns "good", fresh for an hour before and after [`NOW`].
    fn good(&self) -> ResponseDraft {
        ResponseDraft::about(self.single())
    }

    fn single(&self) -> SingleResponseDraft {
        SingleResponseDraft::good(&self.leaf, &self.ca)
    }

    fn validate(&self, der: &[u8], settings: &OcspSettings) -> Result<ValidatedResponse, OcspError> {
        self.validate_at(der, settings, None, NOW)
    }

    fn validate_at(
        &self,
        der: &[u8],
        settings: &OcspSettings,
        nonce: Option<&OcspNonce>,
        now: UnixTime,
    ) -> Result<ValidatedResponse, OcspError> {
        let url = "http://ocsp.example/";
        let (certificate, issuer) = (&self.leaf, &self.ca.certificate);
        validate::validate(der, &OcspQuery { certificate, issuer, nonce, url, settings }, now)
    }

    fn error(&self, der: &[u8]) -> OcspError {
        self.validate(der, &OcspSettings::default()).unwrap_err()
    }
}
