//! proxy.toml and the documentation say what the reader reads, key by key.

use super::rendered;
use crate::config::{Colour, Document, KnownKey, known_keys};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn project_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read_file(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_proxy_toml_of_the_project_is_free_of_mistakes() {
    assert_eq!(rendered(&read_file(&project_file("proxy.toml"))), "");
}

#[test]
fn every_toml_block_of_the_documentation_is_free_of_mistakes() {
    let mut pages: Vec<PathBuf> = std::fs::read_dir(project_file("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.extend(Some(project_file("README.md")).filter(|readme| readme.exists()));
    let mut blocks = 0;
    for page in &pages {
        for block in read_file(page).split("```toml\n").skip(1) {
            let block = block.split("\n```").next().unwrap_or_default();
            let mistakes = Document::parse(&page.display().to_string(), block).1;
            assert!(!mistakes.has_errors(), "{}", mistakes.render(Colour::Plain));
            blocks += 1;
        }
    }
    assert!(blocks >= 3, "configuration.md alone has three");
}

#[test]
fn the_documentation_has_every_key_and_no_other() {
    let page = read_file(&project_file("docs/configuration.md"));
    let mut section = String::new();
    let mut documented = BTreeSet::new();
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            section = heading.chars().filter(|letter| !"`[]".contains(*letter)).collect();
        }
        let Some((key, _)) = line.strip_prefix("| `").and_then(|row| row.split_once('`')) else { continue };
        let path = match section.as_str() {
            "The top of the file" => key.to_owned(),
            table => format!("{table}.{key}"),
        };
        assert!(documented.insert(KnownKey { path: path.clone() }), "{path} has two rows");
    }
    let known: BTreeSet<KnownKey> = known_keys().into_iter().collect();
    assert_eq!(documented, known);
}

#[test]
fn the_page_of_limits_names_every_key_of_the_limits() {
    let page = read_file(&project_file("docs/limits.md"));
    let keys = known_keys().into_iter().filter_map(|key| Some(key.path.strip_prefix("limits.")?.to_owned()));
    let missing: Vec<_> = keys.filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/limits.md has no row of {}", missing.join(", "));
}
