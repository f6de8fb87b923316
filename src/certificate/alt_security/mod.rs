//! The directory attribute altSecurityIdentities ([MS-PKCA] 3.1.5.2.1, KB5014754): the values that name a certificate, and
//! the comparison of a value with a certificate.

mod identities;
mod name;
mod windows_name;

pub use identities::AltSecurityForm;
pub(crate) use identities::AltSecurityIdentity;
pub(crate) use name::AltSecurityName;
