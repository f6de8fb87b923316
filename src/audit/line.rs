//! Takes a record, gives its line. A line is one line for every reader: JSON already escapes what is below U+0020, and
//! this escapes the rest of what breaks lines or turns text around in a terminal.

use super::AuditRecord;
use serde::Serialize;
use serde_json::ser::Formatter;
use std::io;

/// Appends the record's JSON and a line feed.
pub(super) fn append(record: &AuditRecord, lines: &mut Vec<u8>) {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *lines, OneLine);
    record
        .serialize(&mut serializer)
        .expect("a Vec takes all bytes, and every key of the record is a string");
    lines.push(b'\n');
}

/// JSON without white space, in which every character of [`must_be_escaped`] is escaped.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) =
            rest.char_indices().find(|(_, character)| must_be_escaped(*character))
        {
            let (plain, tail) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = tail.get(character.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Control characters (DEL and C1 among them), Unicode's own line and paragraph separators, and the characters that
/// change the direction of text (UAX 9), by which a name could show as another.
fn must_be_escaped(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}')
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
