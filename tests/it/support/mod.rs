//! What the black-box tests stand on. Takes a [`Setup`], gives a [`Lab`]; a [`Client`], `curl`, `openssl` or raw bytes
//! then knock at its gate.
//!
//! ```ignore
//! let lab = Lab::start();
//! let answer = Client::new(&lab).card("alice").tls12().http2().get("/require/echo").await;
//! assert_eq!(answer.verdict(), "200 permit");
//! assert_eq!(answer.seen("x-remote-user"), ["alice@corp.example"]);
//! let record = lab.record(&answer.request_id()).await;
//! ```

mod active_directory;
mod answer;
mod body;
mod client;
mod crl_server;
mod lab;
mod lab_server;
mod people_directory;
mod program;
mod raw;
mod setup;
mod slapd;
mod tls_backend;
mod windows_site;

pub(crate) use active_directory::ActiveDirectory;
pub(crate) use answer::Answer;
pub(crate) use body::{RequestBody, in_pieces, nothing, pattern, sha256, whole};
pub(crate) use client::{Client, Connection};
pub(crate) use crl_server::{Behaviour, CrlServer};
pub(crate) use lab::{Lab, pki, wait_for};
pub(crate) use lab_server::{LabServer, lab_program};
pub(crate) use people_directory::{
    PeopleDirectory, server as directory_server, settings as directory_settings, sid,
};
pub(crate) use program::{Ran, curl, is_installed, openssl, openssl_client, python, run, skipped, test_name};
pub(crate) use raw::{backend_answering, backend_saying, exchange};
pub(crate) use setup::{Setup, TestRealm};
pub(crate) use slapd::Slapd;
pub(crate) use tls_backend::{WithoutCertificate, tls_backend};
pub(crate) use windows_site::{Asks, CertificateSite, KerberosSite, NtlmSite};

/// What any one step of a test may take. A test that waits for longer has failed.
pub(crate) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);
