//! Describes the envelope as JSON Schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::envelope::Envelope;

impl JsonSchema for Envelope {
    fn schema_name() -> Cow<'static, str> {
        "Envelope".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = |description: &str| json_schema!({ "type": "string", "minLength": 1, "description": description });
        json_schema!({
            "description": "The JSON object around every command and event: CloudEvents 1.0 attributes plus `data`. \
                Unknown attributes are kept and passed on.",
            "type": "object",
            "properties": {
                "specversion": { "const": "1.0", "description": "Version of CloudEvents." },
                "id": text("Unique within `source`; the same on every redelivery and replay."),
                "source": text("Producer of the command or event."),
                "type": text("Type of the command or event."),
                "subject": {
                    "type": "string",
                    "pattern": "^[^#]+#.+$",
                    "maxLength": 1024,
                    "description": "Stream of the aggregate: kind, `#` and key; at most 1,024 bytes.",
                },
                "time": { "type": "string", "format": "date-time", "description": "Time of the business fact." },
                "dataschema": {
                    "type": "string",
                    "pattern": "^urn:tidegate:schema:.+:[1-9][0-9]*$",
                    "description": "Type and version of `data`.",
                },
                "sequence": {
                    "type": "string",
                    "pattern": "^[0-9]+$",
                    "description": "Version in the stream, as digits; absent in commands. A number is accepted too.",
                },
                "correlationid": {
                    "type": "string",
                    "description": "Id shared by everything that follows from one request; by default `id`.",
                },
                "causationid": {
                    "type": "string",
                    "description": "Id of the command or event that caused this one.",
                },
                "traceparent": { "type": "string", "description": "W3C trace context." },
                "data": { "description": "Content, with the schema that `dataschema` names." },
                "dataref": {
                    "type": "string",
                    "pattern": "^tidegate:.+/[0-9]+$",
                    "description": "Place of the content in the event store, instead of `data`.",
                },
            },
            "required": ["specversion", "id", "source", "type", "subject", "time", "dataschema"],
            "oneOf": [{ "required": ["data"] }, { "required": ["dataref"] }],
        })
    }
}
