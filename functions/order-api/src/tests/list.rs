//! The list of a customer's orders, and the stock of a product.

use serde_json::json;
use tidegate::query::Table;
use tidegate::test::HttpEvent;

use super::{World, by};

fn orders(page: &serde_json::Value) -> Vec<String> {
    let orders = page["orders"].as_array().unwrap();
    orders.iter().map(|order| order["order_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_have_every_order_once_newest_first_with_its_status() {
    let world = World::new();
    for number in 0..7 {
        let at = format!("2026-01-0{}T00:00:00Z", number + 1);
        world.list(&format!("order#{number}"), "anna", &at);
        world.list(&format!("order#other-{number}"), "ben", &at);
    }
    world.list("return#C1", "anna", "2026-01-05T12:00:00Z");
    world.confirm("6").await;
    let (mut seen, mut query) = (Vec::new(), "limit=3".to_owned());
    loop {
        let request = by("anna", "GET", "/customers/anna/orders").query(&query);
        let page = world.send(request, 200).await.json();
        assert!(page["orders"].as_array().unwrap().len() <= 3);
        if seen.is_empty() {
            assert_eq!(page["orders"][0]["status"], "confirmed");
            assert_eq!(page["orders"][1]["status"], "placed");
            assert_eq!(page["orders"][1]["total"], json!({ "minor": 300, "currency": "GBP" }));
        }
        seen.extend(orders(&page));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("limit=3&page={next}");
    }
    assert_eq!(seen, ["6", "5", "4", "3", "2", "1", "0"]);
}

#[tokio::test]
async fn an_unreadable_row_hides_no_other_order() {
    let world = World::new();
    world.list("order#1", "anna", "2026-01-01T00:00:00Z");
    let broken = json!({ "stream": "order#2", "customer": "anna", "at": "yesterday" });
    world.tables.put(&Table::new("order-view", "stream"), broken).unwrap();
    let page = world.send(by("anna", "GET", "/customers/anna/orders"), 200).await.json();
    assert_eq!(orders(&page), ["1"]);
}

#[tokio::test]
async fn a_place_leads_into_the_list_of_no_other_customer() {
    let world = World::new();
    for number in 0..3 {
        world.list(
            &format!("order#a{number}"),
            "anna",
            &format!("2026-01-0{}T00:00:00Z", number + 1),
        );
        world.list(
            &format!("order#b{number}"),
            "ben",
            &format!("2026-01-0{}T00:00:00Z", number + 1),
        );
    }
    let first = by("anna", "GET", "/customers/anna/orders").query("limit=1");
    let next = world.send(first, 200).await.json()["next"].as_str().unwrap().to_owned();
    let query = format!("page={next}");
    let page = world.send(by("ben", "GET", "/customers/ben/orders").query(&query), 200).await;
    // The place is behind Anna's newest order, which is as old as Ben's `b2`.
    assert_eq!(orders(&page.json()), ["b1", "b0"]);
}

#[tokio::test]
async fn stock_is_what_can_be_ordered() {
    let world = World::new();
    let row = json!({ "stock_code": "85123A", "on_hand": 7, "reserved": 3, "on_order": 100 });
    world.tables.put(&Table::new("stock", "stock_code"), row).unwrap();
    let asked = |code: &str| HttpEvent::api("GET", &format!("/products/{code}/stock"));
    let stock = world.send(asked("85123A"), 200).await.json();
    assert_eq!(stock, json!({ "stock_code": "85123A", "available": 7, "on_order": 100 }));
    world.send(asked("nothing"), 404).await;
    world.send(asked(&"x".repeat(1500)), 404).await;
}
