//! The scope of CRLs: issuing distribution points, reasons, indirect CRLs.

use super::*;
use crate::certificate::{Certificate, Reasons};
use crate::revocation::test_pki::{
    CrlDraft, at_uri, directory_name, distribution_points, element, entry, extension, issuing_point, number,
};

const HERE: &str = "http://pki.example/here.crl";
const THERE: &str = "http://pki.example/there.crl";

/// onlyContainsUserCerts, onlyContainsCACerts, onlyContainsAttributeCerts.
const ONLY_USERS: [u8; 3] = [0x81, 1, 0xff];
const ONLY_AUTHORITIES: [u8; 3] = [0x82, 1, 0xff];
const ONLY_ATTRIBUTES: [u8; 3] = [0x85, 1, 0xff];
const INDIRECT: [u8; 3] = [0x84, 1, 0xff];

/// onlySomeReasons: keyCompromise and cACompromise; all others, the unused flag too; none at all.
const COMPROMISE: [u8; 4] = [0x83, 2, 5, 0b0110_0000];
const OTHER_REASONS: [u8; 5] = [0x83, 3, 7, 0b1001_1111, 0b1000_0000];
const NO_REASONS: [u8; 3] = [0x83, 1, 0];

fn scoped(fields: &[Vec<u8>], entries: Vec<Vec<u8>>) -> CrlDraft {
    CrlDraft { extensions: vec![issuing_point(fields)], entries, ..CrlDraft::default() }
}

fn clean(fields: &[Vec<u8>]) -> CrlDraft {
    scoped(fields, Vec::new())
}

/// Returns a certificate that names these distribution points.
fn certificate_at(root: &TestCa, points: &[&[Vec<u8>]]) -> Certificate {
    root.issue_with(SERIAL, |params| params.custom_extensions.push(distribution_points(points)))
}

fn chain_at(root: &TestCa, points: &[&[Vec<u8>]]) -> Arc<ValidatedChain> {
    proven(&certificate_at(root, points), &[], &[&root.certificate])
}

#[test]
fn a_crl_covers_only_its_kind_of_certificate() {
    let root = TestCa::root("Root");
    let issuing = root.sub_ca("Issuing", 7);
    let chain = proven(&issuing.issue("alice", SERIAL), &[&issuing.certificate], &[&root.certificate]);
    let check_crls = |of_leaf: &[u8], of_authority: &[u8]| {
        let of_leaf = clean(&[of_leaf.to_vec()]).sign(&issuing);
        check_crls(&chain, &REQUIRE, &[&of_leaf, &clean(&[of_authority.to_vec()]).sign(&root)])
    };
    assert!(check_crls(&ONLY_USERS, &ONLY_AUTHORITIES).is_ok());
    let unknown =
        |which: &Certificate| RevocationError::Unknown { which: which.clone(), why: UnknownReason::Scope };
    assert_eq!(check_crls(&ONLY_AUTHORITIES, &ONLY_AUTHORITIES).unwrap_err(), unknown(chain.leaf()));
    assert_eq!(check_crls(&ONLY_ATTRIBUTES, &ONLY_AUTHORITIES).unwrap_err(), unknown(chain.leaf()));
    assert_eq!(check_crls(&ONLY_USERS, &ONLY_USERS).unwrap_err(), unknown(&issuing.certificate));
}

#[test]
fn a_crl_of_the_second_distribution_point_counts_and_one_of_another_does_not() {
    let root = TestCa::root("Root");
    let chain = chain_at(&root, &[&[at_uri(HERE)], &[at_uri(THERE)]]);
    let revoking = scoped(&[at_uri(THERE)], vec![entry(SERIAL, &[])]).sign(&root);
    for rule in [REQUIRE, PREFER] {
        why_revoked(check_crls(&chain, &rule, &[&revoking]));
    }
    assert!(check_crls(&chain, &REQUIRE, &[&clean(&[at_uri(THERE)]).sign(&root)]).is_ok());
    let elsewhere = clean(&[at_uri("http://pki.example/elsewhere.crl")]).sign(&root);
    assert_eq!(why_unknown(&chain, &[&elsewhere]), UnknownReason::Scope);
    // A CRL that does not cover the certificate never hides another one.
    why_revoked(check_crls(&chain, &PREFER, &[&elsewhere, &revoking]));
}

#[test]
fn the_host_of_a_distribution_point_is_compared_case_insensitively_and_its_path_case_sensitively() {
    let root = TestCa::root("Root");
    let chain = chain_at(&root, &[&[at_uri(HERE)]]);
    assert!(
        check_crls(&chain, &REQUIRE, &[&clean(&[at_uri("HTTP://PKI.Example/here.crl")]).sign(&root)]).is_ok()
    );
    let other = clean(&[at_uri("http://pki.example/HERE.crl")]).sign(&root);
    assert_eq!(why_unknown(&chain, &[&other]), UnknownReason::Scope);
}

#[test]
fn a_relative_name_and_the_full_one_are_the_same_distribution_point() {
    let root = TestCa::root("Root");
    let attribute = element(0x30, &[&[0x06, 3, 0x55, 4, 3][..], &element(0x0c, b"CRL1")].concat());
    let relative = element(0xa0, &element(0xa1, &attribute));
    let issuer = root.certificate.subject().der();
    let below = element(0x30, &[&issuer[2..], &element(0x31, &attribute)].concat());
    let full = element(0xa0, &element(0xa0, &element(0xa4, &below)));
    let chain = chain_at(&root, &[std::slice::from_ref(&relative)]);
    assert!(check_crls(&chain, &REQUIRE, &[&clean(std::slice::from_ref(&full)).sign(&root)]).is_ok());
    assert!(check_crls(&chain_at(&root, &[&[full]]), &REQUIRE, &[&clean(&[relative]).sign(&root)]).is_ok());
}

#[test]
fn a_certificate_passes_only_if_crls_for_every_reason_do_not_list_it() {
    let (root, chain) = root_and_chain();
    let compromise = clean(&[COMPROMISE.to_vec()]).sign(&root);
    let others = clean(&[OTHER_REASONS.to_vec()]).sign(&root);
    let compromised = Reasons::KeyCompromise | Reasons::CaCompromise;
    assert_eq!(why_unknown(&chain, &[&others]), UnknownReason::SomeReasons { missing: compromised });
    let passed = check_crls(&chain, &REQUIRE, &[&compromise, &others]).unwrap();
    let RevocationVerdict::NotRevoked(sources) = &passed.status()[0].verdict else { panic!("{passed:?}") };
    assert_eq!(sources.len(), 2);
    let revoking = scoped(&[OTHER_REASONS.to_vec()], vec![entry(SERIAL, &[])]).sign(&root);
    why_revoked(check_crls(&chain, &PREFER, &[&compromise, &revoking]));
    // They expire with the first of them.
    let stale = CrlDraft { next_update: Some(before(NOW, HOUR / 2)), ..clean(&[COMPROMISE.to_vec()]) };
    assert!(matches!(why_unknown(&chain, &[&stale.sign(&root), &others]), UnknownReason::Expired { .. }));
}

#[test]
fn the_reasons_of_the_distribution_point_limit_those_of_the_crl() {
    let root = TestCa::root("Root");
    // The field [1] of a certificate's distribution point is [3] in a CRL.
    let some = [&[0x81][..], &COMPROMISE[1..]].concat();
    let chain = chain_at(&root, &[&[at_uri(HERE), some]]);
    let why = why_unknown(&chain, &[&clean(&[at_uri(HERE)]).sign(&root)]);
    let UnknownReason::SomeReasons { missing } = why else { panic!("{why}") };
    assert!(!missing.contains(Reasons::KeyCompromise) && missing.contains(Reasons::Superseded));
}

#[test]
fn a_crl_for_no_reason_covers_no_certificate() {
    let (root, chain) = root_and_chain();
    let why = why_unknown(&chain, &[&clean(&[NO_REASONS.to_vec()]).sign(&root)]);
    let UnknownReason::SomeReasons { missing } = why else { panic!("{why}") };
    assert_eq!(missing.bits().count_ones(), 8);
}

/// Returns certificateIssuer (RFC 5280 5.3.3).
fn of(ca: &TestCa) -> Vec<u8> {
    extension(&[0x55, 0x1d, 29], true, &element(0x30, &directory_name(ca)))
}

#[test]
fn the_issuer_of_an_entry_of_an_indirect_crl_applies_to_those_that_follow() {
    let (root, other, third) = (TestCa::root("Root"), TestCa::root("Other"), TestCa::root("Third"));
    let chain = chain_at(&root, &[&[at_uri(HERE)]]);
    let indirect = |entries| scoped(&[INDIRECT.to_vec()], entries).sign(&root);
    let cases = [
        (vec![entry(SERIAL, &[])], true),
        (vec![entry(SERIAL, &[of(&other)])], false),
        (vec![entry(&[1], &[of(&other)]), entry(SERIAL, &[])], false),
        (vec![entry(&[1], &[of(&other)]), entry(&[2], &[of(&root)]), entry(SERIAL, &[])], true),
        (vec![entry(&[1], &[of(&root)]), entry(&[2], &[of(&third)]), entry(SERIAL, &[])], false),
    ];
    for (entries, is_revoked) in cases {
        assert_eq!(check_crls(&chain, &REQUIRE, &[&indirect(entries)]).is_err(), is_revoked);
    }
}

#[test]
fn a_crl_of_another_issuer_counts_if_the_certificate_names_it_and_it_is_marked_as_indirect() {
    let root = TestCa::root("Root");
    let publisher = root.crl_signer("Publisher", 9, |_| {});
    let point = [at_uri(HERE), element(0xa2, &directory_name(&publisher))];
    let leaf = certificate_at(&root, &[&point]);
    let chain = proven(&leaf, &[&publisher.certificate], &[&root.certificate]);
    let indirect = [at_uri(HERE), INDIRECT.to_vec()];
    let publish = |fields: &[Vec<u8>], entries| scoped(fields, entries).sign(&publisher);

    // A CRL must cover the publisher's own certificate, which is not a CA's.
    let of_authorities = clean(&[ONLY_AUTHORITIES.to_vec()]).sign(&root);
    let of_users = clean(&[ONLY_USERS.to_vec()]).sign(&root);
    let why = why_unknown(&chain, &[&of_authorities, &publish(&indirect, vec![])]);
    assert!(matches!(why, UnknownReason::Signer(_)), "{why}");
    assert!(check_crls(&chain, &REQUIRE, &[&of_users, &publish(&indirect, vec![])]).is_ok());
    let revoking = publish(&indirect, vec![entry(SERIAL, &[of(&root)])]);
    why_revoked(check_crls(&chain, &REQUIRE, &[&of_users, &revoking]));

    let direct = publish(&[at_uri(HERE)], vec![]);
    assert_eq!(why_unknown(&chain, &[&of_authorities, &direct]), UnknownReason::Scope);
    let alone = proven(&leaf, &[], &[&root.certificate]);
    let issuer = publisher.certificate.subject().clone();
    assert_eq!(why_unknown(&alone, &[&revoking]), UnknownReason::NoSigner { issuer });
}

#[test]
fn an_indirect_crl_for_too_many_issuers_is_unusable() {
    let root = TestCa::root("Root");
    let name = |number: u16| {
        let text = element(0x0c, format!("CA {number}").as_bytes());
        let attribute = element(0x30, &[&[0x06, 3, 0x55, 4, 3][..], &text].concat());
        let name = element(0xa4, &element(0x30, &element(0x31, &attribute)));
        extension(&[0x55, 0x1d, 29], true, &element(0x30, &name))
    };
    let entries = (0..=4096).map(|number| entry(&[1], &[name(number)])).chain([entry(SERIAL, &[name(5000)])]);
    let entries = entries.collect();
    let chain = proven(&root.issue("alice", SERIAL), &[], &[&root.certificate]);
    let crl = scoped(&[INDIRECT.to_vec()], entries).sign(&root);
    // An entry beyond the limit may be of any issuer.
    why_revoked(check_crls(&chain, &PREFER, &[&crl]));
    assert!(matches!(
        store(&[&crl]).notes(),
        [CrlNote::Unusable { why: UnusableReason::TooManyIssuers, .. }]
    ));
}

#[test]
fn a_newer_crl_of_another_scope_does_not_hide_a_certificate_on_an_older_one() {
    let root = TestCa::root("Root");
    let chain = chain_at(&root, &[&[at_uri(HERE)]]);
    let older = CrlDraft { this_update: before(NOW, 2 * HOUR), ..CrlDraft::revoking(&[SERIAL]) }.sign(&root);
    for fields in [
        vec![ONLY_USERS.to_vec()],
        vec![ONLY_AUTHORITIES.to_vec()],
        vec![at_uri(HERE)],
        vec![at_uri(THERE)],
        vec![INDIRECT.to_vec()],
        vec![COMPROMISE.to_vec()],
    ] {
        let newer = clean(&fields).sign(&root);
        for rule in [REQUIRE, PREFER] {
            why_revoked(check_crls(&chain, &rule, &[&newer, &older]));
        }
    }
    // A newer one of the same or a wider scope replaces it.
    let newer = CrlDraft::default().sign(&root);
    assert!(check_crls(&chain, &REQUIRE, &[&newer, &older]).is_ok());
    let users = scoped(&[ONLY_USERS.to_vec()], vec![entry(SERIAL, &[])]);
    let older = CrlDraft { this_update: before(NOW, 2 * HOUR), ..users }.sign(&root);
    assert!(check_crls(&chain, &REQUIRE, &[&newer, &older]).is_ok());
}

#[test]
fn a_crl_of_a_later_date_and_a_lower_number_does_not_hide_a_certificate_on_the_other() {
    let (root, chain) = root_and_chain();
    let numbered = |own: u8, serials: &[&[u8]], age| CrlDraft {
        this_update: before(NOW, age),
        extensions: vec![number(own)],
        ..CrlDraft::revoking(serials)
    };
    let listing = numbered(9, &[SERIAL], 2 * HOUR).sign(&root);
    why_revoked(check_crls(&chain, &REQUIRE, &[&numbered(8, &[], HOUR).sign(&root), &listing]));
    for own in [9, 10] {
        assert!(check_crls(&chain, &REQUIRE, &[&numbered(own, &[], HOUR).sign(&root), &listing]).is_ok());
    }
}
