//! Renders a denial: an HTML page for a browser, a SOAP fault for a SOAP client, a problem document for other
//! programs. Nothing that the client must not know can appear in it: reasons, servers, rules and names of others are
//! not among its arguments.

mod fault;
mod message;
mod page;
mod preference;
mod problem;
mod templates;
mod text;
mod words;

pub(crate) use text::Hint;

use crate::policy::DenialId;
use bytes::Bytes;
use fault::SoapVersion;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap,
    HeaderValue, REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Method, Response, StatusCode};
use message::Message;
use std::time::Duration;
use words::Locale;

/// What an answer depends on beside the denial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AnswerFacts<'a> {
    /// The id under which the audit record is found. Shown to the client.
    pub request_id: &'a str,
    /// The request's method: HEAD gets the headers only.
    pub method: &'a Method,
    /// `Accept` as received.
    pub accept: Option<&'a str>,
    /// `Accept-Language` as received.
    pub accept_language: Option<&'a str>,
    /// `Content-Type` as received.
    pub content_type: Option<&'a str>,
    /// Whether the request has a `SOAPAction` header.
    pub soap_action: bool,
    /// The methods that the rule admits, for [`DenialId::MethodNotAllowed`].
    pub allow: Option<&'a HeaderValue>,
    /// How the client could sign in, for a 401.
    pub challenge: Option<&'a HeaderValue>,
    /// When to try again; for transient denials [`DEFAULT_RETRY_AFTER`] where not given.
    pub retry_after: Option<Duration>,
    /// A likely cause, where there is one.
    pub hint: Option<Hint>,
    /// Whom to turn to, in the operator's words. Plain text; lines are kept.
    pub help: Option<&'a str>,
}

/// When a client may try again, where the caller does not know better.
pub(crate) const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(5);

/// The challenge of a 401 for which the caller has none.
///
/// RFC 9110 15.5.2 demands a challenge with every 401, and a site that takes cards only has none to send: no registered
/// scheme means "a certificate in the TLS handshake". `Basic` or `Negotiate` would make browsers ask people for a
/// password that nobody takes, and 403 would hide that signing in is what is missing. So the challenge names a scheme of
/// our own, which tells a program what to do and which a browser passes over: it opens no dialogue and shows the page.
const CERTIFICATE_CHALLENGE: HeaderValue = HeaderValue::from_static("ClientCertificate realm=\"smartcard\"");

/// In what shape the client understands an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Page,
    Problem,
    Fault(SoapVersion),
}

/// The answer to a request that is turned away.
pub(crate) fn answer(denial: DenialId, facts: &AnswerFacts<'_>) -> Response<Bytes> {
    let locale = preference::locale(facts.accept_language);
    let message = Message {
        denial,
        locale,
        words: locale.words(denial),
        request_id: facts.request_id,
        hint: facts.hint.map(|hint| locale.hint(hint)),
        help: facts.help,
    };
    let (content_type, body) = match form(facts) {
        Form::Page => ("text/html; charset=utf-8", page::write(&message)),
        Form::Problem => ("application/problem+json", problem::write(&message)),
        Form::Fault(version) => (version.content_type(), fault::write(&message, version)),
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = denial.status();
    let headers = response.headers_mut();
    describe_body(headers, content_type, locale, body.len());
    say_how_to_go_on(headers, denial, facts);
    // RFC 9110 9.3.2: the same headers, Content-Length among them, and no body.
    if *facts.method != Method::HEAD {
        *response.body_mut() = Bytes::from(body);
    }
    response
}

fn form(facts: &AnswerFacts<'_>) -> Form {
    let media_type = facts.content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/soap+xml") {
        return Form::Fault(SoapVersion::Soap12);
    }
    if facts.soap_action || (facts.method == Method::POST && media_type.eq_ignore_ascii_case("text/xml")) {
        return Form::Fault(SoapVersion::Soap11);
    }
    if preference::json_before_page(facts.accept) { Form::Problem } else { Form::Page }
}

/// The policy stands on every form: a browser may be talked into showing any of them.
fn describe_body(headers: &mut HeaderMap, content_type: &'static str, locale: Locale, length: usize) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(locale.tag()));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, page::content_security_policy());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

fn say_how_to_go_on(headers: &mut HeaderMap, denial: DenialId, facts: &AnswerFacts<'_>) {
    if denial.status() == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110 15.5.6 demands the header; an empty one says that no method is admitted (10.2.1).
        headers.insert(ALLOW, facts.allow.cloned().unwrap_or_else(|| HeaderValue::from_static("")));
    }
    if denial.status() == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, facts.challenge.cloned().unwrap_or(CERTIFICATE_CHALLENGE));
    }
    let wait = facts.retry_after.or_else(|| denial.is_transient().then_some(DEFAULT_RETRY_AFTER));
    if let Some(wait) = wait {
        // Whole seconds (RFC 9110 10.2.3), never too early.
        headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
    }
}

#[cfg(test)]
mod tests;
