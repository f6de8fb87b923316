//! The commands as an administrator's scripts run them: the program itself, its exit code, what it writes where.

mod bundles;
mod check;
mod explain;
mod files;
mod inspect;
mod odd_certificates;
mod online;
mod passwords;
mod verify;

use crate::support::{Setup, pki};
use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;
use tempfile::TempDir;

/// A folder with the demo's PKI and a proxy.toml, in which the program is run.
struct Desk {
    folder: TempDir,
}

/// What the program left behind.
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Desk {
    fn new() -> Self {
        Self::with(&Setup::default())
    }

    /// Nobody listens where this proxy.toml finds its server: these commands open no socket.
    fn with(setup: &Setup) -> Self {
        let folder = TempDir::new().unwrap();
        pki().write_to(folder.path()).unwrap();
        std::fs::write(folder.path().join("proxy.toml"), setup.proxy_toml("http://127.0.0.1:9")).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        run(self.path(), arguments)
    }

    /// Beside the test's own servers, which live on its thread.
    async fn run_aside(&self, arguments: &[&str]) -> Outcome {
        let folder = self.path().to_owned();
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let running = tokio::task::spawn_blocking(move || {
            run(&folder, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
        });
        running.await.unwrap()
    }
}

/// Runs the program in `folder`.
fn run(folder: &Path, arguments: &[&str]) -> Outcome {
    let mut command = Command::cargo_bin("portcullis").unwrap();
    let output = command.current_dir(folder).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Outcome { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Outcome {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stderr))
    }

    fn first_line(&self) -> &str {
        self.stdout.lines().next().unwrap_or_default()
    }

    /// That the command could not be used, for a reason that names `what`, and that scripts got nothing to read.
    fn assert_usage(&self, what: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        assert!(self.stderr.contains(what), "{}", self.stderr);
    }
}
