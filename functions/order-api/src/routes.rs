//! The routes and their handlers.

use std::sync::Arc;

use tidegate::request::{Answer, Api, Call, Problem, Route, StatusCode};

use crate::handlers::{cancel, list, place, show, stock};
use crate::shop::Shop;

/// The OpenAPI document, generated from the types: `cargo run -p events --example openapi`.
const OPENAPI: &str = include_str!("../../../docs/catalog/openapi.json");

/// `source` of the causes of the requests. A change of it would let repeated requests run again.
const SOURCE: &str = "shop.api";

/// Creates the API of the shop.
pub(crate) fn api(shop: Shop) -> Api<Shop> {
    Api::new(SOURCE, shop)
        .route(Route::post("/orders").key_required(), place)
        .route(Route::get("/orders/{order_id}"), show)
        .route(Route::post("/orders/{order_id}/cancel").key_required(), cancel)
        .route(Route::get("/customers/{customer_id}/orders"), list)
        .route(Route::get("/products/{stock_code}/stock").anonymous(), stock)
        .route(Route::get("/openapi.json").anonymous(), openapi)
}

async fn openapi(_: Arc<Shop>, _: Call) -> Result<Answer, Problem> {
    Ok(Answer::text(StatusCode::OK, "application/json", OPENAPI))
}
