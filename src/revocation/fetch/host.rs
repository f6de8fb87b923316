//! Which hosts may be fetched from, as the operator writes them.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A host, or all hosts below a domain: `pki.corp.example`, `10.0.0.5`, `*.corp.example`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllowedHost {
    /// In lower case, without a dot at the end.
    name: String,
    /// Whether it stands for everything below `name`, and not for `name` itself.
    below: bool,
}

/// A text that is no host pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is neither a host nor `*.` and a domain")]
pub struct MalformedAllowedHost(String);

impl FromStr for AllowedHost {
    type Err = MalformedAllowedHost;

    /// Takes a name, an address (IPv6 without brackets), or `*.` and a name; no port, no path.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        let is_address = name.parse::<std::net::IpAddr>().is_ok();
        let is_name = name.split('.').all(is_label);
        if (is_address && !below) || is_name && !is_address {
            return Ok(Self { name: normal(name), below });
        }
        Err(MalformedAllowedHost(text.to_owned()))
    }
}

impl fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

impl AllowedHost {
    /// Whether `host`, as [`normal`] writes it, is meant.
    pub(super) fn admits(&self, host: &str) -> bool {
        match self.below {
            false => host == self.name,
            true => host.strip_suffix(&self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        }
    }
}

/// A host as hosts are compared: in lower case, without the dot that ends a complete name.
pub(super) fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// The letters that names of hosts have (RFC 1123 2.1), and the underscore that Windows names have too.
fn is_label(label: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !label.is_empty() && label.bytes().all(letters)
}
