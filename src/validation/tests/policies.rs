//! Certificate policies that are valid on a path, and paths that are refused because of policies.

use const_oid::db::rfc5280;

use super::der::{oid, sequence};
use super::*;
use crate::certificate::ObjectIdentifier;

const GOLD: ObjectIdentifier = known("2.16.840.1.101.3.2.1.48.1");
const SILVER: ObjectIdentifier = known("2.16.840.1.101.3.2.1.48.2");
const BRONZE: ObjectIdentifier = known("2.16.840.1.101.3.2.1.48.3");
const ANY_POLICY: ObjectIdentifier = ObjectIdentifier::known(rfc5280::ANY_POLICY);

const fn known(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::known(const_oid::ObjectIdentifier::new_unwrap(dotted))
}

type Edit = Box<dyn FnOnce(&mut CertificateParams)>;

fn add(id: u64, content: Vec<u8>) -> Edit {
    Box::new(move |params| params.custom_extensions.push(extension(&[2, 5, 29, id], false, &content)))
}

fn policies(identifiers: &[ObjectIdentifier]) -> Edit {
    add(32, sequence(&identifiers.iter().map(|id| sequence(&[oid(*id)])).collect::<Vec<_>>()))
}

fn mappings(pairs: &[(ObjectIdentifier, ObjectIdentifier)]) -> Edit {
    add(33, sequence(&pairs.iter().map(|(from, to)| sequence(&[oid(*from), oid(*to)])).collect::<Vec<_>>()))
}

/// Returns requireExplicitPolicy after this many certificates.
fn require_explicit_policy(after: u8) -> Edit {
    add(36, vec![0x30, 3, 0x80, 1, after])
}

fn inhibit_any_policy(after: u8) -> Edit {
    add(54, vec![2, 1, after])
}

fn all(edits: Vec<Edit>) -> impl FnOnce(&mut CertificateParams) {
    move |params| edits.into_iter().for_each(|edit| edit(params))
}

/// Returns the verdict on a client certificate below one CA below a root.
fn below(
    ca: Vec<Edit>,
    leaf: Vec<Edit>,
    rule: impl FnOnce(&mut ValidationRule),
) -> Result<Vec<ObjectIdentifier>, (usize, PathViolation)> {
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority_with("Issuing", all(ca));
    let chain = presented(&[&issuing.leaf_with(all(leaf)), &issuing.certificate]);
    let mut changed_rule = ValidationRule::default();
    rule(&mut changed_rule);
    let verdict = validate(&chain, &anchored(&root), &changed_rule, NOW);
    verdict.map(|chain| chain.paths()[0].policies().to_vec()).map_err(|error| (error.index, error.violation))
}

fn demand(policy: ObjectIdentifier) -> impl FnOnce(&mut ValidationRule) {
    move |rule| rule.certificate_policies = vec![policy]
}

#[test]
fn a_required_policy_must_be_valid_on_the_whole_path() {
    let leaf = || vec![policies(&[GOLD])];
    assert_eq!(below(vec![policies(&[GOLD, SILVER])], leaf(), demand(GOLD)), Ok(vec![GOLD]));
    assert_eq!(below(vec![policies(&[ANY_POLICY])], leaf(), demand(GOLD)), Ok(vec![GOLD]));
    let lost_at = |index| Err((index, PathViolation::CertificatePolicy));
    assert_eq!(below(vec![policies(&[SILVER])], leaf(), demand(GOLD)), lost_at(0));
    assert_eq!(below(vec![], leaf(), demand(GOLD)), lost_at(1));
    assert_eq!(below(vec![policies(&[GOLD])], vec![], demand(GOLD)), lost_at(0));
}

#[test]
fn any_policy_matches_every_policy_unless_a_ca_or_the_rule_inhibits_it() {
    let any = || vec![policies(&[ANY_POLICY])];
    assert_eq!(below(any(), any(), demand(GOLD)), Ok(vec![ANY_POLICY]));
    let inhibiting = vec![policies(&[ANY_POLICY]), inhibit_any_policy(0)];
    assert_eq!(below(inhibiting, any(), demand(GOLD)), Err((0, PathViolation::CertificatePolicy)));
    let inhibited = |rule: &mut ValidationRule| {
        demand(GOLD)(rule);
        rule.any_policy_inhibited = true;
    };
    assert_eq!(below(any(), any(), inhibited), Err((1, PathViolation::CertificatePolicy)));
}

#[test]
fn any_usage_in_the_leaf_does_not_disable_the_requirement_of_a_policy() {
    let any_usage: Edit = Box::new(|params| params.extended_key_usages.push(ExtendedKeyUsagePurpose::Any));
    let verdict = below(vec![policies(&[SILVER])], vec![policies(&[SILVER]), any_usage], demand(GOLD));
    assert_eq!(verdict, Err((0, PathViolation::CertificatePolicy)));
}

#[test]
fn a_mapped_policy_is_the_one_of_the_anchors_domain() {
    let ca = || vec![policies(&[GOLD]), mappings(&[(GOLD, BRONZE)])];
    let leaf = || vec![policies(&[BRONZE])];
    assert_eq!(below(ca(), leaf(), demand(GOLD)), Ok(vec![GOLD]));
    assert_eq!(below(ca(), leaf(), demand(BRONZE)), Err((0, PathViolation::CertificatePolicy)));
    let inhibited = |rule: &mut ValidationRule| {
        demand(GOLD)(rule);
        rule.policy_mapping_inhibited = true;
    };
    assert_eq!(below(ca(), leaf(), inhibited), Err((0, PathViolation::CertificatePolicy)));
}

#[test]
fn a_policy_that_is_mapped_from_any_policy_is_valid() {
    let ca = vec![policies(&[ANY_POLICY]), mappings(&[(GOLD, BRONZE)])];
    assert_eq!(below(ca, vec![policies(&[BRONZE])], demand(GOLD)), Ok(vec![GOLD]));
}

#[test]
fn a_ca_that_maps_any_policy_issues_nothing() {
    for pair in [(ANY_POLICY, GOLD), (GOLD, ANY_POLICY)] {
        let ca = vec![policies(&[GOLD]), mappings(&[pair])];
        let verdict = below(ca, vec![policies(&[GOLD])], |_| {});
        assert_eq!(verdict, Err((1, PathViolation::AnyPolicyMapped)));
    }
}

#[test]
fn a_path_without_policies_is_refused_if_a_ca_or_the_rule_requires_one() {
    let required = |rule: &mut ValidationRule| rule.explicit_policy_required = true;
    assert_eq!(below(vec![], vec![], |_| {}), Ok(vec![]));
    assert_eq!(below(vec![], vec![], required), Err((1, PathViolation::NoPolicy)));
    let ca = || vec![policies(&[GOLD]), require_explicit_policy(0)];
    assert_eq!(below(ca(), vec![], |_| {}), Err((0, PathViolation::NoPolicy)));
    assert_eq!(below(ca(), vec![policies(&[GOLD])], |_| {}), Ok(vec![GOLD]));
}

#[test]
fn a_required_policy_must_be_one_of_the_initial_set() {
    let ca = || vec![policies(&[GOLD, SILVER]), require_explicit_policy(0)];
    let initial = |set: Vec<_>| move |rule: &mut ValidationRule| rule.initial_policies = set;
    let leaf = || vec![policies(&[GOLD, SILVER])];
    assert_eq!(below(ca(), leaf(), initial(vec![SILVER, BRONZE])), Ok(vec![SILVER]));
    assert_eq!(below(ca(), leaf(), initial(vec![BRONZE])), Err((0, PathViolation::NoPolicy)));
    assert_eq!(below(ca(), leaf(), initial(vec![ANY_POLICY, BRONZE])), Ok(vec![GOLD, SILVER]));
}

#[test]
fn a_rule_is_satisfied_by_one_path_as_a_whole() {
    let (left, right) = (ValidationTestCa::root("Left"), ValidationTestCa::root("Right"));
    let key = left.authority("Issuing");
    let crossed = |root: &ValidationTestCa, policy| {
        let mut params = authority_params("Issuing");
        policies(&[policy])(&mut params);
        read(&params.signed_by(key.issuer.key(), &root.issuer).unwrap())
    };
    let (gold, silver) = (crossed(&left, GOLD), crossed(&right, SILVER));
    let leaf = key.leaf_with(policies(&[GOLD, SILVER]));
    let roots = vec![left.certificate.clone(), right.certificate.clone()];
    let chain = validated(&[&leaf, &gold, &silver], &TrustSet::new(roots, Vec::new())).unwrap();
    let facts = |path: &ValidPath| (path.policies().to_vec(), *path.issuers().last().unwrap());
    let expected = [(vec![GOLD], left.certificate.key_id()), (vec![SILVER], right.certificate.key_id())];
    let mut found: Vec<_> = chain.paths().iter().map(facts).collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn ten_thousand_mappings_exhaust_the_limit_on_policies() {
    let number = |number: u32| format!("1.3.6.1.4.1.32473.{number}").parse().unwrap();
    let pairs: Vec<_> = (0..10_000).map(|from| (number(from), number(from + 1))).collect();
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority_with("Issuing", all(vec![policies(&[ANY_POLICY]), mappings(&pairs)]));
    let trust = TrustSet::new(vec![root.certificate.clone()], vec![issuing.certificate.clone()]);
    let (chain, rule) = (presented(&[&issuing.leaf()]), ValidationRule::default());
    let (verdict, _, budget) = path_building::PathSearch::new(&chain, &trust, &rule, NOW).run();
    assert_eq!(verdict.unwrap_err().violation, PathViolation::TooManyPolicies);
    assert_eq!(budget.policy_nodes, MAX_POLICY_NODES);
}

#[test]
fn mappings_that_double_on_every_level_create_few_nodes() {
    let root = ValidationTestCa::root("Root");
    let edit = || {
        let pairs = [(GOLD, GOLD), (GOLD, SILVER), (SILVER, GOLD), (SILVER, SILVER)];
        all(vec![policies(&[GOLD, SILVER]), mappings(&pairs)])
    };
    let mut authorities = vec![root.authority_with("CA 0", edit())];
    for number in 1..8 {
        let next = authorities[number - 1].authority_with(&format!("CA {number}"), edit());
        authorities.push(next);
    }
    let leaf = authorities[7].leaf_with(policies(&[GOLD]));
    let trust = TrustSet::new(
        vec![root.certificate.clone()],
        authorities.iter().map(|ca| ca.certificate.clone()).collect(),
    );
    let (chain, rule) = (presented(&[&leaf]), ValidationRule::default());
    let (verdict, _, budget) = path_building::PathSearch::new(&chain, &trust, &rule, NOW).run();
    assert_eq!(verdict.unwrap()[0].policies(), [GOLD, SILVER]);
    assert!(budget.policy_nodes < 100, "{}", budget.policy_nodes);
}

#[test]
fn the_longest_leaf_full_of_policies_stays_within_the_limit() {
    let many: Vec<_> =
        (0..1_120_u32).map(|number| format!("1.3.6.1.4.1.32473.{number}").parse().unwrap()).collect();
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority_with("Issuing", policies(&[ANY_POLICY]));
    let leaf = issuing.leaf_with(policies(&many));
    assert!((15_000..MAX_CERTIFICATE_BYTES).contains(&leaf.der().len()), "{}", leaf.der().len());
    let (chain, rule) = (presented(&[&leaf, &issuing.certificate]), ValidationRule::default());
    let trust = anchored(&root);
    let (verdict, _, budget) = path_building::PathSearch::new(&chain, &trust, &rule, NOW).run();
    assert_eq!(verdict.unwrap()[0].policies().len(), 1_120);
    // The anyPolicy that each of the two certificates may continue, and the policies of the client certificate.
    assert_eq!(budget.policy_nodes, 1 + 1 + 1_120);
}
