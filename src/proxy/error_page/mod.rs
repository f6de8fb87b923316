//! Error responses to rejected requests: an HTML page for browsers, a SOAP fault for SOAP clients, or a problem document for
//! other programs.
//!
//! They contain an id, a fixed text and the request number. The detail of a denial, which may name servers, rules and other
//! users, is not available here.

mod negotiation;
mod render;
mod text;
mod words;

pub(crate) use text::DenialHint;

use crate::policy::DenialId;
use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    HeaderValue, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};
use render::FaultVersion;
use std::time::Duration;
use text::{ErrorMessage, PageLanguage};

/// The inputs of an error response, in addition to the denial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorResponseInputs<'a> {
    /// The id of the request in the audit log, which the response shows.
    pub request_id: &'a str,
    /// The method of the request. The response to HEAD has no body.
    pub method: &'a Method,
    /// The `Accept` field as received.
    pub accept: Option<&'a str>,
    /// The `Accept-Language` field as received.
    pub accept_language: Option<&'a str>,
    /// The `Content-Type` field as received.
    pub content_type: Option<&'a str>,
    /// Whether the request has a `SOAPAction` field.
    pub soap_action: bool,
    /// The methods that the path rule allows, for [`DenialId::MethodNotAllowed`].
    pub allow: Option<&'a HeaderValue>,
    /// The challenge of a 401.
    pub challenge: Option<&'a HeaderValue>,
    /// The time after which the client may retry. The default for transient denials is [`DEFAULT_RETRY_AFTER`].
    pub retry_after: Option<Duration>,
    /// A likely cause.
    pub hint: Option<DenialHint>,
    /// The contact of the help desk as plain text, whose line breaks are kept.
    pub help: Option<&'a str>,
}

/// The time after which a client may retry after a transient denial, unless the caller specifies one.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// The challenge of a 401, unless the caller specifies one.
///
/// RFC 9110 section 15.5.2 requires a challenge in every 401, and no registered scheme stands for a certificate in the TLS
/// handshake. `Basic` or `Negotiate` would cause browsers to prompt for a password that the site does not accept, and 403
/// would hide that authentication is missing. So the scheme is a private one: programs can recognize it, and browsers ignore
/// it and show the page.
const CERTIFICATE_CHALLENGE: HeaderValue = HeaderValue::from_static("ClientCertificate realm=\"smartcard\"");

/// The format of an error response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorFormat {
    HtmlPage,
    ProblemDocument,
    SoapFault(FaultVersion),
}

/// Returns the response to a request that was rejected by `denial`.
///
/// A SOAP fault has the status of the denial. The status 500 of other web services would hide the rejection from proxies and
/// logs.
pub(crate) fn error_response(denial: DenialId, inputs: &ErrorResponseInputs<'_>) -> Response<Bytes> {
    let language = negotiation::language(inputs.accept_language);
    let message = ErrorMessage {
        denial,
        language,
        text: words::denial_text(language, denial),
        labels: words::labels(language),
        request_id: inputs.request_id,
        hint: inputs.hint.map(|hint| words::hint_text(language, hint)),
        help: inputs.help,
    };
    let (content_type, body) = match format(inputs) {
        ErrorFormat::HtmlPage => ("text/html; charset=utf-8", render::html_page(&message)),
        ErrorFormat::ProblemDocument => ("application/problem+json", render::problem_document(&message)),
        ErrorFormat::SoapFault(version) => (version.content_type(), render::soap_fault(&message, version)),
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = denial.status();
    let headers = response.headers_mut();
    insert_content_headers(headers, content_type, language, body.len());
    insert_retry_headers(headers, denial, inputs);
    // A response to HEAD has the same headers, including Content-Length, and no body (RFC 9110 section 9.3.2).
    if *inputs.method != Method::HEAD {
        *response.body_mut() = Bytes::from(body);
    }
    response
}

fn format(inputs: &ErrorResponseInputs<'_>) -> ErrorFormat {
    let media_type = inputs.content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/soap+xml") {
        return ErrorFormat::SoapFault(FaultVersion::Soap12);
    }
    if inputs.soap_action || (inputs.method == Method::POST && media_type.eq_ignore_ascii_case("text/xml")) {
        return ErrorFormat::SoapFault(FaultVersion::Soap11);
    }
    if negotiation::prefers_json(inputs.accept) {
        ErrorFormat::ProblemDocument
    } else {
        ErrorFormat::HtmlPage
    }
}

/// Every format has the security headers, because a browser can be made to display each.
fn insert_content_headers(
    headers: &mut HeaderMap,
    content_type: &'static str,
    language: PageLanguage,
    length: usize,
) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, render::content_security_policy());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

fn insert_retry_headers(headers: &mut HeaderMap, denial: DenialId, inputs: &ErrorResponseInputs<'_>) {
    if denial.status() == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110 section 15.5.6 requires the field. An empty one means that no method is allowed (section 10.2.1).
        headers.insert(ALLOW, inputs.allow.cloned().unwrap_or_else(|| HeaderValue::from_static("")));
    }
    if denial.status() == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, inputs.challenge.cloned().unwrap_or(CERTIFICATE_CHALLENGE));
    }
    let wait = inputs.retry_after.or_else(|| denial.is_transient().then_some(DEFAULT_RETRY_AFTER));
    if let Some(wait) = wait {
        // In whole seconds (RFC 9110 section 10.2.3), rounded up.
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
    }
}

#[cfg(test)]
mod tests;
