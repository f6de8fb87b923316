//! A realm: its trust, its mapping of certificates to accounts, and the limits of its passwords.

use super::compiler::Compiler;
use crate::certificate::{AltSecurityForm, Certificate, Fingerprint};
use crate::config::parse::{Spanned, value, values};
use crate::config::schema::mapping::StrengthChoice;
use crate::config::schema::realm::RealmSection;
use crate::config::schema::rule::MappingRuleSection;
use crate::identity::{
    AccountLifetimes, AccountRule, CertificateField, FieldCondition, FieldPattern, IdentityIssuer,
    LetterCase, MappingSettings, NamedAccount, RequiredStrength, RuleAction,
};
use crate::login_throttle::LoginThrottleLimits;
use crate::site::{PasswordSettings, Realm};
use crate::validation::{TrustSet, ValidationRule};
use std::sync::Arc;
use std::time::Duration;

impl Compiler<'_> {
    /// Returns the compiled realm, or `None` after recording its errors.
    pub(super) fn realm(&mut self, raw: &RealmSection) -> Option<Realm> {
        let errors = self.diagnostics.errors();
        let anchors = self.certificates(&raw.trust_anchors);
        let intermediates = self.certificates(&raw.intermediates);
        let revocation = self.revocation_rule(&raw.revocation);
        let ocsp = self.ocsp_client(&raw.revocation);
        let crls = self.crls(raw);
        let mapping = self.mapping(raw);
        let directory = self.directories(&raw.directory);
        self.check_critical_extensions(raw, &anchors);
        if self.diagnostics.errors() > errors {
            return None;
        }
        Some(Realm {
            name: raw.head.name.value.as_str().into(),
            generation: self.generation,
            trust: Arc::new(TrustSet::new(anchors, intermediates)),
            validation: Arc::new(ValidationRule {
                extended_key_usages: values(&raw.extended_key_usage),
                certificate_policies: values(&raw.certificate_policies),
                unsafe_allow_sha1_and_rsa_1024: raw.unsafe_allow_sha1_and_rsa_1024.value,
                ..ValidationRule::default()
            }),
            revocation,
            crls: crls?,
            ocsp,
            mapping,
            directory,
            passwords: self.passwords(raw),
            account_lifetimes: AccountLifetimes {
                found: raw.account_cache.ttl.value,
                not_found: raw.account_cache.negative_ttl.value,
                unsafe_stale: value(&raw.account_cache.unsafe_stale_accounts).unwrap_or(Duration::ZERO),
            },
            verdict_cache_ttl: raw.verdict_cache_ttl.value,
        })
    }

    fn passwords(&mut self, raw: &RealmSection) -> PasswordSettings {
        let limits = LoginThrottleLimits {
            per_account: raw.passwords.max_failures_per_account.value,
            per_address: raw.passwords.max_failures_per_address.value,
            window: raw.passwords.window.value,
            ..LoginThrottleLimits::default()
        };
        PasswordSettings {
            default_domain: value(&raw.passwords.default_domain),
            login_throttle: self.context.login_throttle("realm", &raw.head.name.value, limits),
            cache_ttl: raw.passwords.cache_ttl.value,
        }
    }

    fn mapping(&mut self, raw: &RealmSection) -> MappingSettings {
        let order: Vec<_> = values(&raw.mapping.order);
        let issuers = raw.identity_issuers.iter().filter_map(|issuer| {
            Some(IdentityIssuer {
                key: self.certificate(&issuer.certificate)?.key_id(),
                upn_suffixes: values(&issuer.upn_suffixes),
                email_domains: values(&issuer.email_domains),
                sid_domains: values(&issuer.sid_domains),
                mappers: or_all(&issuer.mappers, &order),
                alt_security_forms: or_all(&issuer.alt_security_forms, &AltSecurityForm::ALL),
            })
        });
        let identity_issuers = issuers.collect();
        let attributes = raw.mapping.attributes.iter();
        let backdating = raw.mapping.certificate_backdating.value;
        MappingSettings {
            strength: match raw.mapping.strength.value {
                StrengthChoice::Strong => RequiredStrength::Strong,
                StrengthChoice::Compatibility => RequiredStrength::Compatibility { backdating },
                StrengthChoice::Weak => RequiredStrength::Weak,
            },
            sid_check: raw.mapping.sid_check.value,
            identity_issuers,
            rules: raw.rule.iter().filter_map(|rule| self.account_rule(rule)).collect(),
            attributes: attributes.map(|(mapper, it)| (mapper.value, it.value.as_str().to_owned())).collect(),
            order,
        }
    }

    fn account_rule(&mut self, raw: &MappingRuleSection) -> Option<AccountRule> {
        let name = &raw.name.value;
        let action = match &raw.account {
            None => RuleAction::Deny,
            Some(account) => RuleAction::Account(NamedAccount {
                user: account.user.value.clone(),
                upn: value(&account.upn),
                sid: value(&account.sid),
                groups: values(&account.groups),
            }),
        };
        let rule = match (&raw.certificate_sha256, &raw.certificate, &raw.issuer) {
            (None, None, None) => return None,
            (Some(sha256), _, _) => AccountRule::one_to_one(name, Fingerprint::from(sha256.value), action),
            (_, Some(path), _) => AccountRule::for_certificate(name, &self.certificate(path)?, action),
            (_, _, Some(issuer)) => {
                let issuer = self.certificate(issuer);
                let case = match (&action, raw.case_sensitive.value) {
                    (RuleAction::Deny, _) => LetterCase::AnySpelling,
                    (RuleAction::Account(_), true) => LetterCase::Exact,
                    (RuleAction::Account(_), false) => LetterCase::Folded,
                };
                let subject = raw.subject.iter().map(|pair| (CertificateField::Subject, pair));
                let issuer_name = raw.issuer_name.iter().map(|pair| (CertificateField::Issuer, pair));
                let mut conditions = Vec::new();
                for (side, (field, pattern)) in subject.chain(issuer_name) {
                    let parsed = FieldPattern::parse(&pattern.value, case);
                    let pattern = self.ok_at(pattern.span, parsed)?;
                    conditions.push(FieldCondition { side, field: field.value, pattern });
                }
                AccountRule::many_to_one(name, issuer?.key_id(), conditions, action)
            }
        };
        self.ok_at(raw.head.span, rule)
    }

    /// Warns at load of such anchors, since every path that ends at one is rejected.
    fn check_critical_extensions(&mut self, raw: &RealmSection, anchors: &[Certificate]) {
        let span = raw.trust_anchors.first().map_or(raw.head.span, |file| file.span);
        for anchor in anchors {
            let Some(extension) = anchor.unknown_critical_extensions().first() else { continue };
            let subject = anchor.subject().to_string();
            let fact = format!("the critical extension {extension} of the trust anchor {subject:?}");
            let message = format!("{fact} is not understood: no certificate below it is valid");
            let help = "trust a certificate of that CA without the extension";
            self.diagnostics.warning(span, message).help(help);
        }
    }
}

/// Returns the values of a list, or all that exist if it is left out.
fn or_all<T: Clone>(written: &[Spanned<T>], all: &[T]) -> Vec<T> {
    if written.is_empty() { all.to_vec() } else { values(written) }
}
