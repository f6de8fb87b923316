//! The fixtures of the tests from outside: a [`TestGateway`] with a [`TestConfig`], clients that send requests to it, and
//! the servers that it depends on.
//!
//! ```ignore
//! let gateway = TestGateway::start();
//! let response = TestClient::new(&gateway).certificate("alice").tls12().http2().get("/require/echo").await;
//! assert_eq!(response.status_and_id(), "200 permit");
//! assert_eq!(response.received_header("x-remote-user"), ["alice@corp.example"]);
//! let record = gateway.record(&response.request_id()).await;
//! ```

mod active_directory;
mod body;
mod crl_server;
mod people_directory;
mod program;
mod random;
mod raw_stream;
mod slapd;
mod test_client;
mod test_config;
mod test_gateway;
mod test_response;
mod tls_backend;
mod windows_site;

pub(crate) use active_directory::ActiveDirectory;
pub(crate) use body::{TestBody, chunked_body, empty_body, pattern, sha256, sized_body};
pub(crate) use crl_server::{CrlServer, CrlServerBehaviour};
pub(crate) use people_directory::{
    PeopleDirectory, server as directory_server, settings as directory_settings, sid,
};
pub(crate) use program::{
    LabServer, ProgramOutput, curl, is_installed, lab_program, openssl, openssl_client, python, record_skip,
    run, test_name,
};
pub(crate) use random::TestRng;
pub(crate) use raw_stream::{exchange, raw_backend, raw_backend_with};
pub(crate) use slapd::Slapd;
pub(crate) use test_client::{Connection, TestClient};
pub(crate) use test_config::{TestConfig, TestRealm};
pub(crate) use test_gateway::{TestGateway, pki, wait_for};
pub(crate) use test_response::TestResponse;
pub(crate) use tls_backend::{WithoutCertificate, tls_backend};
pub(crate) use windows_site::{CertificateRequest, CertificateSite, KerberosSite, NtlmSite};

/// The timeout of one step of a test.
pub(crate) const TEST_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);
