//! `portcullis inspect`: the fields of the JSON output and the labels of the text output.

use super::CommandFolder;
use serde_json::json;

#[test]
fn the_json_output_has_the_fields_of_every_certificate() {
    let outcome = CommandFolder::new().run(&["inspect", "pki/cards/alice.crt", "--json"]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let json = outcome.json();
    let certificates = json["certificates"].as_array().unwrap();
    assert_eq!(certificates.len(), 3);
    let alice = &certificates[0];
    assert_eq!(alice["version"], 3);
    assert_eq!(alice["subject"], "CN=alice,OU=Staff,O=Corp Example");
    assert_eq!(alice["upns"], json!(["alice@corp.example"]));
    assert_eq!(alice["emails"], json!(["alice@corp.example"]));
    assert_eq!(alice["key"], json!({"algorithm": "ec", "bits": 256, "name": "P-256", "usable": true}));
    assert_eq!(
        alice["extended_key_usages"],
        json!([
            {"oid": "1.3.6.1.5.5.7.3.2", "name": "client_auth"},
            {"oid": "1.3.6.1.4.1.311.20.2.2", "name": "smartcard_logon"}
        ])
    );
    assert_eq!(alice["policies"], json!(["2.16.840.1.101.3.2.1.48.1"]));
    assert_eq!(
        alice["crl_distribution_points"][0]["uris"],
        json!(["http://pki.corp.example/crl/issuing.crl"])
    );
    assert!(alice["sid"].as_str().unwrap().starts_with("S-1-5-21-1004336348-"));
    assert_eq!(alice["authority_key_identifier"], certificates[1]["subject_key_identifier"]);
    assert_eq!(alice["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(certificates[1]["basic_constraints"], json!({"ca": true, "path_length": 0}));
    assert_eq!(certificates[1]["extended_key_usages"], json!(null));
}

#[test]
fn alt_security_identities_have_the_serial_number_and_the_name_in_reverse_order() {
    let outcome = CommandFolder::new().run(&["inspect", "pki/cards/alice.crt", "--json"]);
    let alice = &outcome.json()["certificates"][0];
    let serial = alice["serial"].as_str().unwrap();
    let bytes: Vec<&str> = (0..serial.len()).step_by(2).map(|at| &serial[at..at + 2]).rev().collect();
    let expected =
        format!("X509:<I>O=Corp Example,OU=PKI,CN=Demo Issuing CA 1<SR>{}", bytes.concat().to_uppercase());
    assert_eq!(
        alice["alt_security_identities"][0],
        json!({"form": "issuer_serial", "strength": "strong", "value": expected})
    );
}

#[test]
fn the_text_output_is_aligned() {
    let outcome = CommandFolder::new().run(&["inspect", "pki/cards/critical.crt"]);
    assert_eq!(outcome.first_line(), "certificate 1: CN=critical,OU=Staff,O=Corp Example");
    for line in [
        "  upn                    critical@corp.example\n",
        "                         smartcard_logon (1.3.6.1.4.1.311.20.2.2)\n",
        "  unknown critical       1.3.6.1.4.1.32473.1\n",
        "  basic constraints      a CA, path length 0\n",
    ] {
        assert!(outcome.stdout.contains(line), "{line:?} in\n{}", outcome.stdout);
    }
}

#[test]
fn a_certificate_in_der_has_the_same_output_as_in_pem() {
    let folder = CommandFolder::new();
    std::fs::write(folder.path().join("root.der"), crate::support::pki().root()).unwrap();
    let (der, pem) = (folder.run(&["inspect", "root.der"]), folder.run(&["inspect", "pki/root.pem"]));
    assert_eq!(der.first_line(), "certificate: CN=Demo Root CA,OU=PKI,O=Corp Example");
    assert_eq!(der.stdout, pem.stdout);
}

#[test]
fn an_error_names_the_file_that_is_missing_or_has_no_certificate() {
    let folder = CommandFolder::new();
    folder.run(&["inspect", "nowhere.pem"]).assert_usage_error("cannot read nowhere.pem: No such file");
    folder
        .run(&["inspect", "pki/cards/alice.key"])
        .assert_usage_error("pki/cards/alice.key: the file has no certificate");
    folder.run(&["inspect"]).assert_usage_error("CERT.pem");
}
