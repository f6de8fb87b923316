//! Request targets, as received in a request line or in HTTP/2 pseudo-header fields.
//!
//! Only this file reads [`Uri::path`]; other code uses a [`super::CanonicalPath`]. `http::Uri` removes a fragment, and only
//! the canonical path is forwarded, so that no backend receives one.

use super::{Authority, InvalidPath};
use http::{HeaderMap, Method, Uri, Version};

/// The maximum length of a query in bytes.
pub(crate) const MAX_QUERY_BYTES: usize = 2048;

/// The scheme of an absolute target, or of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetScheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

impl TargetScheme {
    /// Returns the scheme in lower case.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A request target in origin-form or absolute-form (RFC 9112 section 3.2). HTTP/2 requests have the latter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestTarget<'a> {
    raw_path: &'a str,
    query: Option<&'a str>,
    origin: Option<(TargetScheme, Authority)>,
}

/// Returns the target as received, for the audit record. HTTP/2 has no request line: its `:path` is used instead, and
/// its `:authority` is recorded as the host.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the raw target")]
pub(crate) fn received_target(uri: &Uri, version: Version) -> String {
    match (version, uri.path_and_query()) {
        (Version::HTTP_2, Some(path)) => path.as_str().to_owned(),
        (_, _) => uri.to_string(),
    }
}

/// Returns the size of a request's field list in bytes as HTTP/2 defines it: the name, the value and 32 bytes of every
/// field, including the pseudo-header fields (RFC 9113 section 6.5.2).
#[expect(clippy::disallowed_methods, reason = "the one place that reads the raw target")]
pub(crate) fn field_list_size(method: &Method, uri: &Uri, headers: &HeaderMap) -> usize {
    let path = uri.path_and_query().map(http::uri::PathAndQuery::as_str);
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let pseudo = [
        (":method", Some(method.as_str())),
        (":scheme", uri.scheme_str()),
        (":authority", authority),
        (":path", path),
    ];
    let pseudo = pseudo.into_iter().filter_map(|(name, value)| Some(name.len() + value?.len()));
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    pseudo.chain(fields).map(|bytes| bytes + 32).sum()
}

impl<'a> RequestTarget<'a> {
    /// Splits the request's URI and checks all parts except the path, whose letter case depends on the site.
    ///
    /// # Errors
    /// The target is `*` or an authority without a path, the scheme is unknown, the authority is invalid, or the query is too
    /// long or has bytes that are not printable ASCII.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the raw target")]
    pub(crate) fn parse(uri: &'a Uri) -> Result<Self, InvalidPath> {
        let origin = origin_of(uri)?;
        let raw_path = uri.path();
        if raw_path == "*" {
            return Err(InvalidPath::Asterisk);
        }
        let query = uri.query();
        query.map_or(Ok(()), check_query)?;
        Ok(Self { raw_path, query, origin })
    }

    /// Returns the path as received, for [`super::CanonicalPath::parse`] and the audit record only.
    pub(crate) fn raw_path(&self) -> &'a str {
        self.raw_path
    }

    /// Returns the query as received, without its `?`. It is forwarded byte for byte, and no decision depends on it.
    pub(crate) fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// Returns the scheme of an absolute target, or `None` for an origin-form target.
    pub(crate) fn scheme(&self) -> Option<TargetScheme> {
        self.origin.as_ref().map(|(scheme, _)| *scheme)
    }

    /// Returns the authority of an absolute target. It takes precedence over the `Host` field (RFC 9112 section 3.2.2).
    pub(crate) fn authority(&self) -> Option<&Authority> {
        self.origin.as_ref().map(|(_, authority)| authority)
    }
}

fn origin_of(uri: &Uri) -> Result<Option<(TargetScheme, Authority)>, InvalidPath> {
    let scheme = match (uri.scheme_str(), uri.authority()) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(InvalidPath::AuthorityForm),
        (Some(scheme), _) if scheme.eq_ignore_ascii_case("http") => TargetScheme::Http,
        (Some(scheme), _) if scheme.eq_ignore_ascii_case("https") => TargetScheme::Https,
        (Some(scheme), _) => return Err(InvalidPath::ForeignScheme { scheme: scheme.to_owned() }),
    };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    Ok(Some((scheme, Authority::parse(authority)?)))
}

fn check_query(query: &str) -> Result<(), InvalidPath> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(InvalidPath::QueryTooLong { bytes: query.len(), limit: MAX_QUERY_BYTES });
    }
    match query.bytes().enumerate().find(|(_, byte)| !byte.is_ascii_graphic()) {
        Some((position, byte)) => Err(InvalidPath::QueryByte { byte, position }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{InvalidAuthority, InvalidHost};
    use super::*;

    fn parts(target: &str) -> Result<(String, Option<String>, Option<String>), InvalidPath> {
        let uri: Uri = target.parse().unwrap();
        let target = RequestTarget::parse(&uri)?;
        let query = target.query().map(str::to_owned);
        Ok((target.raw_path().to_owned(), query, target.authority().map(Authority::to_string)))
    }

    #[test]
    fn origin_form_has_path_and_query_as_received() {
        assert_eq!(parts("/A/b%20c"), Ok(("/A/b%20c".into(), None, None)));
        assert_eq!(parts("/a?wsdl&x=/../%2e"), Ok(("/a".into(), Some("wsdl&x=/../%2e".into()), None)));
        assert_eq!(parts("/a?"), Ok(("/a".into(), Some(String::new()), None)));
        assert_eq!(parts("//evil.example/a"), Ok(("//evil.example/a".into(), None, None)));
    }

    #[test]
    fn absolute_form_has_an_authority() {
        assert_eq!(
            parts("https://RMS.example:443/a?b"),
            Ok(("/a".into(), Some("b".into()), Some("rms.example:443".into())))
        );
        assert_eq!(parts("HTTP://rms.example"), Ok(("/".into(), None, Some("rms.example".into()))));
        let uri = "https://rms.example/".parse().unwrap();
        assert_eq!(RequestTarget::parse(&uri).unwrap().scheme(), Some(TargetScheme::Https));
    }

    #[test]
    fn the_size_of_a_field_list_includes_pseudo_header_fields_and_repeated_fields() {
        let request = http::Request::get("https://a.example/b?c").header("d", "ef").header("d", "g").body(());
        let (head, ()) = request.unwrap().into_parts();
        let pseudo = ":methodGET:schemehttps:authoritya.example:path/b?c".len();
        assert_eq!(field_list_size(&head.method, &head.uri, &head.headers), pseudo + 3 + 2 + 6 * 32);
    }

    #[test]
    fn other_forms_of_targets_are_rejected() {
        assert_eq!(parts("*"), Err(InvalidPath::Asterisk));
        assert_eq!(parts("rms.example:443"), Err(InvalidPath::AuthorityForm));
        assert_eq!(parts("ftp://rms.example/a"), Err(InvalidPath::ForeignScheme { scheme: "ftp".into() }));
        assert_eq!(
            parts("https://a@rms.example/a"),
            Err(InvalidPath::Authority(InvalidAuthority::UserInformation))
        );
        assert_eq!(
            parts("https://a_b/"),
            Err(InvalidPath::Authority(InvalidAuthority::Host(InvalidHost::Label { label: "a_b".into() })))
        );
    }

    #[test]
    fn a_fragment_is_removed_before_the_path_is_checked() {
        assert_eq!(parts("/a#/../b"), Ok(("/a".into(), None, None)));
        assert_eq!(parts("/a?b#c"), Ok(("/a".into(), Some("b".into()), None)));
    }

    #[test]
    fn a_query_is_printable_ascii_of_at_most_2048_bytes() {
        assert_eq!(parts("/?\u{e9}"), Err(InvalidPath::QueryByte { byte: 0xc3, position: 0 }));
        let longest = "q".repeat(MAX_QUERY_BYTES);
        assert_eq!(parts(&format!("/?{longest}")), Ok(("/".into(), Some(longest.clone()), None)));
        assert_eq!(
            parts(&format!("/?{longest}q")),
            Err(InvalidPath::QueryTooLong { bytes: 2049, limit: 2048 })
        );
    }
}
