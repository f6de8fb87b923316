//! The rules of a realm for fetching: the allowed hosts and addresses, and limits.

use super::host::AllowedHost;
use super::ldap::tls::DirectoryTls;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The rules for fetching. The default allows no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRules {
    /// The hosts that may be fetched from.
    pub hosts: Vec<AllowedHost>,
    /// Networks that may be connected to although they are loopback, link-local, multicast or unspecified.
    pub addresses: Vec<IpNet>,
    /// Rewrites of URLs that this gateway reaches in another way. The first whose prefix matches is applied before the
    /// URL is checked.
    pub rewrite: Vec<UrlRewrite>,
    /// The authorities of `ldaps` servers; without them `ldaps` is not used.
    pub directory_tls: Option<DirectoryTls>,
    /// The maximum size of a response body, in bytes.
    pub max_bytes: usize,
    /// The timeout of one fetch, from name resolution to the last byte, with redirects.
    pub timeout: Duration,
    /// The maximum number of redirects that are followed.
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

/// URLs with the prefix `from` are fetched with the prefix `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRewrite {
    /// The prefix in certificates.
    pub from: String,
    /// Its replacement.
    pub to: String,
}

impl FetchRules {
    /// Returns whether `host`, in lower case and without a trailing dot, may be fetched from.
    pub(super) fn allows_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|allowed| allowed.matches(host))
    }

    /// Returns whether this address of an allowed host may be connected to. Checked when connecting, so that a name
    /// that resolves to another address the second time gains nothing.
    pub(super) fn allows_address(&self, address: IpAddr) -> bool {
        !is_special(address) || self.addresses.iter().any(|network| network.contains(&address))
    }

    /// Returns the URL to fetch in place of this one.
    pub(super) fn rewritten(&self, url: &str) -> String {
        let matches = |rule: &&UrlRewrite| url.starts_with(&rule.from);
        let rule = self.rewrite.iter().find(matches);
        rule.and_then(|rule| url.strip_prefix(&rule.from).map(|rest| format!("{}{rest}", rule.to)))
            .unwrap_or_else(|| url.to_owned())
    }
}

/// Returns whether an address is a loopback, link-local, multicast or unspecified one, even if it is embedded in an
/// IPv6 address. No CRLs are served there, and the services that listen there (the metadata of a cloud, an admin port)
/// trust every client that reaches them.
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_special_v4(address),
        IpAddr::V6(address) => is_special_v6(address),
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    // RFC 1122 3.2.1.3: all of 0.0.0.0/8 is "this host on this network".
    let [first, ..] = address.octets();
    first == 0
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    address.is_unspecified()
        || address.is_loopback()
        || address.is_unicast_link_local()
        || address.is_multicast()
        || embedded(address).is_some_and(is_special_v4)
}

/// Returns the IPv4 address to which packets for this address are delivered: mapped and compatible (RFC 4291 2.5.5),
/// 6to4 (RFC 3056 2) and NAT64 (RFC 6052 2.1).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let pair = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(pair(high, low))
        }
        [0x2002, high, low, ..] => Some(pair(high, low)),
        _ => None,
    }
}
