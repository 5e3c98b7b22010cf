//! Who reads a type: the functions that the catalog names, and those that a rule brings it to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aws_json::Json;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use terminal::problem::Problem;
use topology::pattern::Pattern;
use topology::{SourceKind, TargetKind, Topology};

/// The parts of a catalog that say who reads what.
#[derive(Deserialize)]
struct Catalog {
    messages: Vec<Message>,
}

/// A type in a catalog.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    producers: Vec<Party>,
    #[serde(default)]
    consumers: Vec<Party>,
}

/// Who sends or reads. Those outside have no function.
#[derive(Deserialize)]
struct Party {
    #[serde(default)]
    function: Option<String>,
}

/// What is known of readers.
pub(super) struct Readers {
    messages: BTreeMap<String, Message>,
    topology: Option<Topology>,
}

impl Readers {
    /// Reads the catalog and the topology, if there are any.
    pub(super) fn new(catalog: Option<&Path>, topology: Option<&Path>) -> Result<Self, Problem> {
        let messages = match catalog {
            None => BTreeMap::new(),
            Some(file) => messages(file)?,
        };
        let topology = topology.map(topology::load).transpose();
        let topology = topology.map_err(|error| Problem::lines(error.to_string()))?;
        Ok(Self { messages, topology })
    }

    /// Returns the functions that read a type. An event's writers read it back from their streams.
    pub(super) fn of(&self, kind: &str) -> BTreeSet<String> {
        let mut readers = BTreeSet::new();
        let known = self.messages.get(kind);
        if let Some(message) = known {
            let functions = |parties: &[Party]| -> Vec<String> {
                parties.iter().filter_map(|party| party.function.clone()).collect()
            };
            readers.extend(functions(&message.consumers));
            if message.role.as_deref() == Some("event") {
                readers.extend(functions(&message.producers));
            }
        }
        let source = known.and_then(|message| message.source.as_deref());
        if let Some(topology) = &self.topology {
            subscribers(topology, kind, source, &mut readers);
        }
        readers
    }

    /// Returns functions of the catalog that the topology does not declare.
    pub(super) fn undeclared(&self) -> BTreeSet<&str> {
        let Some(topology) = &self.topology else { return BTreeSet::new() };
        let parties =
            self.messages.values().flat_map(|of| of.consumers.iter().chain(&of.producers));
        let functions = parties.filter_map(|party| party.function.as_deref());
        functions.filter(|function| !topology.functions.contains_key(*function)).collect()
    }
}

fn messages(file: &Path) -> Result<BTreeMap<String, Message>, Problem> {
    let text = std::fs::read(file)
        .map_err(|error| Problem::new(format!("{} cannot be read: {error}", file.display())))?;
    let catalog: Catalog = serde_json::from_slice(&text).map_err(|error| {
        Problem::new(format!("{} is not a catalog of messages: {error}", file.display()))
    })?;
    Ok(catalog.messages.into_iter().map(|message| (message.kind.clone(), message)).collect())
}

/// Adds the functions to which a rule may bring the type, as far as type and source decide it.
fn subscribers(
    topology: &Topology,
    kind: &str,
    source: Option<&str>,
    readers: &mut BTreeSet<String>,
) {
    let mut event = json!({ "detail-type": kind });
    if let (Some(source), Some(event)) = (source, event.as_object_mut()) {
        event.insert("source".to_owned(), source.into());
    }
    for rule in topology.rule_targets() {
        // A rule that says nothing of types brings events of a source that may not be this one's.
        if rule.declared.pattern.get("detail-type").is_none() {
            continue;
        }
        let mut decisive = Map::new();
        for field in ["detail-type", "source"] {
            let (of_rule, of_event) = (rule.declared.pattern.get(field), event.get(field));
            if let (Some(value), Some(_)) = (of_rule, of_event) {
                decisive.insert(field.to_owned(), value.clone());
            }
        }
        let Ok(pattern) = Pattern::parse(&Value::Object(decisive)) else { continue };
        if !pattern.matches(&Json::from(&event)) {
            continue;
        }
        match rule.target.kind() {
            Some(TargetKind::Function(function)) => {
                readers.insert(function.to_owned());
            }
            Some(TargetKind::Queue(queue)) => {
                let reading = topology
                    .sources()
                    .filter(|(_, _, source)| source.kind() == Some(SourceKind::Queue(queue)));
                readers.extend(reading.map(|(function, _, _)| function.to_owned()));
            }
            _ => {}
        }
    }
}
