//! Files as editors, shells and people leave them: every command reads them whole, or refuses them by name and line.

use super::{Desk, Outcome, run};
use crate::support::{Setup, pki};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis::clock::{Clock, UnixTime};
use portcullis::demo::pki::Signer;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

const BOM: &str = "\u{feff}";

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn hour_ago() -> UnixTime {
    UnixTime::from(Clock::system().now().since_epoch() - Duration::from_secs(3600))
}

/// CRLs of the issuing authority: an older one that lists nobody, and a newer one that lists alice.
fn two_crls() -> (String, String) {
    let older = pki().issuing_crl(&[], hour_ago()).unwrap();
    let newer = pki().issuing_crl(&["alice"], Clock::system().now()).unwrap();
    (pem("X509 CRL", &older), pem("X509 CRL", &newer))
}

/// `verify` of alice's card by a folder with one file of these CRLs, and those of the authorities above.
fn verify_by(desk: &Desk, file: &str) -> Outcome {
    let folder = desk.path().join("crls");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, signer) in [("root", Signer::Root), ("policy", Signer::Policy)] {
        std::fs::write(folder.join(name), pki().crl(signer, &[], hour_ago()).unwrap()).unwrap();
    }
    std::fs::write(folder.join("issuing.pem"), file).unwrap();
    desk.run(&["verify", "--anchors", "pki/root.pem", "--crl", "crls", "pki/cards/alice.crt"])
}

#[test]
fn no_crl_of_a_file_is_lost_whatever_stands_between_it_and_the_one_before() {
    let desk = Desk::new();
    let (older, newer) = two_crls();
    assert_eq!(verify_by(&desk, &older).first_line(), "valid");
    let glued = older.trim_end();
    for file in [
        format!("{older}{newer}"),
        format!("{glued}{newer}"),
        format!("{older}{BOM}{newer}"),
        format!("{BOM}{older}{newer}"),
        format!("{glued}{BOM}{newer}"),
        format!("{older}{newer}").replace('\n', "\r\n"),
        format!("{older}{newer}").replace('\n', "\r"),
        format!("a comment\n{older}issuer=CN = Staff\n{newer}lastUpdate=Nov 30\n"),
        format!("{older}{newer}").lines().map(|line| format!("    {line}\n")).collect(),
    ] {
        let verified = verify_by(&desk, &file);
        assert_eq!(
            (verified.code, verified.first_line()),
            (1, "certificate-revoked"),
            "{file}\n{}",
            verified.stderr
        );
    }
}

#[test]
fn a_crl_that_cannot_be_read_refuses_its_file_by_name_and_line() {
    let desk = Desk::new();
    let (older, newer) = two_crls();
    let line = older.lines().count() + 1;
    for (from, to) in [
        ("-----BEGIN X509 CRL-----", "----BEGIN X509 CRL-----"),
        ("-----BEGIN X509 CRL-----", "----BEGIN X509 CRL----"),
        ("-----BEGIN X509 CRL-----", "-----BEGIN CRL-----"),
        ("-----BEGIN X509 CRL-----", "-----BEGIN X509 crl-----"),
        ("-----BEGIN X509 CRL-----", "# -----BEGIN X509 CRL-----"),
        ("-----BEGIN X509 CRL-----", "-----BEGIN PKCS12-----"),
        ("-----BEGIN X509 CRL-----\n", ""),
    ] {
        let damaged = newer.replace(from, to);
        assert_ne!(damaged, newer);
        let file = format!("{older}{damaged}");
        verify_by(&desk, &file).assert_usage(&format!("issuing.pem is no CRL file: line {line}: "));
    }
    let wide: Vec<u8> = format!("{BOM}{newer}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(desk.path().join("crls/wide.pem"), wide).unwrap();
    verify_by(&desk, &older).assert_usage("wide.pem is no CRL file: the file is in UTF-16");
}

#[test]
fn der_may_end_in_a_line_end_and_not_in_other_bytes() {
    let desk = Desk::new();
    let newer = pki().issuing_crl(&["alice"], Clock::system().now()).unwrap();
    verify_by(&desk, &two_crls().0);
    let path = desk.path().join("crls/newer.crl");
    std::fs::write(&path, [newer.as_slice(), b"\r\n"].concat()).unwrap();
    assert_eq!(verify_by(&desk, &two_crls().0).first_line(), "certificate-revoked");
    std::fs::write(&path, newer.repeat(2)).unwrap();
    verify_by(&desk, &two_crls().0)
        .assert_usage(&format!("newer.crl is no CRL file: {} bytes follow the end of the DER", newer.len()));
}

/// A proxy.toml whose realm is fed by this authority.
fn fed_by(issuer: &str) -> Desk {
    let realm = Setup::default().realm.replace("pki/issuing.pem", issuer);
    Desk::with(&Setup { realm, ..Setup::default() })
}

#[test]
fn a_byte_order_mark_does_not_hide_the_first_of_two_authorities() {
    let desk = fed_by("two.pem");
    let file = |before: &str| {
        let read = |name: &str| std::fs::read_to_string(desk.path().join(name)).unwrap();
        format!("{before}{}{}", read("pki/root.pem").trim_end(), read("pki/issuing.pem"))
    };
    for before in ["", BOM, "a comment\n"] {
        std::fs::write(desk.path().join("two.pem"), file(before)).unwrap();
        desk.run(&["check"]).assert_usage("two.pem holds 2 certificates");
    }
    std::fs::write(desk.path().join("two.pem"), file("").replacen("-----BEGIN", "----BEGIN", 1)).unwrap();
    desk.run(&["check"]).assert_usage("two.pem: line 1: a damaged PEM boundary");
}

#[test]
fn a_chain_and_its_anchors_are_read_with_a_byte_order_mark() {
    let desk = Desk::new();
    for name in ["pki/root.pem", "pki/cards/alice.crt", "pki/server-ecdsa.pem", "pki/server-ecdsa.key"] {
        let path = desk.path().join(name);
        if let Ok(text) = std::fs::read_to_string(&path) {
            std::fs::write(&path, format!("{BOM}{}", text.replace('\n', "\r\n"))).unwrap();
        }
    }
    let verified = desk.run(&["verify", "--anchors", "pki/root.pem", "pki/cards/alice.crt"]);
    assert_eq!((verified.code, verified.first_line()), (0, "valid"), "{}", verified.stdout);
    let checked = desk.run(&["check"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
}

/// A desk whose backend is sent a secret from a file.
fn with_secret() -> Desk {
    let backend = "headers = { secret = { name = \"X-Gate-Secret\", file = \"secret\" } }".to_owned();
    Desk::with(&Setup { backend, ..Setup::default() })
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_secret_is_one_line_of_utf_8() {
    let desk = with_secret();
    let path = desk.path().join("secret");
    let check = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        set_mode(&path, 0o600);
        desk.run(&["check"])
    };
    let secret = "twenty-two-characters!";
    for text in
        [secret.to_owned(), format!("{secret}\n"), format!("{secret}\r\n"), format!("{BOM}{secret}\r\n")]
    {
        let checked = check(text.as_bytes());
        assert_eq!((checked.code, checked.stderr.contains("secret")), (0, false), "{}", checked.stderr);
    }
    let wide: Vec<u8> = format!("{BOM}{secret}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, fault) in [
        (wide.as_slice(), "secret: line 1: it is in UTF-16"),
        (format!("{secret}\n{secret}\n").as_bytes(), "secret: line 2: it has more than one line"),
        (format!("{secret}\n\n").as_bytes(), "secret: line 2: it has more than one line"),
        (b"twenty-two-characters\xe4!", "secret: line 1: it is not in UTF-8"),
        (b"twenty-two\0characters!", "secret: line 1: it holds a control character"),
        (b"\n", "secret: line 1: it holds nothing"),
    ] {
        check(bytes).assert_usage(fault);
    }
    assert!(check(format!("{secret} \n").as_bytes()).stderr.contains("begins or ends with a space"));
}

#[test]
fn a_key_or_secret_that_other_accounts_can_read_is_warned_of_once() {
    let desk = with_secret();
    std::fs::write(desk.path().join("secret"), "twenty-two-characters!").unwrap();
    let key = desk.path().join("pki/server-ecdsa.key");
    assert!(key.exists(), "the demo's key has another name");
    for (mode, who) in [
        (0o600, None),
        (0o400, None),
        (0o640, Some("can be read or changed by the group ")),
        (0o604, Some("can be read or changed by every account of this machine")),
        (0o602, Some("can be read or changed by every account of this machine")),
    ] {
        for path in [&key, &desk.path().join("secret")] {
            set_mode(&key, 0o600);
            set_mode(&desk.path().join("secret"), 0o600);
            set_mode(path, mode);
            let checked = desk.run(&["check"]);
            assert_eq!(checked.code, 0, "{}", checked.stderr);
            let count = who.map_or(0, |who| checked.stderr.matches(who).count());
            assert_eq!(count, usize::from(who.is_some()), "{mode:o}: {}", checked.stderr);
            assert_eq!(checked.stderr.contains("can be read"), who.is_some(), "{}", checked.stderr);
        }
    }
}

#[test]
fn the_configuration_itself_may_have_a_byte_order_mark_and_is_refused_in_utf_16_and_latin_1() {
    let desk = Desk::new();
    let path = desk.path().join("proxy.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{BOM}{}", text.replace('\n', "\r\n"))).unwrap();
    assert_eq!(desk.run(&["check"]).code, 0);
    let wide: Vec<u8> = format!("{BOM}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, wide).unwrap();
    desk.run(&["check"]).assert_usage("proxy.toml is in UTF-16: save it as UTF-8");
    let latin: Vec<u8> = [text.as_bytes(), b"\n# Stra\xdfe\n"].concat();
    std::fs::write(&path, latin).unwrap();
    desk.run(&["check"])
        .assert_usage(&format!("proxy.toml: line {} is not in UTF-8", text.lines().count() + 2));
}

/// CRLs that list one other certificate at a date of 1950, of year 1 and with an offset, and a card whose validity
/// begins in year 0, each made by another library than the gateway's.
#[test]
fn dates_that_are_odd_or_long_ago_take_neither_a_crl_nor_a_card_away() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dates");
    let verify = |options: &[&str]| {
        let always = ["verify", "--anchors", "root.pem", "--at", "2026-11-30T12:00:00Z"];
        let verified = run(&folder, &[&always, options].concat());
        (verified.code, verified.first_line().to_owned())
    };
    for crls in ["utc1950", "year1", "offset"] {
        assert_eq!(verify(&["--crl", crls, "card.pem"]), (0, "valid".to_owned()), "{crls}");
    }
    assert_eq!(verify(&["notbefore0000.pem"]), (0, "valid".to_owned()));
}
