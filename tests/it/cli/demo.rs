//! `portcullis demo`: the folder that it uses.

use super::CommandFolder;
use assert_cmd::Command;
use tempfile::TempDir;

#[test]
fn a_folder_with_a_configuration_that_no_demo_wrote_is_rejected_and_not_changed() {
    let folder = CommandFolder::new();
    let files = ["proxy.toml", "pki/server-ecdsa.key", "pki/root.pem"];
    let contents = || files.map(|file| std::fs::read(folder.path().join(file)).unwrap());
    let before = contents();
    for arguments in [&["demo", "--dir", "."][..], &["demo", "--check", "--dir", "."]] {
        let rejected = folder.run(arguments);
        rejected.assert_usage_error("is neither empty nor the folder of an earlier demo");
        rejected.assert_usage_error("specify a new or empty folder");
    }
    assert!(contents() == before, "a file was replaced");
}

#[test]
fn a_self_test_without_a_folder_leaves_no_file() {
    let parent = TempDir::new().unwrap();
    let checked = Command::cargo_bin("portcullis")
        .unwrap()
        .env("TMPDIR", parent.path())
        .args(["demo", "--check"])
        .assert();
    let output = String::from_utf8_lossy(&checked.get_output().stdout).into_owned();
    checked.success();
    assert!(output.contains(" passed, 0 failed"), "{output}");
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}
