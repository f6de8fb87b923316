//! An LDAP client (RFC 4511): connects inside TLS, binds, searches. Used to look up accounts and to fetch CRLs.
//!
//! A server is not trusted to keep the process alive: every message is read without recursion and with limits on its
//! length, its number of values, and the number and total size of the responses to one search. Referrals are never
//! followed. docs/decisions/0004 records why the client is the project's own.

mod ber;
mod connect;
mod connection;
mod credentials;
mod dn;
mod entry;
mod error;
mod filter;
mod generalized_time;
mod message;
mod pending_search;
pub(crate) mod result_code;
mod search_request;
mod server;
mod stream;
mod tls;

pub(crate) use connect::connect;
pub(crate) use connection::LdapConnection;
pub(crate) use credentials::BindCredentials;
pub(crate) use dn::{dn_depth, dn_domain, first_rdn_value, is_within};
pub(crate) use entry::{LdapEntry, invalid_attribute};
pub(crate) use error::LdapError;
pub use error::{ConnectionError, LdapOperation, LdapRefusal, ProtocolError, UnsendablePassword};
pub use filter::{AttributeName, SearchFilter};
pub(crate) use generalized_time::generalized_time;
pub(crate) use pending_search::SearchResult;
pub(crate) use search_request::{SearchRequest, SearchScope};
pub use server::{LdapEncryption, LdapServer};
pub(crate) use stream::LdapStream;
pub(crate) use tls::LdapTlsError;
pub use tls::client_config;
