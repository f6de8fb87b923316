//! The parameters of a search (RFC 4511 section 4.5.1).

use super::filter::SearchFilter;

/// The parameters of one search.
#[derive(Clone, Debug)]
pub(crate) struct SearchRequest {
    pub(crate) base: String,
    pub(crate) scope: SearchScope,
    pub(crate) filter: SearchFilter,
    /// Names of attributes; `1.1` for none (RFC 4511 4.5.1.8).
    pub(crate) attributes: Vec<String>,
    /// The maximum number of entries. The client enforces it even if the server sends more.
    pub(crate) size_limit: u16,
}

/// The entries that a search considers (RFC 4511 4.5.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchScope {
    /// The base itself.
    Base,
    /// The entries directly below the base.
    OneLevel,
    /// The base and all entries below it.
    Subtree,
}

impl SearchScope {
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Base => 0,
            Self::OneLevel => 1,
            Self::Subtree => 2,
        }
    }
}
