//! The TOML syntax of proxy.toml: the tables as far as they can be read, and every syntax error.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::span::Span;
use toml::de::{DeTable, Error};

/// Returns the tables of `text`, with the readable parts of broken lines, and the errors of those.
pub(crate) fn parse_toml(text: &str) -> (DeTable<'_>, Vec<Error>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    (table.into_inner(), errors)
}

/// Records the syntax errors, one per line, and those of the diagnostics `found` in the readable rest that cannot follow
/// from them: the ones about a single key or value on another line. None of these after a broken table header or an
/// open list, since the table of the keys below is unknown.
pub(crate) fn merge_errors(
    mut errors: Vec<Error>,
    found: &Diagnostics,
    text: &str,
    diagnostics: &mut Diagnostics,
) {
    errors.sort_by_key(|error| error.span().map_or(text.len(), |span| span.start));
    let mut broken_lines: Vec<Span> = Vec::new();
    for error in errors {
        let span = error.span().map_or(Span { start: text.len(), end: text.len() }, Span::from);
        // After the first error of a line the parser has lost its place; the others only report that.
        if broken_lines.last().is_some_and(|line| line.start <= span.start && span.start <= line.end) {
            continue;
        }
        let line = line_around(text, span.start);
        let written_line = text.get(line.start..line.end).unwrap_or_default().trim();
        let opens_line = text.get(line.start..span.start).is_some_and(|before| before.trim().is_empty());
        let in_list = error.message().starts_with("missing comma between array elements");
        if in_list && opens_line && starts_anew(written_line) {
            let help = "add the missing `]` and check again: nothing from here on could be read";
            diagnostics.error(line, "a list above this line is not closed").help(help);
            return;
        }
        describe(diagnostics, span, error.message(), text.get(span.start..span.end).unwrap_or_default());
        broken_lines.push(line);
    }
    let is_header =
        |line: &Span| text.get(line.start..line.end).is_some_and(|line| line.trim_start().starts_with('['));
    if broken_lines.iter().any(is_header) {
        return;
    }
    // The lines are sorted and have no byte in common, so the first that ends after the start of an entry decides.
    let on_another_line = |entry: &&Diagnostic| {
        let first = broken_lines.partition_point(|line| line.end < entry.span.start);
        broken_lines.get(first).is_none_or(|line| entry.span.end < line.start)
    };
    for entry in found.iter().filter(|entry| entry.stands_alone).filter(on_another_line) {
        diagnostics.error(entry.span, "").clone_from(entry);
    }
}

/// Returns whether a line looks like a key with its value or like a table's header, neither of which occurs inside a list.
fn starts_anew(line: &str) -> bool {
    let is_key = |key: &str| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
    };
    let is_header = line.starts_with('[') && line.ends_with(']') && !line.contains(['"', '\'', ',']);
    is_header || line.split_once('=').is_some_and(|(key, _)| is_key(key.trim_end()))
}

/// The parser's messages use the terms of the TOML grammar; the most frequent errors get plainer ones.
fn describe(diagnostics: &mut Diagnostics, span: Span, message: &str, written: &str) {
    // The parser guesses a value's type by its first letter: it reads `two` as a misspelt `true`.
    let misread_word = |message: &str| {
        message.starts_with("invalid") && written.starts_with(|letter: char| letter.is_ascii_alphabetic())
    };
    match message {
        "duplicate key" => {
            let help = "keep one of them; a table that may be repeated has two brackets, as in [[site]]";
            diagnostics.error(span, format!("`{written}` is a duplicate key")).key(written).help(help);
        }
        message if message.starts_with("string values must be quoted") && written.is_empty() => {
            let help = "write one, or remove the line for the default";
            diagnostics.error(span, "the key has no value").help(help);
        }
        message if message.starts_with("string values must be quoted") || misread_word(message) => {
            let help = match written.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => "write true, or text in quotes: \"…\"",
                "false" | "no" | "off" => "write false, or text in quotes: \"…\"",
                _ => "write text in quotes: \"…\"",
            };
            diagnostics.error(span, "this value has no quotes").help(help);
        }
        message if message.contains("escape") => {
            let help =
                "in \"…\" a backslash starts an escape; in single quotes it is a letter: 'CORP\\alice'";
            diagnostics.error(span, message).help(help);
        }
        message => _ = diagnostics.error(span, message),
    }
}

fn line_around(text: &str, byte: usize) -> Span {
    let before = text.as_bytes().get(..byte).unwrap_or(text.as_bytes());
    let after = text.as_bytes().get(byte..).unwrap_or_default();
    let start = before.iter().rposition(|letter| *letter == b'\n').map_or(0, |newline| newline + 1);
    let end = after.iter().position(|letter| *letter == b'\n').map_or(text.len(), |newline| byte + newline);
    Span { start, end }
}
