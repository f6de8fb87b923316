//! The values of altSecurityIdentities.

use super::*;

const DOMAIN_COMPONENT: [u64; 7] = [0, 9, 2342, 19200300, 100, 1, 25];

/// Self-signed, so that issuer and subject are the same name.
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
fn the_issuer_stands_root_most_first_and_the_bytes_of_the_serial_in_reverse() {
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
fn leading_zero_bytes_of_the_serial_stay() {
    let values = contoso(|params| params.serial_number = Some(vec![0x8b, 0x01].into()));
    assert_eq!(value(&values, AltSecurityForm::IssuerSerial), Some("X509:<I>DC=com<SR>018B00"));
}

#[test]
fn the_hash_is_over_the_content_of_the_bit_string_as_in_a_key_identifier_of_method_1() {
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
fn a_name_with_a_character_that_is_not_seen_gives_no_value() {
    let values = contoso(|params| params.distinguished_name.push(DnType::CommonName, "al\u{200b}ice"));
    let forms: Vec<_> = values.iter().map(|(form, _)| *form).collect();
    assert_eq!(forms, [AltSecurityForm::Sha1PublicKey]);
}

#[test]
fn every_email_address_gives_a_value_of_its_own_and_none_of_them_is_strong() {
    let values = contoso(|params| {
        let email = |text: &str| SanType::Rfc822Name(text.try_into().unwrap());
        params.subject_alt_names = vec![email("a@corp.example"), email("b@corp.example")];
    });
    let found: Vec<_> = values.iter().filter(|(form, _)| *form == AltSecurityForm::Rfc822).collect();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].1, "X509:<RFC822>a@corp.example");
    assert!(!AltSecurityForm::Rfc822.is_strong());
}
