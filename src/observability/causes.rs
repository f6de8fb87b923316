//! Takes an error, gives what it and all its causes say, in one line: each message tells its own step only.

use std::error::Error;

/// `error` and its causes, the outermost first, separated by colons.
pub fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
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
