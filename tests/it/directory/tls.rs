//! Who may be the directory.

use super::fake::{FakeServer, bound};
use super::{directories, error};
use crate::support::{PeopleDirectory, directory_settings, pki};
use portcullis::directory::{
    DirectoryError, DirectorySettings, LdapEncryption, Nonsense, Refusal, Unreachable, client_config,
};

#[tokio::test]
async fn a_server_under_another_authority_is_refused_before_it_hears_a_password() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    for encryption in [LdapEncryption::Ldaps, LdapEncryption::StartTls] {
        let tls = client_config([pki().foreign_root().clone()]).unwrap();
        let refused =
            error(&directories(DirectorySettings { tls, ..directory.settings_by(encryption) })).await;
        assert!(
            matches!(refused, DirectoryError::Unavailable { source: Unreachable::Tls(_), .. }),
            "{refused}"
        );
    }
    assert_eq!(directory.questions("BIND dn="), [""; 0]);
}

#[tokio::test]
async fn a_server_under_another_name_is_refused_before_it_hears_a_password() {
    // The certificate names 127.0.0.1, but not 127.0.0.2.
    let fake = FakeServer::at("127.0.0.2", LdapEncryption::Ldaps, vec![bound()]);
    let refused = error(&directories(directory_settings("fake", vec![fake.server()]))).await;
    assert!(matches!(refused, DirectoryError::Unavailable { source: Unreachable::Tls(_), .. }), "{refused}");
    assert!(fake.heard().is_empty());
}

/// RFC 4511 4.14.1: an answer to StartTLS with this result code.
fn consent(code: u8) -> Vec<u8> {
    vec![0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, code, 4, 0, 4, 0]
}

async fn after(plain: Vec<u8>) -> (DirectoryError, FakeServer) {
    let fake = FakeServer::consenting(plain);
    let refused = error(&directories(directory_settings("fake", vec![fake.server()]))).await;
    (refused, fake)
}

#[tokio::test]
async fn a_server_that_refuses_start_tls_hears_nothing_more() {
    let (refused, fake) = after(consent(2)).await;
    let DirectoryError::Unavailable {
        source: Unreachable::StartTls(Refusal::Result { code: 2, .. }), ..
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!(fake.heard().len(), 1, "the request to begin TLS and nothing else");
}

#[tokio::test]
async fn what_comes_in_plain_text_behind_the_consent_to_tls_is_refused() {
    for behind in [&[0][..], &bound(), b"\x16\x03\x03"] {
        let (refused, _fake) = after([&consent(0), behind].concat()).await;
        assert!(matches!(refused, DirectoryError::Garbage { source: Nonsense::BeforeTls, .. }), "{refused}");
    }
}

#[tokio::test]
async fn another_answer_than_to_start_tls_is_no_consent() {
    let answers = [
        bound(),
        vec![0x30, 12, 2, 1, 2, 0x78, 7, 10, 1, 0, 4, 0, 4, 0],
        b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
    ];
    for answer in answers {
        let (refused, fake) = after(answer).await;
        assert!(
            matches!(refused, DirectoryError::Garbage { source: Nonsense::Malformed(_), .. }),
            "{refused}"
        );
        assert_eq!(fake.heard().len(), 1);
    }
}
