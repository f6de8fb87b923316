//! The errors and warnings about one file, in the order of the file.

use super::span::Span;
use std::sync::Arc;
use toml::de::DeValue;

/// The number of diagnostics after which no suggestions are searched for: more than are drawn.
pub(super) const MAX_SUGGESTIONS: usize = 1000;

/// Whether a diagnostic prevents the use of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, and the operator should look at this.
    Warning,
}

/// A further place of a diagnostic, such as the first use of a host name that is used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanLabel {
    /// The place.
    pub span: Span,
    /// A few words on its part in the error.
    pub message: String,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The text to underline.
    pub span: Span,
    /// The key, as `site[0].path[2].max_body`; empty if no single key is at fault.
    pub key: String,
    /// The fact, and the value in quotes.
    pub message: String,
    /// The fix.
    pub help: Option<String>,
    /// Further places.
    pub labels: Vec<SpanLabel>,
    /// Whether it concerns this one key or value alone, so that a syntax error elsewhere cannot be its cause.
    pub(super) stands_alone: bool,
}

impl Diagnostic {
    /// Sets the key at fault.
    pub fn key(&mut self, key: impl Into<String>) -> &mut Self {
        self.key = key.into();
        self
    }

    /// Sets the fix.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a further place.
    pub fn label(&mut self, span: Span, message: impl Into<String>) -> &mut Self {
        self.labels.push(SpanLabel { span, message: message.into() });
        self
    }
}

/// All errors and warnings about one file.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    pub(super) file: String,
    pub(super) source: Arc<str>,
    entries: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Returns no diagnostics yet for the file named `file` with the text `source`.
    pub fn new(file: impl Into<String>, source: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), source: source.into(), entries: Vec::new() }
    }

    /// Adds an error at `span`.
    pub fn error(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Error, span, message.into())
    }

    /// Adds a warning at `span`.
    pub fn warning(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Warning, span, message.into())
    }

    /// Appends it: an insertion at its place in the file would make a file with errors on all lines quadratic.
    fn add(&mut self, severity: Severity, span: Span, message: String) -> &mut Diagnostic {
        let (key, labels) = Default::default();
        let entry = Diagnostic { severity, span, key, message, help: None, labels, stands_alone: false };
        self.entries.push(entry);
        self.entries.last_mut().expect("an entry was added")
    }

    /// Returns the name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns all diagnostics, in the order of the file; those of one place in the order in which they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.entries.iter().collect();
        sorted.sort_by_key(|entry| entry.span.start);
        sorted.into_iter()
    }

    /// Returns whether there are so many that further ones get no suggestion, whose search takes a comparison with
    /// every key of every table.
    pub(super) fn are_many(&self) -> bool {
        self.entries.len() >= MAX_SUGGESTIONS
    }

    /// Returns the number of errors.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// Returns the number of warnings.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// Returns whether there is an error, so that the configuration must not be used.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    fn count(&self, severity: Severity) -> usize {
        self.entries.iter().filter(|entry| entry.severity == severity).count()
    }
}

/// The reason why a value is rejected. The reader of the key adds the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueError {
    /// The fact, as a clause about the value.
    pub(super) message: String,
    /// The fix.
    pub(super) help: Option<String>,
}

impl ValueError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The value is of another TOML type than `wanted`, such as `a string`.
    pub(super) fn wrong_type(wanted: &str, found: &DeValue<'_>) -> Self {
        let article = if found.type_str().starts_with(['a', 'i']) { "an" } else { "a" };
        Self::new(format!("expected {wanted}, found {article} {}", found.type_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn diagnostics_are_sorted_by_their_place_in_the_file() {
        let mut diagnostics = Diagnostics::new("proxy.toml", "0123456789");
        diagnostics.error(Span { start: 5, end: 6 }, "third");
        diagnostics.warning(Span { start: 0, end: 1 }, "first");
        diagnostics.error(Span { start: 2, end: 3 }, "second");
        let messages: Vec<&str> = diagnostics.iter().map(|entry| entry.message.as_str()).collect();
        assert_eq!(messages, ["first", "second", "third"]);
        assert_eq!((diagnostics.errors(), diagnostics.warnings()), (2, 1));
    }
}
