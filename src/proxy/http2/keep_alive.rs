//! Detects an unresponsive client of a silent HTTP/2 connection by PING (RFC 9113 section 6.7).

use h2::{Ping, PingPong};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// The timeout of the acknowledgement of a PING.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(20);

/// Sends a PING when the connection has been silent for an interval.
pub(super) struct KeepAlive {
    pings: PingPong,
    interval: Duration,
    last_read: Rc<Cell<Instant>>,
    /// The end of the interval, or the timeout of the acknowledgement.
    due: Pin<Box<Sleep>>,
    is_sent: bool,
}

impl KeepAlive {
    pub(super) fn new(pings: PingPong, interval: Duration, last_read: Rc<Cell<Instant>>) -> Self {
        Self { pings, interval, last_read, due: Box::pin(sleep(interval)), is_sent: false }
    }

    /// Polls the connection. Ready if the client does not acknowledge a PING in time.
    pub(super) fn poll_unresponsive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.is_sent {
                let Poll::Ready(acknowledged) = self.pings.poll_pong(cx) else {
                    return self.due.as_mut().poll(cx);
                };
                if acknowledged.is_err() {
                    // The connection has ended.
                    return Poll::Pending;
                }
                self.is_sent = false;
                self.last_read.set(Instant::now());
                self.due.as_mut().reset(self.last_read.get() + self.interval);
            }
            ready!(self.due.as_mut().poll(cx));
            let silent_until = self.last_read.get() + self.interval;
            if silent_until > Instant::now() {
                self.due.as_mut().reset(silent_until);
                continue;
            }
            if self.pings.send_ping(Ping::opaque()).is_err() {
                return Poll::Pending;
            }
            self.is_sent = true;
            self.due.as_mut().reset(Instant::now() + ACKNOWLEDGED_WITHIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::future::poll_fn;
    use tokio::io::{DuplexStream, duplex};
    use tokio::time::timeout;

    const INTERVAL: Duration = Duration::from_secs(60);

    type ClientConnection = h2::client::Connection<DuplexStream, Bytes>;

    /// Returns the number of seconds after which the client of a connection without requests is found unresponsive, or `None`
    /// if it is not within ten minutes. `client` drives the client's side of the connection.
    async fn unresponsive_after(client: impl AsyncFnOnce(ClientConnection)) -> Option<u64> {
        let (ours, theirs) = duplex(1 << 16);
        let (server, theirs) = tokio::join!(h2::server::handshake(ours), h2::client::handshake(theirs));
        let (mut server, (_sender, theirs)) = (server.unwrap(), theirs.unwrap());
        let begun = Instant::now();
        let pings = server.ping_pong().unwrap();
        let mut keep_alive = KeepAlive::new(pings, INTERVAL, Rc::new(Cell::new(begun)));
        let unresponsive = poll_fn(|cx| {
            let unresponsive = keep_alive.poll_unresponsive(cx);
            let _ = server.poll_closed(cx);
            unresponsive
        });
        let client = async {
            client(theirs).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            found = timeout(Duration::from_secs(600), unresponsive) => found.ok().map(|()| begun.elapsed().as_secs()),
            () = client => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_acknowledge_a_ping_is_unresponsive() {
        assert_eq!(unresponsive_after(async |_silent| std::future::pending().await).await, Some(80));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_acknowledges_every_ping_is_responsive() {
        assert_eq!(unresponsive_after(async |connection| drop(connection.await)).await, None);
    }
}
