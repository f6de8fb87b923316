//! One open connection: hyper's sending half for whoever uses it, and a task that drives it and closes it when
//! nothing moves for too long. Never decides whether a connection may be used again; the pool does.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::backend::body::request_body::{RequestBody, RequestBodyError, UploadProgress};
use crate::backend::body::transfer_rate::TransferRate;
use crate::backend::connection::stream::{ServerStream, StreamState};
use crate::backend::pool::load_balancer::{ConnectionSlot, Requester};
use crate::backend::settings::BackendSettings;

/// A body is read and written in pieces of at most this, or of the largest head of a response where that is larger.
const BUFFER_BYTES: usize = 64 * 1024;

/// How long a client may take for the next message of its log-in dialogue before it gives way to others who wait.
const DIALOGUE_PAUSE: Duration = Duration::from_secs(2);

/// The sending half of a connection. Dropped, it closes the connection, whatever is under way on it.
pub(in crate::backend) struct Http1Connection {
    pub(in crate::backend) sender: http1::SendRequest<RequestBody>,
    pub(in crate::backend) link: Rc<ConnectionState>,
    _driver: AbortOnDropHandle<()>,
}

/// What the user of a connection and its driver share.
pub(in crate::backend) struct ConnectionState {
    slot: Cell<Option<ConnectionSlot>>,
    requester: Cell<Requester>,
    watch: Cell<ConnectionPhase>,
    condition: Rc<StreamState>,
    /// The body of the request under way.
    upload: RefCell<Option<Rc<UploadProgress>>>,
    /// How fast the client takes the response.
    reading: TransferRate,
    eviction: Notify,
}

/// What a connection is doing, as far as its driver must keep the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) enum ConnectionPhase {
    /// A request is being sent or waits for its answer; the exchange keeps the time.
    Requesting,
    /// An answer's body last moved at this time.
    Answering(Instant),
    /// Without a request since this time.
    Idle(Instant),
    /// The same in the middle of a log-in dialogue, which is lost with the connection.
    Pausing(Instant),
    /// An answer's body did not move for too long, and the connection was closed for that.
    Stalled,
}

impl Http1Connection {
    /// Speaks HTTP/1.1 on `stream` from now on. `slot` is held until the socket is closed or the connection goes idle.
    /// `on_close` is called when the connection ends by itself, and dropped with the socket in any case.
    pub(in crate::backend) async fn establish(
        stream: ServerStream,
        settings: &BackendSettings,
        slot: ConnectionSlot,
        on_close: impl FnOnce(&Rc<ConnectionState>) + 'static,
    ) -> hyper::Result<Self> {
        let link = Rc::new(ConnectionState::new(slot, stream.condition()));
        let presence = OpenGuard(Rc::clone(&link));
        let (sender, connection) = builder(settings).handshake(TokioIo::new(stream)).await?;
        let limits = PhaseTimeouts { idle: settings.idle_timeout, body: settings.body_idle_timeout };
        let driver = tokio::task::spawn_local(drive(connection, presence, limits, on_close));
        Ok(Self { sender, link, _driver: AbortOnDropHandle::new(driver) })
    }

    /// Whether hyper has finished the last exchange on this connection, both ways, and found it fit for another.
    pub(in crate::backend) fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.link.condition.write_failed()
    }
}

fn builder(settings: &BackendSettings) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(BUFFER_BYTES.max(settings.max_header_bytes))
        .max_header_size(settings.max_header_bytes)
        .max_headers(settings.max_header_fields)
        // RFC 9112 5.1: a proxy removes the white space between a response's field name and the colon.
        .allow_spaces_after_header_name_in_responses(true)
        // For names that the client did not spell itself: old servers and CGI programs compare them letter by letter.
        .title_case_headers(true);
    builder
}

impl ConnectionState {
    fn new(slot: ConnectionSlot, condition: Rc<StreamState>) -> Self {
        Self {
            requester: Cell::new(slot.requester()),
            slot: Cell::new(Some(slot)),
            watch: Cell::new(ConnectionPhase::Requesting),
            condition,
            upload: RefCell::default(),
            reading: TransferRate::default(),
            eviction: Notify::new(),
        }
    }

    /// The connection carries a request with this body from now on.
    pub(in crate::backend) fn carry(&self, upload: &Rc<UploadProgress>) {
        self.upload.replace(Some(Rc::clone(upload)));
        self.reading.reset();
    }

    /// The client that uses the connection, or used it last.
    pub(in crate::backend) fn requester(&self) -> Requester {
        self.requester.get()
    }

    /// `bytes` of the response were handed on, and the client has to take the next.
    pub(in crate::backend) fn handed_on(&self, bytes: u64) {
        self.moved();
        self.reading.moved(bytes, Instant::now());
        self.reading.wait();
    }

    /// The client has to take what is there.
    pub(in crate::backend) fn waits_for_client(&self) {
        self.reading.wait();
    }

    /// The client has taken all there is.
    pub(in crate::backend) fn waits_for_backend(&self) {
        self.reading.stop_waiting(Instant::now());
    }

    /// The rate in bytes per second at which the client sends its request or takes its response, if it is the client
    /// that keeps the server waiting and the rate is so low that it has to give way to others.
    pub(in crate::backend) fn delaying_rate(&self, now: Instant) -> Option<u64> {
        match self.watch.get() {
            ConnectionPhase::Requesting => self.upload.borrow().as_ref()?.delaying_rate(now),
            ConnectionPhase::Answering(_) => self.reading.delaying_rate(now),
            ConnectionPhase::Pausing(since) => (now.duration_since(since) >= DIALOGUE_PAUSE).then_some(0),
            ConnectionPhase::Idle(_) | ConnectionPhase::Stalled => None,
        }
    }

    /// Closes the connection: its client delays a server that others wait for. If the request tries a log-in, the
    /// server has a while to respond to what it has got of it, so that no log-in attempt goes uncounted.
    pub(in crate::backend) fn evict(&self) {
        if let (ConnectionPhase::Requesting, Some(upload)) = (self.watch.get(), self.upload.borrow().as_ref())
        {
            upload.abort(RequestBodyError::TooSlow);
            if upload.awaits_verdict() {
                upload.stand_still();
                return;
            }
        }
        if let ConnectionPhase::Answering(_) = self.watch.get() {
            self.watch.set(ConnectionPhase::Stalled);
        }
        self.eviction.notify_one();
    }

    /// A request takes the connection out of the pool.
    pub(in crate::backend) fn occupy(&self, slot: ConnectionSlot) {
        self.hold(slot);
        self.watch.set(ConnectionPhase::Requesting);
        self.condition.end_idleness();
    }

    /// The client to whom a pinned connection belongs sends its next request. Returns whether the connection holds a
    /// slot, which it does for its first request and in the middle of a log-in dialogue.
    pub(in crate::backend) fn resume(&self) -> bool {
        self.watch.set(ConnectionPhase::Requesting);
        let slot = self.slot.take();
        let holds_slot = slot.is_some();
        self.slot.set(slot);
        holds_slot
    }

    /// The connection holds `slot` from now on.
    pub(in crate::backend) fn hold(&self, slot: ConnectionSlot) {
        self.requester.set(slot.requester());
        self.slot.set(Some(slot));
    }

    /// The client has to send the next message of its log-in dialogue. The connection keeps its slot, so that it is not
    /// closed to make room for another.
    pub(in crate::backend) fn pause(&self) {
        self.watch.set(ConnectionPhase::Pausing(Instant::now()));
        self.upload.take();
    }

    /// The connection is idle from now on. Returns the slot, to be let go of when the connection can be found.
    pub(in crate::backend) fn vacate(&self) -> Option<ConnectionSlot> {
        self.watch.set(ConnectionPhase::Idle(Instant::now()));
        self.upload.take();
        self.slot.take()
    }

    /// The answer came, or a piece of its body. What hyper had read before the connection was closed does not undo
    /// that it stalled.
    pub(in crate::backend) fn moved(&self) {
        if self.watch.get() != ConnectionPhase::Stalled {
            self.watch.set(ConnectionPhase::Answering(Instant::now()));
        }
    }

    pub(in crate::backend) fn watch(&self) -> ConnectionPhase {
        self.watch.get()
    }

    /// The server has answered before the end of the request's body. What hyper still has of it is not written, lest a
    /// server that does not read it keep hyper from reading on. The connection is not used again.
    pub(in crate::backend) fn stop_sending(&self) {
        self.condition.stop_sending();
    }

    /// Whether any byte of a response to the request under way has come.
    pub(in crate::backend) fn has_received(&self) -> bool {
        self.condition.has_received()
    }

    /// When the server last took bytes.
    pub(in crate::backend) fn last_write(&self) -> Instant {
        self.condition.last_write()
    }

    /// Since when the connection has been idle, if it is.
    pub(in crate::backend) fn idle_since(&self) -> Option<Instant> {
        match self.watch.get() {
            ConnectionPhase::Idle(since) => Some(since),
            ConnectionPhase::Requesting
            | ConnectionPhase::Answering(_)
            | ConnectionPhase::Pausing(_)
            | ConnectionPhase::Stalled => None,
        }
    }
}

/// The driver's share of a link. With it ends the slot that the connection holds, be there still a reader of its answer
/// or not.
struct OpenGuard(Rc<ConnectionState>);

impl Drop for OpenGuard {
    fn drop(&mut self) {
        drop(self.0.slot.take());
    }
}

#[derive(Clone, Copy)]
struct PhaseTimeouts {
    idle: Duration,
    body: Duration,
}

impl PhaseTimeouts {
    /// The next time at which `watch` could be overdue. What the connection does next has a limit no shorter than the
    /// shorter of the two, so looking again after that is never too late, and a timer need not be moved per frame.
    fn next_look(self, watch: ConnectionPhase) -> Instant {
        let soon = Instant::now() + self.shortest();
        self.deadline(watch).map_or(soon, |deadline| deadline.min(soon))
    }

    /// Never zero, which would look without a pause.
    fn shortest(self) -> Duration {
        self.idle.min(self.body).max(Duration::from_millis(1))
    }

    fn deadline(self, watch: ConnectionPhase) -> Option<Instant> {
        match watch {
            ConnectionPhase::Requesting | ConnectionPhase::Stalled => None,
            ConnectionPhase::Answering(progress) => Some(progress + self.body),
            ConnectionPhase::Idle(since) | ConnectionPhase::Pausing(since) => Some(since + self.idle),
        }
    }
}

/// Drives `connection` until it ends or is overdue. hyper's verdict is not looked at here: it gives it to whoever
/// waits for the answer or reads its body, and on an idle connection every end is alike.
async fn drive(
    connection: http1::Connection<TokioIo<ServerStream>, RequestBody>,
    presence: OpenGuard,
    limits: PhaseTimeouts,
    on_close: impl FnOnce(&Rc<ConnectionState>),
) {
    // Shadowed after `presence`, therefore dropped before it: the socket is closed when the slot is let go of.
    let mut connection = pin!(connection);
    let mut look = pin!(sleep(limits.shortest()));
    let link = Rc::clone(&presence.0);
    let mut evicted = pin!(link.eviction.notified());
    loop {
        tokio::select! {
            biased;
            _ = &mut connection => break,
            () = &mut evicted => break,
            () = &mut look => {}
        }
        let link = &presence.0;
        let watch = link.watch();
        if limits.deadline(watch).is_some_and(|deadline| deadline <= Instant::now()) {
            if let ConnectionPhase::Answering(_) = watch {
                link.watch.set(ConnectionPhase::Stalled);
            }
            break;
        }
        look.as_mut().reset(limits.next_look(watch));
    }
    on_close(&presence.0);
}
