//! Takes the judge's word on a chain, gives what each stage found, in the order in which they were asked. The verdict
//! is the judge's alone: here stages are only asked again for what they saw on the way.

use super::facts::{
    AccountFacts, CardFacts, ChainFacts, LookUpFacts, MappingFacts, RevocationFacts, StepFacts,
};
use crate::cli::chain_facts::{CertificateLine, PathFacts, StatusFacts};
use crate::cli::time::written;
use crate::clock::UnixTime;
use crate::identity::{Account, StepResult, map};
use crate::policy::{AbsentReason, CertificateRejection, Credential, Evidence};
use crate::revocation::{RevocationError, RevocationMode};
use crate::site::Realm;
use crate::telemetry::display_chain;
use crate::validation::{PresentedChain, ValidatedChain, validate};
use std::sync::Arc;

/// Where nothing was judged.
pub(super) fn unjudged(evidence: &Evidence) -> CardFacts {
    let status = match evidence {
        Evidence::Certificate(_) | Evidence::Password { .. } => "judged",
        Evidence::Rejected(_) => "malformed",
        Evidence::None(AbsentReason::Ignored) => "not_looked_at",
        Evidence::None(AbsentReason::NotRequested) => "not_asked",
        Evidence::None(AbsentReason::NotPresented) => "not_presented",
        Evidence::None(AbsentReason::RequestedSinceReload) => "asked_only_since",
        Evidence::None(AbsentReason::ProofExpired) => "proof_too_old",
    };
    CardFacts { status, ..CardFacts::default() }
}

/// Where `chain` was judged in `realm`.
pub(super) async fn judged(
    realm: &Realm,
    chain: &Arc<PresentedChain>,
    verdict: &Result<Arc<Credential>, Arc<CertificateRejection>>,
    now: UnixTime,
) -> CardFacts {
    let facts = CardFacts {
        status: "judged",
        realm: Some(realm.name.to_string()),
        presented: chain.certificates().iter().map(CertificateLine::of).collect(),
        ..CardFacts::default()
    };
    match verdict {
        Ok(credential) => passed(facts, realm, credential, now).await,
        Err(refusal) => refused(facts, realm, chain, refusal, now),
    }
}

async fn passed(facts: CardFacts, realm: &Realm, credential: &Credential, now: UnixTime) -> CardFacts {
    let status = credential.chain().status().iter();
    let revocation = RevocationFacts {
        mode: mode(realm),
        passed: true,
        certificates: status.map(|status| StatusFacts::passed(status, now)).collect(),
    };
    CardFacts {
        chain: Some(valid(credential.chain().chain())),
        revocation: Some(revocation),
        mapping: Some(mapping(realm, credential, now).await),
        holds_until: Some(written(credential.deadline())),
        ..facts
    }
}

fn refused(
    facts: CardFacts,
    realm: &Realm,
    chain: &Arc<PresentedChain>,
    refusal: &CertificateRejection,
    now: UnixTime,
) -> CardFacts {
    match refusal {
        CertificateRejection::Revocation(error) => CardFacts {
            chain: validate(chain, &realm.trust, &realm.validation, now).ok().map(|chain| valid(&chain)),
            revocation: Some(not_passed(realm, error, now)),
            ..facts
        },
        CertificateRejection::Malformed(_)
        | CertificateRejection::Chain(_)
        | CertificateRejection::Timeout(_)
        | CertificateRejection::Overloaded => {
            let cause = Some(refusal.denial().detail().to_owned());
            CardFacts { chain: Some(ChainFacts { valid: false, cause, paths: Vec::new() }), ..facts }
        }
    }
}

fn valid(chain: &ValidatedChain) -> ChainFacts {
    ChainFacts { valid: true, cause: None, paths: chain.paths().iter().map(PathFacts::of).collect() }
}

fn not_passed(realm: &Realm, error: &RevocationError, now: UnixTime) -> RevocationFacts {
    let certificates = vec![StatusFacts::refused(error, now)];
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
    let look_up =
        mapping.look_up.map(|look_up| LookUpFacts { filters: look_up.filters, found: look_up.found });
    let steps = mapping.steps.into_iter().map(|step| StepFacts {
        mapper: step.mapper.name(),
        saw: step.saw,
        result: match step.result {
            StepResult::NothingToGoOn => "nothing_to_go_on",
            StepResult::NotFed => "not_fed",
            StepResult::NobodyFound => "nobody_found",
            StepResult::Mapped => "mapped",
            StepResult::Agrees => "agrees",
            StepResult::PassedOver => "passed_over",
            StepResult::Refused => "refused",
        },
    });
    let steps = steps.collect();
    match credential.account() {
        Ok(account) => MappingFacts { steps, look_up, account: Some(account_facts(account)), cause: None },
        Err(error) => {
            let cause = display_chain(error.as_ref());
            MappingFacts { steps, look_up, account: None, cause: Some(cause) }
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
