//! Kerberos constrained delegation with protocol transition ([MS-SFU]). S4U2Self obtains a ticket to the gateway in the
//! name of the user, and S4U2Proxy exchanges it for a ticket to the server.
//!
//! The user was authenticated before: neither a certificate nor a password is checked here.

mod abi;
mod account;
mod ap_req;
mod delegator;
mod diagnostics;
mod encryption_type;
mod error;
mod error_classification;
mod gateway_logins;
mod gssapi;
mod kdc_relay;
mod keytab;
mod krb5_conf;
mod library;
mod logon_info;
mod negotiation;
mod principal;
mod spnego;
mod status;
mod threads;

pub use delegator::{DelegatorSettings, KerberosDelegator, MappedUser};
pub use diagnostics::{DelegationFinding, DelegationStep, FindingOutcome};
pub use encryption_type::{AcceptedEncryption, EncryptionType};
pub use error::{DelegationError, EncryptionError, MutualError, NotForwardableReason};
pub(crate) use gateway_logins::GatewayLoginMetrics;
pub(crate) use keytab::Keytab;
pub use keytab::KeytabError;
pub use library::KerberosLibrary;
pub(crate) use library::KerberosLibraryError;
pub use negotiation::KerberosNegotiation;
