//! portcullis: a reverse proxy that terminates TLS and authenticates clients by smartcard (mutual TLS) in front of legacy
//! web servers.
//!
//! Most folders are a stage of the request pipeline. Imports follow the floors of `docs/architecture.md`, which a test
//! enforces.

pub mod backend;
pub mod certificate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod delegation;
// Tests use its PKI and its test server whatever the features are.
#[cfg(any(test, feature = "demo"))]
pub mod demo;
pub mod directory;
pub mod headers;
pub mod identity;
pub mod ldap;
pub mod limits;
pub mod login_throttle;
pub mod name_folding;
pub mod policy;
pub mod proxy;
pub mod request;
pub mod revocation;
pub mod secret;
pub mod server;
pub mod site;
pub mod telemetry;
pub mod tls;
pub mod validation;
