//! Lookup of the site that serves a host name.

use crate::request::{HostName, HostPattern};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The hosts of all sites. The algorithm is the same for any number of hosts: that of Caddy changed above a hundred names,
/// and then compared letter case (CVE-2026-27588).
#[derive(Clone, Debug, Default)]
pub struct HostTable {
    exact: HashMap<HostName, usize>,
    /// Wildcards by their parent. A wildcard matches names with exactly one label more.
    one_label_below: HashMap<Box<str>, usize>,
}

/// A host that is listed twice. The site that serves it would depend on the order of the sites.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("duplicate host `{host}`")]
pub struct DuplicateHost {
    /// The host or wildcard.
    pub host: HostPattern,
    /// The site that lists it first.
    pub first: usize,
    /// The site that lists it again.
    pub again: usize,
}

impl HostTable {
    /// Builds the table from all hosts with the indexes of their sites.
    ///
    /// # Errors
    /// All hosts that are listed twice.
    pub fn build(hosts: impl IntoIterator<Item = (HostPattern, usize)>) -> Result<Self, Vec<DuplicateHost>> {
        let mut table = Self::default();
        let mut duplicates = Vec::new();
        for (host, site) in hosts {
            if let Err(first) = table.insert(&host, site) {
                duplicates.push(DuplicateHost { host, first, again: site });
            }
        }
        if duplicates.is_empty() { Ok(table) } else { Err(duplicates) }
    }

    /// Returns the index of the site that serves `host`, by its exact name or else by a wildcard.
    pub fn find(&self, host: &HostName) -> Option<usize> {
        let by_wildcard = || self.one_label_below.get(host.parent()?);
        self.exact.get(host).or_else(by_wildcard).copied()
    }

    /// Inserts a host. The error is the index of the site that has it already.
    fn insert(&mut self, host: &HostPattern, site: usize) -> Result<(), usize> {
        match host {
            HostPattern::Exact(name) => insert_new(self.exact.entry(name.clone()), site),
            HostPattern::OneLabelBelow(parent) => {
                insert_new(self.one_label_below.entry(parent.to_string().into_boxed_str()), site)
            }
        }
    }
}

fn insert_new<K>(entry: Entry<'_, K, usize>, site: usize) -> Result<(), usize> {
    match entry {
        Entry::Occupied(first) => Err(*first.get()),
        Entry::Vacant(vacant) => {
            vacant.insert(site);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(hosts: &[(&str, usize)]) -> Result<HostTable, Vec<DuplicateHost>> {
        HostTable::build(hosts.iter().map(|(host, site)| (HostPattern::parse(host).unwrap(), *site)))
    }

    fn find(table: &HostTable, host: &str) -> Option<usize> {
        table.find(&HostName::parse(host).unwrap())
    }

    #[test]
    fn an_exact_name_takes_precedence_over_a_wildcard() {
        let table =
            table(&[("*.example.org", 0), ("a.example.org", 1), ("[::1]", 2), ("192.0.2.1", 3)]).unwrap();
        assert_eq!(find(&table, "A.example.org."), Some(1));
        assert_eq!(find(&table, "b.EXAMPLE.org"), Some(0));
        assert_eq!(find(&table, "[0::1]"), Some(2));
        assert_eq!(find(&table, "192.0.2.1"), Some(3));
    }

    #[test]
    fn a_host_that_is_not_listed_has_no_site() {
        let table = table(&[("*.example.org", 0), ("a.example.net", 1)]).unwrap();
        for host in ["example.org", "a.b.example.org", "b.example.net", "example.net", "org", "192.0.2.1"] {
            assert_eq!(find(&table, host), None, "{host}");
        }
    }

    #[test]
    fn a_duplicate_host_is_an_error_in_any_letter_case() {
        let duplicates = table(&[
            ("a.example", 0),
            ("b.example", 0),
            ("A.Example.", 1),
            ("*.c.example", 1),
            ("*.C.example", 1),
        ]);
        let twice =
            |host, first, again| DuplicateHost { host: HostPattern::parse(host).unwrap(), first, again };
        assert_eq!(duplicates.unwrap_err(), [twice("a.example", 0, 1), twice("*.c.example", 1, 1)]);
    }

    /// Returns `host` with the letters of `mask` in upper case.
    fn with_case(host: &str, mask: u32) -> String {
        let flip = |(i, letter): (usize, char)| {
            if mask >> (i % 32) & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        host.chars().enumerate().map(flip).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_site_of_a_host_does_not_depend_on_letter_case_or_the_number_of_hosts(
            count in 1_usize..5000, requested in any::<prop::sample::Index>(), config_case: u32, requested_case: u32,
        ) {
            let host = |n: usize| format!("host-{n}.example.org");
            let hosts = (0..count).map(|n| (HostPattern::parse(&with_case(&host(n), config_case)).unwrap(), n));
            let wildcard = (HostPattern::parse(&with_case("*.example.org", config_case)).unwrap(), count);
            let table = HostTable::build(hosts.chain([wildcard])).unwrap();
            let requested = requested.index(count);
            prop_assert_eq!(find(&table, &with_case(&host(requested), requested_case)), Some(requested));
            prop_assert_eq!(find(&table, &with_case(&format!("{}.", host(requested)), requested_case)), Some(requested));
            prop_assert_eq!(find(&table, &with_case("other.example.org", requested_case)), Some(count));
            prop_assert_eq!(find(&table, &with_case("x.host-0.example.org", requested_case)), None);
        }
    }
}
