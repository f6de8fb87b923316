//! Why a request target is not one that the gate judges. Every variant is answered 400 `invalid-path`.

use super::InvalidAuthority;

/// What is wrong with a request target. Positions count bytes from 0, within the path or the query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// `OPTIONS *`: it names the server, not a path.
    #[error("the target is `*`, which names no path")]
    Asterisk,
    /// `CONNECT host:port`: it asks for a tunnel.
    #[error("the target is an authority alone, which names no path")]
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
    /// The path is longer than the gate judges.
    #[error("the path has {bytes} bytes, more than {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The greatest length.
        limit: usize,
    },
    /// A byte outside the strict alphabet, `%` and every byte of a non-ASCII letter among them.
    #[error("byte 0x{byte:02x} at position {position} of the path is outside A-Z a-z 0-9 _ - . /")]
    ForeignByte {
        /// The byte.
        byte: u8,
        /// Where it stands.
        position: usize,
    },
    /// Two slashes in a row: IIS and ASP.NET collapse them.
    #[error("an empty segment at position {position} of the path")]
    EmptySegment {
        /// Where the second slash stands.
        position: usize,
    },
    /// A dot at the start or end of a segment, or two in a row: a dot segment, or what Win32 cuts off a file name.
    #[error("the dot at position {position} of the path does not stand between two name characters")]
    StrayDot {
        /// Where the dot stands.
        position: usize,
    },
    /// The query is longer than the gate forwards.
    #[error("the query has {bytes} bytes, more than {limit}")]
    QueryTooLong {
        /// Its length.
        bytes: usize,
        /// The greatest length.
        limit: usize,
    },
    /// A byte of the query that is not printable ASCII.
    #[error("byte 0x{byte:02x} at position {position} of the query is not printable ASCII")]
    QueryByte {
        /// The byte.
        byte: u8,
        /// Where it stands.
        position: usize,
    },
}
