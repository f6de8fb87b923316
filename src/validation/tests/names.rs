//! Name constraints: the names that each kind permits and excludes, and names that are refused because they cannot be
//! compared.

use rcgen::SanType;

use super::der::{directory, dns, element, email, ip, oid, other_name, sequence, upn, uri};
use super::*;
use crate::certificate::{NameForm, USER_PRINCIPAL_NAME};
use crate::validation::path_building::PathSearch;
use const_oid::ObjectIdentifier;

const FASC_N: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.6.6");
const SMTP_UTF8_MAILBOX: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.9");

const ORGANISATION: u8 = 10;

/// Returns the content of nameConstraints.
fn constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Vec<u8> {
    let list = |tag, bases: &[Vec<u8>]| {
        let subtrees: Vec<_> = bases.iter().map(|base| sequence(std::slice::from_ref(base))).collect();
        if bases.is_empty() { Vec::new() } else { element(tag, &subtrees.concat()) }
    };
    sequence(&[list(0xa0, permitted), list(0xa1, excluded)])
}

fn extension_of(content: &[u8]) -> CustomExtension {
    extension(&[2, 5, 29, 30], true, content)
}

fn constrained(content: &[u8]) -> impl FnOnce(&mut CertificateParams) {
    let extension = extension_of(content);
    move |params| params.custom_extensions.push(extension)
}

fn holding(names: &[Vec<u8>]) -> impl FnOnce(&mut CertificateParams) {
    let extension = extension(&[2, 5, 29, 17], false, &sequence(names));
    move |params| params.custom_extensions.push(extension)
}

/// Returns the result, in one word, for a client certificate with these alternative names below a CA with these
/// constraints.
fn verdict(permitted: &[Vec<u8>], excluded: &[Vec<u8>], names: &[Vec<u8>]) -> &'static str {
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority_with("Issuing", constrained(&constraints(permitted, excluded)));
    let leaf = issuing.leaf_with(holding(names));
    match validated(&[&leaf, &issuing.certificate], &anchored(&root)).map_err(|error| error.violation) {
        Ok(_) => "passes",
        Err(PathViolation::NameNotPermitted { .. }) => "not permitted",
        Err(PathViolation::NameExcluded { .. }) => "excluded",
        Err(PathViolation::NameNotComparable { .. }) => "not validated",
        Err(other) => panic!("{other:?}"),
    }
}

/// A constraint, a name of its kind, and the results if the constraint permits and if it excludes.
type Case<'a> = (&'a str, &'a str, &'static str, &'static str);

fn hold(make: fn(&str) -> Vec<u8>, cases: &[Case<'_>]) {
    for (subtree, name, permitted, excluded) in cases {
        let (subtree, names) = ([make(subtree)], [make(name)]);
        assert_eq!(verdict(&subtree, &[], &names), *permitted, "{name} with {subtree:?} permitted");
        assert_eq!(verdict(&[], &subtree, &names), *excluded, "{name} with {subtree:?} excluded");
    }
}

const IN: [&str; 2] = ["passes", "excluded"];
const OUT: [&str; 2] = ["not permitted", "passes"];
const UNKNOWN: [&str; 2] = ["not validated", "not validated"];
const DOUBTFUL: [&str; 2] = ["not permitted", "excluded"];

fn case<'a>(subtree: &'a str, name: &'a str, [permitted, excluded]: [&'static str; 2]) -> Case<'a> {
    (subtree, name, permitted, excluded)
}

#[test]
fn a_user_principal_name_is_compared_with_its_constraints() {
    hold(
        upn,
        &[
            case("corp.example", "alice@corp.example", IN),
            case("corp.example", "ALICE@Corp.Example", IN),
            case("@corp.example", "alice@corp.example", IN),
            case("CORP.example", "alice@corp.example", IN),
            case("corp.example", "alice@evilcorp.example", OUT),
            case("corp.example", "alice@corp.example.evil", OUT),
            case("corp.example", "alice@eu.corp.example", DOUBTFUL),
            case(".corp.example", "alice@eu.corp.example", IN),
            case(".corp.example", "alice@corp.example", DOUBTFUL),
            case("Alice@corp.example", "alice@corp.example", IN),
            case("alice@corp.example", "bob@corp.example", OUT),
            case("", "alice@anything", IN),
            case("corp.example", "alice", UNKNOWN),
            case("corp.example", "alice@corp.example.", UNKNOWN),
            case("corp.example", "mallory@evil@corp.example", UNKNOWN),
            case("*.corp.example", "alice@corp.example", UNKNOWN),
        ],
    );
}

#[test]
fn a_mail_address_is_compared_with_its_constraints() {
    hold(
        email,
        &[
            case("corp.example", "alice@CORP.example", IN),
            case("corp.example", "alice@eu.corp.example", OUT),
            case(".corp.example", "alice@eu.corp.example", IN),
            case(".corp.example", "alice@corp.example", OUT),
            case("alice@corp.example", "alice@corp.example", IN),
            case("alice@corp.example", "Alice@corp.example", DOUBTFUL),
            case("alice@corp.example", "bob@corp.example", OUT),
            case("", "alice@corp.example", IN),
            case("corp.example", "corp.example", UNKNOWN),
            case("corp.example", "\"a@evil\"@corp.example", UNKNOWN),
            case("corp.example", "alice@corp.example.", UNKNOWN),
        ],
    );
}

#[test]
fn a_host_name_is_compared_with_its_constraints() {
    hold(
        dns,
        &[
            case("corp.example", "corp.example", IN),
            case("corp.example", "a.b.CORP.example", IN),
            case("corp.example", "evilcorp.example", OUT),
            case(".corp.example", "a.corp.example", IN),
            case(".corp.example", "corp.example", DOUBTFUL),
            case("", "anything", IN),
            case("corp.example", "*.corp.example", IN),
            case("corp.example", "*.example", DOUBTFUL),
            case("a.corp.example", "*.corp.example", DOUBTFUL),
            case("corp.example", "*.other", OUT),
            case("corp.example", "a*.corp.example", UNKNOWN),
            case("corp.example", "corp.example.", UNKNOWN),
            case("*.corp.example", "a.corp.example", UNKNOWN),
        ],
    );
}

#[test]
fn the_host_of_a_uri_is_compared_with_its_constraints() {
    hold(
        uri,
        &[
            case("corp.example", "https://CORP.example/x", IN),
            case("corp.example", "https://alice@corp.example:443?x", IN),
            case("corp.example", "https://a.corp.example/", OUT),
            case(".corp.example", "https://a.corp.example#x", IN),
            case("corp.example", "https://evil.example/@corp.example", OUT),
            case("corp.example", "https://a@evil@corp.example/", UNKNOWN),
            case("corp.example", "https://evil.example\\@corp.example/", UNKNOWN),
            case("corp.example", "https://192.0.2.1/", UNKNOWN),
            case("corp.example", "https://[2001:db8::1]/", UNKNOWN),
            case("corp.example", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", UNKNOWN),
            case("corp.example", "urn:x://corp.example", UNKNOWN),
            case("corp.example", "https://corp.example.", UNKNOWN),
        ],
    );
}

#[test]
fn an_address_is_compared_with_its_constraints() {
    let network = [ip(&[192, 0, 2, 1, 255, 255, 255, 0])];
    for (address, permitted, excluded) in [
        (vec![192, 0, 2, 77], "passes", "excluded"),
        (vec![192, 0, 3, 77], "not permitted", "passes"),
        (vec![0x20; 16], "not permitted", "passes"),
        (vec![192, 0, 2], "not validated", "not validated"),
    ] {
        let names = [ip(&address)];
        assert_eq!(verdict(&network, &[], &names), permitted, "{address:?}");
        assert_eq!(verdict(&[], &network, &names), excluded, "{address:?}");
    }
    let with_holes = [ip(&[192, 0, 2, 0, 255, 0, 255, 0])];
    assert_eq!(verdict(&with_holes, &[], &[ip(&[192, 0, 2, 77])]), "not validated");
    assert_eq!(verdict(&[ip(&[192, 0, 2, 0])], &[], &[ip(&[192, 0, 2, 77])]), "not validated");
}

#[test]
fn a_directory_name_is_compared_with_its_constraints_in_subject_and_alternative_names() {
    let corp = [(ORGANISATION, "Corp  Example")];
    let subject = |attributes: &'static [(DnType, &'static str)]| {
        move |params: &mut CertificateParams| {
            params.distinguished_name = rcgen::DistinguishedName::new();
            for (attribute, text) in attributes {
                params.distinguished_name.push(attribute.clone(), *text);
            }
        }
    };
    let verdict_of = |permitted: &[Vec<u8>], excluded: &[Vec<u8>], leaf: &dyn Fn(&mut CertificateParams)| {
        let root = ValidationTestCa::root("Root");
        let issuing = root.authority_with("Issuing", constrained(&constraints(permitted, excluded)));
        let leaf = issuing.leaf_with(leaf);
        validated(&[&leaf, &issuing.certificate], &anchored(&root)).is_ok()
    };
    let inside = subject(&[(DnType::OrganizationName, "corp example"), (DnType::CommonName, "Alice")]);
    let outside = subject(&[(DnType::OrganizationName, "Corp Example Evil"), (DnType::CommonName, "Alice")]);
    let reversed = subject(&[(DnType::CommonName, "Alice"), (DnType::OrganizationName, "corp example")]);
    let beside = |params: &mut CertificateParams| {
        inside(params);
        holding(&[directory(&[(ORGANISATION, "Evil")])])(params);
    };
    let spelled =
        subject(&[(DnType::OrganizationName, "Co\u{301}rp\u{a0}Example."), (DnType::CommonName, "Alice")]);
    for (permitted, excluded, leaf) in [
        (true, false, &inside as &dyn Fn(&mut CertificateParams)),
        (false, true, &outside),
        (false, true, &reversed),
        (false, false, &beside),
        // In no permitted subtree, and in an excluded one.
        (false, false, &spelled),
    ] {
        assert_eq!(verdict_of(&[directory(&corp)], &[], leaf), permitted);
        assert_eq!(verdict_of(&[], &[directory(&corp)], leaf), excluded);
        assert!(verdict_of(&[directory(&[])], &[], leaf) && !verdict_of(&[], &[directory(&[])], leaf));
    }
}

#[test]
fn a_subject_that_cannot_be_compared_is_refused_if_subjects_are_excluded() {
    let teletex = |params: &mut CertificateParams| {
        let text = rcgen::DnValue::TeletexString("Corp".try_into().unwrap());
        params.distinguished_name.push(DnType::OrganizationName, text);
    };
    let root = ValidationTestCa::root("Root");
    let excluded = constraints(&[], &[directory(&[(ORGANISATION, "Corp")])]);
    let issuing = root.authority_with("Issuing", constrained(&excluded));
    let ascii = issuing.leaf_with(teletex);
    assert!(validated(&[&ascii, &issuing.certificate], &anchored(&root)).is_ok());
    let no_text = refusals::changed(&ascii, b"\x14\x04Corp", b"\x04\x04Corp", &issuing);
    let by = issuing.certificate.subject().clone();
    let violation = PathViolation::NameNotComparable { form: NameForm::Directory, by };
    assert_eq!(refused(&[&no_text, &issuing.certificate], &anchored(&root)), (0, violation));
}

#[test]
fn the_mail_address_in_a_subject_is_compared_with_constraints_on_mail_addresses() {
    let legacy = |params: &mut CertificateParams| {
        let oid = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
        params.distinguished_name.push(oid, rcgen::DnValue::Ia5String("a@evil.example".try_into().unwrap()));
    };
    let root = ValidationTestCa::root("Root");
    let permitted = constraints(&[email("corp.example")], &[]);
    let issuing = root.authority_with("Issuing", constrained(&permitted));
    let leaf = issuing.leaf_with(legacy);
    let violation = PathViolation::NameNotPermitted {
        name: "rfc822Name a@evil.example".into(),
        by: issuing.certificate.subject().clone(),
    };
    assert_eq!(refused(&[&leaf, &issuing.certificate], &anchored(&root)), (0, violation));
}

#[test]
fn a_constraint_applies_to_names_of_its_own_kind_only() {
    let names = [dns("other.example"), upn("alice@other"), uri("urn:x"), other_name(FASC_N, "1")];
    assert_eq!(verdict(&[email("corp.example")], &[], &names), "passes");
    assert_eq!(verdict(&[upn("corp.example")], &[], &[email("alice@other"), dns("other")]), "passes");
    assert_eq!(verdict(&[email("corp.example")], &[], &[upn("alice@other")]), "passes");
}

#[test]
fn a_name_of_a_constrained_and_unknown_kind_is_refused() {
    let registered = element(0x88, &[42, 3]);
    let x400 = element(0xa3, &[]);
    for kind in [other_name(FASC_N, "1"), registered, x400] {
        let same = std::slice::from_ref(&kind);
        assert_eq!(verdict(same, &[], same), "not validated");
        assert_eq!(verdict(&[], same, same), "not validated");
        assert_eq!(verdict(same, same, &[upn("alice@other")]), "passes");
    }
    let utf8_mail = other_name(SMTP_UTF8_MAILBOX, "alice@evil.example");
    assert_eq!(verdict(&[email("corp.example")], &[], &[utf8_mail]), "not validated");
}

#[test]
fn alternative_names_of_an_unknown_kind_are_refused_below_any_constraint() {
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority_with("Issuing", constrained(&constraints(&[dns("corp.example")], &[])));
    let broken = element(0xa9, b"alice");
    let leaf = issuing.leaf_with(holding(std::slice::from_ref(&broken)));
    let extension = const_oid::db::rfc5280::ID_CE_SUBJECT_ALT_NAME.into();
    let violation = PathViolation::UndecodableExtension { extension };
    assert_eq!(refused(&[&leaf, &issuing.certificate], &anchored(&root)), (0, violation));
    assert!(validated(&[&root.leaf_with(holding(&[broken]))], &anchored(&root)).is_ok());
}

#[test]
fn a_name_that_cannot_be_read_is_refused_below_a_constraint_on_its_kind_only() {
    let not_text = element(0xa0, &[oid(USER_PRINCIPAL_NAME), element(0xa0, &element(4, b"alice"))].concat());
    let not_ascii = |tag| element(tag, "alicé@corp.example".as_bytes());
    let kinds = [
        (not_text, upn("corp.example")),
        (not_ascii(0x81), email("corp.example")),
        (not_ascii(0x82), dns("corp.example")),
        (not_ascii(0x86), uri("corp.example")),
        (element(0x81, b""), email("corp.example")),
    ];
    for (name, of_its_kind) in &kinds {
        let names = std::slice::from_ref(name);
        for (_, constraint) in &kinds {
            let expected = if constraint == of_its_kind { "not validated" } else { "passes" };
            assert_eq!(verdict(std::slice::from_ref(constraint), &[], names), expected, "{name:?}");
            assert_eq!(verdict(&[], std::slice::from_ref(constraint), names), expected, "{name:?}");
        }
    }
}

#[test]
fn a_upn_of_any_string_type_is_compared_with_its_constraints() {
    for (tag, text) in [(0x16, &b"a@evil.example"[..]), (0x13, b"a@evil.example"), (0x14, b"a@evil.example")]
    {
        let name = element(0xa0, &[oid(USER_PRINCIPAL_NAME), element(0xa0, &element(tag, text))].concat());
        assert_eq!(verdict(&[upn("corp.example")], &[], std::slice::from_ref(&name)), "not permitted");
        assert_eq!(verdict(&[], &[upn("evil.example")], &[name]), "excluded");
    }
}

#[test]
fn the_constraints_of_every_ca_above_apply_except_to_a_self_issued_ca() {
    let root = ValidationTestCa::root("Root");
    let policy = root.authority_with("Policy", constrained(&constraints(&[dns("corp.example")], &[])));
    let next_key = policy.authority_with("Policy", holding(&[dns("other.example")]));
    let issuing = next_key.authority_with(
        "Issuing",
        constrained(&constraints(&[dns("example")], &[dns("secret.corp.example")])),
    );
    let above = [&issuing.certificate, &next_key.certificate, &policy.certificate];
    let verdict_of = |text: &str| {
        let leaf = issuing.leaf_with(holding(&[dns(text)]));
        validated(&[&leaf, above[0], above[1], above[2]], &anchored(&root)).is_ok()
    };
    assert!(verdict_of("a.corp.example"));
    assert!(!verdict_of("secret.corp.example"));
    assert!(!verdict_of("other.example"));

    let other = policy.authority_with("Other", holding(&[dns("other.example")]));
    let (index, violation) =
        refused(&[&other.leaf(), &other.certificate, &policy.certificate], &anchored(&root));
    assert!(matches!((index, violation), (1, PathViolation::NameNotPermitted { .. })));
}

#[test]
fn the_constraints_of_an_anchor_apply() {
    let root = ValidationTestCa::root_with("Root", constrained(&constraints(&[upn("corp.example")], &[])));
    let leaf = |text: &str| root.leaf_with(holding(&[upn(text)]));
    assert!(validated(&[&leaf("alice@corp.example")], &anchored(&root)).is_ok());
    assert_eq!(refused(&[&leaf("alice@evil.example")], &anchored(&root)).0, 0);
    let broken = ValidationTestCa::root_with("Root", constrained(&[0x30, 0]));
    let extension = const_oid::db::rfc5280::ID_CE_NAME_CONSTRAINTS.into();
    let violation = PathViolation::UndecodableExtension { extension };
    assert_eq!(refused(&[&broken.leaf()], &anchored(&broken)), (1, violation));
    let twice = ValidationTestCa::root_with("Root", |params| {
        for _ in 0..2 {
            params.custom_extensions.push(extension_of(&constraints(&[upn("corp.example")], &[])));
        }
    });
    let violation = PathViolation::DuplicateExtension { extension };
    assert_eq!(refused(&[&twice.leaf()], &anchored(&twice)), (1, violation));
}

#[test]
fn a_minimum_a_maximum_and_an_empty_list_are_refused() {
    let subtree = |rest: &[u8]| sequence(&[dns("corp.example"), rest.to_vec()]);
    let verdict_of = |list: Vec<u8>| {
        let root = ValidationTestCa::root("Root");
        let content = sequence(&[element(0xa0, &list)]);
        let issuing = root.authority_with("Issuing", constrained(&content));
        validated(&[&issuing.leaf(), &issuing.certificate], &anchored(&root))
            .map(drop)
            .map_err(|e| e.violation)
    };
    let extension = const_oid::db::rfc5280::ID_CE_NAME_CONSTRAINTS.into();
    for list in [subtree(&[0x80, 1, 1]), subtree(&[0x81, 1, 9]), vec![]] {
        assert_eq!(verdict_of(list), Err(PathViolation::UndecodableExtension { extension }));
    }
    assert_eq!(verdict_of(subtree(&[0x80, 1, 0])), Ok(()));
}

#[test]
fn comparisons_of_names_and_subtrees_are_bounded() {
    let many = |count: u32, make: fn(&str) -> Vec<u8>| -> Vec<Vec<u8>> {
        (0..count).map(|number| make(&format!("{number}.example"))).collect()
    };
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority_with("Issuing", constrained(&constraints(&[], &many(2_000, dns))));
    let leaf = issuing.leaf_with(|params| {
        params.subject_alt_names = vec![SanType::DnsName("a.other".try_into().unwrap()); 1_000];
    });
    let trust = TrustSet::new(vec![root.certificate.clone()], vec![issuing.certificate.clone()]);
    let (chain, rule) = (presented(&[&leaf]), ValidationRule::default());
    let (verdict, _, budget) = PathSearch::new(&chain, &trust, &rule, NOW).run();
    assert_eq!(verdict.unwrap_err().violation, PathViolation::TooManyNames);
    assert_eq!(budget.name_comparisons, MAX_NAME_COMPARISONS);
}

#[test]
fn comparisons_of_one_very_long_name_are_bounded() {
    let subtrees: Vec<_> = (0..1_000).map(|number| dns(&format!("{number}.example"))).collect();
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority_with("Issuing", constrained(&constraints(&[], &subtrees)));
    let leaf = issuing.leaf_with(holding(&[dns(&"a.".repeat(7_500))]));
    let (_, violation) = refused(&[&leaf, &issuing.certificate], &anchored(&root));
    assert_eq!(violation, PathViolation::TooManyNames);
}

#[test]
fn a_refusal_has_the_name_and_the_ca() {
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority_with("Issuing", constrained(&constraints(&[], &[other_name(FASC_N, "1")])));
    let leaf = issuing.leaf_with(holding(&[other_name(FASC_N, "1")]));
    let by = issuing.certificate.subject().clone();
    let violation = PathViolation::NameNotComparable { form: NameForm::OtherName(FASC_N.into()), by };
    assert_eq!(refused(&[&leaf, &issuing.certificate], &anchored(&root)), (0, violation));
}
