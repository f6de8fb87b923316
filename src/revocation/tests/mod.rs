//! Tests of the revocation check, with generated certificates and CRLs.

mod caching;
mod decoding;
mod deltas;
mod downloading;
mod precedence;
mod reloading;
mod scopes;
mod signers;
mod unknowns;
mod verdicts;

use super::test_pki::{HOUR, NOW, TestCa, before, proven, store};
use super::*;
use crate::clock::UnixTime;
use crate::validation::{TrustSet, ValidatedChain};
use std::sync::Arc;
use std::time::Duration;

const SERIAL: &[u8] = &[0x2b, 1];

const REQUIRE: RevocationRule = of_mode(RevocationMode::Require);
const PREFER: RevocationRule = of_mode(RevocationMode::Prefer);

const fn of_mode(mode: RevocationMode) -> RevocationRule {
    RevocationRule { mode, grace: Duration::ZERO, issuers: Vec::new() }
}

/// Returns a root, and the chain of a certificate that it issued.
fn root_and_chain() -> (TestCa, Arc<ValidatedChain>) {
    let root = TestCa::root("Root");
    let chain = proven(&root.issue("alice", SERIAL), &[], &[&root.certificate]);
    (root, chain)
}

fn check_crls(
    chain: &Arc<ValidatedChain>,
    rule: &RevocationRule,
    crls: &[&[u8]],
) -> Result<UnrevokedChain, RevocationError> {
    check_crls_at(chain, rule, crls, NOW)
}

fn check_crls_at(
    chain: &Arc<ValidatedChain>,
    rule: &RevocationRule,
    crls: &[&[u8]],
    now: UnixTime,
) -> Result<UnrevokedChain, RevocationError> {
    check(chain, rule, &TrustSet::default(), &store(crls), now)
}

fn why_unknown(chain: &Arc<ValidatedChain>, crls: &[&[u8]]) -> UnknownReason {
    match check_crls(chain, &REQUIRE, crls) {
        Err(RevocationError::Unknown { which, why }) => {
            assert_eq!(which, *chain.leaf());
            why
        }
        other => panic!("{other:?}"),
    }
}

fn why_revoked(result: Result<UnrevokedChain, RevocationError>) -> (String, RevocationReason) {
    match result {
        Err(RevocationError::Revoked { which, reason, at, .. }) => {
            assert_eq!(at, before(NOW, 2 * HOUR));
            (which.subject().to_string(), reason)
        }
        other => panic!("{other:?}"),
    }
}
