//! Removes from a backend's response the headers that must not reach the client.
//!
//! `WWW-Authenticate` is never touched: whether a backend may request a password is decided by the path rule, in the
//! caller.

use super::ReservedHeaders;
use super::hop_by_hop::{connection_options, is_hop_by_hop};
use super::request_headers::RemovedHeaders;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The clients that may see a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseAudience {
    /// Any client: the request was forwarded without an identity.
    Anyone,
    /// One account: the request was forwarded under its identity.
    OneAccount,
}

/// Removes hop-by-hop fields (RFC 9110 7.6.1) and all headers that name a user or carry a certificate, and forbids shared
/// caches to store a response for one account (RFC 9111 5.2.2.7).
pub(crate) fn clean(
    headers: &mut HeaderMap,
    reserved: &ReservedHeaders,
    audience: ResponseAudience,
) -> RemovedHeaders {
    let mut removed = RemovedHeaders::default();
    for name in named_by_connection(headers) {
        removed.named_by_connection += usize::from(headers.remove(name).is_some());
    }
    let mut unwanted: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        match (is_hop_by_hop(name.as_str()), reserved.is_identity(name)) {
            (true, _) => removed.hop_by_hop += 1,
            (false, true) => removed.reserved += 1,
            (false, false) => continue,
        }
        unwanted.push(name.clone());
    }
    for name in unwanted {
        headers.remove(name);
    }
    if audience == ResponseAudience::OneAccount && !forbids_shared_caches(headers) {
        // Another line, not another value: the strictest of several directives applies (RFC 9111 4.2.1, 3).
        headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    removed
}

/// The fields that a response's `Connection` may remove. A field that protects the client or describes the body is meant
/// for the client even if `Connection` names it (RFC 9110 7.6.1), so it is kept.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let names = connection_options(headers).filter_map(|option| HeaderName::from_bytes(option).ok());
    names.filter(|name| headers.contains_key(name) && !is_meant_for_the_client(name.as_str())).collect()
}

fn is_meant_for_the_client(name: &str) -> bool {
    const STARTS: [&str; 5] = ["access-control-", "content-", "cross-origin-", "x-content-", "x-frame-"];
    STARTS.iter().any(|start| name.starts_with(start))
        || matches!(
            name,
            "age"
                | "allow"
                | "authentication-info"
                | "cache-control"
                | "clear-site-data"
                | "date"
                | "etag"
                | "expires"
                | "last-modified"
                | "location"
                | "permissions-policy"
                | "pragma"
                | "referrer-policy"
                | "retry-after"
                | "set-cookie"
                | "strict-transport-security"
                | "vary"
                | "www-authenticate"
        )
}

/// Whether the backend itself sent `no-store`, or `private` without a list of fields. A value with quotes is not
/// trusted: the directive may be inside a quoted string.
fn forbids_shared_caches(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(CACHE_CONTROL).into_iter().map(HeaderValue::as_bytes);
    let mut directives = lines
        .filter(|line| !line.contains(&b'"'))
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii);
    directives.any(|word| word.eq_ignore_ascii_case(b"no-store") || word.eq_ignore_ascii_case(b"private"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(lines: &[(&'static str, &'static str)], audience: ResponseAudience) -> Vec<String> {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let mut headers: HeaderMap = lines.iter().map(line).collect();
        clean(&mut headers, &ReservedHeaders::default(), audience);
        let mut shown: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        shown.sort();
        shown
    }

    #[test]
    fn hop_by_hop_fields_are_not_forwarded() {
        let lines = [
            ("connection", "close, X-Hop"),
            ("connection", "keep-alive"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("trailer", "x"),
            ("proxy-authenticate", "Basic"),
            ("proxy-connection", "close"),
            ("te", "x"),
            ("server", "Microsoft-IIS/6.0"),
        ];
        assert_eq!(cleaned(&lines, ResponseAudience::Anyone), ["server: Microsoft-IIS/6.0"]);
    }

    #[test]
    fn connection_cannot_remove_fields_that_are_meant_for_the_client() {
        let kept = [
            ("cache-control", "no-store"),
            ("content-length", "5"),
            ("content-security-policy", "default-src 'none'"),
            ("set-cookie", "a=b"),
            ("strict-transport-security", "max-age=1"),
            ("www-authenticate", "NTLM"),
        ];
        for (name, value) in kept {
            let lines = [("connection", name), (name, value)];
            assert_eq!(cleaned(&lines, ResponseAudience::Anyone), [format!("{name}: {value}")]);
        }
    }

    #[test]
    fn identity_headers_are_not_returned_to_the_client() {
        let lines = [
            ("x-remote-user", "CORP\\alice"),
            ("x_remote_user", "CORP\\alice"),
            ("client-cert", ":MA==:"),
            ("x-arr-clientcert", "MA=="),
            ("x-forwarded-client-cert", "Hash=0"),
            ("x-auth-request-user", "alice"),
            ("sm_user", "alice"),
            ("x-aspnet-version", "1.1.4322"),
        ];
        assert_eq!(
            cleaned(&lines, ResponseAudience::OneAccount),
            ["cache-control: private", "x-aspnet-version: 1.1.4322"]
        );
    }

    #[test]
    fn a_response_for_one_account_is_private() {
        let cache_control = |value| cleaned(&[("cache-control", value)], ResponseAudience::OneAccount);
        for enough in
            ["no-store", "private", "max-age=0, PRIVATE", "No-Store,no-cache", "private , max-age=1"]
        {
            assert_eq!(cache_control(enough), [format!("cache-control: {enough}")]);
        }
        for open in [
            "public, max-age=60",
            "max-age=60",
            "no-cache",
            "private=\"set-cookie\"",
            "no-cache=\"a, private, b\"",
        ] {
            let mut expected = [format!("cache-control: {open}"), "cache-control: private".into()];
            expected.sort();
            assert_eq!(cache_control(open), expected);
        }
        assert_eq!(cleaned(&[], ResponseAudience::OneAccount), ["cache-control: private"]);
    }

    #[test]
    fn a_response_for_any_client_keeps_its_cache_control() {
        assert_eq!(
            cleaned(&[("cache-control", "public")], ResponseAudience::Anyone),
            ["cache-control: public"]
        );
    }
}
