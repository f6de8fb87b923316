//! A denial as an HTML page. It loads nothing: its one style is inline, and its content security policy permits only
//! that style, by its hash.

use super::message::Message;
use super::templates::Template;
use super::text::Labels;
use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use serde::Serialize;
use std::sync::LazyLock;

/// The text between `<style>` and `</style>`.
const STYLE: &str = include_str!("page.css");

/// The hash is that of the element's exact text, white space included (CSP Level 3, `style-src`).
static CONTENT_SECURITY_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).expect("base64 and the words around it are visible ASCII")
});

#[derive(Serialize)]
struct Context<'a> {
    language: &'static str,
    labels: Labels,
    style: &'static str,
    title: &'static str,
    what: &'static str,
    steps: &'static [&'static str],
    hint: Option<&'static str>,
    help: Option<&'a str>,
    id: &'static str,
    code: String,
    request_id: &'a str,
}

pub(super) fn write(message: &Message<'_>) -> String {
    let status = message.denial.status().as_u16();
    Template::Page.render(Context {
        language: message.locale.tag(),
        labels: message.locale.labels(),
        style: STYLE,
        title: message.words.title,
        what: message.words.what,
        steps: message.words.steps,
        hint: message.hint,
        help: message.help,
        id: message.denial.id(),
        // As IIS writes it in its log and on its own pages, so that people find it in Microsoft's documents.
        code: message
            .denial
            .sub_status()
            .map_or(format!("{status}"), |sub_status| format!("{status}.{sub_status}")),
        request_id: message.request_id,
    })
}

/// The policy that lets the page's own style work and nothing else.
pub(super) fn content_security_policy() -> HeaderValue {
    CONTENT_SECURITY_POLICY.clone()
}
