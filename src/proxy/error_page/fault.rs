//! A denial as a SOAP fault (SOAP 1.1 section 4.4, SOAP 1.2 Part 1 section 5.4), for RMS clients and other web
//! services. It is sent with the status of the denial: under 500, which web services use, proxies and logs would not
//! see that the request was rejected.

use super::message::Message;
use super::templates::Template;
use http::StatusCode;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SoapVersion {
    Soap11,
    Soap12,
}

impl SoapVersion {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }
}

#[derive(Serialize)]
struct Context {
    soap12: bool,
    language: &'static str,
    exception: &'static str,
    title: &'static str,
    what: &'static str,
    steps: &'static [&'static str],
    hint: Option<&'static str>,
    help: Option<String>,
    id: &'static str,
    status: u16,
    sub_status: Option<u8>,
    request_id: String,
}

/// The fault's code is always the server's (`Server`, in SOAP 1.2 `Receiver`), as RMS servers write it and their
/// clients expect it (MS-RMPR 3.1.4.5); nor has the gate read the message that the client's code would blame.
pub(super) fn write(message: &Message<'_>, version: SoapVersion) -> String {
    Template::Fault.render(Context {
        soap12: version == SoapVersion::Soap12,
        language: message.locale.tag(),
        exception: exception(message.denial.status()),
        title: message.words.title,
        what: message.words.what,
        steps: message.words.steps,
        hint: message.hint,
        help: message.help.map(xml_characters),
        id: message.denial.id(),
        status: message.denial.status().as_u16(),
        sub_status: message.denial.sub_status(),
        request_id: xml_characters(message.request_id),
    })
}

/// RMS clients read the fault's string as an exception's name, a delimiter, and text (MS-RMPR 3.1.4.5). The first name
/// is the one that RMS itself uses where nobody is signed in (MS-RMPR 3.3.4.1), the second is ASP.NET's own.
fn exception(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "System.UnauthorizedAccessException",
        _ => "System.Web.HttpException",
    }
}

/// The text without the characters that no XML document may hold, escaped or not (XML 1.0 2.2).
fn xml_characters(text: &str) -> String {
    let is_allowed =
        |character: &char| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(is_allowed).collect()
}
