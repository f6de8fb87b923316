//! The echo: takes any request, tells in JSON what was received, or does what the query asks for.
//!
//! The query's knobs: `status`, `delay_ms`, `size` (so many bytes instead of JSON), `chunked=1`, `close=1`, `early=1`
//! (the body is left unread), `mirror=1` (the body is the answer), `header=Name:value` and `trailer=Name:value`
//! (again and again), `informational=1` (103 before the answer), `cut` (break off after so many bytes).

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::generated::{Framing, GeneratedBody};
use super::record::{Seen, lines};
use super::service::{AnswerBody, text_answer};
use super::wire::Wire;

const EARLY_HINTS: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </demo.css>; rel=preload; as=style\r\n\r\n";
/// What `size` answers with: byte i is the letter i mod 26.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const BLOCK_REPEATS: usize = 630;

/// The echo's JSON.
#[derive(Serialize)]
struct Echo {
    #[serde(flatten)]
    seen: Seen,
    #[serde(flatten)]
    body: Option<ReceivedBody>,
}

#[derive(Serialize)]
struct ReceivedBody {
    body_length: u64,
    body_sha256: String,
    trailers: Vec<(String, String)>,
}

/// What the query asks of the answer.
#[derive(Default)]
struct Knobs {
    status: StatusCode,
    delay: Duration,
    size: Option<u64>,
    cut: Option<u64>,
    chunked: bool,
    close: bool,
    early: bool,
    mirror: bool,
    informational: bool,
    headers: HeaderMap,
    trailers: HeaderMap,
}

/// Answers a request by what it said.
pub(super) async fn answer(
    request: Request<Incoming>,
    query: &str,
    seen: Seen,
    wire: &Wire,
) -> Response<AnswerBody> {
    let Some(knobs) = Knobs::parse(query) else {
        return text_answer(
            StatusCode::BAD_REQUEST,
            "text/plain",
            "a knob of the echo has an impossible value\n",
        );
    };
    tokio::time::sleep(knobs.delay).await;
    if knobs.informational && wire.send(EARLY_HINTS).await.is_err() {
        return text_answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "the client has gone\n");
    }
    if knobs.mirror {
        return knobs.mirror(request);
    }
    let body = match knobs.early {
        true => None,
        false => match ReceivedBody::read(request.into_body()).await {
            Ok(body) => Some(body),
            Err(error) => return text_answer(StatusCode::BAD_REQUEST, "text/plain", error.to_string()),
        },
    };
    knobs.tell(&Echo { seen, body })
}

impl Knobs {
    /// None where a knob's value cannot be; a name that is no knob is only echoed.
    fn parse(query: &str) -> Option<Self> {
        let mut knobs = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8().ok()?;
            match name {
                "status" => knobs.status = value.parse().ok()?,
                "delay_ms" => knobs.delay = Duration::from_millis(value.parse().ok()?),
                "size" => knobs.size = Some(value.parse().ok()?),
                "cut" => knobs.cut = Some(value.parse().ok()?),
                "chunked" => knobs.chunked = value == "1",
                "close" => knobs.close = value == "1",
                "early" => knobs.early = value == "1",
                "mirror" => knobs.mirror = value == "1",
                "informational" => knobs.informational = value == "1",
                "header" => append_line(&mut knobs.headers, &value)?,
                "trailer" => append_line(&mut knobs.trailers, &value)?,
                _ => {}
            }
        }
        Some(knobs)
    }

    /// The request's body as the answer's, framed as it came, streamed.
    fn mirror(self, request: Request<Incoming>) -> Response<AnswerBody> {
        let media_type = request.headers().get(CONTENT_TYPE).cloned();
        let body = request.into_body().map_err(|error| -> Box<dyn Error + Send + Sync> { error.into() });
        let mut response = Response::new(body.boxed_unsync());
        if let Some(media_type) = media_type {
            response.headers_mut().insert(CONTENT_TYPE, media_type);
        }
        self.dress(response)
    }

    /// The echo's JSON, or as many letters as `size` says.
    fn tell(mut self, echo: &Echo) -> Response<AnswerBody> {
        let json = match serde_json::to_vec(echo) {
            Ok(json) => Bytes::from(json),
            Err(error) => {
                return text_answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string());
            }
        };
        let (block, length, media_type) = match self.size {
            Some(size) => (Bytes::from(ALPHABET.repeat(BLOCK_REPEATS)), size, "application/octet-stream"),
            None => (json.clone(), json.len() as u64, "application/json"),
        };
        let trailers = std::mem::take(&mut self.trailers);
        let framing = if self.chunked || !trailers.is_empty() { Framing::Chunked } else { Framing::Length };
        let names = trailers.keys().map(HeaderName::as_str).collect::<Vec<_>>().join(", ");
        let body =
            GeneratedBody::repeating(block, length, framing).cut_after(self.cut).with_trailers(trailers);
        let body = body.map_err(|error| -> Box<dyn Error + Send + Sync> { error.into() });
        let mut response = Response::new(body.boxed_unsync());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        // Only announced trailers are sent.
        if let Ok(names) = HeaderValue::try_from(names)
            && !names.is_empty()
        {
            response.headers_mut().insert(TRAILER, names);
        }
        self.dress(response)
    }

    fn dress(self, mut response: Response<AnswerBody>) -> Response<AnswerBody> {
        *response.status_mut() = self.status;
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        if self.close {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl ReceivedBody {
    async fn read(mut body: Incoming) -> Result<Self, hyper::Error> {
        let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        let mut body_length = 0;
        let mut trailers = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => {
                    body_length += data.len() as u64;
                    hash.update(&data);
                }
                Err(frame) => trailers.extend(frame.trailers_ref().map(lines).unwrap_or_default()),
            }
        }
        let body_sha256 = hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { body_length, body_sha256, trailers })
    }
}

fn append_line(fields: &mut HeaderMap, line: &str) -> Option<()> {
    let (name, value) = line.split_once(':')?;
    fields.append(name.parse::<HeaderName>().ok()?, HeaderValue::try_from(value.trim()).ok()?);
    Some(())
}
