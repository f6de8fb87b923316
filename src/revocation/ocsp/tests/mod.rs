//! Answers made here byte by byte, judged here, and a responder on loopback that gives them.

mod asking;
mod draft;
mod joining;
mod properties;
mod refusals;
mod requests;
mod responder;
mod signers;

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

const CARD: &[u8] = &[0x2b, 1];
const MINUTE: Duration = Duration::from_secs(60);

/// A CA and a card that it issued.
struct OcspFixture {
    ca: TestCa,
    card: Certificate,
}

impl OcspFixture {
    fn new() -> Self {
        let ca = TestCa::root("Root");
        let card = ca.issue("alice", CARD);
        Self { ca, card }
    }

    /// "Good", fresh for an hour before and after [`NOW`].
    fn good(&self) -> ResponseDraft {
        ResponseDraft::about(self.single())
    }

    fn single(&self) -> SingleResponseDraft {
        SingleResponseDraft::good(&self.card, &self.ca)
    }

    fn judge(&self, der: &[u8], settings: &OcspSettings) -> Result<ValidatedResponse, OcspError> {
        self.judge_at(der, settings, None, NOW)
    }

    fn judge_at(
        &self,
        der: &[u8],
        settings: &OcspSettings,
        nonce: Option<&OcspNonce>,
        now: UnixTime,
    ) -> Result<ValidatedResponse, OcspError> {
        let url = "http://ocsp.example/";
        let (certificate, issuer) = (&self.card, &self.ca.certificate);
        validate::validate(der, &OcspQuery { certificate, issuer, nonce, url, settings }, now)
    }

    fn refusal(&self, der: &[u8]) -> OcspError {
        self.judge(der, &OcspSettings::default()).unwrap_err()
    }
}
