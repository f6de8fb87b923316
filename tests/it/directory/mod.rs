//! A real directory and the gate's questions to it; and servers that are none.

mod check;
mod failures;
mod fake;
mod finding;
mod forests;
mod generic;
mod hostile;
mod injection;
mod passwords;
mod tls;

use crate::support::PATIENCE;
use portcullis::clock::Clock;
use portcullis::directory::{Directories, DirectoryAccount, DirectoryError, DirectorySettings, LookupKeys};
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

fn directories(settings: DirectorySettings) -> Directories {
    Directories::new(vec![settings], Clock::system())
}

fn upn(upn: &str) -> LookupKeys {
    LookupKeys { upns: vec![upn.to_owned()], ..LookupKeys::default() }
}

/// The accounts' names, in the order of the alphabet.
fn who(people: &[DirectoryAccount]) -> Vec<&str> {
    let mut names: Vec<_> = people.iter().filter_map(|person| person.account_name.as_deref()).collect();
    names.sort_unstable();
    names
}

/// Asks until the directory answers.
async fn answers_again(directories: &Directories) {
    let start = Instant::now();
    while let Err(error) = directories.look_up(&upn("alice@corp.example")).await {
        assert!(start.elapsed() < PATIENCE, "{error}");
        tokio::task::yield_now().await;
    }
}

async fn error(directories: &Directories) -> DirectoryError {
    directories.look_up(&upn("alice@corp.example")).await.unwrap_err()
}

/// Where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
