//! Certificates as CAs in the field have issued them: what OpenSSL and Windows read is read, what decides nothing is
//! passed over, and what may decide and cannot be read refuses.

use super::{Outcome, run};
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/certificates").join(name)
}

/// The PEM files of a folder but these, by their names.
fn certificates(name: &str, others: &[&str]) -> Vec<String> {
    let files = std::fs::read_dir(folder(name)).unwrap().map(|file| file.unwrap().path());
    let certificates = files.filter(|file| file.extension().is_some_and(|extension| extension == "pem"));
    let names = certificates.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    let mut names: Vec<_> = names.filter(|file| !others.contains(&file.as_str())).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

fn verify(name: &str, options: &[&str], card: &str) -> Outcome {
    let chain = format!("{card}.pem");
    run(&folder(name), &[&["verify", "--anchors", "root.pem"], options, &[&chain]].concat())
}

fn explain(name: &str, config: &str, card: &str) -> Outcome {
    let url = "https://gate.test/require/x.asmx";
    run(
        &folder(name),
        &["explain", "--config", config, "--url", url, "--certificate", &format!("{card}.pem")],
    )
}

#[test]
fn an_identifier_of_any_size_neither_refuses_a_card_nor_is_shown_as_another() {
    for card in certificates("identifiers", &["root", "policy-shown-wrong"]) {
        let outcome = verify("identifiers", &["--eku", "client_auth"], &card);
        assert_eq!((outcome.code, outcome.first_line()), (0, "valid"), "{card}: {}", outcome.stdout);
    }
    let number = "1.2.36.20000000001.1.1";
    let outcome = run(&folder("identifiers"), &["inspect", "policy-shown-wrong.pem"]);
    assert!(outcome.stdout.contains(&format!(" {number}\n")), "{}", outcome.stdout);
    // The CA asserts no policy, so none is valid; but every number is one that can be asked for.
    for policy in [number, "2.25.329800735698586629295641978511506172918", "2.999", "2.47.1"] {
        let outcome = verify("identifiers", &["--policy", policy], "policy-shown-wrong");
        assert_eq!((outcome.code, outcome.first_line()), (1, "certificate-untrusted"), "{}", outcome.stderr);
    }
}

#[test]
fn a_crl_with_an_unknown_extension_of_any_identifier_is_read() {
    let outcome = verify("identifiers", &["--crl", "crl"], "card");
    assert_eq!((outcome.code, outcome.first_line()), (0, "valid"), "{}{}", outcome.stdout, outcome.stderr);
}

#[test]
fn a_key_with_which_nobody_can_log_in_is_refused_by_name() {
    for card in certificates("keys", &["root"]) {
        let outcome = verify("keys", &[], &card);
        assert_eq!((outcome.code, outcome.first_line()), (1, "certificate-untrusted"), "{card}");
        assert!(outcome.stdout.contains("cannot be used"), "{}", outcome.stdout);
    }
}

#[test]
fn what_real_cas_write_otherwise_than_the_standard_recommends_is_valid() {
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
fn application_policies_limit_as_the_extended_key_usage_does() {
    let outcome = verify("application-policies", &["--eku", "1.3.6.1.5.5.7.3.4"], "card");
    assert_eq!((outcome.code, outcome.first_line()), (1, "certificate-untrusted"));
}

#[test]
fn a_deny_rule_holds_whatever_else_stands_in_the_name_and_however_its_value_is_written() {
    for card in certificates("deny", &["root", "iss", "server"]) {
        let outcome = explain("deny", "proxy.toml", &card);
        assert_eq!(outcome.code, 1, "{card}: {}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains("response: not-mapped"), "{card}: {}", outcome.stdout);
    }
}

#[test]
fn an_odd_name_hides_no_name_of_another_kind() {
    for card in certificates("odd-names", &["root", "iss", "server"]) {
        let outcome = explain("odd-names", "proxy.toml", &card);
        assert_eq!(outcome.code, 0, "{card}: {}{}", outcome.stdout, outcome.stderr);
    }
}
