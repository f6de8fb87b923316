//! Errors of the LDAP client. No message contains a password.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The reason for which an operation on one server failed.
#[derive(Clone, Debug, Error)]
pub(crate) enum LdapError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("{operation} timed out after {limit:?}")]
    Timeout { operation: LdapOperation, limit: Duration },
    #[error("invalid response")]
    Protocol(#[from] ProtocolError),
    #[error("{operation} refused")]
    Refused {
        operation: LdapOperation,
        #[source]
        refusal: LdapRefusal,
    },
    #[error("the password cannot be sent")]
    Unsendable(#[from] UnsendablePassword),
}

/// The operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LdapOperation {
    /// Name resolution, TCP connection and TLS handshake.
    Connect,
    /// A bind.
    Bind,
    /// One search.
    Search,
    /// A whole lookup: waiting, connecting and all its searches.
    Lookup,
}

/// The reason for which a connection failed or ended.
#[derive(Clone, Debug, Error)]
pub enum ConnectionError {
    /// The host name has no address.
    #[error("host name does not resolve")]
    Resolve(#[source] Arc<io::Error>),
    /// The TCP connection failed.
    #[error("cannot connect")]
    Connect(#[source] Arc<io::Error>),
    /// The TLS handshake failed, most often because the server's certificate is from another issuer than the configured
    /// one, or for another name.
    #[error("TLS handshake failed")]
    Tls(#[source] Arc<io::Error>),
    /// The server rejected StartTLS (RFC 4511 4.14).
    #[error("server rejected StartTLS")]
    StartTls(#[source] LdapRefusal),
    /// Reading or writing failed.
    #[error("connection failed")]
    Io(#[source] Arc<io::Error>),
    /// The server closed the connection or sent a notice of disconnection.
    #[error("server closed the connection")]
    Closed,
    /// The server is busy, starting or stopping.
    #[error("server is busy or unavailable")]
    ServerBusy(#[source] LdapRefusal),
}

/// The reason for which a response is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// The bytes are not a message of the protocol (RFC 4511), or not a response to a pending request.
    #[error("malformed LDAP message: {0}")]
    Malformed(&'static str),
    /// A message is too long.
    #[error("message is longer than {limit} bytes")]
    MessageTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A search has too many responses or entries.
    #[error("search returned more than {limit} results")]
    TooManyResults {
        /// The limit.
        limit: usize,
    },
    /// Data followed the StartTLS response before TLS began, which an attacker on the network may have injected.
    #[error("unexpected plaintext after the StartTLS response")]
    PlaintextAfterStartTls,
    /// The value of an attribute does not have the attribute's syntax.
    #[error("attribute {attribute} of an entry is invalid: {reason}")]
    InvalidAttribute {
        /// Its name.
        attribute: &'static str,
        /// The defect.
        reason: &'static str,
    },
}

/// The reason for which a server refused an operation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LdapRefusal {
    /// The server returned a result code other than success (RFC 4511 A.1).
    #[error("{}", describe(*.code, .text))]
    Result {
        /// The code.
        code: u32,
        /// The server's diagnostic message, shortened and without control characters.
        text: String,
    },
    /// The server does not return an attribute that every such entry has.
    #[error("the bind account cannot read the attribute {0}")]
    UnreadableAttribute(&'static str),
}

/// The reason for which a password must not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnsendablePassword {
    /// The bind would be unauthenticated, which succeeds for every name (RFC 4513 5.1.2).
    #[error("the password is empty")]
    Empty,
    /// The bind would be anonymous.
    #[error("the bind name is empty")]
    EmptyName,
    /// A server may use only the bytes before the zero byte.
    #[error("the password contains a zero byte")]
    ZeroByte,
    /// The password is not UTF-8, which RFC 4511 4.2 requires of textual passwords.
    #[error("the password is not UTF-8")]
    NotUtf8,
}

/// Result codes and their names (RFC 4511 A.1).
pub(crate) mod result_code {
    pub(crate) const SUCCESS: u32 = 0;
    /// The search matched more entries than the client or the server permits.
    pub(crate) const SIZE_LIMIT_EXCEEDED: u32 = 4;
    pub(crate) const NO_SUCH_OBJECT: u32 = 32;
    /// The name, the password or both are wrong.
    pub(crate) const INVALID_CREDENTIALS: u32 = 49;
    /// The server is overloaded.
    pub(in crate::ldap) const BUSY: u32 = 51;
    /// The server is starting or stopping.
    pub(in crate::ldap) const UNAVAILABLE: u32 = 52;

    /// Returns the name of a code in RFC 4511, if it is a common one.
    pub(in crate::ldap) const fn name(code: u32) -> Option<&'static str> {
        Some(match code {
            SUCCESS => "success",
            1 => "operationsError",
            2 => "protocolError",
            3 => "timeLimitExceeded",
            SIZE_LIMIT_EXCEEDED => "sizeLimitExceeded",
            7 => "authMethodNotSupported",
            8 => "strongerAuthRequired",
            10 => "referral",
            11 => "adminLimitExceeded",
            13 => "confidentialityRequired",
            14 => "saslBindInProgress",
            16 => "noSuchAttribute",
            17 => "undefinedAttributeType",
            18 => "inappropriateMatching",
            21 => "invalidAttributeSyntax",
            NO_SUCH_OBJECT => "noSuchObject",
            34 => "invalidDNSyntax",
            48 => "inappropriateAuthentication",
            INVALID_CREDENTIALS => "invalidCredentials",
            50 => "insufficientAccessRights",
            BUSY => "busy",
            UNAVAILABLE => "unavailable",
            53 => "unwillingToPerform",
            80 => "other",
            _ => return None,
        })
    }
}

impl fmt::Display for LdapOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::Search => "search",
            Self::Lookup => "lookup",
        })
    }
}

fn describe(code: u32, text: &str) -> String {
    let name = result_code::name(code).map(|name| format!(" ({name})")).unwrap_or_default();
    if text.is_empty() {
        format!("result code {code}{name}")
    } else {
        format!("result code {code}{name}: {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_result_code() {
        let refusal = |code, text: &str| LdapRefusal::Result { code, text: text.to_owned() }.to_string();
        assert_eq!(refusal(49, "data 52e"), "result code 49 (invalidCredentials): data 52e");
        assert_eq!(refusal(32, ""), "result code 32 (noSuchObject)");
        assert_eq!(refusal(4711, ""), "result code 4711");
    }
}
