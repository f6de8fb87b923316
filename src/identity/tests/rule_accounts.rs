//! Account rules in realms with a directory.

use super::directories::{ORDER, card_of, person, with};
use super::*;
use crate::directory::{AccountStatus, DirectoryAccount, LookupKeys};
use crate::identity::lookup_plan::LookupPlan;

fn alices_card(chain: &UnrevokedChain, account: NamedAccount) -> MappingSettings {
    let action = RuleAction::Account(account);
    let rules = vec![AccountRule::one_to_one("alice's card", leaf(chain).fingerprint(), action).unwrap()];
    MappingSettings { rules, strength: RequiredStrength::Strong, ..rule(ORDER) }
}

#[test]
fn the_account_of_a_rule_is_looked_up_and_names_in_the_certificate_are_ignored() {
    // If a rule matches first, no name in the certificate counts, not even one that contradicts it.
    let chain = card_of(Some("mallory@corp.example"), Some(1999));
    let named = NamedAccount {
        user: "corp\\Alice".to_owned(),
        groups: vec!["Auditors".to_owned()],
        ..NamedAccount::default()
    };
    let rule = alices_card(&chain, named);
    let keys = LookupPlan::new(&chain, &rule).unwrap().lookup_keys();
    assert_eq!(keys, LookupKeys { account_names: vec!["Alice".to_owned()], ..LookupKeys::default() });
    let namesake = DirectoryAccount { netbios_domain: Some("EU".to_owned()), ..person("alice", 7) };
    let account = with(&chain, &rule, &[namesake.clone(), person("alice", 1106)]).unwrap();
    assert_eq!(
        (account.user.as_str(), account.mapping.to_string().as_str()),
        ("CORP\\alice", "rule:alice's card")
    );
    let groups: Vec<_> = account.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["Staff", "Auditors"]);
    let gone = NotMappedReason::RuleAccountNotFound {
        rule: "alice's card".to_owned(),
        user: "corp\\Alice".to_owned(),
    };
    assert_eq!(why_not(with(&chain, &rule, &[namesake])), gone);
    let disabled = AccountStatus { disabled: true, ..AccountStatus::default() };
    let outcome = with(&chain, &rule, &[DirectoryAccount { status: disabled, ..person("alice", 1106) }]);
    assert!(matches!(outcome, Err(MappingError::AccountUnusable { .. })), "{outcome:?}");
}

#[test]
fn every_value_of_a_rule_must_match_the_account_in_the_directory() {
    let chain = card_of(None, None);
    let full = NamedAccount {
        user: "alice@corp.example".to_owned(),
        upn: Some("alice@corp.example".to_owned()),
        sid: Some(sid(1106)),
        groups: Vec::new(),
    };
    assert!(with(&chain, &alices_card(&chain, full.clone()), &[person("alice", 1106)]).is_ok());
    for wrong in [
        NamedAccount { user: "CORP\\bob".to_owned(), ..full.clone() },
        NamedAccount { upn: Some("bob@corp.example".to_owned()), ..full.clone() },
        NamedAccount { sid: Some(sid(1107)), ..full },
    ] {
        let outcome = with(&chain, &alices_card(&chain, wrong), &[person("alice", 1106)]);
        assert!(matches!(why_not(outcome), NotMappedReason::RuleAccountNotFound { .. }));
    }
}

#[test]
fn a_rule_after_other_mappers_applies_only_if_they_find_no_account() {
    let chain = card_of(Some("alice@corp.example"), None);
    let deny = AccountRule::one_to_one("out", leaf(&chain).fingerprint(), RuleAction::Deny).unwrap();
    let rule = MappingSettings { rules: vec![deny], ..rule(&[Mapper::Upn, Mapper::Rules]) };
    let plan = LookupPlan::new(&chain, &rule).unwrap();
    let (steps, outcome) = plan.resolve(&[person("alice", 1106)], NOW);
    assert_eq!(outcome.unwrap().user, "CORP\\alice");
    let results: Vec<_> = steps.iter().map(|step| step.result).collect();
    assert_eq!(results, [StepResult::Mapped, StepResult::Skipped]);
    let (steps, outcome) = plan.resolve(&[], NOW);
    assert!(matches!(outcome, Err(MappingError::Denied { .. })), "{outcome:?}");
    let results: Vec<_> = steps.iter().map(|step| step.result).collect();
    assert_eq!(results, [StepResult::NoAccount, StepResult::Rejected]);
}
