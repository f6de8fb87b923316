//! Why a directory gave no answer. None of these means that there is no such account, and none of their texts has a
//! password in it.

use std::io;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A question to the directories stayed without an answer. Nobody may be let in on account of it.
#[derive(Clone, Debug, Error)]
pub enum DirectoryError {
    /// No server of the directory can be spoken to; this is what the last one tried came to.
    #[error("the directory `{directory}` is not reached at {server}")]
    Unavailable {
        /// Its name in proxy.toml.
        directory: Arc<str>,
        /// Host and port.
        server: String,
        /// What is in the way.
        #[source]
        source: Unreachable,
    },
    /// A server did not do a step within the limit.
    #[error("the directory `{directory}` did not {step} within {limit:?} at {server}")]
    Timeout {
        /// Its name in proxy.toml.
        directory: Arc<str>,
        /// Host and port.
        server: String,
        /// What it was to do.
        step: Step,
        /// How long it was given.
        limit: Duration,
    },
    /// So many questions are under way and waiting that this one was not begun.
    #[error("too many questions wait for the directory `{directory}`")]
    Busy {
        /// Its name in proxy.toml.
        directory: Arc<str>,
    },
    /// A server said what no directory says. Its connection was cut.
    #[error("the directory `{directory}` answers nonsense at {server}")]
    Garbage {
        /// Its name in proxy.toml.
        directory: Arc<str>,
        /// Host and port.
        server: String,
        /// What is wrong.
        #[source]
        source: Nonsense,
    },
    /// A server refused the gate's own account, or what that account asked.
    #[error("the directory `{directory}` refuses to {step} for the gate at {server}")]
    Refused {
        /// Its name in proxy.toml.
        directory: Arc<str>,
        /// Host and port.
        server: String,
        /// What it was to do.
        step: Step,
        /// What it said.
        #[source]
        source: Refusal,
    },
    /// The account is in a part of the directories that no directory of the realm covers, so that its groups and its status
    /// cannot be read.
    #[error("no directory that is configured covers `{dn}`")]
    NotCovered {
        /// The account's distinguished name.
        dn: String,
    },
    /// The password may not be sent: no directory was asked.
    #[error("the password cannot be sent to a directory")]
    UnsendablePassword(#[source] UnsendablePassword),
    /// Names that nobody can be looked up by: no directory was asked.
    #[error("nobody can be looked up by these names")]
    UnusableLookupKeys(#[source] UnusableLookupKeys),
    /// The system gave no thread for the directories.
    #[error("no thread can be started to ask directories")]
    NoThread(#[source] Arc<io::Error>),
    /// The question was dropped before it was answered, by a defect or since the gate is stopping.
    #[error("the question to the directories was dropped")]
    Dropped,
}

/// A step of a conversation with a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Resolve the name, connect, TLS.
    Connect,
    /// Bind.
    Bind,
    /// Search, or read an entry.
    Search,
    /// All of it, waiting included.
    Answer,
}

/// Why a server cannot be spoken to.
#[derive(Clone, Debug, Error)]
pub enum Unreachable {
    /// Its name has no address.
    #[error("its name cannot be resolved")]
    Resolve(#[source] Arc<io::Error>),
    /// No connection comes about.
    #[error("it takes no connection")]
    Connect(#[source] Arc<io::Error>),
    /// TLS fails: most often another authority than the one in proxy.toml vouches for it, or it has another name.
    #[error("it cannot prove who it is")]
    Tls(#[source] Arc<io::Error>),
    /// It refuses to begin TLS on a plain connection (RFC 4511 4.14).
    #[error("it refuses StartTLS")]
    StartTls(#[source] Refusal),
    /// The connection broke.
    #[error("the connection broke off")]
    Broken(#[source] Arc<io::Error>),
    /// It said good-bye, or hung up.
    #[error("it closed the connection")]
    Closed,
    /// It says that it cannot answer now: it is busy, starting or stopping.
    #[error("it cannot answer now")]
    Unwell(#[source] Refusal),
    /// There is none.
    #[error("no server is configured")]
    NoServer,
    /// It failed a moment ago and is not tried again yet.
    #[error("it failed a moment ago: {reason}")]
    LeftAlone {
        /// How it failed.
        reason: String,
    },
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Nonsense {
    /// The bytes are no message of the protocol (RFC 4511).
    #[error("it is no LDAP message: {0}")]
    Malformed(&'static str),
    /// A message is longer than the limit.
    #[error("a message is longer than {limit} bytes")]
    TooLong {
        /// In bytes.
        limit: usize,
    },
    /// An operation has more answers than the limit.
    #[error("one question has more than {limit} answers")]
    TooMany {
        /// How many are read.
        limit: usize,
    },
    /// Something came in plain text between the consent to TLS and TLS itself.
    #[error("something came in plain text behind the answer to StartTLS")]
    BeforeTls,
    /// An entry lacks an attribute that all have, or it cannot be read.
    #[error("an entry's {attribute} cannot be read: {reason}")]
    Attribute {
        /// Its name.
        attribute: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The client library gave up on what it was told.
    #[error("it cannot be understood")]
    NotUnderstood,
}

/// What a server says when it refuses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A result code other than success (RFC 4511 A.1).
    #[error("result code {code}: {text}")]
    Result {
        /// The code.
        code: u32,
        /// The server's words, cut to a line.
        text: String,
    },
    /// It does not show an attribute that each account has.
    #[error("the gate's account may not read {0}")]
    Unreadable(&'static str),
}

/// Why a password may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnsendablePassword {
    /// It would be an anonymous bind, which succeeds for everybody (RFC 4513 5.1.2).
    #[error("it is empty")]
    Empty,
    /// It would be an anonymous bind as well.
    #[error("the name that it belongs to is empty")]
    NoName,
    /// A directory may take what is before it for the whole.
    #[error("it has a zero byte")]
    ZeroByte,
    /// RFC 4511 4.2: simple passwords that are text are UTF-8.
    #[error("it is not UTF-8")]
    NotUtf8,
}

/// Why names cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnusableLookupKeys {
    /// More than a certificate of a person has.
    #[error("they are {count}, more than {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// The name of an attribute is none.
    #[error("`{0}` is no name of an attribute")]
    Attribute(String),
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::Search => "search",
            Self::Answer => "answer",
        })
    }
}
