//! Lookups while a directory hangs, is stopped or is busy, and afterwards.

use super::{account_names, directories, error, unused_address, upn, wait_until_available};
use crate::support::{PeopleDirectory, directory_server};
use portcullis::directory::{
    DirectoryError, DirectoryLimits, DirectorySettings, RealmDirectories, UnavailableReason,
};
use portcullis::ldap::{LdapEncryption, LdapOperation};
use std::sync::Arc;
use std::time::Duration;

/// Returns settings with short time limits.
fn impatient(directory: &PeopleDirectory) -> DirectorySettings {
    let limit = Duration::from_millis(250);
    let settings = directory.settings();
    let limits = DirectoryLimits { connect: limit, operation: limit, ..settings.limits };
    DirectorySettings { limits, ..settings }
}

#[tokio::test]
async fn a_directory_that_hangs_after_connecting_times_out_and_is_used_again() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(impatient(&directory));
    wait_until_available(&directories).await;
    directory.hang().await;
    let hung = error(&directories).await;
    assert!(matches!(hung, DirectoryError::Timeout { operation: LdapOperation::Search, .. }), "{hung}");
    directory.resume();
    wait_until_available(&directories).await;
}

#[tokio::test]
async fn a_directory_that_hangs_from_the_start_times_out_and_is_used_again() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(impatient(&directory));
    directory.hang().await;
    let hung = error(&directories).await;
    assert!(matches!(hung, DirectoryError::Timeout { operation: LdapOperation::Connect, .. }), "{hung}");
    directory.resume();
    wait_until_available(&directories).await;
}

#[tokio::test]
async fn a_server_that_failed_is_not_tried_for_a_while() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(impatient(&directory));
    directory.hang().await;
    error(&directories).await;
    let after = error(&directories).await;
    let DirectoryError::Unavailable { source: UnavailableReason::Backoff { reason }, .. } = after else {
        panic!("{after}");
    };
    assert_eq!(reason, "connect timed out after 250ms");
}

#[tokio::test]
async fn a_directory_that_stops_is_unavailable_and_used_again_after_its_restart() {
    let Some(mut directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    wait_until_available(&directories).await;
    directory.kill();
    let gone = error(&directories).await;
    assert!(matches!(gone, DirectoryError::Unavailable { .. }), "{gone}");
    directory.restart().await;
    wait_until_available(&directories).await;
}

#[tokio::test]
async fn a_restart_between_two_lookups_affects_neither() {
    let Some(mut directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    wait_until_available(&directories).await;
    directory.restart().await;
    assert_eq!(account_names(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
}

#[tokio::test]
async fn the_next_server_is_used_if_the_first_does_not_respond() {
    let Some(mut first) = PeopleDirectory::start().await else { return };
    let Some(second) = PeopleDirectory::start().await else { return };
    let mut settings = impatient(&first);
    settings.servers =
        vec![directory_server(unused_address(), LdapEncryption::Ldaps), first.server(), second.server()];
    let directories = directories(settings);
    assert_eq!(account_names(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
    first.hang().await;
    assert_eq!(account_names(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
    first.kill();
    assert_eq!(account_names(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
    assert!(!second.requests("SRCH base=").is_empty());
}

#[tokio::test]
async fn lookups_are_rejected_at_once_if_the_queue_is_full() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let settings = directory.settings();
    let limits = DirectoryLimits { max_lookups: 1, max_waiting_lookups: 1, ..settings.limits };
    let directories = Arc::new(directories(DirectorySettings { limits, ..settings }));
    wait_until_available(&directories).await;
    directory.hang().await;
    let asking: Vec<_> = (0..3)
        .map(|_| {
            let directories = Arc::clone(&directories);
            tokio::spawn(async move { error(&directories).await })
        })
        .collect();
    let mut busy = 0;
    for asked in asking {
        busy += usize::from(matches!(asked.await.unwrap(), DirectoryError::Busy { .. }));
    }
    assert_eq!(busy, 1);
    directory.resume();
}

#[tokio::test]
async fn a_whole_lookup_has_a_time_limit() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let settings = directory.settings();
    let limits = DirectoryLimits { lookup: Duration::from_millis(100), ..settings.limits };
    let directories = directories(DirectorySettings { limits, ..settings });
    directory.hang().await;
    let late = error(&directories).await;
    assert!(matches!(late, DirectoryError::Timeout { operation: LdapOperation::Lookup, .. }), "{late}");
    directory.resume();
}

#[tokio::test]
async fn a_directory_without_servers_is_unavailable() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(DirectorySettings { servers: Vec::new(), ..directory.settings() });
    let unavailable = error(&directories).await;
    assert!(
        matches!(unavailable, DirectoryError::Unavailable { source: UnavailableReason::NoServer, .. }),
        "{unavailable}"
    );
}

#[test]
fn callers_on_several_runtimes_share_the_connections() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(directory) = runtime().block_on(PeopleDirectory::start()) else { return };
    let directories = Arc::new(directories(directory.settings()));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let directories: Arc<RealmDirectories> = Arc::clone(&directories);
            std::thread::spawn(move || {
                let people = runtime().block_on(directories.look_up(&upn("alice@corp.example"))).unwrap();
                assert_eq!(account_names(&people), ["alice"]);
            })
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    assert_eq!(directory.requests("BIND dn=").len(), 1);
}
