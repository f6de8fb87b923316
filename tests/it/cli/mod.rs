//! The commands as scripts run them: exit code, standard output and standard error of the program.

mod bundles;
mod check;
mod check_online;
mod demo;
mod explain;
mod input_files;
mod inspect;
mod snapshots;
mod unusual_certificates;
mod verify;

use crate::support::{TEST_TIMEOUT, TestConfig, pki};
use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// The working directory of the program: a folder with the test PKI and a proxy.toml.
struct CommandFolder {
    folder: TempDir,
}

/// The result of one run of the program.
struct CommandOutput {
    code: i32,
    stdout: String,
    stderr: String,
}

impl CommandFolder {
    fn new() -> Self {
        Self::with(&TestConfig::default())
    }

    /// Returns a folder with the proxy.toml of `setup`. Its backend does not exist: only `check --online` connects to it.
    fn with(setup: &TestConfig) -> Self {
        let folder = TempDir::new().unwrap();
        pki().write_to(folder.path()).unwrap();
        std::fs::write(folder.path().join("proxy.toml"), setup.proxy_toml("http://127.0.0.1:9")).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        run(self.path(), arguments)
    }

    /// Runs the program on another thread, because the servers of the test run on this one.
    async fn run_beside(&self, arguments: &[&str]) -> CommandOutput {
        let folder = self.path().to_owned();
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let running = tokio::task::spawn_blocking(move || {
            run(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
        });
        running.await.unwrap()
    }
}

/// Runs the program in `folder` and returns its output.
fn run(folder: &Path, arguments: &[&str]) -> CommandOutput {
    let mut command = Command::cargo_bin("portcullis").unwrap();
    // Every command ends much earlier, so the test of one that hangs fails.
    let output = command.current_dir(folder).args(arguments).timeout(TEST_TIMEOUT).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandOutput {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl CommandOutput {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stderr))
    }

    fn first_line(&self) -> &str {
        self.stdout.lines().next().unwrap_or_default()
    }

    /// Asserts exit code 2, an error that contains `text`, and empty standard output, so that no script parses it.
    fn assert_usage_error(&self, text: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        assert!(self.stderr.contains(text), "{}", self.stderr);
    }
}
