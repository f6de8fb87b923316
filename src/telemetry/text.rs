//! Text that a client can influence, truncated and escaped once, when it enters.
//!
//! Audit records and log lines contain only [`BoundedText`], and every constructor applies the bound, so that code that
//! writes an unbounded string of a client does not compile.

use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write};
use std::sync::Arc;

/// The end of a text that was cut.
pub(crate) const CUT_MARK: &str = "…[cut]";

/// Text of at most `N` bytes in JSON, including [`CUT_MARK`] if it was cut. Characters that end a line, control a terminal
/// or change the direction of text (UAX 9) are written as `\x1b` or `\u{202e}`. Clones share the text.
#[derive(Clone)]
pub struct BoundedText<const N: usize>(TextStorage);

#[derive(Clone)]
enum TextStorage {
    /// A constant of this program.
    Static(&'static str),
    Copied(Arc<str>),
}

impl<const N: usize> BoundedText<N> {
    /// Returns the display form of `value`, cut and escaped. Formatting stops at the bound.
    pub fn of(value: impl fmt::Display) -> Self {
        let mut writer = BoundedWriter::new(N);
        // The writer returns an error at the bound, which ends the formatting early.
        write!(writer, "{value}").ok();
        Self(TextStorage::Copied(writer.finish().into()))
    }

    /// Returns `text`, cut and escaped. Most texts need neither, and are only copied.
    pub fn of_str(text: &str) -> Self {
        if is_plain(text) && json_length(text) <= N {
            return Self(TextStorage::Copied(text.into()));
        }
        Self::of(text)
    }

    /// Wraps a constant of this program, which no client can influence.
    pub const fn from_static(text: &'static str) -> Self {
        Self(TextStorage::Static(text))
    }

    /// Returns an error and its sources, the outermost first, separated by colons.
    pub fn error_chain(error: &dyn Error) -> Self {
        Self::of(ErrorChain(error))
    }

    /// Returns the text, escaped and bounded.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            TextStorage::Static(text) => text,
            TextStorage::Copied(text) => text,
        }
    }
}

/// The reason of a denial, for the audit record.
pub(crate) type Detail = BoundedText<512>;

/// Returns `text` if it takes at most `limit` bytes in JSON, else its beginning and [`CUT_MARK`] within the limit.
pub(crate) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit / LONGEST_ESCAPE || json_length(text) <= limit {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}{CUT_MARK}", prefix(text, limit.saturating_sub(CUT_MARK.len()))))
}

/// Returns the longest prefix of `text` that takes at most `limit` bytes in JSON.
pub(crate) fn prefix(text: &str, limit: usize) -> &str {
    let mut length = 0;
    let end = text.char_indices().find(|(_, character)| {
        length += json_length_of(*character);
        length > limit
    });
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// Returns `error` and its sources, the outermost first, separated by colons: each message reports its own step only.
/// Unbounded: for the operator's own files and settings. Errors that a client or another server can influence go into
/// [`BoundedText::error_chain`].
pub(crate) fn display_chain(error: &dyn Error) -> String {
    ErrorChain(error).to_string()
}

struct ErrorChain<'a>(&'a dyn Error);

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Collects text up to a limit.
struct BoundedWriter {
    text: String,
    limit: usize,
    /// The length of the text in JSON.
    length: usize,
    /// The length to truncate to if the mark must follow.
    end_before_mark: usize,
    is_cut: bool,
}

impl BoundedWriter {
    fn new(limit: usize) -> Self {
        Self { text: String::new(), limit, length: 0, end_before_mark: 0, is_cut: false }
    }

    fn push(&mut self, piece: &str) -> fmt::Result {
        let length = self.length + json_length(piece);
        if length > self.limit {
            self.is_cut = true;
            return Err(fmt::Error);
        }
        self.text.push_str(piece);
        self.length = length;
        if length + CUT_MARK.len() <= self.limit {
            self.end_before_mark = self.text.len();
        }
        Ok(())
    }

    fn finish(mut self) -> String {
        if self.is_cut {
            self.text.truncate(self.end_before_mark);
            self.text.push_str(CUT_MARK);
        }
        self.text
    }
}

impl Write for BoundedWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        if is_plain(text) && self.length + json_length(text) + CUT_MARK.len() <= self.limit {
            return self.push(text);
        }
        let mut buffer = [0; 4];
        for character in text.chars() {
            match u32::from(character) {
                _ if !must_be_escaped(character) => self.push(character.encode_utf8(&mut buffer))?,
                code @ ..0x100 => self.push(&format!("\\x{code:02x}"))?,
                code => self.push(&format!("\\u{{{code:x}}}"))?,
            }
        }
        Ok(())
    }
}

/// Returns whether a character must be escaped: control characters (including DEL and C1), the line and paragraph
/// separators of Unicode, and the characters that change the direction of text (UAX 9), which could make one name look
/// like another.
fn must_be_escaped(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}')
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The most bytes that one byte of a text takes in JSON.
const LONGEST_ESCAPE: usize = "\\u001f".len();

/// Returns the number of bytes of the text in JSON, without the quotes.
pub(crate) fn json_length(text: &str) -> usize {
    // By bytes, which the compiler vectorizes: a byte of a longer character counts as one, as does the character's length.
    text.bytes()
        .map(|byte| 1 + usize::from(matches!(byte, b'"' | b'\\')) + 5 * usize::from(byte < b' '))
        .sum()
}

/// Returns whether the text is printable ASCII. Without an early exit, so that the compiler vectorizes it.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |is_plain, byte| is_plain & matches!(byte, 0x20..0x7f))
}

fn json_length_of(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        '\0'..' ' => "\\u001f".len(),
        _ => character.len_utf8(),
    }
}

impl<const N: usize> From<&'static str> for BoundedText<N> {
    fn from(text: &'static str) -> Self {
        Self::from_static(text)
    }
}

impl<const N: usize> From<String> for BoundedText<N> {
    fn from(text: String) -> Self {
        Self::of(text)
    }
}

impl<const N: usize> From<Cow<'static, str>> for BoundedText<N> {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::from_static(text),
            Cow::Owned(text) => Self::of(text),
        }
    }
}

impl<const N: usize> PartialEq for BoundedText<N> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (TextStorage::Copied(one), TextStorage::Copied(other)) if Arc::ptr_eq(one, other) => true,
            _ => self.as_str() == other.as_str(),
        }
    }
}

impl<const N: usize> Eq for BoundedText<N> {}

impl<const N: usize> fmt::Display for BoundedText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for BoundedText<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> Serialize for BoundedText<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text<const N: usize>(value: &str) -> String {
        BoundedText::<N>::of(value).to_string()
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the file cannot be read")]
    struct OuterError(#[source] std::io::Error);

    #[test]
    fn every_source_follows_its_error() {
        assert_eq!(
            display_chain(&OuterError(std::io::Error::other("no such file"))),
            "the file cannot be read: no such file"
        );
    }

    #[test]
    fn a_text_within_the_bound_is_unchanged() {
        assert_eq!(text::<12>("CORP\\zoë"), "CORP\\zoë");
        assert_eq!(text::<8>("12345678"), "12345678");
    }

    #[test]
    fn a_text_beyond_the_bound_is_cut_and_marked() {
        assert_eq!(text::<12>("1234567890123"), "1234…[cut]");
        assert_eq!(text::<12>("\"\"\"\"\"\"\""), "\"\"…[cut]");
        assert_eq!(text::<12>("日本日本日本"), "日…[cut]");
    }

    #[test]
    fn no_character_ends_the_line_or_changes_the_direction_of_text() {
        let hostile = "a\r\n\u{0}\u{1b}\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{2066}b";
        let escaped = r"a\x0d\x0a\x00\x1b\x7f\x85\u{2028}\u{2029}\u{202e}\u{2066}b";
        assert_eq!(text::<256>(hostile), escaped);
    }

    #[test]
    fn an_escape_sequence_is_never_split() {
        assert_eq!(text::<20>("1234567\u{202e}890123456"), "1234567…[cut]");
    }

    #[test]
    fn formatting_stops_at_the_bound() {
        struct EndlessName;
        impl fmt::Display for EndlessName {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("CN=x,")?;
                }
            }
        }
        assert_eq!(BoundedText::<20>::of(EndlessName).as_str(), "CN=x,CN=x,CN…[cut]");
    }

    proptest! {
        #[test]
        fn no_text_is_longer_in_json_than_its_bound(value in any::<String>(), limit in 16_usize..64) {
            let bounded = BoundedText::<64>::of(&value);
            let json = serde_json::to_string(&bounded).unwrap();
            prop_assert!(json.len() <= 64 + 2, "{json}");
            let shorter = serde_json::to_string(&cut(bounded.as_str(), limit)).unwrap();
            prop_assert!(shorter.len() <= limit + 2, "{shorter}");
        }
    }
}
