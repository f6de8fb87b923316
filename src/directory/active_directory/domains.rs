//! Reads what Active Directory says about its domains: where they are, and what they are called.

use crate::clock::UnixTime;
use crate::directory::connection::{Connection, Search};
use crate::directory::distinguished_name::{depth, is_within};
use crate::directory::entry::{Entry, wrong};
use crate::directory::error::{Refusal, Step};
use crate::directory::failure::Failure;
use crate::directory::filter::SearchFilter;
use crate::directory::generalized_time::generalized_time;
use ldap3::Scope;
use std::time::Duration;

/// The most domains of a directories that are read.
const MAXIMUM_DOMAINS: u16 = 200;

/// The domains of a directories, as one of its servers knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::directory) struct Domains {
    /// The server's own domain: `DC=corp,DC=example`.
    pub(in crate::directory) own: String,
    /// What time it was there when it was asked.
    pub(in crate::directory) time: Option<UnixTime>,
    all: Vec<Domain>,
}

/// A domain ([MS-ADTS] 6.1.1.2.1.1: its crossRef object).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::directory) struct Domain {
    base: String,
    pub(in crate::directory) netbios: String,
    pub(in crate::directory) dns: String,
}

impl Domains {
    /// Asks a server, each step within `limit`.
    pub(in crate::directory) async fn read(
        connection: &Connection,
        limit: Duration,
    ) -> Result<Self, Failure> {
        let attributes = ["defaultNamingContext", "configurationNamingContext", "currentTime"];
        let root = Search {
            base: String::new(),
            scope: Scope::Base,
            filter: SearchFilter::has("objectClass"),
            attributes: attributes.map(str::to_owned).to_vec(),
            limit: 1,
        };
        let root = connection.search(root, limit).await?.entries.pop().unwrap_or_default();
        let own = required(&root, "defaultNamingContext")?;
        let partitions = Search {
            base: format!("CN=Partitions,{}", required(&root, "configurationNamingContext")?),
            scope: Scope::OneLevel,
            filter: SearchFilter::all([
                SearchFilter::equals("objectClass", "crossRef"),
                SearchFilter::has("nETBIOSName"),
            ]),
            attributes: ["nCName", "nETBIOSName", "dnsRoot"].map(str::to_owned).to_vec(),
            limit: MAXIMUM_DOMAINS,
        };
        let found = connection.search(partitions, limit).await?;
        let all = found.entries.iter().map(Domain::read).collect::<Result<Vec<_>, Failure>>()?;
        let time = root.text("currentTime")?.and_then(generalized_time);
        Ok(Self { own, time, all })
    }

    /// The domain that an entry is in.
    pub(in crate::directory) fn of(&self, dn: &str) -> Option<&Domain> {
        let above = self.all.iter().filter(|domain| is_within(dn, &domain.base));
        above.max_by_key(|domain| depth(&domain.base))
    }
}

impl Domain {
    fn read(entry: &Entry) -> Result<Self, Failure> {
        Ok(Self {
            base: required(entry, "nCName")?,
            netbios: required(entry, "nETBIOSName")?,
            dns: required(entry, "dnsRoot")?,
        })
    }

    /// Whether somebody who writes `name` means this domain.
    pub(in crate::directory) fn is_called(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.netbios.to_lowercase() == name || self.dns.to_lowercase() == name
    }
}

fn required(entry: &Entry, attribute: &'static str) -> Result<String, Failure> {
    let unreadable = Failure::Refused { step: Step::Search, refusal: Refusal::Unreadable(attribute) };
    let text = entry.text(attribute)?.ok_or(unreadable)?;
    if text.is_empty() { Err(wrong(attribute, "it is empty").into()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(base: &str, netbios: &str, dns: &str) -> Domain {
        Domain { base: base.to_owned(), netbios: netbios.to_owned(), dns: dns.to_owned() }
    }

    #[test]
    fn an_entry_belongs_to_the_nearest_domain_above_it() {
        let corp = domain("DC=corp,DC=example", "CORP", "corp.example");
        let lab = domain("DC=lab,DC=corp,DC=example", "LAB", "lab.corp.example");
        let domains = Domains { all: vec![corp.clone(), lab.clone()], ..Domains::default() };
        assert_eq!(domains.of("CN=alice,OU=Staff,DC=corp,DC=example"), Some(&corp));
        assert_eq!(domains.of("CN=bob,DC=lab,DC=corp,DC=example"), Some(&lab));
        assert_eq!(domains.of("CN=eve,DC=other,DC=example"), None);
    }

    #[test]
    fn a_domain_answers_to_both_its_names() {
        let corp = domain("DC=corp,DC=example", "CORP", "corp.example");
        assert!(corp.is_called("corp") && corp.is_called("Corp.Example"));
        assert!(!corp.is_called("example"));
    }
}
