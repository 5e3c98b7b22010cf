//! The OpenAPI 3.1 document of the HTTP API, from its operations and types.

use std::path::{Path, PathBuf};

use events::api::{
    Access, KeyUse, NewOrder, OPERATIONS, Operation, OrderAccepted, OrderCancellation,
    OrderDetails, OrderPage, ProblemDocument, ProductStock,
};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The command that writes the document.
pub const COMMAND: &str = "cargo run -p events --example openapi";

/// Where schemas are in the document.
const SCHEMAS: &str = "/components/schemas";

/// Returns the path of the document.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/catalog/openapi.json")
}

/// Returns the document.
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Value::Object(methods) = path {
            methods.insert(operation.method.to_lowercase(), described(operation));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Shop",
            "version": "1",
            "summary": "Orders of customers, and the stock of products.",
            "description": "Every answer of a failed request is a problem document of RFC 9457. \
                 A request that changes something needs an Idempotency-Key: send it again with the \
                 same key, and nothing happens twice.",
            "license": { "name": "Apache 2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "customer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of the customer; its subject is the customer id.",
                },
            },
        },
    })
}

/// Returns the schemas of all types of requests and answers.
fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = format!("#{SCHEMAS}").into());
    let mut generator = settings.with(|settings| settings.meta_schema = None).into_generator();
    let roots: [fn(&mut SchemaGenerator) -> schemars::Schema; 7] = [
        SchemaGenerator::subschema_for::<NewOrder>,
        SchemaGenerator::subschema_for::<OrderAccepted>,
        SchemaGenerator::subschema_for::<OrderCancellation>,
        SchemaGenerator::subschema_for::<OrderDetails>,
        SchemaGenerator::subschema_for::<OrderPage>,
        SchemaGenerator::subschema_for::<ProductStock>,
        SchemaGenerator::subschema_for::<ProblemDocument>,
    ];
    for root in roots {
        root(&mut generator);
    }
    generator.take_definitions(true)
}

fn described(operation: &Operation) -> Value {
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": responses(operation),
        "security": match operation.access {
            Access::Customer => json!([{ "customer": [] }]),
            Access::Everyone => json!([]),
        },
    });
    if let (Some(body), Value::Object(described)) = (operation.body, &mut described) {
        let content = json!({ "required": true, "content": content("application/json", body) });
        described.insert("requestBody".to_owned(), content);
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let in_path = operation.path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({
            "name": name, "in": "path", "required": true, "schema": { "type": "string" },
        }))
    });
    let in_query = operation.query.iter().map(|(name, kind, meaning)| {
        json!({
            "name": name, "in": "query", "description": meaning, "schema": { "type": kind },
        })
    });
    let key = (operation.key == KeyUse::Required).then(|| {
        json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": true,
            "description": "A new one for each new request; the same one to send it again.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        })
    });
    in_path.chain(in_query).chain(key).collect()
}

fn responses(operation: &Operation) -> Map<String, Value> {
    let headers = match operation.id {
        "placeOrder" => json!({
            "location": { "description": "URL of the order.", "schema": { "type": "string" } },
        }),
        _ => json!({}),
    };
    let answer = json!({
        "description": "The answer.",
        "headers": headers,
        "content": match operation.answer {
            Some(name) => content("application/json", name),
            None => json!({ "application/json": { "schema": { "type": "object" } } }),
        },
    });
    let problem = |description: &str| {
        let content = content("application/problem+json", "ProblemDocument");
        json!({ "description": description, "content": content })
    };
    let mut responses = Map::from_iter([(operation.status.to_string(), answer)]);
    for status in operation.problems {
        responses.insert(status.to_string(), problem(meaning(*status)));
    }
    responses.insert("default".to_owned(), problem("Any other problem."));
    responses
}

fn content(media_type: &str, schema: &str) -> Value {
    json!({ media_type: { "schema": { "$ref": format!("#{SCHEMAS}/{schema}") } } })
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request is not well formed.",
        401 => "The token is missing or not valid.",
        404 => "There is no such thing, or it is not yours.",
        409 => "The state of the order does not allow it.",
        413 => "The body is too large.",
        415 => "The body is not JSON.",
        422 => "A value is wrong; each is named by its place.",
        _ => "The request failed.",
    }
}
