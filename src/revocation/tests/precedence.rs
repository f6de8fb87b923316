//! The precedence of several CRLs, which does not depend on the order in which they are loaded.

use super::*;
use crate::revocation::crl::Crl;
use crate::revocation::test_pki::{
    CrlDraft, at_uri, base_number, distribution_points, entry, issuing_point, number, reason,
};

const HERE: &str = "http://pki.example/here.crl";
const HOLD: u8 = 6;
const REMOVE: u8 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CaseScope {
    All,
    Users,
    Partition,
    SomeReasons,
    Indirect,
}

/// The facts of a complete CRL, from which the expected result is computed.
#[derive(Clone, Copy, Debug)]
struct CrlCase {
    hours_old: u32,
    number: Option<u8>,
    covers: CaseScope,
    lists_it: bool,
}

impl CrlCase {
    fn all(covers: &[CaseScope]) -> Vec<Self> {
        let mut all = Vec::new();
        for hours_old in [1, 2] {
            for number in [None, Some(1), Some(2)] {
                for covers in covers.iter().copied() {
                    let of = |lists_it| Self { hours_old, number, covers, lists_it };
                    all.extend([of(false), of(true)]);
                }
            }
        }
        all
    }

    fn crl(self, ca: &TestCa) -> Arc<Crl> {
        let fields = match self.covers {
            CaseScope::All => None,
            CaseScope::Users => Some(vec![0x81, 1, 0xff]),
            CaseScope::Partition => Some(at_uri(HERE)),
            CaseScope::SomeReasons => Some(vec![0x83, 2, 5, 0b0110_0000]),
            CaseScope::Indirect => Some(vec![0x84, 1, 0xff]),
        };
        let scope = fields.map(|fields| issuing_point(&[fields]));
        let serials: &[&[u8]] = if self.lists_it { &[SERIAL] } else { &[] };
        let draft = CrlDraft {
            this_update: before(NOW, self.hours_old * HOUR),
            extensions: self.number.map(number).into_iter().chain(scope).collect(),
            ..CrlDraft::revoking(serials)
        };
        parsed(&draft.sign(ca))
    }

    /// Returns whether it certainly replaces `other`.
    fn replaces(self, other: Self) -> bool {
        let is_wider = self.covers == CaseScope::All && other.covers != CaseScope::Indirect;
        let numbers = self.number.zip(other.number);
        let is_newer = match self.hours_old.cmp(&other.hours_old) {
            std::cmp::Ordering::Less => numbers.is_none_or(|(own, its)| own >= its),
            std::cmp::Ordering::Equal => {
                self.covers == other.covers && numbers.is_some_and(|(own, its)| own > its)
            }
            std::cmp::Ordering::Greater => false,
        };
        (is_wider || self.covers == other.covers) && is_newer
    }

    fn is_in_force(self, all: &[Self]) -> bool {
        !all.iter().any(|other| other.replaces(self) && other.is_in_force(all))
    }
}

fn parsed(der: &[u8]) -> Arc<Crl> {
    Arc::new(Crl::parse(der.to_vec(), CrlOrigin::Url(HERE.to_owned())).unwrap())
}

/// Returns whether the certificate is revoked by these CRLs, loaded in this order.
fn is_revoked(chain: &Arc<ValidatedChain>, crls: Vec<Arc<Crl>>) -> bool {
    let store = CrlStore::of(crls, Vec::new());
    match check(chain, &PREFER, &TrustSet::default(), &store, NOW) {
        Ok(_) => false,
        Err(RevocationError::Revoked { .. }) => true,
        Err(other) => panic!("{other}"),
    }
}

fn root_and_chain_here() -> (TestCa, Arc<ValidatedChain>) {
    let root = TestCa::root("Root");
    let points = distribution_points(&[&[at_uri(HERE)]]);
    let leaf = root.issue_with(SERIAL, |params| params.custom_extensions.push(points));
    let chain = proven(&leaf, &[], &[&root.certificate]);
    (root, chain)
}

fn assert_as_expected(chain: &Arc<ValidatedChain>, crls: &[&(CrlCase, Arc<Crl>)]) {
    let facts: Vec<_> = crls.iter().map(|(facts, _)| *facts).collect();
    let expected = facts.iter().any(|one| one.lists_it && one.is_in_force(&facts));
    let loaded = crls.iter().map(|(_, crl)| Arc::clone(crl)).collect();
    assert_eq!(is_revoked(chain, loaded), expected, "{facts:?}");
}

#[test]
fn a_certificate_on_any_of_two_crls_in_force_is_revoked_in_either_order() {
    let (root, chain) = root_and_chain_here();
    let kinds =
        [CaseScope::All, CaseScope::Users, CaseScope::Partition, CaseScope::SomeReasons, CaseScope::Indirect];
    let all: Vec<_> = CrlCase::all(&kinds).into_iter().map(|facts| (facts, facts.crl(&root))).collect();
    for one in &all {
        for other in &all {
            assert_as_expected(&chain, &[one, other]);
        }
    }
}

#[test]
fn a_certificate_on_any_of_three_crls_in_force_is_revoked_in_every_order() {
    let (root, chain) = root_and_chain_here();
    let all = CrlCase::all(&[CaseScope::All, CaseScope::Users]);
    let all: Vec<_> = all.into_iter().map(|facts| (facts, facts.crl(&root))).collect();
    for one in &all {
        for other in &all {
            for third in &all {
                assert_as_expected(&chain, &[one, other, third]);
            }
        }
    }
}

#[test]
fn a_certificate_on_one_of_two_crls_of_the_same_time_is_revoked() {
    let (root, chain) = root_and_chain();
    let users = issuing_point(&[vec![0x81, 1, 0xff]]);
    let clean = CrlDraft::default().sign(&root);
    let listing = |extensions| CrlDraft { extensions, ..CrlDraft::revoking(&[SERIAL]) }.sign(&root);
    for listing in [listing(vec![]), listing(vec![users.clone()]), listing(vec![number(1), users])] {
        why_revoked(check_crls(&chain, &REQUIRE, &[&clean, &listing]));
        why_revoked(check_crls(&chain, &REQUIRE, &[&listing, &clean]));
    }
}

/// Returns all orders of three CRLs.
fn orders([one, two, three]: [&Arc<Crl>; 3]) -> [[&Arc<Crl>; 3]; 6] {
    [
        [one, two, three],
        [one, three, two],
        [two, one, three],
        [two, three, one],
        [three, one, two],
        [three, two, one],
    ]
}

#[test]
fn two_delta_crls_of_the_same_time_lift_a_hold_only_together() {
    let (root, chain) = root_and_chain();
    let on_hold = || vec![entry(SERIAL, &[reason(HOLD)])];
    let removed = || vec![entry(SERIAL, &[reason(REMOVE)])];
    let complete = |entries| CrlDraft { entries, extensions: vec![number(1)], ..CrlDraft::default() };
    // Another nextUpdate makes another CRL of the same content.
    let delta = |own: u8, entries, minutes: u32| CrlDraft {
        this_update: before(NOW, HOUR / 2),
        next_update: Some(NOW.plus(HOUR * minutes / 60)),
        entries,
        extensions: vec![number(own), base_number(1)],
        ..CrlDraft::default()
    };
    let cases = [
        (complete(on_hold()), delta(2, removed(), 10), delta(2, removed(), 20), false),
        (complete(on_hold()), delta(2, removed(), 10), delta(2, vec![], 20), true),
        (complete(on_hold()), delta(2, removed(), 10), delta(2, on_hold(), 20), true),
        (complete(vec![]), delta(2, removed(), 10), delta(2, on_hold(), 20), true),
        (complete(vec![]), delta(2, vec![], 10), delta(2, on_hold(), 20), true),
        (complete(vec![]), delta(2, removed(), 10), delta(2, vec![], 20), false),
        (complete(on_hold()), delta(3, removed(), 10), delta(2, on_hold(), 20), false),
        (complete(on_hold()), delta(3, on_hold(), 10), delta(2, removed(), 20), true),
    ];
    for (index, (base, one, other, expected)) in cases.into_iter().enumerate() {
        let crls = [base, one, other].map(|draft| parsed(&draft.sign(&root)));
        for order in orders(crls.each_ref()) {
            let loaded = order.into_iter().cloned().collect();
            assert_eq!(is_revoked(&chain, loaded), expected, "case {index}");
        }
    }
}

#[test]
fn a_lifted_hold_is_checked_again_when_the_delta_crl_that_lifts_it_expires() {
    let (root, chain) = root_and_chain();
    let hold = CrlDraft {
        entries: vec![entry(SERIAL, &[reason(HOLD)])],
        extensions: vec![number(1)],
        ..CrlDraft::default()
    };
    let lifting = CrlDraft {
        this_update: before(NOW, HOUR / 2),
        next_update: Some(NOW.plus(HOUR / 6)),
        entries: vec![entry(SERIAL, &[reason(REMOVE)])],
        extensions: vec![number(2), base_number(1)],
        ..CrlDraft::default()
    };
    // Newer than the complete CRL, so that it covers all reasons already.
    let users = CrlDraft {
        this_update: before(NOW, HOUR / 4),
        extensions: vec![issuing_point(&[vec![0x81, 1, 0xff]])],
        ..CrlDraft::default()
    };
    let crls = [hold, lifting, users].map(|draft| draft.sign(&root));
    let crls = crls.each_ref().map(Vec::as_slice);
    assert_eq!(check_crls(&chain, &REQUIRE, &crls).unwrap().deadline(), NOW.plus(HOUR / 6));
    why_revoked(check_crls_at(&chain, &REQUIRE, &crls, NOW.plus(HOUR / 6)));
}

#[test]
fn a_delta_crl_of_another_scope_or_of_the_same_time_is_not_skipped() {
    let (root, chain) = root_and_chain();
    let users = || issuing_point(&[vec![0x81, 1, 0xff]]);
    let at = |minutes: u32| before(NOW, HOUR * minutes / 60);
    let clean =
        |extensions, minutes| CrlDraft { this_update: at(minutes), extensions, ..CrlDraft::default() };
    let delta = |extensions, minutes| CrlDraft {
        this_update: at(minutes),
        extensions: [vec![base_number(1)], extensions].concat(),
        ..CrlDraft::revoking(&[SERIAL])
    };
    let cases = [
        ("same instant and number", clean(vec![number(2)], 30), delta(vec![number(2)], 30), true),
        ("same instant, no number", clean(vec![], 30), delta(vec![number(2)], 30), true),
        ("narrower complete", clean(vec![number(3), users()], 20), delta(vec![number(2)], 30), true),
        ("higher number", clean(vec![number(1)], 20), delta(vec![number(2)], 30), true),
        ("older", clean(vec![number(2)], 20), delta(vec![number(2)], 30), false),
        ("narrower delta, older", clean(vec![number(3)], 20), delta(vec![number(2), users()], 30), false),
    ];
    for (what, complete, delta, expected) in cases {
        let crls = [parsed(&complete.sign(&root)), parsed(&delta.sign(&root))];
        assert_eq!(is_revoked(&chain, crls.to_vec()), expected, "{what}");
        assert_eq!(is_revoked(&chain, crls.into_iter().rev().collect()), expected, "{what}, reversed");
    }
}

#[test]
fn of_two_entries_for_one_serial_the_one_that_cannot_be_lifted_counts() {
    let (root, chain) = root_and_chain();
    let lifting = CrlDraft {
        this_update: before(NOW, HOUR / 2),
        entries: vec![entry(SERIAL, &[reason(REMOVE)])],
        extensions: vec![number(2), base_number(1)],
        ..CrlDraft::default()
    };
    let lifting = lifting.sign(&root);
    let entries = |codes: [u8; 2]| codes.map(|code| entry(SERIAL, &[reason(code)])).to_vec();
    for (codes, expected) in [
        ([HOLD, 1], RevocationReason::KeyCompromise),
        ([1, HOLD], RevocationReason::KeyCompromise),
        ([REMOVE, 1], RevocationReason::KeyCompromise),
        ([1, REMOVE], RevocationReason::KeyCompromise),
    ] {
        let draft = CrlDraft { extensions: vec![number(1)], entries: entries(codes), ..CrlDraft::default() };
        let found = why_revoked(check_crls(&chain, &REQUIRE, &[&draft.sign(&root), &lifting]));
        assert_eq!(found.1, expected, "{codes:?}");
    }
    for codes in [[HOLD, REMOVE], [REMOVE, HOLD]] {
        let draft = CrlDraft { extensions: vec![number(1)], entries: entries(codes), ..CrlDraft::default() };
        assert!(check_crls(&chain, &REQUIRE, &[&draft.sign(&root), &lifting]).is_ok(), "{codes:?}");
        why_revoked(check_crls(&chain, &REQUIRE, &[&draft.sign(&root)]));
    }
}

#[test]
fn of_two_reasons_of_one_entry_the_one_that_cannot_be_lifted_counts() {
    let (root, chain) = root_and_chain();
    let complete = CrlDraft { extensions: vec![number(1)], ..CrlDraft::default() }.sign(&root);
    for codes in [[REMOVE, 1], [1, REMOVE], [HOLD, 1], [1, HOLD]] {
        let entries = vec![entry(SERIAL, &codes.map(reason))];
        let delta = CrlDraft {
            this_update: before(NOW, HOUR / 2),
            extensions: vec![number(2), base_number(1)],
            entries,
            ..CrlDraft::default()
        };
        let found = why_revoked(check_crls(&chain, &PREFER, &[&complete, &delta.sign(&root)]));
        assert_eq!(found.1, RevocationReason::KeyCompromise, "{codes:?}");
    }
}

#[test]
fn a_crl_that_is_loaded_twice_counts_once() {
    let (root, _) = root_and_chain();
    let der = CrlDraft::default().sign(&root);
    assert_eq!(CrlStore::of(vec![parsed(&der), parsed(&der)], Vec::new()).len(), 1);
}
