//! Diagnostics as text for people, with the lines of the file, and as JSON for programs.

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::span::Span;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use std::ops::Range;

/// A file that is not TOML at all has an error on every line.
const MAX_DRAWN: usize = 100;

/// Whether the text may contain terminal escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// For files and pipes.
    Plain,
    /// For a terminal.
    Styled,
}

impl Diagnostics {
    /// Returns each diagnostic with its line underlined, then the counts; the first hundred are drawn, all are counted. Empty if
    /// there are none.
    pub fn render(&self, colour: Colour) -> String {
        let mut diagnostics = self.iter();
        if diagnostics.len() == 0 {
            return String::new();
        }
        let renderer = match colour {
            Colour::Plain => Renderer::plain(),
            Colour::Styled => Renderer::styled(),
        };
        let mut text = String::new();
        for diagnostic in diagnostics.by_ref().take(MAX_DRAWN) {
            text.push_str(&renderer.render(&[self.drawing(diagnostic)]));
            text.push_str("\n\n");
        }
        let not_drawn = diagnostics.len();
        if not_drawn > 0 {
            text.push_str(&format!("… and {not_drawn} more\n\n"));
        }
        text.push_str(&self.summary());
        text.push('\n');
        text
    }

    /// Returns the counts: `3 errors, 1 warning in proxy.toml`.
    pub fn summary(&self) -> String {
        let plural =
            |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        let counts = match (self.errors(), self.warnings()) {
            (0, 0) => "nothing wrong".to_owned(),
            (0, warnings) => plural(warnings, "warning"),
            (errors, 0) => plural(errors, "error"),
            (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
        };
        format!("{counts} in {}", self.file)
    }

    fn drawing<'a>(&'a self, diagnostic: &'a Diagnostic) -> Group<'a> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(diagnostic.message.as_str());
        let group = if diagnostic.span == Span::default() {
            title.element(Origin::path(self.file.as_str()))
        } else {
            title.element(self.snippet(diagnostic))
        };
        match &diagnostic.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }

    fn snippet<'a>(&'a self, diagnostic: &'a Diagnostic) -> Snippet<'a, Annotation<'a>> {
        let primary = AnnotationKind::Primary.span(self.drawable(diagnostic.span));
        let others = diagnostic.labels.iter().map(|label| {
            AnnotationKind::Context.span(self.drawable(label.span)).label(label.message.as_str())
        });
        Snippet::source(&*self.source).path(self.file.as_str()).annotation(primary).annotations(others)
    }

    /// Returns the span cut to whole characters of the text: the renderer panics on anything else.
    fn drawable(&self, span: Span) -> Range<usize> {
        let start = self.character_start(span.start);
        start..self.character_start(span.end).max(start)
    }

    fn character_start(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.source.len());
        while !self.source.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }

    fn place(&self, byte: usize) -> LineColumn {
        let before = self.source.get(..self.character_start(byte)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        LineColumn { line, column }
    }
}

/// `{"file", "errors", "warnings", "diagnostics": [{"severity", "line", "column", "key", "message", "help",
/// "labels"}]}`. The first hundred diagnostics, and the number of all. The names of these fields are stable.
impl Serialize for Diagnostics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let drawn = self.iter().take(MAX_DRAWN);
        let entries: Vec<JsonDiagnostic<'_>> = drawn.map(|diagnostic| self.json(diagnostic)).collect();
        let mut fields = serializer.serialize_struct("Diagnostics", 4)?;
        fields.serialize_field("file", &self.file)?;
        fields.serialize_field("errors", &self.errors())?;
        fields.serialize_field("warnings", &self.warnings())?;
        fields.serialize_field("diagnostics", &entries)?;
        fields.end()
    }
}

#[derive(serde::Serialize)]
struct JsonDiagnostic<'a> {
    severity: Severity,
    #[serde(flatten)]
    place: LineColumn,
    key: &'a str,
    message: &'a str,
    help: Option<&'a str>,
    labels: Vec<JsonLabel<'a>>,
}

#[derive(serde::Serialize)]
struct JsonLabel<'a> {
    #[serde(flatten)]
    place: LineColumn,
    message: &'a str,
}

/// Both from 1, the column in characters.
#[derive(serde::Serialize)]
struct LineColumn {
    line: usize,
    column: usize,
}

impl Diagnostics {
    fn json<'a>(&self, diagnostic: &'a Diagnostic) -> JsonDiagnostic<'a> {
        let labels = diagnostic
            .labels
            .iter()
            .map(|label| JsonLabel { place: self.place(label.span.start), message: &label.message });
        JsonDiagnostic {
            severity: diagnostic.severity,
            place: self.place(diagnostic.span.start),
            key: &diagnostic.key,
            message: &diagnostic.message,
            help: diagnostic.help.as_deref(),
            labels: labels.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_outside_the_text_or_inside_a_character_are_drawn() {
        for (start, end) in [(0, 1), (1, 2), (1, 900), (900, 2), (5, 5), (3, 1)] {
            let mut diagnostics = Diagnostics::new("proxy.toml", "€\t\u{1b}\r\nä");
            diagnostics.error(Span { start, end }, "wrong").label(Span { start: end, end: start }, "here");
            assert!(diagnostics.render(Colour::Plain).ends_with("1 error in proxy.toml\n"));
        }
    }

    #[test]
    fn terminal_escapes_are_written_only_in_colour() {
        let mut diagnostics = Diagnostics::new("proxy.toml", "key = \"\u{1b}[31m\"\n");
        diagnostics.error(Span { start: 0, end: 3 }, "wrong");
        assert!(!diagnostics.render(Colour::Plain).contains('\u{1b}'));
        assert!(diagnostics.render(Colour::Styled).contains('\u{1b}'));
    }

    #[test]
    fn the_first_hundred_are_drawn_and_all_are_counted() {
        let mut diagnostics = Diagnostics::new("proxy.toml", "x");
        for _ in 0..103 {
            diagnostics.error(Span { start: 0, end: 1 }, "wrong");
        }
        let text = diagnostics.render(Colour::Plain);
        assert_eq!(text.matches("error: wrong").count(), 100);
        assert!(text.ends_with("… and 3 more\n\n103 errors in proxy.toml\n"));
        let json = serde_json::to_value(&diagnostics).unwrap();
        assert_eq!((&json["errors"], json["diagnostics"].as_array().unwrap().len()), (&103.into(), 100));
    }

    #[test]
    fn json_names_line_column_key_and_help() {
        let mut diagnostics = Diagnostics::new("proxy.toml", "a = 1\nä = 2\n");
        diagnostics.error(Span { start: 11, end: 12 }, "wrong").key("ä").help("write 3");
        assert_eq!(
            serde_json::to_value(&diagnostics).unwrap(),
            serde_json::json!({
                "file": "proxy.toml", "errors": 1, "warnings": 0,
                "diagnostics": [{
                    "severity": "error", "line": 2, "column": 5, "key": "ä",
                    "message": "wrong", "help": "write 3", "labels": [],
                }],
            })
        );
    }

    #[test]
    fn no_diagnostics_are_rendered_as_no_text() {
        assert_eq!(Diagnostics::new("proxy.toml", "").render(Colour::Plain), "");
    }
}
