//! Reads the project's own files and checks what a compiler does not: the floors, the first line of each
//! file, and that the documents match the code.

mod cycles;
mod documents;
mod floors;
mod source;

use floors::shipped_files;
use source::{SourceFile, source_files};
use std::path::Path;

#[test]
fn every_source_file_begins_by_saying_what_it_is() {
    let silent: Vec<_> = all_rust_files().into_iter().filter(|file| !file.text.starts_with("//!")).collect();
    assert!(silent.is_empty(), "without `//!` in its first line: {}", names(&silent));
}

#[test]
fn unsafe_code_stands_in_the_one_file_that_calls_the_systems_gssapi() {
    let has_it = |file: &SourceFile| file.code().split(|c| !is_word(c)).any(|word| word == "unsafe");
    let found: Vec<_> = all_rust_files().into_iter().filter(has_it).collect();
    assert_eq!(names(&found), "src/delegation/kerberos/gssapi.rs");
}

/// Two readers of PEM would take different things for a section.
#[test]
fn pem_is_read_in_one_file() {
    let readers = ["rustls_pemfile", "base64ct", "pem_rfc7468", "PemObject", "from_pem", "DecodePem"];
    let has_one =
        |file: &SourceFile| file.code_that_ships().split(|c| !is_word(c)).any(|word| readers.contains(&word));
    let found: Vec<_> = shipped_files().into_iter().filter(has_one).collect();
    assert_eq!(names(&found), "src/certificate/bundle/pem.rs");
}

fn all_rust_files() -> Vec<SourceFile> {
    let mut files = source_files("src");
    files.extend(source_files("tests"));
    files
}

fn names(files: &[SourceFile]) -> String {
    files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The folder of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| unreadable(path, &error))
}

#[expect(clippy::panic, reason = "a test that cannot read the project has failed")]
fn unreadable(path: &Path, error: &std::io::Error) -> ! {
    panic!("{}: {error}", path.display())
}
