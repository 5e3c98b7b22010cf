//! Who reads a type: the functions that the catalog names, and those that a rule brings it to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aws_json::Json;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use terminal::problem::Problem;
use topology::pattern::Pattern;
use topology::{SourceKind, Subscriber, TargetKind, Topology};

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
///
/// Filters of mappings and of subscriptions are not looked at. A rule's target that is a bus has
/// its own rules, which are looked at as those of every bus.
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
    let reading = |kind: SourceKind<'_>| -> Vec<String> {
        let sources = topology.sources().filter(|(_, _, source)| source.kind() == Some(kind));
        sources.map(|(function, _, _)| function.to_owned()).collect()
    };
    for rule in topology.rule_targets() {
        // A rule that type and source do not decide may bring what another source sends.
        if matches(&rule.declared.pattern, &event) != Some(true) {
            continue;
        }
        match rule.target.kind() {
            Some(TargetKind::Function(function)) => {
                readers.insert(function.to_owned());
            }
            Some(TargetKind::Queue(queue)) => readers.extend(reading(SourceKind::Queue(queue))),
            Some(TargetKind::Stream(stream)) => {
                readers.extend(reading(SourceKind::Stream(stream)));
            }
            Some(TargetKind::Topic(topic)) => {
                for (_, subscription) in topology.subscriptions_of(topic) {
                    match subscription.subscriber() {
                        Some(Subscriber::Function(function)) => {
                            readers.insert(function.to_owned());
                        }
                        Some(Subscriber::Queue(queue)) => {
                            readers.extend(reading(SourceKind::Queue(queue)));
                        }
                        None => {}
                    }
                }
            }
            Some(TargetKind::Bus(_)) | None => {}
        }
    }
}

/// Returns whether the fields of an event match a rule's pattern. `None`: they do not decide it.
fn matches(pattern: &Value, event: &Value) -> Option<bool> {
    let fields = pattern.as_object()?.iter().filter(|(field, _)| event.get(field).is_some());
    let fields: Map<String, Value> =
        fields.map(|(field, value)| (field.clone(), value.clone())).collect();
    let decided = match fields.is_empty() {
        true => None,
        false => {
            let pattern = Pattern::parse(&Value::Object(fields)).ok();
            pattern.map(|pattern| pattern.matches(&Json::from(event)))
        }
    };
    let alternatives = pattern.get("$or").and_then(Value::as_array);
    let alternatives = alternatives.and_then(|alternatives| {
        let each = alternatives.iter().map(|alternative| matches(alternative, event));
        // Undecided is more than refused, and less than accepted.
        each.max_by_key(|decided| decided.map_or(1, |matches| 2 * u8::from(matches)))?
    });
    match (decided, alternatives) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), _) | (_, Some(true)) => Some(true),
        (None, None) => None,
    }
}
