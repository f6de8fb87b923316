//! Tests of mapping with certificates that are issued here.

mod cached;
mod directories;
mod hidden;
mod numbers;
mod rule_accounts;

use super::*;
use crate::certificate::{AltSecurityForm, Certificate, KeyId};
use crate::directory::Sid;
use crate::revocation::UnrevokedChain;
use crate::revocation::test_pki::{NOW, TestCa, proven, unrevoked};
use proptest::prelude::*;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, CustomExtension, DnType, SanType};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

static ROOT: LazyLock<TestCa> = LazyLock::new(|| TestCa::root("Issuing CA 1"));

fn upn(text: &str) -> SanType {
    SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], text.to_owned().into()))
}

fn email(text: &str) -> SanType {
    SanType::Rfc822Name(Ia5String::try_from(text).unwrap())
}

/// Issues a certificate of the root with this common name and these subject alternative names.
fn card(name: &str, alternative_names: Vec<SanType>) -> UnrevokedChain {
    card_with(|params| {
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names = alternative_names;
    })
}

fn card_with(edit: impl FnOnce(&mut CertificateParams)) -> UnrevokedChain {
    unrevoked(&ROOT.issue_with(&[1], edit), &[&ROOT.certificate])
}

/// The domain of every security identifier.
const DOMAIN: &str = "S-1-5-21-1004336348-1177238915-682003330";

fn sid(number: u32) -> Sid {
    format!("{DOMAIN}-{number}").parse().unwrap()
}

/// Encodes the security identifier extension ([MS-WCCE] 2.2.2.7.7.4) with this text.
fn sid_extension(text: &str) -> CustomExtension {
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
    }
    let kind = [6, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x19, 2, 1];
    let value = element(0xa0, &element(4, text.as_bytes()));
    let names = element(0x30, &element(0xa0, &[&kind[..], &value].concat()));
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 311, 25, 2], names)
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

/// Returns an issuer whose certificates may be mapped by every mapper.
fn pinned() -> IdentityIssuer {
    IdentityIssuer {
        key: ROOT.certificate.key_id(),
        upn_suffixes: vec!["corp.example".to_owned()],
        email_domains: vec!["mail.example".to_owned()],
        sid_domains: vec![DOMAIN.parse().unwrap()],
        mappers: Mapper::ALL.to_vec(),
        alt_security_forms: AltSecurityForm::ALL.to_vec(),
    }
}

fn rule(order: &[Mapper]) -> MappingSettings {
    MappingSettings {
        order: order.to_vec(),
        strength: RequiredStrength::Weak,
        sid_check: SidCheck::Windows,
        identity_issuers: vec![pinned()],
        rules: Vec::new(),
        attributes: Vec::new(),
    }
}

/// Maps a certificate without a directory.
fn mapping(chain: &UnrevokedChain, rule: &MappingSettings) -> MappingTrace {
    runtime().block_on(map(chain, rule, None, NOW))
}

fn mapped(chain: &UnrevokedChain, rule: &MappingSettings) -> Result<Account, MappingError> {
    mapping(chain, rule).outcome
}

fn table(rules: Vec<AccountRule>) -> MappingSettings {
    MappingSettings { rules, ..rule(&[Mapper::Rules]) }
}

fn named(user: &str) -> RuleAction {
    RuleAction::Account(NamedAccount { user: user.to_owned(), ..NamedAccount::default() })
}

fn condition(side: CertificateField, field: &str, pattern: &str) -> FieldCondition {
    let pattern = FieldPattern::parse(pattern, LetterCase::Exact).unwrap();
    FieldCondition { side, field: field.parse().unwrap(), pattern }
}

fn fields(name: &str, conditions: Vec<FieldCondition>, action: RuleAction) -> AccountRule {
    AccountRule::many_to_one(name, ROOT.certificate.key_id(), conditions, action).unwrap()
}

fn subject_is(name: &str, pattern: &str, action: RuleAction) -> AccountRule {
    fields(name, vec![condition(CertificateField::Subject, "CN", pattern)], action)
}

fn why_not(result: Result<Account, MappingError>) -> NotMappedReason {
    match result {
        Err(MappingError::NotMapped { why }) => why,
        other => panic!("{other:?}"),
    }
}

fn leaf(chain: &UnrevokedChain) -> &Certificate {
    chain.chain().leaf()
}

#[test]
fn a_upn_maps_weakly() {
    let chain = card("Alice", vec![email("a@mail.example"), upn("Alice@Corp.Example")]);
    let name = "Alice@Corp.Example";
    let expected = Account {
        upn: Some(name.to_owned()),
        ..Account::named(name, MappingMethod::SubjectAlternativeUpn, MappingStrength::Weak)
    };
    assert_eq!(mapped(&chain, &rule(&[Mapper::Upn])).unwrap(), expected);
}

#[test]
fn each_mapper_reads_its_own_form_of_name_only() {
    let chain =
        card("Alice", vec![email("alice@mail.example"), SanType::URI("a@corp.example".try_into().unwrap())]);
    assert_eq!(why_not(mapped(&chain, &rule(&[Mapper::Upn]))), NotMappedReason::NoValue);
    let by_email = mapped(&chain, &rule(&[Mapper::Upn, Mapper::Email])).unwrap();
    assert_eq!((by_email.user.as_str(), by_email.upn), ("alice@mail.example", None));
    let by_subject = mapped(&chain, &rule(&[Mapper::Subject, Mapper::Email])).unwrap();
    assert_eq!((by_subject.user.as_str(), by_subject.mapping), ("Alice", MappingMethod::Subject));
}

#[test]
fn no_mapper_applies_to_certificates_of_an_issuer_that_is_not_pinned() {
    let chain = card("Alice", vec![upn("alice@corp.example")]);
    let issuer = Some(ROOT.certificate.key_id());
    let none = MappingSettings { identity_issuers: Vec::new(), ..rule(&Mapper::ALL) };
    assert_eq!(why_not(mapped(&chain, &none)), NotMappedReason::IssuerNotPinned { issuer });
    let same_name = TestCa::root("Issuing CA 1");
    let another = IdentityIssuer { key: same_name.certificate.key_id(), ..pinned() };
    let rules = vec![AccountRule::one_to_one("one", leaf(&chain).fingerprint(), named("alice")).unwrap()];
    let other = MappingSettings { identity_issuers: vec![another], rules, ..rule(&Mapper::ALL) };
    assert_eq!(mapping(&chain, &other).steps, []);
    assert_eq!(why_not(mapped(&chain, &other)), NotMappedReason::IssuerNotPinned { issuer });
}

#[test]
fn the_pinned_ca_must_be_the_direct_issuer_of_the_leaf() {
    let issuing = ROOT.sub_ca("Below", 5);
    let card = issuing.issue_with(&[2], |params| params.subject_alt_names = vec![upn("a@corp.example")]);
    let chain = proven(&card, &[&issuing.certificate], &[&ROOT.certificate]);
    let off = crate::revocation::RevocationRule {
        mode: crate::revocation::RevocationMode::Off,
        ..Default::default()
    };
    let (trust, crls) = (crate::validation::TrustSet::default(), crate::revocation::CrlStore::empty());
    let chain = crate::revocation::check(&chain, &off, &trust, &crls, NOW).unwrap();
    let issuer = Some(issuing.certificate.key_id());
    assert_eq!(why_not(mapped(&chain, &rule(&[Mapper::Upn]))), NotMappedReason::IssuerNotPinned { issuer });
}

#[test]
fn a_suffix_that_the_issuer_may_not_write_ends_the_mapping() {
    let chain = card("Alice", vec![upn("admin@other.example"), email("alice@corp.example")]);
    for mapper in [Mapper::Upn, Mapper::Email] {
        let order = rule(&[mapper, Mapper::Subject]);
        assert!(matches!(why_not(mapped(&chain, &order)), NotMappedReason::SuffixNotAllowed { .. }));
        let mut none = order;
        none.identity_issuers[0].upn_suffixes.clear();
        none.identity_issuers[0].email_domains.clear();
        assert!(matches!(why_not(mapped(&chain, &none)), NotMappedReason::SuffixNotAllowed { .. }));
    }
}

#[test]
fn two_upns_conflict_for_every_mapper_and_two_emails_or_common_names_are_ambiguous() {
    let (one, other) = ("alice@corp.example", "bob@corp.example");
    for twice in [[one, other], [one, one]] {
        let chain = card("Alice", twice.map(upn).to_vec());
        for mapper in [Mapper::Upn, Mapper::Subject, Mapper::Sid] {
            match mapped(&chain, &rule(&[mapper])) {
                Err(MappingError::Conflict { why: IdentityConflict::Upns(upns) }) => assert_eq!(upns, twice),
                other => panic!("{other:?}"),
            }
        }
    }
    let ambiguous = |chain, by| match mapped(&chain, &rule(&[by, Mapper::Upn])) {
        Err(MappingError::Ambiguous { mapper, names }) => (mapper, names),
        other => panic!("{other:?}"),
    };
    let mails = ["a@mail.example", "b@mail.example"];
    let chain = card("Alice", mails.map(email).to_vec());
    assert_eq!(ambiguous(chain, Mapper::Email), (Mapper::Email, mails.map(str::to_owned).to_vec()));
    let chain = card_with(|params| {
        // rcgen keeps one attribute of each type. A custom type with the same identifier adds a second one.
        params.distinguished_name.push(DnType::CommonName, one);
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), other);
    });
    let names = [one, other].map(str::to_owned).to_vec();
    assert_eq!(ambiguous(chain, Mapper::Subject), (Mapper::Subject, names));
}

#[test]
fn a_malformed_name_ends_the_mapping() {
    let chain = card("Alice", vec![upn("alice")]);
    let malformed =
        NotMappedReason::MalformedName { name: "alice".to_owned(), error: MalformedNameError::Form };
    assert_eq!(why_not(mapped(&chain, &rule(&[Mapper::Upn, Mapper::Subject]))), malformed);
    let chain = card("CORP\\Administrator", Vec::new());
    assert!(matches!(
        why_not(mapped(&chain, &rule(&[Mapper::Subject]))),
        NotMappedReason::MalformedName { .. }
    ));
}

#[test]
fn a_upn_that_cannot_be_decoded_ends_the_mapping() {
    let chain = card("Alice", vec![upn("alice@corp.example"), upn("bob\0@corp.example")]);
    assert!(!leaf(&chain).subject_alternative_names().unreadable.is_empty());
    for mapper in [Mapper::Upn, Mapper::Email] {
        assert_eq!(why_not(mapped(&chain, &rule(&[mapper]))), NotMappedReason::AlternativeNamesUndecodable);
    }
}

#[test]
fn a_mapping_that_is_too_weak_is_rejected_although_a_later_one_is_strong() {
    let chain = card("Alice", vec![upn("alice@corp.example")]);
    let rules =
        vec![AccountRule::one_to_one("one", leaf(&chain).fingerprint(), named("CORP\\alice")).unwrap()];
    let strong = |order: &[Mapper]| MappingSettings {
        strength: RequiredStrength::Strong,
        rules: rules.clone(),
        ..rule(order)
    };
    match mapped(&chain, &strong(&[Mapper::Upn, Mapper::Rules])) {
        Err(MappingError::TooWeak { user, mapping, strength }) => {
            assert_eq!(user, "alice@corp.example");
            assert_eq!((mapping, strength), (MappingMethod::SubjectAlternativeUpn, MappingStrength::Weak));
        }
        other => panic!("{other:?}"),
    }
    let account = mapped(&chain, &strong(&[Mapper::Rules, Mapper::Upn])).unwrap();
    assert_eq!((account.user.as_str(), account.strength), ("CORP\\alice", MappingStrength::Strong));
    assert_eq!(account.mapping.to_string(), "rule:one");
}

#[test]
fn one_to_one_rules_precede_others_and_each_kind_has_the_order_of_the_table() {
    let chain = card("Alice", Vec::new());
    let certificate = leaf(&chain).fingerprint();
    let rules = [
        subject_is("any", "*", named("any")),
        subject_is("alice", "Alice", named("alice")),
        AccountRule::one_to_one("late", certificate, named("late")).unwrap(),
        AccountRule::one_to_one("later", certificate, named("later")).unwrap(),
    ];
    let user = |rules: &[AccountRule]| mapped(&chain, &table(rules.to_vec())).unwrap().user;
    assert_eq!(user(&rules), "late");
    assert_eq!(user(&rules[..2]), "any");
    let another =
        AccountRule::one_to_one("no", card("Alice", Vec::new()).chain().leaf().fingerprint(), named("no"));
    assert_eq!(user(&[another.unwrap(), rules[1].clone()]), "alice");
}

#[test]
fn a_deny_rule_ends_the_mapping() {
    let chain = card("Alice", vec![upn("alice@corp.example")]);
    let rules = vec![subject_is("out", "Al*", RuleAction::Deny), subject_is("in", "Alice", named("alice"))];
    let order = MappingSettings { rules, ..rule(&[Mapper::Rules, Mapper::Upn]) };
    assert!(matches!(mapped(&chain, &order), Err(MappingError::Denied { rule }) if rule == "out"));
}

#[test]
fn all_conditions_must_hold_and_one_value_of_a_repeated_field_is_enough() {
    let chain = card_with(|params| {
        params.distinguished_name.push(DnType::CommonName, "Alice");
        params.distinguished_name.push(DnType::OrganizationalUnitName, "Staff");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 11]), "Research");
    });
    let subject = |field, pattern| condition(CertificateField::Subject, field, pattern);
    let issuer = condition(CertificateField::Issuer, "CN", "Issuing CA*");
    let fits = |conditions| mapped(&chain, &table(vec![fields("one", conditions, named("x"))])).is_ok();
    assert!(fits(vec![subject("OU", "Research"), subject("2.5.4.11", "Staff"), issuer.clone()]));
    assert!(!fits(vec![subject("OU", "Research"), subject("OU", "Sales"), issuer.clone()]));
    assert!(!fits(vec![subject("OU", "research"), issuer]));
    assert!(!fits(vec![subject("O", "*")]));
}

#[test]
fn a_many_to_one_rule_matches_the_key_of_its_issuer_only() {
    let chain = card("Alice", Vec::new());
    let conditions = vec![condition(CertificateField::Issuer, "CN", "Issuing CA 1")];
    let other = KeyId::of(b"another CA of the same name");
    let rules = vec![AccountRule::many_to_one("one", other, conditions, named("x")).unwrap()];
    assert_eq!(why_not(mapped(&chain, &table(rules))), NotMappedReason::NoValue);
}

#[test]
fn a_rule_without_condition_user_or_printable_name_is_an_error() {
    let make =
        |name: &str, conditions, action| AccountRule::many_to_one(name, pinned().key, conditions, action);
    let any = || vec![condition(CertificateField::Subject, "CN", "*")];
    assert_eq!(make("one", Vec::new(), named("x")), Err(AccountRuleError::NoCondition));
    assert_eq!(make("one", any(), named(" ")), Err(AccountRuleError::NoUser));
    for name in ["", "a\nb", "é", &"a".repeat(65)] {
        assert_eq!(make(name, any(), named("x")), Err(AccountRuleError::Name(name.to_owned())));
    }
}

#[test]
fn the_trace_has_the_values_and_the_result_of_each_mapper() {
    let chain = card("Alice", vec![email("alice@mail.example")]);
    let mapping = mapping(&chain, &rule(&[Mapper::Rules, Mapper::Upn, Mapper::Email, Mapper::Subject]));
    let step = |mapper, values: &[&str], result| MappingStep {
        mapper,
        values: values.iter().map(|text| (*text).to_owned()).collect(),
        result,
    };
    let expected = [
        step(Mapper::Rules, &[], StepResult::NoValue),
        step(Mapper::Upn, &[], StepResult::NoValue),
        step(Mapper::Email, &["alice@mail.example"], StepResult::Mapped),
    ];
    assert_eq!(mapping.steps, expected);
    assert_eq!(mapping.outcome.unwrap().user, "alice@mail.example");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn the_cache_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<(AccountCache, MappingSettings, Arc<Account>)>();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_in_a_certificate_causes_a_panic_or_a_user_name_with_control_characters(
        name in any::<String>(), upn_text in "[a-z]{1,5}@corp.example|\\PC{0,30}"
    ) {
        let chain = card(&name, vec![upn(&upn_text)]);
        for mapper in Mapper::ALL {
            let mapping = mapping(&chain, &rule(&[mapper]));
            if let Ok(account) = mapping.outcome {
                prop_assert!(!account.user.chars().any(char::is_control));
            }
        }
    }
}
