//! The warnings about realms that can map no certificate.

use super::{DIRECTORY, only_diagnostic, rendered};

/// A rule that selects certificates by `criteria`.
fn rule(criteria: &str, action: &str) -> String {
    format!("\n[[realm.staff.rule]]\nname = \"one\"\n{criteria}\n{action}\n")
}

const ONE_TO_ONE: &str = r#"certificate = "pki/card.pem""#;
const MANY_TO_ONE: &str = "issuer = \"pki/issuing.pem\"\nsubject = { CN = \"*\" }";
const ACCOUNT: &str = r"account = { user = 'CORP\alice' }";
const DENY: &str = "deny = true";

/// The smallest file with these keys of the realm instead of its mapping and identity issuers, and more tables at its end.
fn with(keys: &str, more: &str) -> String {
    let written = "mapping = { strength = \"weak\" }\n\
                   identity_issuers = [{ certificate = \"pki/issuing.pem\", upn_suffixes = [\"corp.example\"] }]";
    assert!(super::SMALLEST.contains(written));
    format!("{}{more}", super::SMALLEST.replacen(written, keys, 1))
}

/// An identity issuer with these keys.
fn issuer(keys: &str) -> String {
    format!("identity_issuers = [{{ certificate = \"pki/issuing.pem\", {keys} }}]")
}

const UPN: &str = r#"upn_suffixes = ["corp.example"]"#;
const SID: &str = r#"sid_domains = ["S-1-5-21-1-2-3"]"#;

#[test]
fn a_realm_that_requires_strong_mappings_without_a_directory_and_rules_denies_every_certificate() {
    let expected = "Warning realm.staff.mapping.strength: the realm \"staff\" denies every client certificate: \
                    `mapping.strength` is \"strong\", and the realm has neither a directory nor a rule for one certificate \
                    (add a [realm.staff.directory] table, or a [[realm.staff.rule]] with `certificate_sha256`; strength = \
                    \"weak\" also accepts a name that may be assigned to another user)";
    for keys in [
        issuer(UPN),
        format!("mapping = {{ strength = \"strong\" }}\n{}", issuer(UPN)),
        format!("mapping = {{ order = [\"upn\"] }}\n{}", issuer(UPN)),
        String::new(),
    ] {
        assert_eq!(only_diagnostic(&with(&keys, "")), expected, "{keys}");
    }
    for (criteria, action) in [(MANY_TO_ONE, ACCOUNT), (MANY_TO_ONE, DENY), (ONE_TO_ONE, DENY)] {
        let text = with(&issuer(UPN), &rule(criteria, action));
        assert_eq!(only_diagnostic(&text), expected, "{criteria} {action}");
    }
}

#[test]
fn a_realm_with_a_strong_mapping_is_without_a_warning() {
    let sid = format!("{UPN}, {SID}");
    for text in [
        with(&issuer(UPN), &rule(ONE_TO_ONE, ACCOUNT)),
        with(&format!("mapping = {{ order = [\"sid\"] }}\n{}", issuer(&sid)), ""),
        with(&issuer(&sid), DIRECTORY),
    ] {
        assert_eq!(rendered(&text), "", "{text}");
    }
}

#[test]
fn a_directory_is_not_sufficient_without_a_strong_mapper() {
    for (keys, cause) in [
        (
            format!("mapping = {{ order = [\"upn\"] }}\n{}", issuer(UPN)),
            "`mapping.order` names neither \"sid\" nor \"alt_security_identities\"",
        ),
        (
            format!(
                "mapping = {{ order = [\"alt_security_identities\"] }}\n{}",
                issuer("alt_security_forms = [\"issuer_subject\"]")
            ),
            "no entry of `identity_issuers` may name accounts by \"sid\" or by a strong form",
        ),
    ] {
        let diagnostic = only_diagnostic(&with(&keys, DIRECTORY));
        assert!(diagnostic.contains(cause), "{diagnostic}");
    }
}

#[test]
fn a_realm_whose_only_mapper_is_a_rule_needs_a_rule_that_assigns_an_account() {
    let keys = "mapping = { order = [\"rule\"], strength = \"weak\" }";
    for more in [String::new(), rule(MANY_TO_ONE, DENY)] {
        assert_eq!(
            only_diagnostic(&with(keys, &more)),
            "Warning realm.staff.mapping.order: the realm \"staff\" denies every client certificate: \"rule\" is the only \
             mapper, and no rule assigns an account (add a [[realm.staff.rule]] with `account`, or name another mapper in \
             `mapping.order`)"
        );
    }
    assert_eq!(rendered(&with(keys, &rule(MANY_TO_ONE, ACCOUNT))), "");
}
