//! portcullis: a reverse proxy that puts smartcard authentication in front of web servers that cannot do it well
//! themselves.
//!
//! Each folder is a stage of a request's road. Imports go down the floors that `docs/architecture.md` draws;
//! `tests/` holds them.

pub mod backend;
pub mod certificate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod delegation;
pub mod demo;
pub mod directory;
pub mod headers;
pub mod identity;
pub mod limits;
pub mod login_throttle;
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
