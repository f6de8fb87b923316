//! Takes a backend's answer, leaves the headers that may go to the client.
//!
//! Never touches `WWW-Authenticate`: whether a backend may ask for a password is the path's rule, and the caller's to
//! apply.

use super::ReservedHeaders;
use super::hop_by_hop::{connection_options, is_hop_by_hop};
use super::request_headers::Dropped;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue};

/// For whom an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// For anyone: the request was forwarded without an identity.
    Anyone,
    /// For one account: the request was forwarded under its identity.
    OneAccount,
}

/// Removes the connection's fields (RFC 9110 7.6.1) and all that names a person or shows a certificate, and keeps
/// shared caches from storing an answer that was made for one account (RFC 9111 5.2.2.7).
pub fn clean(headers: &mut HeaderMap, owned: &ReservedHeaders, audience: Audience) -> Dropped {
    let mut dropped = Dropped::default();
    for name in named_by_connection(headers) {
        dropped.named_by_connection += usize::from(headers.remove(name).is_some());
    }
    let mut unwanted: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        match (is_hop_by_hop(name.as_str()), owned.is_identity(name)) {
            (true, _) => dropped.hop_by_hop += 1,
            (false, true) => dropped.owned += 1,
            (false, false) => continue,
        }
        unwanted.push(name.clone());
    }
    for name in unwanted {
        headers.remove(name);
    }
    if audience == Audience::OneAccount && !forbids_shared_caches(headers) {
        // A line more, not another value: of several directives the strictest holds (RFC 9111 4.2.1, 3).
        headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
    dropped
}

/// What an answer's `Connection` may take away. A field that protects the client, or that says what the body is, is
/// meant for the client whatever `Connection` says (RFC 9110 7.6.1): it is kept.
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

/// Whether the backend itself says `no-store` or a `private` without a list of fields. A value with quotes is not
/// trusted to say so: the word may stand inside them.
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

    fn cleaned(lines: &[(&'static str, &'static str)], audience: Audience) -> Vec<String> {
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
    fn the_connections_fields_end_at_the_gate() {
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
        assert_eq!(cleaned(&lines, Audience::Anyone), ["server: Microsoft-IIS/6.0"]);
    }

    #[test]
    fn connection_cannot_take_away_what_is_meant_for_the_client() {
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
            assert_eq!(cleaned(&lines, Audience::Anyone), [format!("{name}: {value}")]);
        }
    }

    #[test]
    fn what_names_a_person_does_not_come_back() {
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
            cleaned(&lines, Audience::OneAccount),
            ["cache-control: private", "x-aspnet-version: 1.1.4322"]
        );
    }

    #[test]
    fn an_answer_for_one_account_is_kept_from_shared_caches() {
        let said = |value| cleaned(&[("cache-control", value)], Audience::OneAccount);
        for enough in
            ["no-store", "private", "max-age=0, PRIVATE", "No-Store,no-cache", "private , max-age=1"]
        {
            assert_eq!(said(enough), [format!("cache-control: {enough}")]);
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
            assert_eq!(said(open), expected);
        }
        assert_eq!(cleaned(&[], Audience::OneAccount), ["cache-control: private"]);
    }

    #[test]
    fn an_answer_for_anyone_keeps_the_backends_word_on_caches() {
        assert_eq!(cleaned(&[("cache-control", "public")], Audience::Anyone), ["cache-control: public"]);
    }
}
