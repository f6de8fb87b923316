//! Why a request target is rejected, with the status 400 and the denial `invalid-path`.

use super::InvalidAuthority;

/// The error in a request target. Positions count bytes from 0, within the path or the query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// `OPTIONS *`: the target is the server, not a path.
    #[error("the target is `*`, which is not a path")]
    Asterisk,
    /// `CONNECT host:port` requests a tunnel.
    #[error("the target is an authority without a path")]
    AuthorityForm,
    /// An absolute target whose scheme is neither http nor https.
    #[error("the target's scheme `{scheme}` is neither http nor https")]
    ForeignScheme {
        /// The scheme as received.
        scheme: String,
    },
    /// An absolute target whose authority is malformed.
    #[error("the target's authority is malformed")]
    Authority(#[from] InvalidAuthority),
    /// The path does not begin with a slash.
    #[error("the path does not begin with a slash")]
    NotRooted,
    /// The path is too long.
    #[error("the path has {bytes} bytes; the limit is {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A byte outside of the strict alphabet, including `%` and every byte of a non-ASCII character.
    #[error("byte 0x{byte:02x} at position {position} of the path is outside A-Z a-z 0-9 _ - . /")]
    ForeignByte {
        /// The byte.
        byte: u8,
        /// Its position.
        position: usize,
    },
    /// Two slashes in a row: IIS and ASP.NET collapse them.
    #[error("an empty segment at position {position} of the path")]
    EmptySegment {
        /// The position of the second slash.
        position: usize,
    },
    /// A dot at the start or end of a segment, or two in a row: a dot segment, or a dot that Win32 removes from file names.
    #[error("the dot at position {position} of the path is not between two name characters")]
    StrayDot {
        /// The position of the dot.
        position: usize,
    },
    /// The query is too long.
    #[error("the query has {bytes} bytes; the limit is {limit}")]
    QueryTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A byte of the query that is not printable ASCII.
    #[error("byte 0x{byte:02x} at position {position} of the query is not printable ASCII")]
    QueryByte {
        /// The byte.
        byte: u8,
        /// Its position.
        position: usize,
    },
}
