//! The catalog of all messages: one page, a JSON document, and an AsyncAPI document.

mod asyncapi;
mod entry;
mod fields;
mod html;
mod map;
mod page;
mod parties;
mod wiring;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use serde_json::Value;
use topology::Topology;

use super::described::Described;
use entry::Catalog;
use wiring::Wiring;

/// Folder of the catalog, in the repository.
pub const FOLDER: &str = "docs/catalog";

/// Returns the texts of all files, by their path in the repository.
///
/// # Errors
/// The topology cannot be read, or a message travels over what it does not declare.
pub fn files(types: &[Described]) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let topology = topology::load(&repository().join("infra/topology.auto.tfvars"))?;
    let catalog = Catalog::new(types, &Wiring::new(topology)?)?;
    let openapi = repository().join(FOLDER).join("openapi.json").is_file();
    let text = |value: &Value| format!("{value:#}\n");
    Ok(BTreeMap::from([
        (format!("{FOLDER}/catalog.json"), text(&serde_json::to_value(&catalog)?)),
        (format!("{FOLDER}/asyncapi.json"), text(&asyncapi::document(types, &catalog))),
        (format!("{FOLDER}/index.html"), page::page(&catalog, openapi)),
    ]))
}

/// Returns the catalog of a topology as JSON.
///
/// # Errors
/// As [`files`].
pub fn json(types: &[Described], topology: Topology) -> Result<Value, Box<dyn Error>> {
    Ok(serde_json::to_value(Catalog::new(types, &Wiring::new(topology)?)?)?)
}

/// Returns a description as HTML.
pub fn escaped(text: &str) -> String {
    html::Prose(text).to_string()
}

/// Returns the repository's folder.
pub fn repository() -> PathBuf {
    super::root().join("..")
}
