//! The output of the commands: aligned text for people and JSON for scripts on standard output, errors on standard error.
//!
//! Text from a certificate or a configuration is escaped, so that it can neither forge a line nor control a terminal.

use crate::certificate::{ObjectIdentifier, usage};
use crate::clock::UnixTime;
use crate::config::{Colour, LoadError};
use anyhow::Context;
use serde::Serialize;
use std::fmt;
use std::io::{IsTerminal, Write};
use std::time::{Duration, SystemTime};

/// Text in sections, each with a heading and lines of a label and a value, aligned in two columns.
#[derive(Debug, Default)]
pub(super) struct TextOutput {
    lines: Vec<OutputLine>,
}

#[derive(Debug)]
enum OutputLine {
    Heading(String),
    Entry { label: &'static str, value: String },
}

impl TextOutput {
    /// Begins a section with this heading.
    pub(super) fn heading(&mut self, text: &str) {
        self.lines.push(OutputLine::Heading(escape(text)));
    }

    /// Adds one line to the section. An empty label continues the value of the line before.
    pub(super) fn entry(&mut self, label: &'static str, value: impl fmt::Display) {
        self.lines.push(OutputLine::Entry { label, value: escape(&value.to_string()) });
    }

    /// Adds one line for each value, with the label on the first. Adds nothing if there are no values.
    pub(super) fn list(&mut self, label: &'static str, values: impl IntoIterator<Item = impl fmt::Display>) {
        for (index, value) in values.into_iter().enumerate() {
            self.entry(if index == 0 { label } else { "" }, value);
        }
    }
}

impl fmt::Display for TextOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |line: &OutputLine| match line {
            OutputLine::Heading(_) => 0,
            OutputLine::Entry { label, .. } => label.len(),
        };
        let width = self.lines.iter().map(width).max().unwrap_or(0);
        for (index, line) in self.lines.iter().enumerate() {
            match line {
                OutputLine::Heading(text) if index == 0 => writeln!(f, "{text}")?,
                OutputLine::Heading(text) => writeln!(f, "\n{text}")?,
                OutputLine::Entry { label, value } => writeln!(f, "  {label:<width$}  {value}")?,
            }
        }
        Ok(())
    }
}

/// An object identifier with its name in proxy.toml, or otherwise its name in the specification that defines it.
#[derive(Debug, Serialize)]
pub(super) struct NamedOid {
    pub(super) oid: String,
    pub(super) name: Option<String>,
}

impl From<ObjectIdentifier> for NamedOid {
    fn from(oid: ObjectIdentifier) -> Self {
        let name = usage::name_of(oid).or_else(|| const_oid::db::DB.by_oid(&oid.as_known()?));
        Self { oid: oid.to_string(), name: name.map(str::to_owned) }
    }
}

/// `client_auth (1.3.6.1.5.5.7.3.2)`, or the identifier alone if it has no known name.
impl fmt::Display for NamedOid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.oid),
            None => f.write_str(&self.oid),
        }
    }
}

/// Returns `text` with an escape sequence (`\u{202e}`) for every character that a terminal interprets or that is
/// invisible.
pub(super) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// Returns `time` in RFC 3339 in UTC, in whole seconds: the resolution of certificates and CRLs.
pub(super) fn format_time(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.min(UnixTime::END).seconds());
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Returns the two largest units of `duration`, as in `2days 3h`.
pub(super) fn format_duration(duration: Duration) -> String {
    let whole = humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    whole.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Writes text for people to standard output.
pub(super) fn print(output: &TextOutput) -> anyhow::Result<()> {
    write(&output.to_string())
}

/// Writes JSON for scripts to standard output.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    write(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Writes `text` to standard output. A reader that closes the pipe early (`| head -1`) is not an error.
pub(super) fn write(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes the error of a command to standard error.
pub(super) fn print_error(error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    // A closed standard error is not an error of its own, because the exit code reports the failure as well.
    drop(match error.downcast_ref::<LoadError>() {
        Some(LoadError::Invalid(diagnostics)) => {
            let colour = if stderr.is_terminal() { Colour::Styled } else { Colour::Plain };
            writeln!(stderr, "{}", diagnostics.render(colour))
        }
        Some(LoadError::Read { .. } | LoadError::Utf16 { .. } | LoadError::NotUtf8 { .. }) | None => {
            writeln!(stderr, "portcullis: {error:#}")
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_aligned_across_sections() {
        let mut output = TextOutput::default();
        output.heading("one");
        output.entry("a", 1);
        output.list("long label", ["x", "y"]);
        output.list("nothing", [""; 0]);
        output.heading("two");
        assert_eq!(output.to_string(), "one\n  a           1\n  long label  x\n              y\n\ntwo\n");
    }

    #[test]
    fn text_of_a_certificate_cannot_forge_a_line_or_control_a_terminal() {
        assert_eq!(escape("a\nb\x1b[2J\u{202e}c"), "a\\nb\\u{1b}[2J\\u{202e}c");
        assert_eq!(escape("CORP\\o'neil é"), "CORP\\o'neil é");
    }

    #[test]
    fn a_time_has_whole_seconds_and_a_duration_two_units() {
        let time = UnixTime::from(Duration::from_millis(1_795_339_800_250));
        assert_eq!(format_time(time), "2026-11-22T09:30:00Z");
        assert_eq!(format_duration(Duration::from_millis(93_784_250)), "1day 2h");
        assert_eq!(format_duration(Duration::ZERO), "0s");
    }
}
