//! The directories of a realm, with the password of the gateway's account. None of them is queried.

use super::compiler::Compiler;
use crate::config::parse::{value, values};
use crate::config::schema::directory::{DirectorySchemaSection, DirectorySection};
use crate::directory::{
    AccountSchema, DirectoryLimits, DirectorySettings, GenericGroups, GenericSchema, RealmDirectories,
};
use crate::ldap::client_config;
use std::sync::Arc;

impl Compiler<'_> {
    /// Returns the directories of a realm; `None` if it has none without errors.
    pub(super) fn directories(&mut self, raw: &[DirectorySection]) -> Option<Arc<RealmDirectories>> {
        let settings: Vec<_> = raw.iter().filter_map(|directory| self.directory(directory)).collect();
        let (clock, control) = (self.context.clock.clone(), self.context.control.clone());
        (!settings.is_empty()).then(|| Arc::new(RealmDirectories::new(settings, clock, control)))
    }

    fn directory(&mut self, raw: &DirectorySection) -> Option<DirectorySettings> {
        let authorities = self.chain(&raw.ca);
        let bind_password = raw.bind_password.as_ref().and_then(|password| self.secret(&password.file));
        let tls = self.ok_at(raw.ca.span, client_config(authorities?))?;
        let default = DirectoryLimits::default();
        let timeout = raw.timeout.value;
        Some(DirectorySettings {
            name: raw.called().into(),
            servers: raw.servers(),
            global_catalog: raw.global_catalog_servers(),
            tls,
            bind_dn: raw.bind_dn.value.clone(),
            bind_password: bind_password?,
            base: raw.base_dn.value.clone(),
            schema: match &raw.schema {
                None => AccountSchema::ActiveDirectory,
                Some(raw) => AccountSchema::Generic(Box::new(generic_schema(raw))),
            },
            upn_suffixes: values(&raw.upn_suffixes),
            sid_domains: values(&raw.sid_domains),
            limits: DirectoryLimits {
                connect: default.connect.min(timeout),
                operation: default.operation.min(timeout),
                lookup: timeout,
                max_lookups: raw.max_concurrency.value,
                ..default
            },
        })
    }
}

fn generic_schema(raw: &DirectorySchemaSection) -> GenericSchema {
    let base = value(&raw.group_base_dn).unwrap_or_default();
    GenericSchema {
        people: raw.user_filter.value.clone(),
        user_name: raw.user_name.value.clone(),
        upn: value(&raw.upn),
        mail: value(&raw.mail),
        alt_security_identities: value(&raw.alt_security_identities),
        groups: match (value(&raw.member_of), value(&raw.group_member)) {
            (Some(attribute), _) => GenericGroups::MemberOf { attribute, base },
            (None, Some(member)) => {
                GenericGroups::Search { base, member, name: raw.group_name.value.clone() }
            }
            (None, None) => GenericGroups::None,
        },
        disabled: value(&raw.disabled).map(|attribute| (attribute, raw.disabled_value.value.clone())),
        expires: value(&raw.expires),
    }
}
