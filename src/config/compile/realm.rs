//! A realm's trust and mapping, and its revocation with them.

use super::context::Context;
use super::directory;
use super::files::Files;
use super::revocation;
use crate::certificate::{AltSecurityForm, Certificate, Fingerprint};
use crate::config::parse::Diagnostics;
use crate::config::parse::Spanned;
use crate::config::parse::span::values;
use crate::config::schema::mapping::MappingStrength;
use crate::config::schema::realm as raw;
use crate::config::schema::rule::{MappingRule, RuleAccount, RuleMatch};
use crate::identity::{
    AccountLifetimes, AccountRule, CertificateField, FieldCondition, FieldPattern, IdentityIssuer,
    LetterCase, MappingSettings, NamedAccount, RequiredStrength, RuleAction,
};
use crate::login_throttle::LoginThrottleLimits;
use crate::site::{PasswordSettings, Realm};
use crate::telemetry::display_chain;
use crate::validation::{TrustSet, ValidationRule};
use std::sync::Arc;
use std::time::Duration;

pub(super) fn compile(
    raw: &raw::Realm,
    generation: u64,
    files: &mut Files,
    context: &mut Context,
    diagnostics: &mut Diagnostics,
) -> Option<Realm> {
    let errors = diagnostics.errors();
    let anchors = files.certificates(&raw.trust_anchors, diagnostics);
    let intermediates = files.certificates(&raw.intermediates, diagnostics);
    let revocation = revocation::rule(&raw.revocation, files, diagnostics);
    let ocsp = revocation::ocsp(&raw.revocation, context.own_caches.ocsp, files, diagnostics);
    let crls = revocation::crls(raw, files, context, diagnostics);
    let mapping = mapping(raw, files, diagnostics);
    let directory = directory::directories(&raw.directory, files, context, diagnostics);
    warn_of_critical_extensions(raw, &anchors, diagnostics);
    if diagnostics.errors() > errors {
        return None;
    }
    Some(Realm {
        name: raw.head.name.value.as_str().into(),
        generation,
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
        passwords: passwords(raw, context),
        account_lifetimes: AccountLifetimes {
            found: raw.account_cache.ttl.value,
            refused: raw.account_cache.negative_ttl.value,
            unsafe_stale: raw.account_cache.unsafe_stale_accounts.map_or(Duration::ZERO, |time| time.value),
        },
        verdict_cache_ttl: raw.verdict_cache_ttl.value,
    })
}

fn passwords(raw: &raw::Realm, context: &mut Context) -> PasswordSettings {
    let number = |written: &Spanned<usize>| u32::try_from(written.value).unwrap_or(u32::MAX);
    let limits = LoginThrottleLimits {
        per_account: number(&raw.passwords.max_failures_per_account),
        per_address: number(&raw.passwords.max_failures_per_address),
        window: raw.passwords.window.value,
        ..LoginThrottleLimits::default()
    };
    PasswordSettings {
        default_domain: raw.passwords.default_domain.as_ref().map(|domain| domain.value.clone()),
        login_throttle: context.attempts("realm", &raw.head.name.value, limits),
        cache_ttl: raw.passwords.cache_ttl.value,
    }
}

fn mapping(raw: &raw::Realm, files: &mut Files, diagnostics: &mut Diagnostics) -> MappingSettings {
    let order: Vec<_> = values(&raw.mapping.order);
    let issuers = raw.identity_issuers.iter().filter_map(|issuer| {
        let certificate = files.certificate(&issuer.certificate, diagnostics)?;
        Some(IdentityIssuer {
            key: certificate.key_id(),
            upn_suffixes: values(&issuer.upn_suffixes),
            email_domains: values(&issuer.email_domains),
            sid_domains: values(&issuer.sid_domains),
            mappers: or_all(&issuer.mappers, &order),
            alt_security_forms: or_all(&issuer.alt_security_forms, &AltSecurityForm::ALL),
        })
    });
    let identity_issuers = issuers.collect();
    let backdating = raw.mapping.certificate_backdating.map_or(Duration::ZERO, |time| time.value);
    MappingSettings {
        strength: match raw.mapping.strength.value {
            MappingStrength::Strong => RequiredStrength::Strong,
            MappingStrength::Compatibility => RequiredStrength::Compatibility { backdating },
            MappingStrength::Weak => RequiredStrength::Weak,
        },
        sid_check: raw.mapping.sid_check.value,
        identity_issuers,
        rules: raw.rule.iter().filter_map(|rule| account_rule(rule, files, diagnostics)).collect(),
        attributes: (raw.mapping.attributes.iter())
            .map(|(mapper, attribute)| (mapper.value, attribute.value.clone()))
            .collect(),
        order,
    }
}

/// The values of a list, or all there are if it is left out.
fn or_all<T: Clone>(written: &[Spanned<T>], all: &[T]) -> Vec<T> {
    if written.is_empty() { all.to_vec() } else { values(written) }
}

fn account_rule(raw: &MappingRule, files: &mut Files, diagnostics: &mut Diagnostics) -> Option<AccountRule> {
    let name = &raw.name.value;
    let action = match &raw.account {
        None => RuleAction::Deny,
        Some(account) => RuleAction::Account(named_account(account)),
    };
    let rule = match raw.matches()? {
        RuleMatch::Sha256(digest) => AccountRule::one_to_one(name, Fingerprint::from(digest), action),
        RuleMatch::Certificate(path) => {
            let certificate = files.certificate(path, diagnostics)?;
            AccountRule::for_certificate(name, &certificate, action)
        }
        RuleMatch::Names(issuer) => {
            let issuer = files.certificate(issuer, diagnostics);
            let case = match (&action, raw.case_sensitive.value) {
                (RuleAction::Deny, _) => LetterCase::AnySpelling,
                (RuleAction::Account(_), true) => LetterCase::Exact,
                (RuleAction::Account(_), false) => LetterCase::Folded,
            };
            let mut conditions = Vec::new();
            for (side, patterns) in
                [(CertificateField::Subject, &raw.subject), (CertificateField::Issuer, &raw.issuer_name)]
            {
                for (field, pattern) in patterns {
                    let field = field.value;
                    match FieldPattern::parse(&pattern.value, case) {
                        Ok(pattern) => conditions.push(FieldCondition { side, field, pattern }),
                        Err(error) => {
                            diagnostics.error(pattern.span, display_chain(&error));
                            return None;
                        }
                    }
                }
            }
            AccountRule::many_to_one(name, issuer?.key_id(), conditions, action)
        }
    };
    rule.map_err(|error| _ = diagnostics.error(raw.head.span, display_chain(&error))).ok()
}

fn named_account(raw: &RuleAccount) -> NamedAccount {
    NamedAccount {
        user: raw.user.value.clone(),
        upn: raw.upn.as_ref().map(|upn| upn.value.clone()),
        sid: raw.sid.as_ref().map(|sid| sid.value.clone()),
        groups: values(&raw.groups),
    }
}

/// Named at load, since every path that ends at such an anchor is refused.
fn warn_of_critical_extensions(raw: &raw::Realm, anchors: &[Certificate], diagnostics: &mut Diagnostics) {
    let span = raw.trust_anchors.first().map_or(raw.head.span, |file| file.span);
    for anchor in anchors {
        let Some(extension) = anchor.unknown_critical_extensions().first() else { continue };
        let message = format!(
            "the critical extension {extension} of the trust anchor {:?} is not understood: no certificate below it is valid",
            anchor.subject().to_string(),
        );
        diagnostics.warning(span, message).help("trust a certificate of that CA without the extension");
    }
}
