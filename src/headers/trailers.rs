//! Takes the trailer section of a request or an answer, leaves what may go on. Servers merge trailers into headers, so
//! what a header must not say a trailer must not say either.

use super::ReservedHeaders;
use super::request_headers::{Dropped, remove_by_disposition};
use http::{HeaderMap, HeaderName};

/// Removes the connection's fields, every spelling of what only the gate may say, and the fields that RFC 9110 6.5.1
/// keeps out of trailers: those for framing, routing, request modifiers, authentication, and content format.
pub fn strip(trailers: &mut HeaderMap, owned: &ReservedHeaders) -> Dropped {
    let mut dropped = Dropped::default();
    remove_by_disposition(trailers, owned, &mut dropped);
    let forbidden: Vec<HeaderName> =
        trailers.keys().filter(|name| is_forbidden(name.as_str())).cloned().collect();
    dropped.forbidden_in_trailers = forbidden.len();
    for name in forbidden {
        trailers.remove(name);
    }
    dropped
}

fn is_forbidden(name: &str) -> bool {
    const STARTS: [&str; 6] = ["accept", "access-control-", "content-", "if-", "sec-", "set-cookie"];
    STARTS.iter().any(|start| name.starts_with(start))
        || matches!(
            name,
            "age"
                | "authentication-info"
                | "authorization"
                | "cache-control"
                | "cookie"
                | "date"
                | "expect"
                | "expires"
                | "host"
                | "location"
                | "max-forwards"
                | "origin"
                | "pragma"
                | "range"
                | "referer"
                | "retry-after"
                | "soapaction"
                | "strict-transport-security"
                | "user-agent"
                | "vary"
                | "warning"
                | "www-authenticate"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn managed_and_forbidden_names_are_dropped_from_trailers() {
        let names = [
            "x-remote-user",
            "x_remote_user",
            "client-cert",
            "x-forwarded-for",
            "connection",
            "transfer-encoding",
            "content-length",
            "host",
            "authorization",
            "cookie",
            "set-cookie",
            "content-type",
            "cache-control",
            "x-checksum",
        ];
        let mut trailers: HeaderMap =
            names.iter().map(|name| (HeaderName::from_static(name), "mallory".parse().unwrap())).collect();
        let dropped = strip(&mut trailers, &ReservedHeaders::default());
        assert_eq!(trailers.keys().collect::<Vec<_>>(), ["x-checksum"]);
        let expected = Dropped { hop_by_hop: 2, owned: 4, forbidden_in_trailers: 7, ..Dropped::default() };
        assert_eq!(dropped, expected);
    }
}
