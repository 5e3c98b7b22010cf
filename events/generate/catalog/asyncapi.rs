//! The AsyncAPI 3.0 document of the shop: channels, messages, and which function sends or receives.

use std::collections::{BTreeMap, BTreeSet};

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use tidegate::envelope::{DataSchema, Envelope};

use super::super::described::Described;
use super::entry::{Catalog, Entry};
use super::parties::{Channel, ChannelKind, Producer};

/// Where the document has its schemas.
const SCHEMAS: &str = "/components/schemas";

const ABOUT: &str = "\
Every message that travels between the functions of the shop. The document describes the whole \
system: each operation has the tag of the function that sends or receives. Events leave the event \
store through the function event-publisher; an operation names the function that writes the event. \
A message whose data is too large for its channel has `dataref` in place of `data`.";

/// Returns the document.
pub fn document(types: &[Described], catalog: &Catalog) -> Value {
    let mut messages = Map::new();
    for (of, entry) in types.iter().zip(&catalog.messages) {
        messages.insert(of.kind.to_owned(), message(of, entry));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": { "title": "Shop", "version": "1.0.0", "description": ABOUT },
        "defaultContentType": "application/json",
        "channels": channels(catalog),
        "operations": operations(catalog),
        "components": { "messages": messages, "schemas": schemas(types) },
    })
}

/// Returns the schemas of the envelope and of all contents. AsyncAPI builds on draft 7.
fn schemas(types: &[Described]) -> Map<String, Value> {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = SCHEMAS.into();
    });
    let mut generator = settings.into_generator();
    generator.subschema_for::<Envelope>();
    for of in types {
        (of.schema)(&mut generator);
    }
    generator.take_definitions(true)
}

fn message(of: &Described, entry: &Entry) -> Value {
    let schema = DataSchema::new(of.kind, of.version).to_string();
    let mut properties = json!({
        "type": { "const": of.kind },
        "dataschema": { "const": schema },
        "data": { "$ref": format!("#{SCHEMAS}/{}", of.kind) },
    });
    if let (Some(source), Some(properties)) = (entry.source, properties.as_object_mut()) {
        properties.insert("source".to_owned(), json!({ "const": source }));
    }
    json!({
        "name": of.kind,
        "title": format!("{} {}, version {}", entry.role, of.kind, of.version),
        "summary": entry.description,
        "contentType": "application/json",
        "correlationId": { "location": "$message.payload#/correlationid" },
        "payload": {
            "allOf": [
                { "$ref": format!("#{SCHEMAS}/Envelope") },
                { "type": "object", "properties": properties },
            ],
        },
        "examples": [{ "name": of.kind, "payload": entry.example }],
        "tags": [{ "name": entry.service }, { "name": entry.role }],
    })
}

fn channels(catalog: &Catalog) -> Map<String, Value> {
    let mut carried: BTreeMap<&Channel, BTreeSet<&str>> = BTreeMap::new();
    for entry in &catalog.messages {
        for channel in &entry.channels {
            carried.entry(channel).or_default().insert(entry.kind);
        }
    }
    let described = |(channel, kinds): (&Channel, BTreeSet<&str>)| {
        let messages: Map<String, Value> = kinds
            .into_iter()
            .map(|kind| (kind.to_owned(), reference(&format!("components/messages/{kind}"))))
            .collect();
        let mut described = json!({
            "address": channel.name,
            "title": channel.to_string(),
            "messages": messages,
        });
        if let (ChannelKind::Queue, Some(described)) = (channel.kind, described.as_object_mut()) {
            let queue = json!({ "name": channel.name, "fifoQueue": false });
            described.insert("bindings".to_owned(), json!({ "sqs": { "queue": queue } }));
        }
        (channel.id(), described)
    };
    carried.into_iter().map(described).collect()
}

/// Returns one operation for each function, channel and direction.
fn operations(catalog: &Catalog) -> Map<String, Value> {
    let mut found: BTreeMap<(&str, &'static str, &Channel), BTreeSet<&str>> = BTreeMap::new();
    for entry in &catalog.messages {
        for consumer in &entry.consumers {
            let operation = (consumer.function.as_str(), "receive", &consumer.channel);
            found.entry(operation).or_default().insert(entry.kind);
        }
        for producer in &entry.producers {
            let Producer::Function { function } = producer else { continue };
            let sent = entry.channels.iter().filter(|channel| channel.kind.takes_messages());
            for channel in sent {
                found.entry((function, "send", channel)).or_default().insert(entry.kind);
            }
        }
    }
    let operation =
        |((function, action, channel), kinds): ((&str, &str, &Channel), BTreeSet<&str>)| {
            let path = format!("channels/{}", channel.id());
            let messages: Vec<Value> = kinds
                .into_iter()
                .map(|kind| reference(&format!("{path}/messages/{kind}")))
                .collect();
            let described = json!({
                "action": action,
                "channel": reference(&path),
                "title": format!("{function} {action}s over the {channel}"),
                "tags": [{ "name": function }],
                "messages": messages,
            });
            (format!("{function}.{action}.{}", channel.id()), described)
        };
    found.into_iter().map(operation).collect()
}

fn reference(path: &str) -> Value {
    json!({ "$ref": format!("#/{path}") })
}
