//! Stands between a server and the client library: takes each message that the server sends, says whether the library
//! may read it. What passes is an answer to a search that is under way, whole and of the shape that RFC 4511 gives it.
//!
//! Why: the library reads messages by recursion and without bounds, and panics at what the protocol does not promise;
//! docs/decisions/0005 tells more.

use super::ber::message_length;
use super::error::Nonsense;
use super::message::{Answer, Message, Request};
use std::collections::HashMap;

/// The longest message of a server. People and groups have some kilobytes of what is asked for.
pub(super) const MAXIMUM_MESSAGE: usize = 1 << 20;
/// What all answers to one search may come to: the library keeps what the gate has not looked at yet.
const MAXIMUM_BYTES: usize = 4 * MAXIMUM_MESSAGE;
/// The most answers to one search: the gate asks for 200 entries at most; the rest is references to elsewhere.
const MAXIMUM_ANSWERS: usize = 1024;
/// Answers to searches that were given up may be under way still (RFC 4511 4.11). This many and no more.
const MAXIMUM_STRAYS: usize = 10_000;

/// What is under way on one connection.
#[derive(Debug, Default)]
pub(super) struct Guard {
    searches: HashMap<u32, Received>,
    /// The greatest number of a search so far. The library counts up from 1.
    greatest: u32,
    strays: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Received {
    answers: usize,
    bytes: usize,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// The library reads it.
    Pass,
    /// Nobody waits for it any more.
    Drop,
    /// The server hangs up.
    GoodBye,
}

impl Guard {
    /// How long the message is that begins here, where enough has come to say.
    ///
    /// # Errors
    /// Where it is none, or too long.
    pub(super) fn length(bytes: &[u8]) -> Result<Option<usize>, Nonsense> {
        message_length(bytes, MAXIMUM_MESSAGE)
    }

    /// Notes a request that the library sends.
    pub(super) fn asks(&mut self, message: &[u8]) -> Result<(), Nonsense> {
        match Request::parse(message)? {
            Request::Search { id } => {
                self.searches.insert(id, Received::default());
                self.greatest = self.greatest.max(id);
            }
            Request::Abandon { id } => drop(self.searches.remove(&id)),
            Request::Unbind => {}
        }
        Ok(())
    }

    /// Judges a message of the server, whole.
    pub(super) fn hears(&mut self, bytes: &[u8]) -> Result<Passage, Nonsense> {
        let message = Message::parse(bytes)?;
        if message.says_good_bye() {
            return Ok(Passage::GoodBye);
        }
        if message.has_controls {
            return Err(Nonsense::Malformed("controls that nobody asks for"));
        }
        let Some(received) = self.searches.get_mut(&message.id) else { return self.stray(message.id) };
        received.answers += 1;
        received.bytes += bytes.len();
        if received.answers > MAXIMUM_ANSWERS || received.bytes > MAXIMUM_BYTES {
            return Err(Nonsense::TooMany { limit: MAXIMUM_ANSWERS });
        }
        match message.answer {
            Answer::Entry | Answer::Reference => {}
            Answer::Searched => drop(self.searches.remove(&message.id)),
            Answer::Bound(_) | Answer::Extended(_) => {
                return Err(Nonsense::Malformed("another answer than to a search"));
            }
        }
        Ok(Passage::Pass)
    }

    fn stray(&mut self, id: u32) -> Result<Passage, Nonsense> {
        if id == 0 || id > self.greatest {
            return Err(Nonsense::Malformed("an answer to no request"));
        }
        self.strays += 1;
        if self.strays > MAXIMUM_STRAYS {
            return Err(Nonsense::TooMany { limit: MAXIMUM_STRAYS });
        }
        Ok(Passage::Drop)
    }
}

#[cfg(test)]
mod tests;
