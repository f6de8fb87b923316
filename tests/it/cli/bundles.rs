//! PKCS #7 bundles, PKCS #12 files and encrypted keys that openssl wrote.

use super::CommandFolder;
use crate::support::{TestConfig, openssl, pki};
use portcullis::clock::Clock;
use std::path::Path;

/// Runs openssl with every argument that names a file made absolute below `folder`. Returns `false` if openssl is not
/// installed.
fn openssl_at(folder: &Path, arguments: &[&str]) -> bool {
    let absolute = |argument: &&str| match argument.contains('/') || argument.contains('.') {
        true => folder.join(argument).display().to_string(),
        false => (*argument).to_owned(),
    };
    let arguments: Vec<String> = arguments.iter().map(absolute).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(ran) = openssl(&arguments) else { return false };
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.output());
    true
}

/// Writes a bundle of these certificates, without CRLs. Returns `false` if openssl is not installed.
fn certificates_p7b(folder: &Path, form: &str, certificates: &str, out: &str) -> bool {
    openssl_at(folder, &["crl2pkcs7", "-nocrl", "-certfile", certificates, "-outform", form, "-out", out])
}

#[test]
fn verify_and_inspect_read_bundles_of_certificates_and_crls_in_der_and_pem() {
    let folder = CommandFolder::new();
    std::fs::create_dir(folder.path().join("crls")).unwrap();
    let revoking = pki().issuing_crl(&["alice"], Clock::system().now()).unwrap();
    std::fs::write(folder.path().join("alice.crl"), revoking).unwrap();
    for authority in ["root", "policy"] {
        std::fs::copy(
            folder.path().join(format!("pki/crl/{authority}.crl")),
            folder.path().join("crls").join(authority),
        )
        .unwrap();
    }
    for (form, anchors, chain, crl) in [
        ("DER", "root.p7b", "chain.p7c", "crls/alice.p7b"),
        ("PEM", "root.pem", "chain.p7s", "crls/alice.pem"),
    ] {
        let is_written = certificates_p7b(folder.path(), form, "pki/root.pem", anchors)
            && certificates_p7b(folder.path(), form, "pki/cards/alice.crt", chain);
        if !is_written {
            return;
        }
        let verify = |crls: &[&str]| {
            let verified = folder.run(&[&["verify", "--anchors", anchors][..], crls, &[chain]].concat());
            (verified.code, verified.first_line().to_owned(), verified.stderr)
        };
        assert_eq!(verify(&[]), (0, "valid".to_owned(), String::new()), "{form}");
        let arguments = ["crl2pkcs7", "-in", "alice.crl", "-inform", "DER", "-certfile", "pki/issuing.pem"];
        assert!(openssl_at(folder.path(), &[&arguments[..], &["-outform", form, "-out", crl]].concat()));
        assert_eq!(verify(&["--crl", "crls"]).1, "certificate-revoked", "{form}");
        let inspected = folder.run(&["inspect", chain]);
        assert!(
            inspected.code == 0 && inspected.stdout.contains("alice@corp.example"),
            "{}",
            inspected.stderr
        );
        std::fs::remove_file(folder.path().join(crl)).unwrap();
    }
}

#[test]
fn every_key_that_names_certificates_accepts_a_bundle() {
    let realm = r#"
trust_anchors = ["root.p7b"]
intermediates = ["intermediates.p7b"]
extended_key_usage = ["client_auth"]
revocation = { mode = "require", crl = ["crl.p7b"] }
mapping = { order = ["upn"], strength = "weak" }
identity_issuers = [{ certificate = "issuing.p7b", upn_suffixes = ["corp.example"] }]

[realm.staff.directory]
url = "ldaps://127.0.0.1:9"
base_dn = "DC=corp,DC=example"
ca = "server_ca.p7b"
bind_dn = "CN=gateway,DC=corp,DC=example"
bind_password = { file = "password" }
"#;
    let more = r#"
[backend.tls]
servers = ["https://127.0.0.1:9"]
ca = "server_ca.p7b"
"#;
    let setup = TestConfig { realm: realm.to_owned(), more: more.to_owned(), ..TestConfig::default() };
    let folder = CommandFolder::with(&setup);
    std::fs::write(folder.path().join("password"), "secret").unwrap();
    for (from, to) in [
        ("root.pem", "root.p7b"),
        ("intermediates.pem", "intermediates.p7b"),
        ("issuing.pem", "issuing.p7b"),
        ("server-ca.pem", "server_ca.p7b"),
    ] {
        if !certificates_p7b(folder.path(), "DER", &format!("pki/{from}"), to) {
            return;
        }
    }
    let arguments = ["crl2pkcs7", "-in", "pki/crl/issuing.crl", "-inform", "DER", "-outform", "DER"];
    assert!(openssl_at(folder.path(), &[&arguments[..], &["-out", "crl.p7b"]].concat()));
    let checked = folder.run(&["check"]);
    assert_eq!((checked.code, checked.stderr.contains("p7b")), (0, false), "{}", checked.stderr);
}

#[test]
fn a_signed_bundle_is_rejected_and_the_command_of_the_error_converts_it() {
    let folder = CommandFolder::new();
    let sign = ["cms", "-sign", "-in", "proxy.toml", "-nodetach", "-outform", "DER", "-out", "signed.p7b"];
    let signer = ["-signer", "pki/server-ecdsa.pem", "-inkey", "pki/server-ecdsa.key"];
    if !openssl_at(folder.path(), &[&sign[..], &signer].concat()) {
        return;
    }
    let inspect = |file: &str| folder.run(&["inspect", file]);
    inspect("signed.p7b").assert_usage_error("signed.p7b: the PKCS #7 is signed");
    assert!(
        inspect("signed.p7b").stderr.contains("openssl pkcs7 -inform DER -in FILE -print_certs -out NEW")
    );
    let convert = ["pkcs7", "-inform", "DER", "-in", "signed.p7b", "-print_certs", "-out", "new.pem"];
    assert!(openssl_at(folder.path(), &convert));
    assert_eq!(inspect("new.pem").code, 0);
    let encrypt = ["cms", "-encrypt", "-in", "proxy.toml", "-outform", "DER", "-out", "secret.p7m"];
    assert!(openssl_at(folder.path(), &[&encrypt[..], &["pki/server-rsa.pem"]].concat()));
    inspect("secret.p7m").assert_usage_error("the PKCS #7 has the content type 1.2.840.113549.1.7.3");
}

#[test]
fn pkcs12_and_encrypted_keys_are_rejected_and_the_command_of_the_error_converts_them() {
    let folder = CommandFolder::new();
    let text = std::fs::read_to_string(folder.path().join("proxy.toml")).unwrap();
    assert!(text.contains("pki/server-ecdsa.key"), "{text}");
    let check_with_key = |key: &str| {
        let text = text.replace("pki/server-ecdsa.key", key);
        std::fs::write(folder.path().join("proxy.toml"), text).unwrap();
        folder.run(&["check"])
    };
    let export = ["pkcs12", "-export", "-inkey", "pki/server-ecdsa.key", "-in", "pki/server-ecdsa.pem"];
    if !openssl_at(folder.path(), &[&export[..], &["-passout", "pass:x", "-out", "server.p12"]].concat()) {
        return;
    }
    let command = "openssl pkcs12 -in FILE -nodes -out NEW";
    check_with_key("server.p12")
        .assert_usage_error(&format!("server.p12: the file is PKCS #12: convert it with {command}"));
    let convert = ["pkcs12", "-in", "server.p12", "-nodes", "-passin", "pass:x", "-out", "new.pem"];
    assert!(openssl_at(folder.path(), &convert));
    let converted = check_with_key("new.pem");
    assert_eq!(converted.code, 0, "{}", converted.stderr);
    for form in ["PEM", "DER"] {
        let encrypt = ["pkcs8", "-topk8", "-in", "pki/server-ecdsa.key", "-passout", "pass:x"];
        assert!(openssl_at(
            folder.path(),
            &[&encrypt[..], &["-outform", form, "-out", "locked.key"]].concat()
        ));
        check_with_key("locked.key").assert_usage_error(
            "the private key is encrypted: remove the passphrase with openssl pkey -in FILE -out NEW",
        );
        let decrypt = ["pkey", "-in", "locked.key", "-passin", "pass:x", "-out", "open.key"];
        assert!(openssl_at(folder.path(), &decrypt));
        assert_eq!(check_with_key("open.key").code, 0);
    }
}
