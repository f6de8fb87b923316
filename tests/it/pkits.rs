//! The Public Key Interoperability Test Suite of NIST (PKITS): every entry of its manifest has the expected result.

mod revocation;
pub(crate) mod vectors;

use portcullis::policy::CertificateRejection;
use portcullis::revocation::{RevocationMode, RevocationRule, check};
use portcullis::validation::TrustSet;
use std::sync::Arc;
use std::time::Duration;
use vectors::{Entry, NOW, SUITE, Tier};

/// Validates the path of an entry and checks revocation with its CRLs.
pub(crate) fn authenticate(entry: &Entry) -> Result<(), String> {
    let rule = RevocationRule { mode: RevocationMode::Require, grace: Duration::ZERO, issuers: Vec::new() };
    let chain = SUITE.validate(entry).map_err(|rejection| display_chain(&rejection))?;
    let crls = SUITE.crl_store(entry).map_err(|error| display_chain(&error))?;
    let unrevoked = check(&Arc::new(chain), &rule, &TrustSet::default(), &crls, NOW);
    unrevoked.map(drop).map_err(|error| display_chain(&CertificateRejection::Revocation(Arc::new(error))))
}

fn display_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

pub(crate) fn of_tier(tier: Tier) -> Vec<&'static Entry> {
    SUITE.entries.iter().filter(|entry| entry.tier == tier).collect()
}

#[test]
fn the_suite_has_247_entries() {
    let count = |tier| of_tier(tier).len();
    assert_eq!(SUITE.entries.len(), 247);
    assert_eq!([Tier::Core, Tier::Crldp, Tier::Delta, Tier::Sepkey].map(count), [196, 35, 10, 6]);
}

/// Returns whether the gateway accepts the path. It rejects DSA keys, hence also the two valid paths with them.
fn is_valid_here(entry: &Entry) -> bool {
    entry.expect && !entry.dsa
}

/// Paths outside chapter 4.4 that are invalid because of revocation only.
const INVALID_BY_REVOCATION: [&str; 4] = ["4.5.2", "4.5.5", "4.7.4", "4.7.5"];

/// The chapters of the suite, with the number of their entries in the core tier.
const CORE: [(&str, usize); 14] = [
    ("4.1", 6),
    ("4.2", 8),
    ("4.3", 10),
    ("4.4", 18),
    ("4.5", 5),
    ("4.6", 17),
    ("4.7", 5),
    ("4.8", 35),
    ("4.9", 8),
    ("4.10", 23),
    ("4.11", 11),
    ("4.12", 11),
    ("4.13", 38),
    ("4.16", 1),
];

#[test]
fn every_path_of_the_core_has_the_expected_result() {
    let mut validated = 0;
    let mut wrong = Vec::new();
    for (chapter, count) in CORE {
        let entries = of_tier(Tier::Core).into_iter().filter(|entry| entry.chapter() == chapter);
        assert_eq!(entries.clone().count(), count, "entries of {chapter}");
        for entry in entries {
            validated += 1;
            let result = authenticate(entry);
            if result.is_ok() != is_valid_here(entry) {
                eprintln!("{} {}: expected {}: {result:?}", entry.id, entry.title, entry.expect);
                wrong.push(entry.id.as_str());
            }
        }
    }
    assert_eq!(validated, 196);
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_path_of_the_core_has_the_expected_result_without_its_crls() {
    let is_wrong = |entry: &&Entry| {
        let is_valid = is_valid_here(entry)
            || entry.chapter() == "4.4"
            || INVALID_BY_REVOCATION.contains(&entry.id.as_str());
        SUITE.validate(entry).is_ok() != is_valid
    };
    let wrong: Vec<_> = of_tier(Tier::Core).into_iter().filter(is_wrong).map(|entry| &entry.id).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
