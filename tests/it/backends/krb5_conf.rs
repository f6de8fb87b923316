//! Runs the steps of a test with a krb5.conf. The Kerberos library reads the file name from the environment of the
//! process. If the process has another one, the test runs again in a new process.

use crate::support::{ActiveDirectory, run, test_name};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The variable that is set in the process of a test that runs again.
const CHILD: &str = "PORTCULLIS_TEST_CHILD";

/// Runs the checks with the lab's krb5.conf. Does nothing if no lab is running; the test is then recorded as skipped.
pub(super) fn with_lab(check: impl FnOnce(&ActiveDirectory)) {
    let Some(directory) = ActiveDirectory::running() else { return };
    let file = directory.krb5_conf();
    with_file(&file, || check(&directory));
}

/// Runs the checks with `text` as krb5.conf.
pub(super) fn with_krb5_conf(text: &str, check: impl FnOnce()) {
    let (_folder, file) = written(text);
    with_file(&file, check);
}

/// The same with a clock that is ahead, for example by `+1h`. Does nothing if faketime is not installed; the test is then
/// recorded as skipped.
pub(super) fn with_clock_ahead(by: &str, text: &str, check: impl FnOnce()) {
    if is_child() {
        return check();
    }
    let (_folder, file) = written(text);
    run_again(&["faketime", "-f", by], &file);
}

fn with_file(file: &Path, check: impl FnOnce()) {
    let is_in_force = std::env::var_os("KRB5_CONFIG").is_some_and(|used| used == file.as_os_str());
    if is_in_force || is_child() {
        return check();
    }
    run_again(&[], file);
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

fn written(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("krb5.conf");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

/// Runs this test in a new process, with the command `before` in front.
fn run_again(before: &[&str], file: &Path) {
    let (this, file) = (std::env::current_exe().unwrap().display().to_string(), file.display().to_string());
    let environment = [("KRB5_CONFIG", file.as_str()), (CHILD, "yes")];
    let name = test_name();
    let command = [before, &[&this, "--exact", &name, "--nocapture"]].concat();
    let Some(ran) = run(command[0], &environment, &command[1..], b"") else { return };
    assert_eq!(ran.code, 0, "{}", ran.output());
    assert!(ran.stdout.contains("1 passed"), "the child must run this test: {}", ran.output());
}
