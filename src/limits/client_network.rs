//! The units that connections and requests are counted by: an address, and the network around it.

use std::net::IpAddr;

/// An IPv4 network counts as a whole, beside its addresses: the smallest prefix that is routed in the Internet.
const IPV4_NETWORK: u8 = 24;

/// The same for IPv6: the prefix that one site usually has (RFC 6177).
const IPV6_NETWORK: u8 = 48;

/// Bits before the IPv4 address in its IPv6 form (RFC 4291 2.5.5.2).
const IPV4_OFFSET: u8 = 96;

/// One client address as it is counted: an IPv4 address, or a network of IPv6, of which one host commonly holds all
/// addresses of a /64 (RFC 6177) and could otherwise appear as 2^64 clients. IPv4 in its IPv6 form is IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressKey(u128);

impl AddressKey {
    /// An IPv6 address counts with all of its first `ipv6_prefix` bits.
    pub fn of(address: IpAddr, ipv6_prefix: u8) -> Self {
        keys(address, ipv6_prefix).0
    }
}

/// The network around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NetworkKey(u128);

/// The keys of `address`. An IPv6 address counts with all of its first `ipv6_prefix` bits, since one host can take any
/// address of its link. IPv4 in its IPv6 form is IPv4.
pub(super) fn keys(address: IpAddr, ipv6_prefix: u8) -> (AddressKey, NetworkKey) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let bits = u128::from(address.to_ipv6_mapped());
            (AddressKey(bits), NetworkKey(prefix(bits, IPV4_OFFSET + IPV4_NETWORK)))
        }
        IpAddr::V6(address) => {
            let bits = u128::from(address);
            (AddressKey(prefix(bits, ipv6_prefix)), NetworkKey(prefix(bits, IPV6_NETWORK.min(ipv6_prefix))))
        }
    }
}

fn prefix(bits: u128, length: u8) -> u128 {
    let host_bits = 128_u32.saturating_sub(u32::from(length));
    bits & u128::MAX.checked_shl(host_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> (AddressKey, NetworkKey) {
        keys(address.parse().unwrap(), 64)
    }

    #[test]
    fn an_ipv4_address_counts_alone_and_its_24_as_its_network() {
        assert_ne!(of("192.0.2.1").0, of("192.0.2.2").0);
        assert_eq!(of("192.0.2.1").1, of("192.0.2.255").1);
        assert_ne!(of("192.0.2.1").1, of("192.0.3.1").1);
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
    }

    #[test]
    fn an_ipv6_address_counts_with_its_64_and_the_48_as_its_network() {
        assert_eq!(of("2001:db8:1:2::1").0, of("2001:db8:1:2:ffff::2").0);
        assert_ne!(of("2001:db8:1:2::1").0, of("2001:db8:1:3::1").0);
        assert_eq!(of("2001:db8:1:2::1").1, of("2001:db8:1:ffff::1").1);
        assert_ne!(of("2001:db8:1::1").1, of("2001:db8:2::1").1);
    }

    #[test]
    fn a_prefix_may_be_of_any_length() {
        assert_eq!(prefix(u128::MAX, 0), 0);
        assert_eq!(prefix(u128::MAX, 128), u128::MAX);
        assert_eq!(prefix(u128::MAX, 1), 1 << 127);
    }
}
