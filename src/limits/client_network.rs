//! The keys by which clients are counted: the address, and its network.

use std::net::IpAddr;

/// The length of the IPv4 prefix that is counted as one network: the longest one that is routed in the Internet.
const IPV4_NETWORK: u8 = 24;

/// The length of the IPv6 prefix that is counted as one network: that of one site (RFC 6177).
const IPV6_NETWORK: u8 = 48;

/// The number of bits before the IPv4 address in an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2).
const IPV4_OFFSET: u8 = 96;

/// The key by which a client address is counted: an IPv4 address, or an IPv6 prefix, because one host usually has a whole /64
/// (RFC 6177) and could otherwise appear as 2^64 clients. An IPv4-mapped IPv6 address is counted as its IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressKey(u128);

impl AddressKey {
    /// Returns the key of `address`, which is the first `ipv6_prefix` bits of an IPv6 address.
    pub fn of(address: IpAddr, ipv6_prefix: u8) -> Self {
        keys(address, ipv6_prefix).0
    }
}

/// The key by which the network of a client address is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NetworkKey(u128);

/// Returns the keys of `address` and its network.
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
    fn an_ipv4_address_is_counted_alone_and_in_its_slash_24() {
        assert_ne!(of("192.0.2.1").0, of("192.0.2.2").0);
        assert_eq!(of("192.0.2.1").1, of("192.0.2.255").1);
        assert_ne!(of("192.0.2.1").1, of("192.0.3.1").1);
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
    }

    #[test]
    fn an_ipv6_address_is_counted_by_its_slash_64_and_in_its_slash_48() {
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
