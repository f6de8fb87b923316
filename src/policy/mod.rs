//! Authorization: from a path's access rule, the request and its evidence to a [`Permit`] or a [`Denial`].
//!
//! Pure: no I/O, no clock, no logging. Requests and `explain` are decided by the same function.

mod access_control;
mod access_list;
mod certificate_conditions;
mod credential;
mod decide;
mod denial;
mod evidence;
mod permit;
mod rejection;
mod rule;
#[cfg(test)]
pub(crate) mod test_evidence;
#[cfg(test)]
mod tests;

pub use access_control::{AccessControl, AccessDenied, AllowedBy};
pub use access_list::{AccessList, NameSet};
pub use certificate_conditions::CertificateConditions;
pub use credential::{AuthenticatedBy, Credential, PasswordCredential};
pub use decide::{decide, password_fallback};
pub use denial::{Denial, DenialId};
pub use evidence::{AbsentReason, Evidence, PasswordFallback};
pub use permit::{ForwardedAs, PassthroughPermit, Permit, PermittedIdentity};
pub use rejection::{CertificateRejection, PasswordRejection};
pub use rule::{
    AccessRule, ClientCertificateRule, CrossSiteRule, PasswordRule, QueryRule, RequestFacts,
    UnmappedCertificateRule,
};
