//! Host names in canonical form, from SNI, `Host`, `:authority` or the configuration.
//!
//! Names are not resolved. Unicode names are rejected: clients send A-labels (RFC 5891 section 4.4), and a name must not
//! have two spellings.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The maximum length of a DNS name in bytes, without its trailing dot (RFC 1035 section 2.3.4).
const MAX_NAME_BYTES: usize = 253;
/// The maximum length of a label in bytes (RFC 1035 section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// A DNS name of letters, digits and hyphens (RFC 1123 section 2.1), in lower case and without its trailing dot, or an IP
/// address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(HostKind);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum HostKind {
    Dns(Box<str>),
    Address(IpAddr),
}

/// The reason why a host is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// The host is empty.
    #[error("the host is empty")]
    Empty,
    /// The host is longer than a DNS name may be.
    #[error("the host has {bytes} bytes; the limit is 253")]
    TooLong {
        /// The length of the host.
        bytes: usize,
    },
    /// A label is empty, too long, starts or ends with a hyphen, or has another character.
    #[error("`{label}` is not a label of 1 to 63 letters, digits and inner hyphens")]
    Label {
        /// The label as received, with all but printable ASCII escaped.
        label: String,
    },
    /// The last label is a number, but the host is not an IPv4 address of four decimal numbers. Some programs would parse it
    /// as an address.
    #[error("the host ends in a number but is not an IPv4 address in four decimal numbers")]
    Numeric,
    /// The brackets do not contain an IPv6 address. Zone identifiers are rejected, because they have a meaning on one host
    /// only.
    #[error("the brackets do not contain an IPv6 address")]
    Ipv6,
    /// The host contains a `*` that is not the first label of a pattern.
    #[error("a wildcard is `*.` followed by a DNS name, and matches exactly one label")]
    Wildcard,
}

impl HostName {
    /// Parses a DNS name, an IPv4 address, or an IPv6 address in brackets, in any letter case. A name may have one trailing
    /// dot.
    ///
    /// # Errors
    /// `text` is anything else, for example a name with underscores or Unicode characters.
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        if let Some(rest) = text.strip_prefix('[') {
            let inside = rest.strip_suffix(']').ok_or(InvalidHost::Ipv6)?;
            let address: Ipv6Addr = inside.parse().map_err(|_| InvalidHost::Ipv6)?;
            return Ok(Self(HostKind::Address(address.into())));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return Err(InvalidHost::Empty);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(InvalidHost::TooLong { bytes: name.len() });
        }
        if let Some(label) = name.split('.').find(|label| !is_label(label)) {
            return Err(InvalidHost::Label { label: label.escape_default().to_string() });
        }
        if ends_in_a_number(name) {
            // inet_aton and browsers parse `127.1`, `0x7f.1` and `2130706433` as addresses (WHATWG URL section 3.5).
            let address: Ipv4Addr = text.parse().map_err(|_| InvalidHost::Numeric)?;
            return Ok(Self(HostKind::Address(address.into())));
        }
        Ok(Self(HostKind::Dns(name.to_ascii_lowercase().into_boxed_str())))
    }

    /// Returns the DNS name, or `None` if the host is an address.
    pub fn dns_name(&self) -> Option<&str> {
        match &self.0 {
            HostKind::Dns(name) => Some(name),
            HostKind::Address(_) => None,
        }
    }

    /// Returns whether the host is `localhost`, a name below it (RFC 6761 section 6.3), or a loopback address.
    pub fn is_loopback(&self) -> bool {
        match &self.0 {
            HostKind::Dns(name) => &**name == "localhost" || name.ends_with(".localhost"),
            HostKind::Address(address) => address.to_canonical().is_loopback(),
        }
    }

    /// Returns the address, or `None` if the host is a DNS name.
    pub fn address(&self) -> Option<IpAddr> {
        match self.0 {
            HostKind::Dns(_) => None,
            HostKind::Address(address) => Some(address),
        }
    }

    /// Returns the DNS name without its first label, which is the name after `*.` in a wildcard that matches the host.
    pub fn parent(&self) -> Option<&str> {
        Some(self.dns_name()?.split_once('.')?.1)
    }
}

impl From<IpAddr> for HostName {
    fn from(address: IpAddr) -> Self {
        Self(HostKind::Address(address))
    }
}

/// Formats the host as in an authority (RFC 3986 section 3.2.2), with an IPv6 address in brackets.
impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            HostKind::Dns(name) => f.write_str(name),
            HostKind::Address(IpAddr::V4(address)) => address.fmt(f),
            HostKind::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
    last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A host, or a wildcard such as `*.example.org`, which matches every name with exactly one label more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This host.
    Exact(HostName),
    /// All names with one label more than this name, but not the name itself.
    OneLabelBelow(HostName),
}

impl HostPattern {
    /// Parses a pattern of the configuration.
    ///
    /// # Errors
    /// As [`HostName::parse`]. A wildcard for an address and a `*` that is not the first label are errors, too.
    pub fn parse(written: &str) -> Result<Self, InvalidHost> {
        let Some(parent) = written.strip_prefix("*.") else {
            let fault = |bad| if written.contains('*') { InvalidHost::Wildcard } else { bad };
            return HostName::parse(written).map(Self::Exact).map_err(fault);
        };
        let parent = HostName::parse(parent)?;
        if parent.dns_name().is_none() {
            return Err(InvalidHost::Wildcard);
        }
        Ok(Self::OneLabelBelow(parent))
    }

    /// Returns whether the pattern matches `host`.
    pub fn matches(&self, host: &HostName) -> bool {
        match self {
            Self::Exact(exact) => exact == host,
            Self::OneLabelBelow(parent) => {
                host.parent().is_some_and(|above| Some(above) == parent.dns_name())
            }
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::OneLabelBelow(parent) => write!(f, "*.{parent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Result<String, InvalidHost> {
        HostName::parse(text).map(|host| host.to_string())
    }

    #[test]
    fn all_spellings_of_a_host_have_one_canonical_form() {
        assert_eq!(shown("RMS.Corp.Example."), Ok("rms.corp.example".into()));
        assert_eq!(shown("xn--bcher-kva.example"), Ok("xn--bcher-kva.example".into()));
        assert_eq!(shown("192.0.2.1"), Ok("192.0.2.1".into()));
        assert_eq!(shown("[2001:DB8:0::1]"), Ok("[2001:db8::1]".into()));
        assert_eq!(shown("localhost"), Ok("localhost".into()));
    }

    #[test]
    fn an_invalid_host_is_rejected() {
        assert_eq!(shown(""), Err(InvalidHost::Empty));
        assert_eq!(shown("."), Err(InvalidHost::Empty));
        assert_eq!(shown("a.."), Err(InvalidHost::Label { label: String::new() }));
        assert_eq!(shown("a_b.example"), Err(InvalidHost::Label { label: "a_b".into() }));
        assert_eq!(shown("-a.example"), Err(InvalidHost::Label { label: "-a".into() }));
        assert_eq!(shown("b\u{fc}cher.example"), Err(InvalidHost::Label { label: "b\\u{fc}cher".into() }));
        assert_eq!(shown("a b"), Err(InvalidHost::Label { label: "a b".into() }));
        assert_eq!(shown(&"a".repeat(64)), Err(InvalidHost::Label { label: "a".repeat(64) }));
        assert_eq!(shown(&"a.".repeat(127)), Ok("a.".repeat(126) + "a"));
        assert_eq!(shown(&"a.".repeat(128)), Err(InvalidHost::TooLong { bytes: 255 }));
        assert_eq!(shown("::1"), Err(InvalidHost::Label { label: "::1".into() }));
        assert_eq!(shown("[::1%25eth0]"), Err(InvalidHost::Ipv6));
        assert_eq!(shown("[::1"), Err(InvalidHost::Ipv6));
    }

    #[test]
    fn an_address_in_another_notation_is_rejected() {
        for text in ["127.1", "0x7f.0.0.1", "127.0.0.01", "2130706433", "0x7f000001", "a.1", "192.0.2.1."] {
            assert_eq!(shown(text), Err(InvalidHost::Numeric), "{text}");
        }
    }

    #[test]
    fn a_wildcard_matches_exactly_one_label() {
        let pattern = HostPattern::parse("*.Example.org.").unwrap();
        let matches = |text| pattern.matches(&HostName::parse(text).unwrap());
        assert!(matches("a.example.org") && matches("A.EXAMPLE.ORG."));
        assert!(!matches("example.org") && !matches("a.b.example.org") && !matches("a.example.com"));
        assert_eq!(pattern.to_string(), "*.example.org");
    }

    #[test]
    fn a_wildcard_that_is_not_the_first_label_is_rejected() {
        for text in ["*", "a.*.org", "*a.org", "*.192.0.2.1", "*.[::1]"] {
            assert_eq!(HostPattern::parse(text), Err(InvalidHost::Wildcard), "{text}");
        }
        assert_eq!(HostPattern::parse("*."), Err(InvalidHost::Empty));
        assert_eq!(HostPattern::parse("*.*.org"), Err(InvalidHost::Label { label: "*".into() }));
    }

    proptest! {
        #[test]
        fn the_canonical_form_of_a_host_is_a_fixed_point_in_any_letter_case(text in "[A-Za-z0-9.:\\[\\]-]{1,30}") {
            if let Ok(host) = HostName::parse(&text) {
                prop_assert_eq!(HostName::parse(&host.to_string()), Ok(host.clone()));
                prop_assert_eq!(HostName::parse(&text.to_ascii_uppercase()), Ok(host));
            }
        }
    }
}
