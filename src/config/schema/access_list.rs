//! The `allow` and `deny` lists of a path rule.

use crate::config::parse::addresses::CLIENT_NETWORK;
use crate::config::parse::fields::ValueType as _;
use crate::config::parse::reader::Section as _;
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::value_error::ValueError;
use crate::config::parse::values::{FILE, Parsed, sid, text};
use crate::config::parse::{Span, Spanned};
use ipnet::IpNet;
use std::path::PathBuf;
use toml::de::DeValue;

const NAME_OR_SID: Parsed<String> = Parsed::new("text", "texts", name_or_sid);

section! {
    /// `[site.path.allow]` and `[site.path.deny]`
    struct AccessList with head {
        /// Groups by name, without a domain, or by security identifier. Membership through other groups counts. In `deny`,
        /// by identifier if groups of several domains have one name.
        groups: Vec<Spanned<String>> = NAME_OR_SID.list().optional("`allow`: any; `deny`: none"),
        /// Accounts as `'DOMAIN\name'`, as a UPN, or by security identifier. In `deny`, by identifier if an account may be
        /// renamed.
        accounts: Vec<Spanned<String>> = NAME_OR_SID.list().optional("`allow`: any; `deny`: none"),
        /// Authorities, by key. `allow`: one of them must be on the certificate's path, on the same valid path as the path's
        /// own `issuers` and `certificate_policies`; an account that a password proves has none. `deny`: none of them may be
        /// on any valid path of the certificate.
        issuers: Vec<Spanned<PathBuf>> = FILE.list().optional("`allow`: any; `deny`: none"),
        /// Networks that the connection comes from. Behind a load balancer that is the load balancer.
        networks: Vec<Spanned<IpNet>> = CLIENT_NETWORK.list().optional("`allow`: any; `deny`: none"),
    }
}

impl AccessList {
    /// Records what is wrong with the list `name` of a path, `allow` or `deny`.
    pub(super) fn check(&self, name: &str, reader: &mut TableReader<'_>) {
        let keys = Self::NAMES.iter().copied();
        if self.head.is_empty() {
            reader
                .error(
                    self.head.span,
                    name,
                    format!("`{name}` names no groups, accounts, issuers or networks"),
                )
                .help(format!("such as {name} = {{ groups = [\"RMS Users\"] }}, or remove it"));
        }
        let consequence = if name == "allow" { "allows no request" } else { "denies no request" };
        for key in keys.filter(|key| !self.head.has_items(key)) {
            let Some(span) = self.head.written(key) else { continue };
            reader
                .error(span, &format!("{name}.{key}"), format!("`{key}` is empty: it {consequence}"))
                .help(format!("name one of the {key}, or remove the key"));
        }
    }

    /// The first entry that needs an authenticated client.
    pub(in crate::config) fn first_identity(&self) -> Option<Span> {
        let groups = self.groups.iter().map(|entry| entry.span);
        let accounts = self.accounts.iter().map(|entry| entry.span);
        let issuers = self.issuers.iter().map(|entry| entry.span);
        groups.chain(accounts).chain(issuers).next()
    }
}

/// A name, or a security identifier in its canonical form.
fn name_or_sid(value: &DeValue<'_>) -> Result<String, ValueError> {
    let name = text(value)?;
    let begins_as_sid = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("S-1-"));
    if begins_as_sid {
        sid(value)?;
    }
    if name.trim() != name {
        return Err(ValueError::new(format!("{name:?} begins or ends with a space")).help("remove it"));
    }
    Ok(name)
}
