//! The documents match the project: links have targets, and the table of denials is complete.

use super::{read, root, unreadable};
use portcullis::policy::DenialId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn every_link_between_documents_has_a_target() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&read(&page)) {
            if !has_target(&page, &link) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_denials_page_lists_every_id_with_its_status() {
    let page = read(&root().join("docs/denials.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let documented: BTreeSet<(String, String)> = rows
        .map(|(id, rest)| (id.to_owned(), rest.split(" |").next().unwrap_or_default().to_owned()))
        .collect();
    let real = DenialId::ALL.iter().map(|denial| {
        let status = denial.status().as_u16();
        let status = denial.sub_status().map_or(status.to_string(), |sub| format!("{status}.{sub}"));
        // The client has disconnected, so no status is sent.
        let status = if *denial == DenialId::ClientDisconnected { "none".to_owned() } else { status };
        (denial.id().to_owned(), status)
    });
    assert_eq!(documented, real.collect());
}

/// Returns the paths of the Markdown documents.
fn pages() -> Vec<PathBuf> {
    let names = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];
    let mut pages: Vec<_> = names.iter().map(|name| root().join(name)).collect();
    for folder in ["docs", "deploy"] {
        collect(&root().join(folder), &mut pages);
    }
    pages
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| unreadable(folder, &error)) {
        let path = entry.unwrap_or_else(|error| unreadable(folder, &error)).path();
        if path.is_dir() {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

/// Returns the targets of `[text](target)` outside of code blocks.
fn links(page: &str) -> Vec<String> {
    let prose = page.split("```").step_by(2);
    let targets = prose.flat_map(|text| text.split("](").skip(1)).filter_map(|rest| rest.split(')').next());
    targets.map(|target| target.split(' ').next().unwrap_or(target).to_owned()).collect()
}

fn has_target(page: &Path, link: &str) -> bool {
    if link.contains("://") {
        return true;
    }
    let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
    let folder = page.parent().expect("a page is in a folder");
    let file = if file.is_empty() { page.to_owned() } else { folder.join(file) };
    match heading {
        None => file.exists(),
        Some(heading) => {
            file.exists() && read(&file).lines().any(|line| anchor(line) == Some(heading.into()))
        }
    }
}

/// Returns the anchor of a heading: lower case, words joined by hyphens, without other punctuation.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let letters = heading.chars().flat_map(char::to_lowercase);
    let kept = letters.filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    Some(kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect())
}

#[test]
fn links_are_found_outside_of_code_blocks_only() {
    let page = "see [a](one.md) and [b](two.md#part \"title\")\n```\n[c](three.md)\n```\n[d](four.md)";
    assert_eq!(links(page), ["one.md", "two.md#part", "four.md"]);
}

#[test]
fn an_anchor_has_no_punctuation() {
    assert_eq!(anchor("## `[realm.NAME.mapping]`"), Some("realmnamemapping".to_owned()));
    assert_eq!(anchor("# First five minutes"), Some("first-five-minutes".to_owned()));
    assert_eq!(anchor("no heading"), None);
}
