//! Documents for EventBridge's schema registry.

use std::collections::BTreeMap;
use std::error::Error;

use events::routes::{BUS, types_for};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};
use tidegate::envelope::{DataSchema, Envelope};

use super::described::Described;

/// Where OpenAPI has its schemas.
const COMPONENTS: &str = "#/components/schemas";

/// Documents for EventBridge's schema registry, one for each event that is published on the bus.
///
/// The registry accepts OpenAPI 3.0 or JSON Schema draft 4, not the draft of `schemas/`. A file's
/// name is the name that EventBridge itself gives the schema. The file has the newest version; the
/// registry keeps the older ones.
pub fn files(types: &[Described]) -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let published: Vec<&str> = types_for(BUS).collect();
    types.iter().filter(|of| published.contains(&of.kind)).map(document).collect()
}

fn document(of: &Described) -> Result<(String, Value), Box<dyn Error>> {
    let (kind, source) = (of.kind, of.service.source);
    let mut generator = SchemaSettings::openapi3().into_generator();
    let data = (of.schema)(&mut generator).to_value();
    generator.subschema_for::<Envelope>();
    let mut schemas = generator.take_definitions(true);
    let envelope = schemas.remove(&Envelope::schema_name().into_owned());
    let mut envelope = envelope.ok_or("schemars made no schema of the envelope")?;
    let members = envelope.get_mut("properties").and_then(Value::as_object_mut);
    let members = members.ok_or("the schema of the envelope has no properties")?;
    let schema = DataSchema::new(kind, of.version).to_string();
    for (name, value) in [("source", source), ("type", kind), ("dataschema", &schema)] {
        members.insert(name.to_owned(), json!({ "type": "string", "enum": [value] }));
    }
    members.insert("data".to_owned(), data);
    let envelope_name = format!("{kind}Envelope");
    let event = event(source, kind, &format!("{COMPONENTS}/{envelope_name}"));
    schemas.extend([("AWSEvent".to_owned(), event), (envelope_name, envelope)]);
    let document = json!({
        "openapi": "3.0.0",
        "info": { "title": kind, "version": of.version.to_string() },
        "paths": {},
        "components": { "schemas": schemas },
    });
    Ok((format!("registry/{source}@{kind}.json"), document))
}

/// Returns the schema of EventBridge's wrapper around an event, in the form of the schemas that it
/// discovers.
fn event(source: &str, detail_type: &str, detail: &str) -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "required": ["detail-type", "resources", "detail", "id", "source", "time", "region", "version", "account"],
        "x-amazon-events-detail-type": detail_type,
        "x-amazon-events-source": source,
        "properties": {
            "detail": { "$ref": detail },
            "account": text,
            "detail-type": text,
            "id": text,
            "region": text,
            "resources": { "type": "array", "items": text },
            "source": text,
            "time": { "type": "string", "format": "date-time" },
            "version": text,
        },
    })
}
