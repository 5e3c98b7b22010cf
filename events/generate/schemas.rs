//! JSON Schemas of the envelope and of every type, as files.

use std::collections::BTreeMap;
use std::error::Error;

use events::{
    OrderPlaced, OrderRejected, PlaceOrder, RecordReturn, ReturnRecorded, ReturnRejected,
};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::Value;
use tidegate::envelope::{DataSchema, Envelope};
use tidegate::message::Message;

/// Version of the envelope.
const ENVELOPE_VERSION: u32 = 1;

pub fn files() -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
    Ok(BTreeMap::from([
        of_type::<PlaceOrder>(),
        of_type::<OrderPlaced>(),
        of_type::<OrderRejected>(),
        of_type::<RecordReturn>(),
        of_type::<ReturnRecorded>(),
        of_type::<ReturnRejected>(),
        (
            format!("schemas/envelope.v{ENVELOPE_VERSION}.json"),
            identified(schema::<Envelope>(), &DataSchema::new("Envelope", ENVELOPE_VERSION)),
        ),
    ]))
}

fn of_type<M: Message + JsonSchema>() -> (String, Value) {
    let path = format!("schemas/{}.v{}.json", M::TYPE, M::VERSION);
    (path, identified(schema::<M>(), &DataSchema::new(M::TYPE, M::VERSION)))
}

fn schema<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}

fn identified(mut schema: Schema, id: &DataSchema) -> Value {
    schema.insert("$id".to_owned(), id.to_string().into());
    schema.to_value()
}
