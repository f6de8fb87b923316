//! Lookups and password checks in a real directory, and at servers that violate the protocol.

mod check;
mod failover;
mod generic;
mod hostile;
mod injection;
mod lookups;
mod passwords;
mod several_directories;
mod stub_server;
mod tls;

use crate::support::TEST_TIMEOUT;
use portcullis::clock::Clock;
use portcullis::control::ControlRuntime;
use portcullis::directory::{
    DirectoryAccount, DirectoryError, DirectorySettings, LookupKeys, RealmDirectories,
};
use portcullis::directory::{LoginName, PasswordVerdict};
use portcullis::secret::Secret;
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

fn directories(settings: DirectorySettings) -> RealmDirectories {
    RealmDirectories::new(vec![settings], Clock::system(), ControlRuntime::default())
}

fn upn(upn: &str) -> LookupKeys {
    LookupKeys { upns: vec![upn.to_owned()], ..LookupKeys::default() }
}

/// Returns the names of the accounts in alphabetical order.
fn account_names(accounts: &[DirectoryAccount]) -> Vec<&str> {
    let mut names: Vec<_> = accounts.iter().filter_map(|account| account.account_name.as_deref()).collect();
    names.sort_unstable();
    names
}

/// Looks up an account until a lookup succeeds.
async fn wait_until_available(directories: &RealmDirectories) {
    let start = Instant::now();
    while let Err(error) = directories.look_up(&upn("alice@corp.example")).await {
        assert!(start.elapsed() < TEST_TIMEOUT, "{error}");
        tokio::task::yield_now().await;
    }
}

async fn error(directories: &RealmDirectories) -> DirectoryError {
    directories.look_up(&upn("alice@corp.example")).await.unwrap_err()
}

/// Checks the password of the account that a login name finds, as the gateway does.
async fn verify(
    directories: &RealmDirectories,
    login: &LoginName,
    password: &str,
) -> Result<PasswordVerdict, DirectoryError> {
    let found = directories.by_login(login).await?;
    directories.verify_password_of(login, &found, &Secret::new(password.into()), |_| ()).await
}

/// Returns an address without a listener.
fn unused_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
