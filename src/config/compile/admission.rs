//! Who is let in on a path.

use super::files::Files;
use crate::certificate::Certificate;
use crate::config::parse::Diagnostics;
use crate::config::parse::span::values;
use crate::config::schema::access_list;
use crate::config::schema::path::PathRule;
use crate::policy::{AccessControl, AccessList, AccessRule, ClientCertificateRule};

pub(super) fn compile(raw: &PathRule, files: &mut Files, diagnostics: &mut Diagnostics) -> AccessControl {
    let mut list = |raw: &Option<access_list::AccessList>| {
        raw.as_ref().map_or_else(AccessList::default, |raw| access_list(raw, files, diagnostics))
    };
    AccessControl { allow: list(&raw.allow), deny: list(&raw.deny) }
}

fn access_list(
    raw: &access_list::AccessList,
    files: &mut Files,
    diagnostics: &mut Diagnostics,
) -> AccessList {
    AccessList {
        accounts: values(&raw.accounts).into_iter().collect(),
        groups: values(&raw.groups).into_iter().collect(),
        issuers: files.certificates(&raw.issuers, diagnostics).iter().map(Certificate::key_id).collect(),
        networks: values(&raw.networks),
    }
}

/// Names of people on a path that requests pass under nobody's name would only seem to protect it: whoever is kept out
/// by name leaves the name away.
pub(super) fn refuse_names_of_nobody(raw: &PathRule, rule: &AccessRule, diagnostics: &mut Diagnostics) {
    if !rule.permits_without_identity() {
        return;
    }
    let (why, mend) = match rule.client_certificate {
        ClientCertificateRule::Ignore => ("requests pass under nobody's name", "\"require\""),
        ClientCertificateRule::Accept | ClientCertificateRule::Require => {
            ("without a card only the backend knows who it is", "\"require\", or password = \"never\"")
        }
    };
    for (name, list) in [("allow", &raw.allow), ("deny", &raw.deny)] {
        let Some(span) = list.as_ref().and_then(access_list::AccessList::first_identity) else { continue };
        diagnostics
            .error(span, format!("`{name}` cannot tell people apart on this path"))
            .label(raw.client_certificate.span, why)
            .help(format!("write client_certificate = {mend}, or name `networks` only"));
    }
}
