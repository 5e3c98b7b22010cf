//! Finds the order that an e-mail confirms.

use std::collections::BTreeMap;

use crate::world::World;

/// Number of e-mails by order.
pub(crate) async fn confirmations(world: &World) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for mail in world.mail().await {
        let order = mail
            .subject
            .strip_prefix("Your order ")
            .unwrap_or_else(|| panic!("{mail:?}"))
            .to_owned();
        *counts.entry(order).or_default() += 1;
    }
    counts
}

/// Placed orders with a customer. Each must be confirmed.
pub(crate) async fn to_be_confirmed(world: &World) -> Vec<String> {
    let mut pages =
        world.clients().dynamodb.scan().table_name("order-view").into_paginator().items().send();
    let mut orders = Vec::new();
    while let Some(row) = pages.next().await {
        let row = row.expect("a row");
        let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).cloned();
        if text("status").as_deref() == Some("placed") && text("customer").is_some() {
            orders.push(text("stream").unwrap().trim_start_matches("order#").to_owned());
        }
    }
    orders.sort();
    orders
}
