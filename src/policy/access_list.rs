//! Access lists: accounts, groups, issuers and networks of `allow` or of `deny`.

use crate::certificate::KeyId;
use crate::directory::DirectoryGroup;
use crate::identity::Account;
use crate::name_folding::fold_name;
use crate::validation::ValidPath;
use ipnet::IpNet;
use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// The entries of `allow` or of `deny`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessList {
    /// Accounts, by `DOMAIN\sam`, UPN or security identifier.
    pub accounts: NameSet,
    /// Groups, by name or security identifier. Members of nested groups are members.
    pub groups: NameSet,
    /// Authorities, pinned by key: a name can be copied, a key cannot.
    pub issuers: HashSet<KeyId>,
    /// Client networks. An IPv4 network contains no IPv6 address, not even an IPv4-mapped one.
    pub networks: Vec<IpNet>,
}

impl AccessList {
    /// Returns whether the list has no entry.
    pub fn is_empty(&self) -> bool {
        !self.requires_identity() && self.networks.is_empty()
    }

    /// Returns whether the list has entries that only a request with an identity can match.
    pub fn requires_identity(&self) -> bool {
        !(self.accounts.is_empty() && self.groups.is_empty() && self.issuers.is_empty())
    }

    /// Returns whether the list names `account`.
    pub(super) fn names(&self, account: &Account) -> bool {
        let names = [Some(account.user.as_str()), account.upn.as_deref()];
        names.into_iter().flatten().any(|name| self.accounts.has_name(name))
            || account.sid.as_deref().is_some_and(|sid| self.accounts.has_sid(sid))
    }

    /// Returns whether the list may name `account`: as [`Self::names`], but by folded names. For `deny`, which must not
    /// distinguish names that a directory treats as equal.
    pub(super) fn may_name(&self, account: &Account) -> bool {
        let names = [Some(account.user.as_str()), account.upn.as_deref()];
        names.into_iter().flatten().any(|name| self.accounts.may_have_name(name)) || self.names(account)
    }

    /// Returns the first of `groups` that the list may name, compared as in [`Self::may_name`].
    pub(super) fn possible_group<'g>(&self, groups: &'g [DirectoryGroup]) -> Option<&'g DirectoryGroup> {
        let may_be_named = |group: &&DirectoryGroup| self.groups.may_have_name(&group.name);
        groups.iter().find(may_be_named).or_else(|| self.group(groups))
    }

    /// Returns the first of `groups` that the list names.
    pub(super) fn group<'g>(&self, groups: &'g [DirectoryGroup]) -> Option<&'g DirectoryGroup> {
        let is_named = |group: &&DirectoryGroup| {
            self.groups.has_name(&group.name)
                || group.sid.as_deref().is_some_and(|sid| self.groups.has_sid(sid))
        };
        groups.iter().find(is_named)
    }

    /// Returns an authority of `path` that the list contains.
    pub(super) fn issuer(&self, path: &ValidPath) -> Option<KeyId> {
        path.issuers().iter().copied().find(|key| self.issuers.contains(key))
    }

    /// Returns the network that contains `peer`.
    pub(super) fn network(&self, peer: IpAddr) -> Option<IpNet> {
        self.networks.iter().copied().find(|network| network.contains(&peer))
    }
}

/// A set of names and a set of security identifiers. The two are separate, because in most directories an account that may
/// create a group may also name it `S-1-5-21-…-512`, which must not match the group with this identifier.
///
/// Names are compared without regard to the case of ASCII letters. Other letters are compared exactly: a fold that makes
/// two different accounts equal would permit the wrong one. `deny` compares by [`fold_name`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameSet {
    names: HashSet<CaseFoldedName<'static>>,
    folded: HashSet<String>,
    sids: HashSet<String>,
}

impl NameSet {
    /// Returns whether the set has no entry.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.sids.is_empty()
    }

    /// Returns all entries as configured, sorted.
    pub fn entries(&self) -> Vec<&str> {
        let names = self.names.iter().map(|name| name.0.as_ref());
        let mut entries: Vec<&str> = names.chain(self.sids.iter().map(String::as_str)).collect();
        entries.sort_unstable();
        entries
    }

    fn has_name(&self, name: &str) -> bool {
        self.names.contains(&CaseFoldedName(Cow::Borrowed(name)))
    }

    fn may_have_name(&self, name: &str) -> bool {
        !self.folded.is_empty() && self.folded.contains(&fold_name(name))
    }

    fn has_sid(&self, sid: &str) -> bool {
        self.sids.contains(sid)
    }
}

/// An entry that begins with `S-1-` is a security identifier.
impl FromIterator<String> for NameSet {
    fn from_iter<I: IntoIterator<Item = String>>(entries: I) -> Self {
        let mut set = Self::default();
        for entry in entries {
            if entry.starts_with("S-1-") {
                set.sids.insert(entry);
            } else {
                set.folded.insert(fold_name(&entry));
                set.names.insert(CaseFoldedName(Cow::Owned(entry)));
            }
        }
        set
    }
}

/// A name that is compared without regard to the case of ASCII letters. It borrows its text in lookups, which need no copy.
#[derive(Clone, Debug)]
struct CaseFoldedName<'a>(Cow<'a, str>);

impl PartialEq for CaseFoldedName<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for CaseFoldedName<'_> {}

impl Hash for CaseFoldedName<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.0.bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        // As `str` does, so that the hashed bytes of no name are a prefix of those of another.
        state.write_u8(0xff);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{MappingMethod, MappingStrength};

    fn set(entries: &[&str]) -> NameSet {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    fn alice() -> Account {
        Account {
            upn: Some("alice@corp.example".to_owned()),
            sid: Some("S-1-5-21-1-2-3-1104".to_owned()),
            ..Account::named("CORP\\älice", MappingMethod::Email, MappingStrength::Strong)
        }
    }

    fn group(name: &str, sid: Option<&str>) -> DirectoryGroup {
        DirectoryGroup { name: name.to_owned(), sid: sid.map(str::to_owned) }
    }

    #[test]
    fn an_account_is_named_by_its_user_name_upn_or_sid() {
        for (entry, named) in [
            ("corp\\äLICE", true),
            ("CORP\\Älice", false),
            ("Alice@CORP.example", true),
            ("S-1-5-21-1-2-3-1104", true),
            ("S-1-5-21-1-2-3-110", false),
            ("älice", false),
            ("alice", false),
            ("OTHER\\älice", false),
        ] {
            let list = AccessList { accounts: set(&[entry]), ..AccessList::default() };
            assert_eq!(list.names(&alice()), named, "{entry}");
        }
    }

    #[test]
    fn a_name_is_denied_in_every_spelling_that_a_directory_treats_as_equal() {
        let groups = [group("Équipe", None)];
        for (account, of_group, expected) in [
            ("CORP\\ÄLICE", "ÉQUIPE", true),
            ("corp\\Älice", "équipe", true),
            ("S-1-5-21-1-2-3-1104", "Équipe", true),
            ("CORP\\alice", "Equipe", true),
            ("CORP\\a\u{308}lice", "E\u{301}quipe", true),
            (" ＣＯＲＰ\\älice.", "Équipe\u{a0}", true),
            ("CORP\\älíсе", "Équipe.", true),
            ("CORP \\ älice", "Équipe", true),
            ("alice @corp.example", "Équipe", true),
            ("alice@\u{a0}corp.example.", "Équipe", true),
            ("alice.@corp.example", "Équipe", true),
            ("CORP\\malice", "Equipes", false),
        ] {
            let list =
                AccessList { accounts: set(&[account]), groups: set(&[of_group]), ..AccessList::default() };
            assert_eq!(list.may_name(&alice()), expected, "{account}");
            assert_eq!(list.possible_group(&groups).is_some(), expected, "{of_group}");
        }
        let by_sid = AccessList { groups: set(&["S-1-5-9"]), ..AccessList::default() };
        assert!(by_sid.possible_group(&[group("Staff", Some("S-1-5-9"))]).is_some());
        assert!(by_sid.possible_group(&[group("S-1-5-9", None)]).is_none());
    }

    #[test]
    fn a_group_is_named_by_its_name_or_sid() {
        let groups = [group("Staff", Some("S-1-5-21-1-2-3-513")), group("RMS Users", None)];
        for (entry, named) in [
            ("staff", Some("Staff")),
            ("rms USERS", Some("RMS Users")),
            ("S-1-5-21-1-2-3-513", Some("Staff")),
            ("S-1-5-21-1-2-3-51", None),
            ("RMS", None),
            ("", None),
        ] {
            let list = AccessList { groups: set(&[entry]), ..AccessList::default() };
            assert_eq!(list.group(&groups).map(|group| group.name.as_str()), named, "{entry}");
        }
    }

    #[test]
    fn a_name_in_the_form_of_a_sid_does_not_match_the_sid() {
        let list = set(&["S-1-5-21-1-2-3-512"]);
        let list = AccessList { accounts: list.clone(), groups: list, ..AccessList::default() };
        assert_eq!(list.group(&[group("S-1-5-21-1-2-3-512", Some("S-1-5-21-1-2-3-9999"))]), None);
        let impostor = Account::named("S-1-5-21-1-2-3-512", MappingMethod::Subject, MappingStrength::Weak);
        assert!(!list.names(&impostor));
    }

    #[test]
    fn an_address_is_in_a_network_of_its_own_family_only() {
        let networks = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"].map(|text| text.parse().unwrap());
        let list = AccessList { networks: networks.to_vec(), ..AccessList::default() };
        for (peer, contained) in [
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("192.0.2.7", true),
            ("192.0.2.6", false),
            ("::ffff:10.0.0.1", false),
        ] {
            assert_eq!(list.network(peer.parse().unwrap()).is_some(), contained, "{peer}");
        }
    }

    #[test]
    fn entries_are_returned_as_configured() {
        assert_eq!(set(&["Staff", "S-1-5-9", "CORP\\Älice"]).entries(), ["CORP\\Älice", "S-1-5-9", "Staff"]);
    }
}
