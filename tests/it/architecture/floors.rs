//! The import directions of `docs/architecture.md`: a folder of `src/` imports only from itself and from lower floors.

use super::source::{ROOT_FILES, SourceFile, shipped, source_files};
use super::{is_word, read, root};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn imports_go_down_the_floors() {
    let floors = floors();
    let mut upward = Vec::new();
    for file in shipped_files() {
        let from = folder(&file.name);
        for to in folders_used(&file) {
            let goes_down = floors.get(from).zip(floors.get(to.as_str())).is_some_and(|(from, to)| to < from);
            if to != from && !goes_down {
                upward.push(format!("{} uses crate::{to}", file.name));
            }
        }
    }
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

#[test]
fn every_folder_has_a_floor_and_every_floor_its_folders() {
    let documented: BTreeSet<String> = floors().into_keys().collect();
    let files = source_files("src");
    let inside = files.iter().filter(|file| !ROOT_FILES.contains(&file.name.as_str()));
    let real: BTreeSet<String> = inside.map(|file| folder(&file.name).to_owned()).collect();
    assert_eq!(real, documented);
}

/// Returns the documented floors: lines of `docs/architecture.md` such as `| 20 | headers, listener | … |`.
fn floors() -> BTreeMap<String, u32> {
    let page = read(&root().join("docs/architecture.md"));
    let mut floors = BTreeMap::new();
    for line in page.lines() {
        let mut cells = line.split('|').skip(1).map(str::trim);
        let (Some(Ok(floor)), Some(folders)) = (cells.next().map(str::parse), cells.next()) else { continue };
        for folder in folders.split(',').map(|folder| folder.trim().trim_matches('`')) {
            assert!(floors.insert(folder.to_owned(), floor).is_none(), "{folder} is on two floors");
        }
    }
    floors
}

/// Returns the files of `src/` that are part of the binary.
pub(super) fn shipped_files() -> Vec<SourceFile> {
    shipped(&source_files("src")).cloned().collect()
}

/// Returns the folder or file below `src`: `ldap` for `src/ldap/entry.rs`, `clock` for `src/clock.rs`.
fn folder(name: &str) -> &str {
    name.split('/').nth(1).unwrap_or(name).trim_end_matches(".rs")
}

/// Returns the folders of `src/` that the file uses: the names after `crate::`, and after as many `super::` as lead to the
/// crate root.
fn folders_used(file: &SourceFile) -> BTreeSet<String> {
    let code: String = file.code_that_ships().split_whitespace().collect::<Vec<_>>().join(" ");
    let mut used = BTreeSet::new();
    let mut starts: Vec<&str> = code.split("crate::").skip(1).collect();
    let crate_root = "super::".repeat(depth(&file.name));
    starts.extend(code.split(&crate_root).skip(1));
    for start in starts {
        used.extend(first_names(start));
    }
    used
}

/// Returns the number of `super` from the module of the file to the crate root.
fn depth(name: &str) -> usize {
    name.trim_start_matches("src/").trim_end_matches("/mod.rs").split('/').count()
}

/// Returns the first name of each path: one of `clock::Clock`, two of `{audit, clock::{Clock, UnixTime}}`.
fn first_names(paths: &str) -> Vec<String> {
    let Some(list) = paths.trim_start().strip_prefix('{') else {
        return vec![paths.chars().take_while(|letter| is_word(*letter)).collect()];
    };
    let mut names = Vec::new();
    let mut depth = 1_u32;
    let mut name = String::new();
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(std::mem::take(&mut name)),
            _ if depth == 1 => name.push(letter),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.push(name);
    let first = |name: String| name.trim().chars().take_while(|letter| is_word(*letter)).collect::<String>();
    names.into_iter().map(first).filter(|name| !name.is_empty()).collect()
}

fn used_by(name: &str, text: &str) -> Vec<String> {
    let file = SourceFile { name: name.to_owned(), text: text.to_owned() };
    folders_used(&file).into_iter().collect()
}

#[test]
fn a_use_is_found_in_lists_groups_and_paths() {
    let text =
        "use crate::{audit, clock::{Clock, UnixTime}};\nuse crate::headers::x; fn f(a: crate::tls::A) {}";
    assert_eq!(used_by("src/proxy/service.rs", text), ["audit", "clock", "headers", "tls"]);
}

#[test]
fn a_use_by_super_is_found_if_it_leaves_its_folder() {
    assert_eq!(used_by("src/proxy/service.rs", "use super::super::cli::run;"), ["cli"]);
    assert_eq!(used_by("src/proxy/mod.rs", "use super::cli::run;"), ["cli"]);
    assert!(used_by("src/proxy/service.rs", "use super::worker::Worker;").is_empty());
}

#[test]
fn a_use_in_test_code_comments_or_strings_is_ignored() {
    let text = "//! [`crate::cli`]\nfn f() { g(\"crate::server\") }\n#[cfg(test)] mod tests { use crate::demo::pki; }";
    assert!(used_by("src/proxy/service.rs", text).is_empty());
}
