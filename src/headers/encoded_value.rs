//! Takes any text, gives a header value in printable ASCII that percent-decodes to it (RFC 3986 2.1, UTF-8).
//!
//! Never cuts. IIS reads header bytes as ANSI or UTF-8 by version and setting, so nothing but ASCII is sent.

use http::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What is encoded in every value: controls and all beyond ASCII (both always), and the percent sign.
pub(super) const IN_VALUE: &AsciiSet = &CONTROLS.add(b'%');
/// In an item of a list that is separated by commas, also the comma.
pub(super) const IN_LIST: &AsciiSet = &IN_VALUE.add(b',');

/// Appends `text`. Spaces at either end are encoded too, since HTTP takes them for padding (RFC 9110 5.5).
pub(super) fn push_encoded(value: &mut String, text: &str, set: &'static AsciiSet) {
    let after_spaces = text.trim_start_matches(' ');
    let inner = after_spaces.trim_end_matches(' ');
    value.extend(std::iter::repeat_n("%20", text.len() - after_spaces.len()));
    value.extend(utf8_percent_encode(inner, set));
    value.extend(std::iter::repeat_n("%20", after_spaces.len() - inner.len()));
}

/// `text` as the value of a header of its own.
pub(super) fn encode(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    push_encoded(&mut value, text, IN_VALUE);
    value
}

/// Takes what this file or base64 wrote.
pub(super) fn header_value(printable: String) -> HeaderValue {
    HeaderValue::try_from(printable)
        .expect("percent-encoding and base64 leave only printable ASCII and inner spaces")
}
