//! `portcullis verify`: results, exit codes, and the inputs of path validation (RFC 5280 6.1.1).

use super::{CommandFolder, CommandOutput};
use crate::revocation_refresh::{changed, for_users_only, without_number};
use crate::support::pki;
use portcullis::clock::Clock;

const POLICY: &str = "2.16.840.1.101.3.2.1.48.1";

fn verify(folder: &CommandFolder, options: &[&str], certificate: &str) -> CommandOutput {
    let chain = format!("pki/cards/{certificate}.crt");
    folder.run(&[&["verify", "--anchors", "pki/root.pem"], options, &[&chain]].concat())
}

/// Returns the exit code and the first line of standard output.
fn result(folder: &CommandFolder, options: &[&str], certificate: &str) -> (i32, String) {
    let outcome = verify(folder, options, certificate);
    (outcome.code, outcome.first_line().to_owned())
}

#[test]
fn the_result_for_every_certificate_is_that_of_the_gateway() {
    let folder = CommandFolder::new();
    let options =
        ["--crl", "pki/crl", "--eku", "client_auth", "--eku", "1.3.6.1.4.1.311.20.2.2", "--policy", POLICY];
    for (certificate, expected) in [
        ("alice", "valid"),
        ("alice-rsa", "valid"),
        ("bob", "certificate-revoked"),
        ("carol", "certificate-expired"),
        ("dave", "certificate-untrusted"),
        ("erin", "certificate-not-yet-valid"),
        ("frank", "valid"),
        ("grace", "certificate-untrusted"),
        ("heidi", "valid"),
        ("judy", "valid"),
        ("ken", "valid"),
        ("mallory", "certificate-untrusted"),
        ("critical", "certificate-untrusted"),
        ("version-one", "certificate-untrusted"),
    ] {
        let code = i32::from(expected != "valid");
        assert_eq!(result(&folder, &options, certificate), (code, expected.to_owned()), "{certificate}");
    }
}

#[test]
fn without_crls_revocation_is_reported_as_not_checked() {
    let outcome = verify(&CommandFolder::new(), &[], "bob");
    assert_eq!((outcome.code, outcome.first_line()), (0, "valid"));
    assert!(outcome.stdout.contains("not checked         specify CRLs with --crl"), "{}", outcome.stdout);
}

#[test]
fn without_eku_and_policy_arguments_none_is_required() {
    let folder = CommandFolder::new();
    assert_eq!(result(&folder, &[], "dave"), (0, "valid".to_owned()));
    assert_eq!(result(&folder, &[], "grace"), (0, "valid".to_owned()));
}

#[test]
fn the_output_for_a_valid_chain_has_its_path_and_the_source_and_age_of_every_crl() {
    let outcome = verify(&CommandFolder::new(), &["--crl", "pki/crl"], "alice");
    for part in [
        "  certificate         CN=alice,OU=Staff,O=Corp Example\n",
        "  issued by           CN=Demo Issuing CA 1,",
        "  trust anchor        CN=Demo Root CA,",
        "by pki/crl/issuing.crl, issued 20",
        " ago), next update 20",
    ] {
        assert!(outcome.stdout.contains(part), "{part:?} in\n{}", outcome.stdout);
    }
}

#[test]
fn a_certificate_that_one_of_two_crls_of_the_same_date_lists_is_revoked_in_either_order() {
    let folder = CommandFolder::new();
    let now = Clock::system().now();
    let silent = pki().issuing_crl(&[], now).unwrap();
    let listing = pki().issuing_crl(&["alice"], now).unwrap();
    let pairs = [
        ("equal numbers", silent.clone(), listing.clone()),
        ("no numbers", changed(&silent, without_number), changed(&listing, without_number)),
        ("users only", changed(&silent, without_number), changed(&listing, for_users_only)),
    ];
    for (case, silent, listing) in pairs {
        std::fs::write(folder.path().join("silent.crl"), silent).unwrap();
        std::fs::write(folder.path().join("listing.crl"), listing).unwrap();
        for order in [["silent.crl", "listing.crl"], ["listing.crl", "silent.crl"]] {
            let crls = ["pki/crl/root.crl", "pki/crl/policy.crl"].into_iter().chain(order);
            let options: Vec<_> = crls.flat_map(|crl| ["--crl", crl]).collect();
            let revoked = (1, "certificate-revoked".to_owned());
            assert_eq!(result(&folder, &options, "alice"), revoked, "{case}, {order:?}");
        }
    }
}

#[test]
fn the_output_for_a_rejected_chain_has_the_cause_below_the_denial_id() {
    let outcome = verify(&CommandFolder::new(), &["--crl", "pki/crl/root.crl"], "alice");
    assert_eq!((outcome.code, outcome.first_line()), (1, "revocation-unknown"));
    let second = outcome.stdout.lines().nth(1).unwrap();
    assert!(second.trim_start().starts_with("cause "), "{second}");
    assert!(second.ends_with("no CRL of its issuer"), "{second}");
}

#[test]
fn the_chain_is_validated_at_the_time_of_the_argument() {
    let folder = CommandFolder::new();
    for (time, expected) in [
        ("2099-01-01T00:00:00Z", "certificate-expired"),
        ("4070908800", "certificate-expired"),
        ("0", "certificate-not-yet-valid"),
    ] {
        assert_eq!(result(&folder, &["--at", time], "alice"), (1, expected.to_owned()), "{time}");
    }
}

#[test]
fn the_cause_of_an_expired_crl_has_its_next_update() {
    let outcome = verify(&CommandFolder::new(), &["--crl", "pki/crl", "--at", &in_a_month()], "alice");
    assert_eq!((outcome.code, outcome.first_line()), (1, "revocation-unknown"));
    assert!(outcome.stdout.contains("(nextUpdate 20"), "{}", outcome.stdout);
}

/// Returns a time at which the test CRLs, current for a week, are expired and the test certificates, valid for a year, are
/// not.
fn in_a_month() -> String {
    let now = Clock::system().now();
    now.plus(std::time::Duration::from_secs(30 * 86_400)).seconds().to_string()
}

#[test]
fn intermediates_complete_a_chain() {
    let folder = CommandFolder::new();
    let leaf = &pki().card("alice").unwrap().chain[0];
    std::fs::write(folder.path().join("leaf.der"), leaf).unwrap();
    let bare = folder.run(&["verify", "--anchors", "pki/root.pem", "leaf.der"]);
    assert_eq!((bare.code, bare.first_line()), (1, "certificate-untrusted"));
    let intermediates = ["--intermediates", "pki/intermediates.pem", "leaf.der"];
    let complete = folder.run(&[&["verify", "--anchors", "pki/root.pem"][..], &intermediates].concat());
    assert_eq!((complete.code, complete.first_line()), (0, "valid"));
}

/// The path of a test certificate has four certificates, with a policy from the issuing CA on and anyPolicy above it.
#[test]
fn the_inputs_of_rfc_5280_determine_which_paths_are_valid() {
    let folder = CommandFolder::new();
    let explicit = "--require-explicit-policy";
    for (options, expected) in [
        (&[explicit][..], 0),
        (&["--inhibit-any-policy"], 0),
        (&[explicit, "--inhibit-any-policy"], 1),
        (&["--inhibit-policy-mapping"], 0),
        (&["--max-depth", "4"], 0),
        (&["--max-depth", "3"], 1),
    ] {
        assert_eq!(verify(&folder, options, "alice").code, expected, "{options:?}");
    }
}

#[test]
fn an_error_names_the_argument_or_file_that_caused_it() {
    let folder = CommandFolder::new();
    folder.run(&["verify", "pki/cards/alice.crt"]).assert_usage_error("--anchors");
    folder
        .run(&["verify", "--anchors", "no.pem", "pki/cards/alice.crt"])
        .assert_usage_error("cannot read no.pem");
    verify(&folder, &[], "absent").assert_usage_error("cannot read pki/cards/absent.crt");
    verify(&folder, &["--crl", "no.crl"], "alice").assert_usage_error("no.crl cannot be read");
    verify(&folder, &["--crl", "pki/root.pem"], "alice").assert_usage_error("pki/root.pem is not a CRL file");
    for number in ["0", "11", "x"] {
        verify(&folder, &["--max-depth", number], "alice").assert_usage_error("a number from 1 to 10");
    }
    verify(&folder, &["--policy", "x"], "alice").assert_usage_error("expected an object identifier");
    verify(&folder, &["--eku", "smartcard"], "alice").assert_usage_error("smartcard_logon");
    verify(&folder, &["--at", "yesterday"], "alice").assert_usage_error("2026-11-22T09:30:00Z");
}
