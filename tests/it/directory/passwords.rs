//! Whose password it is.

use super::directories;
use crate::support::PeopleDirectory;
use portcullis::directory::PasswordRefusal::{Ambiguous, WrongOrUnknown};
use portcullis::directory::PasswordVerdict::{self, Correct, Wrong};
use portcullis::directory::{
    Directories, DirectoryError, DirectorySettings, LoginName, Refusal, Step, UnsendablePassword,
};
use portcullis::secret::Secret;

async fn verify(
    directories: &Directories,
    login: &str,
    password: &str,
) -> Result<PasswordVerdict, DirectoryError> {
    let login = LoginName::parse(login, None).unwrap();
    directories.verify_password(&login, &Secret::new(password.into())).await
}

#[tokio::test]
async fn a_password_is_its_accounts_by_each_form_of_the_name() {
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
        assert_eq!(verify(&directories, login, PeopleDirectory::PASSWORD).await.unwrap(), Correct, "{login}");
        assert_eq!(verify(&directories, login, "wrong").await.unwrap(), Wrong(WrongOrUnknown), "{login}");
    }
}

#[tokio::test]
async fn a_name_of_the_domain_is_its_accounts_also_beside_another_upn() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    assert_eq!(verify(&directories, "nina@corp.example", PeopleDirectory::PASSWORD).await.unwrap(), Correct);
}

#[tokio::test]
async fn a_name_of_one_domain_is_not_its_namesakes_in_another() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let global_catalog = vec![directory.server()];
    let directories = directories(DirectorySettings { global_catalog, ..directory.settings() });
    // She is of the domain LAB.
    for (login, verdict) in [
        ("zoe@lab.example", Correct),
        ("zoe", Correct),
        (r"CORP\zoe", Wrong(WrongOrUnknown)),
        ("zoe@corp.example", Wrong(WrongOrUnknown)),
    ] {
        assert_eq!(verify(&directories, login, PeopleDirectory::PASSWORD).await.unwrap(), verdict, "{login}");
    }
}

#[tokio::test]
async fn an_unknown_name_and_one_of_two_accounts_cost_the_directory_what_a_wrong_password_does() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    let cases =
        [("nobody", WrongOrUnknown), (r"OTHER\alice", WrongOrUnknown), ("twin@corp.example", Ambiguous)];
    for (count, (login, refusal)) in cases.into_iter().enumerate() {
        assert_eq!(
            verify(&directories, login, PeopleDirectory::PASSWORD).await.unwrap(),
            Wrong(refusal),
            "{login}"
        );
        // The gate's own bind is the first.
        assert_eq!(directory.questions("BIND dn=").len(), 2 + count, "{login}");
    }
    assert!(!directory.questions("BIND dn=").iter().any(|bind| bind.contains("twin")));
}

#[tokio::test]
async fn an_empty_password_is_never_sent() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let alice = "CN=alice,OU=Staff,DC=corp,DC=example";
    // This directory would take it for a success.
    let (driver, mut ldap) = ldap3::LdapConnAsync::new(&directory.plain_url()).await.unwrap();
    tokio::spawn(driver.drive());
    assert_eq!(ldap.simple_bind(alice, "").await.unwrap().rc, 0);
    let before = directory.questions("BIND dn=").len();

    let directories = directories(directory.settings());
    for (password, refusal) in [
        ("", UnsendablePassword::Empty),
        ("\0", UnsendablePassword::ZeroByte),
        ("Passw0rd!Lab\0", UnsendablePassword::ZeroByte),
    ] {
        for login in ["alice", "nobody", r"CORP\alice"] {
            let refused = verify(&directories, login, password).await.unwrap_err();
            assert!(
                matches!(refused, DirectoryError::UnsendablePassword(why) if why == refusal),
                "{refused}"
            );
        }
    }
    assert_eq!(directory.questions("BIND dn=").len(), before);
    assert_eq!(directory.questions("SRCH base="), [""; 0]);
}

#[tokio::test]
async fn the_gates_own_account_never_binds_without_a_password_or_a_name() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let empty = DirectorySettings { bind_password: Secret::new(Vec::new()), ..directory.settings() };
    let nameless = DirectorySettings { bind_dn: String::new(), ..directory.settings() };
    for (settings, refusal) in [(empty, UnsendablePassword::Empty), (nameless, UnsendablePassword::NoName)] {
        let refused = super::error(&directories(settings)).await;
        assert!(matches!(refused, DirectoryError::UnsendablePassword(why) if why == refusal), "{refused}");
    }
    assert_eq!(directory.questions("BIND dn="), [""; 0]);
}

#[tokio::test]
async fn the_gates_own_account_with_a_wrong_password_is_refused_and_not_tried_again_and_again() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let bind_password = Secret::new(b"not-the-password".to_vec());
    let directories = directories(DirectorySettings { bind_password, ..directory.settings() });
    let refused = super::error(&directories).await;
    let DirectoryError::Refused { step: Step::Bind, source: Refusal::Result { code: 49, .. }, .. } = refused
    else {
        panic!("{refused}");
    };
    for _ in 0..3 {
        let error = super::error(&directories).await;
        assert!(!format!("{error} {error:?}").contains("not-the-password"));
    }
    assert_eq!(directory.questions("BIND dn=").len(), 1);
}
