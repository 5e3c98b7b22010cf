//! JSON Schemas of the envelope and of every type, as files.

use std::collections::BTreeMap;

use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::Value;
use tidegate::envelope::{DataSchema, Envelope};

use super::described::Described;

/// Version of the envelope.
const ENVELOPE_VERSION: u32 = 1;

pub fn files(types: &[Described]) -> BTreeMap<String, Value> {
    let envelope = generator().into_root_schema_for::<Envelope>();
    let envelope = identified(envelope, &DataSchema::new("Envelope", ENVELOPE_VERSION));
    let mut files: BTreeMap<String, Value> =
        types.iter().map(|of| (format!("schemas/{}.json", of.file_stem()), schema(of))).collect();
    files.insert(format!("schemas/envelope.v{ENVELOPE_VERSION}.json"), envelope);
    files
}

/// Returns the schema of a type's content.
pub fn schema(of: &Described) -> Value {
    identified((of.root_schema)(generator()), &DataSchema::new(of.kind, of.version))
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().into_generator()
}

fn identified(mut schema: Schema, id: &DataSchema) -> Value {
    schema.insert("$id".to_owned(), id.to_string().into());
    schema.to_value()
}
