//! Files with certificates, keys and CRLs.

use base64ct::{Base64, Encoding};
use proptest::prelude::*;
use rustls_pki_types::PrivateKeyDer;

use super::*;

const CRL: [u8; 2] = [0x30, 0];
const CRL_PEM: &str = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";

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
fn a_private_key_is_read_from_pem_and_der_and_only_if_there_is_one() {
    let ((certificate, certificate_pem, key), (_, _, other)) = (made(), made());
    let found = private_key_der(format!("{certificate_pem}{key}").as_bytes()).unwrap();
    assert!(matches!(*found, PrivateKeyDer::Pkcs8(_)));
    assert_eq!(private_key_der(found.secret_der()).unwrap(), found);
    assert!(matches!(private_key_der(format!("{key}{other}").as_bytes()), Err(BundleError::SeveralKeys)));
    assert!(matches!(private_key_der(certificate_pem.as_bytes()), Err(BundleError::Missing { .. })));
    assert!(matches!(private_key_der(&certificate), Err(BundleError::Missing { .. })));
}

#[test]
fn the_label_says_which_kind_of_private_key_it_is() {
    let key = |label: &str| format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
    let parameters = key("EC PARAMETERS");
    let read = |label: &str| private_key_der((parameters.clone() + &key(label)).as_bytes());
    assert!(matches!(*read("RSA PRIVATE KEY").unwrap(), PrivateKeyDer::Pkcs1(_)));
    assert!(matches!(*read("EC PRIVATE KEY").unwrap(), PrivateKeyDer::Sec1(_)));
    assert!(matches!(read("ENCRYPTED PRIVATE KEY"), Err(BundleError::EncryptedKey)));
    assert!(matches!(read("OPENSSH PRIVATE KEY"), Err(BundleError::Pem { line: 4, .. })));
}

#[test]
fn an_encrypted_key_is_refused_as_encrypted_and_does_not_spoil_the_certificates_beside_it() {
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
fn a_file_without_what_is_wanted_says_so() {
    let (_, _, key) = made();
    let says = |bytes: &[u8]| read_bundle(bytes).unwrap_err().to_string();
    assert_eq!(says(b" \n"), "the file is empty");
    assert_eq!(says(key.as_bytes()), "there is no certificate in the file");
    assert_eq!(says(b"certificate = none"), "there is no certificate in the file");
    assert_eq!(says(&[0x30, 0]), "certificate 1 of the file cannot be decoded");
}

#[test]
fn two_files_put_together_are_read_whole_whatever_their_editors_left() {
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
fn text_around_sections_is_let_be() {
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
fn a_line_that_may_be_a_part_of_a_section_refuses_the_file_by_its_number() {
    let ((_, pem, _), (_, other, _)) = (made(), made());
    let boundary = PemError::Boundary.to_string();
    // The first section is whole; every one of these stood for a second, which must not get lost.
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
        // The damage is found whoever stands first, and in files with Windows's line ends.
        assert!(ders(format!("{damaged}{pem}").replace('\n', "\r\n").as_bytes()).is_err(), "{to}");
    }
}

#[test]
fn a_section_under_a_label_that_is_not_read_refuses_the_file_and_names_the_right_one() {
    let (_, pem, _) = made();
    let under = |label: &str| refusal(format!("{pem}-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n"));
    let line = pem.lines().count() + 1;
    for (label, hint) in [
        ("X509 crl", "the label is \"X509 CRL\""),
        ("certificate", "the label is \"CERTIFICATE\""),
        ("CRL", "a CRL is labelled \"X509 CRL\""),
        ("X509 CRL ", "the label is \"X509 CRL\""),
        ("PKCS7", "convert it with openssl pkcs7 -print_certs"),
        ("PGP MESSAGE", "remove the section"),
    ] {
        assert_eq!(under(label), format!("line {line}: sections labelled {label:?} are not read: {hint}"));
    }
    let long = refusal(format!("-----BEGIN {}-----\n", "A".repeat(4000)));
    assert!(long.len() < 200, "{long}");
}

#[test]
fn a_section_holds_one_element_and_what_its_label_says() {
    let (der, pem, _) = made();
    let of = |label: &str, der: &[u8]| {
        let body = Base64::encode_string(der);
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let two = of("CERTIFICATE", &[der.clone(), der.clone()].concat());
    assert_eq!(refusal(&two), format!("line 1: {}", PemError::NotOneElement));
    assert_eq!(
        crls(&of("X509 CRL", &[0x30, 0, 0x30, 0])).unwrap_err(),
        format!("line 1: {}", PemError::NotOneElement)
    );
    let mislabelled = format!("line 1: {}", PemError::Mislabelled);
    assert_eq!(refusal(of("X509 CRL", &der) + &pem), mislabelled);
    assert_eq!(crls(&(of("CERTIFICATE", &CRL) + CRL_PEM)).unwrap_err(), mislabelled);
    assert_eq!(crls(&(pem + CRL_PEM)), Ok(vec![CRL.to_vec()]));
}

#[test]
fn openssls_trust_settings_are_not_passed_over() {
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
fn der_may_end_in_line_ends_and_in_nothing_else() {
    let (der, pem, key) = made();
    let with = |more: &[u8]| [&der, more].concat();
    assert_eq!(ders(&with(b"\r\n\n")), Ok(vec![der.clone()]));
    assert_eq!(crl_ders(b"\x30\x00\n".as_slice()).unwrap(), [CRL]);
    let key = private_key_der(key.as_bytes()).unwrap();
    assert_eq!(private_key_der(&[key.secret_der(), b"\n"].concat()).unwrap(), key);
    assert_eq!(refusal(with(&der)), format!("{} bytes follow the end of the DER", der.len()));
    assert_eq!(refusal(with(pem.as_bytes())), format!("{} bytes follow the end of the DER", pem.len()));
    assert_eq!(refusal(&der[..der.len() - 1]), "the DER breaks off");
    // DER behind PEM is no text around it.
    let binary = [pem.as_bytes(), &der].concat();
    assert_eq!(refusal(binary), format!("line {}: {}", pem.lines().count() + 1, PemError::Binary));
}

#[test]
fn files_of_other_kinds_are_named() {
    let (_, pem, _) = made();
    let wide: Vec<u8> = [0xfffe].into_iter().chain(pem.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    assert_eq!(refusal(&wide), "the file is in UTF-16: save it as UTF-8");
    let narrow: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(refusal(&narrow).starts_with("line 1: "), "{}", refusal(&narrow));
    let content = element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1]);
    let pfx = element(0x30, &[vec![2, 1, 3], element(0x30, &content)].concat());
    assert!(refusal(&pfx).starts_with("the file is PKCS #12: "));
    assert!(refusal(element(0x30, &content)).starts_with("the file is PKCS #7: "));
}

/// What an editor, a shell or a mistake may leave between two sections, inside of one or instead of a part of it.
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
    fn whatever_is_done_to_a_file_no_section_is_lost_from_what_is_read(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0..12_usize, damage()), 1..4),
    ) {
        let mut file = CRL_PEM.repeat(3);
        // A content that an edit adds outside of a section is text around it.
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
            // Each of the three contents that is left was read.
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

/// A CRL of nobody's: the shape is enough.
fn crl_like() -> String {
    let (der, ..) = made();
    let parts = layout::elements(&der).unwrap();
    let body = layout::elements(parts[0]).unwrap();
    // Algorithm, name, time: what a CRL of version 1 begins with.
    let time = b"\x17\x0d260101000000Z";
    let body = [body[2], body[3], time.as_slice()].concat();
    let sequence = |content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        let head = if length < 0x80 { vec![0x30, length] } else { vec![0x30, 0x81, length] };
        [head.as_slice(), content].concat()
    };
    let der = sequence(&[&sequence(&body), parts[1], parts[2]].concat());
    let text = Base64::encode_string(&der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", lines.join("\n"))
}

#[test]
fn a_section_whose_content_is_not_what_its_label_says_refuses_the_file() {
    let ((_, certificate, key), (_, other, _)) = (made(), made());
    let crl = crl_like();
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
            let refused = ders(file.as_bytes());
            assert!(
                refused.as_ref().is_err_and(|why| why.contains("does not hold what its label says")),
                "{label}: {refused:?}"
            );
            let file = format!("{}{crl}", relabelled(hidden, label));
            assert!(crls(&file).unwrap_err().contains("does not hold what its label says"), "{label}");
        }
    }
    let file = format!("{}{crl}", relabelled(&crl, "TRUSTED CERTIFICATE"));
    assert!(crls(&file).unwrap_err().contains("does not hold what its label says"));
    assert_eq!(crls(&format!("{certificate}{key}{crl}")).unwrap().len(), 1);
    let request = CertificateParams::default().serialize_request(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(ders(format!("{}{certificate}", request.pem().unwrap()).as_bytes()).unwrap().len(), 1);
}
