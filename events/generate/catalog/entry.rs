//! What the catalog says about each message and each service.

use std::collections::BTreeSet;
use std::error::Error;

use serde::Serialize;
use serde_json::Value;

use super::super::described::{Described, Role};
use super::super::schemas;
use super::super::services::SERVICES;
use super::parties::{Channel, Consumer, Producer};
use super::wiring::Wiring;

/// All services and messages.
#[derive(Serialize)]
pub struct Catalog {
    pub services: Vec<ServiceEntry>,
    pub messages: Vec<Entry>,
}

/// A service of the shop.
#[derive(Serialize)]
pub struct ServiceEntry {
    pub name: &'static str,
    pub description: &'static str,
    /// `source` of its events.
    pub source: &'static str,
    /// Functions that decide its commands and write its events.
    pub functions: Vec<&'static str>,
    /// Kinds of the streams that it alone writes.
    pub streams: BTreeSet<String>,
}

/// A message type.
#[derive(Serialize)]
pub struct Entry {
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// `event`, `command` or `deadline`.
    pub role: &'static str,
    pub description: String,
    /// Service that decides it.
    pub service: &'static str,
    /// `source` of its messages; absent for commands, which anybody may send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
    /// Kind of the streams that are its subject.
    pub stream: String,
    /// Newest version.
    pub version: u32,
    /// All versions that have a schema.
    pub versions: Vec<u32>,
    /// Path of the schema in the repository.
    pub schema: String,
    pub channels: Vec<Channel>,
    pub producers: Vec<Producer>,
    pub consumers: Vec<Consumer>,
    /// A message as it travels.
    pub example: Value,
    /// Schema of its content, for the page.
    #[serde(skip)]
    pub content: Value,
}

impl Catalog {
    /// Describes the messages as the topology connects them.
    ///
    /// # Errors
    /// A message travels over what the topology does not declare.
    pub fn new(types: &[Described], wiring: &Wiring) -> Result<Self, Box<dyn Error>> {
        let messages: Result<Vec<Entry>, Box<dyn Error>> =
            types.iter().map(|of| entry(of, wiring)).collect();
        let services = SERVICES.map(|service| ServiceEntry {
            name: service.name,
            description: service.about,
            source: service.source,
            functions: service.writers.to_vec(),
            streams: types
                .iter()
                .filter(|of| of.service.name == service.name)
                .map(|of| of.sample.subject.kind().to_owned())
                .collect(),
        });
        Ok(Self { services: services.into(), messages: messages? })
    }
}

fn entry(of: &Described, wiring: &Wiring) -> Result<Entry, Box<dyn Error>> {
    let content = schemas::schema(of);
    let description = content.get("description").and_then(Value::as_str).unwrap_or_default();
    let connections = wiring.connections(of)?;
    Ok(Entry {
        kind: of.kind,
        role: match of.role {
            Role::Event => "event",
            Role::Command(_) => "command",
            Role::Deadline(_) => "deadline",
        },
        description: description.split_whitespace().collect::<Vec<_>>().join(" "),
        service: of.service.name,
        source: matches!(of.role, Role::Event).then_some(of.service.source),
        stream: of.sample.subject.kind().to_owned(),
        version: of.version,
        versions: versions(of)?,
        schema: format!("events/schemas/{}.json", of.file_stem()),
        channels: connections.channels,
        producers: connections.producers,
        consumers: connections.consumers,
        example: serde_json::to_value(&of.sample)?,
        content,
    })
}

/// Returns the versions that have a schema: the type's own, and older ones as files.
fn versions(of: &Described) -> Result<Vec<u32>, Box<dyn Error>> {
    let mut versions = BTreeSet::from([of.version]);
    for file in std::fs::read_dir(super::super::root().join("schemas"))? {
        let name = file?.file_name().to_string_lossy().into_owned();
        let number = name
            .strip_prefix(of.kind)
            .and_then(|rest| rest.strip_prefix(".v")?.strip_suffix(".json")?.parse::<u32>().ok());
        versions.extend(number.filter(|number| *number < of.version));
    }
    Ok(versions.into_iter().collect())
}
