//! Takes one `allow = { … }` or `deny = { … }` of a path, gives whom it names.
//!
//! Never judges whether anybody can be such: the compile step knows who may pass under nobody's name.

use super::address::client_network;
use super::keys::{Key, Section, key};
use super::reader::{Fault, TableReader};
use super::shape::{file, sid, text};
use super::span::{Span, Spanned};
use ipnet::IpNet;
use std::path::PathBuf;
use toml::de::DeValue;

/// Whom one list names.
#[derive(Clone, Debug)]
pub struct AccessList {
    /// Where it is written.
    pub span: Span,
    /// Groups, by name or security identifier.
    pub groups: Vec<Spanned<String>>,
    /// Accounts: `DOMAIN\sam`, a UPN, or a security identifier.
    pub accounts: Vec<Spanned<String>>,
    /// Files of CA certificates.
    pub issuers: Vec<Spanned<PathBuf>>,
    /// Networks that requests come from.
    pub networks: Vec<Spanned<IpNet>>,
}

const KEYS: &[Key] = &[key("groups"), key("accounts"), key("issuers"), key("networks")];
pub(super) const ALLOW: Section = Section { path: "site.path.allow", keys: KEYS };
pub(super) const DENY: Section = Section { path: "site.path.deny", keys: KEYS };

impl AccessList {
    pub(super) fn read_allow(reader: &mut TableReader<'_>) -> Self {
        let list = Self::read(reader);
        list.refuse_empty(reader, "would admit nobody");
        list
    }

    pub(super) fn read_deny(reader: &mut TableReader<'_>) -> Self {
        let list = Self::read(reader);
        list.refuse_empty(reader, "keeps nobody out");
        list
    }

    fn read(reader: &mut TableReader<'_>) -> Self {
        Self {
            span: reader.span(),
            groups: reader.list("groups", name_or_identifier).unwrap_or_default(),
            accounts: reader.list("accounts", name_or_identifier).unwrap_or_default(),
            issuers: reader.list("issuers", file).unwrap_or_default(),
            networks: reader.list("networks", client_network).unwrap_or_default(),
        }
    }

    /// The first entry that means people, or the authorities of their cards.
    pub(super) fn people(&self) -> Option<Span> {
        let groups = self.groups.iter().map(|entry| entry.span);
        let accounts = self.accounts.iter().map(|entry| entry.span);
        let issuers = self.issuers.iter().map(|entry| entry.span);
        groups.chain(accounts).chain(issuers).next()
    }

    /// A list without entries is a slip: who means nobody leaves the path out.
    fn refuse_empty(&self, reader: &mut TableReader<'_>, consequence: &str) {
        for name in KEYS.iter().map(|key| key.name) {
            if !reader.holds(name) || reader.holds_items(name) {
                continue;
            }
            let span = reader.written_at(name).unwrap_or(self.span);
            reader
                .error(span, name, format!("`{name}` is empty: it {consequence}"))
                .help(format!("name one of the {name}, or remove the key"));
        }
    }
}

/// A name, or a security identifier in the one way in which it is written.
fn name_or_identifier(value: &DeValue<'_>) -> Result<String, Fault> {
    let name = text(value)?;
    let begins_as_identifier = name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("S-1-"));
    if begins_as_identifier {
        sid(value)?;
    }
    if name.trim() != name {
        return Err(Fault::new(format!("{name:?} begins or ends with a space")).help("remove it"));
    }
    Ok(name)
}
