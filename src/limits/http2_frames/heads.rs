//! The request heads of one HTTP/2 connection that h2 has not accepted as requests. h2 rejects some of them without a report.
//! These are recognized by the frames that it sends, so that each has an audit record.

use super::{CONTINUATION, FrameHeader, GO_AWAY, HEADERS, RST_STREAM};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// A flag of HEADERS and CONTINUATION (RFC 9113 section 6.2).
const END_HEADERS: u8 = 4;

/// Error codes (RFC 9113 section 7).
const NO_ERROR: u32 = 0;
const REFUSED_STREAM: u32 = 7;

/// The first bytes of the debug data in a GOAWAY that h2 sends because of the size of a head.
const TOO_LARGE: [&[u8; 16]; 2] = [b"header_list_way_", b"too_many_continu"];

/// The request heads that a client has sent and that are not accepted as requests yet.
#[derive(Debug)]
pub(crate) struct RequestHeads {
    heads: RefCell<HeadTable>,
    most: usize,
}

#[derive(Debug)]
struct HeadTable {
    /// The highest stream that the client has opened. HEADERS on this one or a lower one are trailers.
    highest: u32,
    /// The last stream of a graceful GOAWAY. Higher streams are ignored.
    last: u32,
    /// The streams whose heads are not accepted yet, in ascending order.
    waiting: VecDeque<u32>,
    /// Whether the last frame of the highest stream's head was received.
    is_complete: bool,
    /// Whether the connection was closed because of the size of the last head.
    last_is_too_large: bool,
    /// The rejected heads with their streams.
    rejected: VecDeque<(u32, HeadRejection)>,
}

/// The reason why a request head was not accepted as a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadRejection {
    /// h2 sent a 431 without content on the stream.
    TooLarge,
    /// h2 reset the stream with this error code (RFC 9113 section 7).
    Reset(u32),
    /// The stream is no longer tracked, because too many heads were received after it.
    Ignored,
}

/// The heads that were not accepted as requests when the connection ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnservedHeads {
    /// The number of complete heads.
    pub complete: usize,
    /// Whether another head was received in part.
    pub incomplete: bool,
    /// Whether the connection was closed because of the size of the last head.
    pub last_is_too_large: bool,
}

impl RequestHeads {
    /// Creates a table that tracks at most `most` heads.
    pub(crate) fn new(most: usize) -> Rc<Self> {
        let heads = HeadTable {
            highest: 0,
            last: u32::MAX,
            waiting: VecDeque::new(),
            is_complete: true,
            last_is_too_large: false,
            rejected: VecDeque::new(),
        };
        Rc::new(Self { heads: RefCell::new(heads), most })
    }

    /// Removes the head of this stream, which h2 has accepted as a request.
    pub(crate) fn accepted(&self, stream: u32) {
        let mut heads = self.heads.borrow_mut();
        if !heads.remove(stream) {
            heads.rejected.retain(|(rejected, _)| *rejected != stream);
        }
    }

    /// Returns the next rejected head. Must be called only when h2 has no further request to accept, because h2 may reset
    /// the stream of a valid head before it returns the request.
    pub(crate) fn next_rejected(&self) -> Option<HeadRejection> {
        self.heads.borrow_mut().rejected.pop_front().map(|(_, rejection)| rejection)
    }

    /// Removes and returns the heads that are not accepted as requests, because the connection has ended.
    pub(crate) fn take_unserved(&self) -> UnservedHeads {
        let mut heads = self.heads.borrow_mut();
        let incomplete = !heads.is_complete && heads.waiting.back() == Some(&heads.highest);
        let complete = heads.waiting.len() - usize::from(incomplete);
        heads.waiting.clear();
        UnservedHeads { complete, incomplete, last_is_too_large: heads.last_is_too_large }
    }

    /// Tracks a frame from the client.
    pub(super) fn received(&self, frame: FrameHeader) {
        if !matches!(frame.kind, HEADERS | CONTINUATION) {
            return;
        }
        let mut heads = self.heads.borrow_mut();
        if frame.kind == HEADERS && frame.stream > heads.highest {
            heads.highest = frame.stream;
            heads.is_complete = false;
            if frame.stream <= heads.last {
                heads.waiting.push_back(frame.stream);
            }
            if heads.waiting.len() > self.most {
                let oldest = heads.waiting.pop_front().unwrap_or_default();
                heads.reject(oldest, HeadRejection::Ignored, self.most);
            }
        }
        if frame.stream == heads.highest && frame.flags & END_HEADERS != 0 {
            heads.is_complete = true;
        }
    }

    /// Tracks a frame to the client.
    pub(super) fn written(&self, frame: FrameHeader) {
        let mut heads = self.heads.borrow_mut();
        match frame.kind {
            HEADERS if heads.remove(frame.stream) => {
                heads.reject(frame.stream, HeadRejection::TooLarge, self.most);
            }
            // Not a rejection: the client may send the request again (RFC 9113 section 8.7).
            RST_STREAM if frame.first == REFUSED_STREAM => drop(heads.remove(frame.stream)),
            RST_STREAM if heads.remove(frame.stream) => {
                heads.reject(frame.stream, HeadRejection::Reset(frame.first), self.most);
            }
            GO_AWAY if frame.second == NO_ERROR => heads.ignore_above(frame.first),
            GO_AWAY => heads.last_is_too_large = TOO_LARGE.contains(&&frame.debug),
            _ => {}
        }
    }
}

impl HeadTable {
    /// Removes a stream. Returns whether it was tracked.
    fn remove(&mut self, stream: u32) -> bool {
        let found = self.waiting.binary_search(&stream);
        found.is_ok_and(|index| self.waiting.remove(index).is_some())
    }

    fn reject(&mut self, stream: u32, rejection: HeadRejection, most: usize) {
        if self.rejected.len() < most {
            self.rejected.push_back((stream, rejection));
        }
    }

    fn ignore_above(&mut self, last: u32) {
        self.last = self.last.min(last);
        let ignored = self.waiting.partition_point(|stream| *stream <= self.last);
        self.waiting.truncate(ignored);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANCEL: u32 = 8;
    const PROTOCOL_ERROR: u32 = 1;

    fn frame(kind: u8, flags: u8, stream: u32) -> FrameHeader {
        FrameHeader { length: 4, kind, flags, stream, first: 0, second: 0, debug: [0; 16] }
    }

    fn reset(stream: u32, code: u32) -> FrameHeader {
        FrameHeader { first: code, ..frame(RST_STREAM, 0, stream) }
    }

    fn go_away(last: u32, code: u32) -> FrameHeader {
        FrameHeader { first: last, second: code, ..frame(GO_AWAY, 0, 0) }
    }

    /// Returns a connection with complete heads on these streams.
    fn heads_of(streams: &[u32]) -> Rc<RequestHeads> {
        let heads = RequestHeads::new(10);
        streams.iter().for_each(|stream| heads.received(frame(HEADERS, END_HEADERS, *stream)));
        heads
    }

    fn rejections(heads: &RequestHeads) -> Vec<HeadRejection> {
        std::iter::from_fn(|| heads.next_rejected()).collect()
    }

    fn unserved(heads: &RequestHeads) -> (usize, bool) {
        let UnservedHeads { complete, incomplete, .. } = heads.take_unserved();
        (complete, incomplete)
    }

    #[test]
    fn a_reset_or_a_response_before_the_request_rejects_the_head() {
        let heads = heads_of(&[1, 3, 5]);
        heads.accepted(3);
        heads.written(reset(1, PROTOCOL_ERROR));
        heads.written(frame(HEADERS, END_HEADERS, 5));
        heads.written(reset(5, PROTOCOL_ERROR));
        assert_eq!(rejections(&heads), [HeadRejection::Reset(PROTOCOL_ERROR), HeadRejection::TooLarge]);
        assert_eq!(unserved(&heads), (0, false));
    }

    #[test]
    fn frames_of_a_response_do_not_reject_the_head() {
        let heads = heads_of(&[1]);
        heads.accepted(1);
        heads.written(frame(HEADERS, END_HEADERS, 1));
        heads.written(reset(1, CANCEL));
        assert_eq!(rejections(&heads), []);
    }

    #[test]
    fn a_stream_reset_before_its_request_is_accepted_is_a_request() {
        let heads = heads_of(&[1]);
        heads.written(reset(1, PROTOCOL_ERROR));
        heads.accepted(1);
        assert_eq!(rejections(&heads), []);
    }

    #[test]
    fn trailers_are_not_a_head() {
        let heads = heads_of(&[1, 3]);
        heads.accepted(1);
        heads.accepted(3);
        heads.received(frame(HEADERS, END_HEADERS | 1, 1));
        heads.received(frame(HEADERS, END_HEADERS | 1, 3));
        assert_eq!(unserved(&heads), (0, false));
    }

    #[test]
    fn a_head_in_several_frames_is_one_head() {
        let heads = heads_of(&[]);
        heads.received(frame(HEADERS, 0, 1));
        heads.received(frame(CONTINUATION, 0, 1));
        assert_eq!(unserved(&heads), (0, true));
        heads.received(frame(HEADERS, 0, 3));
        heads.received(frame(CONTINUATION, END_HEADERS, 3));
        assert_eq!(unserved(&heads), (1, false));
    }

    #[test]
    fn a_refused_stream_is_not_a_rejected_head() {
        let heads = heads_of(&[1]);
        heads.written(reset(1, REFUSED_STREAM));
        assert_eq!((rejections(&heads), unserved(&heads)), (Vec::new(), (0, false)));
    }

    #[test]
    fn streams_after_a_graceful_go_away_are_ignored() {
        let heads = heads_of(&[1, 3, 5]);
        heads.written(go_away(0x7fff_ffff, NO_ERROR));
        heads.written(go_away(3, NO_ERROR));
        heads.received(frame(HEADERS, END_HEADERS, 7));
        assert_eq!(unserved(&heads), (2, false));
    }

    #[test]
    fn a_go_away_with_an_error_leaves_the_heads_unserved() {
        let heads = heads_of(&[1, 3]);
        heads.written(go_away(1, PROTOCOL_ERROR));
        assert_eq!(unserved(&heads), (2, false));
    }

    #[test]
    fn a_go_away_because_of_the_size_of_a_head_is_recognized() {
        for (debug, expected) in [(b"header_list_way_", true), (b"too_many_resets\0", false)] {
            let heads = heads_of(&[1]);
            heads.written(FrameHeader { debug: *debug, ..go_away(1, 11) });
            assert_eq!(heads.take_unserved().last_is_too_large, expected);
        }
    }

    #[test]
    fn the_number_of_tracked_heads_is_limited() {
        let streams: Vec<u32> = (0..1_000).map(|number| 2 * number + 1).collect();
        let heads = heads_of(&streams);
        assert_eq!(rejections(&heads), [HeadRejection::Ignored; 10]);
        assert_eq!(unserved(&heads), (10, false));
    }
}
