//! The inputs of the pipeline: one request, and everything that its handling depends on.

use super::client_connection::ClientConnection;
use crate::clock::Clock;
use crate::proxy::authenticator::Authenticator;
use crate::proxy::snapshot::Snapshot;
use crate::request::RequestId;
use crate::site::Site;
use http::{Extensions, HeaderMap, Method, Uri, Version};
use std::sync::Arc;

/// Everything that the handling of one request depends on, beside the request itself.
#[derive(Clone, Copy)]
pub(crate) struct RequestContext<'a> {
    /// The configuration, the same for the whole request.
    pub snapshot: &'a Snapshot,
    /// Authenticates certificates and passwords.
    pub authenticator: &'a Authenticator,
    /// The time.
    pub clock: &'a Clock,
    /// The client's connection.
    pub connection: &'a ClientConnection,
    /// The site that the client connected to; `None` without TLS.
    pub site: Option<&'a Arc<Site>>,
    /// The id of the request.
    pub request_id: RequestId,
    /// The declared length of the body in bytes.
    pub content_length: Option<u64>,
}

/// The head of a request as received. The pipeline removes from its headers those that no backend may receive.
pub(crate) struct ReceivedRequest<'a, 'h> {
    /// The method.
    pub method: &'a Method,
    /// The request target.
    pub uri: &'a Uri,
    /// The version of HTTP.
    pub version: Version,
    /// The headers.
    pub headers: &'h mut HeaderMap,
    /// Where hyper keeps the letter case of the header names.
    pub extensions: &'h mut Extensions,
}
