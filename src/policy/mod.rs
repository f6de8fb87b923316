//! Authorization of a request: [`decide()`] compares its evidence with the access rule of its path, and returns a [`Permit`]
//! or a [`Denial`].
//!
//! The decision is pure: it has no I/O, no clock and no log. `explain` calls the same function as the request pipeline.

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

pub(crate) use access_control::{AccessControl, AllowedBy};
pub(crate) use access_list::AccessList;
#[cfg(test)]
pub(crate) use access_list::NameSet;
pub(crate) use certificate_conditions::CertificateConditions;
pub(crate) use credential::{AuthenticatedBy, Credential, PasswordCredential};
pub(crate) use decide::{decide, password_fallback};
pub(crate) use denial::Denial;
pub use denial::DenialId;
#[cfg(test)]
pub(crate) use evidence::PasswordFallback;
pub(crate) use evidence::{AbsentReason, Evidence};
pub(crate) use permit::{ForwardedAs, PassthroughPermit, Permit, PermittedIdentity};
pub use rejection::CertificateRejection;
pub(crate) use rejection::PasswordRejection;
pub(crate) use rule::{
    AccessRule, ClientCertificateRule, CrossSiteRule, PasswordRule, QueryRule, RequestFacts,
    UnmappedCertificateRule,
};
