//! The one way in which text that a client can influence reaches records, log lines and messages: cut, marked as cut and
//! escaped once, where it enters.
//!
//! [`BoundedText`] has no constructor that takes such text unbounded, and records and log lines take nothing else, so a
//! client's `String` does not compile there.

use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::error::Error;
use std::fmt::{self, Write};
use std::sync::Arc;

/// Stands at the end of a text that was cut.
pub const CUT_MARK: &str = "…[cut]";

/// Text of at most `N` bytes in JSON, its mark included where it was cut. Characters that end a line, control a terminal
/// or change the direction of writing (UAX 9) are written as `\x1b` or `\u{202e}`. Clones share the text.
#[derive(Clone)]
pub struct BoundedText<const N: usize>(Text);

#[derive(Clone)]
enum Text {
    /// Words of this program.
    Own(&'static str),
    Copied(Arc<str>),
}

impl<const N: usize> BoundedText<N> {
    /// What `value` displays, cut and escaped. The rest of a value that is too long is never formatted.
    pub fn of(value: impl fmt::Display) -> Self {
        let mut writer = Bounded::new(N);
        // The writer fails where the text is full, which ends the formatting early.
        write!(writer, "{value}").ok();
        Self(Text::Copied(writer.finish().into()))
    }

    /// Words of this program, which no client can influence.
    pub const fn own(words: &'static str) -> Self {
        Self(Text::Own(words))
    }

    /// What an error and all its causes say, the outermost first, separated by colons.
    pub fn causes(error: &dyn Error) -> Self {
        Self::of(Causes(error))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Own(words) => words,
            Text::Copied(text) => text,
        }
    }
}

/// Why a request was refused, for its record.
pub type Detail = BoundedText<512>;

/// `text` where it takes at most `limit` bytes in JSON, else its beginning and [`CUT_MARK`] in as many.
pub fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    if json_length(text) <= limit {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}{CUT_MARK}", beginning(text, limit.saturating_sub(CUT_MARK.len()))))
}

/// The longest beginning of `text` that takes at most `limit` bytes in JSON.
pub fn beginning(text: &str, limit: usize) -> &str {
    let mut length = 0;
    let end = text.char_indices().find(|(_, character)| {
        length += json_length_of(*character);
        length > limit
    });
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// An error with its causes: each message reports its own step only.
pub(super) struct Causes<'a>(pub(super) &'a dyn Error);

impl fmt::Display for Causes<'_> {
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

/// Takes text until it is full.
struct Bounded {
    text: String,
    limit: usize,
    /// How long the text is in JSON.
    length: usize,
    /// Where the text ends if the mark has to follow.
    end_before_mark: usize,
    is_cut: bool,
}

impl Bounded {
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

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        let plain = text.bytes().all(|byte| matches!(byte, 0x20..0x7f));
        if plain && self.length + json_length(text) + CUT_MARK.len() <= self.limit {
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

/// Control characters (DEL and C1 among them), Unicode's own line and paragraph separators, and the characters that
/// change the direction of text (UAX 9), by which a name could show as another.
fn must_be_escaped(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}')
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many bytes the text is in JSON, without the quotes.
fn json_length(text: &str) -> usize {
    text.chars().map(json_length_of).sum()
}

fn json_length_of(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        '\0'..' ' => "\\u001f".len(),
        _ => character.len_utf8(),
    }
}

impl<const N: usize> From<&'static str> for BoundedText<N> {
    fn from(words: &'static str) -> Self {
        Self::own(words)
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
            Cow::Borrowed(words) => Self::own(words),
            Cow::Owned(text) => Self::of(text),
        }
    }
}

impl<const N: usize> PartialEq for BoundedText<N> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Text::Copied(one), Text::Copied(other)) if Arc::ptr_eq(one, other) => true,
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

    #[test]
    fn a_text_that_fits_stays_as_it_is() {
        assert_eq!(text::<12>("CORP\\zoë"), "CORP\\zoë");
        assert_eq!(text::<8>("12345678"), "12345678");
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_and_marked() {
        assert_eq!(text::<12>("1234567890123"), "1234…[cut]");
        assert_eq!(text::<12>("\"\"\"\"\"\"\""), "\"\"…[cut]");
        assert_eq!(text::<12>("日本日本日本"), "日…[cut]");
    }

    #[test]
    fn no_character_breaks_a_line_or_turns_its_text() {
        let hostile = "a\r\n\u{0}\u{1b}\u{7f}\u{85}\u{2028}\u{2029}\u{202e}\u{2066}b";
        let escaped = r"a\x0d\x0a\x00\x1b\x7f\x85\u{2028}\u{2029}\u{202e}\u{2066}b";
        assert_eq!(text::<256>(hostile), escaped);
    }

    #[test]
    fn an_escape_is_never_cut_in_two() {
        assert_eq!(text::<20>("1234567\u{202e}890123456"), "1234567…[cut]");
    }

    #[test]
    fn the_rest_of_a_long_value_is_never_formatted() {
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("CN=x,")?;
                }
            }
        }
        assert_eq!(BoundedText::<20>::of(Endless).as_str(), "CN=x,CN=x,CN…[cut]");
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
