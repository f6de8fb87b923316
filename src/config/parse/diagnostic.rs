//! Takes what is found wrong in proxy.toml, piece by piece, and gives it back in the order of the file.
//!
//! Never stops at the first mistake and never decides what is wrong. How it looks on a screen is `rendering`'s work.

use super::span::Span;
use std::sync::Arc;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, and somebody should look at this.
    Warning,
}

/// Another place that belongs to a mistake, such as where a host name was given first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub message: String,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The text to underline.
    pub span: Span,
    /// The key, as `site[0].path[2].max_body`; empty where no single key is at fault.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// Other places that belong to it.
    pub labels: Vec<Label>,
    /// Whether it is about this one key or value alone, so that a syntax error elsewhere cannot be its reason.
    pub(super) stands_alone: bool,
}

impl Diagnostic {
    /// Names the key at fault.
    pub fn key(&mut self, key: impl Into<String>) -> &mut Self {
        self.key = key.into();
        self
    }

    /// Says what would be right.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Points to another place that belongs to it.
    pub fn label(&mut self, span: Span, message: impl Into<String>) -> &mut Self {
        self.labels.push(Label { span, message: message.into() });
        self
    }
}

/// Everything found wrong in one file.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    pub(super) file: String,
    pub(super) source: Arc<str>,
    entries: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Nothing wrong yet with the file named `file` that holds `source`.
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

    /// Puts it behind those that stand before it in the file.
    fn add(&mut self, severity: Severity, span: Span, message: String) -> &mut Diagnostic {
        let entry = Diagnostic {
            severity,
            span,
            key: String::new(),
            message,
            help: None,
            labels: Vec::new(),
            stands_alone: false,
        };
        let index = self.entries.partition_point(|other| other.span.start <= span.start);
        self.entries.insert(index, entry);
        self.entries.get_mut(index).expect("an entry was inserted at this index")
    }

    /// The file's name, as in the messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// All of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.entries.iter()
    }

    /// How many make the configuration unusable.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many do not.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    /// Whether the configuration must not be used.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    fn count(&self, severity: Severity) -> usize {
        self.entries.iter().filter(|entry| entry.severity == severity).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_in_the_order_of_the_file() {
        let mut diagnostics = Diagnostics::new("proxy.toml", "0123456789");
        diagnostics.error(Span { start: 5, end: 6 }, "third");
        diagnostics.warning(Span { start: 0, end: 1 }, "first");
        diagnostics.error(Span { start: 2, end: 3 }, "second");
        let messages: Vec<&str> = diagnostics.iter().map(|entry| entry.message.as_str()).collect();
        assert_eq!(messages, ["first", "second", "third"]);
        assert_eq!((diagnostics.errors(), diagnostics.warnings()), (2, 1));
    }
}
