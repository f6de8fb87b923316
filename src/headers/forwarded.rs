//! The headers by which proxies report the client's connection: `Forwarded` (RFC 7239), `X-Forwarded-*`, `X-Request-Id`.
//!
//! They are always overwritten: the gateway is the first trusted hop, and a client's claim about its own address cannot be
//! trusted.

use crate::request::{Authority, HostName, RequestId, TargetScheme};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The connection of a request, and the authority that it requested.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestOrigin<'a> {
    /// The client's address; its port is not sent.
    pub peer: SocketAddr,
    /// The scheme of the client's connection.
    pub scheme: TargetScheme,
    /// The requested host, with no other port than the listener's.
    pub host: &'a Authority,
    /// The id of the request.
    pub request_id: RequestId,
}

/// Sets `X-Forwarded-For`, `-Proto` and `-Host`, `Forwarded` (RFC 7239) and `X-Request-Id`, each with one value.
pub(crate) fn set(headers: &mut HeaderMap, origin: &RequestOrigin<'_>) {
    // A listener on `[::]` sees IPv4 clients as ::ffff:192.0.2.1, which logs and filters of backends would not recognize.
    let address = origin.peer.ip().to_canonical();
    let host = origin.host.to_string();
    let address_text = address.to_string();
    let element = forwarded_element(address, &address_text, origin.scheme, &host);
    headers.insert(FORWARDED, printable(element));
    headers.insert(X_FORWARDED_FOR, printable(address_text));
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(origin.scheme.as_str()));
    headers.insert(X_FORWARDED_HOST, printable(host));
    headers.insert(X_REQUEST_ID, printable(origin.request_id.to_string()));
}

/// One element of RFC 7239 4. A value with a colon is not a token, so it is quoted (RFC 7239 6).
fn forwarded_element(address: IpAddr, address_text: &str, scheme: TargetScheme, host: &str) -> String {
    let quote_host = if host.contains(':') { "\"" } else { "" };
    let (node, quote_node) = match address {
        IpAddr::V4(_) => (Cow::Borrowed(address_text), ""),
        IpAddr::V6(_) => (Cow::Owned(HostName::from(address).to_string()), "\""),
    };
    [
        "for=",
        quote_node,
        &node,
        quote_node,
        ";proto=",
        scheme.as_str(),
        ";host=",
        quote_host,
        host,
        quote_host,
    ]
    .concat()
}

fn printable(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("addresses, host names and ids are letters, digits and punctuation")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(peer: &str, host: &str) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        for name in [FORWARDED, X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST, X_REQUEST_ID] {
            headers.append(name.clone(), HeaderValue::from_static("mallory"));
            headers.append(name, HeaderValue::from_static("mallory"));
        }
        let host = Authority::parse(host).unwrap();
        let request_id = RequestId::random();
        let peer = peer.parse().unwrap();
        set(&mut headers, &RequestOrigin { peer, scheme: TargetScheme::Https, host: &host, request_id });
        assert_eq!(headers.remove(X_REQUEST_ID).unwrap(), request_id.to_string().as_str());
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let mut lines: Vec<_> = headers.iter().map(line).collect();
        lines.sort();
        lines
    }

    fn lines(forwarded: &str, address: &str, host: &str) -> Vec<(String, String)> {
        let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            line("forwarded", forwarded),
            line("x-forwarded-for", address),
            line("x-forwarded-host", host),
            line("x-forwarded-proto", "https"),
        ]
    }

    #[test]
    fn an_ipv4_address_is_not_quoted() {
        let expected = lines("for=192.0.2.1;proto=https;host=rms.example", "192.0.2.1", "rms.example");
        assert_eq!(sent("192.0.2.1:4711", "RMS.example"), expected);
        assert_eq!(sent("[::ffff:192.0.2.1]:4711", "rms.example"), expected);
    }

    #[test]
    fn addresses_and_ports_with_colons_are_quoted() {
        assert_eq!(
            sent("[2001:db8::1]:4711", "[2001:db8::2]:8443"),
            lines(
                "for=\"[2001:db8::1]\";proto=https;host=\"[2001:db8::2]:8443\"",
                "2001:db8::1",
                "[2001:db8::2]:8443"
            )
        );
    }
}
