//! Takes what validation and revocation found, gives it as a script reads it and as people do. The field names are a
//! contract.

use super::named::Named;
use super::output::TextOutput;
use super::time::{span, written};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::revocation::ocsp::OcspSource;
use crate::revocation::{
    CertificateStatus, CrlSource, RevocationError, RevocationSource, RevocationVerdict, WhyUnknown,
};
use crate::telemetry::display_chain;
use crate::validation::ValidPath;
use serde::Serialize;
use std::time::Duration;

/// One certificate, in short.
#[derive(Debug, Serialize)]
pub(super) struct CertificateLine {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) serial: String,
    pub(super) sha256: String,
    /// What an issuer is pinned by.
    pub(super) key_id: String,
    pub(super) not_before: String,
    pub(super) not_after: String,
}

/// One path that holds.
#[derive(Debug, Serialize)]
pub(super) struct PathFacts {
    /// The leaf first, the anchor last.
    pub(super) certificates: Vec<CertificateLine>,
    /// The usages that the leaf names.
    pub(super) extended_key_usages: Vec<Named>,
    /// The certificate policies for which it is valid.
    pub(super) policies: Vec<String>,
}

/// What is known about the revocation of one certificate.
#[derive(Debug, Serialize)]
pub(super) struct StatusFacts {
    pub(super) subject: String,
    pub(super) serial: String,
    /// `not_revoked`, `revoked` or `unknown`.
    pub(super) status: &'static str,
    /// Why it was revoked, or why nobody knows.
    pub(super) cause: Option<String>,
    /// The lists that say so.
    pub(super) crls: Vec<CrlFacts>,
    /// The responder's answer that says so.
    pub(super) ocsp: Option<OcspFacts>,
}

/// The answer of an OCSP responder.
#[derive(Debug, Serialize)]
pub(super) struct OcspFacts {
    pub(super) url: String,
    /// The subject of whose key signed it.
    pub(super) signer: String,
    pub(super) produced_at: String,
    pub(super) this_update: String,
    pub(super) next_update: Option<String>,
    pub(super) age_seconds: u64,
}

/// A revocation list.
#[derive(Debug, Serialize)]
pub(super) struct CrlFacts {
    pub(super) file: String,
    pub(super) issuer: String,
    /// Hexadecimal.
    pub(super) number: Option<String>,
    pub(super) this_update: String,
    pub(super) next_update: Option<String>,
    pub(super) age_seconds: u64,
}

impl CertificateLine {
    pub(super) fn of(certificate: &Certificate) -> Self {
        Self {
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial: certificate.serial().to_string(),
            sha256: certificate.fingerprint().to_string(),
            key_id: certificate.key_id().to_string(),
            not_before: written(certificate.not_before()),
            not_after: written(certificate.not_after()),
        }
    }

    pub(super) fn tell(&self, label: &'static str, output: &mut TextOutput) {
        output.entry(label, &self.subject);
        output.entry("", format!("serial {}, valid {} to {}", self.serial, self.not_before, self.not_after));
        output.entry("", format!("sha256 {}", self.sha256));
    }
}

impl PathFacts {
    pub(super) fn of(path: &ValidPath) -> Self {
        let usages = path.certificates().first().and_then(Certificate::extended_key_usages);
        Self {
            certificates: path.certificates().iter().map(CertificateLine::of).collect(),
            extended_key_usages: usages.unwrap_or_default().iter().copied().map(Named::from).collect(),
            policies: path.policies().iter().map(ToString::to_string).collect(),
        }
    }

    pub(super) fn tell(&self, output: &mut TextOutput) {
        let last = self.certificates.len().saturating_sub(1);
        for (index, certificate) in self.certificates.iter().enumerate() {
            let label = match index {
                _ if index == last => "anchor",
                0 => "certificate",
                _ => "issued by",
            };
            certificate.tell(label, output);
        }
        output.list("usage", &self.extended_key_usages);
        output.list("policy", &self.policies);
    }
}

impl StatusFacts {
    /// Of a certificate that passed.
    pub(super) fn passed(status: &CertificateStatus, now: UnixTime) -> Self {
        let about = |word, cause| Self::about(&status.certificate, word, cause);
        match &status.verdict {
            RevocationVerdict::NotRevoked(sources) => {
                let crls = sources.iter().map(|source| CrlFacts::of(source, now)).collect();
                Self { crls, ..about("not_revoked", None) }
            }
            RevocationVerdict::Good(source) => {
                Self { ocsp: Some(OcspFacts::of(source, now)), ..about("not_revoked", None) }
            }
            RevocationVerdict::Unknown(why) => about("unknown", Some(unknown(why))),
        }
    }

    /// Of the certificate that did not.
    pub(super) fn refused(error: &RevocationError, now: UnixTime) -> Self {
        match error {
            RevocationError::Revoked { which, reason, at, found_in } => {
                let cause = format!("{reason}, since {}", written(*at));
                let about = Self::about(which, "revoked", Some(cause));
                match found_in {
                    RevocationSource::Crl(source) => Self { crls: vec![CrlFacts::of(source, now)], ..about },
                    RevocationSource::Ocsp(source) => {
                        Self { ocsp: Some(OcspFacts::of(source, now)), ..about }
                    }
                }
            }
            RevocationError::Unknown { which, why } => Self::about(which, "unknown", Some(unknown(why))),
        }
    }

    fn about(certificate: &Certificate, status: &'static str, cause: Option<String>) -> Self {
        let (subject, serial) = (certificate.subject().to_string(), certificate.serial().to_string());
        Self { subject, serial, status, cause, crls: Vec::new(), ocsp: None }
    }

    pub(super) fn tell(&self, output: &mut TextOutput) {
        let label = match self.status {
            "not_revoked" => "not revoked",
            other => other,
        };
        output.entry(label, &self.subject);
        output.list("", &self.cause);
        let crls =
            self.crls.iter().map(|crl| (&crl.file, &crl.this_update, &crl.next_update, crl.age_seconds));
        let ocsp =
            self.ocsp.iter().map(|one| (&one.url, &one.this_update, &one.next_update, one.age_seconds));
        for (source, issued, next_update, age_seconds) in crls.chain(ocsp) {
            let age = span(Duration::from_secs(age_seconds));
            let due = next_update.as_deref().unwrap_or("at no stated time");
            output.entry("", format!("by {source}, issued {issued} ({age} ago), next due {due}"));
        }
    }
}

impl OcspFacts {
    fn of(source: &OcspSource, now: UnixTime) -> Self {
        Self {
            url: source.url.clone(),
            signer: source.signer.to_string(),
            produced_at: written(source.produced_at),
            this_update: written(source.this_update),
            next_update: source.next_update.map(written),
            age_seconds: now.since(source.this_update).as_secs(),
        }
    }
}

impl CrlFacts {
    fn of(source: &CrlSource, now: UnixTime) -> Self {
        Self {
            file: source.origin.to_string(),
            issuer: source.issuer.to_string(),
            number: source.number.as_ref().map(ToString::to_string),
            this_update: written(source.this_update),
            next_update: source.next_update.map(written),
            age_seconds: now.since(source.this_update).as_secs(),
        }
    }
}

/// Why nobody knows, with the date that an administrator looks for first.
fn unknown(why: &WhyUnknown) -> String {
    let words = display_chain(why);
    match why {
        WhyUnknown::Expired { next_update: Some(due), .. } => {
            format!("{words}: the next one was due {}", written(*due))
        }
        WhyUnknown::Expired { next_update: None, .. } => {
            format!("{words}: it says not when the next one is due")
        }
        WhyUnknown::NoCrl
        | WhyUnknown::NotYetValid { .. }
        | WhyUnknown::Signature(_)
        | WhyUnknown::IssuerMayNotSign
        | WhyUnknown::NoSigner { .. }
        | WhyUnknown::SignerNotTrusted { .. }
        | WhyUnknown::Signer(_)
        | WhyUnknown::Scope
        | WhyUnknown::SomeReasons { .. }
        | WhyUnknown::DeltaWithoutBase
        | WhyUnknown::CannotJudge(_)
        | WhyUnknown::Ocsp { .. }
        | WhyUnknown::Interrupted => words,
    }
}
