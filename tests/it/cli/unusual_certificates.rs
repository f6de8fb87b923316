//! Unusual certificates that CAs have issued: those that OpenSSL and Windows accept are accepted, irrelevant parts are
//! ignored, and parts that matter but cannot be decoded reject the certificate.

use super::{CommandOutput, run};
use std::path::PathBuf;

fn data_folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/certificates").join(name)
}

/// The names of the PEM files of a folder, except these.
fn certificates(name: &str, others: &[&str]) -> Vec<String> {
    let files = std::fs::read_dir(data_folder(name)).unwrap().map(|file| file.unwrap().path());
    let certificates = files.filter(|file| file.extension().is_some_and(|extension| extension == "pem"));
    let names = certificates.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    let mut names: Vec<_> = names.filter(|file| !others.contains(&file.as_str())).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

fn verify(name: &str, options: &[&str], card: &str) -> CommandOutput {
    let chain = format!("{card}.pem");
    run(&data_folder(name), &[&["verify", "--anchors", "root.pem"], options, &[&chain]].concat())
}

fn explain(name: &str, config: &str, card: &str) -> CommandOutput {
    let url = "https://gate.test/require/x.asmx";
    run(
        &data_folder(name),
        &["explain", "--config", config, "--url", url, "--certificate", &format!("{card}.pem")],
    )
}

#[test]
fn an_object_identifier_of_any_size_is_accepted_and_printed_correctly() {
    for card in certificates("identifiers", &["root", "policy-shown-wrong"]) {
        let outcome = verify("identifiers", &["--eku", "client_auth"], &card);
        assert_eq!((outcome.code, outcome.first_line()), (0, "valid"), "{card}: {}", outcome.stdout);
    }
    let number = "1.2.36.20000000001.1.1";
    let outcome = run(&data_folder("identifiers"), &["inspect", "policy-shown-wrong.pem"]);
    assert!(outcome.stdout.contains(&format!(" {number}\n")), "{}", outcome.stdout);
    // The CA asserts no policy, so none is valid; but every identifier is a valid argument.
    for policy in [number, "2.25.329800735698586629295641978511506172918", "2.999", "2.47.1"] {
        let outcome = verify("identifiers", &["--policy", policy], "policy-shown-wrong");
        assert_eq!((outcome.code, outcome.first_line()), (1, "certificate-untrusted"), "{}", outcome.stderr);
    }
}

#[test]
fn a_crl_with_an_unknown_extension_of_any_identifier_is_accepted() {
    let outcome = verify("identifiers", &["--crl", "crl"], "card");
    assert_eq!((outcome.code, outcome.first_line()), (0, "valid"), "{}{}", outcome.stdout, outcome.stderr);
}

#[test]
fn an_unsupported_key_is_rejected_with_that_cause() {
    for card in certificates("keys", &["root"]) {
        let outcome = verify("keys", &[], &card);
        assert_eq!((outcome.code, outcome.first_line()), (1, "certificate-untrusted"), "{card}");
        assert!(outcome.stdout.contains("are not supported"), "{}", outcome.stdout);
    }
}

#[test]
fn deviations_of_real_cas_from_recommendations_are_valid() {
    for (name, options, others) in [
        ("rsa-without-null", &["--eku", "client_auth"][..], &["root"][..]),
        ("pss-salt", &["--intermediates", "ca.pem"], &["root", "ca"]),
        ("application-policies", &["--eku", "client_auth", "--eku", "smartcard_logon"], &["root"]),
        ("unused-parts", &["--eku", "client_auth"], &["root"]),
    ] {
        for card in certificates(name, others) {
            let outcome = verify(name, options, &card);
            assert_eq!(
                (outcome.code, outcome.first_line()),
                (0, "valid"),
                "{name} {card}: {}",
                outcome.stdout
            );
        }
    }
}

#[test]
fn application_policies_restrict_like_the_extended_key_usage() {
    let outcome = verify("application-policies", &["--eku", "1.3.6.1.5.5.7.3.4"], "card");
    assert_eq!((outcome.code, outcome.first_line()), (1, "certificate-untrusted"));
}

#[test]
fn a_deny_rule_matches_whatever_the_encoding_of_the_name() {
    for card in certificates("deny", &["root", "iss", "server"]) {
        let outcome = explain("deny", "proxy.toml", &card);
        assert_eq!(outcome.code, 1, "{card}: {}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains("response: not-mapped"), "{card}: {}", outcome.stdout);
    }
}

#[test]
fn an_undecodable_name_hides_no_name_of_another_form() {
    for card in certificates("odd-names", &["root", "iss", "server"]) {
        let outcome = explain("odd-names", "proxy.toml", &card);
        assert_eq!(outcome.code, 0, "{card}: {}{}", outcome.stdout, outcome.stderr);
    }
}
