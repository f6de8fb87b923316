//! Reads away the rest of a refused request's body, so that the client, still sending, gets to read its answer.
//!
//! A connection closed with unread bytes is reset (RFC 9112 9.6), and the reset can overtake the page that says why.

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::time::Duration;

/// What is read away at most. A SOAP request of a rights management client is about 64 KB.
const LIMIT: usize = 256 * 1024;

/// How long it may take.
const TIME: Duration = Duration::from_secs(5);

/// Reads while the answer is on its way. A client that waits for `100 Continue` has sent nothing and is not told to
/// begin.
pub(super) fn in_background(mut body: Incoming, expects_continue: bool) {
    if expects_continue || body.is_end_stream() {
        return;
    }
    tokio::task::spawn_local(async move {
        let mut read = 0;
        let drain = async {
            while let Some(Ok(frame)) = body.frame().await {
                read += frame.data_ref().map_or(0, bytes::Bytes::len);
                if read > LIMIT {
                    break;
                }
            }
        };
        // Whether the client finished in time changes nothing: the answer is given, and the connection ends.
        let _ = tokio::time::timeout(TIME, drain).await;
    });
}
