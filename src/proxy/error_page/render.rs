//! The formats of an error response: HTML page, SOAP fault and problem document.
//!
//! Values are escaped, because the names of the templates end in `.html` and `.xml`. A variable that is missing from a
//! template's context is an error, which the tests of each format would detect.

use super::text::{ErrorMessage, PageLabels};
use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderValue, StatusCode};
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use std::sync::LazyLock;

/// The content of the `style` element.
const STYLE: &str = include_str!("page.css");

/// A version of SOAP, which a fault has in common with its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultVersion {
    Soap11,
    Soap12,
}

impl FaultVersion {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Soap11 => "text/xml; charset=utf-8",
            Self::Soap12 => "application/soap+xml; charset=utf-8",
        }
    }
}

/// Returns an HTML page. It loads no resources, and its only style is inline.
pub(super) fn html_page(message: &ErrorMessage<'_>) -> String {
    let status = message.denial.status().as_u16();
    ErrorTemplate::Page.render(PageContext {
        language: message.language.tag(),
        labels: message.labels,
        style: STYLE,
        title: message.text.title,
        explanation: message.text.explanation,
        steps: message.text.steps,
        hint: message.hint,
        help: message.help,
        id: message.denial.id(),
        // In the notation of IIS, by which administrators find it in the documentation of Microsoft.
        code: message
            .denial
            .sub_status()
            .map_or(format!("{status}"), |sub_status| format!("{status}.{sub_status}")),
        request_id: message.request_id,
    })
}

/// Returns a SOAP fault (SOAP 1.1 section 4.4, SOAP 1.2 Part 1 section 5.4).
///
/// Its code is that of the server (`Server`, in SOAP 1.2 `Receiver`), as RMS servers send it and RMS clients expect it
/// ([MS-RMPR] section 3.1.4.5). The code of the client would blame the message, which the gateway does not read.
pub(super) fn soap_fault(message: &ErrorMessage<'_>, version: FaultVersion) -> String {
    ErrorTemplate::Fault.render(FaultContext {
        soap12: version == FaultVersion::Soap12,
        language: message.language.tag(),
        exception: exception_name(message.denial.status()),
        title: message.text.title,
        explanation: message.text.explanation,
        steps: message.text.steps,
        hint: message.hint,
        help: message.help.map(xml_characters),
        id: message.denial.id(),
        status: message.denial.status().as_u16(),
        sub_status: message.denial.sub_status(),
        request_id: xml_characters(message.request_id),
    })
}

/// Returns a problem document (RFC 9457).
pub(super) fn problem_document(message: &ErrorMessage<'_>) -> String {
    let problem = ProblemDocument {
        r#type: format!("urn:portcullis:denial:{}", message.denial),
        title: message.text.title,
        status: message.denial.status().as_u16(),
        detail: message.text.explanation,
        id: message.denial.id(),
        sub_status: message.denial.sub_status(),
        what_to_do: message.text.steps,
        hint: message.hint,
        help: message.help,
        request_id: message.request_id,
    };
    serde_json::to_string(&problem).expect("every member is a string, a number, a list of strings or null")
}

/// Returns the content security policy of an error page, which allows the style of the page and nothing else.
pub(super) fn content_security_policy() -> HeaderValue {
    CONTENT_SECURITY_POLICY.clone()
}

/// The hash is that of the exact content of the `style` element, including white space (CSP Level 3, `style-src`).
static CONTENT_SECURITY_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("base64 and the directives are visible ASCII")
});

#[derive(Serialize)]
struct PageContext<'a> {
    language: &'static str,
    labels: PageLabels,
    style: &'static str,
    title: &'static str,
    explanation: &'static str,
    steps: &'static [&'static str],
    hint: Option<&'static str>,
    help: Option<&'a str>,
    id: &'static str,
    code: String,
    request_id: &'a str,
}

#[derive(Serialize)]
struct FaultContext {
    soap12: bool,
    language: &'static str,
    exception: &'static str,
    title: &'static str,
    explanation: &'static str,
    steps: &'static [&'static str],
    hint: Option<&'static str>,
    help: Option<String>,
    id: &'static str,
    status: u16,
    sub_status: Option<u8>,
    request_id: String,
}

/// The members `type`, `title`, `status` and `detail` are those of RFC 9457. The others are extension members (section 3.2).
#[derive(Serialize)]
struct ProblemDocument<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
    id: &'static str,
    sub_status: Option<u8>,
    what_to_do: &'static [&'static str],
    hint: Option<&'static str>,
    help: Option<&'a str>,
    request_id: &'a str,
}

/// Returns the name of the exception at the beginning of a fault's string, which RMS clients parse ([MS-RMPR] section
/// 3.1.4.5). The first name is that of RMS for an unauthenticated user ([MS-RMPR] section 3.3.4.1), the second that of
/// ASP.NET.
fn exception_name(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "System.UnauthorizedAccessException",
        _ => "System.Web.HttpException",
    }
}

/// Returns `text` without the characters that an XML document must not contain, escaped or not (XML 1.0 section 2.2).
fn xml_characters(text: &str) -> String {
    let is_allowed =
        |character: &char| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(is_allowed).collect()
}

/// A template of this folder.
#[derive(Clone, Copy)]
enum ErrorTemplate {
    Page,
    Fault,
}

impl ErrorTemplate {
    const ALL: [Self; 2] = [Self::Page, Self::Fault];

    const fn name(self) -> &'static str {
        match self {
            Self::Page => "page.html",
            Self::Fault => "fault.xml",
        }
    }

    const fn source(self) -> &'static str {
        match self {
            Self::Page => include_str!("page.html"),
            Self::Fault => include_str!("fault.xml"),
        }
    }

    fn render(self, context: impl Serialize) -> String {
        let template = TEMPLATES.get_template(self.name()).expect("the environment contains all templates");
        template.render(Serde(context)).expect("the tests render this template with this type of context")
    }
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for template in ErrorTemplate::ALL {
        let added = environment.add_template(template.name(), template.source());
        added.expect("the sources are constants, and the tests compile them");
    }
    environment
});
