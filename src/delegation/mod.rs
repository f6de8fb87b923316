//! Acting in a user's name towards a backend: Kerberos S4U tickets, short-lived user certificates, signed assertions.

pub mod assertion;
pub mod kerberos;
pub mod user_certificates;
