//! Accounts in LDAP directories: Active Directory, or another directory with a configured schema.
//!
//! A lookup returns every account that matches; whether a certificate may stand for one of them is decided in `identity`.

mod account;
mod account_status;
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

pub use account::{DirectoryAccount, DirectoryGroup};
pub(crate) use account_status::NotDelegated;
pub use account_status::{AccountStatus, AccountStatusError};
pub use diagnostics::ServerFact;
pub use directories::Directories;
pub use error::{DirectoryError, Unavailability, UnusableLookupKeys};
pub use login_name::LoginName;
pub(crate) use login_name::LoginNameError;
pub use lookup_keys::LookupKeys;
pub use password_verdict::{PasswordFailure, PasswordVerdict};
pub use settings::{AccountSchema, DirectoryLimits, DirectorySettings, GenericGroups, GenericSchema};
pub use sid::Sid;
