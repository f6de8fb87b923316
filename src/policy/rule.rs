//! Access rules: the requirements of one path.

use super::access_control::AccessControl;
use super::certificate_conditions::CertificateConditions;
use super::denial::{Denial, DenialId};
use crate::headers::fetch_metadata::CrossSiteEvidence;
use http::Method;
use std::net::IpAddr;

/// How a path treats client certificates, in the terms of IIS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificateRule {
    /// Certificates are not validated, and no request gets an identity from one.
    Ignore,
    /// The client needs a certificate or the path's other credentials. A bad certificate is rejected, never treated as
    /// absent.
    Accept,
    /// The client needs a certificate.
    Require,
}

/// The credentials that a client without a certificate may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordRule {
    /// None.
    Never,
    /// A user name and password of the realm's directory.
    Directory,
    /// The backend's own authentication, passed through on a pinned connection.
    Backend,
}

/// How a path treats a certificate that is valid and meets its conditions, but maps to no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmappedCertificateRule {
    /// The request is rejected.
    Reject,
    /// The client may use the path's other credentials.
    AllowPassword,
}

/// Whether pages of other sites may send requests with the user's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSiteRule {
    /// Requests that a browser marks as cross-site are rejected.
    Reject,
    /// They are permitted.
    Allow,
}

/// Whether a request may have a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryRule {
    /// The query is forwarded byte for byte, and the decision does not depend on it.
    Allow,
    /// A request with a query is rejected.
    Reject,
}

/// The properties of a request that the decision depends on, in addition to the path, which selected the rule.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The client's address. That of an IPv4 client of an IPv6 listener is its IPv4 address.
    pub peer: IpAddr,
    /// The method.
    pub method: &'a Method,
    /// Whether the target has a query, which may be empty.
    pub has_query: bool,
    /// The declared length of the body in bytes.
    pub content_length: Option<u64>,
    /// The header that marks the request as cross-site.
    pub cross_site: Option<CrossSiteEvidence>,
}

/// The requirements of one path.
#[derive(Clone, Debug)]
pub struct AccessRule {
    /// The path as configured, for audit records.
    pub name: String,
    /// The allowed methods. An empty list allows none.
    pub methods: Vec<Method>,
    /// How client certificates are treated.
    pub client_certificate: ClientCertificateRule,
    /// The credentials of clients without a certificate.
    pub password: PasswordRule,
    /// Whether those credentials are also for clients whose certificate maps to no account.
    pub unmapped_certificate: UnmappedCertificateRule,
    /// The conditions on the certificate.
    pub conditions: CertificateConditions,
    /// The access list.
    pub access: AccessControl,
    /// Whether a query is allowed.
    pub query: QueryRule,
    /// Whether cross-site requests are allowed.
    pub cross_site: CrossSiteRule,
    /// The largest body in bytes.
    pub max_body: u64,
}

impl AccessRule {
    /// Checks the client's address and the form of the request, before any credential is read.
    ///
    /// # Errors
    /// `access-denied` for the address, `method-not-allowed`, `invalid-path` for a query that the rule does not allow, or
    /// `body-too-large` for the declared length.
    pub fn check_request(&self, request: &RequestFacts<'_>) -> Result<(), Denial> {
        self.access.check_address(request.peer)?;
        if !self.methods.contains(request.method) {
            return Err(Denial::new(
                DenialId::MethodNotAllowed,
                format!("{} is not in `methods` of the path rule", request.method),
            ));
        }
        if self.query == QueryRule::Reject && request.has_query {
            return Err(Denial::new(DenialId::InvalidPath, "the path rule does not allow a query (`query`)"));
        }
        match request.content_length {
            Some(length) if length > self.max_body => Err(Denial::new(
                DenialId::BodyTooLarge,
                format!(
                    "the declared length {length} exceeds `max_body` of the path rule ({} bytes)",
                    self.max_body
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns whether client certificates have to be authenticated for requests to the path.
    pub fn uses_certificate(&self) -> bool {
        self.client_certificate != ClientCertificateRule::Ignore
    }

    /// Returns whether the rule permits some requests without an identity: anonymous ones, or those with pass-through
    /// authentication, whose user only the backend knows.
    pub fn permits_without_identity(&self) -> bool {
        match (self.client_certificate, self.password) {
            (ClientCertificateRule::Ignore, PasswordRule::Never | PasswordRule::Backend)
            | (ClientCertificateRule::Accept, PasswordRule::Backend) => true,
            (ClientCertificateRule::Ignore | ClientCertificateRule::Accept, PasswordRule::Directory)
            | (ClientCertificateRule::Accept, PasswordRule::Never)
            | (ClientCertificateRule::Require, _) => false,
        }
    }

    /// Returns the value of an `Allow` field (RFC 9110 section 10.2.1).
    pub fn allow_header(&self) -> String {
        let names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        names.join(", ")
    }
}
