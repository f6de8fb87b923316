//! The response to a rejected request, in a format that its client accepts.

use super::error_page::{DenialHint, ErrorResponseInputs, error_response};
use crate::clock::UnixTime;
use crate::headers::expects_continue;
use crate::policy::{Denial, DenialId};
use crate::request::RequestId;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

/// The properties of a request that the format of its error response depends on. They are copied, because the request is
/// forwarded.
#[derive(Debug)]
pub(super) struct ResponsePreferences {
    method: Method,
    accept: Option<HeaderValue>,
    accept_language: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
    soap_action: bool,
    expects_continue: bool,
}

/// Further properties of an error response.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DenialDetails<'a> {
    /// The challenge, if the client may use a password.
    pub(super) challenge: Option<&'a HeaderValue>,
    /// The methods that the path allows.
    pub(super) allow: Option<&'a HeaderValue>,
    /// The location to which a request over plain HTTP is redirected.
    pub(super) redirect: Option<&'a HeaderValue>,
    /// Whether the client presented no certificate over TLS 1.3 although one was requested. A smartcard that cannot sign with
    /// RSA-PSS has this effect.
    pub(super) may_lack_rsa_pss: bool,
    /// Whether the proof of possession has expired.
    pub(super) proof_expired: bool,
    /// The contact of the help desk.
    pub(super) help: Option<&'a str>,
}

impl ResponsePreferences {
    pub(super) fn of(head: &http::request::Parts) -> Self {
        let headers = &head.headers;
        Self {
            method: head.method.clone(),
            accept: headers.get(header::ACCEPT).cloned(),
            accept_language: headers.get(header::ACCEPT_LANGUAGE).cloned(),
            content_type: headers.get(header::CONTENT_TYPE).cloned(),
            soap_action: headers.contains_key(SOAP_ACTION),
            expects_continue: expects_continue(headers),
        }
    }

    /// Returns the preferences of a request whose head could not be parsed.
    pub(super) fn unknown() -> Self {
        Self {
            method: Method::GET,
            accept: None,
            accept_language: None,
            content_type: None,
            soap_action: false,
            expects_continue: false,
        }
    }

    /// Returns whether the client waits for `100 Continue`.
    pub(super) fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Returns the response to a denied request: an error page, or a redirect to TLS.
    pub(super) fn page(&self, denial: &Denial, id: RequestId, details: DenialDetails<'_>) -> Response<Bytes> {
        let inputs = ErrorResponseInputs {
            request_id: &id.to_string(),
            method: &self.method,
            accept: text(&self.accept),
            accept_language: text(&self.accept_language),
            content_type: text(&self.content_type),
            soap_action: self.soap_action,
            allow: details.allow,
            challenge: details.challenge,
            retry_after: denial.retry_after(),
            hint: hint(denial.id(), &details),
            help: details.help,
        };
        let mut page = error_response(denial.id(), &inputs);
        if let Some(location) = details.redirect {
            // 308 keeps the method of the request, which 301 does not (RFC 9110 section 15.4.9).
            *page.status_mut() = StatusCode::PERMANENT_REDIRECT;
            page.headers_mut().insert(header::LOCATION, location.clone());
        }
        if closes(denial.id()) {
            page.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        page
    }
}

/// Returns a time in the format of `Date` (RFC 9110 section 5.6.7).
pub(super) fn http_date(time: UnixTime) -> String {
    httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + time.since_epoch())
}

/// Returns `page` as the bytes of the last response on an HTTP/1.1 connection.
pub(super) fn last_in_http1(page: &Response<Bytes>, now: UnixTime) -> Vec<u8> {
    let status = page.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let date = http_date(now);
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\ndate: {date}\r\nconnection: close\r\n", status.as_u16());
    let lines = page.headers().iter().filter(|(name, _)| *name != header::CONNECTION);
    let mut bytes = lines.fold(std::mem::take(&mut bytes).into_bytes(), |mut bytes, (name, value)| {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        bytes
    });
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(page.body());
    bytes
}

fn text(value: &Option<HeaderValue>) -> Option<&str> {
    value.as_ref().and_then(|value| value.to_str().ok())
}

fn hint(denial: DenialId, details: &DenialDetails<'_>) -> Option<DenialHint> {
    match denial {
        DenialId::CertificateRequired | DenialId::CredentialsRequired if details.may_lack_rsa_pss => {
            Some(DenialHint::Tls13WithoutPss)
        }
        DenialId::CredentialsRequired if details.challenge.is_some() => Some(DenialHint::PasswordAccepted),
        DenialId::MisdirectedRequest if details.proof_expired => Some(DenialHint::ProofExpired),
        _ => None,
    }
}

/// Returns whether the connection is closed after the response, because its framing is uncertain or the client needs another
/// connection.
fn closes(denial: DenialId) -> bool {
    matches!(denial, DenialId::MalformedRequest | DenialId::RequestTimeout | DenialId::MisdirectedRequest)
}
