//! Hosts that may be fetched from, as the configuration specifies them.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A host, or all hosts of a domain: `pki.corp.example`, `10.0.0.5`, `*.corp.example`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AllowedHost {
    /// In lower case, without a trailing dot.
    name: String,
    /// Whether it matches the hosts below `name`, and not `name` itself.
    below: bool,
}

/// A value that is neither a host nor a domain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is neither a host name or address nor `*.` and a domain")]
pub struct MalformedAllowedHost(String);

impl FromStr for AllowedHost {
    type Err = MalformedAllowedHost;

    /// Parses a name, an address (IPv6 without brackets), or `*.` and a name, without port or path.
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
    /// Returns whether it includes `host`, a result of [`normal`].
    pub(super) fn matches(&self, host: &str) -> bool {
        match self.below {
            false => host == self.name,
            true => host.strip_suffix(&self.name).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        }
    }
}

/// Returns the form in which hosts are compared: in lower case, without the trailing dot of a fully qualified name.
pub(super) fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Returns whether a label has only characters of host names (RFC 1123 2.1), or the underscore of Windows names.
fn is_label(label: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !label.is_empty() && label.bytes().all(letters)
}
