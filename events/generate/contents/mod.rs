//! Contents of the samples: one order that is delivered, and what goes wrong with others.

pub mod fulfilment;
pub mod orders;
pub mod payment;
pub mod shipping;
pub mod stock;

use events::{CustomerId, OrderId, OrderLine, ReturnId, StockCode, StockLine};

/// The order that is delivered.
pub const ORDER: &str = "536365";
/// The return of a part of it.
pub const RETURN: &str = "C536379";
/// An order that is given up on its way.
pub const LOST_ORDER: &str = "536367";

/// Units of the order that is delivered.
const UNITS: i64 = 14;
/// Its value in pence.
const TOTAL: i64 = 4_242;

fn order() -> OrderId {
    ORDER.into()
}

fn lost_order() -> OrderId {
    LOST_ORDER.into()
}

fn goods_return() -> ReturnId {
    RETURN.into()
}

fn customer() -> Option<CustomerId> {
    Some("17850".into())
}

fn country() -> String {
    "United Kingdom".to_owned()
}

fn line(stock_code: &str, description: &str, quantity: i64, unit_price: i64) -> OrderLine {
    OrderLine {
        stock_code: stock_code.into(),
        description: description.to_owned(),
        quantity,
        unit_price,
    }
}

fn lamps() -> OrderLine {
    line("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 6, 255)
}

fn lanterns() -> OrderLine {
    line("71053", "WHITE METAL LANTERN", 8, 339)
}

fn units(stock_code: &str, units: i64) -> StockLine {
    StockLine { stock_code: StockCode::from(stock_code), units }
}
