//! `openssl s_client`: what a ClientHello can ask for, and what no well-behaved client does.

use crate::support::{Lab, Ran, Setup, openssl, openssl_client, pki};
use portcullis::clock::Clock;
use portcullis::demo::pki::CardProfile;
use rustls_pki_types::PrivatePkcs8KeyDer;

const REQUEST: &str = "GET /require/echo HTTP/1.1\r\nHost: rms.corp.example\r\nAccept: application/json\r\n\
                       Connection: close\r\n\r\n";
const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[track_caller]
fn assert_user(ran: &Ran, user: &str) {
    assert!(ran.stdout.contains("HTTP/1.1 200 OK"), "{}", ran.output());
    assert!(ran.stdout.contains(&format!("[\"x-remote-user\",\"{user}\"]")), "{}", ran.output());
}

#[test]
fn a_card_gets_through_in_both_versions() {
    let lab = Lab::start();
    for (card, user) in [("alice", "alice"), ("alice-rsa", "alice"), ("judy", "judy"), ("ken", "ken")] {
        let file = lab.card_file(card);
        for version in VERSIONS {
            let args = [version, "-cert", &file, "-key", &file, "-cert_chain", &file];
            let Some(ran) = openssl_client(&lab, &args, REQUEST) else { return };
            assert_user(&ran, &format!("{user}@corp.example"));
        }
    }
}

#[test]
fn a_saved_session_is_resumed_under_the_same_card() {
    let lab = Lab::start();
    let card = lab.card_file("alice");
    for version in VERSIONS {
        let session = lab.folder().join(version).display().to_string();
        let first = [version, "-cert", &card, "-key", &card, "-cert_chain", &card, "-sess_out", &session];
        let Some(ran) = openssl_client(&lab, &first, REQUEST) else { return };
        assert_user(&ran, "alice@corp.example");
        // The second time without the card: the session alone says who it is.
        let Some(ran) = openssl_client(&lab, &[version, "-sess_in", &session], REQUEST) else { return };
        assert!(ran.stdout.contains("Reused, TLSv1."), "{}", ran.output());
        assert_user(&ran, "alice@corp.example");
    }
}

#[test]
fn reconnecting_resumes_each_time() {
    let lab = Lab::start();
    let card = lab.card_file("alice");
    let args = ["-tls1_2", "-reconnect", "-cert", &card, "-key", &card, "-cert_chain", &card];
    let Some(ran) = openssl_client(&lab, &args, REQUEST) else { return };
    assert_eq!(ran.stdout.matches("Reused, TLSv1.2").count(), 5, "{}", ran.output());
}

#[test]
fn the_server_certificate_is_the_one_that_the_client_can_use() {
    let lab = Lab::start();
    let cases: [(&[&str], &str); 5] = [
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "RSA"),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ECDSA"),
        (&["-tls1_2"], "ECDSA"),
        (&["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"], "RSA-PSS"),
        (&["-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"], "ECDSA"),
    ];
    for (args, signature) in cases {
        let Some(ran) = openssl_client(&lab, args, REQUEST) else { return };
        let line = ran.stdout.lines().find_map(|line| line.strip_prefix("Peer signature type: "));
        // In TLS 1.2 an RSA key may sign in either padding.
        let expected = line.is_some_and(|line| line == signature || line == format!("{signature}-PSS"));
        assert!(expected, "{args:?}: {}", ran.output());
        assert!(ran.stdout.contains("Verify return code: 0 (ok)"), "{}", ran.output());
        assert!(ran.stdout.contains("HTTP/1.1 403 "), "{}", ran.output());
    }
}

#[track_caller]
fn assert_unrecognised_name(ran: &Ran) {
    assert!(ran.stderr.contains("SSL alert number 112"), "{}", ran.output());
}

#[test]
fn an_unknown_name_gets_the_alert_unrecognized_name() {
    let lab = Lab::with(Setup { site: "default = true".into(), ..Setup::default() });
    for version in VERSIONS {
        for name in ["other.example", "x.rms.corp.example"] {
            let Some(ran) = openssl_client(&lab, &[version, "-servername", name], REQUEST) else { return };
            assert_unrecognised_name(&ran);
        }
    }
}

#[test]
fn no_name_gets_the_default_site_or_the_alert_where_there_is_none() {
    let (without, with) =
        (Lab::start(), Lab::with(Setup { site: "default = true".into(), ..Setup::default() }));
    for version in VERSIONS {
        let args = [version, "-noservername"];
        let Some(ran) = openssl_client(&without, &args, REQUEST) else { return };
        assert_unrecognised_name(&ran);
        let Some(ran) = openssl_client(&with, &args, REQUEST) else { return };
        assert!(ran.stdout.contains("certificate-required"), "{}", ran.output());
    }
}

#[test]
fn a_name_is_known_in_every_spelling() {
    let lab = Lab::with(Setup { hosts: vec!["rms.corp.example", "*.apps.example"], ..Setup::default() });
    for name in ["RMS.Corp.Example", "a.apps.example", "A.APPS.EXAMPLE"] {
        let request = REQUEST.replace("rms.corp.example", name);
        let Some(ran) = openssl_client(&lab, &["-servername", name], &request) else { return };
        assert!(ran.stdout.contains("certificate-required"), "{name}: {}", ran.output());
    }
    let Some(ran) = openssl_client(&lab, &["-servername", "a.b.apps.example"], REQUEST) else { return };
    assert_unrecognised_name(&ran);
}

#[test]
fn only_the_versions_of_the_site_are_spoken() {
    for (min, max, spoken, unspoken) in
        [("1.2", "1.2", "-tls1_2", "-tls1_3"), ("1.3", "1.3", "-tls1_3", "-tls1_2")]
    {
        let lab = Lab::with(Setup { tls: (min, max), ..Setup::default() });
        let Some(ran) = openssl_client(&lab, &[spoken], REQUEST) else { return };
        assert!(ran.stdout.contains("certificate-required"), "{}", ran.output());
        let Some(ran) = openssl_client(&lab, &[unspoken], REQUEST) else { return };
        assert!(ran.stderr.contains("alert protocol version"), "{}", ran.output());
    }
}

#[test]
fn the_ca_hints_name_the_realms_anchors_unless_switched_off() {
    let lab = Lab::start();
    let anchor = "O = Corp Example, OU = PKI, CN = Demo Root CA";
    let Some(ran) = openssl_client(&lab, &["-tls1_2"], REQUEST) else { return };
    assert!(
        ran.stdout.contains(&format!("Acceptable client certificate CA names\n{anchor}\n")),
        "{}",
        ran.output()
    );
    let lab = Lab::with(Setup { site: "ca_hints = false".into(), ..Setup::default() });
    let Some(ran) = openssl_client(&lab, &["-tls1_2"], REQUEST) else { return };
    assert!(ran.stdout.contains("No client certificate CA names sent"), "{}", ran.output());
}

#[test]
fn a_card_with_a_short_rsa_key_is_answered_in_words_and_not_with_an_alert() {
    let lab = Lab::start();
    let file = |name: &str| lab.folder().join(name).display().to_string();
    let (key_pem, key_der, card_pem) = (file("short.key"), file("short.der"), file("short.pem"));
    let generate = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", &key_pem];
    let Some(made) = openssl(&generate) else { return };
    assert_eq!(made.code, 0, "{}", made.output());
    let convert = ["pkcs8", "-topk8", "-nocrypt", "-in", &key_pem, "-outform", "DER", "-out", &key_der];
    let Some(made) = openssl(&convert) else { return };
    assert_eq!(made.code, 0, "{}", made.output());
    let key = PrivatePkcs8KeyDer::from(std::fs::read(&key_der).unwrap());
    let card = pki().issue_for_rsa_key(&CardProfile::of("short", Clock::system().now()), key).unwrap();
    std::fs::write(&card_pem, card.chain_pem().unwrap()).unwrap();

    let weak = "DEFAULT:@SECLEVEL=0";
    let card = ["-cert", &card_pem, "-key", &key_pem, "-cert_chain", &card_pem];
    // Cards of that age know the older padding only.
    let args = [&["-tls1_2", "-cipher", weak, "-client_sigalgs", "RSA+SHA256"], &card[..]].concat();
    let Some(ran) = openssl_client(&lab, &args, REQUEST) else { return };
    assert!(ran.stdout.contains("HTTP/1.1 403 "), "{}", ran.output());
    assert!(ran.stdout.contains(r#""id":"certificate-untrusted","sub_status":16"#), "{}", ran.output());
}
