//! Requests of `openssl s_client`, which has options for the ClientHello and for client authentication that other clients
//! lack.

use super::sessions::alice_with_certificates_of;
use crate::support::{ProgramOutput, TestConfig, TestGateway, openssl, openssl_client, pki};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis::clock::Clock;
use portcullis::demo::pki::CertificateProfile;
use rustls_pki_types::PrivatePkcs8KeyDer;

const REQUEST: &str = "GET /require/echo HTTP/1.1\r\nHost: rms.corp.example\r\nAccept: application/json\r\n\
                       Connection: close\r\n\r\n";
const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

#[track_caller]
fn assert_user(ran: &ProgramOutput, user: &str) {
    assert!(ran.stdout.contains("HTTP/1.1 200 OK"), "{}", ran.output());
    assert!(ran.stdout.contains(&format!("[\"x-remote-user\",\"{user}\"]")), "{}", ran.output());
}

#[test]
fn a_certificate_is_permitted_in_both_versions() {
    let gateway = TestGateway::start();
    for (card, user) in [("alice", "alice"), ("alice-rsa", "alice"), ("judy", "judy"), ("ken", "ken")] {
        let file = gateway.card_file(card);
        for version in VERSIONS {
            let args = [version, "-cert", &file, "-key", &file, "-cert_chain", &file];
            let Some(ran) = openssl_client(&gateway, &args, REQUEST) else { return };
            assert_user(&ran, &format!("{user}@corp.example"));
        }
    }
}

#[test]
fn a_saved_session_is_resumed_with_the_same_account() {
    let gateway = TestGateway::start();
    let card = gateway.card_file("alice");
    for version in VERSIONS {
        let session = gateway.folder().join(version).display().to_string();
        let first = [version, "-cert", &card, "-key", &card, "-cert_chain", &card, "-sess_out", &session];
        let Some(ran) = openssl_client(&gateway, &first, REQUEST) else { return };
        assert_user(&ran, "alice@corp.example");
        // The second connection presents no certificate: the session contains it.
        let Some(ran) = openssl_client(&gateway, &[version, "-sess_in", &session], REQUEST) else { return };
        assert!(ran.stdout.contains("Reused, TLSv1."), "{}", ran.output());
        assert_user(&ran, "alice@corp.example");
    }
}

#[test]
fn a_long_chain_is_permitted_each_time_and_no_session_is_kept() {
    let gateway = TestGateway::start();
    let card = alice_with_certificates_of(&[13_000, 13_000]);
    let pem = card.chain.iter().map(|der| {
        let text = STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    });
    let chain = gateway.folder().join("long.pem");
    std::fs::write(&chain, pem.collect::<String>()).unwrap();
    let (key, chain) = (gateway.card_file("alice"), chain.display().to_string());
    let session = gateway.folder().join("long").display().to_string();
    let presented = ["-cert", &key, "-key", &key, "-cert_chain", &chain];
    for version in VERSIONS {
        for options in [&["-sess_out", &session][..], &["-sess_out", &session, "-no_ticket"]] {
            let Some(ran) =
                openssl_client(&gateway, &[&[version], options, &presented[..]].concat(), REQUEST)
            else {
                return;
            };
            assert_user(&ran, "alice@corp.example");
            assert!(!ran.stdout.contains("TLS session ticket:"), "{}", ran.output());
        }
    }
}

#[test]
fn every_reconnect_resumes_the_session() {
    let gateway = TestGateway::start();
    let card = gateway.card_file("alice");
    let args = ["-tls1_2", "-reconnect", "-cert", &card, "-key", &card, "-cert_chain", &card];
    let Some(ran) = openssl_client(&gateway, &args, REQUEST) else { return };
    assert_eq!(ran.stdout.matches("Reused, TLSv1.2").count(), 5, "{}", ran.output());
}

#[test]
fn the_server_certificate_fits_the_ciphers_and_signatures_of_the_client() {
    let gateway = TestGateway::start();
    let cases: [(&[&str], &str); 5] = [
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"], "RSA"),
        (&["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ECDSA"),
        (&["-tls1_2"], "ECDSA"),
        (&["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"], "RSA-PSS"),
        (&["-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"], "ECDSA"),
    ];
    for (args, signature) in cases {
        let Some(ran) = openssl_client(&gateway, args, REQUEST) else { return };
        let line = ran.stdout.lines().find_map(|line| line.strip_prefix("Peer signature type: "));
        // In TLS 1.2 an RSA key may sign with either padding.
        let expected = line.is_some_and(|line| line == signature || line == format!("{signature}-PSS"));
        assert!(expected, "{args:?}: {}", ran.output());
        assert!(ran.stdout.contains("Verify return code: 0 (ok)"), "{}", ran.output());
        assert!(ran.stdout.contains("HTTP/1.1 403 "), "{}", ran.output());
    }
}

#[track_caller]
fn assert_unrecognised_name(ran: &ProgramOutput) {
    assert!(ran.stderr.contains("SSL alert number 112"), "{}", ran.output());
}

#[test]
fn an_unknown_server_name_is_rejected_with_the_alert_unrecognized_name() {
    let gateway = TestGateway::with(TestConfig { site: "default = true".into(), ..TestConfig::default() });
    for version in VERSIONS {
        for name in ["other.example", "x.rms.corp.example"] {
            let Some(ran) = openssl_client(&gateway, &[version, "-servername", name], REQUEST) else {
                return;
            };
            assert_unrecognised_name(&ran);
        }
    }
}

#[test]
fn no_server_name_selects_the_default_site_or_is_rejected_if_there_is_none() {
    let (without, with) = (
        TestGateway::start(),
        TestGateway::with(TestConfig { site: "default = true".into(), ..TestConfig::default() }),
    );
    for version in VERSIONS {
        let args = [version, "-noservername"];
        let Some(ran) = openssl_client(&without, &args, REQUEST) else { return };
        assert_unrecognised_name(&ran);
        let Some(ran) = openssl_client(&with, &args, REQUEST) else { return };
        assert!(ran.stdout.contains("certificate-required"), "{}", ran.output());
    }
}

#[test]
fn a_server_name_matches_case_insensitively_and_by_wildcard() {
    let gateway = TestGateway::with(TestConfig {
        hosts: vec!["rms.corp.example", "*.apps.example"],
        ..TestConfig::default()
    });
    for name in ["RMS.Corp.Example", "a.apps.example", "A.APPS.EXAMPLE"] {
        let request = REQUEST.replace("rms.corp.example", name);
        let Some(ran) = openssl_client(&gateway, &["-servername", name], &request) else { return };
        assert!(ran.stdout.contains("certificate-required"), "{name}: {}", ran.output());
    }
    let Some(ran) = openssl_client(&gateway, &["-servername", "a.b.apps.example"], REQUEST) else { return };
    assert_unrecognised_name(&ran);
}

#[test]
fn only_the_tls_versions_of_the_site_are_accepted() {
    for (min, max, accepted, rejected) in
        [("1.2", "1.2", "-tls1_2", "-tls1_3"), ("1.3", "1.3", "-tls1_3", "-tls1_2")]
    {
        let gateway = TestGateway::with(TestConfig { tls: (min, max), ..TestConfig::default() });
        let Some(ran) = openssl_client(&gateway, &[accepted], REQUEST) else { return };
        assert!(ran.stdout.contains("certificate-required"), "{}", ran.output());
        let Some(ran) = openssl_client(&gateway, &[rejected], REQUEST) else { return };
        assert!(ran.stderr.contains("alert protocol version"), "{}", ran.output());
    }
}

#[test]
fn the_ca_hints_name_the_trust_anchors_unless_disabled() {
    let gateway = TestGateway::start();
    let anchor = "O = Corp Example, OU = PKI, CN = Demo Root CA";
    let Some(ran) = openssl_client(&gateway, &["-tls1_2"], REQUEST) else { return };
    assert!(
        ran.stdout.contains(&format!("Acceptable client certificate CA names\n{anchor}\n")),
        "{}",
        ran.output()
    );
    let gateway = TestGateway::with(TestConfig { site: "ca_hints = false".into(), ..TestConfig::default() });
    let Some(ran) = openssl_client(&gateway, &["-tls1_2"], REQUEST) else { return };
    assert!(ran.stdout.contains("No client certificate CA names sent"), "{}", ran.output());
}

/// Returns the signature algorithms of the certificate request, as `openssl s_client` prints them.
fn requested(ran: &ProgramOutput) -> &str {
    let line = ran.stdout.lines().find_map(|line| line.strip_prefix("Requested Signature Algorithms: "));
    line.unwrap_or_else(|| panic!("no certificate was requested: {}", ran.output()))
}

#[test]
fn pss_is_not_requested_if_only_tls_1_2_is_enabled_and_comes_last_otherwise() {
    let gateway = TestGateway::with(TestConfig { tls: ("1.2", "1.2"), ..TestConfig::default() });
    let Some(ran) = openssl_client(&gateway, &["-tls1_2"], REQUEST) else { return };
    let elliptic = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519";
    let pkcs1 = "RSA+SHA256:RSA+SHA384:RSA+SHA512";
    assert_eq!(requested(&ran), format!("{elliptic}:{pkcs1}"));
    let gateway = TestGateway::start();
    for version in VERSIONS {
        let Some(ran) = openssl_client(&gateway, &[version], REQUEST) else { return };
        let pss = "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512";
        assert_eq!(requested(&ran), format!("{elliptic}:{pkcs1}:{pss}"), "{version}");
    }
}

#[test]
fn the_signature_algorithms_of_the_site_are_requested() {
    let list = r#", client_signature_algorithms = ["rsa_pss_rsae_sha384", "ecdsa_secp256r1_sha256"]"#;
    let gateway = TestGateway::with(TestConfig { tls_more: list.to_owned(), ..TestConfig::default() });
    for version in VERSIONS {
        let Some(ran) = openssl_client(&gateway, &[version], REQUEST) else { return };
        assert_eq!(requested(&ran), "RSA-PSS+SHA384:ECDSA+SHA256", "{version}");
    }
}

#[test]
fn a_client_without_tickets_resumes_by_its_session_id_under_the_same_rules() {
    let gateway = TestGateway::with(TestConfig {
        site: "card_reauth_interval = \"8h\"".into(),
        ..TestConfig::default()
    });
    let card = gateway.card_file("alice");
    let session = gateway.folder().join("session").display().to_string();
    let no_ticket = ["-tls1_2", "-no_ticket"];
    let with_card = ["-cert", &card, "-key", &card, "-cert_chain", &card, "-sess_out", &session];
    let Some(ran) = openssl_client(&gateway, &[&no_ticket[..], &with_card].concat(), REQUEST) else { return };
    assert_user(&ran, "alice@corp.example");
    let again = [&no_ticket[..], &["-sess_in", &session]].concat();
    let Some(ran) = openssl_client(&gateway, &again, REQUEST) else { return };
    assert!(ran.stdout.contains("Reused, TLSv1.2"), "{}", ran.output());
    assert_user(&ran, "alice@corp.example");
    assert!(
        gateway.records().iter().any(|record| record["tls"]["resumed"] == true),
        "{:?}",
        gateway.records()
    );
    gateway.clock.advance(std::time::Duration::from_secs(8 * 3600));
    let Some(ran) = openssl_client(&gateway, &again, REQUEST) else { return };
    assert!(ran.stdout.contains("New, TLSv1.2"), "{}", ran.output());
    assert!(ran.stdout.contains("certificate-required"), "{}", ran.output());
}

#[test]
fn a_session_without_a_certificate_is_not_resumed() {
    let gateway = TestGateway::start();
    for ticket in [&["-tls1_2", "-no_ticket"][..], &["-tls1_2"], &["-tls1_3"]] {
        let session = gateway.folder().join("none").display().to_string();
        let _ = std::fs::remove_file(&session);
        let first = [ticket, &["-sess_out", &session]].concat();
        let Some(ran) = openssl_client(&gateway, &first, REQUEST) else { return };
        assert!(ran.stdout.contains("certificate-required"), "{}", ran.output());
        if !std::path::Path::new(&session).exists() {
            // In TLS 1.3 there is no session without a ticket.
            continue;
        }
        let Some(ran) = openssl_client(&gateway, &[ticket, &["-sess_in", &session]].concat(), REQUEST) else {
            return;
        };
        assert!(ran.stdout.contains("New, TLSv1."), "{ticket:?}: {}", ran.output());
    }
}

#[test]
fn a_certificate_with_a_short_rsa_key_is_denied_over_http_and_not_with_an_alert() {
    let gateway = TestGateway::with(TestConfig { tls: ("1.2", "1.2"), ..TestConfig::default() });
    let Some(ran) = with_short_card(&gateway, &[]) else { return };
    assert!(ran.stdout.contains("HTTP/1.1 403 "), "{}", ran.output());
    assert!(ran.stdout.contains(r#""id":"certificate-untrusted","sub_status":16"#), "{}", ran.output());
}

#[test]
fn a_short_rsa_key_and_sha_1_signatures_are_accepted_if_unsafely_allowed() {
    let mut config = TestConfig { tls: ("1.2", "1.2"), ..TestConfig::default() };
    config.realm += "unsafe_allow_sha1_and_rsa_1024 = true";
    let gateway = TestGateway::with(config);
    for signatures in [&[][..], &["-client_sigalgs", "RSA+SHA1"]] {
        let Some(ran) = with_short_card(&gateway, signatures) else { return };
        assert_user(&ran, "short@corp.example");
    }
    let Some(ran) = openssl_client(&gateway, &["-tls1_2"], REQUEST) else { return };
    assert!(requested(&ran).ends_with(":RSA+SHA1"), "{}", requested(&ran));
}

/// Connects with a certificate whose RSA key has 1,024 bits; `signatures` are options for the signature algorithms.
fn with_short_card(gateway: &TestGateway, signatures: &[&str]) -> Option<ProgramOutput> {
    let file = |name: &str| gateway.folder().join(name).display().to_string();
    let (key_pem, key_der, card_pem) = (file("short.key"), file("short.der"), file("short.pem"));
    let generate = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024", "-out", &key_pem];
    let made = openssl(&generate)?;
    assert_eq!(made.code, 0, "{}", made.output());
    let convert = ["pkcs8", "-topk8", "-nocrypt", "-in", &key_pem, "-outform", "DER", "-out", &key_der];
    let made = openssl(&convert)?;
    assert_eq!(made.code, 0, "{}", made.output());
    let key = PrivatePkcs8KeyDer::from(std::fs::read(&key_der).unwrap());
    let card = pki().issue_for_rsa_key(&CertificateProfile::of("short", Clock::system().now()), key).unwrap();
    std::fs::write(&card_pem, card.chain_pem().unwrap()).unwrap();
    let card = ["-cert", &card_pem, "-key", &key_pem, "-cert_chain", &card_pem];
    let args = [&["-tls1_2", "-cipher", "DEFAULT:@SECLEVEL=0"][..], signatures, &card].concat();
    openssl_client(gateway, &args, REQUEST)
}

/// The CA omitted the NULL that RFC 3279 2.3.1 requires. The handshake succeeds; the CA is untrusted, hence the denial.
#[test]
fn an_rsa_certificate_without_null_completes_the_handshake() {
    let gateway = TestGateway::start();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/rsa-without-null");
    let (card, key) = (format!("{folder}/card.pem"), format!("{folder}/card.key"));
    for version in VERSIONS {
        let Some(ran) = openssl_client(&gateway, &[version, "-cert", &card, "-key", &key], REQUEST) else {
            return;
        };
        assert!(ran.stdout.contains("HTTP/1.1 403 "), "{version}: {}", ran.output());
        assert!(ran.stdout.contains("certificate-untrusted"), "{version}: {}", ran.output());
    }
}
