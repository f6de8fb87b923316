//! The body of a response to the client. Its end completes the audit record of the request.

use super::lifetime::ResponseProgress;
use super::record::RequestRecord;
use crate::backend::{ResponseBody, ResponseBodyError};
use crate::headers::{ReservedHeaders, trailers};
use crate::policy::{Denial, DenialId};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

/// The body of a response: an error page, or the streamed body of the backend's response.
///
/// The audit record is written when the connection has taken the last byte, when the backend aborts its response, or when the
/// connection drops the body because the client disconnected.
pub(super) struct ClientResponseBody {
    source: ResponseSource,
    sent: u64,
    record: Option<RequestRecord>,
    progress: Option<Rc<ResponseProgress>>,
}

enum ResponseSource {
    Page(Full<Bytes>),
    Backend(ResponseBody, Arc<ReservedHeaders>),
}

impl ClientResponseBody {
    /// Creates the body of an error page. Its audit record is written at once: otherwise it would hold a slot in the queue of
    /// the audit log until the client has read the page, which the client can delay.
    pub(super) fn page(page: Bytes, recorded: Option<(RequestRecord, Rc<ResponseProgress>)>) -> Self {
        let (record, progress) = recorded.unzip();
        if let Some(record) = record {
            record.finish(u64::try_from(page.len()).unwrap_or(u64::MAX));
        }
        Self { source: ResponseSource::Page(Full::new(page)), sent: 0, record: None, progress }
    }

    /// Creates the body of a backend's response.
    pub(super) fn backend(
        body: ResponseBody,
        reserved: Arc<ReservedHeaders>,
        record: RequestRecord,
        progress: Rc<ResponseProgress>,
    ) -> Self {
        Self {
            source: ResponseSource::Backend(body, reserved),
            sent: 0,
            record: Some(record),
            progress: Some(progress),
        }
    }

    fn finish(&mut self) {
        if let Some(record) = self.record.take() {
            record.finish(self.sent);
        }
    }

    fn abort(&mut self, error: &ResponseBodyError) {
        if let Some(record) = self.record.take() {
            let id = match error {
                ResponseBodyError::Stalled => DenialId::BackendTimeout,
                ResponseBodyError::Cut(_) => DenialId::BackendUnreachable,
            };
            record.break_off(self.sent, &Denial::because(id, error));
        }
    }
}

impl ResponseSource {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        match self {
            Self::Page(page) => {
                Pin::new(page).poll_frame(cx).map(|frame| Some(frame?.map_err(|never| match never {})))
            }
            Self::Backend(body, reserved) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| Some(frame?.map(|frame| without_reserved_names(frame, reserved)))),
        }
    }
}

impl Body for ClientResponseBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let this = self.get_mut();
        let frame = match this.source.poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                this.progress.iter().for_each(|progress| progress.wait_for_backend());
                return Poll::Pending;
            }
        };
        let data = frame.iter().flatten().filter_map(Frame::data_ref).map(Bytes::len).sum::<usize>();
        let data = u64::try_from(data).unwrap_or(u64::MAX);
        this.progress.iter().for_each(|progress| progress.record_progress(data));
        match &frame {
            // Trailers are the last frame. The body is not polled after them.
            Some(Ok(frame)) if frame.is_trailers() => this.finish(),
            Some(Ok(_)) => this.sent += data,
            Some(Err(error)) => this.abort(error),
            None => this.finish(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            ResponseSource::Page(page) => page.is_end_stream(),
            ResponseSource::Backend(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            ResponseSource::Page(page) => page.size_hint(),
            ResponseSource::Backend(body, _) => body.size_hint(),
        }
    }
}

impl Drop for ClientResponseBody {
    fn drop(&mut self) {
        // hyper does not poll the body after the declared length is reached. In all other cases the client has disconnected.
        if self.is_end_stream() {
            self.finish();
        } else if let Some(record) = self.record.take() {
            record.abandon(self.sent);
        }
    }
}

/// Removes reserved headers from trailers.
fn without_reserved_names(frame: Frame<Bytes>, reserved: &ReservedHeaders) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            trailers::strip(&mut trailers, reserved);
            Frame::trailers(trailers)
        }
        Err(other) => other,
    }
}
