//! The part of a request body that was read before a backend connection was acquired.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use http_body::Frame;

use super::memory::MemoryReservation;

/// Shorter frames are copied into one buffer. Each of them may keep a whole read buffer of the client connection alive,
/// so a client that sends single bytes would use far more memory than is reserved.
const COPIED_BELOW: usize = 4096;

/// The memory that is reserved before each further read: the size of the largest HTTP/2 frame.
const READ_SIZE: usize = 16 * 1024;

/// Frames that were read ahead, with the memory reserved for them.
pub(super) struct ReadAhead {
    pieces: VecDeque<Bytes>,
    /// The latest short frames, copied into one buffer.
    tail: BytesMut,
    trailers: Option<Frame<Bytes>>,
    bytes: usize,
    ended: bool,
    /// The bytes that are reserved of `memory`.
    reserved: usize,
    memory: MemoryReservation,
}

impl ReadAhead {
    pub(super) fn new(memory: MemoryReservation) -> Self {
        Self {
            pieces: VecDeque::new(),
            tail: BytesMut::new(),
            trailers: None,
            bytes: 0,
            ended: false,
            reserved: 0,
            memory,
        }
    }

    /// Returns the number of bytes that are stored.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether the client's body has ended, so that nothing follows the stored part.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn set_ended(&mut self) {
        self.ended = true;
    }

    /// Returns whether the next frame may be read. Memory is reserved while the body is received: a request that only
    /// announces a body reserves none.
    pub(super) fn has_room(&mut self) -> bool {
        self.bytes == 0 || self.reserve(self.bytes + READ_SIZE)
    }

    /// Increases the reservation to `bytes`. Returns false if that much memory is not available.
    fn reserve(&mut self, bytes: usize) -> bool {
        let missing = bytes.saturating_sub(self.reserved);
        let granted = missing == 0 || self.memory.grow(missing);
        if granted {
            self.reserved += missing;
        }
        granted
    }

    pub(super) fn push(&mut self, data: Bytes) {
        self.bytes += data.len();
        if data.len() < COPIED_BELOW {
            self.tail.extend_from_slice(&data);
        } else {
            self.flush_tail();
            self.pieces.push_back(data);
        }
    }

    pub(super) fn push_trailers(&mut self, trailers: Frame<Bytes>) {
        self.trailers = Some(trailers);
        self.ended = true;
    }

    /// Ends reading. The first frame is read without a reservation. If there is no memory for it now, it is kept
    /// nevertheless, because it is forwarded soon.
    pub(super) fn finish(&mut self) {
        self.flush_tail();
        self.reserve(self.bytes);
    }

    fn flush_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }

    /// Removes and returns the next frame. The memory is released with the last one.
    pub(super) fn pop(&mut self) -> Option<Frame<Bytes>> {
        let Some(piece) = self.pieces.pop_front() else {
            self.memory.release();
            return self.trailers.take();
        };
        self.bytes -= piece.len();
        Some(Frame::data(piece))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.trailers.is_none()
    }
}
