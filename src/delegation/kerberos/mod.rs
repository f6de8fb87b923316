//! Speaks to servers in a user's name with Kerberos tickets that the gate gets by constrained delegation with protocol
//! transition ([MS-SFU]): S4U2Self, a ticket to itself for the user, then S4U2Proxy, with that one to the server.
//!
//! Takes an account that the gate has found and a service's name, gives a token for one request. Never judges who the
//! user is, and never asks for a password.

mod abi;
mod account;
mod ap_req;
mod delegator;
mod diagnosis;
mod encryption_type;
mod error;
mod examination;
mod gssapi;
mod kdc_relay;
mod keytab;
mod krb5_conf;
mod library;
mod log_ins;
mod logon_info;
mod negotiation;
mod principal;
mod spnego;
mod status;
mod threads;

pub use delegator::{Delegator, DelegatorSettings, User};
pub use encryption_type::{AcceptedEncryption, EncryptionType};
pub use error::{DelegationError, EncryptionFlaw, ForwardableLack, MutualFlaw, TicketFlaw};
pub use examination::{Finding, Outcome, Step};
pub use keytab::{Keytab, KeytabEntry, KeytabFlaw};
pub use library::{Library, LibraryError};
pub use log_ins::LogInMetrics;
pub use negotiation::Negotiation;
pub use principal::{NameError, NameFlaw, ServiceName, UserPrincipal};
pub use status::Status;
