//! Where messages end (RFC 9112 6). The framing of a request follows from its body, never from the client's headers. A
//! response that two readers could end at different places is rejected: the difference would let one response be taken
//! for two, the second of which would reach another client (response smuggling).

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::ext::on_informational;
use tokio::sync::Notify;

use crate::backend::body::request_body::RequestBody;
use crate::backend::error::BackendError;
use crate::backend::settings::BackendSettings;
use crate::headers::expects_continue;

/// Sets version and framing, which belong to the backend connection and not to the client's.
pub(in crate::backend) fn frame(request: &mut Request<RequestBody>) {
    *request.version_mut() = Version::HTTP_11;
    let length = request.body().size_hint().exact();
    let method = request.method().clone();
    set_framing(&method, request.headers_mut(), length);
}

/// Does the same as [`frame`]. If the request has `Expect: 100-continue`, its body is held back until the server responds
/// with 100, or for `continue_timeout`. Returns the [`Notify`] that ends the wait.
pub(in crate::backend) fn frame_with_expectation(
    request: &mut Request<RequestBody>,
    settings: &BackendSettings,
) -> Option<Arc<Notify>> {
    frame(request);
    if !expects_continue(request.headers()) || request.body().is_end_stream() {
        return None;
    }
    // hyper's server sends a 100 to the client when the body is first read, so the expectation is end to end.
    let release = request.body_mut().hold_back(settings.continue_timeout);
    let notified = Arc::clone(&release);
    on_informational(request, move |response| {
        if response.status() == StatusCode::CONTINUE {
            notified.notify_one();
        }
    });
    Some(release)
}

/// Sets `Content-Length` if the length of the body is known, and chunked framing otherwise.
///
/// hyper would trust the headers as they are, and would silently drop the body of a GET if its length is unknown.
fn set_framing(method: &Method, headers: &mut HeaderMap, body_length: Option<u64>) {
    headers.remove(TRANSFER_ENCODING);
    let declared = headers.remove(CONTENT_LENGTH).is_some();
    match body_length {
        // IIS responds 411 to a POST with neither a length nor a transfer coding.
        Some(length) if length > 0 || declared || expects_body(method) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Some(_) => {}
        None => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// RFC 9110 8.6: a user agent should send Content-Length if the method defines a meaning for a body.
fn expects_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Checks that a response can be forwarded.
///
/// # Errors
/// The server switched protocols, or the length of the response is ambiguous.
pub(in crate::backend) fn check_response_head(
    response: &Response<Incoming>,
    server: impl Fn() -> String,
) -> Result<(), BackendError> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(BackendError::UnexpectedUpgrade { server: server() });
    }
    if is_ambiguous(response.headers()) {
        return Err(BackendError::AmbiguousFraming { server: server() });
    }
    Ok(())
}

/// Whether another reader of this response head could end the body at another place than hyper: a coding other than
/// `chunked` alone, a coding and a length, or anything but one plain decimal length (RFC 9112 6.1, 6.3; RFC 9110 8.6).
fn is_ambiguous(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (lengths.next(), codings.next()) {
        (None, None) => false,
        (Some(length), None) => lengths.next().is_some() || !is_decimal(length),
        (None, Some(coding)) => {
            codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked")
        }
        (Some(_), Some(_)) => true,
    }
}

fn is_decimal(length: &HeaderValue) -> bool {
    !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn one_length_or_one_chunked_coding_is_unambiguous() {
        for lines in [vec![], vec![("content-length", "5")], vec![("transfer-encoding", "Chunked")]] {
            assert!(!is_ambiguous(&headers(&lines)), "{lines:?}");
        }
    }

    #[test]
    fn a_response_that_could_end_at_two_places_is_ambiguous() {
        for lines in [
            vec![("content-length", "5"), ("transfer-encoding", "chunked")],
            vec![("content-length", "5"), ("content-length", "5")],
            vec![("content-length", "5, 5")],
            vec![("content-length", "+5")],
            vec![("content-length", "")],
            vec![("transfer-encoding", "gzip, chunked")],
            vec![("transfer-encoding", "identity")],
            vec![("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        ] {
            assert!(is_ambiguous(&headers(&lines)), "{lines:?}");
        }
    }

    #[test]
    fn the_framing_of_a_request_follows_from_its_body() {
        let mut map = headers(&[("content-length", "7"), ("transfer-encoding", "gzip")]);
        set_framing(&Method::GET, &mut map, Some(0));
        assert_eq!(map, headers(&[("content-length", "0")]));
    }

    #[test]
    fn a_get_without_a_body_declares_none() {
        let mut map = HeaderMap::new();
        set_framing(&Method::GET, &mut map, Some(0));
        assert_eq!(map, HeaderMap::new());
    }

    #[test]
    fn an_empty_post_declares_its_length() {
        let mut map = HeaderMap::new();
        set_framing(&Method::POST, &mut map, Some(0));
        assert_eq!(map, headers(&[("content-length", "0")]));
    }

    #[test]
    fn a_body_of_unknown_length_is_chunked_whatever_the_method() {
        let mut map = HeaderMap::new();
        set_framing(&Method::GET, &mut map, None);
        assert_eq!(map, headers(&[("transfer-encoding", "chunked")]));
    }
}
