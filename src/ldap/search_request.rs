//! The parameters of a search (RFC 4511 section 4.5.1).

use super::filter::SearchFilter;

/// A search for entries.
#[derive(Clone, Debug)]
pub(crate) struct SearchRequest {
    pub(crate) base: String,
    pub(crate) scope: SearchScope,
    pub(crate) filter: SearchFilter,
    /// Names of attributes; `1.1` for none (RFC 4511 4.5.1.8).
    pub(crate) attributes: Vec<String>,
    /// How many entries are read. A server that sends more is not relied on to stop.
    pub(crate) size_limit: u16,
}

/// Which entries a search considers (RFC 4511 4.5.1.2).
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
