//! `portcullis verify`.

use super::{Desk, Outcome};

const POLICY: &str = "2.16.840.1.101.3.2.1.48.1";

fn verify(desk: &Desk, options: &[&str], card: &str) -> Outcome {
    let chain = format!("pki/cards/{card}.crt");
    desk.run(&[&["verify", "--anchors", "pki/root.pem"], options, &[&chain]].concat())
}

/// The exit code and the first line.
fn verdict(desk: &Desk, options: &[&str], card: &str) -> (i32, String) {
    let outcome = verify(desk, options, card);
    (outcome.code, outcome.first_line().to_owned())
}

#[test]
fn every_card_gets_the_verdict_that_the_gate_gives() {
    let desk = Desk::new();
    let options =
        ["--crl", "pki/crl", "--eku", "client_auth", "--eku", "1.3.6.1.4.1.311.20.2.2", "--policy", POLICY];
    for (card, expected) in [
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
        assert_eq!(verdict(&desk, &options, card), (code, expected.to_owned()), "{card}");
    }
}

#[test]
fn without_crl_revocation_is_not_looked_at_and_the_output_says_so() {
    let outcome = verify(&Desk::new(), &[], "bob");
    assert_eq!((outcome.code, outcome.first_line()), (0, "valid"));
    assert!(outcome.stdout.contains("not checked         specify CRLs with --crl"), "{}", outcome.stdout);
}

#[test]
fn without_eku_and_policy_none_is_demanded() {
    let desk = Desk::new();
    assert_eq!(verdict(&desk, &[], "dave"), (0, "valid".to_owned()));
    assert_eq!(verdict(&desk, &[], "grace"), (0, "valid".to_owned()));
}

#[test]
fn a_valid_chain_is_told_with_its_path_and_the_source_and_age_of_every_crl() {
    let outcome = verify(&Desk::new(), &["--crl", "pki/crl"], "alice");
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
fn a_refusal_tells_its_cause_below_its_id() {
    let outcome = verify(&Desk::new(), &["--crl", "pki/crl/root.crl"], "alice");
    assert_eq!((outcome.code, outcome.first_line()), (1, "revocation-unknown"));
    let second = outcome.stdout.lines().nth(1).unwrap();
    assert!(second.trim_start().starts_with("cause "), "{second}");
    assert!(second.ends_with("there is no CRL of its issuer"), "{second}");
}

#[test]
fn the_time_to_judge_at_is_given_in_seconds_or_in_rfc_3339() {
    let desk = Desk::new();
    for (time, expected) in [
        ("2099-01-01T00:00:00Z", "certificate-expired"),
        ("4070908800", "certificate-expired"),
        ("0", "certificate-not-yet-valid"),
    ] {
        assert_eq!(verdict(&desk, &["--at", time], "alice"), (1, expected.to_owned()), "{time}");
    }
}

#[test]
fn a_stale_crl_is_told_with_the_day_when_the_next_one_was_due() {
    let outcome = verify(&Desk::new(), &["--crl", "pki/crl", "--at", &in_a_month()], "alice");
    assert_eq!((outcome.code, outcome.first_line()), (1, "revocation-unknown"));
    assert!(outcome.stdout.contains("(nextUpdate 20"), "{}", outcome.stdout);
}

/// The demo's CRLs are fresh for a week, its cards are valid for a year.
fn in_a_month() -> String {
    let now = portcullis::clock::Clock::system().now();
    now.plus(std::time::Duration::from_secs(30 * 86_400)).seconds().to_string()
}

#[test]
fn intermediates_complete_a_chain_that_was_sent_without_them() {
    let desk = Desk::new();
    let leaf = &crate::support::pki().card("alice").unwrap().chain[0];
    std::fs::write(desk.path().join("leaf.der"), leaf).unwrap();
    let bare = desk.run(&["verify", "--anchors", "pki/root.pem", "leaf.der"]);
    assert_eq!((bare.code, bare.first_line()), (1, "certificate-untrusted"));
    let intermediates = ["--intermediates", "pki/intermediates.pem", "leaf.der"];
    let helped = desk.run(&[&["verify", "--anchors", "pki/root.pem"][..], &intermediates].concat());
    assert_eq!((helped.code, helped.first_line()), (0, "valid"));
}

/// The path of the demo's cards: a policy from the issuing CA on, anyPolicy above it, four certificates.
#[test]
fn the_inputs_of_rfc_5280_decide_which_paths_are_valid() {
    let desk = Desk::new();
    let explicit = "--require-explicit-policy";
    for (options, expected) in [
        (&[explicit][..], 0),
        (&["--inhibit-any-policy"], 0),
        (&[explicit, "--inhibit-any-policy"], 1),
        (&["--inhibit-policy-mapping"], 0),
        (&["--max-depth", "4"], 0),
        (&["--max-depth", "3"], 1),
    ] {
        assert_eq!(verify(&desk, options, "alice").code, expected, "{options:?}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let desk = Desk::new();
    desk.run(&["verify", "pki/cards/alice.crt"]).assert_usage("--anchors");
    desk.run(&["verify", "--anchors", "no.pem", "pki/cards/alice.crt"]).assert_usage("cannot read no.pem");
    verify(&desk, &[], "nobody").assert_usage("cannot read pki/cards/nobody.crt");
    verify(&desk, &["--crl", "no.crl"], "alice").assert_usage("no.crl cannot be read");
    verify(&desk, &["--crl", "pki/root.pem"], "alice").assert_usage("pki/root.pem is no CRL file");
    verify(&desk, &["--policy", "x"], "alice").assert_usage("write an object identifier");
    verify(&desk, &["--eku", "smartcard"], "alice").assert_usage("smartcard_logon");
    verify(&desk, &["--at", "yesterday"], "alice").assert_usage("2026-11-22T09:30:00Z");
}
