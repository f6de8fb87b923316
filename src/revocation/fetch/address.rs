//! Takes an address that a name was resolved to, says whether it may be connected to without being listed.
//!
//! Looked at when connecting, so that a name that resolves to something else the second time gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether the address means this machine, its link or a group, also where it hides in an IPv6 address. Nobody serves
/// CRLs there, and what does listen there (a cloud's metadata, an admin port) trusts whoever reaches it.
pub(super) fn is_refused(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_refused_v4(address),
        IpAddr::V6(address) => is_refused_v6(address),
    }
}

fn is_refused_v4(address: Ipv4Addr) -> bool {
    // RFC 1122 3.2.1.3: all of 0.0.0.0/8 is "this host on this network".
    let [first, ..] = address.octets();
    first == 0
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
}

fn is_refused_v6(address: Ipv6Addr) -> bool {
    address.is_unspecified()
        || address.is_loopback()
        || address.is_unicast_link_local()
        || address.is_multicast()
        || embedded(address).is_some_and(is_refused_v4)
}

/// The IPv4 address that packets to this one end at: mapped and compatible (RFC 4291 2.5.5), 6to4 (RFC 3056 2) and
/// NAT64 (RFC 6052 2.1).
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
