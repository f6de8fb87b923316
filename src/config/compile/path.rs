//! The paths of a site, with the requirements of each.

use super::compiler::Compiler;
use crate::certificate::{Certificate, KeyId};
use crate::config::parse::{Spanned, values};
use crate::config::schema::path::{AccessListSection, PathSection};
use crate::config::schema::site::SiteSection;
use crate::policy::{
    AccessControl, AccessList, AccessRule, CertificateConditions, ClientCertificateRule, PasswordRule,
    UnmappedCertificateRule,
};
use crate::request::PathPattern;
use crate::site::{PathRule, PathTable, PathTableError};
use std::path::PathBuf;
use std::sync::Arc;

impl Compiler<'_> {
    /// Returns the paths of a site, or `None` after recording their errors.
    pub(super) fn path_table(&mut self, site: &SiteSection) -> Option<PathTable<PathRule>> {
        let mut rules = Vec::new();
        for raw in &site.path {
            let pattern = self.ok_at(raw.path.span, PathPattern::parse(&raw.path.value));
            let rule = self.path_rule(site, raw);
            rules.extend(pattern.zip(rule));
        }
        // Without one of them, the positions in errors would point to the wrong lines.
        if rules.len() < site.path.len() {
            return None;
        }
        let table = PathTable::build(site.path_case.value, rules);
        table.map_err(|errors| self.record_path_errors(&errors, site)).ok()
    }

    fn record_path_errors(&mut self, errors: &[PathTableError], site: &SiteSection) {
        let span = |position: usize| site.path.get(position).map_or(site.head.span, |path| path.path.span);
        for error in errors {
            let (at, other) = match error {
                PathTableError::Duplicate { first, again, .. } => (*again, *first),
                PathTableError::Unreachable { directory_position, exact_position, .. } => {
                    (*directory_position, *exact_position)
                }
            };
            self.diagnostics.error(span(at), error.to_string()).label(span(other), "the other rule");
        }
    }

    fn path_rule(&mut self, site: &SiteSection, raw: &PathSection) -> Option<PathRule> {
        let errors = self.diagnostics.errors();
        let issuers = self.key_ids(&raw.issuers);
        let access = AccessControl { allow: self.access_list(&raw.allow), deny: self.access_list(&raw.deny) };
        if self.diagnostics.errors() > errors {
            return None;
        }
        let backend = raw.backend.as_ref().or(site.backend.as_ref())?;
        let realm = self.realm_named(site.realm.as_ref());
        let uses_directory = raw.password.value == PasswordRule::Directory;
        if let Some(realm) = realm.filter(|realm| uses_directory && realm.directory.is_none()) {
            let name = &*realm.name;
            let help = format!("add a directory to the realm {name:?}, or write password = \"never\"");
            let message = "the site's realm has no directory to verify passwords";
            self.diagnostics.error(raw.password.span, message).help(help);
            return None;
        }
        let rule = AccessRule {
            name: raw.path.value.clone(),
            methods: values(&raw.methods),
            client_certificate: raw.client_certificate.value,
            password: raw.password.value,
            unmapped_certificate: match raw.unsafe_allow_password_for_unmapped_card.value {
                false => UnmappedCertificateRule::Reject,
                true => UnmappedCertificateRule::AllowPassword,
            },
            conditions: CertificateConditions {
                extended_key_usages: values(&raw.extended_key_usage),
                certificate_policies: values(&raw.certificate_policies),
                issuers,
            },
            access,
            query: raw.query.value,
            cross_site: raw.cross_site.as_ref().unwrap_or(&site.cross_site).value,
            max_body: raw.max_body.value,
        };
        self.check_anonymous_access(raw, &rule);
        Some(PathRule { rule: Arc::new(rule), backend: self.backend_named(backend)? })
    }

    fn access_list(&mut self, raw: &Option<AccessListSection>) -> AccessList {
        raw.as_ref().map_or_else(AccessList::default, |raw| AccessList {
            accounts: values(&raw.accounts).into_iter().collect(),
            groups: values(&raw.groups).into_iter().collect(),
            issuers: self.key_ids(&raw.issuers),
            networks: values(&raw.networks),
        })
    }

    /// Accounts on a path that allows anonymous requests would only seem to protect it: a denied user would send no
    /// credential.
    fn check_anonymous_access(&mut self, raw: &PathSection, rule: &AccessRule) {
        if !rule.permits_without_identity() {
            return;
        }
        let (why, fix) = match rule.client_certificate {
            ClientCertificateRule::Ignore => ("requests are anonymous", "\"require\""),
            ClientCertificateRule::Accept | ClientCertificateRule::Require => (
                "without a certificate only the backend authenticates the user",
                "\"require\", or password = \"never\"",
            ),
        };
        for (name, list) in raw.access_lists() {
            let Some(span) = list.first_identity() else { continue };
            let message = format!("`{name}` has no effect on anonymous requests, which this path allows");
            let help = format!("write client_certificate = {fix}, or name `networks` only");
            self.diagnostics.error(span, message).label(raw.client_certificate.span, why).help(help);
        }
    }

    /// Returns the keys of the certificates in the files.
    fn key_ids<K: FromIterator<KeyId>>(&mut self, paths: &[Spanned<PathBuf>]) -> K {
        self.certificates(paths).iter().map(Certificate::key_id).collect()
    }
}
