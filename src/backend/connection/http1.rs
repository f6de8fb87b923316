//! An HTTP/1.1 connection to a server: hyper's sender, and a task that drives the connection and applies its timeouts.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::state::{ConnectionPhase, ConnectionState};
use super::stream::ServerStream;
use crate::backend::body::request_body::RequestBody;
use crate::backend::pool::load_balancer::ConnectionSlot;
use crate::backend::settings::BackendSettings;

/// Bodies are read and written in pieces of at most this size, or of the largest response head if that is larger.
const BUFFER_BYTES: usize = 64 * 1024;

/// An open connection. Dropping it closes the connection, even in the middle of an exchange.
pub(in crate::backend) struct Http1Connection {
    pub(in crate::backend) sender: http1::SendRequest<RequestBody>,
    pub(in crate::backend) state: Rc<ConnectionState>,
    slot: SlotCell,
    _driver: AbortOnDropHandle<()>,
}

/// The slot that a connection holds, shared with its driver, which releases it when the connection ends.
type SlotCell = Rc<Cell<Option<ConnectionSlot>>>;

impl Http1Connection {
    /// Starts HTTP/1.1 on `stream`. `slot` is held until the connection is closed or becomes idle. `on_close` is called
    /// when the connection ends by itself, and dropped with the socket in any case.
    ///
    /// # Errors
    /// hyper could not start the connection.
    pub(in crate::backend) async fn establish(
        stream: ServerStream,
        settings: &BackendSettings,
        slot: ConnectionSlot,
        on_close: impl FnOnce(&Rc<ConnectionState>) + 'static,
    ) -> hyper::Result<Self> {
        let state = Rc::new(ConnectionState::new(slot.requester(), stream.state()));
        let slot: SlotCell = Rc::new(Cell::new(Some(slot)));
        let guard = OpenGuard { state: Rc::clone(&state), slot: Rc::clone(&slot) };
        let (sender, connection) = builder(settings).handshake(TokioIo::new(stream)).await?;
        let timeouts = PhaseTimeouts { idle: settings.idle_timeout, body: settings.body_idle_timeout };
        let driver = tokio::task::spawn_local(drive(connection, guard, timeouts, on_close));
        Ok(Self { sender, state, slot, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Whether the previous exchange has ended in both directions, and the connection can carry another.
    pub(in crate::backend) fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.state.discards_writes()
    }

    /// A request takes the idle connection from the pool.
    pub(in crate::backend) fn occupy(&self, slot: ConnectionSlot) {
        self.hold(slot);
        self.state.end_idleness();
    }

    /// The client of a pinned connection sends its next request. Returns whether the connection holds a slot, as it does
    /// for its first request and in the middle of a login.
    pub(in crate::backend) fn resume(&self) -> bool {
        self.state.resume();
        let slot = self.slot.take();
        let holds_slot = slot.is_some();
        self.slot.set(slot);
        holds_slot
    }

    /// Stores the slot that the connection holds from now on.
    pub(in crate::backend) fn hold(&self, slot: ConnectionSlot) {
        self.state.set_requester(slot.requester());
        self.slot.set(Some(slot));
    }

    /// Makes the connection idle. Returns its slot, which is to be dropped when the connection can be found by others.
    pub(in crate::backend) fn vacate(&self) -> Option<ConnectionSlot> {
        self.state.set_idle();
        self.slot.take()
    }
}

fn builder(settings: &BackendSettings) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(BUFFER_BYTES.max(settings.max_header_bytes))
        .max_header_size(settings.max_header_bytes)
        .max_headers(settings.max_header_fields)
        // RFC 9112 5.1: a proxy removes whitespace between the name of a response's field and the colon.
        .allow_spaces_after_header_name_in_responses(true)
        // For names whose case the client did not specify: old servers and CGI programs compare them case-sensitively.
        .title_case_headers(true);
    builder
}

/// The driver's part of a connection. It releases the slot when the connection ends, whether or not a response body is
/// still read.
struct OpenGuard {
    state: Rc<ConnectionState>,
    slot: SlotCell,
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        drop(self.slot.take());
    }
}

/// The timeouts of the phases in which no exchange applies its own.
#[derive(Clone, Copy)]
struct PhaseTimeouts {
    idle: Duration,
    body: Duration,
}

impl PhaseTimeouts {
    /// When to check the connection again. Every phase lasts at least as long as the shorter timeout, so a check after
    /// that time is never too late, and the timer need not be reset for every frame.
    fn next_check(self, phase: ConnectionPhase) -> Instant {
        let soon = Instant::now() + self.shortest();
        self.deadline(phase).map_or(soon, |deadline| deadline.min(soon))
    }

    /// At least a millisecond: a zero timeout would check without a pause.
    fn shortest(self) -> Duration {
        self.idle.min(self.body).max(Duration::from_millis(1))
    }

    fn deadline(self, phase: ConnectionPhase) -> Option<Instant> {
        match phase {
            ConnectionPhase::Requesting | ConnectionPhase::Stalled => None,
            ConnectionPhase::Responding(progress) => Some(progress + self.body),
            ConnectionPhase::Idle(since) | ConnectionPhase::LoginPaused(since) => Some(since + self.idle),
        }
    }
}

/// Drives `connection` until it ends, is evicted or times out. hyper's result is not used here: hyper reports errors to
/// the exchange as well, and on an idle connection every end is alike.
async fn drive(
    connection: http1::Connection<TokioIo<ServerStream>, RequestBody>,
    guard: OpenGuard,
    timeouts: PhaseTimeouts,
    on_close: impl FnOnce(&Rc<ConnectionState>),
) {
    // Shadowed after `guard` and therefore dropped before it: the socket is closed when the slot is released.
    let mut connection = pin!(connection);
    let mut check = pin!(sleep(timeouts.shortest()));
    let state = Rc::clone(&guard.state);
    let mut evicted = pin!(state.evicted());
    loop {
        tokio::select! {
            biased;
            _ = &mut connection => break,
            () = &mut evicted => break,
            () = &mut check => {}
        }
        let phase = state.phase();
        if timeouts.deadline(phase).is_some_and(|deadline| deadline <= Instant::now()) {
            state.stall();
            break;
        }
        check.as_mut().reset(timeouts.next_check(phase));
    }
    on_close(&state);
}
