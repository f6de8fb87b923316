//! The only thing a backend takes: a request that a permit let through.

use crate::backend::body::request_body::RequestBody;
use crate::backend::request::assertion::{AssertionTerms, assertion};
use crate::certificate::Certificate;
use crate::delegation::assertion::StatementError;
use crate::directory::DirectoryGroup;
use crate::headers::identity_headers::{
    self, ForwardedIdentity, IdentityHeaderSettings, IdentityTooLarge, NamedGroup, ProvenCertificate,
};
use crate::headers::{HeaderCase, forwarded, request_headers};
use crate::policy::{AuthenticatedBy, PassthroughPermit, Permit};
use crate::request::Authority;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};

/// A request on its way to a backend. Made from a [`Permit`], whose identity it carries and no other.
pub struct BackendRequest(Request<RequestBody>);

/// A request in the backend's own dialogue with the client, whose `Authorization` it keeps. Of a type of its own, so
/// that it cannot be given to a [`BackendPool`](crate::backend::BackendPool): only a [`PinnedConnection`](crate::backend::PinnedConnection) takes it.
pub struct PassthroughRequest(Request<RequestBody>);

/// What a request asks of the backend, all of it judged.
#[derive(Debug)]
pub struct UpstreamTarget<'a> {
    /// The method.
    pub method: Method,
    /// The path that was judged, never the client's bytes.
    pub path: &'a str,
    /// The query, byte for byte.
    pub query: Option<&'a str>,
    /// The `Host` that the backend is to see.
    pub host: &'a Authority,
    /// Where the request came from and which host it asked for.
    pub origin: forwarded::RequestOrigin<'a>,
}

/// Why a permitted request cannot be written for the backend.
#[derive(Debug, thiserror::Error)]
pub enum CannotForward {
    /// The identity is longer than headers can be.
    #[error(transparent)]
    Identity(#[from] IdentityTooLarge),
    /// No statement of the identity can be signed.
    #[error(transparent)]
    Assertion(#[from] StatementError),
    /// Path and query, both checked before, do not make a target.
    #[error("the path and query make no request target")]
    Target(#[source] http::uri::InvalidUri),
    /// The host, checked before, is no header value.
    #[error("the host is no header value")]
    Host(#[source] header::InvalidHeaderValue),
}

impl BackendRequest {
    /// Writes the request: the judged target, the client's remaining `headers`, ours, and the body.
    ///
    /// The client's `Authorization` is left out: what goes over a shared connection never authenticates it. A statement
    /// of the identity is signed where there are `terms` for one.
    ///
    /// # Errors
    /// Where the identity does not fit its headers. It is never cut.
    pub fn new(
        permit: &Permit,
        settings: &IdentityHeaderSettings,
        target: &UpstreamTarget<'_>,
        terms: Option<&AssertionTerms<'_>>,
        mut headers: HeaderMap,
        body: RequestBody,
    ) -> Result<Self, CannotForward> {
        request_headers::strip_authorization(&mut headers);
        set_identity(&mut headers, settings, permit, target, terms)?;
        written(target, headers, body).map(Self)
    }

    /// The same, with the names of the headers as the client spelled them.
    #[must_use]
    pub fn spelled(mut self, spelling: HeaderCase) -> Self {
        *self.0.extensions_mut() = spelling.into_extensions();
        self
    }

    /// The headers that the backend gets.
    pub fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// The request target that the backend gets: path and query.
    pub fn target(&self) -> &Uri {
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
    /// Writes the request: the judged target, the client's remaining `headers`, its `Authorization` among them, ours,
    /// and the body. It carries no identity: who the client is, the backend finds out itself.
    ///
    /// # Errors
    /// Where target or host cannot be written.
    pub fn new(
        _permitted: &PassthroughPermit,
        settings: &IdentityHeaderSettings,
        target: &UpstreamTarget<'_>,
        mut headers: HeaderMap,
        body: RequestBody,
    ) -> Result<Self, CannotForward> {
        identity_headers::set(&mut headers, settings, None)?;
        written(target, headers, body).map(Self)
    }

    /// The same, with the names of the headers as the client spelled them.
    #[must_use]
    pub fn spelled(mut self, spelling: HeaderCase) -> Self {
        *self.0.extensions_mut() = spelling.into_extensions();
        self
    }

    pub(in crate::backend) fn into_request(self) -> Request<RequestBody> {
        self.0
    }
}

/// What every request to a backend has, whoever sends it.
fn written(
    target: &UpstreamTarget<'_>,
    mut headers: HeaderMap,
    body: RequestBody,
) -> Result<Request<RequestBody>, CannotForward> {
    request_headers::join_cookies(&mut headers);
    let host = HeaderValue::from_str(&target.host.to_string()).map_err(CannotForward::Host)?;
    headers.insert(header::HOST, host);
    forwarded::set(&mut headers, &target.origin);
    let mut request = Request::new(body);
    *request.method_mut() = target.method.clone();
    *request.uri_mut() = uri(target).map_err(CannotForward::Target)?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn uri(target: &UpstreamTarget<'_>) -> Result<Uri, http::uri::InvalidUri> {
    let path_and_query = match target.query {
        None => PathAndQuery::try_from(target.path)?,
        Some(query) => PathAndQuery::try_from(format!("{}?{query}", target.path))?,
    };
    Ok(Uri::from(path_and_query))
}

fn set_identity(
    headers: &mut HeaderMap,
    settings: &IdentityHeaderSettings,
    permit: &Permit,
    target: &UpstreamTarget<'_>,
    terms: Option<&AssertionTerms<'_>>,
) -> Result<(), CannotForward> {
    let Some(identity) = permit.identity() else {
        return Ok(identity_headers::set(headers, settings, None)?);
    };
    let account = identity.account();
    let groups: Vec<_> = account.groups.iter().map(named).collect();
    let (mapping, strength) = (account.mapping.to_string(), account.strength.to_string());
    let told = ForwardedIdentity {
        user: &account.user,
        upn: account.upn.as_deref(),
        sid: account.sid.as_deref(),
        groups: &groups,
        mapping: &mapping,
        strength: &strength,
        authentication: "password",
        card: None,
        assertion: None,
    };
    let mut tell = |told: ForwardedIdentity<'_>| {
        let assertion = terms.map(|terms| assertion(terms, settings, target, &told)).transpose()?;
        let told = ForwardedIdentity { assertion: assertion.as_deref(), ..told };
        Ok(identity_headers::set(headers, settings, Some(&told))?)
    };
    let credential = match identity.authenticated_by() {
        AuthenticatedBy::Password => return tell(told),
        AuthenticatedBy::Certificate(credential) => credential,
    };
    let leaf = credential.leaf();
    let others: Vec<&[u8]> = credential.additional_certificates().iter().map(Certificate::der).collect();
    let card = ProvenCertificate {
        leaf: leaf.der(),
        chain: &others,
        certificate_sha256: &leaf.fingerprint().to_string(),
        subject: &leaf.subject().to_string(),
    };
    tell(ForwardedIdentity { authentication: "certificate", card: Some(card), ..told })
}

fn named(group: &DirectoryGroup) -> NamedGroup<'_> {
    NamedGroup { name: &group.name, sid: group.sid.as_deref() }
}
