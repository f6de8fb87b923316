//! Errors of request targets, which cause the denial `invalid-path`.

use super::InvalidAuthority;

/// The reason why a request target is invalid. Positions count bytes from 0, within the path or the query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// The target of `OPTIONS *`, which is the server and not a path.
    #[error("the target is `*`, which is not a path")]
    Asterisk,
    /// The target of `CONNECT host:port`, which requests a tunnel.
    #[error("the target is an authority without a path")]
    AuthorityForm,
    /// The scheme of an absolute target is neither http nor https.
    #[error("the target's scheme `{scheme}` is neither http nor https")]
    ForeignScheme {
        /// The scheme as received.
        scheme: String,
    },
    /// The authority of an absolute target is malformed.
    #[error("the target's authority is malformed")]
    Authority(#[from] InvalidAuthority),
    /// The path does not begin with a slash.
    #[error("the path does not begin with a slash")]
    NotRooted,
    /// The path is too long.
    #[error("the path has {bytes} bytes; the limit is {limit}")]
    TooLong {
        /// The length of the path.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The path has a byte outside of the strict alphabet, such as `%` or a byte of a non-ASCII character.
    #[error("byte 0x{byte:02x} at position {position} of the path is outside A-Z a-z 0-9 _ - . /")]
    ForeignByte {
        /// The byte.
        byte: u8,
        /// The position of the byte.
        position: usize,
    },
    /// The path has two slashes in a row, which IIS and ASP.NET collapse.
    #[error("an empty segment at position {position} of the path")]
    EmptySegment {
        /// The position of the second slash.
        position: usize,
    },
    /// A dot at the start or end of a segment, or next to another dot. It may be a dot segment, or a dot that Win32 removes
    /// from file names.
    #[error("the dot at position {position} of the path is not between two name characters")]
    StrayDot {
        /// The position of the dot.
        position: usize,
    },
    /// The query is too long.
    #[error("the query has {bytes} bytes; the limit is {limit}")]
    QueryTooLong {
        /// The length of the query.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The query has a byte that is not printable ASCII.
    #[error("byte 0x{byte:02x} at position {position} of the query is not printable ASCII")]
    QueryByte {
        /// The byte.
        byte: u8,
        /// The position of the byte.
        position: usize,
    },
}
