//! Progress messages on a terminal.

use crate::cli::output;
use std::io::IsTerminal;

/// Reports on a terminal which component is being checked, since a check may wait for several seconds.
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
            eprintln!("checking {} …", output::visible(component));
        }
    }
}
