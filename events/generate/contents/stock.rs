//! Contents of commands and events of stock.

use events::{
    Currency, Money, OrderLine, ReleaseStock, ReservationLine, ReserveStock, ShipStock, Shortage,
    StockOpened, StockPartReleased, StockPartReserved, StockReceived, StockRejected, StockReleased,
    StockReordered, StockReserved, StockReturned, StockShipped,
};

use super::{TOTAL, goods_return, lamps, lanterns, lost_order, order, units};

pub fn reserve_stock() -> ReserveStock {
    let reserved = |line: OrderLine| ReservationLine {
        stock_code: line.stock_code,
        units: line.quantity,
        unit_price: line.unit_price,
    };
    ReserveStock {
        order_id: order(),
        currency: Currency::Gbp,
        lines: vec![reserved(lamps()), reserved(lanterns())],
    }
}

pub fn release_stock() -> ReleaseStock {
    ReleaseStock { order_id: lost_order() }
}

pub fn ship_stock() -> ShipStock {
    ShipStock { order_id: order() }
}

pub fn stock_opened() -> StockOpened {
    StockOpened { lines: vec![units("71053", 100_000), units("85123A", 100_000)] }
}

pub fn stock_reserved() -> StockReserved {
    StockReserved {
        order_id: order(),
        lines: vec![units("71053", 8), units("85123A", 6)],
        value: Money::pence(TOTAL),
        missing: Vec::new(),
    }
}

pub fn stock_part_reserved() -> StockPartReserved {
    let missing = Vec::new();
    StockPartReserved { order_id: lost_order(), lines: vec![units("22114", 12)], missing }
}

pub fn stock_part_released() -> StockPartReleased {
    let missing = Vec::new();
    StockPartReleased { order_id: lost_order(), lines: vec![units("22114", 12)], missing }
}

pub fn stock_rejected() -> StockRejected {
    StockRejected {
        order_id: lost_order(),
        missing: vec![Shortage { stock_code: "22114".into(), wanted: 120, available: 36 }],
    }
}

pub fn stock_released() -> StockReleased {
    StockReleased { order_id: lost_order(), lines: vec![units("22114", 12)] }
}

pub fn stock_shipped() -> StockShipped {
    StockShipped { order_id: order(), lines: vec![units("71053", 8), units("85123A", 6)] }
}

pub fn stock_reordered() -> StockReordered {
    StockReordered { lines: vec![units("85123A", 100_000)] }
}

pub fn stock_received() -> StockReceived {
    StockReceived { lines: vec![units("85123A", 100_000)] }
}

pub fn stock_returned() -> StockReturned {
    StockReturned { return_id: goods_return(), lines: vec![units("85123A", 1)] }
}
