//! The contents of user certificates.

use std::collections::HashSet;

use const_oid::db::rfc5280::ID_KP_CLIENT_AUTH;
use der::flagset::FlagSet;
use rcgen::DnValue;
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};

use super::{DAY, NOW, SID, TestSubordinateCa, alice, authority, before, bob, changed_authority, named};
use crate::certificate::{Certificate, KeyAlgorithm};
use crate::clock::UnixTime;
use crate::delegation::user_certificates::{
    IssuanceSettings, SubordinateCa, UserCertificate, UserCertificateSubject,
};
use std::time::Duration;

fn leaf(issued: &UserCertificate) -> Certificate {
    Certificate::from_der(&issued.key.cert[0]).unwrap()
}

fn issued_by(authority: &TestSubordinateCa, subject: &UserCertificateSubject) -> Certificate {
    leaf(&authority.load().issue(subject, NOW).unwrap())
}

#[test]
fn an_issued_certificate_names_the_account() {
    let certificate = issued_by(&authority(), &alice());
    assert_eq!(certificate.subject().to_string(), r"CN=CORP\\alice");
    let names = certificate.subject_alternative_names();
    assert_eq!((names.upns.as_slice(), names.undecodable), (&["alice@corp.example".to_owned()][..], false));
    assert_eq!(certificate.sid(), Some(SID));
    assert!(certificate.undecodable_extensions().is_empty());
    assert!(certificate.duplicate_extensions().is_empty());
    assert!(certificate.unknown_critical_extensions().is_empty());
}

#[test]
fn a_missing_name_of_the_account_is_absent() {
    let without_sid = issued_by(&authority(), &bob());
    assert_eq!(without_sid.sid(), None);
    assert_eq!(without_sid.subject_alternative_names().upns, ["bob@corp.example"]);
    let only_sid = UserCertificateSubject::new("carol", None, Some(SID)).unwrap();
    let without_upn = issued_by(&authority(), &only_sid);
    assert_eq!(without_upn.sid(), Some(SID));
    assert_eq!(*without_upn.subject_alternative_names(), Default::default());
}

#[test]
fn a_certificate_is_for_tls_clients_and_not_for_smartcard_logon() {
    let certificate = issued_by(&authority(), &alice());
    assert_eq!(certificate.extended_key_usages(), Some(&[ID_KP_CLIENT_AUTH.into()][..]));
    assert_eq!(certificate.key_usage(), Some(KeyUsage(FlagSet::from(KeyUsages::DigitalSignature))));
    assert_eq!(certificate.basic_constraints(), None);
}

#[test]
fn a_certificate_is_backdated_by_a_minute_and_valid_for_five() {
    let authority = authority().load();
    let issued = authority.issue(&alice(), NOW).unwrap();
    let certificate = leaf(&issued);
    assert_eq!(certificate.not_before(), before(NOW, Duration::from_secs(60)));
    assert_eq!(certificate.not_after(), NOW.plus(Duration::from_secs(300)));
    assert_eq!(issued.not_after, certificate.not_after());
}

#[test]
fn an_issued_certificate_is_issued_by_the_ca() {
    let authority = authority();
    let issued = authority.load().issue(&alice(), NOW).unwrap();
    let certificate = leaf(&issued);
    let issuer = Certificate::from_der(&authority.chain[0]).unwrap();
    assert_eq!(certificate.issuer().der(), issuer.subject().der());
    assert_eq!(certificate.verify_signature(issuer.public_key_der()), Ok(()));
    assert_eq!(certificate.authority_key_identifier(), issuer.subject_key_identifier());
    assert_eq!(certificate.subject_key_identifier().map(<[u8]>::len), Some(20));
    assert_eq!(issued.key.cert[1..], authority.chain[..]);
}

#[test]
fn the_name_of_the_ca_is_copied_byte_for_byte() {
    let old = DnValue::TeletexString("Gateway CA".try_into().unwrap());
    let authority = changed_authority(|parameters| parameters.distinguished_name = named(old));
    let issuer = Certificate::from_der(&authority.chain[0]).unwrap();
    assert_eq!(issued_by(&authority, &alice()).issuer().der(), issuer.subject().der());
}

#[test]
fn each_certificate_has_its_own_key_and_random_serial_number() {
    let authority = authority().load();
    let issued: Vec<_> = (0..20).map(|_| authority.issue(&alice(), NOW).unwrap()).collect();
    let certificates: Vec<_> = issued.iter().map(leaf).collect();
    assert!(certificates.iter().all(|certificate| certificate.key_algorithm() == KeyAlgorithm::EcP256));
    assert_eq!(certificates.iter().map(Certificate::key_id).collect::<HashSet<_>>().len(), 20);
    assert_eq!(certificates.iter().map(Certificate::serial).collect::<HashSet<_>>().len(), 20);
    for (issued, certificate) in issued.iter().zip(&certificates) {
        assert_eq!(&issued.serial, certificate.serial());
        assert_eq!(issued.serial.as_bytes().len(), 16);
        assert!(issued.serial.as_bytes()[0] < 0x80, "positive");
    }
}

#[test]
fn a_certificate_has_a_crl_distribution_point_or_no_rev_avail() {
    let no_revocation_available = [0x06, 0x03, 0x55, 0x1d, 0x38];
    let has_no_rev_avail = |certificate: &Certificate| {
        certificate.tbs_der().windows(5).any(|window| window == no_revocation_available)
    };
    let without = issued_by(&authority(), &alice());
    assert!(without.crl_distribution_points().is_empty() && has_no_rev_avail(&without));

    let url = "http://pki.corp.example/gateway.crl";
    let settings =
        IssuanceSettings { crl_distribution_point: Some(url.into()), ..IssuanceSettings::default() };
    let authority = authority();
    let authority = SubordinateCa::new(&authority.chain, &authority.key, settings, NOW).unwrap();
    let with = leaf(&authority.issue(&alice(), NOW).unwrap());
    assert!(format!("{:?}", with.crl_distribution_points()).contains(url));
    assert!(!has_no_rev_avail(&with), "RFC 9608 section 3 forbids both together");
}

#[test]
fn after_2049_times_are_generalized_time() {
    let then = UnixTime::from_seconds(2_600_000_000);
    let authority = changed_authority(|parameters| parameters.not_after = super::date(then.plus(DAY)));
    let whole = SubordinateCa::new(&authority.chain[..1], &authority.key, IssuanceSettings::default(), NOW);
    let issued = whole.unwrap().issue(&alice(), then).unwrap();
    assert_eq!(leaf(&issued).not_after(), then.plus(Duration::from_secs(300)));
}
