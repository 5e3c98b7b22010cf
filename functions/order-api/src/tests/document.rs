//! The OpenAPI document: it has the routes of the topology, and answers fit it.

use std::collections::BTreeSet;
use std::path::Path;

use events::api::{Access, OPERATIONS};
use serde_json::{Value, json};
use tidegate::query::Table;
use tidegate::test::HttpEvent;

use super::{World, by, cancelling, new_order, placing, reading};

fn topology() -> topology::Topology {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
    topology::load(&file).unwrap()
}

async fn document(world: &World) -> Value {
    world.send(HttpEvent::api("GET", "/openapi.json"), 200).await.json()
}

/// Returns what is wrong with a value of this type.
fn misfits(document: &Value, name: &str, value: &Value) -> Vec<String> {
    let schema = json!({
        "$ref": format!("#/components/schemas/{name}"),
        "components": document["components"],
    });
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    validator.iter_errors(value).map(|error| error.to_string()).collect()
}

#[tokio::test]
async fn document_and_topology_have_the_same_routes_with_the_same_access() {
    let document = document(&World::new()).await;
    let mut documented = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let secured = !operation["security"].as_array().unwrap().is_empty();
            documented.insert((format!("{} {path}", method.to_uppercase()), secured));
        }
    }
    let topology = topology();
    let routes = topology.apis["shop"].routes.iter();
    let routes = routes.filter(|(_, route)| route.function == "order-api");
    let declared: BTreeSet<_> =
        routes.map(|(key, route)| (key.clone(), route.authorizer.is_some())).collect();
    assert_eq!(documented, declared);
}

#[tokio::test]
async fn every_operation_has_a_route_that_asks_for_a_caller_where_it_must() {
    let world = World::new();
    for operation in OPERATIONS {
        let path = operation.path.replace("{order_id}", "1").replace("{customer_id}", "anna");
        let path = path.replace("{stock_code}", "A");
        let request = HttpEvent::api(operation.method, &path).key("k").json(&new_order());
        let answer = world.client.send(request).await;
        let code = answer.json()["code"].as_str().unwrap_or_default().to_owned();
        assert_ne!(code, "method_not_allowed", "{path}");
        let asks = code == "no_caller";
        assert_eq!(asks, operation.access == Access::Customer, "{path}: {code}");
    }
}

#[tokio::test]
async fn answers_fit_the_document() {
    let world = World::new();
    let document = document(&world).await;
    let order = world.place("anna", "k1").await.order_id;
    let order = order.as_str();
    world.confirm(order).await;
    world.list(&format!("order#{order}"), "anna", "2026-01-01T00:00:00Z");
    let row = json!({ "stock_code": "A", "on_hand": 7, "on_order": 0 });
    world.tables.put(&Table::new("stock", "stock_code"), row).unwrap();
    let mut bad = new_order();
    bad["lines"][0]["quantity"] = json!(0);
    for (request, status, name) in [
        (placing("anna", "k1", &new_order()), 202, "OrderAccepted"),
        (reading("anna", order), 200, "OrderDetails"),
        (cancelling("anna", "c", order), 202, "OrderCancellation"),
        (by("anna", "GET", "/customers/anna/orders"), 200, "OrderPage"),
        (HttpEvent::api("GET", "/products/A/stock"), 200, "ProductStock"),
        (placing("anna", "k2", &bad), 422, "ProblemDocument"),
        (reading("ben", order), 404, "ProblemDocument"),
        (HttpEvent::api("GET", "/orders/1"), 401, "ProblemDocument"),
    ] {
        let answer = world.send(request, status).await.json();
        assert_eq!(misfits(&document, name, &answer), [""; 0], "{name}: {answer}");
        assert_ne!(misfits(&document, name, &json!({})), [""; 0], "{name}: anything fits");
    }
    assert_eq!(misfits(&document, "NewOrder", &new_order()), [""; 0]);
    let more = json!({ "country": "F", "currency": "GBP", "lines": [], "more": 1 });
    assert_ne!(misfits(&document, "NewOrder", &more), [""; 0]);
}
