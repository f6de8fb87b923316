//! A limit on HTTP/2 frames that serve no request: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, empty DATA and unknown
//! frames. h2 limits the memory for such frames, but not their number.
//!
//! Only the frame headers (RFC 9113 section 4.1), error codes, and the debug data of GOAWAY are parsed.

use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

mod heads;

pub(crate) use heads::{HeadRejection, RequestHeads, UnservedHeads};

/// The length of the client's connection preface in bytes (RFC 9113 section 3.4).
const PREFACE: usize = 24;

/// The length of a frame header in bytes.
const HEADER: usize = 9;

/// The maximum number of bytes of a frame's payload that are parsed.
const CONTENT: usize = 24;

/// The budget at the start of a connection, in seconds of its rate.
const BURST_SECONDS: u32 = 25;

/// The number of frames that a request adds to the budget: its own HEADERS and two more, such as PRIORITY_UPDATE (RFC 9218
/// section 7.1).
const REQUEST: u32 = 3;

/// The number of response bytes that add one frame to the budget, because clients acknowledge them by WINDOW_UPDATE.
const BYTES_SENT: u32 = 2_048;

/// The cost of RST_STREAM, which discards the work for its stream.
const RESET: u32 = 4;

/// The length in bytes below which a DATA frame counts as one that serves no request.
const SMALL_DATA: usize = 16;

/// Frame types (RFC 9113 section 6).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GO_AWAY: u8 = 7;
const CONTINUATION: u8 = 9;

/// GOAWAY (RFC 9113 section 6.8) with the highest stream identifier and ENHANCE_YOUR_CALM.
const CALM_DOWN: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0x0b];

/// The limits on HTTP/2 frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLimits {
    /// The sustained rate of frames that serve no request.
    pub per_second: u32,
    /// The timeout of the connection preface.
    pub preface: Duration,
}

/// The number of frames that serve no request and that one connection may still send.
#[derive(Debug)]
pub(crate) struct FrameBudget {
    per_second: u32,
    left: Cell<u32>,
    filled: Cell<Instant>,
    sent: Cell<u32>,
    exceeded: Cell<bool>,
}

/// The budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client sent too many HTTP/2 frames that serve no request")]
struct TooManyFrames;

/// The decrypted byte stream of an HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct Http2Stream<IO> {
    io: IO,
    budget: Rc<FrameBudget>,
    heads: Rc<RequestHeads>,
    received: FrameReader,
    written: FrameReader,
    /// The number of bytes of the preface that are missing.
    preface: usize,
    /// The timer of the preface.
    preface_end: Option<Pin<Box<Sleep>>>,
}

/// Parses the frame headers of a byte stream.
#[derive(Debug)]
struct FrameReader {
    /// The number of bytes before the next header.
    skip: usize,
    /// The header, and the part of the payload that [`FrameReader::wanted`] includes.
    header: [u8; HEADER + CONTENT],
    filled: usize,
}

#[derive(Clone, Copy, Debug)]
struct FrameHeader {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
    /// The error code of RST_STREAM, or the last stream of GOAWAY.
    first: u32,
    /// The error code of GOAWAY.
    second: u32,
    /// The first bytes of the debug data of GOAWAY.
    debug: [u8; CONTENT - 8],
}

impl FrameBudget {
    /// Creates a full budget.
    pub(crate) fn new(limits: FrameLimits) -> Rc<Self> {
        Rc::new(Self {
            per_second: limits.per_second,
            left: Cell::new(limits.per_second.saturating_mul(BURST_SECONDS)),
            filled: Cell::new(Instant::now()),
            sent: Cell::new(0),
            exceeded: Cell::new(false),
        })
    }

    /// Adds the frames of a request to the budget.
    pub(crate) fn request(&self) {
        self.earn(REQUEST);
    }

    /// Returns whether the connection was closed because the budget was used up.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.exceeded.get()
    }

    fn sent(&self, bytes: usize) {
        let sent = self.sent.get().saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.sent.set(sent % BYTES_SENT);
        if sent >= BYTES_SENT {
            self.earn(sent / BYTES_SENT);
        }
    }

    fn earn(&self, frames: u32) {
        let most = self.per_second.saturating_mul(BURST_SECONDS);
        self.left.set(self.left.get().saturating_add(frames).min(most));
    }

    fn spend(&self, frames: u32) -> Result<(), TooManyFrames> {
        if self.left.get() < frames {
            // Most connections never use up their first budget, and so never read the clock.
            let now = Instant::now();
            let passed = now.duration_since(self.filled.get());
            let earned = passed.as_millis().saturating_mul(u128::from(self.per_second)) / 1_000;
            if let Ok(earned @ 1..) = u32::try_from(earned) {
                self.filled.set(now);
                self.earn(earned);
            }
        }
        match self.left.get().checked_sub(frames) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.exceeded.set(true);
                Err(TooManyFrames)
            }
        }
    }
}

impl FrameHeader {
    /// Returns the cost of the frame. A longer frame costs more, because h2 parses its payload.
    fn cost(self) -> u32 {
        const END_STREAM: u8 = 1;
        match self.kind {
            // DATA
            0 if self.length >= SMALL_DATA || self.flags & END_STREAM != 0 => 0,
            // DATA; HEADERS, which a request adds again; CONTINUATION, limited by the size of the field list
            0 | HEADERS | CONTINUATION => 1,
            RST_STREAM => RESET,
            _ => 1 + u32::try_from(self.length / 1_024).unwrap_or(u32::MAX),
        }
    }
}

impl FrameReader {
    fn after(skip: usize) -> Self {
        Self { skip, header: [0; HEADER + CONTENT], filled: 0 }
    }

    /// Returns the number of bytes of the frame that are parsed: its header, and the error code if it has one.
    fn wanted(&self) -> usize {
        if self.filled < HEADER {
            return HEADER;
        }
        let content = match self.header {
            [_, _, _, RST_STREAM, ..] => 4,
            [_, _, _, GO_AWAY, ..] => CONTENT,
            _ => 0,
        };
        HEADER + self.length().min(content)
    }

    fn length(&self) -> usize {
        let [high, middle, low, ..] = self.header;
        (usize::from(high) << 16) | (usize::from(middle) << 8) | usize::from(low)
    }

    /// Parses more bytes, and calls `found` for each complete header.
    fn read<E>(
        &mut self,
        mut bytes: &[u8],
        mut found: impl FnMut(FrameHeader) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(());
            }
            while self.filled < self.wanted() && !bytes.is_empty() {
                let missing = self.wanted() - self.filled;
                let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
                if let Some(place) = self.header.get_mut(self.filled..self.filled + taken.len()) {
                    place.copy_from_slice(taken);
                }
                self.filled += taken.len();
                bytes = rest;
            }
            if self.filled < self.wanted() {
                return Ok(());
            }
            let frame = self.frame();
            self.skip = frame.length - (self.filled - HEADER);
            self.header = [0; HEADER + CONTENT];
            self.filled = 0;
            found(frame)?;
        }
    }

    fn frame(&self) -> FrameHeader {
        let [_, _, _, kind, flags, a, b, c, d, content @ ..] = self.header;
        let [e, f, g, h, i, j, k, l, debug @ ..] = content;
        FrameHeader {
            length: self.length(),
            kind,
            flags,
            // The highest bit is reserved.
            stream: u32::from_be_bytes([a & 0x7f, b, c, d]),
            first: u32::from_be_bytes([e, f, g, h]),
            second: u32::from_be_bytes([i, j, k, l]),
            debug,
        }
    }

    /// Returns whether the last frame is complete.
    fn is_between_frames(&self) -> bool {
        self.skip == 0 && self.filled == 0
    }
}

impl<IO> Http2Stream<IO> {
    /// Creates a stream whose frames are counted by `budget` and tracked by `heads`.
    pub(crate) fn new(io: IO, budget: Rc<FrameBudget>, heads: Rc<RequestHeads>, limits: FrameLimits) -> Self {
        Self {
            io,
            budget,
            heads,
            received: FrameReader::after(PREFACE),
            written: FrameReader::after(0),
            preface: PREFACE,
            preface_end: Some(Box::pin(sleep(limits.preface))),
        }
    }

    fn note_written(&mut self, bytes: &[u8]) {
        self.budget.sent(bytes.len());
        let heads = &self.heads;
        let Ok(()) = self.written.read(bytes, |frame| {
            heads.written(frame);
            Ok::<_, std::convert::Infallible>(())
        });
    }
}

impl<IO: AsyncWrite + Unpin> Http2Stream<IO> {
    /// Sends GOAWAY without waiting for the client, unless another frame is partly written.
    fn send_go_away(&mut self, cx: &mut Context<'_>) {
        if self.written.is_between_frames() {
            // Errors are ignored, because the connection is closed anyway.
            let _ = Pin::new(&mut self.io).poll_write(cx, &CALM_DOWN);
            let _ = Pin::new(&mut self.io).poll_flush(cx);
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for Http2Stream<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {
                let too_late =
                    this.preface_end.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
                return if too_late {
                    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
                } else {
                    Poll::Pending
                };
            }
        }
        let read = buffer.filled().get(before..).unwrap_or_default();
        let (budget, heads) = (&this.budget, &this.heads);
        let take = |frame: FrameHeader| {
            heads.received(frame);
            budget.spend(frame.cost())
        };
        if let Err(error) = this.received.read(read, take) {
            this.send_go_away(cx);
            // `AsyncRead` requires that a failed read leaves the buffer unchanged.
            buffer.set_filled(before);
            return Poll::Ready(Err(io::Error::other(error)));
        }
        this.preface = this.preface.saturating_sub(read.len());
        if this.preface == 0 {
            this.preface_end = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Http2Stream<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = std::task::ready!(Pin::new(&mut this.io).poll_write(cx, bytes))?;
        this.note_written(bytes.get(..written).unwrap_or(bytes));
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = std::task::ready!(Pin::new(&mut this.io).poll_write_vectored(cx, slices))?;
        let mut left = written;
        for slice in slices {
            let part = slice.get(..left).unwrap_or(slice);
            this.note_written(part);
            left -= part.len();
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
