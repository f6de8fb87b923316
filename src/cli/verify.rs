//! `portcullis verify`: validates one chain and checks revocation as the gateway does, without a configuration. The
//! certificate is not mapped to an account.

use super::arguments::{
    file_name, parse_extended_key_usage, parse_path_length, parse_policy, parse_time, read_file,
};
use super::chain_facts::{PathFacts, RevocationStatusFacts};
use super::output::{self, TextOutput, format_time};
use crate::certificate::{Certificate, ObjectIdentifier, certificate_ders, read_bundle};
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
pub(super) struct VerifyCommand {
    /// Trust anchors, PEM or DER; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    anchors: Vec<PathBuf>,
    /// Intermediate certificates for path building; may be repeated
    #[arg(long, value_name = "FILE")]
    intermediates: Vec<PathBuf>,
    /// A file or folder of CRLs; may be repeated. Without it, revocation is not checked; with it, every certificate
    /// below the trust anchor needs a current CRL
    #[arg(long, value_name = "FILE|DIR")]
    crl: Vec<PathBuf>,
    /// A certificate policy; may be repeated: at least one of them must be valid on the whole path. With anyPolicy
    /// (2.5.29.32.0), any policy that is valid on the whole path is sufficient
    #[arg(long, value_name = "OID", value_parser = parse_policy)]
    policy: Vec<ObjectIdentifier>,
    /// An extended key usage: an OID, client_auth, smartcard_logon or pkinit_client_auth; may be repeated: the
    /// certificate must have all of them [default: none required]
    #[arg(long, value_name = "OID", value_parser = parse_extended_key_usage)]
    eku: Vec<ObjectIdentifier>,
    /// The time of validation: seconds since 1970 or 2026-11-22T09:30:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<UnixTime>,
    /// Require a certificate policy that is valid on the whole path (RFC 5280 initial-explicit-policy)
    #[arg(long)]
    require_explicit_policy: bool,
    /// Ignore policy mappings (RFC 5280 initial-policy-mapping-inhibit)
    #[arg(long)]
    inhibit_policy_mapping: bool,
    /// Do not match other policies by anyPolicy (RFC 5280 initial-any-policy-inhibit)
    #[arg(long)]
    inhibit_any_policy: bool,
    /// The maximum number of certificates in a path, including the trust anchor
    #[arg(long, value_name = "N", default_value_t = MAX_PATH_CERTIFICATES, value_parser = parse_path_length)]
    max_depth: usize,
    /// The chain to validate, leaf certificate first, PEM or DER
    #[arg(value_name = "CHAIN.pem")]
    chain: PathBuf,
}

impl VerifyCommand {
    /// Returns exit code 0 if the chain is valid, 1 if it is rejected.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let now = self.at.unwrap_or_else(|| Clock::system().now());
        let trust = TrustSet::new(certificates(&self.anchors)?, certificates(&self.intermediates)?);
        let crls = self.crls()?;
        let presented = certificate_ders(&read_file(&self.chain)?).with_context(|| file_name(&self.chain))?;
        let rule = ValidationRule {
            extended_key_usages: self.eku.clone(),
            certificate_policies: self.policy.clone(),
            explicit_policy_required: self.require_explicit_policy,
            policy_mapping_inhibited: self.inhibit_policy_mapping,
            any_policy_inhibited: self.inhibit_any_policy,
            maximum_path_certificates: self.max_depth,
            ..ValidationRule::default()
        };
        let validated = PresentedChain::parse(&presented)
            .map_err(CertificateRejection::Malformed)
            .and_then(|chain| validate_chain(&Arc::new(chain), &trust, &rule, crls.as_ref(), now));
        match validated {
            Ok(validated) => {
                output::print(&valid_output(&validated, now))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(rejection) => {
                output::print(&rejected_output(&rejection.denial(), &rejection, now))?;
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

/// A chain that passed every requested check.
enum VerifiedChain {
    /// Revocation was not checked, because no CRL is specified.
    Validated(Arc<ValidatedChain>),
    Unrevoked(UnrevokedChain),
}

fn validate_chain(
    chain: &Arc<PresentedChain>,
    trust: &TrustSet,
    rule: &ValidationRule,
    crls: Option<&CrlStore>,
    now: UnixTime,
) -> Result<VerifiedChain, CertificateRejection> {
    let validated =
        validate(chain, trust, rule, now).map_err(|error| CertificateRejection::Chain(Arc::new(error)))?;
    let validated = Arc::new(validated);
    let Some(crls) = crls else { return Ok(VerifiedChain::Validated(validated)) };
    let revocation = RevocationRule { mode: RevocationMode::Require, ..RevocationRule::default() };
    let unrevoked = check(&validated, &revocation, trust, crls, now);
    unrevoked.map(VerifiedChain::Unrevoked).map_err(|error| CertificateRejection::Revocation(Arc::new(error)))
}

fn valid_output(verified: &VerifiedChain, now: UnixTime) -> TextOutput {
    let mut output = TextOutput::default();
    let (paths, deadline): (Vec<_>, _) = match verified {
        VerifiedChain::Validated(chain) => (chain.paths().iter().collect(), chain.deadline()),
        VerifiedChain::Unrevoked(chain) => (chain.paths().collect(), chain.deadline()),
    };
    output.heading("valid");
    output.entry("validated at", format_time(now));
    output.entry("valid until", format_time(deadline));
    for (index, path) in paths.iter().enumerate() {
        output.heading(&format!("path {}", index + 1));
        PathFacts::of(path).add_to(&mut output);
    }
    output.heading("revocation");
    match verified {
        VerifiedChain::Validated(_) => output.entry("not checked", "specify CRLs with --crl"),
        VerifiedChain::Unrevoked(chain) => {
            for status in chain.status() {
                RevocationStatusFacts::passed(status, now).add_to(&mut output);
            }
        }
    }
    output
}

/// Returns the output for a rejected chain. Its first line is the denial id alone, for scripts.
fn rejected_output(denial: &Denial, rejection: &CertificateRejection, now: UnixTime) -> TextOutput {
    let mut output = TextOutput::default();
    output.heading(denial.id().id());
    output.entry("cause", denial.detail());
    output.entry("validated at", format_time(now));
    if let CertificateRejection::Revocation(error) = rejection {
        RevocationStatusFacts::rejected(error, now).add_to(&mut output);
    }
    output
}

fn certificates(files: &[PathBuf]) -> anyhow::Result<Vec<Certificate>> {
    let bundle = |file: &PathBuf| bundle(file);
    let bundles: Vec<Vec<Certificate>> = files.iter().map(bundle).collect::<anyhow::Result<_>>()?;
    Ok(bundles.concat())
}

fn bundle(file: &Path) -> anyhow::Result<Vec<Certificate>> {
    read_bundle(&read_file(file)?).with_context(|| file_name(file))
}
