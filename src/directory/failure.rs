//! Why one server gave no answer, before it is said which server it was.

use super::error::{DirectoryError, Nonsense, Refusal, Step, Unreachable, UnsendablePassword};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// What a step of a conversation came to that gave nothing.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Unreachable(Unreachable),
    Timeout { step: Step, limit: Duration },
    Nonsense(Nonsense),
    Refused { step: Step, refusal: Refusal },
    Unsendable(UnsendablePassword),
}

impl Failure {
    pub(super) fn at(self, directory: &Arc<str>, server: &str) -> DirectoryError {
        let (directory, server) = (Arc::clone(directory), server.to_owned());
        match self {
            Self::Unreachable(source) => DirectoryError::Unavailable { directory, server, source },
            Self::Timeout { step, limit } => DirectoryError::Timeout { directory, server, step, limit },
            Self::Nonsense(source) => DirectoryError::Garbage { directory, server, source },
            Self::Refused { step, refusal } => {
                DirectoryError::Refused { directory, server, step, source: refusal }
            }
            Self::Unsendable(why) => DirectoryError::UnsendablePassword(why),
        }
    }

    /// Its words and those of its causes, for whoever asks while the server is left alone.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Unreachable(source) => chain(source),
            Self::Timeout { step, limit } => format!("it did not {step} within {limit:?}"),
            Self::Nonsense(source) => chain(source),
            Self::Refused { step, refusal } => format!("it refuses to {step}: {}", chain(refusal)),
            Self::Unsendable(why) => chain(why),
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

impl From<Nonsense> for Failure {
    fn from(nonsense: Nonsense) -> Self {
        Self::Nonsense(nonsense)
    }
}

impl From<Unreachable> for Failure {
    fn from(unreachable: Unreachable) -> Self {
        Self::Unreachable(unreachable)
    }
}

impl From<UnsendablePassword> for Failure {
    fn from(why: UnsendablePassword) -> Self {
        Self::Unsendable(why)
    }
}
