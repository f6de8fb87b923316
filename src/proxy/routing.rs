//! Routing: the authority, the canonical path, the path rule and the facts of a request, before any certificate is
//! used. Shared by the service and `explain`.

use crate::headers::fetch_metadata::{CrossSiteEvidence, FetchSite, fetch_site};
use crate::policy::{Denial, DenialId, RequestFacts};
use crate::request::{Authority, CanonicalPath, RequestTarget, field_list_size};
use crate::site::{Backend, HttpAction, PathMatch, PathRule, Site};
use http::{HeaderMap, HeaderValue, Method, Version, header};
use std::net::IpAddr;

/// Over HTTP/1.1 hyper has measured the head already; over HTTP/2 h2 lets larger ones pass, so that they get a page.
///
/// # Errors
/// 431 for an HTTP/2 head whose field list (RFC 9113 10.5.1) is longer than `limit` bytes.
pub fn head_size(head: &http::request::Parts, limit: usize) -> Result<(), Denial> {
    match head.version {
        Version::HTTP_2 if field_list_size(head) > limit => {
            let detail =
                format!("the head has more than {limit} bytes, the limit of limits.max_header_bytes");
            Err(Denial::new(DenialId::HeadersTooLarge, detail))
        }
        _ => Ok(()),
    }
}

/// Over HTTP/1.1 hyper has counted them already.
///
/// # Errors
/// 431 for more than `limit` header fields.
pub fn field_count(headers: &HeaderMap, limit: usize) -> Result<(), Denial> {
    match headers.len() {
        count if count > limit => {
            let detail = format!("the head has {count} fields, and limits.max_header_fields is {limit}");
            Err(Denial::new(DenialId::HeadersTooLarge, detail))
        }
        _ => Ok(()),
    }
}

/// hyper takes `gzip, chunked` for chunked and forgets the rest, so that the backend would get coded bytes under no
/// coding's name; and what says `chunked` in an odd way is read in another by somebody. RFC 9112 6.1 lets a server
/// refuse a coding that it does not know.
///
/// # Errors
/// 400 `malformed-request` for anything but one plain `chunked`.
pub fn plain_coding(headers: &HeaderMap) -> Result<(), Denial> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => {
            Err(Denial::new(DenialId::MalformedRequest, "the body has a coding other than chunked alone"))
        }
    }
}

/// The one authority that the request names. In absolute-form, and in HTTP/2, the target's goes before `Host`
/// (RFC 9112 3.2.2), and one that says otherwise is refused rather than ignored.
///
/// # Errors
/// `malformed-request` where there is none, more than one, or one that cannot be read.
///
/// `unnamed` gives the host of an HTTP/1.0 request without one, which that version allows.
pub fn authority(
    target: &RequestTarget<'_>,
    headers: &HeaderMap,
    unnamed: impl FnOnce() -> Option<Authority>,
) -> Result<Authority, Denial> {
    let framing = |detail: &'static str| Denial::new(DenialId::MalformedRequest, detail);
    let mut lines = headers.get_all(header::HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (None, _) => None,
        (Some(host), None) => {
            let text = host.to_str().map_err(|_| framing("the Host header is not text"))?;
            Some(
                Authority::parse(text)
                    .map_err(|error| Denial::because(DenialId::MalformedRequest, &error))?,
            )
        }
        (Some(_), Some(_)) => return Err(framing("there are two Host headers")),
    };
    match (target.authority(), host) {
        (None, None) => unnamed().ok_or_else(|| framing("the request names no host")),
        (None, Some(host)) => Ok(host),
        (Some(authority), None) => Ok(authority.clone()),
        (Some(authority), Some(host)) if authority.host() == host.host() => Ok(authority.clone()),
        (Some(_), Some(_)) => Err(framing("the target and the Host header name different hosts")),
    }
}

/// The spelling of the path that is judged, looked up and forwarded.
///
/// # Errors
/// `invalid-path`.
pub fn canonical_path(target: &RequestTarget<'_>, site: &Site) -> Result<CanonicalPath, Denial> {
    CanonicalPath::parse(target.raw_path(), site.case)
        .map_err(|error| Denial::because(DenialId::InvalidPath, &error))
}

/// The one rule that governs the path.
///
/// # Errors
/// `path-not-found` where none does.
pub fn path_rule<'a>(site: &'a Site, path: &'a CanonicalPath) -> Result<PathMatch<'a, PathRule>, Denial> {
    site.paths.find(path).map_err(|error| Denial::because(DenialId::PathNotFound, &error))
}

/// What the decision looks at beside the path.
pub fn facts<'a>(
    peer: IpAddr,
    method: &'a Method,
    headers: &HeaderMap,
    target: &RequestTarget<'_>,
    site: &Site,
    authority: &Authority,
    content_length: Option<u64>,
) -> RequestFacts<'a> {
    RequestFacts {
        peer: peer.to_canonical(),
        method,
        has_query: target.query().is_some(),
        content_length,
        cross_site: other_site(fetch_site(headers, &site.hosts, authority)),
    }
}

/// The `Host` that the backend gets: its own where the configuration gives it one, else the site's.
pub fn host_for_backend<'a>(backend: &'a Backend, site: &'a Site, asked: &'a Authority) -> &'a Authority {
    backend.host.as_ref().unwrap_or_else(|| site.host_for_backend(asked))
}

/// What a request over plain HTTP gets: never the backend.
pub fn tls_required() -> Denial {
    Denial::new(DenialId::TlsRequired, "the request came over plain HTTP")
}

/// Where a request over plain HTTP is sent on to, on a site that does so.
pub fn redirect(
    site: &Site,
    authority: &Authority,
    path: &CanonicalPath,
    query: Option<&str>,
) -> Option<HeaderValue> {
    match site.http_action {
        HttpAction::Reject => None,
        HttpAction::Redirect => {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            HeaderValue::try_from(format!("https://{}{path}{query}", authority.host())).ok()
        }
    }
}

/// By what the request is seen to be another site's, if it is.
fn other_site(fetch_site: FetchSite) -> Option<CrossSiteEvidence> {
    match fetch_site {
        FetchSite::SameOriginOrNotABrowser => None,
        FetchSite::OtherSite { evidence } => Some(evidence),
    }
}
