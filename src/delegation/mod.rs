//! Delegation: acting in a user's name towards a backend, by Kerberos S4U tickets, short-lived user certificates or
//! signed assertions.

pub mod assertion;
pub mod kerberos;
pub mod user_certificates;
