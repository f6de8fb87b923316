//! The one line of text in a file with a password or another secret.
//!
//! Editors and shells add to the text that the operator typed. Additions that are certainly not part of the secret are
//! removed: the end of the line, and a UTF-8 byte order mark before it. All others are errors: the login would fail
//! without a reason.

use std::str;

/// The reason why a file is not one line of text. Never quotes the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OneLineError {
    /// Nothing, or an empty line.
    #[error("line 1: the file is empty")]
    Empty,
    /// More than one line, a blank one included.
    #[error("line 2: the file has more than one line")]
    SecondLine,
    /// UTF-16, as Notepad and PowerShell's `>` may write it.
    #[error("line 1: the file is in UTF-16")]
    Utf16,
    /// Neither ASCII nor UTF-8.
    #[error("line 1: the file is not in UTF-8")]
    NotUtf8,
    /// A control character.
    #[error("line 1: the line contains a control character")]
    Control,
}

impl OneLineError {
    /// Returns the fix.
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Empty | Self::SecondLine => "write the secret, and nothing else, in one line",
            Self::Utf16 | Self::NotUtf8 => "save the file as UTF-8",
            Self::Control => "write the secret as text in one line",
        }
    }
}

/// Returns the line without its end.
pub(super) fn one_line(file: &[u8]) -> Result<&[u8], OneLineError> {
    if file.starts_with(&[0xff, 0xfe]) || file.starts_with(&[0xfe, 0xff]) {
        return Err(OneLineError::Utf16);
    }
    let text = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        return Err(OneLineError::Empty);
    }
    if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Err(OneLineError::SecondLine);
    }
    let letters = str::from_utf8(line).map_err(|_| OneLineError::NotUtf8)?;
    if letters.chars().any(char::is_control) {
        return Err(OneLineError::Control);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_line_and_a_byte_order_mark_are_not_part_of_the_secret() {
        for file in ["hunter2", "hunter2\n", "hunter2\r\n", "hunter2\r", "\u{feff}hunter2\r\n"] {
            assert_eq!(one_line(file.as_bytes()), Ok(b"hunter2".as_slice()), "{file:?}");
        }
        assert_eq!(one_line(" p\u{e4}ss wort ".as_bytes()), Ok(" p\u{e4}ss wort ".as_bytes()));
    }

    #[test]
    fn a_file_that_may_contain_another_secret_is_rejected() {
        let wide = |order: fn(u16) -> [u8; 2], mark: &str| {
            format!("{mark}hunter2").encode_utf16().flat_map(order).collect::<Vec<u8>>()
        };
        for (file, error) in [
            (b"".to_vec(), OneLineError::Empty),
            (b"\n".to_vec(), OneLineError::Empty),
            ("\u{feff}\r\n".into(), OneLineError::Empty),
            (b"hunter2\n\n".to_vec(), OneLineError::SecondLine),
            (b"hunter2\nhunter3\n".to_vec(), OneLineError::SecondLine),
            (b"hunter2\rhunter3".to_vec(), OneLineError::SecondLine),
            (b"\nhunter2\n".to_vec(), OneLineError::SecondLine),
            (wide(u16::to_le_bytes, "\u{feff}"), OneLineError::Utf16),
            (wide(u16::to_be_bytes, "\u{feff}"), OneLineError::Utf16),
            (wide(u16::to_le_bytes, ""), OneLineError::Control),
            (b"p\xe4sswort".to_vec(), OneLineError::NotUtf8),
            (b"hunter2\x1a".to_vec(), OneLineError::Control),
            (b"hunter\t2".to_vec(), OneLineError::Control),
        ] {
            assert_eq!(one_line(&file), Err(error), "{file:?}");
        }
    }
}
