//! What an error and all its causes say, in one line: each message reports its own step only.

use super::text::Causes;
use std::error::Error;

/// `error` and its causes, the outermost first, separated by colons. Unbounded: for the operator's own files and
/// settings. What a client or another server can influence goes into [`BoundedText::causes`](super::BoundedText::causes).
pub fn with_causes(error: &dyn Error) -> String {
    Causes(error).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the file cannot be read")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn every_cause_follows_its_effect() {
        assert_eq!(
            with_causes(&Outer(std::io::Error::other("no such file"))),
            "the file cannot be read: no such file"
        );
    }
}
