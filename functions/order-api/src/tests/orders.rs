//! Placing, showing and cancelling orders.

use serde_json::{Value, json};
use tidegate::ids::{StreamId, Version};
use tidegate::store::{EventReader, RecordedCommit};

use super::{World, by, cancelling, new_order, placing, pointers, reading};

async fn versions(world: &World, order: &str) -> u64 {
    let stream = StreamId::new("order", order).unwrap();
    let commits = world.events.read(&stream, Version::NONE).await.unwrap();
    commits.last().map_or(Version::NONE, RecordedCommit::last_version).number()
}

fn events(order: &Value) -> Vec<&str> {
    order["timeline"].as_array().unwrap().iter().map(|s| s["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_placed_order_has_a_place_and_is_shown_at_once() {
    let world = World::new();
    let answer = world.send(placing("anna", "k1", &new_order()), 202).await;
    let order = answer.json()["order_id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), Some(format!("/orders/{order}").as_str()));
    assert_eq!(answer.json()["status"], "placed");
    assert_eq!(answer.json()["total"], json!({ "minor": 1530, "currency": "GBP" }));
    let shown = world.send(reading("anna", &order), 200).await.json();
    assert_eq!((&shown["status"], &shown["customer_id"]), (&json!("placed"), &json!("anna")));
    assert_eq!(events(&shown), ["OrderPlaced"]);
}

#[tokio::test]
async fn the_same_request_again_is_the_same_order_and_another_key_is_another() {
    let world = World::new();
    let first = world.send(placing("anna", "k1", &new_order()), 202).await;
    let again = world.send(placing("anna", "k1", &new_order()), 202).await;
    assert_eq!((&first.body, first.header("location")), (&again.body, again.header("location")));
    let order = first.json()["order_id"].as_str().unwrap().to_owned();
    assert_eq!(versions(&world, &order).await, 1);
    assert_ne!(world.place("anna", "k2").await.order_id.as_str(), order);
    assert_ne!(
        world.place("ben", "k1").await.order_id.as_str(),
        order,
        "a key belongs to a caller"
    );
}

#[tokio::test]
async fn a_key_that_was_used_for_another_order_is_refused() {
    let world = World::new();
    let order = world.place("anna", "k1").await.order_id;
    let mut other = new_order();
    other["country"] = json!("Norway");
    let refused = world.send(placing("anna", "k1", &other), 422).await;
    assert_eq!(refused.json()["code"], "key_reused");
    assert_eq!(versions(&world, order.as_str()).await, 1);
}

#[tokio::test]
async fn a_rejected_order_names_every_reason_each_time() {
    let world = World::new();
    let lines = json!([
        { "stock_code": "A", "quantity": 0, "unit_price": -5 },
        { "stock_code": "B", "quantity": 1, "unit_price": 1 },
        { "stock_code": "C", "quantity": 2, "unit_price": i64::MAX },
    ]);
    let mut order = new_order();
    order["lines"] = lines;
    for _ in 0..2 {
        let refused = world.send(placing("anna", "k1", &order), 422).await;
        assert_eq!(refused.json()["code"], "order_rejected");
        assert_eq!(
            pointers(&refused),
            ["/lines/0/quantity", "/lines/0/unit_price", "/lines/2"],
            "{}",
            refused.json()
        );
    }
    order["lines"] = json!([]);
    let refused = world.send(placing("anna", "k2", &order), 422).await;
    assert_eq!(pointers(&refused), ["/lines"]);
}

#[tokio::test]
async fn an_order_that_is_rejected_for_very_many_reasons_gets_a_short_answer() {
    let world = World::new();
    let mut order = new_order();
    order["lines"] =
        json!(vec![json!({ "stock_code": "A", "quantity": 0, "unit_price": -1 }); 2000]);
    let refused = world.send(placing("anna", "k1", &order), 422).await;
    assert_eq!(pointers(&refused).len(), 20);
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.ends_with("; here are the first 20 of 4000 reasons"), "{detail}");
}

#[tokio::test]
async fn customers_see_and_cancel_their_own_orders_only() {
    let world = World::new();
    let order = world.place("anna", "k1").await.order_id;
    for request in [reading("ben", order.as_str()), cancelling("ben", "k1", order.as_str())] {
        let refused = world.send(request, 404).await;
        let missing = world.send(reading("ben", "no-such-order"), 404).await;
        let detail = |answer: &tidegate::test::HttpAnswer| answer.json()["detail"].clone();
        assert_eq!(detail(&refused), detail(&missing), "a stranger learns nothing");
    }
    assert_eq!(versions(&world, order.as_str()).await, 1);
    world.send(by("ben", "GET", "/customers/anna/orders"), 404).await;
}

#[tokio::test]
async fn a_cancellation_is_requested_once() {
    let world = World::new();
    let order = world.place("anna", "k1").await.order_id;
    let order = order.as_str();
    for key in ["c1", "c1", "c2"] {
        let answer = world.send(cancelling("anna", key, order), 202).await;
        assert_eq!(answer.json(), json!({ "order_id": order }));
    }
    assert_eq!(versions(&world, order).await, 2);
    let shown = world.send(reading("anna", order), 200).await.json();
    assert_eq!(events(&shown), ["OrderPlaced", "CancellationRequested"]);
}

#[tokio::test]
async fn an_order_on_its_way_is_not_cancelled() {
    let world = World::new();
    let order = world.place("anna", "k1").await.order_id;
    let order = order.as_str();
    world.confirm(order).await;
    let data = json!({ "order_id": order, "tracking": "T1" });
    world.fulfil(order, "OrderDispatched", &data).await;
    let refused = world.send(cancelling("anna", "c1", order), 409).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("dispatched"));
    assert_eq!(versions(&world, order).await, 1);
}

#[tokio::test]
async fn a_stuck_order_is_cancelled_unless_it_is_on_its_way() {
    let world = World::new();
    let [waiting, gone] = ["k1", "k2"].map(|key| world.place("anna", key));
    let (waiting, gone) = (waiting.await.order_id, gone.await.order_id);
    let (waiting, gone) = (waiting.as_str(), gone.as_str());
    world.confirm(waiting).await;
    world.fulfil(waiting, "ProcessStuck", &json!({})).await;
    world.send(cancelling("anna", "c1", waiting), 202).await;
    world.confirm(gone).await;
    world.fulfil(gone, "OrderDispatched", &json!({ "order_id": gone, "tracking": "T1" })).await;
    world.fulfil(gone, "ProcessStuck", &json!({})).await;
    let refused = world.send(cancelling("anna", "c2", gone), 409).await;
    assert!(refused.json()["detail"].as_str().unwrap().contains("dispatched"));
    assert_eq!(versions(&world, gone).await, 1);
}

#[tokio::test]
async fn status_and_timeline_have_what_was_published_and_nothing_internal() {
    let world = World::new();
    let order = world.place("anna", "k1").await.order_id;
    let order = order.as_str();
    world.fulfil(order, "ProcessMoved", &json!({})).await;
    world.confirm(order).await;
    let shown = world.send(reading("anna", order), 200).await.json();
    assert_eq!(shown["status"], "confirmed");
    assert_eq!(events(&shown), ["OrderPlaced", "OrderConfirmed"]);
    world.fulfil(order, "ProcessStuck", &json!({})).await;
    let shown = world.send(reading("anna", order), 200).await.json();
    assert_eq!(shown["status"], "stuck");
    assert_eq!(events(&shown), ["OrderPlaced", "OrderConfirmed"]);
}
