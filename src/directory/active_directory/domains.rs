//! The domains of a forest: their naming contexts and their names.

use crate::clock::UnixTime;
use crate::ldap::{
    LdapConnection, LdapEntry, LdapError, LdapOperation, LdapRefusal, SearchFilter, SearchRequest,
    SearchScope, dn_depth, generalized_time, invalid_attribute, is_within,
};
use std::time::Duration;

/// The maximum number of domains that are read from a forest.
const MAXIMUM_DOMAINS: u16 = 200;

/// The domains of a forest, as reported by one of its servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::directory) struct DomainNames {
    /// The naming context of the server's own domain: `DC=corp,DC=example`.
    pub(in crate::directory) own: String,
    /// The server's time when the domains were read.
    pub(in crate::directory) time: Option<UnixTime>,
    all: Vec<DomainName>,
}

/// A domain, as described by its crossRef object ([MS-ADTS] 6.1.1.2.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::directory) struct DomainName {
    base: String,
    pub(in crate::directory) netbios: String,
    pub(in crate::directory) dns: String,
}

impl DomainNames {
    /// Reads the domains from a server. `limit` is the time limit of each search.
    pub(in crate::directory) async fn read(
        connection: &LdapConnection,
        limit: Duration,
    ) -> Result<Self, LdapError> {
        let attributes = ["defaultNamingContext", "configurationNamingContext", "currentTime"];
        let root = SearchRequest {
            base: String::new(),
            scope: SearchScope::Base,
            filter: SearchFilter::present("objectClass"),
            attributes: attributes.map(str::to_owned).to_vec(),
            size_limit: 1,
        };
        let root = connection.search(root, limit).await?.entries.pop().unwrap_or_default();
        let own = required(&root, "defaultNamingContext")?;
        let partitions = SearchRequest {
            base: format!("CN=Partitions,{}", required(&root, "configurationNamingContext")?),
            scope: SearchScope::OneLevel,
            filter: SearchFilter::all([
                SearchFilter::equals("objectClass", "crossRef"),
                SearchFilter::present("nETBIOSName"),
            ]),
            attributes: ["nCName", "nETBIOSName", "dnsRoot"].map(str::to_owned).to_vec(),
            size_limit: MAXIMUM_DOMAINS,
        };
        let found = connection.search(partitions, limit).await?;
        let all = found.entries.iter().map(DomainName::read).collect::<Result<Vec<_>, LdapError>>()?;
        let time = root.text("currentTime")?.and_then(generalized_time);
        Ok(Self { own, time, all })
    }

    /// Returns the domain of an entry.
    pub(in crate::directory) fn of(&self, dn: &str) -> Option<&DomainName> {
        let above = self.all.iter().filter(|domain| is_within(dn, &domain.base));
        above.max_by_key(|domain| dn_depth(&domain.base))
    }
}

impl DomainName {
    fn read(entry: &LdapEntry) -> Result<Self, LdapError> {
        Ok(Self {
            base: required(entry, "nCName")?,
            netbios: required(entry, "nETBIOSName")?,
            dns: required(entry, "dnsRoot")?,
        })
    }

    /// Returns whether `name` is its NetBIOS or its DNS name.
    pub(in crate::directory) fn is_named(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.netbios.to_lowercase() == name || self.dns.to_lowercase() == name
    }
}

fn required(entry: &LdapEntry, attribute: &'static str) -> Result<String, LdapError> {
    let refusal = LdapRefusal::UnreadableAttribute(attribute);
    let unreadable = LdapError::Refused { operation: LdapOperation::Search, refusal };
    let text = entry.text(attribute)?.ok_or(unreadable)?;
    if text.is_empty() {
        Err(invalid_attribute(attribute, "it is empty").into())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(base: &str, netbios: &str, dns: &str) -> DomainName {
        DomainName { base: base.to_owned(), netbios: netbios.to_owned(), dns: dns.to_owned() }
    }

    #[test]
    fn an_entry_belongs_to_the_nearest_domain_above_it() {
        let corp = domain("DC=corp,DC=example", "CORP", "corp.example");
        let lab = domain("DC=lab,DC=corp,DC=example", "LAB", "lab.corp.example");
        let domains = DomainNames { all: vec![corp.clone(), lab.clone()], ..DomainNames::default() };
        assert_eq!(domains.of("CN=alice,OU=Staff,DC=corp,DC=example"), Some(&corp));
        assert_eq!(domains.of("CN=bob,DC=lab,DC=corp,DC=example"), Some(&lab));
        assert_eq!(domains.of("CN=eve,DC=other,DC=example"), None);
    }

    #[test]
    fn a_domain_has_a_netbios_and_a_dns_name() {
        let corp = domain("DC=corp,DC=example", "CORP", "corp.example");
        assert!(corp.is_named("corp") && corp.is_named("Corp.Example"));
        assert!(!corp.is_named("example"));
    }
}
