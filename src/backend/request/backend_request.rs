//! The requests that are sent to a backend, each of which was permitted.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, Uri, header};

use super::identity::{AssertionTerms, IdentityHeaderCache, set_identity};
use super::target::{ForwardError, UpstreamTarget};
use crate::backend::body::request_body::RequestBody;
use crate::headers::identity_headers::{self, IdentityHeaderSettings};
use crate::headers::{HeaderCase, forwarded, request_headers};
use crate::policy::{PassthroughPermit, Permit};

/// A request to a backend, created from a [`Permit`]. It carries the identity of the permit and no other.
pub(crate) struct BackendRequest(Request<RequestBody>);

/// A request for pass-through authentication, which keeps the client's `Authorization`. It has its own type, so that it
/// cannot be sent on a connection of a [`BackendPool`](crate::backend::BackendPool): only a
/// [`PinnedConnection`](crate::backend::PinnedConnection) accepts it.
pub(crate) struct PassthroughRequest(Request<RequestBody>);

impl BackendRequest {
    /// Writes the request: the checked target, the client's remaining `headers`, the gateway's own, and the body.
    ///
    /// The client's `Authorization` is removed: it must never authenticate a connection that other clients use. An
    /// assertion of the identity is signed if there are `terms` for one.
    ///
    /// # Errors
    /// The identity does not fit into its headers (it is never truncated), or the assertion cannot be signed.
    pub(crate) fn new(
        permit: &Permit,
        settings: &Arc<IdentityHeaderSettings>,
        cache: &IdentityHeaderCache,
        target: &UpstreamTarget<'_>,
        terms: Option<&AssertionTerms<'_>>,
        mut headers: HeaderMap,
        body: RequestBody,
    ) -> Result<Self, ForwardError> {
        request_headers::strip_authorization(&mut headers);
        set_identity(&mut headers, settings, cache, permit, target, terms)?;
        write(target, headers, body).map(Self)
    }

    /// Writes the names of the client's headers in the client's letter case.
    #[must_use]
    pub(crate) fn spelled(mut self, spelling: HeaderCase) -> Self {
        *self.0.extensions_mut() = spelling.into_extensions();
        self
    }

    /// Returns the headers that the backend receives.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// Returns the request target that the backend receives: path and query.
    pub(crate) fn target(&self) -> &Uri {
        self.0.uri()
    }

    pub(in crate::backend) fn as_request(&mut self) -> &mut Request<RequestBody> {
        &mut self.0
    }

    pub(in crate::backend) fn into_request(self) -> Request<RequestBody> {
        self.0
    }
}

impl PassthroughRequest {
    /// Writes the request: the checked target, the client's remaining `headers` including its `Authorization`, the
    /// gateway's own, and the body. It has no identity headers: the backend authenticates the client itself.
    ///
    /// # Errors
    /// The target or the host cannot be written.
    pub(crate) fn new(
        _permit: &PassthroughPermit,
        settings: &IdentityHeaderSettings,
        target: &UpstreamTarget<'_>,
        mut headers: HeaderMap,
        body: RequestBody,
    ) -> Result<Self, ForwardError> {
        identity_headers::set(&mut headers, settings, None)?;
        write(target, headers, body).map(Self)
    }

    /// Writes the names of the client's headers in the client's letter case.
    #[must_use]
    pub(crate) fn spelled(mut self, spelling: HeaderCase) -> Self {
        *self.0.extensions_mut() = spelling.into_extensions();
        self
    }

    /// Returns the headers that the backend receives.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// Returns the request target that the backend receives: path and query.
    pub(crate) fn target(&self) -> &Uri {
        self.0.uri()
    }

    pub(in crate::backend) fn into_request(self) -> Request<RequestBody> {
        self.0
    }
}

/// Writes the parts that all requests to a backend have in common.
fn write(
    target: &UpstreamTarget<'_>,
    mut headers: HeaderMap,
    body: RequestBody,
) -> Result<Request<RequestBody>, ForwardError> {
    request_headers::join_cookies(&mut headers);
    let host = HeaderValue::from_str(&target.host.to_string()).map_err(ForwardError::Host)?;
    headers.insert(header::HOST, host);
    forwarded::set(&mut headers, &target.origin);
    let mut request = Request::new(body);
    *request.method_mut() = target.method.clone();
    *request.uri_mut() = target.uri().map_err(ForwardError::Target)?;
    *request.headers_mut() = headers;
    Ok(request)
}
