//! Validates several hundred unusual chains here and with `openssl verify -policy_check -x509_strict`. Every kind of
//! disagreement must have an explanation. The chains are the same in every run.

mod odd_chain;

use crate::support::{TestRng, openssl};
use odd_chain::{NOW, OddChain};
use portcullis::validation::PathViolation;
use std::collections::{BTreeMap, BTreeSet};

const CHAINS: u64 = 600;

/// The two verdicts on a chain: `valid`, or the violated rule by the name or number that each of the two uses.
type Verdicts = (String, String);

/// The intended disagreements: the verdict here, OpenSSL's verdict, and the reason.
const EXPLAINED: &[(&str, &str, &str)] = &[
    (
        "anyPolicy mapped",
        "valid",
        "RFC 5280 6.1.4 a forbids every mapping of anyPolicy; OpenSSL reads mappings only of a CA that has policies",
    ),
    (
        "name excluded: dNSName *.corp.example",
        "valid",
        "a.corp.example is excluded, and the wildcard includes it; OpenSSL compares it as a label",
    ),
    ("name excluded: dNSName *.example", "valid", "corp.example or a part of it is excluded, as above"),
    (
        "name not comparable: dNSName",
        "valid",
        "a host with a trailing dot is not a spelling of RFC 5280; OpenSSL treats it as another host than the excluded one",
    ),
    (
        "name not comparable: rfc822Name",
        "valid",
        "a quoted local part has several spellings; OpenSSL compares one, or splits it at the quoted @",
    ),
    ("valid", "unsupported name constraint type", "OpenSSL compares no user principal names"),
];

#[test]
fn every_disagreement_with_openssl_is_explained() {
    let mut agreed = BTreeMap::new();
    let mut disagreed: BTreeMap<Verdicts, Vec<u64>> = BTreeMap::new();
    for seed in 0..CHAINS {
        let chain = OddChain::generate(&mut TestRng::new(seed));
        let Some(theirs) = openssl_verdict(&chain) else { return };
        let ours = our_verdict(&chain);
        if (ours == "valid") == (theirs == "valid") {
            *agreed.entry(ours.split(':').next().unwrap_or_default().to_owned()).or_insert(0) += 1;
        } else {
            disagreed.entry((ours, theirs)).or_default().push(seed);
        }
    }
    eprintln!("agreed: {agreed:?}\ndisagreed: {disagreed:#?}");
    let found: BTreeSet<_> =
        disagreed.keys().map(|(ours, theirs)| (ours.as_str(), theirs.as_str())).collect();
    let explained = EXPLAINED.iter().map(|(ours, theirs, _)| (*ours, *theirs)).collect();
    assert_eq!(found, explained);
    // The comparison proves little unless both verdicts occur often.
    assert!(agreed.get("valid").is_some_and(|count| *count >= 40), "{agreed:?}");
    assert!(agreed.len() >= 10, "{agreed:?}");
}

fn our_verdict(chain: &OddChain) -> String {
    match chain.validate() {
        Ok(_) => "valid".to_owned(),
        Err(error) => match &error.violation {
            PathViolation::NameExcluded { name, .. } => format!("name excluded: {name}"),
            PathViolation::NameNotComparable { form, .. } => format!("name not comparable: {form}"),
            violation => name(violation).to_owned(),
        },
    }
}

fn openssl_verdict(chain: &OddChain) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let anchor = file("anchor.pem", chain.anchor_pem());
    let intermediates = file("intermediates.pem", chain.intermediates_pem());
    let leaf = file("leaf.pem", chain.leaf_pem());
    let now = NOW.seconds().to_string();
    let mut args = vec!["verify", "-x509_strict", "-policy_check", "-attime", &now];
    args.extend(["-trusted", &anchor, "-untrusted", &intermediates]);
    let options = chain.openssl_options();
    args.extend(options.iter().map(String::as_str));
    args.push(&leaf);
    let ran = openssl(&args)?;
    if ran.code == 0 {
        return Some("valid".to_owned());
    }
    let output = ran.output();
    let error = output.lines().find(|line| line.starts_with("error ")).unwrap_or_else(|| panic!("{output}"));
    Some(error.rsplit(": ").next().unwrap().to_owned())
}

fn name(violation: &PathViolation) -> &'static str {
    match violation {
        PathViolation::NoIssuer { .. } => "no issuer",
        PathViolation::PathTooLong { .. } => "path too long",
        PathViolation::TooManyBranches => "too many branches",
        PathViolation::Signature { .. } => "signature",
        PathViolation::WeakKey { .. } => "weak key",
        PathViolation::UnusableKey { .. } => "unusable key",
        PathViolation::UnknownCriticalExtension { .. } => "unknown critical extension",
        PathViolation::DuplicateExtension { .. } => "duplicate extension",
        PathViolation::UndecodableExtension { .. } => "undecodable extension",
        PathViolation::NotCa => "not a CA",
        PathViolation::PathLength { .. } => "path length",
        PathViolation::KeyUsage { .. } => "key usage",
        PathViolation::ExtendedKeyUsage { .. } => "extended key usage",
        PathViolation::NameNotPermitted { .. } => "name not permitted",
        PathViolation::NameExcluded { .. } => "name excluded",
        PathViolation::NameNotComparable { .. } => "name not comparable",
        PathViolation::TooManyNames => "too many names",
        PathViolation::CertificatePolicy => "certificate policy",
        PathViolation::NoPolicy => "no policy",
        PathViolation::AnyPolicyMapped => "anyPolicy mapped",
        PathViolation::TooManyPolicies => "too many policies",
        PathViolation::Expired { .. } => "expired",
        PathViolation::NotYetValid { .. } => "not yet valid",
    }
}
