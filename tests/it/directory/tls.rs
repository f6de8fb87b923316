//! TLS to the directory: only the configured authority and name are accepted.

use super::stub_server::{StubServer, bind_success};
use super::{directories, error};
use crate::support::{PeopleDirectory, directory_settings, pki};
use portcullis::directory::{DirectoryError, DirectorySettings, UnavailableReason};
use portcullis::ldap::{ConnectionError, LdapEncryption, LdapRefusal, ProtocolError, client_config};

fn is_tls_failure(error: &DirectoryError) -> bool {
    let DirectoryError::Unavailable { source, .. } = error else { return false };
    matches!(source, UnavailableReason::Connection(ConnectionError::Tls(_)))
}

#[tokio::test]
async fn a_server_of_another_authority_is_rejected_before_it_receives_a_password() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    for encryption in [LdapEncryption::Ldaps, LdapEncryption::StartTls] {
        let tls = client_config([pki().foreign_root().clone()]).unwrap();
        let settings = DirectorySettings { tls, ..directory.settings_by(encryption) };
        let rejected = error(&directories(settings)).await;
        assert!(is_tls_failure(&rejected), "{rejected}");
    }
    assert_eq!(directory.requests("BIND dn="), [""; 0]);
}

#[tokio::test]
async fn a_server_with_another_name_is_rejected_before_it_receives_a_password() {
    // The certificate is valid for 127.0.0.1, but not for 127.0.0.2.
    let stub = StubServer::at("127.0.0.2", LdapEncryption::Ldaps, vec![bind_success()]);
    let rejected = error(&directories(directory_settings("stub", vec![stub.server()]))).await;
    assert!(is_tls_failure(&rejected), "{rejected}");
    assert!(stub.received().is_empty());
}

/// Encodes a response to StartTLS with this result code (RFC 4511 4.14.1).
fn start_tls_response(code: u8) -> Vec<u8> {
    vec![0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, code, 4, 0, 4, 0]
}

/// Returns the error of a lookup at a server that responds to StartTLS with these bytes.
async fn error_after(response: Vec<u8>) -> (DirectoryError, StubServer) {
    let stub = StubServer::with_start_tls_response(response);
    let rejected = error(&directories(directory_settings("stub", vec![stub.server()]))).await;
    (rejected, stub)
}

#[tokio::test]
async fn a_server_that_rejects_start_tls_receives_nothing_more() {
    let (rejected, stub) = error_after(start_tls_response(2)).await;
    let DirectoryError::Unavailable {
        source: UnavailableReason::Connection(ConnectionError::StartTls(refusal)),
        ..
    } = rejected
    else {
        panic!("{rejected}");
    };
    assert!(matches!(refusal, LdapRefusal::Result { code: 2, .. }), "{refusal}");
    assert_eq!(stub.received().len(), 1, "the StartTLS request only");
}

#[tokio::test]
async fn plaintext_after_the_start_tls_response_is_rejected() {
    for injected in [&[0][..], &bind_success(), b"\x16\x03\x03"] {
        let (rejected, _stub) = error_after([&start_tls_response(0), injected].concat()).await;
        let DirectoryError::Protocol { source, .. } = rejected else { panic!("{rejected}") };
        assert_eq!(source, ProtocolError::PlaintextAfterStartTls);
    }
}

#[tokio::test]
async fn a_response_to_another_request_does_not_start_tls() {
    let responses = [
        bind_success(),
        vec![0x30, 12, 2, 1, 2, 0x78, 7, 10, 1, 0, 4, 0, 4, 0],
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
    ];
    for response in responses {
        let (rejected, stub) = error_after(response).await;
        let DirectoryError::Protocol { source, .. } = rejected else { panic!("{rejected}") };
        assert!(matches!(source, ProtocolError::Malformed(_)), "{source}");
        assert_eq!(stub.received().len(), 1);
    }
}
