//! Routing: the authority, the canonical path, the path rule and the properties of a request, before any credential is
//! used.

use super::connection_credential::ConnectionCredential;
use super::context::{ReceivedRequest, RequestContext};
use super::observer::PipelineObserver;
use crate::headers::fetch_metadata::{CrossSiteEvidence, FetchSite, fetch_site};
use crate::headers::{HeaderCase, request_headers};
use crate::policy::{Denial, DenialId, RequestFacts};
use crate::request::{Authority, CanonicalPath, RequestTarget, field_list_size};
use crate::site::{HttpAction, PathMatch, PathRule, Site};
use http::{HeaderMap, HeaderValue, Version, header};
use std::sync::Arc;

/// A request whose rule is known and permits its form.
pub(super) struct RoutedRequest<'a> {
    pub(super) site: &'a Arc<Site>,
    pub(super) credential: &'a ConnectionCredential,
    /// The requested host for the backend, which makes links of it. A port other than the one at which the client arrived
    /// is dropped: the client alone chose it, and a cache or a mail with such a link would lead other users there.
    pub(super) authority: Authority,
    pub(super) path: CanonicalPath,
    pub(super) query: Option<&'a str>,
    pub(super) matched: PathMatch<'a, PathRule>,
    pub(super) facts: RequestFacts<'a>,
    /// The letter case of the client's header names.
    pub(super) spelling: HeaderCase,
}

/// Finds the rule of a request, checks the form of the request, and removes the headers that no backend may receive.
///
/// # Errors
/// The denial of a request that cannot be routed, or whose form the rule rejects.
pub(super) fn route<'a>(
    context: &RequestContext<'a>,
    request: &mut ReceivedRequest<'a, '_>,
    observer: &mut impl PipelineObserver,
) -> Result<RoutedRequest<'a>, Denial> {
    let RequestContext { snapshot, connection, site: connected, .. } = *context;
    check_head_size(request, snapshot.limits.max_header)?;
    check_field_count(request.headers, snapshot.limits.max_header_fields)?;
    let target =
        RequestTarget::parse(request.uri).map_err(|error| Denial::because(DenialId::InvalidPath, &error))?;
    check_transfer_coding(request.headers)?;
    let default_host = || match request.version {
        Version::HTTP_09 | Version::HTTP_10 => connection.default_host(snapshot, connected),
        _ => None,
    };
    let authority = authority(&target, request.headers, default_host)?;
    let site = connection.requested_site(snapshot, connected, &authority)?;
    observer.site(site);

    let path = CanonicalPath::parse(target.raw_path(), site.case)
        .map_err(|error| Denial::because(DenialId::InvalidPath, &error))?;
    observer.canonical_path(&path);
    let Some(credential) = connection.credential() else {
        if let Some(location) = redirect(site, &authority, &path, target.query()) {
            observer.redirect(location);
        }
        return Err(Denial::new(DenialId::TlsRequired, "the request came over plain HTTP"));
    };
    let matched = site.paths.find(&path).map_err(|error| Denial::because(DenialId::PathNotFound, &error))?;
    observer.rule(matched.rule);

    let facts = RequestFacts {
        peer: connection.endpoints.peer.ip().to_canonical(),
        method: request.method,
        has_query: target.query().is_some(),
        content_length: context.content_length,
        cross_site: cross_site_evidence(fetch_site(request.headers, &site.hosts, &authority)),
    };
    let rule = &matched.rule.rule;
    rule.check_request(&facts).inspect_err(|_| observer.rejected_by_form(rule))?;
    let removed = request_headers::strip(request.headers, &snapshot.owned)
        .map_err(|error| Denial::because(DenialId::MalformedRequest, &error))?;
    observer.removed_headers(&removed);
    let spelling = HeaderCase::of(request.extensions, removed.reserved > 0);
    let authority = authority.without_other_port(connection.port());
    Ok(RoutedRequest { site, credential, authority, path, query: target.query(), matched, facts, spelling })
}

/// Checks the field list of an HTTP/2 head (RFC 9113 10.5.1). h2 lets larger heads pass, so that they get an error page;
/// those of HTTP/1.1 were measured by hyper.
fn check_head_size(request: &ReceivedRequest<'_, '_>, limit: usize) -> Result<(), Denial> {
    match request.version {
        Version::HTTP_2 if field_list_size(request.method, request.uri, request.headers) > limit => {
            let detail =
                format!("the head has more than {limit} bytes, the limit of limits.max_header_bytes");
            Err(Denial::new(DenialId::HeadersTooLarge, detail))
        }
        _ => Ok(()),
    }
}

/// Checks the number of header fields. Those of HTTP/1.1 were counted by hyper.
fn check_field_count(headers: &HeaderMap, limit: usize) -> Result<(), Denial> {
    match headers.len() {
        count if count > limit => {
            let detail = format!("the head has {count} fields, and limits.max_header_fields is {limit}");
            Err(Denial::new(DenialId::HeadersTooLarge, detail))
        }
        _ => Ok(()),
    }
}

/// Rejects every transfer coding but a plain `chunked`, as RFC 9112 6.1 permits. hyper reads `gzip, chunked` as chunked and
/// drops the other coding, so that the backend would get coded bytes without the name of their coding; and servers
/// disagree on unusual spellings of `chunked`, which is how requests are smuggled.
fn check_transfer_coding(headers: &HeaderMap) -> Result<(), Denial> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        (Some(_), _) => {
            Err(Denial::new(DenialId::MalformedRequest, "the body has a coding other than chunked alone"))
        }
    }
}

/// The requested host. The one of an absolute target takes precedence over `Host` (RFC 9112 3.2.2), but a different `Host`
/// is rejected, because the backend might use it. `default_host` returns the host of an HTTP/1.0 request, which may have
/// none.
///
/// # Errors
/// `malformed-request` if there is no host, more than one, or one that cannot be parsed.
fn authority(
    target: &RequestTarget<'_>,
    headers: &HeaderMap,
    default_host: impl FnOnce() -> Option<Authority>,
) -> Result<Authority, Denial> {
    let malformed = |detail: &'static str| Denial::new(DenialId::MalformedRequest, detail);
    let mut lines = headers.get_all(header::HOST).iter();
    let host = match (lines.next(), lines.next()) {
        (None, _) => None,
        (Some(host), None) => {
            let text = host.to_str().map_err(|_| malformed("the Host header is not text"))?;
            Some(
                Authority::parse(text)
                    .map_err(|error| Denial::because(DenialId::MalformedRequest, &error))?,
            )
        }
        (Some(_), Some(_)) => return Err(malformed("there are two Host headers")),
    };
    match (target.authority(), host) {
        (None, None) => default_host().ok_or_else(|| malformed("the request names no host")),
        (None, Some(host)) => Ok(host),
        (Some(authority), None) => Ok(authority.clone()),
        (Some(authority), Some(host)) if authority.host() == host.host() => Ok(authority.clone()),
        (Some(_), Some(_)) => Err(malformed("the target and the Host header name different hosts")),
    }
}

/// The redirect of a request over plain HTTP, on a site that redirects.
fn redirect(
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

fn cross_site_evidence(fetch_site: FetchSite) -> Option<CrossSiteEvidence> {
    match fetch_site {
        FetchSite::SameOriginOrNotABrowser => None,
        FetchSite::OtherSite { evidence } => Some(evidence),
    }
}
