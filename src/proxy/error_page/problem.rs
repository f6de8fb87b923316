//! A denial as a problem document (RFC 9457).

use super::message::Message;
use serde::Serialize;

/// `type`, `title`, `status` and `detail` are RFC 9457's; the rest are extension members (3.2) of ours, which stay.
#[derive(Serialize)]
struct Problem<'a> {
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

pub(super) fn write(message: &Message<'_>) -> String {
    let problem = Problem {
        r#type: format!("urn:portcullis:denial:{}", message.denial),
        title: message.words.title,
        status: message.denial.status().as_u16(),
        detail: message.words.what,
        id: message.denial.id(),
        sub_status: message.denial.sub_status(),
        what_to_do: message.words.steps,
        hint: message.hint,
        help: message.help,
        request_id: message.request_id,
    };
    serde_json::to_string(&problem).expect("every member is a string, a number, a list of strings or null")
}
