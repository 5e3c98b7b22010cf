//! Contents of commands and events of orders and returns.

use events::{
    CancelOrder, CancellationDefect, CancellationRejected, CancellationRequested, Currency, Defect,
    Money, OrderLine, OrderPlaced, OrderRejected, PlaceOrder, RecordReturn, Rejection,
    ReturnRecorded, ReturnRejected,
};
use jiff::Timestamp;

use super::{
    TOTAL, UNITS, country, customer, goods_return, lamps, lanterns, line, lost_order, order,
};

/// 2010-12-01T08:26:00Z.
pub const ORDERED_AT: Timestamp = Timestamp::constant(1_291_191_960, 0);
/// 2010-12-01T09:41:00Z.
pub const RETURNED_AT: Timestamp = Timestamp::constant(1_291_196_460, 0);

pub fn place_order() -> PlaceOrder {
    PlaceOrder {
        order_id: order(),
        customer_id: customer(),
        country: country(),
        currency: Currency::Gbp,
        ordered_at: ORDERED_AT,
        lines: vec![lamps(), lanterns()],
    }
}

pub fn order_placed() -> OrderPlaced {
    OrderPlaced {
        order_id: order(),
        customer_id: customer(),
        country: country(),
        ordered_at: ORDERED_AT,
        units: UNITS,
        total: Money::pence(TOTAL),
        lines: vec![lamps(), lanterns()],
    }
}

/// Returns an order with an impossible quantity and an impossible price.
pub fn bad_order() -> PlaceOrder {
    PlaceOrder {
        order_id: "536589".into(),
        customer_id: None,
        country: country(),
        currency: Currency::Gbp,
        ordered_at: ORDERED_AT,
        lines: vec![line("21777", "", -10, 0), line("B", "Adjust bad debt", 1, -1_106_206)],
    }
}

pub fn order_rejected() -> OrderRejected {
    OrderRejected {
        order_id: "536589".into(),
        reasons: vec![
            reason(1, "21777", Defect::QuantityNotPositive { quantity: -10 }),
            reason(2, "B", Defect::PriceNegative { unit_price: -1_106_206 }),
        ],
        more: None,
    }
}

pub fn cancel_order() -> CancelOrder {
    CancelOrder { order_id: lost_order() }
}

pub fn cancellation_requested() -> CancellationRequested {
    CancellationRequested { order_id: lost_order() }
}

pub fn cancellation_rejected() -> CancellationRejected {
    CancellationRejected { order_id: lost_order(), reason: CancellationDefect::AlreadyRequested }
}

pub fn record_return() -> RecordReturn {
    RecordReturn {
        return_id: goods_return(),
        customer_id: customer(),
        country: country(),
        currency: Currency::Gbp,
        returned_at: RETURNED_AT,
        lines: vec![OrderLine { quantity: 1, ..lamps() }],
    }
}

pub fn return_recorded() -> ReturnRecorded {
    ReturnRecorded {
        return_id: goods_return(),
        customer_id: customer(),
        country: country(),
        returned_at: RETURNED_AT,
        units: 1,
        refund: Money::pence(255),
        lines: vec![OrderLine { quantity: 1, ..lamps() }],
    }
}

/// Returns a return without lines.
pub fn bad_return() -> RecordReturn {
    RecordReturn { return_id: "C536391".into(), lines: Vec::new(), ..record_return() }
}

pub fn return_rejected() -> ReturnRejected {
    ReturnRejected {
        return_id: "C536391".into(),
        reasons: vec![Rejection { line: None, stock_code: None, defect: Defect::NoLines }],
        more: None,
    }
}

fn reason(line: u32, stock_code: &str, defect: Defect) -> Rejection {
    Rejection { line: Some(line), stock_code: Some(stock_code.into()), defect }
}
