//! Files with certificates, keys and CRLs.

use super::*;

fn made() -> (Vec<u8>, String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    (certificate.der().to_vec(), certificate.pem(), key.serialize_pem())
}

#[test]
fn certificates_are_read_from_pem_in_order_and_from_der() {
    let ((first, first_pem, key), (second, second_pem, _)) = (made(), made());
    let file = format!("a comment\n{first_pem}{key}{second_pem}");
    let ders: Vec<_> =
        read_bundle(file.as_bytes()).unwrap().iter().map(|found| found.der().to_vec()).collect();
    assert_eq!(ders, [first.clone(), second]);
    assert_eq!(read_bundle(&first).unwrap()[0].der(), first);
}

#[test]
fn a_private_key_is_read_from_pem_and_der_and_only_if_there_is_one() {
    let ((certificate, certificate_pem, key), (_, _, other)) = (made(), made());
    let found = private_key_der(format!("{certificate_pem}{key}").as_bytes()).unwrap();
    assert_eq!(private_key_der(found.secret_der()).unwrap(), found);
    assert!(matches!(private_key_der(format!("{key}{other}").as_bytes()), Err(BundleError::SeveralKeys)));
    assert!(matches!(private_key_der(certificate_pem.as_bytes()), Err(BundleError::Missing { .. })));
    assert!(matches!(private_key_der(&certificate), Err(BundleError::Missing { .. })));
}

#[test]
fn crls_are_read_from_pem_and_der() {
    let der = [0x30, 0];
    let pem = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
    assert_eq!(crl_ders(pem.repeat(2).as_bytes()).unwrap(), [der, der]);
    assert_eq!(crl_ders(&der).unwrap(), [der]);
}

#[test]
fn a_file_without_what_is_wanted_says_so() {
    let (_, _, key) = made();
    let says = |bytes: &[u8]| read_bundle(bytes).unwrap_err().to_string();
    assert_eq!(says(b" \n"), "the file is empty");
    assert_eq!(says(key.as_bytes()), "there is no certificate in the file");
    assert_eq!(says(b"certificate = none"), "there is no certificate in the file");
    assert_eq!(says(&[0x30, 0]), "certificate 1 of the file cannot be decoded");
    assert_eq!(
        says(b"-----BEGIN CERTIFICATE-----\nMAA=\n"),
        "the PEM cannot be read: a section has no END line"
    );
}
