//! Unusual certificates that CAs have issued. A certificate is accepted if OpenSSL and Windows accept it, and irrelevant
//! parts are ignored; a relevant part that cannot be decoded is a reason to reject the certificate.

use super::{CommandOutput, run};
use std::path::PathBuf;

fn data_folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/certificates").join(name)
}

/// Returns the names of the PEM files of a folder, except `others`.
fn certificates(folder: &str, others: &[&str]) -> Vec<String> {
    let files = std::fs::read_dir(data_folder(folder)).unwrap().map(|file| file.unwrap().path());
    let certificates = files.filter(|file| file.extension().is_some_and(|extension| extension == "pem"));
    let names = certificates.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    let mut names: Vec<_> = names.filter(|file| !others.contains(&file.as_str())).collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

fn verify(folder: &str, options: &[&str], certificate: &str) -> CommandOutput {
    let chain = format!("{certificate}.pem");
    run(&data_folder(folder), &[&["verify", "--anchors", "root.pem"], options, &[&chain]].concat())
}

fn explain(folder: &str, config: &str, certificate: &str) -> CommandOutput {
    let url = "https://gateway.test/require/x.asmx";
    run(
        &data_folder(folder),
        &["explain", "--config", config, "--url", url, "--certificate", &format!("{certificate}.pem")],
    )
}

#[test]
fn an_object_identifier_of_any_size_is_accepted_and_printed_correctly() {
    for certificate in certificates("identifiers", &["root", "policy-shown-wrong"]) {
        let outcome = verify("identifiers", &["--eku", "client_auth"], &certificate);
        assert_eq!((outcome.code, outcome.first_line()), (0, "valid"), "{certificate}: {}", outcome.stdout);
    }
    let number = "1.2.36.20000000001.1.1";
    let outcome = run(&data_folder("identifiers"), &["inspect", "policy-shown-wrong.pem"]);
    assert!(outcome.stdout.contains(&format!(" {number}\n")), "{}", outcome.stdout);
    // The CA asserts no policy, so none is valid on the path, but every identifier is a valid argument.
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
fn a_certificate_with_an_unsupported_key_is_rejected_with_that_cause() {
    for certificate in certificates("keys", &["root"]) {
        let outcome = verify("keys", &[], &certificate);
        assert_eq!((outcome.code, outcome.first_line()), (1, "certificate-untrusted"), "{certificate}");
        assert!(outcome.stdout.contains("are not supported"), "{}", outcome.stdout);
    }
}

#[test]
fn certificates_that_deviate_from_recommendations_as_those_of_real_cas_do_are_valid() {
    for (folder, options, others) in [
        ("rsa-without-null", &["--eku", "client_auth"][..], &["root"][..]),
        ("pss-salt", &["--intermediates", "ca.pem"], &["root", "ca"]),
        ("application-policies", &["--eku", "client_auth", "--eku", "smartcard_logon"], &["root"]),
        ("unused-parts", &["--eku", "client_auth"], &["root"]),
    ] {
        for certificate in certificates(folder, others) {
            let outcome = verify(folder, options, &certificate);
            assert_eq!(
                (outcome.code, outcome.first_line()),
                (0, "valid"),
                "{folder} {certificate}: {}",
                outcome.stdout
            );
        }
    }
}

#[test]
fn application_policies_restrict_a_certificate_as_the_extended_key_usage_does() {
    let outcome = verify("application-policies", &["--eku", "1.3.6.1.5.5.7.3.4"], "card");
    assert_eq!((outcome.code, outcome.first_line()), (1, "certificate-untrusted"));
}

#[test]
fn a_deny_rule_matches_a_name_in_every_encoding() {
    for certificate in certificates("deny", &["root", "iss", "server"]) {
        let outcome = explain("deny", "proxy.toml", &certificate);
        assert_eq!(outcome.code, 1, "{certificate}: {}{}", outcome.stdout, outcome.stderr);
        assert!(outcome.stdout.contains("response: not-mapped"), "{certificate}: {}", outcome.stdout);
    }
}

#[test]
fn an_undecodable_name_does_not_hide_a_name_of_another_form() {
    for certificate in certificates("odd-names", &["root", "iss", "server"]) {
        let outcome = explain("odd-names", "proxy.toml", &certificate);
        assert_eq!(outcome.code, 0, "{certificate}: {}{}", outcome.stdout, outcome.stderr);
    }
}
