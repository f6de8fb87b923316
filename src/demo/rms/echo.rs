//! The echo service, which returns the received request as JSON, or a response that the query specifies.
//!
//! Options of the query: `status`, `delay_ms`, `size` (a body of that many bytes instead of JSON), `chunked=1`, `close=1`,
//! `early=1` (the request body is not read), `mirror=1` (the request body is the response body), `header=Name:value` and
//! `trailer=Name:value` (repeatable), `informational=1` (103 before the response), `cut` (abort after that many bytes).

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, TRAILER};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::body::{Framing, GeneratedBody, ResponseBody, text_response};
use super::record::{ReceivedRequest, lines};
use super::socket::ClientSocket;

const EARLY_HINTS: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </demo.css>; rel=preload; as=style\r\n\r\n";
/// The repeated part of the body for `size`: byte i is the letter i mod 26.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const BLOCK_REPEATS: usize = 630;

/// The echo's JSON.
#[derive(Serialize)]
struct EchoResponse {
    #[serde(flatten)]
    seen: ReceivedRequest,
    #[serde(flatten)]
    body: Option<ReceivedBody>,
}

#[derive(Serialize)]
struct ReceivedBody {
    body_length: u64,
    body_sha256: String,
    trailers: Vec<(String, String)>,
}

/// The options in the query.
#[derive(Default)]
struct EchoOptions {
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

pub(super) async fn respond(
    request: Request<Incoming>,
    query: &str,
    seen: ReceivedRequest,
    socket: &ClientSocket,
) -> Response<ResponseBody> {
    let Some(options) = EchoOptions::parse(query) else {
        return text_response(StatusCode::BAD_REQUEST, "text/plain", "invalid value of an echo option\n");
    };
    tokio::time::sleep(options.delay).await;
    if options.informational && socket.send(EARLY_HINTS).await.is_err() {
        return text_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain",
            "the client has disconnected\n",
        );
    }
    if options.mirror {
        return options.mirror(request);
    }
    let body = match options.early {
        true => None,
        false => match ReceivedBody::read(request.into_body()).await {
            Ok(body) => Some(body),
            Err(error) => return text_response(StatusCode::BAD_REQUEST, "text/plain", error.to_string()),
        },
    };
    options.json_or_bytes(&EchoResponse { seen, body })
}

impl EchoOptions {
    /// Parses a query. Returns `None` if a value is invalid; unknown names are ignored.
    fn parse(query: &str) -> Option<Self> {
        let mut options = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8().ok()?;
            match name {
                "status" => options.status = value.parse().ok()?,
                "delay_ms" => options.delay = Duration::from_millis(value.parse().ok()?),
                "size" => options.size = Some(value.parse().ok()?),
                "cut" => options.cut = Some(value.parse().ok()?),
                "chunked" => options.chunked = value == "1",
                "close" => options.close = value == "1",
                "early" => options.early = value == "1",
                "mirror" => options.mirror = value == "1",
                "informational" => options.informational = value == "1",
                "header" => append_line(&mut options.headers, &value)?,
                "trailer" => append_line(&mut options.trailers, &value)?,
                _ => {}
            }
        }
        Some(options)
    }

    /// Returns a response that streams the request body back with the same framing.
    fn mirror(self, request: Request<Incoming>) -> Response<ResponseBody> {
        let media_type = request.headers().get(CONTENT_TYPE).cloned();
        let body = request.into_body().map_err(|error| -> Box<dyn Error + Send + Sync> { error.into() });
        let mut response = Response::new(body.boxed_unsync());
        if let Some(media_type) = media_type {
            response.headers_mut().insert(CONTENT_TYPE, media_type);
        }
        self.apply(response)
    }

    /// Returns a response with `size` bytes if the option is set, otherwise with the JSON.
    fn json_or_bytes(mut self, echo: &EchoResponse) -> Response<ResponseBody> {
        let json = match serde_json::to_vec(echo) {
            Ok(json) => Bytes::from(json),
            Err(error) => {
                return text_response(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string());
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
        // hyper sends only the trailers that the `Trailer` header announces.
        if let Ok(names) = HeaderValue::try_from(names)
            && !names.is_empty()
        {
            response.headers_mut().insert(TRAILER, names);
        }
        self.apply(response)
    }

    fn apply(self, mut response: Response<ResponseBody>) -> Response<ResponseBody> {
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
