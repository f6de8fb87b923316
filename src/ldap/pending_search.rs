//! A pending search: the responses received so far, and their limits.

use super::entry::LdapEntry;
use super::error::result_code::{SIZE_LIMIT_EXCEEDED, SUCCESS};
use super::error::{LdapError, LdapOperation, ProtocolError};
use super::message::LdapResponse;

/// The maximum number of responses to one search. Callers request 1000 entries at most; the rest are referrals to other
/// servers.
pub(super) const MAXIMUM_RESPONSES: usize = 1024;

/// The entries that a search returned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SearchResult {
    pub(crate) entries: Vec<LdapEntry>,
    /// Whether more entries match than were read.
    pub(crate) truncated: bool,
}

/// A search that has not ended, with the entries received so far.
#[derive(Debug)]
pub(super) struct PendingSearch {
    found: SearchResult,
    size_limit: usize,
    responses: usize,
    bytes: usize,
    max_bytes: usize,
}

/// Whether a search has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SearchProgress {
    /// More responses follow.
    Pending,
    /// The server has sent its last response.
    Done(SearchResult),
    /// The size limit is reached, and the server may continue to send entries.
    LimitReached(SearchResult),
}

impl PendingSearch {
    /// Creates a search without responses. `max_bytes` is the maximum total size of the responses.
    pub(super) fn new(size_limit: u16, max_bytes: usize) -> Self {
        Self {
            found: SearchResult::default(),
            size_limit: size_limit.into(),
            responses: 0,
            bytes: 0,
            max_bytes,
        }
    }

    /// Processes the next response, which has `bytes` bytes.
    ///
    /// # Errors
    /// The server refuses the search, or the responses exceed a limit or are of another kind.
    pub(super) fn receive(
        &mut self,
        response: LdapResponse,
        bytes: usize,
    ) -> Result<SearchProgress, LdapError> {
        self.responses += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.responses > MAXIMUM_RESPONSES || self.bytes > self.max_bytes {
            return Err(ProtocolError::TooManyResults { limit: MAXIMUM_RESPONSES }.into());
        }
        match response {
            LdapResponse::Entry(_) if self.found.entries.len() == self.size_limit => {
                Ok(SearchProgress::LimitReached(self.take(true)))
            }
            LdapResponse::Entry(entry) => {
                self.found.entries.push(entry);
                Ok(SearchProgress::Pending)
            }
            LdapResponse::Reference => Ok(SearchProgress::Pending),
            LdapResponse::SearchDone(result) => match result.code {
                SUCCESS => Ok(SearchProgress::Done(self.take(false))),
                SIZE_LIMIT_EXCEEDED => Ok(SearchProgress::Done(self.take(true))),
                _ => Err(result.error(LdapOperation::Search)),
            },
            LdapResponse::Bind(_) | LdapResponse::Extended(_) => {
                Err(ProtocolError::Malformed("not a response to a search").into())
            }
        }
    }

    fn take(&mut self, truncated: bool) -> SearchResult {
        SearchResult { truncated, ..std::mem::take(&mut self.found) }
    }
}
