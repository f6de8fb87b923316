//! Files with byte order marks, unusual line ends or damaged PEM. Every command reads a file completely, or rejects it with
//! its name and line.

use super::{CommandFolder, CommandOutput, run};
use crate::support::{TestConfig, pki};
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

/// Returns two CRLs of the issuing authority: an older one without entries, and a newer one that lists alice.
fn two_crls() -> (String, String) {
    let older = pki().issuing_crl(&[], hour_ago()).unwrap();
    let newer = pki().issuing_crl(&["alice"], Clock::system().now()).unwrap();
    (pem("X509 CRL", &older), pem("X509 CRL", &newer))
}

/// Runs `verify` for alice's certificate, with the content of `file` as the CRLs of the issuing authority.
fn verify_with_crls(folder: &CommandFolder, file: &str) -> CommandOutput {
    let crls = folder.path().join("crls");
    std::fs::create_dir_all(&crls).unwrap();
    for (name, signer) in [("root", Signer::Root), ("policy", Signer::Policy)] {
        std::fs::write(crls.join(name), pki().crl(signer, &[], hour_ago()).unwrap()).unwrap();
    }
    std::fs::write(crls.join("issuing.pem"), file).unwrap();
    folder.run(&["verify", "--anchors", "pki/root.pem", "--crl", "crls", "pki/cards/alice.crt"])
}

#[test]
fn every_crl_of_a_file_is_read_regardless_of_the_text_before_it() {
    let folder = CommandFolder::new();
    let (older, newer) = two_crls();
    assert_eq!(verify_with_crls(&folder, &older).first_line(), "valid");
    let without_line_end = older.trim_end();
    for file in [
        format!("{older}{newer}"),
        format!("{without_line_end}{newer}"),
        format!("{older}{BOM}{newer}"),
        format!("{BOM}{older}{newer}"),
        format!("{without_line_end}{BOM}{newer}"),
        format!("{older}{newer}").replace('\n', "\r\n"),
        format!("{older}{newer}").replace('\n', "\r"),
        format!("a comment\n{older}issuer=CN = Staff\n{newer}lastUpdate=Nov 30\n"),
        format!("{older}{newer}").lines().map(|line| format!("    {line}\n")).collect(),
    ] {
        let verified = verify_with_crls(&folder, &file);
        assert_eq!(
            (verified.code, verified.first_line()),
            (1, "certificate-revoked"),
            "{file}\n{}",
            verified.stderr
        );
    }
}

#[test]
fn a_file_with_a_crl_that_cannot_be_decoded_is_rejected_with_its_name_and_line() {
    let folder = CommandFolder::new();
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
        verify_with_crls(&folder, &file)
            .assert_usage_error(&format!("issuing.pem is not a CRL file: line {line}: "));
    }
    let utf_16: Vec<u8> = format!("{BOM}{newer}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(folder.path().join("crls/utf_16.pem"), utf_16).unwrap();
    verify_with_crls(&folder, &older)
        .assert_usage_error("utf_16.pem is not a CRL file: the file is in UTF-16");
}

#[test]
fn every_command_rejects_a_file_that_is_not_a_regular_one_without_waiting_for_it() {
    let folder = CommandFolder::new();
    let made = |command: &mut std::process::Command| assert!(command.status().unwrap().success());
    made(std::process::Command::new("mkfifo").arg(folder.path().join("pipe")));
    std::os::unix::fs::symlink("pipe", folder.path().join("link")).unwrap();
    let anchors = ["verify", "--anchors", "pki/root.pem"];
    for special in ["pipe", "link", "pki", "/dev/zero"] {
        for arguments in [
            &["check", "--config", special][..],
            &["serve", "--config", special],
            &["explain", "--config", special, "--url", "https://gateway.test/"],
            &["explain", "--url", "https://gateway.test/", "--certificate", special],
            &["inspect", special],
            &[&anchors[..], &[special]].concat(),
            &["verify", "--anchors", special, "pki/cards/alice.crt"],
            &[&anchors[..], &["--intermediates", special, "pki/cards/alice.crt"]].concat(),
        ] {
            let rejected = folder.run(arguments);
            rejected.assert_usage_error("it is not a regular file");
            rejected.assert_usage_error(special);
        }
        // `--crl` accepts a folder, whose entries must be regular files.
        if special != "pki" {
            folder
                .run(&[&anchors[..], &["--crl", special, "pki/cards/alice.crt"]].concat())
                .assert_usage_error("it is not a regular file");
        }
    }
    for named in ["pki/root.pem", "pki/issuing.pem"] {
        let realm = TestConfig::default().realm.replace(named, "pipe");
        assert_ne!(realm, TestConfig::default().realm, "{named}");
        let folder = CommandFolder::with(&TestConfig { realm, ..TestConfig::default() });
        made(std::process::Command::new("mkfifo").arg(folder.path().join("pipe")));
        for command in ["check", "serve"] {
            folder.run(&[command]).assert_usage_error("pipe cannot be read: it is not a regular file");
        }
    }
}

#[test]
fn a_certificate_is_read_from_standard_input() {
    let folder = CommandFolder::new();
    let certificate = std::fs::read(folder.path().join("pki/cards/alice.crt")).unwrap();
    for (arguments, line) in [
        (&["inspect", "-"][..], "certificate 1: CN=alice"),
        (&["verify", "--anchors", "pki/root.pem", "-"], "valid"),
    ] {
        let ran = assert_cmd::Command::cargo_bin("portcullis")
            .unwrap()
            .current_dir(folder.path())
            .args(arguments)
            .write_stdin(certificate.clone())
            .assert()
            .success();
        let stdout = String::from_utf8_lossy(&ran.get_output().stdout).into_owned();
        assert!(stdout.lines().next().is_some_and(|first| first.starts_with(line)), "{stdout}");
    }
    let empty = assert_cmd::Command::cargo_bin("portcullis").unwrap().args(["inspect", "-"]).assert().code(2);
    let stderr = String::from_utf8_lossy(&empty.get_output().stderr).into_owned();
    assert_eq!(stderr, "portcullis: standard input: the file is empty\n");
}

#[test]
fn der_may_end_with_a_line_end_but_not_with_other_bytes() {
    let folder = CommandFolder::new();
    let newer = pki().issuing_crl(&["alice"], Clock::system().now()).unwrap();
    verify_with_crls(&folder, &two_crls().0);
    let path = folder.path().join("crls/newer.crl");
    std::fs::write(&path, [newer.as_slice(), b"\r\n"].concat()).unwrap();
    assert_eq!(verify_with_crls(&folder, &two_crls().0).first_line(), "certificate-revoked");
    std::fs::write(&path, newer.repeat(2)).unwrap();
    verify_with_crls(&folder, &two_crls().0).assert_usage_error(&format!(
        "newer.crl is not a CRL file: {} bytes follow the end of the DER",
        newer.len()
    ));
}

/// Returns a folder whose realm has this identity issuer.
fn with_identity_issuer(issuer: &str) -> CommandFolder {
    let realm = TestConfig::default().realm.replace("pki/issuing.pem", issuer);
    CommandFolder::with(&TestConfig { realm, ..TestConfig::default() })
}

#[test]
fn a_byte_order_mark_does_not_hide_the_first_of_two_authorities() {
    let folder = with_identity_issuer("two.pem");
    let file = |before: &str| {
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        format!("{before}{}{}", read("pki/root.pem").trim_end(), read("pki/issuing.pem"))
    };
    for before in ["", BOM, "a comment\n"] {
        std::fs::write(folder.path().join("two.pem"), file(before)).unwrap();
        folder.run(&["check"]).assert_usage_error("two.pem holds 2 certificates");
    }
    std::fs::write(folder.path().join("two.pem"), file("").replacen("-----BEGIN", "----BEGIN", 1)).unwrap();
    folder.run(&["check"]).assert_usage_error("two.pem: line 1: a damaged PEM boundary");
}

#[test]
fn a_chain_and_its_anchors_are_read_with_a_byte_order_mark() {
    let folder = CommandFolder::new();
    for name in ["pki/root.pem", "pki/cards/alice.crt", "pki/server-ecdsa.pem", "pki/server-ecdsa.key"] {
        let path = folder.path().join(name);
        if let Ok(text) = std::fs::read_to_string(&path) {
            std::fs::write(&path, format!("{BOM}{}", text.replace('\n', "\r\n"))).unwrap();
        }
    }
    let verified = folder.run(&["verify", "--anchors", "pki/root.pem", "pki/cards/alice.crt"]);
    assert_eq!((verified.code, verified.first_line()), (0, "valid"), "{}", verified.stdout);
    let checked = folder.run(&["check"]);
    assert_eq!(checked.code, 0, "{}", checked.stderr);
}

/// Returns a folder whose backend receives the secret in a file.
fn with_secret() -> CommandFolder {
    let backend = "headers = { secret = { name = \"X-Gateway-Secret\", file = \"secret\" } }".to_owned();
    CommandFolder::with(&TestConfig { backend, ..TestConfig::default() })
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_secret_is_one_line_of_utf_8() {
    let folder = with_secret();
    let path = folder.path().join("secret");
    let check = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        set_mode(&path, 0o600);
        folder.run(&["check"])
    };
    let secret = "twenty-two-characters!";
    for text in
        [secret.to_owned(), format!("{secret}\n"), format!("{secret}\r\n"), format!("{BOM}{secret}\r\n")]
    {
        let checked = check(text.as_bytes());
        assert_eq!((checked.code, checked.stderr.contains("secret")), (0, false), "{}", checked.stderr);
    }
    let utf_16: Vec<u8> = format!("{BOM}{secret}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, error) in [
        (utf_16.as_slice(), "secret: line 1: the file is in UTF-16"),
        (format!("{secret}\n{secret}\n").as_bytes(), "secret: line 2: the file has more than one line"),
        (format!("{secret}\n\n").as_bytes(), "secret: line 2: the file has more than one line"),
        (b"twenty-two-characters\xe4!", "secret: line 1: the file is not in UTF-8"),
        (b"twenty-two\0characters!", "secret: line 1: the line contains a control character"),
        (b"\n", "secret: line 1: the file is empty"),
    ] {
        check(bytes).assert_usage_error(error);
    }
    assert!(check(format!("{secret} \n").as_bytes()).stderr.contains("begins or ends with a space"));
}

#[test]
fn a_key_or_secret_that_other_users_can_read_is_one_warning() {
    let folder = with_secret();
    std::fs::write(folder.path().join("secret"), "twenty-two-characters!").unwrap();
    let key = folder.path().join("pki/server-ecdsa.key");
    assert!(key.exists(), "the key of the test PKI has another name");
    for (mode, readers) in [
        (0o600, None),
        (0o400, None),
        (0o640, Some("can be read or changed by the group ")),
        (0o604, Some("can be read or changed by every account of this machine")),
        (0o602, Some("can be read or changed by every account of this machine")),
    ] {
        for path in [&key, &folder.path().join("secret")] {
            set_mode(&key, 0o600);
            set_mode(&folder.path().join("secret"), 0o600);
            set_mode(path, mode);
            let checked = folder.run(&["check"]);
            assert_eq!(checked.code, 0, "{}", checked.stderr);
            let count = readers.map_or(0, |readers| checked.stderr.matches(readers).count());
            assert_eq!(count, usize::from(readers.is_some()), "{mode:o}: {}", checked.stderr);
            assert_eq!(checked.stderr.contains("can be read"), readers.is_some(), "{}", checked.stderr);
        }
    }
}

#[test]
fn a_configuration_may_have_a_byte_order_mark_and_is_rejected_in_utf_16_and_latin_1() {
    let folder = CommandFolder::new();
    let path = folder.path().join("proxy.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{BOM}{}", text.replace('\n', "\r\n"))).unwrap();
    assert_eq!(folder.run(&["check"]).code, 0);
    let utf_16: Vec<u8> = format!("{BOM}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, utf_16).unwrap();
    folder.run(&["check"]).assert_usage_error("proxy.toml is in UTF-16: save it as UTF-8");
    let latin_1: Vec<u8> = [text.as_bytes(), b"\n# Stra\xdfe\n"].concat();
    std::fs::write(&path, latin_1).unwrap();
    folder
        .run(&["check"])
        .assert_usage_error(&format!("proxy.toml: line {} is not in UTF-8", text.lines().count() + 2));
}

/// The CRLs list another certificate, revoked in 1950, in the year 1, or at a time with an offset; the certificate is valid
/// from the year 0. All of them were encoded by another library than the gateway's.
#[test]
fn a_crl_and_a_certificate_with_unusual_dates_are_valid() {
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
