//! LDAP URLs (RFC 4516) of CRLs: the host must be listed, and the URL must name one entry and one attribute with CRLs.

use super::super::error::FetchError;
use super::super::host::normal;
use super::super::rules::FetchRules;
use http::uri::Authority;
use percent_encoding::percent_decode_str;

/// The default ports of `ldap` (RFC 4516 2) and `ldaps`.
const PORT: u16 = 389;
const TLS_PORT: u16 = 636;
/// Attributes with CRLs (RFC 4523 4). Others are not read: otherwise an issuer of certificates could make the gateway
/// read any attribute of a directory.
const ATTRIBUTES: [&str; 3] = ["certificateRevocationList", "authorityRevocationList", "deltaRevocationList"];

/// A URL that may be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct ListedLdapUrl {
    /// Whether the scheme is `ldaps`.
    pub(in super::super) tls: bool,
    /// Without brackets, in lower case.
    pub(in super::super) host: String,
    pub(in super::super) port: u16,
    /// The distinguished name of the entry (RFC 4514).
    pub(in super::super) entry: String,
    /// The description of the attribute with its options (RFC 4512 2.5).
    pub(in super::super) attribute: String,
}

/// Returns whether the scheme is `ldap` or `ldaps`, whether or not the rest is valid.
pub(in super::super) fn is_ldap(url: &str) -> bool {
    let is = |scheme: &str| scheme.eq_ignore_ascii_case("ldap") || scheme.eq_ignore_ascii_case("ldaps");
    url.split_once(':').is_some_and(|(scheme, _)| is(scheme))
}

impl ListedLdapUrl {
    pub(in super::super) fn parse(text: &str, rules: &FetchRules) -> Result<Self, FetchError> {
        let malformed = || FetchError::MalformedUrl { url: text.to_owned() };
        // RFC 3986 2: other characters are percent-encoded.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(malformed());
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(malformed)?;
        let tls = scheme.eq_ignore_ascii_case("ldaps");
        let (server, rest) = rest.split_once('/').ok_or_else(malformed)?;
        let requested = RequestedValue::parse(rest).ok_or_else(malformed)?;
        if server.is_empty() {
            return Err(FetchError::NoServer { url: text.to_owned() });
        }
        let (host, port) = host_and_port(server, if tls { TLS_PORT } else { PORT }).ok_or_else(malformed)?;
        if !rules.allows_host(&host) {
            return Err(FetchError::HostNotListed { host });
        }
        Ok(Self { tls, host, port, entry: requested.entry, attribute: requested.attribute })
    }

    /// Returns whether an attribute of a response is the requested one. Options are ignored: a server may return
    /// `;binary` whether or not it was requested (RFC 4522 3).
    pub(in super::super) fn requests(&self, attribute: &[u8]) -> bool {
        let base = |description: &[u8]| description.split(|byte| *byte == b';').next().map(<[u8]>::to_vec);
        let (requested, returned) = (base(self.attribute.as_bytes()), base(attribute));
        requested.zip(returned).is_some_and(|(requested, returned)| requested.eq_ignore_ascii_case(&returned))
    }
}

/// The part of a URL after the server.
struct RequestedValue {
    entry: String,
    attribute: String,
}

impl RequestedValue {
    /// Parses `entry?attribute?scope?filter?extensions`. RFC 5280 4.2.1.13 requires an entry and one attribute. The
    /// filter is ignored: for a single named entry it could only hide the value.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('?').map(|part| percent_decode_str(part).decode_utf8());
        let mut part = || parts.next().transpose().ok().map(Option::unwrap_or_default);
        let (entry, attribute, scope, _filter, extensions) = (part()?, part()?, part()?, part()?, part()?);
        if parts.next().is_some() {
            return None;
        }
        let base_only = scope.is_empty() || scope.eq_ignore_ascii_case("base");
        // RFC 4516 2: a URL with an unknown critical extension must not be used.
        let all_optional = !extensions.split(',').any(|extension| extension.starts_with('!'));
        let is_entry = !entry.is_empty() && !entry.contains('\0');
        let is_valid = base_only && all_optional && is_entry && holds_crls(&attribute);
        is_valid.then(|| Self { entry: entry.into_owned(), attribute: attribute.into_owned() })
    }
}

fn holds_crls(attribute: &str) -> bool {
    let (base, option) = attribute.split_once(';').unwrap_or((attribute, "binary"));
    option.eq_ignore_ascii_case("binary") && ATTRIBUTES.iter().any(|known| base.eq_ignore_ascii_case(known))
}

fn host_and_port(server: &str, default_port: u16) -> Option<(String, u16)> {
    let authority = server.parse::<Authority>().ok().filter(|_| !server.contains('@'))?;
    let host = authority.host();
    let port = match server.strip_prefix(host)?.strip_prefix(':') {
        Some(port) => port.parse().ok()?,
        None => default_port,
    };
    Some((normal(host.trim_start_matches('[').trim_end_matches(']')), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<ListedLdapUrl, FetchError> {
        let hosts = ["pki.corp.example", "::1"].map(|host| host.parse().unwrap());
        ListedLdapUrl::parse(text, &FetchRules { hosts: hosts.into(), ..FetchRules::default() })
    }

    const ENTRY: &str = "CN=Staff%20CA,DC=corp?certificateRevocationList;binary";

    #[test]
    fn a_url_of_a_windows_ca_names_its_entry_and_attribute() {
        let text = format!("LDAP://PKI.corp.example./{ENTRY}?base?objectClass=cRLDistributionPoint");
        let expected = ListedLdapUrl {
            tls: false,
            host: "pki.corp.example".into(),
            port: 389,
            entry: "CN=Staff CA,DC=corp".into(),
            attribute: "certificateRevocationList;binary".into(),
        };
        assert_eq!(parse(&text), Ok(expected));
    }

    #[test]
    fn a_port_an_ipv6_address_and_other_crl_attributes_are_accepted() {
        let url = parse("ldap://[::1]:3389/CN=a?deltarevocationlist").unwrap();
        assert_eq!((url.host.as_str(), url.port), ("::1", 3389));
        assert!(url.requests(b"deltaRevocationList;binary"));
        assert!(!url.requests(b"certificateRevocationList;binary"));
        assert!(!url.requests(b""));
    }

    #[test]
    fn a_url_without_a_server_is_rejected_with_that_reason() {
        let text = format!("ldap:///{ENTRY}?base");
        assert_eq!(parse(&text), Err(FetchError::NoServer { url: text }));
    }

    #[test]
    fn a_host_that_is_not_listed_is_rejected() {
        let host = "dc1.corp.example".to_owned();
        assert_eq!(
            parse(&format!("ldap://dc1.corp.example/{ENTRY}")),
            Err(FetchError::HostNotListed { host })
        );
    }

    #[test]
    fn a_url_that_does_not_name_one_crl_of_one_entry_is_rejected() {
        for rest in [
            "pki.corp.example",
            "pki.corp.example/",
            "pki.corp.example/CN=a",
            "pki.corp.example/?certificateRevocationList",
            "pki.corp.example/CN=a?userPassword",
            "pki.corp.example/CN=a?certificateRevocationList,userPassword",
            "pki.corp.example/CN=a?certificateRevocationList;range=0-1",
            "pki.corp.example/CN=a?*",
            "pki.corp.example/CN=a?certificateRevocationList?sub",
            "pki.corp.example/CN=a?certificateRevocationList?one",
            "pki.corp.example/CN=a?certificateRevocationList?base??!bindname=CN=b",
            "pki.corp.example/CN=a?certificateRevocationList?base???",
            "pki.corp.example/CN=a%00b?certificateRevocationList",
            "pki.corp.example/CN=%ff?certificateRevocationList",
            "pki.corp.example/CN=a b?certificateRevocationList",
            "pki.corp.example/CN=a#b?certificateRevocationList",
            "pki.corp.example:99999/CN=a?certificateRevocationList",
            "pki.corp.example:/CN=a?certificateRevocationList",
            "user@pki.corp.example/CN=a?certificateRevocationList",
        ] {
            let url = format!("ldap://{rest}");
            assert_eq!(parse(&url), Err(FetchError::MalformedUrl { url }));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_an_accepted_url_names_a_listed_host(
            text in "(ldap)?(:?/?/?)(pki\\.corp\\.example|\\[::1\\])?(:[0-9]{0,6})?/?[ -~]{0,40}\
                (\\?certificateRevocationList)?(\\?[ -~]{0,9}){0,4}|\\PC{0,60}"
        ) {
            if let Ok(url) = parse(&text) {
                prop_assert!(["pki.corp.example", "::1"].contains(&url.host.as_str()));
                prop_assert!(!url.entry.is_empty());
            }
        }
    }
}
