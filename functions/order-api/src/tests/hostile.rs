//! Requests of clients that make mistakes, or mean harm.

use serde_json::{Value, json};
use tidegate::test::HttpEvent;

use super::{World, by, new_order, placing, pointers, reading};

fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut order = new_order();
    change(&mut order);
    order
}

#[tokio::test]
async fn every_mistake_of_a_body_is_named() {
    let world = World::new();
    let order = changed(|order| {
        order["country"] = json!(" ");
        order["lines"][0]["stock_code"] = json!("x".repeat(41));
        order["lines"][0]["description"] = json!("two\nlines");
    });
    let refused = world.send(placing("anna", "k1", &order), 422).await;
    let expected = ["/country", "/lines/0/stock_code", "/lines/0/description"];
    assert_eq!(pointers(&refused), expected);
}

#[tokio::test]
async fn a_stock_code_with_spaces_around_it_is_not_another_product() {
    let world = World::new();
    for code in ["85123A ", " 85123A", "85123A\u{a0}"] {
        let order = changed(|order| order["lines"][0]["stock_code"] = json!(code));
        let refused = world.send(placing("anna", "k1", &order), 422).await;
        assert_eq!(pointers(&refused), ["/lines/0/stock_code"], "{code:?}");
        let detail = refused.json()["errors"][0]["detail"].as_str().unwrap().to_owned();
        assert_eq!(detail, "begins or ends with a space");
    }
    let inside = changed(|order| order["lines"][0]["stock_code"] = json!("gift 10"));
    world.send(placing("anna", "k2", &inside), 202).await;
}

#[tokio::test]
async fn a_body_of_another_shape_is_refused_by_its_place() {
    let world = World::new();
    for (order, pointer) in [
        (changed(|order| order["customer_id"] = json!("ben")), "/customer_id"),
        (changed(|order| order["lines"][0]["price"] = json!(1)), "/lines/0/price"),
        (changed(|order| order["lines"][0]["quantity"] = json!("6")), "/lines/0/quantity"),
        (changed(|order| order["currency"] = json!("EUR")), "/currency"),
    ] {
        let refused = world.send(placing("anna", "k1", &order), 422).await;
        assert_eq!(pointers(&refused), [pointer]);
    }
}

#[tokio::test]
async fn an_order_with_too_many_lines_is_refused_and_the_largest_is_placed() {
    let world = World::new();
    let of = |lines: usize| {
        changed(|order| {
            let line = json!({ "stock_code": "A", "quantity": 1, "unit_price": 1 });
            order["lines"] = json!(vec![line; lines]);
        })
    };
    let refused = world.send(placing("anna", "k1", &of(2001)), 422).await;
    assert_eq!(pointers(&refused), ["/lines"]);
    let placed = world.send(placing("anna", "k2", &of(2000)), 202).await;
    assert_eq!(placed.json()["units"], 2000);
    let large = placing("anna", "k3", &changed(|order| order["note"] = json!("x".repeat(300_000))));
    assert_eq!(world.send(large, 413).await.json()["code"], "body_too_large");
}

#[tokio::test]
async fn nobody_places_an_order_without_a_key_a_token_or_a_subject() {
    let world = World::new();
    let order = new_order();
    let keyless = by("anna", "POST", "/orders").json(&order);
    assert_eq!(world.send(keyless, 400).await.json()["code"], "key_missing");
    let nobody = HttpEvent::api("POST", "/orders").key("k1").json(&order);
    world.send(nobody, 401).await;
    for subject in ["", "a b", "a\u{7}", &"x".repeat(129)] {
        world.send(placing(subject, "k1", &order), 403).await;
    }
}

#[tokio::test]
async fn paths_and_places_that_are_made_up_are_refused() {
    let world = World::new();
    world.list("order#1", "anna", "2026-01-01T00:00:00Z");
    for order in ["chunk#1", "#", &"x".repeat(1100), "a\u{1F600}"] {
        world.send(reading("anna", order), 404).await;
    }
    // A text of the right form, with numbers for the keys of an order.
    let numbers = "page=TgABMU4AATE";
    for query in
        [numbers, "limit=0", "limit=51", "limit=x", "page=!", "page=AAAA", "page=", "pages=1"]
    {
        let request = by("anna", "GET", "/customers/anna/orders").query(query);
        let refused = world.send(request, 400).await;
        assert_eq!(refused.json()["code"], "invalid_query", "{query}");
    }
}
