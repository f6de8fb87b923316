//! Files of certificates, keys and CRLs.

use base64ct::{Base64, Encoding};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::PrivateKeyDer;

use super::error::PemError;
use super::*;

const CRL: [u8; 2] = [0x30, 0];
const CRL_PEM: &str = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";

/// Returns one DER element.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match u8::try_from(length) {
        Ok(short @ ..0x80) => vec![tag, short],
        _ => [&[tag, 0x83][..], &u32::try_from(length).unwrap().to_be_bytes()[1..]].concat(),
    };
    // The shortest form of the length.
    let head = match head.as_slice() {
        [tag, 0x83, 0, 0, low] => vec![*tag, 0x81, *low],
        [tag, 0x83, 0, high, low] => vec![*tag, 0x82, *high, *low],
        _ => head,
    };
    [head, content.to_vec()].concat()
}

/// Returns a certificate in DER and in PEM, and its key in PEM.
fn made() -> (Vec<u8>, String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    (certificate.der().to_vec(), certificate.pem(), key.serialize_pem())
}

fn ders(file: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let found = certificate_ders(file).map_err(|error| error.to_string())?;
    Ok(found.iter().map(|der| der.to_vec()).collect())
}

fn crls(file: &str) -> Result<Vec<Vec<u8>>, String> {
    crl_ders(file.as_bytes()).map_err(|error| error.to_string())
}

fn refusal(file: impl AsRef<[u8]>) -> String {
    ders(file.as_ref()).unwrap_err()
}

#[test]
fn certificates_are_read_from_pem_in_order_and_from_der() {
    let ((first, first_pem, key), (second, second_pem, _)) = (made(), made());
    let file = format!("a comment\n{first_pem}{key}{second_pem}");
    let found: Vec<_> =
        read_bundle(file.as_bytes()).unwrap().iter().map(|found| found.der().to_vec()).collect();
    assert_eq!(found, [first.clone(), second]);
    assert_eq!(read_bundle(&first).unwrap()[0].der(), first);
}

#[test]
fn a_private_key_is_read_from_pem_and_der_if_the_file_has_exactly_one() {
    let ((certificate, certificate_pem, key), (_, _, other)) = (made(), made());
    let found = private_key_der(format!("{certificate_pem}{key}").as_bytes()).unwrap();
    assert!(matches!(*found, PrivateKeyDer::Pkcs8(_)));
    assert_eq!(private_key_der(found.secret_der()).unwrap(), found);
    assert!(matches!(private_key_der(format!("{key}{other}").as_bytes()), Err(BundleError::SeveralKeys)));
    assert!(matches!(private_key_der(certificate_pem.as_bytes()), Err(BundleError::Missing { .. })));
    assert!(matches!(private_key_der(&certificate), Err(BundleError::Missing { .. })));
}

#[test]
fn the_label_names_the_kind_of_a_private_key() {
    let key = |label: &str| format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
    let parameters = key("EC PARAMETERS");
    let read = |label: &str| private_key_der((parameters.clone() + &key(label)).as_bytes());
    assert!(matches!(*read("RSA PRIVATE KEY").unwrap(), PrivateKeyDer::Pkcs1(_)));
    assert!(matches!(*read("EC PRIVATE KEY").unwrap(), PrivateKeyDer::Sec1(_)));
    assert!(matches!(read("ENCRYPTED PRIVATE KEY"), Err(BundleError::EncryptedKey)));
    assert!(matches!(read("OPENSSH PRIVATE KEY"), Err(BundleError::Pem { line: 4, .. })));
}

#[test]
fn certificates_beside_an_encrypted_key_are_read() {
    let (der, pem, _) = made();
    let key = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMAA=\n\
        -----END RSA PRIVATE KEY-----\n";
    let file = format!("{key}{pem}");
    assert!(matches!(private_key_der(file.as_bytes()), Err(BundleError::EncryptedKey)));
    assert_eq!(ders(file.as_bytes()), Ok(vec![der]));
}

#[test]
fn crls_are_read_from_pem_and_der() {
    assert_eq!(crl_ders(CRL_PEM.repeat(2).as_bytes()).unwrap(), [CRL, CRL]);
    assert_eq!(crl_ders(&CRL).unwrap(), [CRL]);
}

#[test]
fn a_file_without_the_wanted_kind_is_refused() {
    let (_, _, key) = made();
    let error = |bytes: &[u8]| read_bundle(bytes).unwrap_err().to_string();
    assert_eq!(error(b" \n"), "the file is empty");
    assert_eq!(error(key.as_bytes()), "the file has no certificate");
    assert_eq!(error(b"certificate = none"), "the file has no certificate");
    assert_eq!(error(&[0x30, 0]), "certificate 1 of the file cannot be decoded");
}

#[test]
fn joined_files_are_read_completely_with_any_line_ends_and_byte_order_marks() {
    let ((first, first_pem, _), (second, second_pem, _)) = (made(), made());
    let one = first_pem.trim_end();
    for file in [
        // Without a line end at the end of the first one.
        format!("{one}{second_pem}"),
        format!("{one}  {second_pem}"),
        // With a byte order mark in the first, in the second and in both.
        format!("\u{feff}{first_pem}{second_pem}"),
        format!("{first_pem}\u{feff}{second_pem}"),
        format!("\u{feff}{one}\u{feff}{second_pem}"),
        // With the line ends of other systems, none at the end, blank lines and MS-DOS's end of file.
        format!("{first_pem}{second_pem}").replace('\n', "\r\n"),
        format!("{first_pem}{second_pem}").replace("\r\n", "\n").replace('\n', "\r"),
        format!("{first_pem}\n\n{}", second_pem.trim_end()),
        format!("{first_pem}{second_pem}\x1a"),
        // Indented, as in YAML, and with spaces at the ends of lines.
        format!("{first_pem}{second_pem}").lines().map(|line| format!("  {line} \t\n")).collect(),
        // Under OpenSSL's older labels.
        format!("{first_pem}{second_pem}").replace(" CERTIFICATE", " X509 CERTIFICATE"),
        format!("{first_pem}{}", second_pem.replace(" CERTIFICATE", " TRUSTED CERTIFICATE")),
    ] {
        assert_eq!(ders(file.as_bytes()), Ok(vec![first.clone(), second.clone()]), "{file}");
    }
    let glued = CRL_PEM.trim_end().repeat(3);
    assert_eq!(crls(&glued).unwrap().len(), 3);
    assert_eq!(crls(&format!("\u{feff}{CRL_PEM}")).unwrap().len(), 1);
}

#[test]
fn text_around_sections_is_ignored() {
    let (der, pem, _) = made();
    for text in [
        "Bag Attributes\n    localKeyID: 54 69 6D 65\nsubject=CN = Staff - the - first",
        "Certificate chain\n 0 s:CN=a\n---\nServer certificate",
        "Root CA -- begins in 2026 --\n=======================\n# -- end of list --",
        "0 is no length; stra\u{df}e \u{2013} na\u{ef}ve",
        "            Modulus:\n                00:b1:0f\n                MIIB",
    ] {
        assert_eq!(ders(format!("{text}\n{pem}{text}\n").as_bytes()), Ok(vec![der.clone()]), "{text}");
    }
    let latin = [b"Stra\xdfe\n", pem.as_bytes()].concat();
    assert_eq!(ders(&latin), Ok(vec![der]));
}

#[test]
fn a_line_that_may_be_part_of_a_section_is_refused_by_its_number() {
    let ((_, pem, _), (_, other, _)) = (made(), made());
    let boundary = PemError::Boundary.to_string();
    // The first section is whole. Each of these lines is part of a second section, which must not be lost.
    for (from, to, line, fault) in [
        ("-----BEGIN CERTIFICATE-----", "----BEGIN CERTIFICATE-----", 1, boundary.clone()),
        ("-----BEGIN CERTIFICATE-----", "----BEGIN CERTIFICATE----", 1, boundary.clone()),
        ("-----BEGIN CERTIFICATE-----", "------BEGIN CERTIFICATE-----", 1, boundary.clone()),
        ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE----", 1, boundary.clone()),
        ("-----BEGIN CERTIFICATE-----", "-----begin CERTIFICATE-----", 1, boundary.clone()),
        ("-----BEGIN CERTIFICATE-----", "----- BEGIN CERTIFICATE -----", 1, boundary.clone()),
        ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE----- # root", 1, boundary.clone()),
        ("-----BEGIN CERTIFICATE-----", "# -----BEGIN CERTIFICATE-----", 1, boundary.clone()),
        ("-----BEGIN CERTIFICATE-----", "\u{200b}-----BEGIN CERTIFICATE-----", 1, boundary.clone()),
        (
            "-----BEGIN CERTIFICATE-----",
            "\u{2014}\u{2013}BEGIN CERTIFICATE\u{2014}\u{2013}",
            1,
            boundary.clone(),
        ),
        ("-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----", 1, boundary.clone()),
        ("-----BEGIN CERTIFICATE-----\n", "BEGIN CERTIFICATE\n", 2, PemError::StrayContent.to_string()),
        ("-----BEGIN CERTIFICATE-----\n", "", 1, PemError::StrayContent.to_string()),
        ("-----END CERTIFICATE-----", "----END CERTIFICATE-----", 0, boundary.clone()),
        ("-----END CERTIFICATE-----", "-----END X509 CRL-----", 0, PemError::UnexpectedEnd.to_string()),
        (
            "-----END CERTIFICATE-----",
            "-----END CERTIFICATE----- root",
            0,
            PemError::TextAfterEnd.to_string(),
        ),
        ("-----END CERTIFICATE-----", "", 1, PemError::NoEnd.to_string()),
        ("-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----", 0, PemError::NoEndBefore.to_string()),
        (
            "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nComment: root\n",
            2,
            PemError::Header.to_string(),
        ),
        (
            "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n\u{feff}",
            2,
            PemError::Base64.to_string(),
        ),
        (
            "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nMAA=\n",
            1,
            PemError::Base64.to_string(),
        ),
        (
            "-----BEGIN CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nMAAA",
            1,
            PemError::NotOneElement.to_string(),
        ),
    ] {
        let damaged = other.replace(from, to);
        assert_ne!(damaged, other, "{from}");
        let length = pem.lines().count();
        let line = if line == 0 { other.lines().count() } else { line };
        let expected = format!("line {}: {fault}", length + line);
        assert_eq!(refusal(format!("{pem}{damaged}")), expected, "{from} {to}");
        // The damage is found in either order, and with CRLF line ends.
        assert!(ders(format!("{damaged}{pem}").replace('\n', "\r\n").as_bytes()).is_err(), "{to}");
    }
}

#[test]
fn a_file_with_an_unknown_label_is_refused_with_the_right_label() {
    let (_, pem, _) = made();
    let under = |label: &str| refusal(format!("{pem}-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n"));
    let line = pem.lines().count() + 1;
    for (label, hint) in [
        ("X509 crl", "the label is \"X509 CRL\""),
        ("certificate", "the label is \"CERTIFICATE\""),
        ("CRL", "the label of a CRL is \"X509 CRL\""),
        ("X509 CRL ", "the label is \"X509 CRL\""),
        ("pkcs7", "the label is \"PKCS7\""),
        ("PKCS12", "convert the file with openssl pkcs12 -in FILE -nodes -out NEW"),
        ("OPENSSH PRIVATE KEY", "convert the key with ssh-keygen -p -m PKCS8 -f FILE"),
        ("PGP MESSAGE", "remove the section"),
    ] {
        assert_eq!(under(label), format!("line {line}: sections labelled {label:?} are not read: {hint}"));
    }
    let long = refusal(format!("-----BEGIN {}-----\n", "A".repeat(4000)));
    assert!(long.len() < 200, "{long}");
}

#[test]
fn the_content_of_a_section_is_one_element_of_the_kind_that_its_label_names() {
    let (der, pem, _) = made();
    let two = section("CERTIFICATE", &[der.clone(), der.clone()].concat());
    assert_eq!(refusal(&two), format!("line 1: {}", PemError::NotOneElement));
    assert_eq!(
        crls(&section("X509 CRL", &[0x30, 0, 0x30, 0])).unwrap_err(),
        format!("line 1: {}", PemError::NotOneElement)
    );
    let mislabelled = format!("line 1: {}", PemError::Mislabelled);
    assert_eq!(refusal(section("X509 CRL", &der) + &pem), mislabelled);
    assert_eq!(crls(&(section("CERTIFICATE", &CRL) + CRL_PEM)).unwrap_err(), mislabelled);
    assert_eq!(crls(&(pem + CRL_PEM)), Ok(vec![CRL.to_vec()]));
}

#[test]
fn a_certificate_with_openssl_trust_settings_is_refused() {
    let (der, _, _) = made();
    let trusted = |settings: &[u8]| {
        let body = Base64::encode_string(&[&der, settings].concat());
        ders(
            format!("-----BEGIN TRUSTED CERTIFICATE-----\n{body}\n-----END TRUSTED CERTIFICATE-----")
                .as_bytes(),
        )
    };
    let described = element(0x30, &[element(0x0c, b"root"), element(4, &[1, 2])].concat());
    assert_eq!(trusted(&described), Ok(vec![der.clone()]));
    let usage = element(6, &[0x2b, 6, 1, 5, 5, 7, 3, 1]);
    for restricting in [element(0x30, &usage), element(0xa0, &usage)] {
        let settings = element(0x30, &[restricting, element(0x0c, b"root")].concat());
        assert_eq!(trusted(&settings).unwrap_err(), format!("line 1: {}", PemError::TrustSettings));
    }
}

#[test]
fn only_line_ends_may_follow_der() {
    let (der, pem, key) = made();
    let with = |more: &[u8]| [&der, more].concat();
    assert_eq!(ders(&with(b"\r\n\n")), Ok(vec![der.clone()]));
    assert_eq!(crl_ders(b"\x30\x00\n".as_slice()).unwrap(), [CRL]);
    let key = private_key_der(key.as_bytes()).unwrap();
    assert_eq!(private_key_der(&[key.secret_der(), b"\n"].concat()).unwrap(), key);
    assert_eq!(refusal(with(&der)), format!("{} bytes follow the end of the DER", der.len()));
    assert_eq!(refusal(with(pem.as_bytes())), format!("{} bytes follow the end of the DER", pem.len()));
    assert_eq!(refusal(&der[..der.len() - 1]), "the DER is truncated");
    // DER after PEM is not text between sections.
    let binary = [pem.as_bytes(), &der].concat();
    assert_eq!(refusal(binary), format!("line {}: {}", pem.lines().count() + 1, PemError::Binary));
}

#[test]
fn files_of_other_kinds_are_refused_by_name() {
    let (_, pem, _) = made();
    let wide: Vec<u8> = [0xfffe].into_iter().chain(pem.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    assert_eq!(refusal(&wide), "the file is in UTF-16: save it as UTF-8");
    let narrow: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(refusal(&narrow).starts_with("line 1: "), "{}", refusal(&narrow));
    let pfx = element(0x30, &[vec![2, 1, 3], element(0x30, &content_type(1))].concat());
    let key = |file: &[u8]| private_key_der(file).unwrap_err().to_string();
    let conversion = "the file is PKCS #12: convert it with openssl pkcs12 -in FILE -nodes -out NEW";
    assert_eq!((refusal(&pfx).as_str(), key(&pfx).as_str()), (conversion, conversion));
    for (inside, command) in
        [(&[2_u8, 1, 3][..], "openssl pkcs12"), (&[6, 9, 42], "openssl pkcs7 -inform DER")]
    {
        let ber = [&[0x30, 0x80], inside].concat();
        let expected = format!("the file is in BER of indefinite length: convert it with {command}");
        assert!(refusal(&ber).starts_with(&expected), "{}", refusal(&ber));
    }
}

#[test]
fn an_encrypted_key_is_refused_with_the_command_that_decrypts_it() {
    let algorithm = element(0x30, &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d]);
    let der = element(0x30, &[algorithm, element(4, &[0; 64])].concat());
    let in_pem = section("ENCRYPTED PRIVATE KEY", &der);
    for file in [der.as_slice(), in_pem.as_bytes()] {
        assert_eq!(
            private_key_der(file).unwrap_err().to_string(),
            "the private key is encrypted: remove the passphrase with openssl pkey -in FILE -out NEW"
        );
    }
}

/// Returns the content types of PKCS #7, 1.2.840.113549.1.7.
fn content_type(last: u8) -> Vec<u8> {
    element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, last])
}

/// The parts of a PKCS #7 bundle that vary.
#[derive(Default)]
struct BundleParts<'a> {
    certificates: &'a [&'a [u8]],
    crls: &'a [&'a [u8]],
    signers: &'a [u8],
    content: &'a [u8],
}

fn bundle(parts: &BundleParts<'_>) -> Vec<u8> {
    let set = |tag, elements: &[&[u8]]| {
        if elements.is_empty() { Vec::new() } else { element(tag, &elements.concat()) }
    };
    let signed_data = [
        vec![2, 1, 1],
        element(0x31, &[]),
        element(0x30, &[content_type(1), parts.content.to_vec()].concat()),
        set(0xa0, parts.certificates),
        set(0xa1, parts.crls),
        element(0x31, parts.signers),
    ];
    let content = element(0xa0, &element(0x30, &signed_data.concat()));
    element(0x30, &[content_type(2), content].concat())
}

fn section(label: &str, der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn the_certificates_and_crls_of_a_pkcs7_bundle_are_read_in_the_order_of_the_file() {
    let ((first, _, _), (second, _, _), crl) = (made(), made(), crl_like());
    // Both orders: nothing sorts a SET here.
    for certificates in [[&first[..], &second[..]], [&second, &first]] {
        let der = bundle(&BundleParts { certificates: &certificates, crls: &[&crl], ..Default::default() });
        let files = [
            der.clone(),
            [&der[..], b"\r\n"].concat(),
            section("PKCS7", &der).into_bytes(),
            section("CMS", &der).into_bytes(),
            section("PKCS #7 SIGNED DATA", &der).into_bytes(),
            section("CERTIFICATE", &der).into_bytes(),
            format!("\u{feff}{}", section("PKCS7", &der).replace('\n', "\r\n")).into_bytes(),
        ];
        for file in files {
            assert_eq!(ders(&file), Ok(certificates.map(<[u8]>::to_vec).to_vec()));
            assert_eq!(crl_ders(file.as_slice()).unwrap(), std::slice::from_ref(&crl));
            assert!(matches!(private_key_der(&file), Err(BundleError::Missing { .. })));
        }
    }
}

#[test]
fn a_pkcs7_section_is_read_beside_other_sections() {
    let ((first, first_pem, key), (second, _, _), crl) = (made(), made(), crl_like());
    let der = bundle(&BundleParts { certificates: &[&second], crls: &[&crl], ..Default::default() });
    let file = format!("{first_pem}{key}{}{}", section("PKCS7", &der), section("X509 CRL", &CRL));
    assert_eq!(ders(file.as_bytes()), Ok(vec![first, second]));
    assert_eq!(crls(&file), Ok(vec![crl, CRL.to_vec()]));
    assert!(private_key_der(file.as_bytes()).is_ok());
}

#[test]
fn a_pkcs7_bundle_without_the_wanted_kind_is_refused() {
    let ((der, _, _), crl) = (made(), crl_like());
    let only_crls = bundle(&BundleParts { crls: &[&crl], ..Default::default() });
    assert_eq!(refusal(&only_crls), "the file has no certificate");
    assert_eq!(refusal(section("PKCS7", &only_crls)), "the file has no certificate");
    let only_certificates = bundle(&BundleParts { certificates: &[&der], ..Default::default() });
    assert_eq!(crl_ders(only_certificates).unwrap_err().to_string(), "the file has no CRL");
    assert_eq!(refusal(bundle(&BundleParts::default())), "the file has no certificate");
}

#[test]
fn a_signed_pkcs7_is_refused_since_its_signers_certificates_are_among_the_others() {
    let (der, pem, _) = made();
    let content = element(0xa0, &element(4, b"text"));
    let parts = BundleParts { certificates: &[&der], content: &content, ..Default::default() };
    assert_eq!(ders(&bundle(&parts)), Ok(vec![der.clone()]));
    let signed = bundle(&BundleParts { signers: &element(0x30, &[2, 1, 1]), ..parts });
    let reason = "the PKCS #7 is signed, so that its signers' certificates are among the others: convert it with \
        openssl pkcs7 -inform DER -in FILE -print_certs -out NEW and remove those that are not to be used";
    assert_eq!(refusal(&signed), reason);
    let line = pem.lines().count() + 1;
    assert_eq!(refusal(pem + &section("PKCS7", &signed)), format!("line {line}: {reason}"));
}

#[test]
fn no_element_of_a_pkcs7_bundle_is_ignored() {
    let ((der, _, _), crl) = (made(), crl_like());
    let attribute_certificate = element(0xa2, &[]);
    let of = |certificates: &[&[u8]], crls: &[&[u8]]| {
        let file = bundle(&BundleParts { certificates, crls, ..Default::default() });
        let errors = [certificate_ders(&file).unwrap_err(), crl_ders(file).unwrap_err()];
        assert_eq!(errors[0].to_string(), errors[1].to_string());
        errors[0].to_string()
    };
    let not_a_certificate = "element 2 of the certificates in the PKCS #7 is not an X.509 certificate";
    assert_eq!(of(&[&der, &attribute_certificate], &[&crl]), not_a_certificate);
    assert_eq!(of(&[&der, &crl], &[&crl]), not_a_certificate);
    let not_a_crl = "element 1 of the CRLs in the PKCS #7 is not an X.509 CRL";
    assert_eq!(of(&[&der], &[&der]), not_a_crl);
    assert_eq!(of(&[&der], &[&element(0xa1, &[])]), not_a_crl);
    let many = vec![&CRL[..]; 10_001];
    assert_eq!(of(&[&der], &many), "the PKCS #7 has more than 10000 certificates or CRLs");
}

#[test]
fn a_pkcs7_of_another_content_type_or_structure_is_refused_by_name() {
    let data = element(0x30, &[content_type(1), element(0xa0, &element(4, b"text"))].concat());
    assert_eq!(
        refusal(&data),
        "the PKCS #7 has the content type 1.2.840.113549.1.7.1: only SignedData has certificates or CRLs"
    );
    let (der, _, _) = made();
    let good = bundle(&BundleParts { certificates: &[&der], ..Default::default() });
    let malformed = "the PKCS #7 is not SignedData in DER: convert it with \
        openssl pkcs7 -inform DER -in FILE -print_certs -out NEW";
    for wrong in [
        element(0x30, &content_type(2)),
        element(0x30, &[content_type(2), element(0xa0, &[])].concat()),
        element(0x30, &[content_type(2), element(0xa0, &element(0x30, &[2, 1, 1]))].concat()),
        // An indefinite length inside.
        element(0x30, &[content_type(2), vec![0xa0, 0x80, 0x30, 0, 0, 0]].concat()),
    ] {
        assert_eq!(refusal(&wrong), malformed, "{wrong:?}");
        let line = format!("line 1: {malformed}");
        assert_eq!(refusal(section("PKCS7", &wrong)), line);
    }
    let mislabelled = format!("line 1: {}", PemError::Mislabelled);
    assert_eq!(refusal(section("PKCS7", &der)), mislabelled);
    assert_eq!(crls(&(section("PKCS7", &der) + CRL_PEM)).unwrap_err(), mislabelled);
    assert_eq!(ders(&good), Ok(vec![der]));
}

/// Returns text that an editor, a shell or a mistake may leave between two sections, inside one, or in place of a
/// part of it.
fn damage() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        "\n",
        "\r",
        "\r\n",
        " ",
        "-",
        "-----",
        "\u{feff}",
        "=",
        ":",
        "#",
        "x",
        "\0",
        "BEGIN",
        "END",
        "begin ",
        "-----BEGIN ",
        "-----END ",
        "X509 CRL",
        "CRL",
        "crl",
        "-----BEGIN X509 CRL-----",
        "-----END X509 CRL-----",
        "MAA=",
        "\u{2013}",
        "\u{a0}",
        "\x1a",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn an_edit_of_a_file_never_loses_a_section_silently(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..12_usize, damage()), 1..4),
    ) {
        let mut file = CRL_PEM.repeat(3);
        // Content that an edit adds outside of a section is text between sections.
        let added = edits.iter().filter(|(.., instead)| instead == "MAA=").count();
        for (index, cut, instead) in edits {
            let mut at = index.index(file.len() + 1);
            while !file.is_char_boundary(at) {
                at -= 1;
            }
            let mut end = (at + cut).min(file.len());
            while !file.is_char_boundary(end) {
                end -= 1;
            }
            file.replace_range(at..end, &instead);
        }
        if let Ok(found) = crls(&file) {
            // Each of the three contents that remain was read.
            let contents = file.matches("MAA=").count().saturating_sub(added);
            prop_assert_eq!(found.len(), file.matches("BEGIN").count(), "{:?}", file);
            prop_assert!(found.len() >= contents, "{:?}", file);
        }
    }
}

fn relabelled(pem: &str, label: &str) -> String {
    let from = if pem.contains("X509 CRL") { "X509 CRL" } else { "CERTIFICATE" };
    pem.replace(from, label)
}

/// Returns the outline of a CRL in DER.
fn crl_like() -> Vec<u8> {
    let (der, ..) = made();
    let parts = layout::elements(&der).unwrap();
    let body = layout::elements(parts[0]).unwrap();
    // Algorithm, name, time: the first fields of a CRL of version 1.
    let time = b"\x17\x0d260101000000Z";
    let body = [body[2], body[3], time.as_slice()].concat();
    element(0x30, &[&element(0x30, &body), parts[1], parts[2]].concat())
}

#[test]
fn a_section_whose_content_is_not_what_its_label_names_is_refused() {
    let ((_, certificate, key), (_, other, _)) = (made(), made());
    let crl = section("X509 CRL", &crl_like());
    let labels = [
        "PUBLIC KEY",
        "RSA PUBLIC KEY",
        "CERTIFICATE REQUEST",
        "NEW CERTIFICATE REQUEST",
        "EC PARAMETERS",
        "DH PARAMETERS",
        "PRIVATE KEY",
        "EC PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
    ];
    for label in labels {
        for hidden in [&certificate, &crl] {
            let file = format!("{}{other}", relabelled(hidden, label));
            let rejected = ders(file.as_bytes());
            assert!(
                rejected.as_ref().is_err_and(|why| why.contains("is not what its label names")),
                "{label}: {rejected:?}"
            );
            let file = format!("{}{crl}", relabelled(hidden, label));
            assert!(crls(&file).unwrap_err().contains("is not what its label names"), "{label}");
        }
    }
    let file = format!("{}{crl}", relabelled(&crl, "TRUSTED CERTIFICATE"));
    assert!(crls(&file).unwrap_err().contains("is not what its label names"));
    assert_eq!(crls(&format!("{certificate}{key}{crl}")).unwrap().len(), 1);
    let request = CertificateParams::default().serialize_request(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(ders(format!("{}{certificate}", request.pem().unwrap()).as_bytes()).unwrap().len(), 1);
}
