//! An LDAP client (RFC 4511), which connects inside TLS, binds and searches. It looks up accounts and fetches CRLs.
//!
//! A server is not trusted: every message is decoded without recursion and with limits on its length, its number of
//! values, and the number and total size of the responses to one search. Referrals are never followed.
//! docs/decisions/0004 records why the client is the project's own.

mod ber;
mod connection;
mod credentials;
mod dn;
mod entry;
mod error;
mod filter;
mod generalized_time;
mod message;
mod pending_search;
mod server;
mod stream;
mod tls;

pub(crate) use connection::LdapConnection;
pub(crate) use credentials::BindCredentials;
pub(crate) use dn::{dn_depth, dn_domain, first_rdn_value, is_within};
pub(crate) use entry::{LdapEntry, invalid_attribute};
pub use error::{ConnectionError, LdapOperation, LdapRefusal, ProtocolError, UnsendablePassword};
pub(crate) use error::{LdapError, result_code};
pub use filter::{AttributeName, SearchFilter};
pub(crate) use generalized_time::generalized_time;
pub(crate) use message::{SearchRequest, SearchScope};
pub(crate) use pending_search::SearchResult;
pub(crate) use server::connect;
pub use server::{LdapEncryption, LdapServer};
pub(crate) use stream::LdapStream;
pub(crate) use tls::LdapTlsError;
pub use tls::client_config;
