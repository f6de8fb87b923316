//! The progress of online checks on a terminal.

use crate::cli::output;
use std::io::IsTerminal;

/// Names the component that is being checked on standard error if that is a terminal, because a check may take seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckProgress {
    is_shown: bool,
}

impl CheckProgress {
    pub(super) fn new() -> Self {
        Self { is_shown: std::io::stderr().is_terminal() }
    }

    pub(super) fn checking(self, component: &str) {
        if self.is_shown {
            eprintln!("checking {} …", output::escape(component));
        }
    }
}
