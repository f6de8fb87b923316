//! The `Expect` header.

use http::HeaderMap;
use http::header::EXPECT;

/// Whether a request expects `100 Continue`: the client waits for it before it sends the body. It is the only expectation
/// that is defined, compared case-insensitively (RFC 9110 10.1.1).
pub(crate) fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get_all(EXPECT).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
