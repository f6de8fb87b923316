//! The Rust files of the project, and their code without comments, strings and tests.

use super::{is_word, read, root, unreadable};
use std::path::Path;

/// A Rust file of the project.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    /// The path from the project's folder, such as `src/clock/mod.rs`.
    pub(super) name: String,
    pub(super) text: String,
}

/// Returns the Rust files below `folder`, sorted by name.
pub(super) fn source_files(folder: &str) -> Vec<SourceFile> {
    let mut files = Vec::new();
    collect(&root().join(folder), &mut files);
    files.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(!files.is_empty(), "{folder} has no Rust files");
    files
}

fn collect(folder: &Path, files: &mut Vec<SourceFile>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| unreadable(folder, &error));
    for entry in entries {
        let path = entry.unwrap_or_else(|error| unreadable(folder, &error)).path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).expect("the walk began there").display().to_string();
            files.push(SourceFile { name, text: read(&path) });
        }
    }
}

/// The files outside of every folder, which only declare the folders.
pub(super) const ROOT_FILES: [&str; 2] = ["src/lib.rs", "src/main.rs"];

/// Returns the files that are part of the binary: neither test modules nor [`ROOT_FILES`].
pub(super) fn shipped(files: &[SourceFile]) -> impl Iterator<Item = &SourceFile> {
    let tests: Vec<String> = files.iter().flat_map(SourceFile::test_modules).collect();
    files.iter().filter(move |file| {
        let is_test = tests.iter().any(|test| {
            file.name.strip_prefix(test.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
        !is_test && !ROOT_FILES.contains(&file.name.as_str())
    })
}

impl SourceFile {
    /// Returns the text with comments and strings replaced by spaces.
    pub(super) fn code(&self) -> String {
        blank(&self.text)
    }

    /// Returns the code without inline test modules.
    pub(super) fn code_that_ships(&self) -> String {
        without_test_modules(&self.code())
    }

    /// Returns the paths of the modules that `#[cfg(test)] mod NAME;` declares, without `.rs`.
    pub(super) fn test_modules(&self) -> Vec<String> {
        let home = match self.name.strip_suffix("/mod.rs") {
            Some(folder) => folder.to_owned(),
            None => self.name.trim_end_matches(".rs").to_owned(),
        };
        let code = self.code();
        let declared = code.split(TEST_ATTRIBUTE).skip(1).filter_map(|rest| {
            let (name, after) = module_name(rest)?;
            after.trim_start().starts_with(';').then(|| format!("{home}/{name}"))
        });
        declared.collect()
    }
}

const TEST_ATTRIBUTE: &str = "#[cfg(test)]";

/// Returns the name after `mod`, and the rest of the declaration.
fn module_name(declaration: &str) -> Option<(&str, &str)> {
    let declaration = declaration.trim_start();
    let declaration = match declaration.strip_prefix("pub") {
        Some(public) => public.trim_start_matches("(crate)").trim_start_matches("(super)").trim_start(),
        None => declaration,
    };
    let rest = declaration.strip_prefix("mod ")?;
    let end = rest.find(|letter| !is_word(letter))?;
    rest.split_at_checked(end)
}

/// Returns blanked code without its `#[cfg(test)] mod NAME { … }`.
fn without_test_modules(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some((before, after)) = rest.split_once(TEST_ATTRIBUTE) {
        kept.push_str(before);
        rest = match module_name(after) {
            Some((_, body)) if body.trim_start().starts_with('{') => after_braces(body),
            Some(_) | None => after,
        };
    }
    kept.push_str(rest);
    kept
}

/// Returns the code after the brace that closes the first opening one.
fn after_braces(body: &str) -> &str {
    let mut depth = 0_u32;
    for (at, letter) in body.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 1 => return body.get(at + 1..).unwrap_or_default(),
            '}' => depth -= 1,
            _ => {}
        }
    }
    ""
}

/// Replaces comments, strings and character literals by spaces. The number of characters stays the same.
fn blank(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after_word = blanked.ends_with(is_word);
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if letter == '"' {
            string(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !after_word) {
            length
        } else if let Some(length) = character(rest) {
            length
        } else {
            blanked.push(letter);
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            continue;
        };
        let (gone, left) = rest.split_at(length);
        blanked.extend(gone.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        rest = left;
    }
    blanked
}

/// Returns the length of the block comment that `text` begins with; block comments nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns the length of a raw string: `r"…"`, `r#"…"#` or `br"…"`.
fn raw_string(text: &str) -> Option<usize> {
    let marks = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let opened = marks.trim_start_matches('#');
    let hashes = marks.len() - opened.len();
    let content = opened.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = content.find(&end).map_or(content.len(), |at| at + end.len());
    Some(text.len() - content.len() + length)
}

/// Returns the length of a character literal such as `'x'`, `'\n'` or `'\u{2028}'`; a lifetime has no second quote.
fn character(text: &str) -> Option<usize> {
    let content = text.strip_prefix('\'')?;
    if let Some(escape) = content.strip_prefix('\\') {
        let end = escape.char_indices().skip(1).find(|(_, letter)| *letter == '\'')?.0;
        return Some(2 + end + 1);
    }
    let letter = content.chars().next()?;
    content.get(letter.len_utf8()..)?.starts_with('\'').then(|| letter.len_utf8() + 2)
}

#[test]
fn comments_strings_and_characters_are_blanked() {
    let text = concat!(
        "use crate::a; // crate::b\n",
        "/* crate::c /* crate::d */ crate::e */ let s = \"crate::f \\\" crate::g\";\n",
        "let r = r#\"crate::h \"quoted\" \"#; let c = ('\"', '\\'', 'x'); fn f<'a>(x: &'a crate::i) {}\n",
    );
    let code = blank(text);
    assert_eq!(code.chars().count(), text.chars().count());
    let paths: Vec<_> = code.match_indices("crate::").map(|(at, _)| code.get(at + 7..at + 8)).collect();
    assert_eq!(paths, [Some("a"), Some("i")]);
}

#[test]
fn inline_test_modules_are_removed() {
    let code = "fn a() {}\n#[cfg(test)]\nmod tests { use crate::b; fn c() {} }\nfn d() {}";
    assert_eq!(without_test_modules(code), "fn a() {}\n\nfn d() {}");
}

#[test]
fn test_modules_in_separate_files_are_found() {
    let text = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\npub(crate) mod test_pki;\nmod real;".to_owned();
    let file = SourceFile { name: "src/revocation/mod.rs".to_owned(), text };
    assert_eq!(file.test_modules(), ["src/revocation/tests", "src/revocation/test_pki"]);
}
