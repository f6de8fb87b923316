//! The values of altSecurityIdentities.

use super::*;

const DOMAIN_COMPONENT: [u64; 7] = [0, 9, 2342, 19200300, 100, 1, 25];

/// Returns a self-signed certificate, so that issuer and subject are the same name.
fn contoso(edit: impl FnOnce(&mut CertificateParams)) -> Vec<(AltSecurityForm, String)> {
    let certificate = self_signed(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CustomDnType(DOMAIN_COMPONENT.to_vec()), "com");
        params.serial_number = Some(vec![0x2b, 0, 0, 0, 0, 0x11, 0xac, 0, 0, 0, 0, 0x12].into());
        edit(params);
    });
    certificate.alt_security_identities().into_iter().map(|one| (one.form, one.value)).collect()
}

fn value(values: &[(AltSecurityForm, String)], form: AltSecurityForm) -> Option<&str> {
    values.iter().find(|(found, _)| *found == form).map(|(_, value)| value.as_str())
}

#[test]
fn the_issuer_is_written_root_first_and_the_serial_in_reverse() {
    let values = contoso(|params| params.distinguished_name.push(DnType::CommonName, "CONTOSO-DC-CA"));
    assert_eq!(
        value(&values, AltSecurityForm::IssuerSerial),
        Some("X509:<I>DC=com,CN=CONTOSO-DC-CA<SR>1200000000AC11000000002B")
    );
    assert_eq!(
        value(&values, AltSecurityForm::IssuerSubject),
        Some("X509:<I>DC=com,CN=CONTOSO-DC-CA<S>DC=com,CN=CONTOSO-DC-CA")
    );
    assert_eq!(value(&values, AltSecurityForm::Subject), Some("X509:<S>DC=com,CN=CONTOSO-DC-CA"));
}

#[test]
fn leading_zero_bytes_of_the_serial_are_kept() {
    let values = contoso(|params| params.serial_number = Some(vec![0x8b, 0x01].into()));
    assert_eq!(value(&values, AltSecurityForm::IssuerSerial), Some("X509:<I>DC=com<SR>018B00"));
}

#[test]
fn the_hash_is_over_the_content_of_the_bit_string() {
    let values = contoso(|params| {
        params.is_ca = IsCa::Ca(Constraint::Unconstrained);
        params.key_identifier_method = rcgen::KeyIdMethod::PreSpecified(vec![0xdd, 0x0e]);
    });
    assert_eq!(value(&values, AltSecurityForm::SubjectKeyIdentifier), Some("X509:<SKI>dd0e"));

    let key = KeyPair::generate().unwrap();
    let der = CertificateParams::default().self_signed(&key).unwrap();
    let certificate = Certificate::from_der(der.der()).unwrap();
    let sha1 = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        rcgen::PublicKeyData::der_bytes(&key),
    );
    let digits: String = sha1.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let found = certificate.alt_security_identities();
    let found = found.iter().find(|one| one.form == AltSecurityForm::Sha1PublicKey).unwrap();
    assert_eq!(found.value, format!("X509:<SHA1-PUKEY>{digits}"));
}

#[test]
fn names_are_written_with_the_keywords_and_quotes_of_windows() {
    let values = contoso(|params| {
        let name = &mut params.distinguished_name;
        name.push(DnType::StateOrProvinceName, "Noord-Holland");
        name.push(DnType::OrganizationName, "Corp, \"Inc\"");
        name.push(DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]), "a@corp.example");
        name.push(DnType::CustomDnType(vec![1, 2, 3]), "x");
    });
    assert_eq!(
        value(&values, AltSecurityForm::Subject),
        Some("X509:<S>DC=com,S=Noord-Holland,O=\"Corp, \"\"Inc\"\"\",E=a@corp.example,OID.1.2.3=x")
    );
}

#[test]
fn a_name_with_an_invisible_character_has_no_value() {
    let values = contoso(|params| params.distinguished_name.push(DnType::CommonName, "al\u{200b}ice"));
    let forms: Vec<_> = values.iter().map(|(form, _)| *form).collect();
    assert_eq!(forms, [AltSecurityForm::Sha1PublicKey]);
}

/// Returns a certificate whose issuer and subject are `DC=com,O="Corp, ""Inc"""`, the serial number is 2b00…12.
fn corp() -> Certificate {
    self_signed(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CustomDnType(DOMAIN_COMPONENT.to_vec()), "com");
        params.distinguished_name.push(DnType::OrganizationName, "Corp, \"Inc\"");
        params.distinguished_name.push(DnType::StateOrProvinceName, "Zürich");
        params.serial_number = Some(vec![0x2b, 0, 0, 0, 0, 0x11, 0xac, 0, 0, 0, 0, 0x12].into());
    })
}

fn means(value: &str, certificate: &Certificate) -> bool {
    AltSecurityName::parse(value).is_some_and(|name| name.means(certificate))
}

#[test]
fn every_value_of_a_certificate_is_parsed_and_names_it() {
    for certificate in [
        corp(),
        self_signed(|params| {
            params.subject_alt_names = vec![SanType::Rfc822Name("a@corp.example".try_into().unwrap())];
        }),
    ] {
        for written in certificate.alt_security_identities() {
            let name = AltSecurityName::parse(&written.value);
            let name = name.unwrap_or_else(|| panic!("{}", written.value));
            assert_eq!(name.form(), written.form);
            assert!(name.means(&certificate), "{}", written.value);
        }
    }
}

#[test]
fn every_spelling_of_a_name_matches() {
    let names = [
        "DC=com,O=\"Corp, \"\"Inc\"\"\",S=Zürich",
        "dc=COM, o=\"corp,  \"\"INC\"\"\" , ST=zürich",
        "0.9.2342.19200300.100.1.25=com;OID.2.5.4.10=\"Corp, \"\"Inc\"\"\";S=\"Zürich\"",
        "DC=com\r\nO=\"Corp, \"\"Inc\"\"\"\r\nS=#0c075ac3bc72696368",
    ];
    let certificate = corp();
    for name in names {
        for value in [
            format!("X509:<S>{name}"),
            format!("x509:<i>{name}"),
            format!("X509:<I>{name}<S>{name}"),
            format!("X509:<I>{name}<SR>1200000000ac11000000002b"),
        ] {
            assert!(means(&value, &certificate), "{value}");
        }
    }
}

#[test]
fn another_name_does_not_match() {
    let own = "DC=com,O=\"Corp, \"\"Inc\"\"\",S=Zürich";
    let certificate = corp();
    let names = [
        // As OpenSSL prints it, most specific first; as one relative name; a part of it; more of it.
        "S=Zürich,O=\"Corp, \"\"Inc\"\"\",DC=com",
        "DC=com+O=\"Corp, \"\"Inc\"\"\"+S=Zürich",
        "DC=com,O=\"Corp, \"\"Inc\"\"\"",
        "DC=com,O=\"Corp, \"\"Inc\"\"\",S=Zürich,CN=x",
        "DC=com,O=Corp Inc,S=Zürich",
        "DC=com,OU=\"Corp, \"\"Inc\"\"\",S=Zürich",
        "DC=com,O=\"Corp, \"\"Inc\"\"\",S=Zurich",
    ];
    for name in names {
        assert!(AltSecurityName::parse(&format!("X509:<S>{name}")).is_some(), "{name}");
        assert!(!means(&format!("X509:<S>{name}"), &certificate), "{name}");
        assert!(!means(&format!("X509:<I>{own}<S>{name}"), &certificate), "{name}");
        assert!(!means(&format!("X509:<I>{name}<SR>1200000000AC11000000002B"), &certificate), "{name}");
    }
    // The bytes of the serial number in their usual order, or one byte less.
    for serial in ["2b0000000011ac0000000012", "1200000000ac11000000", "00"] {
        assert!(!means(&format!("X509:<I>{own}<SR>{serial}"), &certificate), "{serial}");
    }
}

#[test]
fn an_ambiguous_or_undocumented_value_names_no_certificate() {
    for value in [
        "",
        "X509:",
        "Kerberos:alice@CORP.EXAMPLE",
        "<S>CN=a",
        "X509:CN=a",
        "X509:<S>",
        "X509:<S>CN",
        "X509:<S>CN=",
        "X509:<S>CN=a,",
        "X509:<S>CN=\"a",
        "X509:<S>CN=\"a\"b",
        "X509:<S>CN=a\"b\"",
        "X509:<S>XX=a",
        "X509:<S>CN=#0c",
        "X509:<S>CN=#zz",
        "X509:<I>CN=a<SR>",
        "X509:<I>CN=a<SR>1",
        "X509:<I>CN=a<SR>+1",
        "X509:<I>CN=a<SR>01<S>CN=b",
        "X509:<SR>01<I>CN=a",
        "X509:<I>CN=a<I>CN=a",
        "X509:<SKI>0x01",
        "X509:<SKI>01 ",
        "X509:<XYZ>01",
        "X509: <SKI>01",
    ] {
        assert_eq!(AltSecurityName::parse(value), None, "{value}");
    }
}

proptest::proptest! {
    #[test]
    fn any_value_is_parsed_without_a_panic(value in "(X509:)?[<>ISRK0-9a-f=,+;\"# \\PC]{0,40}") {
        if let Some(name) = AltSecurityName::parse(&value) {
            proptest::prop_assert!(!name.means(&corp_once()));
        }
    }
}

fn corp_once() -> Certificate {
    static CORP: std::sync::LazyLock<Certificate> = std::sync::LazyLock::new(corp);
    CORP.clone()
}

#[test]
fn every_email_address_has_a_value_and_none_is_strong() {
    let values = contoso(|params| {
        let email = |text: &str| SanType::Rfc822Name(text.try_into().unwrap());
        params.subject_alt_names = vec![email("a@corp.example"), email("b@corp.example")];
    });
    let found: Vec<_> = values.iter().filter(|(form, _)| *form == AltSecurityForm::Rfc822).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].1, "X509:<RFC822>a@corp.example");
    assert!(!AltSecurityForm::Rfc822.is_strong());
}
