//! Takes sections of labels and values, gives aligned lines for people. Whatever a certificate or a configuration says
//! is written so that it can neither forge a line nor steer a terminal.

use std::fmt;

/// The lines of one answer.
#[derive(Debug, Default)]
pub(super) struct TextOutput {
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Heading(String),
    Entry { label: &'static str, value: String },
}

impl TextOutput {
    /// Begins a section.
    pub(super) fn heading(&mut self, text: &str) {
        self.lines.push(Line::Heading(visible(text)));
    }

    /// One label with one value.
    pub(super) fn entry(&mut self, label: &'static str, value: impl fmt::Display) {
        self.lines.push(Line::Entry { label, value: visible(&value.to_string()) });
    }

    /// One label with many values, each on its own line; nothing where there is none.
    pub(super) fn list(&mut self, label: &'static str, values: impl IntoIterator<Item = impl fmt::Display>) {
        for (index, value) in values.into_iter().enumerate() {
            self.entry(if index == 0 { label } else { "" }, value);
        }
    }
}

impl fmt::Display for TextOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |line: &Line| match line {
            Line::Heading(_) => 0,
            Line::Entry { label, .. } => label.len(),
        };
        let width = self.lines.iter().map(width).max().unwrap_or(0);
        for (index, line) in self.lines.iter().enumerate() {
            match line {
                Line::Heading(text) if index == 0 => writeln!(f, "{text}")?,
                Line::Heading(text) => writeln!(f, "\n{text}")?,
                Line::Entry { label, value } => writeln!(f, "  {label:<width$}  {value}")?,
            }
        }
        Ok(())
    }
}

/// Every character that a terminal would act on, or that is not seen, as its number: `\u{202e}`.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_below_each_other_under_their_headings() {
        let mut output = TextOutput::default();
        output.heading("one");
        output.entry("a", 1);
        output.list("long label", ["x", "y"]);
        output.list("nothing", [""; 0]);
        output.heading("two");
        assert_eq!(output.to_string(), "one\n  a           1\n  long label  x\n              y\n\ntwo\n");
    }

    #[test]
    fn what_a_certificate_says_cannot_forge_a_line_or_steer_a_terminal() {
        assert_eq!(visible("a\nb\x1b[2J\u{202e}c"), "a\\nb\\u{1b}[2J\\u{202e}c");
        assert_eq!(visible("CORP\\o'neil é"), "CORP\\o'neil é");
    }
}
