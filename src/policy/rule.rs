//! Access rules: the requirements that one path sets on requests.

use super::access_control::AccessControl;
use super::certificate_conditions::CertificateConditions;
use super::denial::{Denial, DenialId};
use crate::headers::fetch_metadata::CrossSiteEvidence;
use http::Method;
use std::net::IpAddr;

/// How a path treats client certificates, in the terms of IIS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificateRule {
    /// Certificates are not validated. They give no request an identity.
    Ignore,
    /// A certificate or the path's other credentials. A bad certificate is rejected, never treated as absent.
    Accept,
    /// A certificate.
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

/// How a path treats a certificate that is valid and sufficient, and maps to no account.
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
    /// The query is forwarded byte for byte and has no influence on the decision.
    Allow,
    /// A request with a query is rejected.
    Reject,
}

/// The properties of a request that the decision depends on, beside the path that selected the rule.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The client's address. An IPv4 client of an IPv6 listener has its IPv4 address here.
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
    /// The path as in proxy.toml, for records.
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
    /// Checks the client's address and the form of the request, before any of its credentials are read.
    ///
    /// # Errors
    /// `access-denied` for the address, `method-not-allowed`, `invalid-path` for a query that the path does not take, or
    /// `body-too-large` for the declared length.
    pub fn check_request(&self, request: &RequestFacts<'_>) -> Result<(), Denial> {
        self.access.check_address(request.peer)?;
        if !self.methods.contains(request.method) {
            return Err(Denial::new(
                DenialId::MethodNotAllowed,
                format!("{} is not in the path's `methods`", request.method),
            ));
        }
        if self.query == QueryRule::Reject && request.has_query {
            return Err(Denial::new(DenialId::InvalidPath, "the path takes no query (`query`)"));
        }
        match request.content_length {
            Some(length) if length > self.max_body => Err(Denial::new(
                DenialId::BodyTooLarge,
                format!(
                    "the declared length {length} exceeds the path's `max_body` of {} bytes",
                    self.max_body
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether requests to the path need their certificate authenticated.
    pub fn uses_certificate(&self) -> bool {
        self.client_certificate != ClientCertificateRule::Ignore
    }

    /// Whether some requests are permitted without an identity: anonymous ones, or those with pass-through
    /// authentication, whose user only the backend learns.
    pub fn permits_without_identity(&self) -> bool {
        match (self.client_certificate, self.password) {
            (ClientCertificateRule::Ignore, PasswordRule::Never | PasswordRule::Backend)
            | (ClientCertificateRule::Accept, PasswordRule::Backend) => true,
            (ClientCertificateRule::Ignore | ClientCertificateRule::Accept, PasswordRule::Directory)
            | (ClientCertificateRule::Accept, PasswordRule::Never)
            | (ClientCertificateRule::Require, _) => false,
        }
    }

    /// The value of an `Allow` header (RFC 9110 section 10.2.1).
    pub fn allow_header(&self) -> String {
        let names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        names.join(", ")
    }
}
