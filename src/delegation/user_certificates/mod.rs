//! Makes certificates of minutes' life that name one account, under a subordinate CA of the gate's own, and keeps them
//! as long as they are fresh.
//!
//! For backends that keep their own "require client certificate" and their own mapping: the gate presents to them a
//! certificate for the user, on a connection that is that user's alone. Whoever holds the CA's key can be anybody
//! there, so its key is guarded like a domain controller's. Never decides who a user is, and never opens a connection.
//!
//! The CA's key is a [`rustls::sign::SigningKey`], which is where a key in a hardware module (PKCS#11) would stand:
//! nothing else here knows more of it than its public half.

mod authority;
mod authority_error;
mod contents;
mod identities;
mod issuing_key;
mod presentation;
mod subject;

pub use authority::{MintedCertificate, MintingSettings, SubordinateCa};
pub use authority_error::{MintingError, SubordinateCaError};
pub use identities::{MintedIdentities, MintedIdentity, ProtectedAccounts};
pub use presentation::{Presentation, Presented};
pub use subject::{MintedSubject, SubjectError};

#[cfg(test)]
mod tests;
