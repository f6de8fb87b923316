//! Takes one request, gives its answer: an echo where one is asked for, else what the SOAP services say.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use super::record::Seen;
use super::wire::Wire;
use super::{asmx, echo};

/// An answer's body; its errors break the connection.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>;

/// Answers one request. Its path is the last thing said about it that this backend may read raw.
pub(super) async fn answer(
    request: Request<Incoming>,
    seen: Seen,
    wire: Arc<Wire>,
) -> Result<Response<AnswerBody>, Infallible> {
    let (path, query) = raw_target(&request);
    let echo_asked = request.headers().get("x-demo-echo").is_some_and(|value| value == "1");
    let last_segment = path.rsplit('/').next().unwrap_or_default();
    if echo_asked || last_segment.eq_ignore_ascii_case("echo") {
        return Ok(echo::answer(request, &query, seen, &wire).await);
    }
    Ok(asmx::answer(request, &path, &query).await)
}

/// A text with its media type, sent whole.
pub(super) fn text_answer(
    status: StatusCode,
    media_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<AnswerBody> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

#[expect(
    clippy::disallowed_methods,
    reason = "a stand-in backend has no request stage: it reads its own target"
)]
fn raw_target(request: &Request<Incoming>) -> (String, String) {
    (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned())
}
