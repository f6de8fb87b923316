//! Certificates in which a name that would decide cannot be decoded.

use super::*;
use crate::certificate::NameForm;
use crate::identity::account_identifier::{AccountIdentifier, read};
use crate::identity::certificate_identifiers::CertificateIdentifiers;

/// Returns the leaf with `to` in place of the bytes `from`. Its signature is not verified here.
fn changed(leaf: &Certificate, from: &[u8], to: &[u8]) -> Certificate {
    assert_eq!(from.len(), to.len());
    let mut der = leaf.der().to_vec();
    let place = der.windows(from.len()).rposition(|window| window == from).unwrap();
    der[place..place + to.len()].copy_from_slice(to);
    Certificate::from_der(&der).unwrap()
}

fn with_subject(attributes: &[(&[u64], &str)]) -> Certificate {
    ROOT.issue_with(&[1], |params| {
        for (oid, text) in attributes {
            params.distinguished_name.push(DnType::CustomDnType(oid.to_vec()), *text);
        }
    })
}

const CN: &[u64] = &[2, 5, 4, 3];
const OU: &[u64] = &[2, 5, 4, 11];

/// Returns whether rules for this OU match: one that denies, and one that names an account.
fn fits(leaf: &Certificate, wanted: &str) -> (bool, bool) {
    let rule = |action| fields("one", vec![condition(CertificateField::Subject, "OU", wanted)], action);
    let fits = |action| rules::find(&[rule(action)], leaf, ROOT.certificate.key_id()).is_some();
    (fits(RuleAction::Deny), fits(named("alice")))
}

#[test]
fn a_rule_matches_values_of_any_string_type_and_in_names_with_undecodable_attributes() {
    let australian: &[u64] = &[1, 2, 36, 99_999_999_999, 1];
    let beside = with_subject(&[(CN, "odd"), (australian, "x"), (OU, "Laboratory")]);
    let no_text = changed(&beside, b"\x0c\x03odd", b"\x04\x03odd");
    let universal = changed(&beside, b"\x0c\x03odd", b"\x1c\x03odd");
    for leaf in [&beside, &no_text, &universal] {
        assert_eq!(fits(leaf, "Laboratory"), (true, true));
        assert_eq!(fits(leaf, "Accounts"), (false, false));
    }
    let teletex = changed(&with_subject(&[(OU, "Pr?fstelle")]), b"\x0c\x0aPr?", b"\x14\x0aPr\xfc");
    assert_eq!(fits(&teletex, "Prüfstelle"), (true, true));
    assert_eq!(fits(&teletex, "Laboratory"), (false, false));
}

#[test]
fn a_value_that_cannot_be_decoded_matches_deny_rules_only() {
    let leaf = with_subject(&[(OU, "Laboratory")]);
    for tag in [0x04, 0x1c, 0x1e, 0x02] {
        let hidden = changed(&leaf, b"\x0c\x0aLaboratory", &[&[tag, 10], &b"Laboratora"[..]].concat());
        let expected = if tag == 0x1e { (false, false) } else { (true, false) };
        assert_eq!(fits(&hidden, "Accounts"), expected, "{tag:#x}");
        // A condition that certainly does not hold excludes the rule, whatever is hidden elsewhere.
        let conditions = vec![
            condition(CertificateField::Subject, "OU", "x"),
            condition(CertificateField::Subject, "CN", "x"),
        ];
        let rule = fields("one", conditions, RuleAction::Deny);
        assert!(rules::find(&[rule], &hidden, ROOT.certificate.key_id()).is_none());
    }
    // A name that is malformed as a whole may contain any value.
    let broken = changed(&leaf, b"\x06\x03\x55\x04\x0b", b"\x06\x03\x55\x04\x8b");
    assert!(!broken.subject().is_decoded());
    assert_eq!(fits(&broken, "Accounts"), (true, false));
}

/// Returns whether `mapper` finds an account in the leaf.
fn reads(mapper: Mapper, leaf: &Certificate) -> Result<bool, MappingError> {
    let (own, issuer, rule) = (CertificateIdentifiers::read(leaf), pinned(), rule(&Mapper::ALL));
    let (_, identifier) = read(mapper, leaf, &own, &issuer, &rule);
    identifier.map(|identifier| {
        identifier
            .as_ref()
            .is_some_and(|identifier: &AccountIdentifier<'_>| identifier.account_without_directory().is_ok())
    })
}

#[test]
fn a_common_name_that_cannot_be_decoded_makes_the_subject_ambiguous() {
    let two = with_subject(&[(CN, "Alice"), (OU, "x")]);
    let two = changed(&two, b"\x06\x03\x55\x04\x0b\x0c\x01x", b"\x06\x03\x55\x04\x03\x04\x01x");
    match reads(Mapper::Subject, &two) {
        Err(MappingError::Ambiguous { mapper: Mapper::Subject, names }) => {
            assert_eq!(names, ["Alice", "#040178"]);
        }
        other => panic!("{other:?}"),
    }
    let one = changed(&with_subject(&[(CN, "Alice")]), b"\x0c\x05Alice", b"\x04\x05Alice");
    let why = NotMappedReason::NameUndecodable { form: NameForm::Directory };
    assert!(
        matches!(reads(Mapper::Subject, &one), Err(MappingError::NotMapped { why: found }) if found == why)
    );
    let number = with_subject(&[(CN, "DOE.JANE.Q.1234567890"), (OU, "x")]);
    assert!(reads(Mapper::Edipi, &number).unwrap());
    let hidden = changed(&number, b"\x06\x03\x55\x04\x0b\x0c\x01x", b"\x06\x03\x55\x04\x03\x04\x01x");
    assert!(reads(Mapper::Edipi, &hidden).is_err());
}

fn with_names(names: Vec<SanType>) -> Certificate {
    ROOT.issue_with(&[1], |params| {
        params.distinguished_name.push(DnType::CommonName, "Alice");
        params.subject_alt_names = names;
        params.custom_extensions = vec![sid_extension(&sid(1104).to_string())];
    })
}

#[test]
fn a_name_that_cannot_be_decoded_affects_mappers_of_its_own_form_only() {
    let names = || vec![upn("alice@corp.example"), email("m@mail.example"), uri("x:1234")];
    let good = with_names(names());
    let odd_email = changed(&good, b"m@mail.example", b"\xe9@mail.example");
    let odd_uri = changed(&good, b"x:1234", b"x:123\xe9");
    for leaf in [&good, &odd_email, &odd_uri] {
        for mapper in [Mapper::Upn, Mapper::Sid, Mapper::Subject] {
            assert!(reads(mapper, leaf).unwrap(), "{mapper}");
        }
    }
    let why = NotMappedReason::NameUndecodable { form: NameForm::Email };
    assert!(reads(Mapper::Email, &odd_uri).unwrap());
    assert!(
        matches!(reads(Mapper::Email, &odd_email), Err(MappingError::NotMapped { why: found }) if found == why)
    );

    let uuid = with_names(vec![uri("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), uri("urn:uuid:x")]);
    let odd_uuid = changed(&uuid, b"urn:uuid:x", b"urn:uuid:\xe9");
    assert!(reads(Mapper::Uuid, &odd_uuid).is_err());
    assert!(reads(Mapper::Sid, &odd_uuid).unwrap());
}

#[test]
fn an_undecodable_uri_with_the_prefix_of_a_security_identifier_may_contain_one() {
    let leaf = with_names(vec![uri("tag:microsoft.com,2022-09-14:sid:x"), upn("alice@corp.example")]);
    let odd = changed(&leaf, b"sid:x", b"sid:\xe9");
    for mapper in [Mapper::Upn, Mapper::Sid, Mapper::Subject] {
        let result = reads(mapper, &odd);
        assert!(
            matches!(result, Err(MappingError::NotMapped { why: NotMappedReason::SidUndecodable })),
            "{mapper}"
        );
    }
}
