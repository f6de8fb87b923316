//! Drains the rest of a rejected request's body before the response, if it is short, so that the connection can be reused. A
//! longer rest is read after the response, which over HTTP/1.1 is done by [`linger`](super::linger).

use super::client_body::ClientBody;
use http_body_util::BodyExt;
use hyper::body::Body;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// The maximum number of bytes that are drained. A SOAP request of an RMS client has about 64 KB.
const LIMIT: u64 = 256 * 1024;

/// The time without data from the client after which the response is sent.
const SILENCE: Duration = Duration::from_millis(500);

/// The maximum delay of a response.
const BEFORE: Duration = Duration::from_secs(2);

/// The maximum time for which an HTTP/2 stream is drained while its response is sent.
const BESIDE: Duration = Duration::from_secs(5);

/// Whether the whole body was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyRest {
    Read,
    Unread,
}

/// Drains a short body that arrives without delay. Returns whether it was read. A client that waits for `100 Continue` has not
/// sent its body, and is not invited to.
pub(super) async fn before_response(mut body: ClientBody, expects_continue: bool) -> BodyRest {
    if body.is_end_stream() {
        return BodyRest::Read;
    }
    if expects_continue || body.size_hint().lower() > LIMIT {
        return BodyRest::Unread;
    }
    let end = Instant::now() + BEFORE;
    let mut read = 0;
    while read <= LIMIT {
        match timeout_at(end.min(Instant::now() + SILENCE), body.frame()).await {
            Ok(Some(Ok(frame))) => read += length(&frame),
            Ok(None) => return BodyRest::Read,
            Ok(Some(Err(_))) | Err(_) => return BodyRest::Unread,
        }
        if body.is_end_stream() {
            return BodyRest::Read;
        }
    }
    BodyRest::Unread
}

/// Drains the body of an HTTP/2 stream while its response is sent.
pub(super) fn beside_response(mut body: ClientBody, expects_continue: bool) {
    if expects_continue || body.is_end_stream() {
        return;
    }
    tokio::task::spawn_local(async move {
        let mut read = 0;
        let drain = async {
            while let Some(Ok(frame)) = body.frame().await {
                read += length(&frame);
                if read > LIMIT {
                    break;
                }
            }
        };
        // A timeout has no effect on the response, after which the stream ends.
        let _ = timeout(BESIDE, drain).await;
    });
}

fn length(frame: &hyper::body::Frame<bytes::Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX))
}
