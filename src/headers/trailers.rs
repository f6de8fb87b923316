//! Removes fields from the trailers of a request or a response. Servers merge trailers into headers, so a field that is
//! removed from headers must be removed from trailers too.

use super::ReservedHeaders;
use super::request_headers::{RemovedHeaders, remove_by_disposition};
use http::{HeaderMap, HeaderName};

/// Removes hop-by-hop fields, every spelling of the headers that only the gateway may set, and the fields that RFC 9110
/// 6.5.1 forbids in trailers: framing, routing, request modifiers, authentication, and content format.
pub(crate) fn strip(trailers: &mut HeaderMap, reserved: &ReservedHeaders) -> RemovedHeaders {
    let mut removed = RemovedHeaders::default();
    remove_by_disposition(trailers, reserved, &mut removed);
    let forbidden: Vec<HeaderName> =
        trailers.keys().filter(|name| is_forbidden(name.as_str())).cloned().collect();
    removed.forbidden_in_trailers = forbidden.len();
    for name in forbidden {
        trailers.remove(name);
    }
    removed
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
    fn reserved_and_forbidden_names_are_removed_from_trailers() {
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
        let removed = strip(&mut trailers, &ReservedHeaders::default());
        assert_eq!(trailers.keys().collect::<Vec<_>>(), ["x-checksum"]);
        let expected = RemovedHeaders {
            hop_by_hop: 2,
            reserved: 4,
            forbidden_in_trailers: 7,
            ..RemovedHeaders::default()
        };
        assert_eq!(removed, expected);
    }
}
