//! Errors of lookups and password checks. None of them means that an account does not exist, and no message contains a
//! password.

use crate::ldap::{
    ConnectionError, LdapError, LdapOperation, LdapRefusal, ProtocolError, UnsendablePassword,
};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The reason for which a directory operation has no result. Access must be denied.
#[derive(Clone, Debug, Error)]
pub enum DirectoryError {
    /// No server of the directory can be reached. Describes the last server that was tried.
    #[error("directory `{directory}` at {server} is unavailable")]
    Unavailable {
        /// Its name in proxy.toml.
        directory: Arc<str>,
        /// Its URL.
        server: String,
        /// The reason.
        #[source]
        source: UnavailableReason,
    },
    /// A server did not complete an operation within the limit.
    #[error("directory `{directory}` at {server}: {operation} timed out after {limit:?}")]
    Timeout {
        /// Its name in proxy.toml.
        directory: Arc<str>,
        /// Its URL.
        server: String,
        /// The operation.
        operation: LdapOperation,
        /// The limit.
        limit: Duration,
    },
    /// The limits of running and waiting operations are reached.
    #[error("too many lookups are waiting for directory `{directory}`")]
    Busy {
        /// Its name in proxy.toml.
        directory: Arc<str>,
    },
    /// A server sent an invalid response. Its connection was closed.
    #[error("directory `{directory}` at {server} sent an invalid response")]
    Protocol {
        /// Its name in proxy.toml.
        directory: Arc<str>,
        /// Its URL.
        server: String,
        /// The defect.
        #[source]
        source: ProtocolError,
    },
    /// A server refused the gateway's own account, or an operation of that account.
    #[error("directory `{directory}` at {server} refused the gateway's {operation}")]
    Refused {
        /// Its name in proxy.toml.
        directory: Arc<str>,
        /// Its URL.
        server: String,
        /// The operation.
        operation: LdapOperation,
        /// The server's reason.
        #[source]
        source: LdapRefusal,
    },
    /// The global catalog has the account, but the realm has no directory for its domain, so that its groups and status
    /// cannot be read.
    #[error("no configured directory covers `{dn}`: add the directory of its domain to the realm")]
    NotCovered {
        /// The account's distinguished name.
        dn: String,
    },
    /// The password must not be sent to a directory. No bind was sent.
    #[error("the password cannot be sent to a directory")]
    UnsendablePassword(#[source] UnsendablePassword),
    /// The lookup keys are not valid in a search. No search was sent.
    #[error("the lookup keys are not valid")]
    UnusableLookupKeys(#[source] UnusableLookupKeys),
    /// The control runtime did not start.
    #[error("cannot start the control runtime")]
    NoRuntime(#[source] Arc<io::Error>),
    /// The operation ended without a result, because of a panic, a reload, or the shutdown of the gateway.
    #[error("the directory lookup was cancelled")]
    Cancelled,
}

/// The reason for which a server is unavailable.
#[derive(Clone, Debug, Error)]
pub enum UnavailableReason {
    /// Connecting failed, or the connection ended.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The directory has no servers.
    #[error("no server is configured")]
    NoServer,
    /// The server failed recently and is in backoff.
    #[error("not retried yet after a recent failure: {reason}")]
    Backoff {
        /// The failure.
        reason: String,
    },
}

/// The reason for which lookup keys are not valid in a search.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnusableLookupKeys {
    /// There are more keys than the certificate of a person has.
    #[error("{count} lookup keys; at most {limit} are allowed")]
    TooMany {
        /// Their number.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// An attribute name is not valid.
    #[error("`{0}` is not a valid attribute name")]
    Attribute(String),
}

impl DirectoryError {
    /// Returns the error of a directory for an LDAP error at one of its servers.
    pub(super) fn at_server(error: LdapError, directory: &Arc<str>, server: &str) -> Self {
        let (directory, server) = (Arc::clone(directory), server.to_owned());
        match error {
            LdapError::Connection(error) => Self::Unavailable { directory, server, source: error.into() },
            LdapError::Timeout { operation, limit } => Self::Timeout { directory, server, operation, limit },
            LdapError::Protocol(source) => Self::Protocol { directory, server, source },
            LdapError::Refused { operation, refusal } => {
                Self::Refused { directory, server, operation, source: refusal }
            }
            LdapError::Unsendable(reason) => Self::UnsendablePassword(reason),
        }
    }
}
