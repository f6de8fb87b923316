//! Asks LDAP directories who an account is: Active Directory, or another one by a schema of the operator's. Never judges
//! whether a certificate may name somebody.

mod active_directory;
mod admission;
mod ber;
mod connection;
mod dial;
mod distinguished_name;
mod domains;
mod entry;
mod error;
mod examine;
mod fact;
mod failure;
mod filter;
mod forest;
mod generic;
mod group;
mod group_names;
mod guard;
mod login_name;
mod logon_hours;
mod look_up;
mod message;
mod moment;
mod names;
mod password;
mod person;
mod relay;
mod replicas;
mod rest;
mod settings;
mod sid;
mod standing;
mod tls;
mod tree;
mod verify;

pub use error::{DirectoryError, Nonsense, Refusal, Step, Unreachable, UnsendablePassword, UnusableNames};
pub use fact::Fact;
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
pub use standing::{NotDelegated, Standing, StandingError};
pub use tls::{DirectoryTlsError, client_config};
