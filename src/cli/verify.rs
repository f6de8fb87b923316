//! `portcullis verify`: judges one chain with the gate's own stages, without a configuration. Never maps it to anybody.

use super::chain_facts::{PathFacts, StatusFacts};
use super::output::TextOutput;
use super::time::{moment, written};
use crate::certificate::{Certificate, ObjectIdentifier, certificate_ders, read_bundle, usage};
use crate::clock::{Clock, UnixTime};
use crate::policy::{CertificateRejection, Denial};
use crate::revocation::{CrlStore, RevocationMode, RevocationRule, UnrevokedChain, check};
use crate::validation::{
    MAX_PATH_CERTIFICATES, PresentedChain, TrustSet, ValidatedChain, ValidationRule, validate,
};
use anyhow::Context;
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Certificates to trust: PEM or DER; may be given again
    #[arg(long, value_name = "FILE", required = true)]
    anchors: Vec<PathBuf>,
    /// Certificates that help to reach an anchor; may be given again
    #[arg(long, value_name = "FILE")]
    intermediates: Vec<PathBuf>,
    /// A file or folder of CRLs; may be given again. Without it revocation is not looked at, with it every
    /// certificate below the anchor needs a fresh one
    #[arg(long, value_name = "FILE|DIR")]
    crl: Vec<PathBuf>,
    /// A certificate policy; may be given again: one of them must be valid on the whole path. anyPolicy, 2.5.29.32.0,
    /// is every policy: the path must be valid for some policy, whichever
    #[arg(long, value_name = "OID", value_parser = object_identifier)]
    policy: Vec<ObjectIdentifier>,
    /// An extended key usage by number or as client_auth, smartcard_logon, pkinit_client_auth; may be given again:
    /// the certificate must have all of them. Without it none is demanded
    #[arg(long, value_name = "OID", value_parser = extended_key_usage)]
    eku: Vec<ObjectIdentifier>,
    /// The time to judge at: seconds since 1970 or 2026-11-22T09:30:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<UnixTime>,
    /// Refuse a path without a certificate policy that is valid down to the certificate
    #[arg(long)]
    require_explicit_policy: bool,
    /// Let no certificate policy stand for another
    #[arg(long)]
    inhibit_policy_mapping: bool,
    /// Let anyPolicy stand for no policy
    #[arg(long)]
    inhibit_any_policy: bool,
    /// The most certificates of a path, the anchor included; never more than the gate follows
    #[arg(long, value_name = "N", default_value_t = MAX_PATH_CERTIFICATES)]
    max_depth: usize,
    /// The chain to judge, the certificate itself first: PEM or DER
    #[arg(value_name = "CHAIN.pem")]
    chain: PathBuf,
}

impl Verify {
    /// Exit code 0 when the chain is valid, 1 when it is refused.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let now = self.at.unwrap_or_else(|| Clock::system().now());
        let trust = TrustSet::new(certificates(&self.anchors)?, certificates(&self.intermediates)?);
        let crls = self.crls()?;
        let presented =
            certificate_ders(&super::read(&self.chain)?).with_context(|| self.chain.display().to_string())?;
        let rule = ValidationRule {
            extended_key_usages: self.eku.clone(),
            certificate_policies: self.policy.clone(),
            explicit_policy_required: self.require_explicit_policy,
            policy_mapping_inhibited: self.inhibit_policy_mapping,
            any_policy_inhibited: self.inhibit_any_policy,
            maximum_path_certificates: self.max_depth,
            ..ValidationRule::default()
        };
        let judged = PresentedChain::parse(&presented)
            .map_err(CertificateRejection::Malformed)
            .and_then(|chain| judge(&Arc::new(chain), &trust, &rule, crls.as_ref(), now));
        match judged {
            Ok(judged) => {
                super::print(&valid(&judged, now))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(refusal) => {
                super::print(&refused(&refusal.denial(), &refusal, now))?;
                Ok(ExitCode::FAILURE)
            }
        }
    }

    fn crls(&self) -> anyhow::Result<Option<CrlStore>> {
        if self.crl.is_empty() {
            return Ok(None);
        }
        let store = CrlStore::load(&self.crl)?;
        for note in store.notes() {
            eprintln!("warning: {note}");
        }
        Ok(Some(store))
    }
}

/// A chain that was judged, and what was looked at.
enum Judged {
    /// Without revocation.
    Validated(Arc<ValidatedChain>),
    /// With it.
    Unrevoked(UnrevokedChain),
}

fn judge(
    chain: &Arc<PresentedChain>,
    trust: &TrustSet,
    rule: &ValidationRule,
    crls: Option<&CrlStore>,
    now: UnixTime,
) -> Result<Judged, CertificateRejection> {
    let validated =
        validate(chain, trust, rule, now).map_err(|error| CertificateRejection::Chain(Arc::new(error)))?;
    let validated = Arc::new(validated);
    let Some(crls) = crls else { return Ok(Judged::Validated(validated)) };
    let revocation = RevocationRule { mode: RevocationMode::Require, ..RevocationRule::default() };
    let unrevoked = check(&validated, &revocation, trust, crls, now);
    unrevoked.map(Judged::Unrevoked).map_err(|error| CertificateRejection::Revocation(Arc::new(error)))
}

fn valid(judged: &Judged, now: UnixTime) -> TextOutput {
    let mut output = TextOutput::default();
    let (paths, deadline): (Vec<_>, _) = match judged {
        Judged::Validated(chain) => (chain.paths().iter().collect(), chain.deadline()),
        Judged::Unrevoked(chain) => (chain.paths().collect(), chain.deadline()),
    };
    output.heading("valid");
    output.entry("judged at", written(now));
    output.entry("holds until", written(deadline));
    for (index, path) in paths.iter().enumerate() {
        output.heading(&format!("path {}", index + 1));
        PathFacts::of(path).tell(&mut output);
    }
    output.heading("revocation");
    match judged {
        Judged::Validated(_) => output.entry("not looked at", "no --crl was given"),
        Judged::Unrevoked(chain) => {
            for status in chain.status() {
                StatusFacts::passed(status, now).tell(&mut output);
            }
        }
    }
    output
}

/// The denial's id stands alone in the first line, for scripts.
fn refused(denial: &Denial, refusal: &CertificateRejection, now: UnixTime) -> TextOutput {
    let mut output = TextOutput::default();
    output.heading(denial.id().id());
    output.entry("cause", denial.detail());
    output.entry("judged at", written(now));
    if let CertificateRejection::Revocation(error) = refusal {
        StatusFacts::refused(error, now).tell(&mut output);
    }
    output
}

fn certificates(files: &[PathBuf]) -> anyhow::Result<Vec<Certificate>> {
    let bundle = |file: &PathBuf| bundle(file);
    let bundles: Vec<Vec<Certificate>> = files.iter().map(bundle).collect::<anyhow::Result<_>>()?;
    Ok(bundles.concat())
}

fn bundle(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    read_bundle(&super::read(file)?).with_context(|| file.display().to_string())
}

fn object_identifier(text: &str) -> Result<ObjectIdentifier, String> {
    text.parse().map_err(|_| "write a dotted number, as 2.16.840.1.101.3.2.1.3.13".to_owned())
}

fn extended_key_usage(text: &str) -> Result<ObjectIdentifier, String> {
    match usage::of_name(text) {
        Some(usage) => Ok(usage),
        None => text.parse().map_err(|_| {
            let names: Vec<_> = usage::NAMED.iter().map(|(name, _)| *name).collect();
            format!("write a dotted number, or one of {}", names.join(", "))
        }),
    }
}
