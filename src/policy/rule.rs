//! What one path demands of a request.

use super::access_control::AccessControl;
use super::denial::Denial;
use super::denial_id::DenialId;
use super::request_facts::RequestFacts;
use crate::certificate::{KeyId, ObjectIdentifier};
use crate::validation::ValidPath;
use http::Method;

/// What a path does with client certificates, in IIS's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificateRule {
    /// Never looked at; the request passes without an identity.
    Ignore,
    /// A card, or the other credentials that the path takes. A bad card is refused, never treated as absent.
    Accept,
    /// A card.
    Require,
}

/// What a client without a card may use instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordRule {
    /// Nothing.
    Never,
    /// A user name and a password that the realm's directory takes.
    Directory,
    /// Whatever the backend asks for: its own dialogue is passed through, on a connection for this client alone.
    Backend,
}

/// What becomes of a client whose card is valid and sufficient, and maps to nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnmappedCertificateRule {
    /// It is refused.
    Reject,
    /// It may use what a client without a card may use.
    AllowPassword,
}

/// Whether a page of another site may use the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSiteRule {
    /// Requests that a browser marks as another site's are refused.
    Reject,
    /// They pass.
    Allow,
}

/// Whether a request may carry a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryRule {
    /// It may; the query is forwarded byte for byte and is no part of the decision.
    Allow,
    /// It may not.
    Reject,
}

/// What a certificate must have beyond being valid. An empty list demands nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateConditions {
    /// All of these usages, in the leaf; anyExtendedKeyUsage stands for none of them.
    pub extended_key_usages: Vec<ObjectIdentifier>,
    /// One of these policies, valid on the same path as the issuer.
    pub certificate_policies: Vec<ObjectIdentifier>,
    /// One of these CAs on the path, pinned by key: a name can be copied, a key cannot.
    pub issuers: Vec<KeyId>,
}

impl CertificateConditions {
    /// Whether this one path meets what is demanded of paths.
    pub(super) fn hold_on(&self, path: &ValidPath) -> bool {
        self.usages_hold_on(path)
            && self.policy_holds_on(path)
            && (self.issuers.is_empty() || self.issuers.iter().any(|key| path.issuers().contains(key)))
    }

    /// Whether the CAs of the path may issue for the demanded usages. What the leaf says of itself is no more than its CA
    /// may say; the anchor limits nothing, as in the validation of paths.
    pub(super) fn usages_hold_on(&self, path: &ValidPath) -> bool {
        let below_anchor = path.certificates().split_last().map_or(&[][..], |(_, below)| below);
        let mut authorities = below_anchor.iter().skip(1);
        authorities.all(|ca| self.extended_key_usages.iter().all(|usage| ca.allows_usage(*usage)))
    }

    pub(super) fn policy_holds_on(&self, path: &ValidPath) -> bool {
        self.certificate_policies.is_empty()
            || self.certificate_policies.iter().any(|policy| path.admits_policy(*policy))
    }
}

/// What one path demands.
#[derive(Clone, Debug)]
pub struct AccessRule {
    /// The path as written in proxy.toml, for records.
    pub name: String,
    /// The methods that may be used. An empty list admits none.
    pub methods: Vec<Method>,
    /// Ignore, accept or require.
    pub client_certificate: ClientCertificateRule,
    /// What a client without a card may use instead.
    pub password: PasswordRule,
    /// Whether that is also for a client whose card maps to nobody.
    pub unmapped_certificate: UnmappedCertificateRule,
    /// What a certificate must have here.
    pub conditions: CertificateConditions,
    /// Who is let in, and from where.
    pub access: AccessControl,
    /// Whether a query may be there.
    pub query: QueryRule,
    /// Whether another site's page may use the card.
    pub cross_site: CrossSiteRule,
    /// The largest body in bytes.
    pub max_body: u64,
}

impl AccessRule {
    /// Whether the request comes from where it may and has a shape that the path takes at all, whoever sends it.
    ///
    /// # Errors
    /// `access-denied` for the client's address, before any of its credentials are looked at; `method-not-allowed`, `invalid-path` for a query that may not be there, `body-too-large` for a declared length.
    pub fn check_request(&self, request: &RequestFacts<'_>) -> Result<(), Denial> {
        self.access.check_address(request.peer)?;
        if !self.methods.contains(request.method) {
            return Err(Denial::new(
                DenialId::MethodNotAllowed,
                format!("{} is not among the path's methods", request.method),
            ));
        }
        if self.query == QueryRule::Reject && request.has_query {
            return Err(Denial::new(DenialId::InvalidPath, "the path takes no query"));
        }
        match request.content_length {
            Some(length) if length > self.max_body => Err(Denial::new(
                DenialId::BodyTooLarge,
                format!("the declared length {length} is above the path's {} bytes", self.max_body),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the path wants the card judged.
    pub fn uses_certificate(&self) -> bool {
        self.client_certificate != ClientCertificateRule::Ignore
    }

    /// Whether some requests pass under nobody's name: anonymous ones, or those whose user only the backend comes to know.
    pub fn permits_without_identity(&self) -> bool {
        match (self.client_certificate, self.password) {
            (ClientCertificateRule::Ignore, PasswordRule::Never | PasswordRule::Backend)
            | (ClientCertificateRule::Accept, PasswordRule::Backend) => true,
            (ClientCertificateRule::Ignore | ClientCertificateRule::Accept, PasswordRule::Directory)
            | (ClientCertificateRule::Accept, PasswordRule::Never)
            | (ClientCertificateRule::Require, _) => false,
        }
    }

    /// The value of an `Allow` header (RFC 9110 10.2.1).
    pub fn allow_header(&self) -> String {
        let names: Vec<_> = self.methods.iter().map(Method::as_str).collect();
        names.join(", ")
    }
}
