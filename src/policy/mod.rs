//! Decides whether one request may go to the backend, and as whom.
//!
//! Takes the path's rule, facts of the request and the evidence that came with it; gives a [`Permit`] or a
//! [`Denial`]. No I/O, no clock, no logging: the same function serves requests and `explain`.

mod access_control;
mod access_list;
mod credential;
mod decide;
mod denial;
mod denial_id;
mod evidence;
mod password;
mod permit;
mod request_facts;
mod rule;
#[cfg(test)]
pub(crate) mod test_evidence;
#[cfg(test)]
mod tests;

pub use access_control::{AccessControl, AccessDenied, AllowedBy};
pub use access_list::{AccessList, NameSet};
pub use credential::Credential;
pub use decide::{decide, password_fallback};
pub use denial::Denial;
pub use denial_id::DenialId;
pub use evidence::{AbsentReason, CertificateRejection, Evidence, PasswordFallback};
pub use password::{PasswordCredential, PasswordRejection};
pub use permit::{AuthenticatedBy, ForwardedAs, PassthroughPermit, Permit, PermittedIdentity};
pub use request_facts::RequestFacts;
pub use rule::{
    AccessRule, CertificateConditions, ClientCertificateRule, CrossSiteRule, PasswordRule, QueryRule,
    UnmappedCertificateRule,
};
