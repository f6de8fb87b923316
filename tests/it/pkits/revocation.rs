//! The parts of NIST's PKITS on distribution points, indirect CRLs and reasons (section 4.14), delta CRLs (4.15), and
//! CRLs that are signed with another key than certificates (of 4.4 and 4.5).

use super::vectors::Tier;
use super::{authenticate, of_tier};

/// Validates all entries of a tier and returns the numbers of valid and invalid paths. Panics if a path has another result
/// than in the manifest, or is rejected for another reason than the suite intends.
fn check_tier(tier: Tier, reasons: &[(&str, &str)]) -> (usize, usize) {
    let mut wrong = Vec::new();
    let mut counts = (0, 0);
    for entry in of_tier(tier) {
        let result = authenticate(entry);
        let reason = reasons.iter().find_map(|(id, reason)| (*id == entry.id).then_some(*reason));
        let is_expected = match (&result, reason) {
            (Ok(()), None) => entry.expect,
            (Err(error), Some(reason)) => !entry.expect && error.contains(reason),
            (Ok(()), Some(_)) | (Err(_), None) => false,
        };
        if !is_expected {
            wrong.push(format!("{} {}: {result:?}", entry.id, entry.title));
        }
        if entry.expect { counts.0 += 1 } else { counts.1 += 1 }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    counts
}

const COMPROMISED: &str = "is revoked (keyCompromise)";
const NOT_COVERED: &str = "the available CRLs do not cover it";

#[test]
fn distribution_points_indirect_crls_and_reasons_have_the_expected_results() {
    let reasons = [
        ("4.14.2", COMPROMISED),
        ("4.14.3", NOT_COVERED),
        ("4.14.6", COMPROMISED),
        ("4.14.8", NOT_COVERED),
        ("4.14.9", NOT_COVERED),
        ("4.14.11", NOT_COVERED),
        ("4.14.12", NOT_COVERED),
        ("4.14.14", NOT_COVERED),
        ("4.14.15", COMPROMISED),
        ("4.14.16", "is revoked (certificateHold)"),
        ("4.14.17", "do not cover all revocation reasons"),
        ("4.14.20", COMPROMISED),
        ("4.14.21", "is revoked (affiliationChanged)"),
        ("4.14.23", COMPROMISED),
        ("4.14.26", "no CRL of its issuer"),
        ("4.14.27", NOT_COVERED),
        ("4.14.31", COMPROMISED),
        ("4.14.32", COMPROMISED),
        ("4.14.34", COMPROMISED),
        ("4.14.35", NOT_COVERED),
    ];
    assert_eq!(check_tier(Tier::Crldp, &reasons), (15, 20));
}

#[test]
fn delta_crls_have_the_expected_results() {
    let reasons = [
        ("4.15.1", "a delta CRL of its issuer is available, but not the complete CRL"),
        ("4.15.3", COMPROMISED),
        ("4.15.4", COMPROMISED),
        ("4.15.6", COMPROMISED),
        ("4.15.9", COMPROMISED),
        ("4.15.10", "has expired"),
    ];
    assert_eq!(check_tier(Tier::Delta, &reasons), (4, 6));
}

#[test]
fn crls_that_are_signed_with_another_key_have_the_expected_results() {
    let reasons = [
        ("4.4.20", COMPROMISED),
        ("4.4.21", "the CRL signer's own certificate failed the revocation check"),
        ("4.5.7", COMPROMISED),
        ("4.5.8", "it is not a CA certificate"),
    ];
    assert_eq!(check_tier(Tier::Sepkey, &reasons), (2, 4));
}
