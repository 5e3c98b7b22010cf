//! Documents for EventBridge's schema registry.

use std::collections::BTreeMap;
use std::error::Error;

use events::{ORDERS_SOURCE, OrderPlaced, OrderRejected, ReturnRecorded, ReturnRejected};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};
use tidegate::envelope::{DataSchema, Envelope};
use tidegate::message::Message;

/// Where OpenAPI has its schemas.
const COMPONENTS: &str = "#/components/schemas";

/// Documents for EventBridge's schema registry, one for each event that is published on the bus.
///
/// The registry accepts OpenAPI 3.0 or JSON Schema draft 4, not the draft of `schemas/`. A file's
/// name is the name that EventBridge itself gives the schema. The file has the newest version; the
/// registry keeps the older ones.
pub fn files() -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    let documents = [
        document::<OrderPlaced>(ORDERS_SOURCE)?,
        document::<OrderRejected>(ORDERS_SOURCE)?,
        document::<ReturnRecorded>(ORDERS_SOURCE)?,
        document::<ReturnRejected>(ORDERS_SOURCE)?,
    ];
    Ok(documents.into())
}

fn document<E: Message + JsonSchema>(source: &str) -> Result<(String, Value), Box<dyn Error>> {
    let mut generator = SchemaSettings::openapi3().into_generator();
    let data = generator.subschema_for::<E>().to_value();
    generator.subschema_for::<Envelope>();
    let mut schemas = generator.take_definitions(true);
    let envelope = schemas.remove(&Envelope::schema_name().into_owned());
    let mut envelope = envelope.ok_or("schemars made no schema of the envelope")?;
    let members = envelope.get_mut("properties").and_then(Value::as_object_mut);
    let members = members.ok_or("the schema of the envelope has no properties")?;
    let schema = DataSchema::new(E::TYPE, E::VERSION).to_string();
    for (name, value) in [("source", source), ("type", E::TYPE), ("dataschema", &schema)] {
        members.insert(name.to_owned(), json!({ "type": "string", "enum": [value] }));
    }
    members.insert("data".to_owned(), data);
    let envelope_name = format!("{}Envelope", E::TYPE);
    let event = event(source, E::TYPE, &format!("{COMPONENTS}/{envelope_name}"));
    schemas.extend([("AWSEvent".to_owned(), event), (envelope_name, envelope)]);
    let document = json!({
        "openapi": "3.0.0",
        "info": { "title": E::TYPE, "version": E::VERSION.to_string() },
        "paths": {},
        "components": { "schemas": schemas },
    });
    Ok((format!("registry/{source}@{}.json", E::TYPE), document))
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
