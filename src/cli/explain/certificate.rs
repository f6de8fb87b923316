//! Records the results of authenticating the client certificate.

use super::facts::{
    AccountFacts, ChainFacts, ClientCertificateFacts, DirectoryLookupFacts, MappingFacts, MappingStepFacts,
    RevocationFacts,
};
use crate::cli::chain_facts::{CertificateSummary, PathFacts, RevocationStatusFacts};
use crate::cli::output::format_time;
use crate::clock::UnixTime;
use crate::identity::{Account, MappingTrace, StepResult};
use crate::policy::{AbsentReason, CertificateRejection, Credential, Evidence};
use crate::revocation::RevocationMode;
use crate::site::Realm;
use crate::telemetry::display_chain;
use crate::validation::{PresentedChain, ValidatedChain};

/// The results of the stages of authentication: validation, revocation check, mapping.
pub(super) struct CertificateTrace {
    facts: ClientCertificateFacts,
    revocation_mode: &'static str,
}

impl CertificateTrace {
    pub(super) fn new(realm: &Realm, chain: &PresentedChain) -> Self {
        let facts = ClientCertificateFacts {
            status: "evaluated",
            realm: Some(realm.name.to_string()),
            presented: chain.certificates().iter().map(CertificateSummary::of).collect(),
            ..ClientCertificateFacts::default()
        };
        let revocation_mode = match realm.revocation.mode {
            RevocationMode::Off => "off",
            RevocationMode::Prefer => "prefer",
            RevocationMode::Require => "require",
        };
        Self { facts, revocation_mode }
    }

    pub(super) fn validated(&mut self, chain: &ValidatedChain) {
        let paths = chain.paths().iter().map(PathFacts::of).collect();
        self.facts.chain = Some(ChainFacts { valid: true, cause: None, paths });
    }

    pub(super) fn mapped(&mut self, mapping: &MappingTrace) {
        let steps = mapping.steps.iter().map(|step| MappingStepFacts {
            mapper: step.mapper.name(),
            values: step.values.clone(),
            result: match step.result {
                StepResult::NoValue => "no_value",
                StepResult::IssuerNotPermitted => "issuer_not_permitted",
                StepResult::NoAccount => "no_account",
                StepResult::Mapped => "mapped",
                StepResult::Agrees => "agrees",
                StepResult::Skipped => "skipped",
                StepResult::Rejected => "rejected",
            },
        });
        let lookup = mapping.lookup.as_ref().map(|lookup| DirectoryLookupFacts {
            filters: lookup.filters.clone(),
            found: lookup.found.clone(),
        });
        self.facts.mapping =
            Some(MappingFacts { steps: steps.collect(), lookup, account: None, cause: None });
    }

    /// Returns the facts of the certificate on which `evidence` is based. `trace` is `None` if no chain was authenticated.
    pub(super) fn facts(trace: Option<Self>, evidence: &Evidence, now: UnixTime) -> ClientCertificateFacts {
        match (trace, evidence) {
            (Some(trace), Evidence::Certificate(credential)) => trace.passed(credential, now),
            (Some(trace), Evidence::Rejected(rejection)) => trace.rejected(rejection, now),
            (Some(trace), Evidence::Password { .. } | Evidence::None(_)) => trace.facts,
            (None, evidence) => ClientCertificateFacts {
                status: absent_status(evidence),
                ..ClientCertificateFacts::default()
            },
        }
    }

    fn passed(mut self, credential: &Credential, now: UnixTime) -> ClientCertificateFacts {
        let status = credential.chain().status().iter();
        self.facts.revocation = Some(RevocationFacts {
            mode: self.revocation_mode,
            passed: true,
            certificates: status.map(|status| RevocationStatusFacts::passed(status, now)).collect(),
        });
        if let Some(mapping) = &mut self.facts.mapping {
            match credential.account() {
                Ok(account) => mapping.account = Some(account_facts(account)),
                Err(error) => mapping.cause = Some(display_chain(error.as_ref())),
            }
        }
        self.facts.cached_until = Some(format_time(credential.deadline()));
        self.facts
    }

    fn rejected(mut self, rejection: &CertificateRejection, now: UnixTime) -> ClientCertificateFacts {
        match rejection {
            CertificateRejection::Revocation(error) => {
                self.facts.revocation = Some(RevocationFacts {
                    mode: self.revocation_mode,
                    passed: false,
                    certificates: vec![RevocationStatusFacts::rejected(error, now)],
                });
            }
            CertificateRejection::Malformed(_)
            | CertificateRejection::Chain(_)
            | CertificateRejection::Timeout(_)
            | CertificateRejection::Overloaded => {
                let cause = Some(rejection.denial().detail().to_owned());
                let chain = &mut self.facts.chain;
                chain.get_or_insert_with(|| ChainFacts { valid: false, cause, paths: Vec::new() });
            }
        }
        self.facts
    }
}

/// Returns the reason why no chain was authenticated.
fn absent_status(evidence: &Evidence) -> &'static str {
    match evidence {
        Evidence::Certificate(_) | Evidence::Password { .. } => "evaluated",
        Evidence::Rejected(_) => "malformed",
        Evidence::None(AbsentReason::Ignored) => "ignored",
        Evidence::None(AbsentReason::NotRequested) => "not_requested",
        Evidence::None(AbsentReason::NotPresented) => "not_presented",
        Evidence::None(AbsentReason::RequestedSinceReload) => "requested_since_reload",
        Evidence::None(AbsentReason::ProofExpired) => "proof_expired",
    }
}

fn account_facts(account: &Account) -> AccountFacts {
    AccountFacts {
        user: account.user.clone(),
        upn: account.upn.clone(),
        sid: account.sid.clone(),
        groups: account.groups.iter().map(|group| group.name.clone()).collect(),
        method: account.mapping.to_string(),
        strength: account.strength.to_string(),
    }
}
