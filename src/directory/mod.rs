//! Accounts in LDAP directories: Active Directory, or another directory with a configured schema.
//!
//! A lookup returns every account that matches. The folder `identity` decides whether a certificate maps to one of
//! them.

mod account;
mod active_directory;
mod configured_directory;
mod diagnostics;
mod directories;
mod error;
mod generic;
mod login_name;
mod logon_hours;
mod lookup;
mod lookup_keys;
mod operation_limit;
mod password_check;
mod password_verdict;
mod replicas;
mod settings;
mod sid;

pub(crate) use account::NotDelegated;
pub use account::{AccountStatus, AccountStatusError, DirectoryAccount, DirectoryGroup};
pub use diagnostics::ServerFact;
pub use directories::RealmDirectories;
pub use error::{DirectoryError, UnavailableReason, UnusableLookupKeys};
pub use login_name::LoginName;
pub(crate) use login_name::LoginNameError;
pub use lookup_keys::LookupKeys;
pub use password_verdict::{PasswordFailure, PasswordVerdict};
pub use settings::{AccountSchema, DirectoryLimits, DirectorySettings, GenericGroups, GenericSchema};
pub use sid::Sid;
