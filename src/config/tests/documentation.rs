//! proxy.toml, the documentation and the JSON Schema agree with the declarations, key by key.

use super::{SMALLEST, rendered};
use crate::config::parse::TableSchema as _;
use crate::config::schema::ConfigDocument;
use crate::config::schema::limits::LimitsSection;
use crate::config::{Colour, json_schema, markdown};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

fn project_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read_file(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn proxy_toml_is_without_errors() {
    assert_eq!(rendered(&read_file(&project_file("proxy.toml"))), "");
}

#[test]
fn every_toml_block_of_the_documentation_is_without_errors() {
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
            let diagnostics = ConfigDocument::parse(&page.display().to_string(), block).1;
            assert!(!diagnostics.has_errors(), "{}", diagnostics.render(Colour::Plain));
            blocks += 1;
        }
    }
    assert!(blocks >= 3, "configuration.md alone has three");
}

/// The tables of keys in a page, by the path in the heading above each.
fn key_tables(page: &str) -> BTreeMap<String, String> {
    let mut tables = BTreeMap::new();
    for part in page.split("\n## ") {
        let (heading, text) = part.split_once('\n').unwrap_or((part, ""));
        let path: String = heading.chars().filter(|letter| !"#`[] ".contains(*letter)).collect();
        let Some(start) = text.find(KEY_TABLE) else { continue };
        let table = text[start..].split("\n\n").next().unwrap_or_default().trim_end();
        assert!(tables.insert(path, table.to_owned()).is_none(), "{heading} has two tables of keys");
    }
    tables
}

const KEY_TABLE: &str = "| key | value | default | meaning |";

#[test]
fn the_tables_of_keys_in_the_documentation_are_those_of_the_declarations() {
    let page = read_file(&project_file("docs/configuration.md"));
    let (documented, declared) = (key_tables(&page), key_tables(&format!("\n{}", markdown())));
    for (path, table) in &declared {
        let help = "`portcullis schema --markdown` prints the table";
        assert_eq!(documented.get(path), Some(table), "{path}: {help}");
    }
    assert_eq!(documented.len(), declared.len());
    assert_eq!(page.matches(KEY_TABLE).count(), declared.len());
}

#[test]
fn the_page_of_limits_names_every_key_of_the_limits() {
    let page = read_file(&project_file("docs/limits.md"));
    let missing: Vec<_> =
        LimitsSection::NAMES.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/limits.md has no row of {missing:?}");
}

#[test]
fn every_default_and_every_range_is_read_by_the_key_that_has_it() {
    // Reading an empty table applies every default of it.
    let text = "[[site]]\n[[site.path]]\nallow = {}\n[realm.a]\nrevocation.ocsp_responder = {}\nrevocation.rewrite = [{}]\n\
                revocation.issuers = [{}]\nidentity_issuers = [{}]\nrule = [{ account = {} }]\n\
                directory = { bind_password = {}, schema = {} }\n[backend.b]\nheaders.secret = {}\n\
                user_certificates = {}\n[assertion]\n";
    assert!(ConfigDocument::parse("proxy.toml", text).1.has_errors());
}

/// `text`, which is TOML, as JSON.
fn as_json(text: &str) -> serde_json::Value {
    fn value(of: &DeValue<'_>) -> serde_json::Value {
        match of {
            DeValue::String(text) => text.as_ref().into(),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).unwrap().into(),
            DeValue::Boolean(truth) => (*truth).into(),
            DeValue::Array(array) => array.iter().map(|item| value(item.get_ref())).collect(),
            DeValue::Table(table) => {
                let entries =
                    table.iter().map(|(key, item)| (key.get_ref().to_string(), value(item.get_ref())));
                serde_json::Value::Object(entries.collect())
            }
            other => panic!("{} in an example", other.type_str()),
        }
    }
    value(&DeValue::Table(DeTable::parse(text).unwrap().into_inner()))
}

#[test]
fn the_checked_in_schema_is_that_of_the_declarations() {
    let text = read_file(&project_file("docs/proxy.schema.json"));
    let checked_in: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(checked_in == json_schema(), "update docs/proxy.schema.json with `portcullis schema`");
}

#[test]
fn the_schema_accepts_every_example_and_rejects_wrong_values() {
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("proxy.schema.json", json_schema()).unwrap();
    let schema = compiler.compile("proxy.schema.json", &mut schemas).unwrap();
    let verdict = |text: &str| schemas.validate(&as_json(text), schema).map_err(|error| format!("{error:#}"));
    assert_eq!(verdict(&read_file(&project_file("proxy.toml"))), Ok(()));
    let page = read_file(&project_file("docs/configuration.md"));
    for block in page.split("```toml\n").skip(1) {
        let block = block.split("\n```").next().unwrap_or_default();
        assert_eq!(verdict(block), Ok(()), "{block}");
    }
    assert_eq!(verdict(SMALLEST), Ok(()));
    for wrong in
        ["relm = 1", "workers = 0", "limits = { shutdown_timeout = 30 }", "log = { format = \"xml\" }"]
    {
        assert!(verdict(&format!("{wrong}\n{SMALLEST}")).is_err(), "{wrong}");
    }
}
