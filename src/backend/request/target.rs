//! The target of a request to a backend, and the errors of writing a request.

use http::uri::{InvalidUri, PathAndQuery};
use http::{Method, Uri, header};

use crate::delegation::assertion::AssertionError;
use crate::headers::forwarded;
use crate::headers::identity_headers::IdentityTooLarge;
use crate::request::Authority;

/// The target of a request, all of which was checked by the pipeline.
#[derive(Debug)]
pub(crate) struct UpstreamTarget<'a> {
    /// The method.
    pub method: Method,
    /// The canonical path, never the client's bytes.
    pub path: &'a str,
    /// The query, byte for byte.
    pub query: Option<&'a str>,
    /// The `Host` that the backend receives.
    pub host: &'a Authority,
    /// The client's address, and the host that it requested.
    pub origin: forwarded::RequestOrigin<'a>,
}

impl UpstreamTarget<'_> {
    pub(super) fn uri(&self) -> Result<Uri, InvalidUri> {
        let path_and_query = match self.query {
            None => PathAndQuery::try_from(self.path)?,
            Some(query) => PathAndQuery::try_from(format!("{}?{query}", self.path))?,
        };
        Ok(Uri::from(path_and_query))
    }
}

/// The reason for which a permitted request cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    /// The identity does not fit into its headers.
    #[error(transparent)]
    Identity(#[from] IdentityTooLarge),
    /// No assertion of the identity can be signed.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// Path and query, both of which were checked before, are not a valid request target.
    #[error("path and query are not a valid request target")]
    Target(#[source] InvalidUri),
    /// The host, which was checked before, is not a valid header value.
    #[error("the host is not a valid header value")]
    Host(#[source] header::InvalidHeaderValue),
}
