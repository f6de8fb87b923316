//! Decides whether one request may go to the backend, and as whom.
//!
//! Takes the path's rule, facts of the request and the evidence that came with it; gives a [`Permit`] or a
//! [`Denial`]. No I/O, no clock, no logging: the same function serves requests and `explain`.

mod access_list;
mod admission;
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

pub use access_list::{AccessList, NameSet};
pub use admission::{Admission, AdmittedBy, NotAllowed};
pub use credential::Credential;
pub use decide::{awaits_password, decide};
pub use denial::Denial;
pub use denial_id::DenialId;
pub use evidence::{Absent, Evidence, Refusal, Unnamed};
pub use password::{PasswordCredential, PasswordRefusal};
pub use permit::{OwnDialogue, Passage, Permit, PermittedIdentity, Proof};
pub use request_facts::RequestFacts;
pub use rule::{
    CertificateConditions, ClientCertificate, CrossSite, PasswordRule, QueryRule, Rule, UnmappedCard,
};
