//! The results of each stage of client authentication. The verdict is the authenticator's alone: stages are run again
//! here only to report their intermediate results.

use super::facts::{
    AccountFacts, ChainFacts, ClientCertificateFacts, DirectoryLookupFacts, MappingFacts, MappingStepFacts,
    RevocationFacts,
};
use crate::cli::chain_facts::{CertificateSummary, PathFacts, RevocationStatusFacts};
use crate::cli::output::format_time;
use crate::clock::UnixTime;
use crate::identity::{Account, StepResult, map};
use crate::policy::{AbsentReason, CertificateRejection, Credential, Evidence};
use crate::revocation::{RevocationError, RevocationMode};
use crate::site::Realm;
use crate::telemetry::display_chain;
use crate::validation::{PresentedChain, ValidatedChain, validate};
use std::sync::Arc;

/// The reason for which no chain was validated.
pub(super) fn not_evaluated(evidence: &Evidence) -> ClientCertificateFacts {
    let status = match evidence {
        Evidence::Certificate(_) | Evidence::Password { .. } => "evaluated",
        Evidence::Rejected(_) => "malformed",
        Evidence::None(AbsentReason::Ignored) => "ignored",
        Evidence::None(AbsentReason::NotRequested) => "not_requested",
        Evidence::None(AbsentReason::NotPresented) => "not_presented",
        Evidence::None(AbsentReason::RequestedSinceReload) => "requested_since_reload",
        Evidence::None(AbsentReason::ProofExpired) => "proof_expired",
    };
    ClientCertificateFacts { status, ..ClientCertificateFacts::default() }
}

/// The results of the stages for `chain` in `realm`.
pub(super) async fn evaluated(
    realm: &Realm,
    chain: &Arc<PresentedChain>,
    verdict: &Result<Arc<Credential>, Arc<CertificateRejection>>,
    now: UnixTime,
) -> ClientCertificateFacts {
    let facts = ClientCertificateFacts {
        status: "evaluated",
        realm: Some(realm.name.to_string()),
        presented: chain.certificates().iter().map(CertificateSummary::of).collect(),
        ..ClientCertificateFacts::default()
    };
    match verdict {
        Ok(credential) => passed(facts, realm, credential, now).await,
        Err(refusal) => rejected(facts, realm, chain, refusal, now),
    }
}

async fn passed(
    facts: ClientCertificateFacts,
    realm: &Realm,
    credential: &Credential,
    now: UnixTime,
) -> ClientCertificateFacts {
    let status = credential.chain().status().iter();
    let revocation = RevocationFacts {
        mode: mode(realm),
        passed: true,
        certificates: status.map(|status| RevocationStatusFacts::passed(status, now)).collect(),
    };
    ClientCertificateFacts {
        chain: Some(valid_chain(credential.chain().chain())),
        revocation: Some(revocation),
        mapping: Some(mapping(realm, credential, now).await),
        cached_until: Some(format_time(credential.deadline())),
        ..facts
    }
}

fn rejected(
    facts: ClientCertificateFacts,
    realm: &Realm,
    chain: &Arc<PresentedChain>,
    refusal: &CertificateRejection,
    now: UnixTime,
) -> ClientCertificateFacts {
    match refusal {
        CertificateRejection::Revocation(error) => ClientCertificateFacts {
            chain: validate(chain, &realm.trust, &realm.validation, now)
                .ok()
                .map(|chain| valid_chain(&chain)),
            revocation: Some(failed_revocation(realm, error, now)),
            ..facts
        },
        CertificateRejection::Malformed(_)
        | CertificateRejection::Chain(_)
        | CertificateRejection::Timeout(_)
        | CertificateRejection::Overloaded => {
            let cause = Some(refusal.denial().detail().to_owned());
            ClientCertificateFacts {
                chain: Some(ChainFacts { valid: false, cause, paths: Vec::new() }),
                ..facts
            }
        }
    }
}

fn valid_chain(chain: &ValidatedChain) -> ChainFacts {
    ChainFacts { valid: true, cause: None, paths: chain.paths().iter().map(PathFacts::of).collect() }
}

fn failed_revocation(realm: &Realm, error: &RevocationError, now: UnixTime) -> RevocationFacts {
    let certificates = vec![RevocationStatusFacts::rejected(error, now)];
    RevocationFacts { mode: mode(realm), passed: false, certificates }
}

fn mode(realm: &Realm) -> &'static str {
    match realm.revocation.mode {
        RevocationMode::Off => "off",
        RevocationMode::Prefer => "prefer",
        RevocationMode::Require => "require",
    }
}

async fn mapping(realm: &Realm, credential: &Credential, now: UnixTime) -> MappingFacts {
    let mapping = map(credential.chain(), &realm.mapping, realm.directory.as_deref(), now).await;
    let lookup =
        mapping.lookup.map(|lookup| DirectoryLookupFacts { filters: lookup.filters, found: lookup.found });
    let steps = mapping.steps.into_iter().map(|step| MappingStepFacts {
        mapper: step.mapper.name(),
        values: step.values,
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
    let steps = steps.collect();
    match credential.account() {
        Ok(account) => MappingFacts { steps, lookup, account: Some(account_facts(account)), cause: None },
        Err(error) => {
            let cause = display_chain(error.as_ref());
            MappingFacts { steps, lookup, account: None, cause: Some(cause) }
        }
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
