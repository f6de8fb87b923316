//! Tests of reading certificates that rcgen generates.

mod directory;
mod hostile;
mod names;
mod signatures;

use rcgen::{
    BasicConstraints as Constraint, CertificateParams, CrlDistributionPoint as Point, CustomExtension,
    DnType, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

use const_oid::db::{rfc5280, rfc5912};
use der::Decode;

use super::signature::SignatureError;
use super::*;

const UPN: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 3];
const SUBJECT_ALT_NAME: [u64; 4] = [2, 5, 29, 17];

const ALICE_SID: &str = "S-1-5-21-1004336348-1177238915-682003330-512";

fn utf8_name(type_id: &[u64], text: &str) -> SanType {
    SanType::OtherName((type_id.to_vec(), text.to_owned().into()))
}

/// Returns one DER element with a length below 128.
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
fn the_fields_of_a_certificate_are_read() {
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
    assert!(certificate.undecodable_extensions().is_empty());
}

#[test]
fn the_security_identifier_is_decoded_as_microsoft_encodes_it() {
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
fn each_kind_of_alternative_name_has_its_own_list() {
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
fn a_upn_is_read_in_every_string_type() {
    let type_id = element(0x06, &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3]);
    let two = |text: &str| text.bytes().flat_map(|byte| [0, byte]).collect::<Vec<_>>();
    for (tag, content) in [
        (0x0c, b"alice@x".to_vec()),
        (0x13, b"alice@x".to_vec()),
        (0x14, b"alice@x".to_vec()),
        (0x16, b"alice@x".to_vec()),
        (0x1a, b"alice@x".to_vec()),
        (0x1e, two("alice@x")),
    ] {
        let name = element(0xa0, &[type_id.clone(), element(0xa0, &element(tag, &content))].concat());
        let san = extension(&SUBJECT_ALT_NAME, false, element(0x30, &name));
        let certificate = self_signed(|params| params.custom_extensions = vec![san]);
        let names = certificate.subject_alternative_names();
        let expected = AlternativeNames { upns: vec!["alice@x".to_owned()], ..AlternativeNames::default() };
        assert_eq!(*names, expected, "{tag:#x}");
    }
}

#[test]
fn an_unreadable_upn_is_recorded_and_hides_no_other_name() {
    let type_id = element(0x06, &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3]);
    for value in
        [element(0x30, b""), element(0x04, b"eve@x"), element(0x0c, b"eve@x\0y"), element(0x0c, &[0xff])]
    {
        let odd = element(0xa0, &[type_id.clone(), element(0xa0, &value)].concat());
        let good = element(0xa0, &[type_id.clone(), element(0xa0, &element(0x0c, b"alice@x"))].concat());
        let content = element(0x30, &[odd, good].concat());
        let san = extension(&SUBJECT_ALT_NAME, false, content);
        let certificate = self_signed(|params| params.custom_extensions = vec![san]);
        let names = certificate.subject_alternative_names();
        assert_eq!(
            (names.upns.as_slice(), names.may_hide(NameForm::USER_PRINCIPAL_NAME)),
            (["alice@x".to_owned()].as_slice(), true),
            "{value:?}"
        );
    }
}

#[test]
fn unused_names_are_ignored_and_a_malformed_one_is_marked() {
    let email = element(0x81, b"alice@corp.example");
    let read = |names: &[&[u8]], critical| {
        let san = extension(&SUBJECT_ALT_NAME, critical, element(0x30, &names.concat()));
        self_signed(|params| params.custom_extensions = vec![san])
    };
    let x400 = element(0xa3, &[0x30, 0]);
    let certificate = read(&[&x400, &email], true);
    assert!(!certificate.subject_alternative_names().undecodable);
    assert!(certificate.undecodable_extensions().is_empty());

    let not_ascii = element(0x81, "alicé@corp.example".as_bytes());
    let no_name = element(0xa9, b"");
    for (odd, is_name) in [(&not_ascii, true), (&element(0x81, b""), true), (&no_name, false)] {
        for critical in [false, true] {
            let certificate = read(&[odd, &email], critical);
            let names = certificate.subject_alternative_names();
            assert_eq!(names.emails, ["alice@corp.example"]);
            assert_eq!((names.undecodable, names.unreadable.is_empty()), (!is_name, !is_name));
            assert!(names.may_hide(NameForm::Email));
            assert_eq!(names.may_hide(NameForm::USER_PRINCIPAL_NAME), !is_name);
            // Critical: it is understood, or the certificate refused.
            assert_eq!(certificate.undecodable_extensions().len(), usize::from(critical && !is_name));
        }
    }
}

/// Parts of extensions that are not used cannot cause the rejection of a certificate.
#[test]
fn unused_parts_of_extensions_may_have_any_form() {
    let x400 = element(0xa3, &element(0x30, b""));
    let party = element(0xa5, &element(0xa1, &element(0x0c, b"x")));
    let not_ascii = element(0x86, "http://pki.example/é".as_bytes());
    let good = element(0x86, b"http://pki.example/a");
    let ocsp = element(0x06, &[0x2b, 6, 1, 5, 5, 7, 0x30, 1]);
    let description = |name: &[u8]| element(0x30, &[&ocsp, name].concat());
    for odd in [&x400, &party, &not_ascii] {
        let certificate = self_signed(|params| {
            let access = [description(odd), description(&good)].concat();
            let names = element(0xa0, &element(0xa0, &[odd.as_slice(), &good].concat()));
            let point = element(0x30, &names);
            let key_identifier =
                [element(0x80, &[7; 20]), element(0xa1, odd), element(0x82, &[1; 30])].concat();
            params.custom_extensions = vec![
                extension(&[1, 3, 6, 1, 5, 5, 7, 1, 1], false, element(0x30, &access)),
                extension(&[2, 5, 29, 31], false, element(0x30, &point)),
                extension(&[2, 5, 29, 46], false, element(0x30, &point)),
                extension(&[2, 5, 29, 35], false, element(0x30, &key_identifier)),
            ];
        });
        assert!(certificate.undecodable_extensions().is_empty(), "{odd:?}");
        assert_eq!(certificate.authority_information_access().ocsp, ["http://pki.example/a"]);
        assert_eq!(certificate.crl_distribution_points()[0].uris, ["http://pki.example/a"]);
        assert_eq!(certificate.freshest_crls()[0].uris, ["http://pki.example/a"]);
        assert_eq!(certificate.authority_key_identifier(), Some(&[7; 20][..]));
    }
}

/// Object identifiers of any size are read in every place of a certificate.
#[test]
fn an_unknown_identifier_of_any_size_hides_no_other_field() {
    let uuid = "2.25.329800735698586629295641978511506172918";
    let long = format!("1.3.6.1.4.1.311.21.8{}", ".4294967295".repeat(8));
    for text in [uuid, "1.2.36.99999999999", "1.2.36.20000000001.1.1", "2.999", "2.47.1", &long] {
        let oid: ObjectIdentifier = text.parse().unwrap();
        let encoded = der::Encode::to_der(&oid).unwrap();
        let certificate = self_signed(|params| {
            let named = [&encoded, &element(0x06, &[0x2b, 6, 1, 5, 5, 7, 3, 2])[..]].concat();
            let other = element(0xa0, &[&encoded, &element(0xa0, &element(0x0c, b"x"))[..]].concat());
            let upn = [
                element(0x06, &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3]),
                element(0xa0, &element(0x0c, b"a@x")),
            ];
            params.custom_extensions = vec![
                extension(&[2, 5, 29, 37], false, element(0x30, &named)),
                extension(&[2, 5, 29, 32], false, element(0x30, &element(0x30, &encoded))),
                extension(
                    &SUBJECT_ALT_NAME,
                    false,
                    element(0x30, &[other, element(0xa0, &upn.concat())].concat()),
                ),
            ];
        });
        assert!(certificate.undecodable_extensions().is_empty(), "{text}");
        assert_eq!(certificate.policies(), [oid]);
        assert_eq!(certificate.policies()[0].to_string(), text);
        assert!(certificate.names_usage(rfc5280::ID_KP_CLIENT_AUTH.into()));
        assert!(certificate.names_usage(oid));
        let names = certificate.subject_alternative_names();
        assert_eq!((names.upns.as_slice(), names.other_names[0].kind), (&["a@x".to_owned()][..], oid));
        let extensions = element(0x30, &[encoded.clone(), element(0x04, b"")].concat());
        let read = X509Extension::from_der(&extensions).unwrap();
        assert_eq!((read.id, read.critical, read.value()), (oid, false, &b""[..]));
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
fn the_key_of_a_certificate_is_read_whatever_follows_it() {
    let certificate = self_signed(|params| params.is_ca = IsCa::Ca(Constraint::Unconstrained));
    assert_eq!(public_key_of(certificate.der()).unwrap(), certificate.public_key_der());

    // A BOOLEAN among the extensions, which DER does not allow there.
    let mut odd = certificate.der().to_vec();
    let critical = odd.windows(3).position(|window| window == [1, 1, 0xff]).unwrap();
    odd[critical + 2] = 1;
    assert_eq!(Certificate::from_der(&odd).unwrap_err().part, "outline");
    assert_eq!(public_key_of(&odd).unwrap(), certificate.public_key_der());
}
