//! A realm's directories, with the password of the gate's account. Asks none of them.

use super::context::Context;
use super::files::Files;
use crate::config::parse::Diagnostics;
use crate::config::parse::Spanned;
use crate::config::parse::span::values;
use crate::config::schema::directory::{Directory, GenericSchema as RawSchema};
use crate::directory::{
    AccountSchema, Directories, DirectoryLimits, DirectorySettings, GenericGroups, GenericSchema,
};
use crate::ldap::{AttributeName, client_config};
use crate::telemetry::display_chain;
use std::sync::Arc;

/// `None` where the realm has no directory, or one that is not right.
pub(super) fn directories(
    raw: &[Directory],
    files: &mut Files,
    context: &Context,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Directories>> {
    let settings: Vec<_> =
        raw.iter().filter_map(|directory| settings(directory, files, diagnostics)).collect();
    (!settings.is_empty()).then(|| Arc::new(Directories::new(settings, context.clock.clone())))
}

fn settings(raw: &Directory, files: &mut Files, diagnostics: &mut Diagnostics) -> Option<DirectorySettings> {
    let authorities = files.chain(&raw.ca, diagnostics);
    let bind_password =
        raw.bind_password.as_ref().and_then(|password| files.secret(&password.file, diagnostics));
    let tls = client_config(authorities?)
        .map_err(|error| _ = diagnostics.error(raw.ca.span, display_chain(&error)))
        .ok()?;
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
            Some(raw) => AccountSchema::Generic(Box::new(generic(raw))),
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

fn generic(raw: &RawSchema) -> GenericSchema {
    let name = |value: &Option<Spanned<AttributeName>>| value.as_ref().map(|name| name.value.clone());
    let base = raw.group_base_dn.as_ref().map(|base| base.value.clone()).unwrap_or_default();
    GenericSchema {
        people: raw.user_filter.value.clone(),
        user_name: raw.user_name.value.clone(),
        upn: name(&raw.upn),
        mail: name(&raw.mail),
        alt_security_identities: name(&raw.alt_security_identities),
        groups: match (name(&raw.member_of), name(&raw.group_member)) {
            (Some(attribute), _) => GenericGroups::MemberOf { attribute, base },
            (None, Some(member)) => {
                GenericGroups::Search { base, member, name: raw.group_name.value.clone() }
            }
            (None, None) => GenericGroups::None,
        },
        disabled: name(&raw.disabled).map(|attribute| (attribute, raw.disabled_value.value.clone())),
        expires: name(&raw.expires),
    }
}
