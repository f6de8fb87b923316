//! The search for paths, and its limits.

use std::time::Duration;

use super::*;
use crate::certificate::Fingerprint;
use crate::validation::path_building::PathSearch;

fn digests(chain: &ValidatedChain) -> Vec<Vec<Fingerprint>> {
    let path = |path: &ValidPath| path.certificates().iter().map(Certificate::fingerprint).collect();
    chain.paths().iter().map(path).collect()
}

#[test]
fn presented_and_configured_intermediates_both_lead_to_an_anchor() {
    let root = ValidationTestCa::root("Root");
    let policy = root.authority("Policy");
    let issuing = policy.authority("Issuing");
    let leaf = issuing.leaf();
    let trust = TrustSet::new(vec![root.certificate.clone()], vec![policy.certificate.clone()]);
    let chain = validated(&[&leaf, &issuing.certificate], &trust).unwrap();

    let expected = [&leaf, &issuing.certificate, &policy.certificate, &root.certificate];
    assert_eq!(digests(&chain), [expected.map(Certificate::fingerprint)]);
    assert_eq!(chain.paths()[0].issuers(), [&issuing, &policy, &root].map(|ca| ca.certificate.key_id()));
}

#[test]
fn the_order_of_the_other_certificates_does_not_matter() {
    let root = ValidationTestCa::root("Root");
    let policy = root.authority("Policy");
    let issuing = policy.authority("Issuing");
    let leaf = issuing.leaf();
    let chain =
        validated(&[&leaf, &root.certificate, &policy.certificate, &issuing.certificate], &anchored(&root));
    assert_eq!(chain.unwrap().paths().len(), 1);
}

#[test]
fn the_identity_is_that_of_the_first_certificate_in_any_order_of_the_others() {
    let (root, foreign) = (ValidationTestCa::root("Root"), ValidationTestCa::root("Foreign"));
    let issuing = root.authority("Issuing");
    let (alice, bob, mallory) = (issuing.leaf(), issuing.leaf(), foreign.leaf());
    let ca = &issuing.certificate;
    let trust = anchored(&root);

    for others in [[ca, &bob, &mallory], [&bob, ca, &mallory], [&mallory, &bob, ca], [&bob, &mallory, ca]] {
        let with = |leaf| [&[leaf], others.as_slice()].concat();
        let chain = validated(&with(&alice), &trust).unwrap();
        assert_eq!(chain.leaf(), &alice);
        assert_eq!(digests(&chain), [[&alice, ca, &root.certificate].map(Certificate::fingerprint)]);
        assert!(validated(&with(&mallory), &trust).is_err());
    }
}

#[test]
fn another_certificate_that_cannot_be_decoded_has_no_effect() {
    let root = ValidationTestCa::root("Root");
    let leaf = root.leaf();
    let sent = [CertificateDer::from(leaf.der()), CertificateDer::from(b"junk".as_slice())];
    let chain = Arc::new(PresentedChain::parse(&sent).unwrap());
    assert!(validate(&chain, &anchored(&root), &ValidationRule::default(), NOW).is_ok());
    assert_ne!(chain.digest(), presented(&[&leaf]).digest());
}

#[test]
fn presented_certificates_are_bounded_in_number_and_size() {
    let leaf = ValidationTestCa::root("Root").leaf();
    let sent = vec![CertificateDer::from(leaf.der()); MAX_PRESENTED_CERTIFICATES + 1];
    let refusal = PresentedChain::parse(&sent).unwrap_err();
    assert_eq!(refusal, MalformedChain::TooManyCertificates { count: 17 });

    let long = vec![0; MAX_CERTIFICATE_BYTES + 1];
    let sent = [CertificateDer::from(long.as_slice())];
    assert_eq!(PresentedChain::parse(&sent).unwrap_err(), MalformedChain::TooLong { bytes: long.len() });

    let large = vec![0; MAX_PRESENTED_BYTES];
    let sent = [CertificateDer::from(leaf.der()), CertificateDer::from(large.as_slice())];
    let bytes = leaf.der().len() + MAX_PRESENTED_BYTES;
    assert_eq!(PresentedChain::parse(&sent).unwrap_err(), MalformedChain::TooManyBytes { bytes });

    assert_eq!(PresentedChain::parse(&[]).unwrap_err(), MalformedChain::Empty);
    let junk = [CertificateDer::from(b"junk".as_slice())];
    assert!(matches!(PresentedChain::parse(&junk), Err(MalformedChain::Leaf(_))));
}

#[test]
fn chains_that_differ_in_certificate_boundaries_only_have_different_digests() {
    let leaf = ValidationTestCa::root("Root").leaf();
    let parse = |others: &[&[u8]]| {
        let mut sent = vec![CertificateDer::from(leaf.der())];
        sent.extend(others.iter().map(|&other| CertificateDer::from(other)));
        PresentedChain::parse(&sent).unwrap().digest()
    };
    assert_ne!(parse(&[b"ab", b"c"]), parse(&[b"a", b"bc"]));
}

#[test]
fn all_valid_paths_are_kept_and_the_first_to_expire_is_the_deadline() {
    let (old, new) = (ValidationTestCa::root("Old"), ValidationTestCa::root("New"));
    let issuing = old.authority("Issuing");
    let other = read(
        &authority_params("Issuing")
            .edited(|params| params.not_after = rcgen::date_time_ymd(2030, 1, 1))
            .signed_by(issuing.issuer.key(), &new.issuer)
            .unwrap(),
    );
    let trust = TrustSet::new(vec![old.certificate.clone(), new.certificate.clone()], Vec::new());
    let chain = validated(&[&issuing.leaf(), &issuing.certificate, &other], &trust).unwrap();
    assert_eq!(chain.paths().len(), 2);
    assert_eq!(chain.deadline(), other.not_after().plus(Duration::from_secs(1)));
}

#[test]
fn a_path_that_fails_does_not_affect_a_valid_one() {
    let (old, new) = (ValidationTestCa::root("Old"), ValidationTestCa::root("New"));
    let issuing = old.authority_with("Issuing", |params| params.not_after = rcgen::date_time_ymd(2025, 1, 1));
    let renewed = new.cross_sign(&issuing, "Issuing");
    let trust = TrustSet::new(vec![old.certificate.clone(), new.certificate.clone()], Vec::new());
    let leaf = issuing.leaf();
    let chain = validated(&[&leaf, &issuing.certificate, &renewed], &trust).unwrap();
    assert_eq!(digests(&chain), [[&leaf, &renewed, &new.certificate].map(Certificate::fingerprint)]);
}

#[test]
fn the_refusal_is_that_of_the_path_closest_to_being_valid() {
    let (root, foreign) = (ValidationTestCa::root("Root"), ValidationTestCa::root("Foreign"));
    let issuing =
        root.authority_with("Issuing", |params| params.not_after = rcgen::date_time_ymd(2025, 1, 1));
    let useless = foreign.cross_sign(&issuing, "Issuing");
    let leaf = issuing.leaf();
    for others in [[&issuing.certificate, &useless], [&useless, &issuing.certificate]] {
        let (index, violation) = refused(&[&leaf, others[0], others[1]], &anchored(&root));
        assert!(matches!((index, violation), (1, PathViolation::Expired { .. })));
    }
}

#[test]
fn two_cas_that_certify_each_other_do_not_loop() {
    let root = ValidationTestCa::root("Root");
    let (left, right) = (ValidationTestCa::root("Left"), ValidationTestCa::root("Right"));
    let (left_by_right, right_by_left) = (right.cross_sign(&left, "Left"), left.cross_sign(&right, "Right"));
    let chain = [&left.leaf(), &left_by_right, &right_by_left, &left.certificate, &right.certificate];
    let issuer = right.certificate.issuer().clone();
    let refusal = refused(&chain, &anchored(&root));
    assert_eq!(refusal, (2, PathViolation::NoIssuer { issuer: left.certificate.subject().clone() }));
    assert_ne!(left.certificate.subject(), &issuer);
}

#[test]
fn a_path_of_ten_certificates_is_followed_and_one_of_eleven_is_not() {
    let root = ValidationTestCa::root("Root");
    let mut authorities = vec![root.authority("CA 0")];
    for number in 1..9 {
        let next = authorities[number - 1].authority(&format!("CA {number}"));
        authorities.push(next);
    }
    let chain_below = |count: usize| {
        let (above, leaf) = (&authorities[..count], authorities[count - 1].leaf());
        let certificates: Vec<_> =
            std::iter::once(&leaf).chain(above.iter().map(|ca| &ca.certificate)).collect();
        validated(&certificates, &anchored(&root))
    };
    assert_eq!(chain_below(8).unwrap().paths()[0].certificates().len(), MAX_PATH_CERTIFICATES);
    let limit = MAX_PATH_CERTIFICATES;
    assert_eq!(chain_below(9).unwrap_err().violation, PathViolation::PathTooLong { limit });
}

#[test]
fn no_more_than_eight_paths_are_kept() {
    let roots: Vec<_> = (0..12).map(|number| ValidationTestCa::root(&format!("Root {number}"))).collect();
    let issuing = roots[0].authority("Issuing");
    let crossed = roots.iter().map(|root| root.cross_sign(&issuing, "Issuing")).collect();
    let trust = TrustSet::new(roots.iter().map(|root| root.certificate.clone()).collect(), crossed);
    assert_eq!(validated(&[&issuing.leaf()], &trust).unwrap().paths().len(), MAX_VALID_PATHS);
}

#[test]
fn a_hundred_cas_of_one_name_exhaust_the_limit_on_signatures() {
    let root = ValidationTestCa::root("Root");
    let authorities: Vec<_> = (0..100).map(|_| ValidationTestCa::root("Bridge")).collect();
    let ring = authorities.iter().zip(authorities.iter().cycle().skip(1));
    // Without key identifiers nothing shows which of the hundred is the issuer.
    let crossed = ring.map(|(signer, subject)| {
        let params =
            authority_params("Bridge").edited(|params| params.use_authority_key_identifier_extension = false);
        read(&params.signed_by(subject.issuer.key(), &signer.issuer).unwrap())
    });
    let trust = TrustSet::new(vec![root.certificate.clone()], crossed.collect());
    let leaf = authorities[99].leaf_with(|params| params.use_authority_key_identifier_extension = false);
    let (chain, rule) = (presented(&[&leaf]), ValidationRule::default());
    let (verdict, signatures, budget) = PathSearch::new(&chain, &trust, &rule, NOW).run();
    assert_eq!(verdict.unwrap_err().violation, PathViolation::TooManyBranches);
    assert_eq!(signatures, MAX_SIGNATURE_CHECKS);
    assert!(budget.steps < 1_000);
}

#[test]
fn seven_layers_of_four_equal_cas_exhaust_the_limit_on_steps() {
    let top = ValidationTestCa::root("Top");
    let mut signer = top.authority("CA 0");
    let mut intermediates = Vec::new();
    for layer in 1..8 {
        let name = format!("CA {layer}");
        let next = signer.authority(&name);
        intermediates.extend((0..4).map(|number| {
            let params =
                authority_params(&name).edited(|params| params.serial_number = Some(vec![number].into()));
            read(&params.signed_by(next.issuer.key(), &signer.issuer).unwrap())
        }));
        signer = next;
    }
    // 16,384 paths over 25 signatures, none of which reaches an anchor.
    let trust = TrustSet::new(vec![ValidationTestCa::root("Root").certificate], intermediates);
    let (chain, rule) = (presented(&[&signer.leaf()]), ValidationRule::default());
    let (verdict, signatures, budget) = PathSearch::new(&chain, &trust, &rule, NOW).run();
    assert_eq!(verdict.unwrap_err().violation, PathViolation::TooManyBranches);
    assert!(signatures < MAX_SIGNATURE_CHECKS);
    assert_eq!(budget.steps, 1_000);
}

trait EditParams: Sized {
    fn edited(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }
}

impl EditParams for CertificateParams {}
