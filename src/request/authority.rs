//! Authorities: host and port of a `Host` field, of `:authority`, or of an absolute target.

use super::{HostName, InvalidHost};
use std::fmt;
use std::num::NonZeroU16;

/// A host and an optional port (RFC 3986 section 3.2, without user information).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    host: HostName,
    port: Option<NonZeroU16>,
}

/// The reason why an authority is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthority {
    /// `user@host`. Servers disagree on its meaning, and phishing links use it to hide their target.
    #[error("the authority has user information")]
    UserInformation,
    /// The port is empty, zero, too large, padded with zeros, or not a number.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// The host is malformed.
    #[error("the host is malformed")]
    Host(#[from] InvalidHost),
}

impl Authority {
    /// Parses `host` or `host:port`, with the host as in [`HostName::parse`].
    ///
    /// # Errors
    /// `text` has user information, an invalid port or an invalid host.
    pub fn parse(text: &str) -> Result<Self, InvalidAuthority> {
        if text.contains('@') {
            return Err(InvalidAuthority::UserInformation);
        }
        // The colons of an IPv6 address are inside brackets, and the colon of the port follows them.
        let host_end = text.rfind(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if host.len() >= host_end => (host, Some(parse_port(port)?)),
            _ => (text, None),
        };
        Ok(Self { host: HostName::parse(host)?, port })
    }

    /// Returns the host.
    pub fn host(&self) -> &HostName {
        &self.host
    }

    /// Returns the port, or `None` if the authority has none.
    pub fn port(&self) -> Option<u16> {
        self.port.map(NonZeroU16::get)
    }

    /// Returns the authority without its port, unless that is `port`.
    pub(crate) fn without_other_port(self, port: u16) -> Self {
        Self { port: self.port.filter(|written| written.get() == port), ..self }
    }
}

impl From<HostName> for Authority {
    fn from(host: HostName) -> Self {
        Self { host, port: None }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

fn parse_port(digits: &str) -> Result<NonZeroU16, InvalidAuthority> {
    let written_plainly = digits.starts_with(|first: char| matches!(first, '1'..='9'))
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !written_plainly {
        return Err(InvalidAuthority::Port);
    }
    digits.parse().map_err(|_| InvalidAuthority::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, InvalidAuthority> {
        Authority::parse(text).map(|authority| authority.to_string())
    }

    #[test]
    fn a_host_with_or_without_port_is_accepted() {
        assert_eq!(shown("RMS.example."), Ok("rms.example".into()));
        assert_eq!(shown("rms.example.:8443"), Ok("rms.example:8443".into()));
        assert_eq!(shown("192.0.2.1:1"), Ok("192.0.2.1:1".into()));
        assert_eq!(shown("[::1]"), Ok("[::1]".into()));
        assert_eq!(shown("[::1]:65535"), Ok("[::1]:65535".into()));
    }

    #[test]
    fn user_information_is_rejected() {
        for text in ["user@rms.example", "rms.example:443@evil.example", "@rms.example"] {
            assert_eq!(shown(text), Err(InvalidAuthority::UserInformation));
        }
    }

    #[test]
    fn a_port_is_a_plain_number_from_1_to_65535() {
        for port in ["", "0", "65536", "080", "+80", "-1", "80 ", "http", "\u{0661}"] {
            assert_eq!(shown(&format!("rms.example:{port}")), Err(InvalidAuthority::Port), "{port}");
        }
    }

    #[test]
    fn a_port_other_than_the_expected_one_is_dropped() {
        for (text, kept) in
            [("a.example:8443", "a.example:8443"), ("a.example:1", "a.example"), ("[::1]:1", "[::1]")]
        {
            assert_eq!(Authority::parse(text).unwrap().without_other_port(8443).to_string(), kept);
        }
        assert_eq!(shown("a.example").unwrap(), "a.example");
    }

    #[test]
    fn an_invalid_host_is_rejected() {
        assert_eq!(shown(":443"), Err(InvalidAuthority::Host(InvalidHost::Empty)));
        assert_eq!(shown("::1"), Err(InvalidAuthority::Host(InvalidHost::Label { label: ":".into() })));
        assert_eq!(shown("[::1]x:1"), Err(InvalidAuthority::Host(InvalidHost::Ipv6)));
        assert_eq!(
            shown("rms.example, evil.example"),
            Err(InvalidAuthority::Host(InvalidHost::Label { label: "example, evil".into() }))
        );
    }
}
