//! Mapping with the accounts of a directory.

use super::*;
use crate::clock::UnixTime;
use crate::directory::{AccountStatus, AccountStatusError, DirectoryAccount, DirectoryGroup, LookupKeys};
use crate::identity::lookup_plan::LookupPlan;
use crate::revocation::test_pki::{HOUR, before};

pub(super) const ORDER: &[Mapper] = &[Mapper::Rules, Mapper::Sid, Mapper::AltSecurityIdentities, Mapper::Upn];

pub(super) fn person(name: &str, number: u32) -> DirectoryAccount {
    DirectoryAccount {
        dn: format!("CN={name},DC=corp,DC=example"),
        directory: "corp".into(),
        upn: Some(format!("{name}@corp.example")),
        account_name: Some(name.to_owned()),
        netbios_domain: Some("CORP".to_owned()),
        dns_domain: Some("corp.example".to_owned()),
        sid: Some(sid(number)),
        emails: vec![format!("{name}@mail.example")],
        alt_security_identities: Vec::new(),
        attributes: std::collections::BTreeMap::new(),
        created: Some(before(NOW, HOUR)),
        status: AccountStatus::default(),
        groups: vec![DirectoryGroup { name: "Staff".to_owned(), sid: Some(format!("{DOMAIN}-2001")) }],
    }
}

/// Maps a certificate for which the directory returns `people`.
pub(super) fn with(
    chain: &UnrevokedChain,
    rule: &MappingSettings,
    people: &[DirectoryAccount],
) -> Result<Account, MappingError> {
    LookupPlan::new(chain, rule)?.resolve(people, NOW).1
}

fn user(
    chain: &UnrevokedChain,
    rule: &MappingSettings,
    people: &[DirectoryAccount],
) -> (String, String, MappingStrength) {
    let account = with(chain, rule, people).unwrap();
    (account.user, account.mapping.to_string(), account.strength)
}

fn demanding(strength: RequiredStrength, order: &[Mapper]) -> MappingSettings {
    MappingSettings { strength, ..rule(order) }
}

/// Issues a certificate with this UPN and this security identifier.
pub(super) fn card_of(name: Option<&str>, number: Option<u32>) -> UnrevokedChain {
    card_with(|params| {
        params.distinguished_name.push(DnType::CommonName, "Alice");
        params.subject_alt_names = name.map(upn).into_iter().collect();
        params.custom_extensions =
            number.map(|number| sid_extension(&sid(number).to_string())).into_iter().collect();
    })
}

fn sid_uri(number: u32) -> SanType {
    uri(&format!("tag:microsoft.com,2022-09-14:sid:{}", sid(number)))
}

#[test]
fn a_security_identifier_maps_strongly_to_the_account_of_the_directory() {
    let chain = card_of(Some("alice@corp.example"), Some(1106));
    let account =
        with(&chain, &demanding(RequiredStrength::Strong, ORDER), &[person("alice", 1106)]).unwrap();
    let expected = Account {
        upn: Some("alice@corp.example".to_owned()),
        sid: Some(sid(1106).to_string()),
        account_name: Some("alice".to_owned()),
        domain: Some("CORP".to_owned()),
        dns_domain: Some("corp.example".to_owned()),
        groups: person("alice", 1106).groups,
        ..Account::named("CORP\\alice", MappingMethod::SecurityIdentifier, MappingStrength::Strong)
    };
    assert_eq!(account, expected);
}

#[test]
fn the_lookup_keys_have_every_value_of_the_mappers_that_the_issuer_may_write() {
    let chain = card_with(|params| {
        params.distinguished_name.push(DnType::CommonName, "Alice");
        params.subject_alt_names =
            vec![upn("alice@corp.example"), email("a@mail.example"), email("b@mail.example")];
        params.custom_extensions = vec![sid_extension(&sid(1106).to_string())];
    });
    let order = [Mapper::Sid, Mapper::Upn, Mapper::Email, Mapper::Subject];
    let keys = LookupPlan::new(&chain, &rule(&order)).unwrap().lookup_keys();
    let expected = LookupKeys {
        sids: vec![sid(1106)],
        upns: vec!["alice@corp.example".to_owned()],
        emails: vec!["a@mail.example".to_owned(), "b@mail.example".to_owned()],
        account_names: vec!["alice".to_owned(), "Alice".to_owned()],
        ..LookupKeys::default()
    };
    assert_eq!(keys, expected);
    let pins = IdentityIssuer {
        upn_suffixes: Vec::new(),
        sid_domains: Vec::new(),
        mappers: vec![Mapper::Sid, Mapper::Upn],
        ..pinned()
    };
    let rule = MappingSettings { identity_issuers: vec![pins], ..rule(&order) };
    assert_eq!(LookupPlan::new(&chain, &rule).unwrap().lookup_keys(), LookupKeys::default());
}

#[test]
fn an_unknown_security_identifier_never_falls_back_to_a_upn() {
    let chain = card_of(Some("alice@corp.example"), Some(1106));
    assert_eq!(why_not(with(&chain, &rule(ORDER), &[])), NotMappedReason::UnknownSid { sid: sid(1106) });
    for order in [&[Mapper::Sid, Mapper::Upn], &[Mapper::Upn, Mapper::Sid]] {
        let outcome = with(&chain, &rule(order), &[person("alice", 1200)]);
        assert!(outcome.is_err(), "{outcome:?}");
    }
}

#[test]
fn a_name_of_an_account_with_another_security_identifier_is_a_conflict() {
    let chain = card_with(|params| {
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.subject_alt_names = vec![upn("alice@corp.example"), email("alice@mail.example")];
        params.custom_extensions = vec![sid_extension(&sid(1107).to_string())];
    });
    let both = [person("alice", 1106), person("bob", 1107)];
    for order in [
        &[Mapper::Upn][..],
        &[Mapper::Email],
        &[Mapper::Subject],
        &[Mapper::Sid, Mapper::Upn],
        &[Mapper::Upn, Mapper::Sid],
    ] {
        match with(&chain, &rule(order), &both) {
            Err(MappingError::Conflict {
                why: IdentityConflict::SidMismatch { of_account, of_certificate, .. },
            }) => assert_eq!((of_account, of_certificate), (sid(1106), sid(1107)), "{order:?}"),
            other => panic!("{order:?}: {other:?}"),
        }
    }
}

#[test]
fn a_renamed_account_is_found_by_its_security_identifier() {
    let chain = card_of(Some("alice.maiden@corp.example"), Some(1106));
    let found = user(&chain, &rule(ORDER), &[person("alice", 1106)]);
    assert_eq!(found, ("CORP\\alice".to_owned(), "sid".to_owned(), MappingStrength::Strong));
}

#[test]
fn the_uri_of_a_security_identifier_is_equivalent_to_the_extension_and_must_agree_with_it() {
    let card_with_uri = |number: Option<u32>, uris: Vec<SanType>| {
        card_with(|params| {
            params.subject_alt_names = uris;
            params.custom_extensions =
                number.map(|number| sid_extension(&sid(number).to_string())).into_iter().collect();
        })
    };
    let people = [person("alice", 1106)];
    for chain in [
        card_with_uri(None, vec![sid_uri(1106)]),
        card_with_uri(Some(1106), vec![sid_uri(1106)]),
        card_with_uri(None, vec![sid_uri(1106), sid_uri(1106)]),
    ] {
        assert_eq!(user(&chain, &rule(ORDER), &people).0, "CORP\\alice");
    }
    for chain in [
        card_with_uri(Some(1107), vec![sid_uri(1106)]),
        card_with_uri(None, vec![sid_uri(1106), sid_uri(1107)]),
    ] {
        let outcome = with(&chain, &rule(ORDER), &people);
        assert!(
            matches!(outcome, Err(MappingError::Conflict { why: IdentityConflict::Sids(..) })),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_security_identifier_that_cannot_be_decoded_ends_the_mapping_by_any_name() {
    let broken = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![upn("alice@corp.example")];
        params.custom_extensions = vec![sid_extension("S-1-5-021-1")];
    };
    let broken_uri = |params: &mut CertificateParams| {
        let uri = uri("tag:microsoft.com,2022-09-14:sid:S-1-");
        params.subject_alt_names = vec![upn("alice@corp.example"), uri];
    };
    let people = [person("alice", 1106)];
    for chain in [card_with(broken), card_with(broken_uri)] {
        for order in [&[Mapper::Upn], &[Mapper::Sid]] {
            assert_eq!(why_not(with(&chain, &rule(order), &people)), NotMappedReason::SidUndecodable);
        }
    }
}

#[test]
fn an_issuer_is_limited_to_its_domains_and_mappers() {
    let chain = card_of(Some("alice@corp.example"), Some(1106));
    let people = [person("alice", 1106)];
    let with_pins =
        |pins| with(&chain, &MappingSettings { identity_issuers: vec![pins], ..rule(ORDER) }, &people);
    let other = IdentityIssuer { sid_domains: vec!["S-1-5-21-1-2-3".parse().unwrap()], ..pinned() };
    assert_eq!(why_not(with_pins(other)), NotMappedReason::SidNotAllowed { sid: sid(1106) });
    let below = IdentityIssuer { sid_domains: vec![sid(1106)], ..pinned() };
    assert_eq!(why_not(with_pins(below)), NotMappedReason::SidNotAllowed { sid: sid(1106) });
    let by_upn = IdentityIssuer { mappers: vec![Mapper::Upn], ..pinned() };
    let account = with_pins(by_upn).unwrap();
    assert_eq!((account.mapping.to_string().as_str(), account.strength), ("upn", MappingStrength::Weak));
    let nothing = IdentityIssuer { mappers: Vec::new(), ..pinned() };
    assert_eq!(why_not(with_pins(nothing)), NotMappedReason::NoValue);
}

#[test]
fn an_alt_security_identity_has_the_strength_of_its_form() {
    let chain = card_with(|params| {
        params.distinguished_name.push(DnType::CommonName, "Alice, A.");
        params.subject_alt_names = vec![email("Alice@mail.example")];
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        params.custom_extensions = vec![sid_extension(&sid(1106).to_string())];
    });
    let values = leaf(&chain).alt_security_identities();
    assert_eq!(values.len(), 8, "{values:?}");
    let order = [Mapper::AltSecurityIdentities];
    for value in values {
        let mut alice = person("alice", 1106);
        alice.alt_security_identities = vec![
            "Kerberos:alice@CORP.EXAMPLE".to_owned(),
            value.value.to_lowercase().replace("x509", "X509"),
        ];
        let (user, mapping, strength) = user(&chain, &rule(&order), std::slice::from_ref(&alice));
        assert_eq!(user, "CORP\\alice");
        assert_eq!(mapping, format!("alt_security_identities:{}", value.form.name()));
        assert_eq!(strength == MappingStrength::Strong, value.form.is_strong(), "{value:?}");
        let demanded = with(&chain, &demanding(RequiredStrength::Strong, &order), &[alice]);
        if value.form.is_strong() {
            assert!(demanded.is_ok());
        } else {
            assert!(matches!(demanded, Err(MappingError::TooWeak { .. })), "{demanded:?}");
        }
    }
}

/// Issues a certificate with this security identifier and with alice's UPN.
fn card_of_partner(number: &str) -> UnrevokedChain {
    card_with(|params| {
        params.distinguished_name.push(DnType::CommonName, "Alice, A.");
        params.subject_alt_names = vec![upn("alice@corp.example"), email("Alice@mail.example")];
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        params.custom_extensions = vec![sid_extension(number)];
    })
}

#[test]
fn a_strong_alt_security_identity_takes_precedence_over_the_security_identifier_as_in_windows() {
    for number in ["S-1-5-21-7-8-9-1106".to_owned(), sid(1107).to_string(), sid(4711).to_string()] {
        let chain = card_of_partner(&number);
        for value in leaf(&chain).alt_security_identities() {
            let mut alice = person("alice", 1106);
            alice.alt_security_identities = vec![value.value.clone()];
            let people = [alice, person("bob", 1107)];
            for order in [
                &[Mapper::Sid, Mapper::AltSecurityIdentities][..],
                &[Mapper::AltSecurityIdentities, Mapper::Sid],
                &[Mapper::AltSecurityIdentities],
                ORDER,
            ] {
                let windows = with(&chain, &rule(order), &people);
                let strict = MappingSettings { sid_check: SidCheck::Strict, ..rule(order) };
                let strict = with(&chain, &strict, &people);
                assert!(strict.is_err(), "{number} {value:?} {order:?}: {strict:?}");
                if value.form.is_strong() {
                    assert_eq!(windows.unwrap().user, "CORP\\alice", "{number} {value:?} {order:?}");
                } else {
                    assert!(windows.is_err(), "{number} {value:?} {order:?}: {windows:?}");
                }
            }
        }
    }
}

#[test]
fn two_accounts_with_a_strong_alt_security_identity_are_ambiguous() {
    let chain = card_of_partner("S-1-5-21-7-8-9-1106");
    let value =
        leaf(&chain).alt_security_identities().into_iter().find(|value| value.form.is_strong()).unwrap();
    let with_value = |name, number| DirectoryAccount {
        alt_security_identities: vec![value.value.clone()],
        ..person(name, number)
    };
    let outcome = with(&chain, &rule(ORDER), &[with_value("alice", 1106), with_value("bob", 1107)]);
    assert!(matches!(outcome, Err(MappingError::Ambiguous { .. })), "{outcome:?}");
}

#[test]
fn an_issuer_is_limited_to_its_alt_security_forms() {
    let chain = card_of_partner(&sid(1106).to_string());
    let order = [Mapper::AltSecurityIdentities];
    for value in leaf(&chain).alt_security_identities() {
        let mut alice = person("alice", 1106);
        alice.alt_security_identities = vec![value.value.clone()];
        for form in AltSecurityForm::ALL {
            let pins = IdentityIssuer { alt_security_forms: vec![form], ..pinned() };
            let by_one = MappingSettings { identity_issuers: vec![pins], ..rule(&order) };
            let keys = LookupPlan::new(&chain, &by_one).unwrap().lookup_keys().alt_security_identities;
            assert_eq!(keys.contains(&value.value), form == value.form, "{value:?} {form:?}");
            let outcome = with(&chain, &by_one, std::slice::from_ref(&alice));
            assert_eq!(outcome.is_ok(), form == value.form, "{value:?} {form:?}: {outcome:?}");
        }
    }
}

#[test]
fn an_alt_security_identity_of_another_certificate_matches_no_account() {
    let chain = card_of(None, None);
    let mut alice = person("alice", 1106);
    alice.alt_security_identities = vec![
        "X509:<I>CN=Issuing CA 1<SR>02".to_owned(),
        "X509:<SKI>".to_owned(),
        "X509:<S>CN=Bob".to_owned(),
    ];
    let outcome = with(&chain, &rule(&[Mapper::AltSecurityIdentities]), &[alice]);
    assert_eq!(why_not(outcome), NotMappedReason::AccountNotFound);
}

#[test]
fn the_strongest_mapper_determines_the_strength() {
    let chain = card_of(Some("alice@corp.example"), Some(1106));
    let strong = demanding(RequiredStrength::Strong, &[Mapper::Upn, Mapper::Sid]);
    let found = user(&chain, &strong, &[person("alice", 1106)]);
    assert_eq!(found, ("CORP\\alice".to_owned(), "sid".to_owned(), MappingStrength::Strong));
    let weak = demanding(RequiredStrength::Strong, &[Mapper::Upn]);
    let outcome = with(&chain, &weak, &[person("alice", 1106)]);
    assert!(matches!(outcome, Err(MappingError::TooWeak { .. })), "{outcome:?}");
}

#[test]
fn two_accounts_are_ambiguous_by_one_mapper_and_by_two() {
    let chain = card("Alice", vec![upn("alice@corp.example"), email("bob@mail.example")]);
    let twice = [
        person("alice", 1106),
        DirectoryAccount { upn: Some("alice@corp.example".to_owned()), ..person("b", 2) },
    ];
    let by_two = [person("alice", 1106), person("bob", 1107)];
    for (order, people) in [(&[Mapper::Upn][..], &twice), (&[Mapper::Upn, Mapper::Email], &by_two)] {
        match with(&chain, &rule(order), people) {
            Err(MappingError::Ambiguous { names, .. }) => {
                assert_eq!(names, people.each_ref().map(|person| person.dn.clone()));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn several_emails_of_one_account_are_not_ambiguous() {
    let chain = card("Alice", vec![email("alice@mail.example"), email("a@mail.example")]);
    let mut alice = person("alice", 1106);
    alice.emails.push("A@mail.example".to_owned());
    assert_eq!(user(&chain, &rule(&[Mapper::Email]), &[alice]).1, "email");
}

#[test]
fn a_upn_is_the_explicit_one_or_the_account_name_in_its_domain() {
    let chain = card_of(Some("ALICE@corp.example"), None);
    let renamed =
        DirectoryAccount { upn: Some("a.smith@people.example".to_owned()), ..person("alice", 1106) };
    let elsewhere = DirectoryAccount { dns_domain: Some("eu.corp.example".to_owned()), ..renamed.clone() };
    assert_eq!(user(&chain, &rule(&[Mapper::Upn]), std::slice::from_ref(&renamed)).0, "CORP\\alice");
    let outcome = with(&chain, &rule(&[Mapper::Upn]), &[elsewhere]);
    assert_eq!(why_not(outcome), NotMappedReason::AccountNotFound);
    let given = DirectoryAccount { upn: Some("alice@corp.example".to_owned()), ..person("other", 1107) };
    let outcome = with(&chain, &rule(&[Mapper::Upn]), &[renamed, given]);
    assert!(matches!(outcome, Err(MappingError::Ambiguous { .. })), "{outcome:?}");
}

#[test]
fn compatibility_accepts_weak_mappings_of_certificates_that_are_not_older_than_the_account() {
    let made = |not_before: UnixTime| {
        card_with(|params| {
            params.subject_alt_names = vec![upn("alice@corp.example")];
            let seconds = i64::try_from(not_before.seconds()).unwrap();
            params.not_before = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        })
    };
    let created = before(NOW, HOUR);
    let compatible = |backdating| demanding(RequiredStrength::Compatibility { backdating }, &[Mapper::Upn]);
    let people = [DirectoryAccount { created: Some(created), ..person("alice", 1106) }];
    let second = Duration::from_secs(1);
    let cases = [
        (created, Duration::ZERO, true),
        (before(created, second), Duration::ZERO, false),
        (before(created, second), second, true),
    ];
    for (not_before, backdating, is_taken) in cases {
        let outcome = with(&made(not_before), &compatible(backdating), &people);
        assert_eq!(outcome.is_ok(), is_taken, "{outcome:?}");
    }
    let unknown = [DirectoryAccount { created: None, ..person("alice", 1106) }];
    let outcome = with(&made(NOW), &compatible(HOUR), &unknown);
    assert!(matches!(outcome, Err(MappingError::OlderThanAccount { created: None, .. })), "{outcome:?}");
    // Dates do not matter for a strong mapping.
    let old = card_of(None, Some(1106));
    let rule = demanding(RequiredStrength::Compatibility { backdating: Duration::ZERO }, &[Mapper::Sid]);
    assert!(with(&old, &rule, &unknown).is_ok());
}

#[test]
fn an_unusable_account_is_rejected_and_one_that_expires_has_a_deadline() {
    let chain = card_of(None, Some(1106));
    let in_standing =
        |status| with(&chain, &rule(ORDER), &[DirectoryAccount { status, ..person("alice", 1106) }]);
    let outcome = in_standing(AccountStatus { disabled: true, ..AccountStatus::default() });
    assert!(
        matches!(outcome, Err(MappingError::AccountUnusable { why: AccountStatusError::Disabled, .. })),
        "{outcome:?}"
    );
    let end = NOW.plus(HOUR);
    let account = in_standing(AccountStatus { expires: Some(end), ..AccountStatus::default() }).unwrap();
    assert_eq!(account.until, Some(end));
}

#[test]
fn a_number_is_searched_for_in_the_configured_attribute() {
    let chain = card("DOE.JANE.Q.1234567890", Vec::new());
    let attributes = vec![(Mapper::Edipi, "employeeID".to_owned())];
    let rule = MappingSettings { attributes, ..rule(&[Mapper::Edipi]) };
    let keys = LookupPlan::new(&chain, &rule).unwrap().lookup_keys();
    assert_eq!(keys.attributes, [("employeeID".to_owned(), "1234567890".to_owned())]);
    let mut jane = person("jane", 1106);
    jane.attributes.insert("employeeid".to_owned(), vec!["1234567890".to_owned()]);
    let found = user(&chain, &rule, &[jane]);
    assert_eq!(found, ("CORP\\jane".to_owned(), "edipi".to_owned(), MappingStrength::Weak));
    assert_eq!(why_not(with(&chain, &rule, &[person("jane", 1106)])), NotMappedReason::AccountNotFound);
}

#[test]
fn the_user_of_an_account_without_a_domain_is_its_upn_or_its_name() {
    let chain = card_of(Some("alice@corp.example"), None);
    let of_ldap =
        DirectoryAccount { netbios_domain: None, dns_domain: None, sid: None, ..person("alice", 1) };
    assert_eq!(user(&chain, &rule(&[Mapper::Upn]), std::slice::from_ref(&of_ldap)).0, "alice@corp.example");
    let chain = card("alice", Vec::new());
    let by_name = DirectoryAccount { upn: None, ..of_ldap };
    assert_eq!(user(&chain, &rule(&[Mapper::Subject]), &[by_name]).0, "alice");
}

#[test]
fn a_forbidden_name_is_skipped_after_a_match_and_ends_the_mapping_before_one() {
    let chain = card_of(Some("alice@other.example"), Some(1106));
    let people = [person("alice", 1106)];
    assert!(with(&chain, &rule(&[Mapper::Sid, Mapper::Upn]), &people).is_ok());
    let outcome = with(&chain, &rule(&[Mapper::Upn, Mapper::Sid]), &people);
    assert!(matches!(why_not(outcome), NotMappedReason::SuffixNotAllowed { .. }));
}

#[test]
fn a_response_that_may_be_truncated_is_ambiguous_although_one_account_matches() {
    let chain = card_of(None, Some(1106));
    let crowd: Vec<_> = (0..8).map(|number| person(&format!("crowd{number}"), 1106 + number)).collect();
    assert!(with(&chain, &rule(&[Mapper::Sid]), &crowd[..7]).is_ok());
    let outcome = with(&chain, &rule(&[Mapper::Sid]), &crowd);
    assert!(matches!(outcome, Err(MappingError::Ambiguous { .. })), "{outcome:?}");
}
