//! Where a message ends (RFC 9112 6). A request's length is told by its body, never by the header that came with it;
//! an answer that can be read as ending at two places is refused. Never touches a body.

use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Method};

/// Sets the framing of a request to what its body is: `Content-Length` where the length is known, chunked where not.
///
/// hyper would believe the headers as they stand, and would drop a GET's body of unknown length without a word.
pub(in crate::backend) fn frame_request(method: &Method, headers: &mut HeaderMap, body_length: Option<u64>) {
    headers.remove(TRANSFER_ENCODING);
    let declared = headers.remove(CONTENT_LENGTH).is_some();
    match body_length {
        // IIS answers 411 to a POST that has neither length nor coding.
        Some(length) if length > 0 || declared || expects_body(method) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Some(_) => {}
        None => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
}

/// RFC 9110 8.6: a user agent should send Content-Length when the method defines a meaning for a body.
fn expects_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Whether another reader of this answer's head could end its body elsewhere than hyper does: a coding other than
/// `chunked` alone, a coding and a length, or anything but one plain decimal length (RFC 9112 6.1, 6.3; RFC 9110 8.6).
pub(in crate::backend) fn is_ambiguous(headers: &HeaderMap) -> bool {
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
    fn one_length_or_one_chunked_coding_is_clear() {
        for lines in [vec![], vec![("content-length", "5")], vec![("transfer-encoding", "Chunked")]] {
            assert!(!is_ambiguous(&headers(&lines)), "{lines:?}");
        }
    }

    #[test]
    fn an_answer_that_ends_at_two_places_is_ambiguous() {
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
    fn a_requests_headers_cannot_contradict_its_body() {
        let mut map = headers(&[("content-length", "7"), ("transfer-encoding", "gzip")]);
        frame_request(&Method::GET, &mut map, Some(0));
        assert_eq!(map, headers(&[("content-length", "0")]));
    }

    #[test]
    fn a_get_without_a_body_declares_none() {
        let mut map = HeaderMap::new();
        frame_request(&Method::GET, &mut map, Some(0));
        assert_eq!(map, HeaderMap::new());
    }

    #[test]
    fn an_empty_post_declares_its_length() {
        let mut map = HeaderMap::new();
        frame_request(&Method::POST, &mut map, Some(0));
        assert_eq!(map, headers(&[("content-length", "0")]));
    }

    #[test]
    fn a_body_of_unknown_length_is_chunked_whatever_the_method() {
        let mut map = HeaderMap::new();
        frame_request(&Method::GET, &mut map, None);
        assert_eq!(map, headers(&[("transfer-encoding", "chunked")]));
    }
}
