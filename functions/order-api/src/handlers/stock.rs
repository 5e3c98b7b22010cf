//! `GET /products/{stock_code}/stock`: how much of a product can be ordered.

use std::sync::Arc;

use events::StockCode;
use events::api::{NewOrderLine, ProductStock};
use serde::Deserialize;
use tidegate::query::{Consistency, Get, one};
use tidegate::request::{Answer, Call, Problem};

use crate::shop::Shop;

#[derive(Deserialize)]
pub(crate) struct OfProduct {
    stock_code: StockCode,
}

/// A row of the table of stock.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    on_hand: i64,
    #[serde(default)]
    on_order: i64,
}

/// Reads the row of the product.
pub(crate) async fn stock(shop: Arc<Shop>, call: Call<(), OfProduct>) -> Result<Answer, Problem> {
    let stock_code = call.path.stock_code;
    let unknown = || Problem::not_found("the shop has never had this product in stock");
    if stock_code.as_str().chars().count() > NewOrderLine::STOCK_CODE_CHARACTERS {
        return Err(unknown());
    }
    let get = Get::new(&shop.stock, stock_code.as_str(), Consistency::Eventual);
    let row = one::<Row>(&*shop.tables, &get).await?.ok_or_else(unknown)?;
    Answer::ok(&ProductStock { stock_code, available: row.on_hand, on_order: row.on_order })
}
