//! The reference of the keys: Markdown tables for the documentation, and a JSON Schema for editors.

use super::document::ConfigDocument;
use crate::config::parse::{
    FIRST_VERSION, HeaderForm, KeyAbsence, KeyForm, KeyInfo, TableKeys, TableSchema as _, tables_of,
};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The dialect of JSON Schema, which editors of TOML understand.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Returns the tables of docs/configuration.md: the keys of each section under its heading.
pub(crate) fn markdown() -> String {
    let mut text = String::new();
    for (path, table) in tables_of::<ConfigDocument>() {
        let (heading, above) = match path.as_str() {
            "" => ("The top of the file".to_owned(), String::new()),
            _ => (format!("`{}`", table.header.heading(&path)), format!("{path}.")),
        };
        _ = write!(text, "## {heading}\n\n| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
        for key in (table.keys)() {
            text.push_str(&row(&key, &above));
        }
        text.push('\n');
    }
    text
}

/// Returns the row of `key` in a table whose keys have the path `above` before them.
fn row(key: &KeyInfo, above: &str) -> String {
    let absence = match &key.absence {
        KeyAbsence::Default(value) => format!("`{value}`"),
        KeyAbsence::Required(_) => "**required**".to_owned(),
        KeyAbsence::Explained(words) => (*words).to_owned(),
    };
    let mut meaning = key.documentation.trim().to_owned();
    if let Some(table) = &key.form.table {
        let name = if table.header == HeaderForm::Named { "NAME" } else { "" };
        let anchor = format!("{above}{}{name}", key.name).replace('.', "").to_lowercase();
        _ = write!(meaning, " [Keys](#{anchor}).");
    }
    if key.since != FIRST_VERSION {
        _ = write!(meaning, " Since {}.", key.since);
    }
    let cells = [format!("`{}`", key.name), key.form.words.clone(), absence, meaning];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | ").replace("  ", " "))
}

/// Returns the JSON Schema of proxy.toml.
pub(crate) fn json_schema() -> Value {
    let mut schema = object(ConfigDocument::keys());
    let head = json!({
        "$schema": DIALECT,
        "title": "proxy.toml of portcullis",
        "description": "The configuration of the portcullis gateway.",
    });
    if let (Value::Object(schema), Value::Object(head)) = (&mut schema, head) {
        schema.extend(head);
    }
    schema
}

fn object(keys: Vec<KeyInfo>) -> Value {
    let required: Vec<_> = keys
        .iter()
        .filter(|key| matches!(key.absence, KeyAbsence::Required(_)))
        .map(|key| key.name)
        .collect();
    let properties: Map<String, Value> =
        keys.into_iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let (Value::Object(schema), false) = (&mut schema, required.is_empty()) {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

fn property(key: KeyInfo) -> Value {
    let KeyInfo { documentation, since, absence, form: KeyForm { json, table, .. }, .. } = key;
    let mut schema = match table {
        None => json,
        Some(TableKeys { header, keys, .. }) => {
            let table = object(keys());
            match header {
                HeaderForm::Single if json.is_null() => table,
                HeaderForm::Single => json!({ "anyOf": [json, table] }),
                HeaderForm::Repeated => json!({ "type": "array", "items": table }),
                HeaderForm::SingleOrRepeated => {
                    json!({ "anyOf": [table, { "type": "array", "items": table }] })
                }
                HeaderForm::Named => json!({ "type": "object", "additionalProperties": table }),
            }
        }
    };
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), documentation.trim().into());
        schema.insert("x-since".to_owned(), since.into());
        if let KeyAbsence::Default(default) = absence {
            // Strings, numbers, booleans and lists of strings are written alike in TOML and in JSON.
            if let Ok(default) = serde_json::from_str(&default) {
                schema.insert("default".to_owned(), default);
            }
        }
    }
    schema
}
