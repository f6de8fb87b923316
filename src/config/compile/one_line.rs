//! Finds the one line of text in a file that holds a password or another secret.
//!
//! Editors and shells leave more in a file than the person typed. What is no part of the secret beyond doubt is removed:
//! the end of the line, and a UTF-8 byte order mark before it. Everything else that would make the secret another one
//! is refused: a log-in that fails tells nobody why.

use std::fmt;
use std::str;

/// Why a file does not hold one line of text. Never quotes the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFault {
    /// Nothing, or an empty line.
    Empty,
    /// More than one line, a blank one included.
    SecondLine,
    /// UTF-16, as Notepad and PowerShell's `>` may write it.
    Utf16,
    /// Neither ASCII nor UTF-8.
    NotUtf8,
    /// A control character.
    Control,
}

impl LineFault {
    /// What to do.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Empty | Self::SecondLine => "write the secret, and nothing else, in one line",
            Self::Utf16 | Self::NotUtf8 => "save the file as UTF-8",
            Self::Control => "write the secret as text in one line",
        }
    }
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "line 1: it holds nothing",
            Self::SecondLine => "line 2: it has more than one line",
            Self::Utf16 => "line 1: it is in UTF-16",
            Self::NotUtf8 => "line 1: it is not in UTF-8",
            Self::Control => "line 1: it holds a control character",
        })
    }
}

/// The line without its end.
pub(super) fn one_line(file: &[u8]) -> Result<&[u8], LineFault> {
    if file.starts_with(&[0xff, 0xfe]) || file.starts_with(&[0xfe, 0xff]) {
        return Err(LineFault::Utf16);
    }
    let text = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(LineFault::Empty);
    }
    if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Err(LineFault::SecondLine);
    }
    let letters = str::from_utf8(line).map_err(|_| LineFault::NotUtf8)?;
    if letters.chars().any(char::is_control) {
        return Err(LineFault::Control);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_line_and_a_byte_order_mark_are_no_part_of_the_secret() {
        for file in ["hunter2", "hunter2\n", "hunter2\r\n", "hunter2\r", "\u{feff}hunter2\r\n"] {
            assert_eq!(one_line(file.as_bytes()), Ok(b"hunter2".as_slice()), "{file:?}");
        }
        assert_eq!(one_line(" p\u{e4}ss wort ".as_bytes()), Ok(" p\u{e4}ss wort ".as_bytes()));
    }

    #[test]
    fn a_file_that_may_hold_another_secret_than_was_meant_is_refused() {
        let wide = |order: fn(u16) -> [u8; 2], mark: &str| {
            format!("{mark}hunter2").encode_utf16().flat_map(order).collect::<Vec<u8>>()
        };
        for (file, fault) in [
            (b"".to_vec(), LineFault::Empty),
            (b"\n".to_vec(), LineFault::Empty),
            ("\u{feff}\r\n".into(), LineFault::Empty),
            (b"hunter2\n\n".to_vec(), LineFault::SecondLine),
            (b"hunter2\nhunter3\n".to_vec(), LineFault::SecondLine),
            (b"hunter2\rhunter3".to_vec(), LineFault::SecondLine),
            (b"\nhunter2\n".to_vec(), LineFault::SecondLine),
            (wide(u16::to_le_bytes, "\u{feff}"), LineFault::Utf16),
            (wide(u16::to_be_bytes, "\u{feff}"), LineFault::Utf16),
            (wide(u16::to_le_bytes, ""), LineFault::Control),
            (b"p\xe4sswort".to_vec(), LineFault::NotUtf8),
            (b"hunter2\x1a".to_vec(), LineFault::Control),
            (b"hunter\t2".to_vec(), LineFault::Control),
        ] {
            assert_eq!(one_line(&file), Err(fault), "{file:?}");
        }
    }
}
