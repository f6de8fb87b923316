//! Lookups and password checks in the lab's Active Directory, without a gateway.

use crate::support::ActiveDirectory;
use portcullis::clock::{Clock, UnixTime};
use portcullis::control::ControlRuntime;
use portcullis::directory::PasswordVerdict::{Correct, Wrong};
use portcullis::directory::{
    AccountSchema, AccountStatusError, DirectoryAccount, DirectoryLimits, DirectorySettings, LoginName,
    LookupKeys, PasswordFailure, PasswordVerdict, RealmDirectories, Sid,
};
use portcullis::ldap::{LdapEncryption, LdapServer, client_config};
use portcullis::secret::Secret;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::BTreeSet;

fn settings(directory: &ActiveDirectory, encryption: LdapEncryption) -> DirectorySettings {
    let authority = CertificateDer::from_pem_file(directory.ca_file()).unwrap();
    let port = match encryption {
        LdapEncryption::Ldaps => 636,
        LdapEncryption::StartTls => 389,
    };
    DirectorySettings {
        name: "corp".into(),
        servers: vec![LdapServer::new(directory.address(), port, encryption).unwrap()],
        global_catalog: Vec::new(),
        tls: client_config([authority]).unwrap(),
        bind_dn: ActiveDirectory::SERVICE_DN.to_owned(),
        bind_password: Secret::new(ActiveDirectory::PASSWORD.into()),
        base: ActiveDirectory::BASE.to_owned(),
        schema: AccountSchema::ActiveDirectory,
        upn_suffixes: Vec::new(),
        sid_domains: Vec::new(),
        limits: DirectoryLimits::default(),
    }
}

fn directories(directory: &ActiveDirectory) -> RealmDirectories {
    RealmDirectories::new(
        vec![settings(directory, LdapEncryption::Ldaps)],
        Clock::system(),
        ControlRuntime::default(),
    )
}

async fn named(directories: &RealmDirectories, name: &str) -> Vec<DirectoryAccount> {
    directories
        .look_up(&LookupKeys { account_names: vec![name.to_owned()], ..LookupKeys::default() })
        .await
        .unwrap()
}

fn groups(person: &DirectoryAccount) -> BTreeSet<&str> {
    person.groups.iter().map(|group| group.name.as_str()).collect()
}

#[tokio::test]
async fn an_account_is_read_over_ldaps_over_start_tls_and_through_the_global_catalog() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let by_catalogue = DirectorySettings {
        global_catalog: vec![LdapServer::new(directory.address(), 3269, LdapEncryption::Ldaps).unwrap()],
        ..settings(&directory, LdapEncryption::Ldaps)
    };
    let ways = [
        settings(&directory, LdapEncryption::Ldaps),
        settings(&directory, LdapEncryption::StartTls),
        by_catalogue,
    ];
    for settings in ways {
        let directories = RealmDirectories::new(vec![settings], Clock::system(), ControlRuntime::default());
        let sid = Sid::parse(&directory.sid("alice")).unwrap();
        let people = directories
            .look_up(&LookupKeys { sids: vec![sid.clone()], ..LookupKeys::default() })
            .await
            .unwrap();
        let [alice] = people.as_slice() else { panic!("{people:?}") };
        assert_eq!(alice.upn.as_deref(), Some("alice@corp.example"));
        assert_eq!(
            (alice.netbios_domain.as_deref(), alice.dns_domain.as_deref()),
            (Some("CORP"), Some("corp.example"))
        );
        assert_eq!(
            (alice.sid.as_ref(), alice.emails.as_slice()),
            (Some(&sid), &["alice@corp.example".to_owned()][..])
        );
        assert_eq!(alice.status.check(Clock::system().now()), Ok(None));
        assert!(alice.created.is_some_and(|created| created > UnixTime::EPOCH));
        // A group that is nested in two others. The mailing list is not a security group.
        let expected = ["Domain Users", "RMS-Nested1", "RMS-Nested2", "RMS-Users", "Users"];
        assert_eq!(groups(alice), expected.into());
        let users = alice.groups.iter().find(|group| group.name == "RMS-Users").unwrap();
        assert_eq!(users.sid, Some(directory.sid("RMS-Users")));
    }
}

#[tokio::test]
async fn groups_are_complete_with_cycles_special_names_and_in_large_numbers() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let directories = directories(&directory);
    let grace = named(&directories, "grace").await;
    assert_eq!(groups(&grace[0]).iter().filter(|name| name.starts_with("Project-")).count(), 150);
    let bob = named(&directories, "bob").await;
    assert!(groups(&bob[0]).contains("Zürich Einkauf"), "{bob:?}");
    let carol = named(&directories, "carol").await;
    assert!(groups(&carol[0]).is_superset(&["Cycle1", "Cycle2"].into()));
}

#[tokio::test]
async fn the_account_status_is_read_from_the_directory() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let directories = directories(&directory);
    let since = UnixTime::from_seconds(1_577_836_800);
    let cases = [
        ("heidi", Err(AccountStatusError::Disabled)),
        ("ivan", Err(AccountStatusError::Locked)),
        ("judy", Err(AccountStatusError::Expired { since })),
        ("quinn", Err(AccountStatusError::OutsideLogonHours)),
        ("oscar", Ok(None)),
    ];
    for (name, standing) in cases {
        let people = named(&directories, name).await;
        assert_eq!(people[0].status.check(Clock::system().now()), standing, "{name}");
    }
}

#[tokio::test]
async fn only_user_accounts_that_the_gateway_may_read_are_found() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let directories = directories(&directory);
    assert_eq!(named(&directories, "jürgen").await.len(), 1);
    // Hidden from the gateway's account; a computer; unknown.
    for name in ["hidden", "DC1$", "nobody", "*"] {
        assert_eq!(named(&directories, name).await, [], "{name}");
    }
    let mapping = vec!["X509:<RFC822>leo@corp.example".to_owned()];
    let names = LookupKeys { alt_security_identities: mapping, ..LookupKeys::default() };
    assert_eq!(directories.look_up(&names).await.unwrap().len(), 2);
    let upns = vec!["Nina.Mueller@people.example".to_owned()];
    assert_eq!(directories.look_up(&LookupKeys { upns, ..LookupKeys::default() }).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_change_of_an_administrator_is_read_by_the_next_lookup() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let directories = directories(&directory);
    let now = Clock::system().now();
    directory.disable("spare02");
    assert_eq!(named(&directories, "spare02").await[0].status.check(now), Err(AccountStatusError::Disabled));
    directory.enable("spare02");
    assert_eq!(named(&directories, "spare02").await[0].status.check(now), Ok(None));
    directory.add_member("Spare2", "spare02");
    assert!(groups(&named(&directories, "spare02").await[0]).contains("Spare2"));
    directory.remove_member("Spare2", "spare02");
    assert!(!groups(&named(&directories, "spare02").await[0]).contains("Spare2"));
}

async fn verify(directories: &RealmDirectories, login: &str, password: &str) -> PasswordVerdict {
    let login = LoginName::parse(login, Some("CORP")).unwrap();
    let found = directories.by_login(&login).await.unwrap();
    directories.verify_password_of(&login, &found, &Secret::new(password.into()), |_| ()).await.unwrap()
}

#[tokio::test]
async fn a_password_is_verified_with_each_form_of_the_user_name() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let directories = directories(&directory);
    let logins = ["spare03@corp.example", r"CORP\spare03", r"corp.example\spare03", "spare03", "SPARE03"];
    for login in logins {
        assert_eq!(verify(&directories, login, ActiveDirectory::PASSWORD).await, Correct, "{login}");
    }
    assert_eq!(verify(&directories, "spare03", "wrong").await, Wrong(PasswordFailure::WrongOrUnknown));
    // A success clears the failures.
    assert_eq!(verify(&directories, "nina@corp.example", ActiveDirectory::PASSWORD).await, Correct);
    assert_eq!(verify(&directories, "nina.mueller@people.example", ActiveDirectory::PASSWORD).await, Correct);
    assert_eq!(verify(&directories, "spare03", ActiveDirectory::PASSWORD).await, Correct);
}

#[tokio::test]
async fn the_reason_for_a_rejected_password_is_reported() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let directories = directories(&directory);
    let cases = [
        ("heidi", PasswordFailure::Disabled),
        ("ivan", PasswordFailure::Locked),
        ("judy", PasswordFailure::AccountExpired),
        ("kim", PasswordFailure::MustChangePassword),
        ("quinn", PasswordFailure::OutsideLogonHours),
        ("nobody", PasswordFailure::WrongOrUnknown),
        (r"OTHER\alice", PasswordFailure::WrongOrUnknown),
    ];
    for (login, refusal) in cases {
        assert_eq!(verify(&directories, login, ActiveDirectory::PASSWORD).await, Wrong(refusal), "{login}");
    }
}

#[tokio::test]
async fn the_diagnostics_describe_the_domain() {
    let Some(directory) = ActiveDirectory::running() else { return };
    let mut findings = directories(&directory).diagnose().await;
    let facts: Vec<_> = findings.remove(0).1.unwrap().iter().map(ToString::to_string).collect();
    let expected = [
        "binds as CN=svc-ldap,OU=Services,DC=corp,DC=example",
        "has the base DC=corp,DC=example",
        "serves the domain corp.example (CORP)",
        "clock agrees with the gateway's",
        "locks an account after 5 wrong passwords, unless the account has a policy of its own",
        "returns altSecurityIdentities",
    ];
    assert_eq!(facts, expected);
}
