//! What may be fetched, from where, and at what cost.

use super::host::AllowedHost;
use super::ldap::tls::DirectoryTls;
use ipnet::IpNet;
use std::time::Duration;

/// What the operator allows. The default allows no host at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRules {
    /// The hosts that may be fetched from. An empty list admits none.
    pub hosts: Vec<AllowedHost>,
    /// Networks that may be connected to although they are loopback, link-local, multicast or unspecified.
    pub addresses: Vec<IpNet>,
    /// The first whose prefix fits changes the URL before it is judged; for a CDP that is reached another way here.
    pub rewrite: Vec<UrlRewrite>,
    /// The authorities of servers that are queried over `ldaps`; without them none is.
    pub directory_tls: Option<DirectoryTls>,
    /// The most bytes that an answer's body may have.
    pub max_bytes: usize,
    /// The longest that one fetch may take, from the name's resolution to the last byte, redirects included.
    pub timeout: Duration,
    /// How many redirects are followed.
    pub max_redirects: usize,
}

impl Default for FetchRules {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            addresses: Vec::new(),
            rewrite: Vec::new(),
            directory_tls: None,
            max_bytes: 128 * 1024 * 1024,
            timeout: Duration::from_secs(60),
            max_redirects: 3,
        }
    }
}

/// URLs that begin with `from` are fetched as if they began with `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRewrite {
    /// The beginning as certificates have it.
    pub from: String,
    /// What stands there instead.
    pub to: String,
}

impl FetchRules {
    /// Whether `host`, in lower case and without a dot at its end, is listed.
    pub(super) fn admits(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| pattern.admits(host))
    }

    /// The URL that is fetched for this one.
    pub(super) fn rewritten(&self, url: &str) -> String {
        let fits = |rule: &&UrlRewrite| url.starts_with(&rule.from);
        let rule = self.rewrite.iter().find(fits);
        rule.and_then(|rule| url.strip_prefix(&rule.from).map(|rest| format!("{}{rest}", rule.to)))
            .unwrap_or_else(|| url.to_owned())
    }
}
