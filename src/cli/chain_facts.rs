//! The results of chain validation and of the revocation check, as `explain` and `verify` print them. Scripts depend on the
//! field names.

use super::output::{NamedOid, TextOutput, format_duration, format_time};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::revocation::ocsp::OcspSource;
use crate::revocation::{
    CertificateStatus, CrlSource, RevocationError, RevocationSource, RevocationVerdict, UnknownReason,
};
use crate::telemetry::display_chain;
use crate::validation::ValidPath;
use serde::Serialize;
use std::time::Duration;

/// The fields that identify a certificate.
#[derive(Debug, Serialize)]
pub(super) struct CertificateSummary {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) serial: String,
    pub(super) sha256: String,
    /// SHA-256 over the SubjectPublicKeyInfo, as `identity_issuers` pins an issuer.
    pub(super) key_id: String,
    pub(super) not_before: String,
    pub(super) not_after: String,
}

/// One valid certification path of a chain.
#[derive(Debug, Serialize)]
pub(super) struct PathFacts {
    /// From the leaf to the trust anchor.
    pub(super) certificates: Vec<CertificateSummary>,
    /// The extended key usages of the leaf.
    pub(super) extended_key_usages: Vec<NamedOid>,
    /// The certificate policies that are valid on the whole path.
    pub(super) policies: Vec<String>,
}

/// The revocation status of one certificate.
#[derive(Debug, Serialize)]
pub(super) struct RevocationStatusFacts {
    pub(super) subject: String,
    pub(super) serial: String,
    /// `not_revoked`, `revoked` or `unknown`.
    pub(super) status: &'static str,
    /// The reason and date of the revocation, or the reason why the status is unknown.
    pub(super) cause: Option<String>,
    /// The CRLs on which the status is based.
    pub(super) crls: Vec<CrlFacts>,
    /// The OCSP response on which the status is based.
    pub(super) ocsp: Option<OcspResponseFacts>,
}

/// An OCSP response: its responder, its signer and its dates (RFC 6960 4.2.1).
#[derive(Debug, Serialize)]
pub(super) struct OcspResponseFacts {
    pub(super) url: String,
    /// The subject of the signer's certificate.
    pub(super) signer: String,
    pub(super) produced_at: String,
    pub(super) this_update: String,
    pub(super) next_update: Option<String>,
    pub(super) age_seconds: u64,
}

/// A CRL: its source, and the fields that show how recent it is (RFC 5280 5.1.2).
#[derive(Debug, Serialize)]
pub(super) struct CrlFacts {
    /// The path or URL from which it was loaded.
    pub(super) source: String,
    pub(super) issuer: String,
    /// The CRL number, in hexadecimal.
    pub(super) number: Option<String>,
    pub(super) this_update: String,
    pub(super) next_update: Option<String>,
    pub(super) age_seconds: u64,
}

impl CertificateSummary {
    pub(super) fn of(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate.serial().to_string(),
            sha256: certificate.fingerprint().to_string(),
            key_id: certificate.key_id().to_string(),
            not_before: format_time(certificate.not_before()),
            not_after: format_time(certificate.not_after()),
        }
    }

    pub(super) fn add_to(&self, label: &'static str, output: &mut TextOutput) {
        output.entry(label, &self.subject);
        output.entry("", format!("serial {}, valid {} to {}", self.serial, self.not_before, self.not_after));
        output.entry("", format!("sha256 {}", self.sha256));
    }
}

impl PathFacts {
    pub(super) fn of(path: &ValidPath) -> Self {
        let usages = path.certificates().first().and_then(Certificate::extended_key_usages);
        Self {
            certificates: path.certificates().iter().map(CertificateSummary::of).collect(),
            extended_key_usages: usages.unwrap_or_default().iter().copied().map(NamedOid::from).collect(),
            policies: path.policies().iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn add_to(&self, output: &mut TextOutput) {
        let last = self.certificates.len().saturating_sub(1);
        for (index, certificate) in self.certificates.iter().enumerate() {
            let label = match index {
                _ if index == last => "trust anchor",
                0 => "certificate",
                _ => "issued by",
            };
            certificate.add_to(label, output);
        }
        output.list("extended key usage", &self.extended_key_usages);
        output.list("policy", &self.policies);
    }
}

impl RevocationStatusFacts {
    /// Returns the status of a certificate that passed the check.
    pub(super) fn passed(status: &CertificateStatus, now: UnixTime) -> Self {
        let facts = |word, cause| Self::without_sources(&status.certificate, word, cause);
        match &status.verdict {
            RevocationVerdict::NotRevoked(sources) => {
                let crls = sources.iter().map(|source| CrlFacts::of(source, now)).collect();
                Self { crls, ..facts("not_revoked", None) }
            }
            RevocationVerdict::Good(source) => {
                Self { ocsp: Some(OcspResponseFacts::of(source, now)), ..facts("not_revoked", None) }
            }
            RevocationVerdict::Unknown(why) => facts("unknown", Some(unknown_cause(why))),
        }
    }

    /// Returns the status of the certificate that failed the check.
    pub(super) fn rejected(error: &RevocationError, now: UnixTime) -> Self {
        match error {
            RevocationError::Revoked { which, reason, at, found_in } => {
                let cause = format!("{reason}, since {}", format_time(*at));
                let facts = Self::without_sources(which, "revoked", Some(cause));
                match found_in {
                    RevocationSource::Crl(source) => Self { crls: vec![CrlFacts::of(source, now)], ..facts },
                    RevocationSource::Ocsp(source) => {
                        Self { ocsp: Some(OcspResponseFacts::of(source, now)), ..facts }
                    }
                }
            }
            RevocationError::Unknown { which, why } => {
                Self::without_sources(which, "unknown", Some(unknown_cause(why)))
            }
        }
    }

    fn without_sources(certificate: &Certificate, status: &'static str, cause: Option<String>) -> Self {
        let (subject, serial) = (certificate.subject().to_string(), certificate.serial().to_string());
        Self { subject, serial, status, cause, crls: Vec::new(), ocsp: None }
    }

    pub(super) fn add_to(&self, output: &mut TextOutput) {
        let label = match self.status {
            "not_revoked" => "not revoked",
            other => other,
        };
        output.entry(label, &self.subject);
        output.list("", &self.cause);
        let crls =
            self.crls.iter().map(|crl| (&crl.source, &crl.this_update, &crl.next_update, crl.age_seconds));
        let ocsp =
            self.ocsp.iter().map(|one| (&one.url, &one.this_update, &one.next_update, one.age_seconds));
        for (source, issued, next_update, age_seconds) in crls.chain(ocsp) {
            let age = format_duration(Duration::from_secs(age_seconds));
            let due = next_update.as_deref().unwrap_or("absent");
            output.entry("", format!("by {source}, issued {issued} ({age} ago), next update {due}"));
        }
    }
}

impl OcspResponseFacts {
    fn of(source: &OcspSource, now: UnixTime) -> Self {
        Self {
            url: source.url.clone(),
            signer: source.signer.to_string(),
            produced_at: format_time(source.produced_at),
            this_update: format_time(source.this_update),
            next_update: source.next_update.map(format_time),
            age_seconds: now.since(source.this_update).as_secs(),
        }
    }
}

impl CrlFacts {
    fn of(source: &CrlSource, now: UnixTime) -> Self {
        Self {
            source: source.origin.to_string(),
            issuer: source.issuer.to_string(),
            number: source.number.as_ref().map(ToString::to_string),
            this_update: format_time(source.this_update),
            next_update: source.next_update.map(format_time),
            age_seconds: now.since(source.this_update).as_secs(),
        }
    }
}

/// Returns why a status is unknown. For an expired CRL that includes nextUpdate, since when the CA has published no other.
fn unknown_cause(why: &UnknownReason) -> String {
    let text = display_chain(why);
    match why {
        UnknownReason::Expired { next_update: Some(due), .. } => {
            format!("{text} (nextUpdate {})", format_time(*due))
        }
        UnknownReason::Expired { next_update: None, .. } => {
            format!("{text} (without nextUpdate)")
        }
        UnknownReason::NoCrl
        | UnknownReason::NotYetValid { .. }
        | UnknownReason::Signature(_)
        | UnknownReason::IssuerMayNotSign
        | UnknownReason::NoSigner { .. }
        | UnknownReason::SignerNotTrusted { .. }
        | UnknownReason::Signer(_)
        | UnknownReason::Scope
        | UnknownReason::SomeReasons { .. }
        | UnknownReason::DeltaWithoutBase
        | UnknownReason::Unusable(_)
        | UnknownReason::Ocsp { .. }
        | UnknownReason::Interrupted => text,
    }
}
