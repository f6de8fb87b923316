//! A permitted request, and the request for the backend that is made from it.

use super::context::RequestContext;
use super::identity_delegation::IdentityDelegation;
use super::routing::RoutedRequest;
use crate::backend::{
    AssertionTerms, BackendRequest, ForwardError, PassthroughRequest, RequestBody, UpstreamTarget,
};
use crate::clock::UnixTime;
use crate::headers::forwarded::RequestOrigin;
use crate::policy::{AuthenticatedBy, Denial, DenialId, Permit};
use crate::request::{Authority, RequestId, TargetScheme};
use crate::site::{Backend, Site};
use bytes::Bytes;
use http::{HeaderMap, header};
use hyper::body::Body;
use std::net::SocketAddr;
use std::sync::Arc;

/// A request that the decision permits, with what it was permitted for.
pub(crate) struct PermittedRequest<'a> {
    permit: Permit,
    routed: RoutedRequest<'a>,
    peer: SocketAddr,
    request_id: RequestId,
    now: UnixTime,
}

/// The request for the backend, by the kind of connection that it may use.
pub(crate) enum PreparedRequest {
    /// Over a connection of the pool.
    Pooled(BackendRequest, IdentityDelegation),
    /// Over a connection that is pinned to the client's, since the backend authenticates the client itself.
    Passthrough(PassthroughRequest),
}

impl<'a> PermittedRequest<'a> {
    pub(super) fn new(
        permit: Permit,
        routed: RoutedRequest<'a>,
        context: &RequestContext<'a>,
        now: UnixTime,
    ) -> Self {
        let peer = context.connection.endpoints.peer;
        Self { permit, routed, peer, request_id: context.request_id, now }
    }

    /// The permit.
    pub(crate) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// The backend that the request is forwarded to.
    pub(crate) fn backend(&self) -> &'a Arc<Backend> {
        &self.routed.matched.rule.backend
    }

    /// The time of the decision.
    pub(crate) fn decided_at(&self) -> UnixTime {
        self.now
    }

    /// The target of the request for the backend: the path that the decision was made on, never the client's bytes.
    pub(crate) fn target(&self) -> UpstreamTarget<'_> {
        let routed = &self.routed;
        let origin = RequestOrigin {
            peer: self.peer,
            scheme: TargetScheme::Https,
            host: &routed.authority,
            request_id: self.request_id,
        };
        UpstreamTarget {
            method: routed.facts.method.clone(),
            path: routed.matched.forward(&routed.path),
            query: routed.query,
            host: host_for_backend(self.backend(), routed.site, &routed.authority),
            origin,
        }
    }

    /// The client's body, within the limits of the path and the backend.
    pub(crate) fn request_body<B>(&self, body: B) -> RequestBody
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        // hyper sends an HTTP/1.1 server only those trailers that `Trailer` lists, and that header ends here.
        RequestBody::new(body, self.permit.rule().max_body, HeaderMap::clear)
            .with_minimum_rate(self.backend().settings.minimum_rate)
    }

    /// The request for the backend, with the client's `headers` and those that only the gateway sets.
    ///
    /// # Errors
    /// If the identity does not fit the headers, no assertion can be signed, or the account cannot be delegated.
    pub(crate) fn prepare(
        &mut self,
        mut headers: HeaderMap,
        body: RequestBody,
    ) -> Result<PreparedRequest, Denial> {
        let spelling = std::mem::take(&mut self.routed.spelling);
        let (target, backend) = (self.target(), self.backend());
        let settings = &backend.identity_headers;
        if let Some(proof) = self.permit.passthrough_permit() {
            let request = PassthroughRequest::new(&proof, settings, &target, headers, body);
            return Ok(PreparedRequest::Passthrough(
                request.map_err(|error| cannot_forward(&error))?.spelled(spelling),
            ));
        }
        // The gateway answers the expectation, and the pool sends none (RFC 9110 10.1.1).
        headers.remove(header::EXPECT);
        let terms = self.assertion_terms();
        let cache = self.routed.credential.identity_headers();
        let request =
            BackendRequest::new(&self.permit, settings, cache, &target, terms.as_ref(), headers, body);
        let request = request.map_err(|error| cannot_forward(&error))?.spelled(spelling);
        Ok(PreparedRequest::Pooled(request, IdentityDelegation::of(&self.permit, backend)?))
    }

    /// The inputs of an assertion for the backend, if it receives any. A certificate proved its holder in the handshake;
    /// a password came with the request.
    fn assertion_terms(&self) -> Option<AssertionTerms<'_>> {
        let authenticated_at = match self.permit.identity()?.authenticated_by() {
            AuthenticatedBy::Certificate(_) => self.routed.credential.proven_at(),
            AuthenticatedBy::Password => self.now,
        };
        let backend = self.backend();
        let signer = backend.assertions.as_deref()?;
        Some(AssertionTerms { signer, audience: &backend.settings.name, authenticated_at, now: self.now })
    }
}

/// The `Host` for the backend: the one of its configuration, else the site's.
fn host_for_backend<'h>(backend: &'h Backend, site: &'h Site, requested: &'h Authority) -> &'h Authority {
    backend.host.as_ref().unwrap_or_else(|| site.host_for_backend(requested))
}

fn cannot_forward(error: &ForwardError) -> Denial {
    let id = match error {
        ForwardError::Identity(_) | ForwardError::Assertion(_) => DenialId::BackendRejectedIdentity,
        ForwardError::Target(_) | ForwardError::Host(_) => DenialId::InvalidPath,
    };
    Denial::because(id, error)
}
