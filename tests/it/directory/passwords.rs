//! Password checks: which passwords are accepted, and which are never sent.

use super::{directories, error, verify};
use crate::support::PeopleDirectory;
use portcullis::directory::PasswordFailure::{Ambiguous, WrongOrUnknown};
use portcullis::directory::PasswordVerdict::{self, Correct, Wrong};
use portcullis::directory::{DirectoryError, DirectorySettings, LoginName, RealmDirectories};
use portcullis::ldap::{LdapOperation, LdapRefusal, UnsendablePassword};
use portcullis::secret::Secret;
use std::io::{Read, Write};

async fn check(
    directories: &RealmDirectories,
    login: &str,
    password: &str,
) -> Result<PasswordVerdict, DirectoryError> {
    verify(directories, &LoginName::parse(login, None).unwrap(), password).await
}

#[tokio::test]
async fn a_password_is_accepted_with_each_form_of_the_login_name() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    let logins = [
        "alice@corp.example",
        "ALICE@CORP.EXAMPLE",
        r"CORP\alice",
        r"corp.example\alice",
        "alice",
        "nina.mueller@people.example",
    ];
    for login in logins {
        assert_eq!(check(&directories, login, PeopleDirectory::PASSWORD).await.unwrap(), Correct, "{login}");
        assert_eq!(check(&directories, login, "wrong").await.unwrap(), Wrong(WrongOrUnknown), "{login}");
    }
}

#[tokio::test]
async fn the_implicit_upn_of_an_account_with_another_upn_is_accepted() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    assert_eq!(check(&directories, "nina@corp.example", PeopleDirectory::PASSWORD).await.unwrap(), Correct);
}

#[tokio::test]
async fn a_login_name_of_one_domain_does_not_match_an_account_of_another() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let global_catalog = vec![directory.server()];
    let directories = directories(DirectorySettings { global_catalog, ..directory.settings() });
    // zoe is an account of the domain LAB.
    for (login, verdict) in [
        ("zoe@lab.example", Correct),
        ("zoe", Correct),
        (r"CORP\zoe", Wrong(WrongOrUnknown)),
        ("zoe@corp.example", Wrong(WrongOrUnknown)),
    ] {
        assert_eq!(check(&directories, login, PeopleDirectory::PASSWORD).await.unwrap(), verdict, "{login}");
    }
}

#[tokio::test]
async fn an_unknown_and_an_ambiguous_name_take_as_many_binds_as_a_wrong_password() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    let cases =
        [("nobody", WrongOrUnknown), (r"OTHER\alice", WrongOrUnknown), ("twin@corp.example", Ambiguous)];
    for (count, (login, refusal)) in cases.into_iter().enumerate() {
        assert_eq!(
            check(&directories, login, PeopleDirectory::PASSWORD).await.unwrap(),
            Wrong(refusal),
            "{login}"
        );
        // The first bind is the gateway's own.
        assert_eq!(directory.requests("BIND dn=").len(), 2 + count, "{login}");
    }
    assert!(!directory.requests("BIND dn=").iter().any(|bind| bind.contains("twin")));
}

#[tokio::test]
async fn an_empty_password_is_never_sent() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    // This server accepts a bind with an empty password.
    let bind =
        b"\x30\x30\x02\x01\x01\x60\x2b\x02\x01\x03\x04\x24CN=alice,OU=Staff,DC=corp,DC=example\x80\x00";
    let mut plain = std::net::TcpStream::connect(directory.plain_address()).unwrap();
    plain.write_all(bind).unwrap();
    let mut response = [0; 14];
    plain.read_exact(&mut response).unwrap();
    assert_eq!(response[7..10], [10, 1, 0], "{response:x?}");
    // The binds other than those of the gateway's own account.
    let binds = || directory.requests("BIND dn=").iter().filter(|bind| !bind.contains("svc-ldap")).count();
    let before = binds();

    let directories = directories(directory.settings());
    for (password, refusal) in [
        ("", UnsendablePassword::Empty),
        ("\0", UnsendablePassword::ZeroByte),
        ("Passw0rd!Lab\0", UnsendablePassword::ZeroByte),
    ] {
        for login in ["alice", "nobody", r"CORP\alice"] {
            let rejected = check(&directories, login, password).await.unwrap_err();
            assert!(
                matches!(rejected, DirectoryError::UnsendablePassword(why) if why == refusal),
                "{rejected}"
            );
        }
    }
    assert_eq!(binds(), before);
}

#[tokio::test]
async fn the_gateway_never_binds_without_a_password_or_a_name() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let empty = DirectorySettings { bind_password: Secret::new(Vec::new()), ..directory.settings() };
    let nameless = DirectorySettings { bind_dn: String::new(), ..directory.settings() };
    for (settings, refusal) in [(empty, UnsendablePassword::Empty), (nameless, UnsendablePassword::EmptyName)]
    {
        let rejected = error(&directories(settings)).await;
        assert!(matches!(rejected, DirectoryError::UnsendablePassword(why) if why == refusal), "{rejected}");
    }
    assert_eq!(directory.requests("BIND dn="), [""; 0]);
}

#[tokio::test]
async fn a_wrong_password_of_the_gateways_account_is_not_sent_again() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let bind_password = Secret::new(b"not-the-password".to_vec());
    let directories = directories(DirectorySettings { bind_password, ..directory.settings() });
    let rejected = error(&directories).await;
    let DirectoryError::Refused {
        operation: LdapOperation::Bind,
        source: LdapRefusal::Result { code: 49, .. },
        ..
    } = rejected
    else {
        panic!("{rejected}");
    };
    for _ in 0..3 {
        let error = error(&directories).await;
        assert!(!format!("{error} {error:?}").contains("not-the-password"));
    }
    assert_eq!(directory.requests("BIND dn=").len(), 1);
}
