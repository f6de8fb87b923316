//! What becomes of questions when the directory hangs, ends or has too much to do, and afterwards.

use super::{answers_again, directories, error, nobody, upn, who};
use crate::support::{PeopleDirectory, directory_server};
use portcullis::directory::{
    Directories, DirectoryError, DirectoryLimits, DirectorySettings, LdapEncryption, Step, Unreachable,
};
use std::sync::Arc;
use std::time::Duration;

/// Limits so short that a test waits little.
fn impatient(directory: &PeopleDirectory) -> DirectorySettings {
    let limit = Duration::from_millis(250);
    let settings = directory.settings();
    let limits = DirectoryLimits { connect: limit, operation: limit, ..settings.limits };
    DirectorySettings { limits, ..settings }
}

#[tokio::test]
async fn a_directory_that_hangs_in_the_midst_is_a_timeout_and_is_used_again() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(impatient(&directory));
    answers_again(&directories).await;
    directory.hang().await;
    let hung = error(&directories).await;
    assert!(matches!(hung, DirectoryError::Timeout { step: Step::Search, .. }), "{hung}");
    directory.resume();
    answers_again(&directories).await;
}

#[tokio::test]
async fn a_directory_that_hangs_from_the_start_is_a_timeout_and_is_used_again() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(impatient(&directory));
    directory.hang().await;
    let hung = error(&directories).await;
    assert!(matches!(hung, DirectoryError::Timeout { step: Step::Connect, .. }), "{hung}");
    directory.resume();
    answers_again(&directories).await;
}

#[tokio::test]
async fn a_server_that_failed_is_left_alone_for_a_while() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(impatient(&directory));
    directory.hang().await;
    error(&directories).await;
    let after = error(&directories).await;
    let DirectoryError::Unavailable { source: Unreachable::LeftAlone { reason }, .. } = after else {
        panic!("{after}");
    };
    assert_eq!(reason, "it did not connect within 250ms");
}

#[tokio::test]
async fn a_directory_that_ends_is_unavailable_and_used_again_when_it_is_back() {
    let Some(mut directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    answers_again(&directories).await;
    directory.kill();
    let gone = error(&directories).await;
    assert!(matches!(gone, DirectoryError::Unavailable { .. }), "{gone}");
    directory.restart().await;
    answers_again(&directories).await;
}

#[tokio::test]
async fn a_restart_between_two_questions_is_not_felt() {
    let Some(mut directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    answers_again(&directories).await;
    directory.restart().await;
    assert_eq!(who(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
}

#[tokio::test]
async fn another_server_answers_where_the_first_does_not() {
    let Some(mut first) = PeopleDirectory::start().await else { return };
    let Some(second) = PeopleDirectory::start().await else { return };
    let mut settings = impatient(&first);
    settings.servers =
        vec![directory_server(nobody(), LdapEncryption::Ldaps), first.server(), second.server()];
    let directories = directories(settings);
    assert_eq!(who(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
    first.hang().await;
    assert_eq!(who(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
    first.kill();
    assert_eq!(who(&directories.look_up(&upn("alice@corp.example")).await.unwrap()), ["alice"]);
    assert!(!second.questions("SRCH base=").is_empty());
}

#[tokio::test]
async fn questions_beyond_those_that_may_wait_are_refused_at_once() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let settings = directory.settings();
    let limits = DirectoryLimits { look_ups: 1, waiting_look_ups: 1, ..settings.limits };
    let directories = Arc::new(directories(DirectorySettings { limits, ..settings }));
    answers_again(&directories).await;
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
async fn all_of_a_question_has_a_limit_too() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let settings = directory.settings();
    let limits = DirectoryLimits { question: Duration::from_millis(100), ..settings.limits };
    let directories = directories(DirectorySettings { limits, ..settings });
    directory.hang().await;
    let late = error(&directories).await;
    assert!(matches!(late, DirectoryError::Timeout { step: Step::Answer, .. }), "{late}");
    directory.resume();
}

#[tokio::test]
async fn a_forest_without_servers_answers_nobodys_question() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(DirectorySettings { servers: Vec::new(), ..directory.settings() });
    let nobody = error(&directories).await;
    assert!(matches!(nobody, DirectoryError::Unavailable { source: Unreachable::NoServer, .. }), "{nobody}");
}

#[test]
fn callers_on_runtimes_of_their_own_share_a_forest() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(directory) = runtime().block_on(PeopleDirectory::start()) else { return };
    let directories = Arc::new(directories(directory.settings()));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let directories: Arc<Directories> = Arc::clone(&directories);
            std::thread::spawn(move || {
                let people = runtime().block_on(directories.look_up(&upn("alice@corp.example"))).unwrap();
                assert_eq!(who(&people), ["alice"]);
            })
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    assert_eq!(directory.questions("BIND dn=").len(), 1);
}
