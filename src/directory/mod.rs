//! Asks LDAP directories who an account is: Active Directory, or another one by a schema of the operator's. Never judges
//! whether a certificate may name somebody.

mod account;
mod account_status;
mod active_directory;
mod ber;
mod configured_directory;
mod connection;
mod diagnostics;
mod dial;
mod directories;
mod distinguished_name;
mod entry;
mod error;
mod fact;
mod failure;
mod filter;
mod generalized_time;
mod generic;
mod guard;
mod login_name;
mod logon_hours;
mod lookup;
mod lookup_keys;
mod message;
mod operation_limit;
mod password_check;
mod password_verdict;
mod relay;
mod replicas;
mod settings;
mod sid;
mod tls;

pub use account::{DirectoryAccount, DirectoryGroup};
pub use account_status::{AccountStatus, AccountStatusError, NotDelegated};
pub use directories::Directories;
pub use error::{
    DirectoryError, Nonsense, Refusal, Step, Unreachable, UnsendablePassword, UnusableLookupKeys,
};
pub use fact::ServerFact;
pub use filter::{AttributeName, AttributeNameError, SearchFilter, SearchFilterError};
pub use login_name::{LoginName, LoginNameError};
pub use logon_hours::{LogonHours, LogonHoursError};
pub use lookup_keys::LookupKeys;
pub use password_verdict::{PasswordRefusal, PasswordVerdict};
pub use settings::{
    AccountSchema, DirectoryLimits, DirectorySettings, GenericGroups, GenericSchema, LdapEncryption,
    LdapServer,
};
pub use sid::{Sid, SidError};
pub use tls::{DirectoryTlsError, client_config};
