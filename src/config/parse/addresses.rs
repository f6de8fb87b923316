//! The types of addresses, host names and server URLs. No name is resolved here.

use super::diagnostic::ValueError;
use super::value_type::{ValueType, string};
use crate::request::{Authority, HostPattern, InvalidHost};
use crate::telemetry::display_chain;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The protocol of a backend server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ServerScheme {
    /// In plain text.
    Http,
    /// Over TLS.
    Https,
}

/// One server of a backend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ServerUrl {
    pub(crate) scheme: ServerScheme,
    /// A name or an IP address, an IPv6 one without brackets, in lower case.
    pub(crate) host: String,
    /// The port; 80 or 443 if none is written.
    pub(crate) port: u16,
}

impl ServerUrl {
    /// Returns whether it is this machine, on which IIS treats every request as a local one.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Returns whether third parties may read the traffic, as far as the URL shows: plain text to an address that is not private. A
    /// name must be resolved first, which `check --online` does.
    pub(crate) fn is_public_plain_text(&self) -> bool {
        self.scheme == ServerScheme::Http
            && self.host.parse::<IpAddr>().is_ok_and(|address| !is_private(address))
    }
}

/// Returns whether an address is of this machine or of a private network: RFC 1918, RFC 4193, link-local (RFC 3927, RFC 4291
/// 2.5.6). Addresses behind a provider's translation (RFC 6598) are not private.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
        }
    }
}

/// Returns the type of an IP address with its port.
pub(crate) fn socket_address() -> ValueType<SocketAddr> {
    string("address", "addresses", |text| {
        let help = "such as \"0.0.0.0:443\" (every IPv4 address), \"[::]:443\" or \"192.0.2.1:443\"";
        let error = || ValueError::new(format!("{text:?} is not an IP address with a port")).help(help);
        text.parse().map_err(|_| error())
    })
}

/// Returns the type of a network, or of one address.
pub(crate) fn network() -> ValueType<IpNet> {
    string("network", "networks", parse_network)
}

fn parse_network(text: &str) -> Result<IpNet, ValueError> {
    text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
        ValueError::new(format!("{text:?} is not a network")).help("such as \"10.0.0.0/8\" or \"192.0.2.7\"")
    })
}

/// Returns the type of a network of clients. One that would contain other addresses than it seems to is rejected.
pub(crate) fn client_network() -> ValueType<IpNet> {
    string("network", "networks", |text| {
        let network = parse_network(text)?;
        let begin = network.trunc();
        if begin != network {
            let address = network.addr();
            let help = format!("write \"{begin}\" for the network, or \"{address}\" for the address");
            return Err(ValueError::new(format!("{network} has bits beyond its prefix")).help(help));
        }
        if matches!(network.addr(), IpAddr::V6(address) if address.to_ipv4_mapped().is_some()) {
            let message = format!("{network} contains no client: IPv4 clients have IPv4 addresses here");
            return Err(ValueError::new(message).help("write the network of IPv4, such as \"10.0.0.0/8\""));
        }
        Ok(network)
    })
}

/// Returns the type of a name that a site serves: a host name, `*.` and a domain for one label more, or an IP address.
pub(crate) fn host_pattern() -> ValueType<HostPattern> {
    string("host name", "host names", parse_host_pattern)
}

fn parse_host_pattern(text: &str) -> Result<HostPattern, ValueError> {
    let help = |error: InvalidHost| {
        if text.contains("://") || text.contains('/') {
            "write the host name only, without a scheme or a path".to_owned()
        } else if text.contains('*') {
            "`*` stands for one whole label at the start: \"*.corp.example\"".to_owned()
        } else if text.parse::<Ipv6Addr>().is_ok() {
            format!("write an IPv6 address in brackets: \"[{text}]\"")
        } else if text.contains(':') {
            "write the host name without a port; the port belongs to `listen`".to_owned()
        } else {
            format!("{error}; such as \"rms.corp.example\", \"*.corp.example\" or \"192.0.2.1\"")
        }
    };
    let error = |error| ValueError::new(format!("{text:?} is not a host name")).help(help(error));
    HostPattern::parse(text).map_err(error)
}

/// Returns the type of the `Host` for a backend: a host name, perhaps with a port.
pub(crate) fn host_header() -> ValueType<Authority> {
    string("host name", "host names", |text| {
        let error = || ValueError::new(format!("{text:?} is not a host name"));
        host_and_port(text).ok_or_else(|| error().help("such as \"rms.corp.example\""))?;
        Authority::parse(text).map_err(|error| ValueError::new(display_chain(&error)))
    })
}

/// Returns the type of the URL of a backend server: scheme, host and port, nothing else.
pub(crate) fn server_url() -> ValueType<ServerUrl> {
    string("URL", "URLs", parse_server_url)
}

fn parse_server_url(text: &str) -> Result<ServerUrl, ValueError> {
    let error = |message: String| {
        ValueError::new(message).help("such as \"http://10.0.0.5\" or \"https://rms1.corp.example:8443\"")
    };
    let (scheme, default_port, rest) = match text.split_once("://") {
        Some(("http", rest)) => (ServerScheme::Http, 80, rest),
        Some(("https", rest)) => (ServerScheme::Https, 443, rest),
        Some(_) | None => return Err(error(format!("{text:?} does not start with http:// or https://"))),
    };
    if let Some((authority, _)) = rest.split_once(['/', '?', '#']) {
        let scheme = text.strip_suffix(rest).unwrap_or_default();
        let help = format!("write \"{scheme}{authority}\"");
        let message = format!("{text:?} has a path; the path of the request is forwarded");
        return Err(ValueError::new(message).help(help));
    }
    let server = host_and_port(rest);
    let (host, port) = server.ok_or_else(|| error(format!("{text:?} does not name a server")))?;
    Ok(ServerUrl { scheme, host, port: port.unwrap_or(default_port) })
}

/// Returns the parts of `host`, `host:port`, `[v6]` and `[v6]:port`; `None` for anything else, including port 0.
pub(crate) fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (text, None),
    };
    let is_number = |digits: &&str| digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = |digits: &str| Some(digits).filter(is_number)?.parse().ok().filter(|port| *port != 0);
    let port = match port {
        Some(digits) => Some(number(digits)?),
        None => None,
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let host = normalised(host);
    let well_written = is_host(&host) && host.contains(':') == bracketed;
    well_written.then_some((host, port))
}

fn normalised(host: &str) -> String {
    let unbracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = unbracketed.and_then(|text| text.parse::<Ipv6Addr>().ok()) {
        return address.to_string();
    }
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// RFC 1123 2.1 labels, and `_`, which Windows machine names contain; or an IP address.
fn is_host(name: &str) -> bool {
    if name.parse::<IpAddr>().is_ok() {
        return true;
    }
    let is_label = |label: &str| {
        let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len())
            && label.bytes().all(alphabet)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits only is a mistyped IPv4 address (WHATWG URL, "ends in a number").
    let ends_in_number =
        name.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && !ends_in_number && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_host_names_become_equal_patterns() {
        for (written, read) in [
            ("RMS.Corp.Example.", "rms.corp.example"),
            ("*.corp.example", "*.corp.example"),
            ("[2001:DB8::1]", "[2001:db8::1]"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(parse_host_pattern(written).map(|host| host.to_string()), Ok(read.to_owned()));
        }
    }

    #[test]
    fn other_texts_are_rejected_as_host_names() {
        let words = "* *. a..b -a a.*.b *a.b host:443 https://host host/ 10.0.0.256 *.10.0.0.1 ä.example \
                     rms_1 ::1 *.[::1]";
        for text in words.split(' ').chain(["", "a b"]) {
            assert!(parse_host_pattern(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_has_the_port_of_its_scheme_by_default() {
        let server = |scheme, host: &str, port| Ok(ServerUrl { scheme, host: host.to_owned(), port });
        let (http, https) = (ServerScheme::Http, ServerScheme::Https);
        assert_eq!(parse_server_url("http://10.0.0.5"), server(http, "10.0.0.5", 80));
        assert_eq!(parse_server_url("https://RMS1.corp.example"), server(https, "rms1.corp.example", 443));
        assert_eq!(parse_server_url("https://[2001:db8::1]:8443"), server(https, "2001:db8::1", 8443));
        assert_eq!(parse_server_url("http://[::1]"), server(http, "::1", 80));
    }

    #[test]
    fn a_server_with_more_than_scheme_host_and_port_is_rejected() {
        let servers = "10.0.0.5 ftp://a http:// http://a/ http://a/b http://a?b http://u:p@a http://a:0 \
                       http://a:65536 http://a: http://::1 http://[10.0.0.5] HTTP://a http://a:+80";
        for text in servers.split(' ') {
            assert!(parse_server_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn private_addresses_are_recognised() {
        let private = "127.0.0.1 10.0.0.5 172.16.0.1 172.31.255.255 192.168.1.1 169.254.3.4 \
                       ::1 fd00::5 fc00::5 fe80::1 ::ffff:10.0.0.5";
        let public = "172.15.255.255 172.32.0.0 100.64.0.1 8.8.8.8 2001:db8::1 ::ffff:8.8.8.8";
        for (addresses, expected) in [(private, true), (public, false)] {
            for address in addresses.split(' ') {
                assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    #[test]
    fn a_server_on_this_machine_is_recognised() {
        let is_loopback = |text| parse_server_url(text).unwrap().is_loopback();
        assert!(["http://127.0.0.2", "http://[::1]", "http://localhost:81"].into_iter().all(is_loopback));
        assert!(!is_loopback("http://10.0.0.5"));
    }
}
