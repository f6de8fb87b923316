//! HTTP/2 streams: one serves a request and sends its response.

use crate::proxy::body::ClientResponseBody;
use crate::proxy::client_body::{ClientBody, Http2Responder};
use crate::proxy::service::ConnectionService;
use bytes::Bytes;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use hyper::body::{Body, Frame};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

/// Connection-specific header fields (RFC 9113 section 8.2.2), in addition to `Connection` itself.
const OF_CONNECTIONS: [HeaderName; 5] = [
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The stream ended before its response, because the client reset it or the connection ended.
struct StreamEnded;

/// Serves the request and sends the response. Stops if the client resets the stream.
pub(super) async fn serve(
    service: Rc<ConnectionService>,
    request: Request<ClientBody>,
    responder: Http2Responder,
) {
    let response = {
        // Boxed, so that its memory is freed before the body of the response is sent.
        Box::pin(service.answer(request, poll_fn(|cx| responder.poll_reset(cx)))).await
    };
    let Some(mut sender) = responder.take() else { return };
    let (head, body) = match response {
        Ok(response) => response.into_parts(),
        Err(reason) => return sender.send_reset(reason),
    };
    let mut head = Response::from_parts(head, ());
    let has_body = !body.is_end_stream();
    complete(head.headers_mut(), service.date(), body.size_hint().exact().filter(|_| has_body));
    match sender.send_response(head, !has_body) {
        Ok(stream) if has_body => {
            // The audit record of the body reports how it ended.
            let _ = send_body(body, stream).await;
        }
        Ok(_) => {}
        Err(_) => sender.send_reset(Reason::INTERNAL_ERROR),
    }
}

/// Removes connection-specific fields, and adds `Date` and `Content-Length` unless the headers have them.
fn complete(headers: &mut HeaderMap, date: Option<HeaderValue>, length: Option<u64>) {
    for name in OF_CONNECTIONS {
        headers.remove(name);
    }
    if let Some(options) = headers.remove(header::CONNECTION) {
        for name in options.to_str().unwrap_or_default().split(',') {
            headers.remove(name.trim());
        }
    }
    if let Some(date) = date {
        headers.entry(header::DATE).or_insert(date);
    }
    if let Some(length) = length {
        headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
}

async fn send_body(mut body: ClientResponseBody, mut stream: SendStream<Bytes>) -> Result<(), StreamEnded> {
    loop {
        let Some(frame) = next_frame(&mut body, &mut stream).await? else {
            return stream.send_data(Bytes::new(), true).map_err(|_| StreamEnded);
        };
        match frame.into_data() {
            Ok(data) => {
                let is_last = body.is_end_stream();
                // Capacity is reserved only for available data. Capacity reserved in advance is not available to other
                // streams, and a client that does not update the connection window before it is used up would wait
                // forever. One byte is enough: h2 requests the rest when it gets the data.
                if !data.is_empty() {
                    stream.reserve_capacity(1);
                    capacity(&mut stream).await?;
                }
                stream.send_data(data, is_last).map_err(|_| StreamEnded)?;
                if is_last {
                    return Ok(());
                }
            }
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    stream.reserve_capacity(0);
                    return stream.send_trailers(trailers).map_err(|_| StreamEnded);
                }
            }
        }
    }
}

/// Returns the next frame of the body. A body that fails resets its stream, so that the client does not treat it as complete.
async fn next_frame(
    body: &mut ClientResponseBody,
    stream: &mut SendStream<Bytes>,
) -> Result<Option<Frame<Bytes>>, StreamEnded> {
    let frame = poll_fn(|cx| match stream.poll_reset(cx) {
        Poll::Ready(_) => Poll::Ready(Err(StreamEnded)),
        Poll::Pending => Pin::new(&mut *body).poll_frame(cx).map(Ok),
    });
    frame.await?.transpose().map_err(|_| {
        stream.send_reset(Reason::INTERNAL_ERROR);
        StreamEnded
    })
}

/// Waits until the flow-control windows and the send buffer have capacity.
async fn capacity(stream: &mut SendStream<Bytes>) -> Result<(), StreamEnded> {
    let free = poll_fn(|cx| {
        if stream.poll_reset(cx).is_ready() {
            return Poll::Ready(Err(StreamEnded));
        }
        while stream.capacity() == 0 {
            match stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(StreamEnded)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    });
    free.await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(lines: &[(&'static str, &'static str)], length: Option<u64>) -> Vec<(String, String)> {
        let lines = lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let mut headers: HeaderMap = lines.collect();
        complete(&mut headers, Some(HeaderValue::from_static("now")), length);
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap_or_default().to_owned())
        };
        let mut lines: Vec<_> = headers.iter().map(text).collect();
        lines.sort();
        lines
    }

    fn lines(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_response_has_a_date_and_its_length_if_it_is_known() {
        assert_eq!(completed(&[], None), lines(&[("date", "now")]));
        assert_eq!(completed(&[], Some(3)), lines(&[("content-length", "3"), ("date", "now")]));
        let own = [("content-length", "4"), ("date", "then")];
        assert_eq!(completed(&own, Some(3)), lines(&own));
    }

    #[test]
    fn connection_specific_fields_are_removed() {
        let connection_specific = [
            ("connection", "x-hop, close"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-hop", "1"),
            ("x-kept", "1"),
        ];
        assert_eq!(completed(&connection_specific, None), lines(&[("date", "now"), ("x-kept", "1")]));
    }
}
