//! The time limits of an exchange up to the response head, and the errors if they are exceeded.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::backend::body::upload_progress::UploadProgress;
use crate::backend::connection::state::ConnectionState;
use crate::backend::error::BackendError;
use crate::backend::settings::BackendSettings;

/// How long a server has to respond to a login whose request body was suspended. Servers that check the login before the
/// body respond at once.
const LOGIN_RESULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Waits for `response` as long as the request body makes progress, and for the first byte's timeout after its end.
/// Returns `None` if the time is over.
pub(in crate::backend) async fn response_in_time<R>(
    response: impl Future<Output = R>,
    upload: &UploadProgress,
    state: &ConnectionState,
    settings: &BackendSettings,
) -> Option<R> {
    let mut response = pin!(response);
    loop {
        let waited = async {
            tokio::select! {
                biased;
                response = &mut response => Some(response),
                // A suspended body has an earlier deadline.
                () = upload.suspension() => None,
            }
        };
        if let Ok(Some(response)) = timeout_at(deadline(upload, state, settings), waited).await {
            return Some(response);
        }
        // The body may have made progress since the timer was set.
        if deadline(upload, state, settings) <= Instant::now() {
            return None;
        }
    }
}

/// If the server does not read the body, the server is late, even if the client has still to send most of the body.
fn deadline(upload: &UploadProgress, state: &ConnectionState, settings: &BackendSettings) -> Instant {
    if upload.is_suspended() {
        return upload.last_progress() + LOGIN_RESULT_TIMEOUT;
    }
    if upload.waits_for_client() {
        return upload.client_deadline(settings.body_idle_timeout);
    }
    let limit = match upload.is_whole() || upload.waits_for_backend() {
        true => settings.first_byte_timeout,
        false => settings.first_byte_timeout.min(settings.body_idle_timeout),
    };
    upload.last_progress().max(state.last_write()) + limit
}

/// The error after a timeout: of the client or of the server, whichever the other one waited for.
pub(in crate::backend) fn timeout_error(
    upload: &UploadProgress,
    settings: &BackendSettings,
    server: String,
) -> BackendError {
    if let (true, Some(reason)) = (upload.is_suspended(), upload.take_failure()) {
        BackendError::RequestBody(reason)
    } else if upload.waits_for_client() {
        BackendError::RequestBody(upload.deadline_error(settings.body_idle_timeout))
    } else {
        BackendError::FirstByteTimeout { server }
    }
}

/// The error for an error of hyper, after some of the request was written.
pub(in crate::backend) fn exchange_error(
    source: hyper::Error,
    upload: &UploadProgress,
    server: String,
) -> BackendError {
    if let Some(reason) = upload.take_failure() {
        BackendError::RequestBody(reason)
    } else if source.is_parse() {
        BackendError::Protocol { server, source }
    } else {
        BackendError::ConnectionLost { server, source }
    }
}
