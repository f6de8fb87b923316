//! Certificates made here, read here.

mod bundles;
mod directory;
mod hostile;
mod names;
mod signatures;

use rcgen::{
    BasicConstraints as Constraint, CertificateParams, CrlDistributionPoint as Point, CustomExtension,
    DnType, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

use super::*;

const UPN: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 3];
const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];

const ALICE_SID: &str = "S-1-5-21-1004336348-1177238915-682003330-512";

fn utf8_name(type_id: &[u64], text: &str) -> SanType {
    SanType::OtherName((type_id.to_vec(), text.to_owned().into()))
}

/// One DER element with a length below 128.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 128);
    [&[tag, length], content].concat()
}

fn extension(oid: &[u64], critical: bool, content: Vec<u8>) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content);
    extension.set_criticality(critical);
    extension
}

fn self_signed(edit: impl FnOnce(&mut CertificateParams)) -> Certificate {
    let mut params = CertificateParams::default();
    edit(&mut params);
    let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    Certificate::from_der(der.der()).unwrap()
}

#[test]
fn the_facts_of_a_certificate_are_those_it_was_made_with() {
    let certificate = self_signed(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Corp");
        params.distinguished_name.push(DnType::CommonName, "Alice");
        params.serial_number = Some(vec![0x8b, 1].into());
        params.is_ca = IsCa::Ca(Constraint::Constrained(3));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        params.crl_distribution_points = vec![Point { uris: vec!["http://pki.example/a.crl".into()] }];
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2060, 1, 1);
    });
    assert_eq!(certificate.version(), 3);
    assert_eq!(certificate.serial().to_string(), "008b01");
    assert_eq!(certificate.subject().to_string(), "CN=Alice,O=Corp");
    assert!(certificate.is_self_issued());
    assert_eq!(certificate.not_before().seconds(), 1_767_225_600);
    assert_eq!(certificate.not_after().seconds(), 2_840_140_800);
    assert_eq!(certificate.key_algorithm(), KeyAlgorithm::EcP256);
    assert_eq!(certificate.basic_constraints(), Some(BasicConstraints { ca: true, path_length: Some(3) }));
    let key_usage = certificate.key_usage().unwrap();
    assert!(key_usage.digital_signature() && key_usage.key_cert_sign() && !key_usage.crl_sign());
    assert_eq!(certificate.extended_key_usages().unwrap(), [rfc5280::ID_KP_CLIENT_AUTH]);
    assert_eq!(certificate.crl_distribution_points()[0].uris, ["http://pki.example/a.crl"]);
    assert_eq!(certificate.undecodable_extensions(), []);
}

#[test]
fn the_security_identifier_is_read_as_microsoft_writes_it() {
    let name = [
        element(0x06, &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 25, 2, 1]),
        element(0xa0, &element(0x04, ALICE_SID.as_bytes())),
    ];
    let content = element(0x30, &element(0xa0, &name.concat()));
    let oid = [1, 3, 6, 1, 4, 1, 311, 25, 2];
    let certificate = self_signed(|params| params.custom_extensions = vec![extension(&oid, false, content)]);
    assert_eq!(certificate.sid(), Some(ALICE_SID));
}

#[test]
fn each_kind_of_alternative_name_feeds_only_its_own_list() {
    let same = "alice@corp.example";
    let names = |kinds: Vec<SanType>| {
        self_signed(|params| params.subject_alt_names = kinds).subject_alternative_names().clone()
    };
    let text = || same.try_into().unwrap();
    let only = |edit: fn(&mut AlternativeNames) -> &mut Vec<String>| {
        let mut expected = AlternativeNames::default();
        edit(&mut expected).push(same.to_owned());
        expected
    };
    assert_eq!(names(vec![utf8_name(&UPN, same)]), only(|names| &mut names.upns));
    assert_eq!(names(vec![SanType::Rfc822Name(text())]), only(|names| &mut names.emails));
    assert_eq!(names(vec![SanType::DnsName(text())]), only(|names| &mut names.dns_names));
    assert_eq!(names(vec![SanType::URI(text())]), only(|names| &mut names.uris));
    let kind = "1.3.6.1.4.1.311.20.2.4".parse().unwrap();
    let other_names = vec![OtherName { kind, value: OtherValue::Text(same.to_owned()) }];
    let unread = vec![NameForm::OtherName(kind)];
    let expected = AlternativeNames { other_names, unread, ..AlternativeNames::default() };
    assert_eq!(names(vec![utf8_name(&[1, 3, 6, 1, 4, 1, 311, 20, 2, 4], same)]), expected);
    let address = SanType::IpAddress("192.0.2.1".parse().unwrap());
    let expected = AlternativeNames { ip_addresses: vec![vec![192, 0, 2, 1]], ..AlternativeNames::default() };
    assert_eq!(names(vec![address]), expected);
}

#[test]
fn a_upn_that_is_no_utf8_string_or_holds_a_control_character_is_undecodable_and_hides_no_other_name() {
    let type_id = element(0x06, &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3]);
    for value in
        [element(0x16, b"eve@x"), element(0x04, b"eve@x"), element(0x0c, b"eve@x\0y"), element(0x0c, &[0xff])]
    {
        let odd = element(0xa0, &[type_id.clone(), element(0xa0, &value)].concat());
        let good = element(0xa0, &[type_id.clone(), element(0xa0, &element(0x0c, b"alice@x"))].concat());
        let content = element(0x30, &[odd, good].concat());
        let san = extension(&SUBJECT_ALT_NAME, false, content);
        let certificate = self_signed(|params| params.custom_extensions = vec![san]);
        let names = certificate.subject_alternative_names();
        assert_eq!(
            (names.upns.as_slice(), names.undecodable),
            (["alice@x".to_owned()].as_slice(), true),
            "{value:?}"
        );
    }
}

#[test]
fn names_that_nobody_reads_are_passed_over_and_a_broken_one_is_marked() {
    let email = element(0x81, b"alice@corp.example");
    let read = |names: &[&[u8]], critical| {
        let san = extension(&SUBJECT_ALT_NAME, critical, element(0x30, &names.concat()));
        self_signed(|params| params.custom_extensions = vec![san])
    };
    let x400 = element(0xa3, &[0x30, 0]);
    let certificate = read(&[&x400, &email], true);
    assert!(!certificate.subject_alternative_names().undecodable);
    assert_eq!(certificate.undecodable_extensions(), []);

    let not_ascii = element(0x81, "alicé@corp.example".as_bytes());
    for critical in [false, true] {
        let certificate = read(&[&not_ascii, &email], critical);
        assert!(certificate.subject_alternative_names().undecodable);
        assert_eq!(certificate.subject_alternative_names().emails, ["alice@corp.example"]);
        // Critical: it is understood whole or not at all.
        assert_eq!(certificate.undecodable_extensions().len(), usize::from(critical));
    }
}

#[test]
fn a_security_identifier_that_is_not_one_whole_sid_is_undecodable() {
    let oid = [1, 3, 6, 1, 4, 1, 311, 25, 2];
    let name = |text: &[u8]| {
        let parts =
            [element(0x06, &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 25, 2, 1]), element(0xa0, &element(0x04, text))];
        element(0xa0, &parts.concat())
    };
    let two = [name(b"S-1-5-21-1"), name(b"S-1-5-21-2")].concat();
    for content in
        [two, name(b"S-1-5-21-1\0"), name(b"S-1-"), name(b"S-1-5-21-"), name(b"s-1-5-21-1"), Vec::new()]
    {
        let extension = extension(&oid, false, element(0x30, &content));
        let certificate = self_signed(|params| params.custom_extensions = vec![extension]);
        assert_eq!((certificate.sid(), certificate.undecodable_extensions().len()), (None, 1));
    }
}

#[test]
fn the_key_of_a_certificate_is_found_whatever_comes_after_it() {
    let certificate = self_signed(|params| params.is_ca = IsCa::Ca(Constraint::Unconstrained));
    assert_eq!(public_key_of(certificate.der()).unwrap(), certificate.public_key_der());

    // A BOOLEAN among the extensions that DER does not know.
    let mut odd = certificate.der().to_vec();
    let critical = odd.windows(3).position(|window| window == [1, 1, 0xff]).unwrap();
    odd[critical + 2] = 1;
    assert_eq!(Certificate::from_der(&odd).unwrap_err().part, "outline");
    assert_eq!(public_key_of(&odd).unwrap(), certificate.public_key_der());
}
