//! Asks LDAP directories who an account is: Active Directory, or another one by a schema of the operator's. Never judges
//! whether a certificate may name somebody.

mod error;
mod filter;
mod forest;
mod group;
mod login_name;
mod logon_hours;
mod names;
mod password;
mod person;
mod settings;
mod sid;
mod standing;
mod tls;

pub use error::{DirectoryError, Nonsense, Refusal, Step, Unreachable, UnsendablePassword, UnusableNames};
pub use filter::{AttributeName, AttributeNameError, Filter, FilterError};
pub use forest::Forest;
pub use group::Group;
pub use login_name::{LoginName, LoginNameError};
pub use logon_hours::{LogonHours, LogonHoursError};
pub use names::Names;
pub use password::{PasswordRefusal, PasswordVerdict};
pub use person::Person;
pub use settings::{
    DirectoryLimits, DirectorySettings, Encryption, GenericGroups, GenericSchema, Schema, Server,
};
pub use sid::{Sid, SidError};
pub use standing::{Standing, StandingError};
pub use tls::{DirectoryTlsError, client_config};
