//! Properties of the source tree that the compiler does not check: import directions between and inside folders, module
//! documentation, and documents that match the code.

mod cycles;
mod documents;
mod floors;
mod source;

use floors::shipped_files;
use source::{SourceFile, source_files};
use std::path::Path;

#[test]
fn every_source_file_begins_with_module_documentation() {
    let undocumented: Vec<_> =
        all_rust_files().into_iter().filter(|file| !file.text.starts_with("//!")).collect();
    assert!(undocumented.is_empty(), "no `//!` in the first line of {}", names(&undocumented));
}

#[test]
fn only_the_file_that_calls_gssapi_has_unsafe_code() {
    let has_unsafe = |file: &SourceFile| file.code().split(|c| !is_word(c)).any(|word| word == "unsafe");
    let found: Vec<_> = all_rust_files().into_iter().filter(has_unsafe).collect();
    assert_eq!(names(&found), "src/delegation/kerberos/gssapi.rs");
}

/// Two parsers of PEM could disagree about the sections of a file, so that a certificate would be checked and another used.
#[test]
fn pem_is_parsed_in_one_file() {
    let parsers = ["rustls_pemfile", "base64ct", "pem_rfc7468", "PemObject", "from_pem", "DecodePem"];
    let has_parser =
        |file: &SourceFile| file.code_that_ships().split(|c| !is_word(c)).any(|word| parsers.contains(&word));
    let found: Vec<_> = shipped_files().into_iter().filter(has_parser).collect();
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
