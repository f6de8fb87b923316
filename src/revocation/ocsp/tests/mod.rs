//! Answers made here byte by byte, judged here, and a responder on loopback that gives them.

mod asking;
mod draft;
mod joining;
mod properties;
mod refusals;
mod requests;
mod responder;
mod signers;

use super::super::test_pki::{Ca, HOUR, NOW, before};
use super::certificate_id::CertificateId;
use super::error::{OcspError, RefusedStatus, ResponderFault};
use super::request::{self, Nonce};
use super::response::Status;
use super::settings::{ConfiguredResponder, NonceRule, OcspScope, OcspSettings};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::revocation::ocsp::validate::{self, OcspAnswer, Question};
use draft::{Draft, SingleDraft};
use std::time::Duration;

const CARD: &[u8] = &[0x2b, 1];
const MINUTE: Duration = Duration::from_secs(60);

/// A CA and a card that it issued.
struct Scene {
    ca: Ca,
    card: Certificate,
}

impl Scene {
    fn new() -> Self {
        let ca = Ca::root("Root");
        let card = ca.issue("alice", CARD);
        Self { ca, card }
    }

    /// "Good", fresh for an hour before and after [`NOW`].
    fn good(&self) -> Draft {
        Draft::about(self.single())
    }

    fn single(&self) -> SingleDraft {
        SingleDraft::good(&self.card, &self.ca)
    }

    fn judge(&self, der: &[u8], settings: &OcspSettings) -> Result<OcspAnswer, OcspError> {
        self.judge_at(der, settings, None, NOW)
    }

    fn judge_at(
        &self,
        der: &[u8],
        settings: &OcspSettings,
        nonce: Option<&Nonce>,
        now: UnixTime,
    ) -> Result<OcspAnswer, OcspError> {
        let url = "http://ocsp.example/";
        let (certificate, issuer) = (&self.card, &self.ca.certificate);
        validate::judge(der, &Question { certificate, issuer, nonce, url, settings }, now)
    }

    fn refusal(&self, der: &[u8]) -> OcspError {
        self.judge(der, &OcspSettings::default()).unwrap_err()
    }
}
