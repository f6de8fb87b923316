//! Asks LDAP directories who an account is: Active Directory, or another one by a schema of the operator's. Never judges
//! whether a certificate may name somebody.

mod group;

pub use group::Group;
