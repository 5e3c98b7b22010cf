use events::view::order_view as row;
use events::{CustomerId, Money, OrderEvent, OrderId, Rejection, ReturnEvent, ReturnId};
use jiff::Timestamp;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::projection::{Projected, Projection, RowUpdate};
use tidegate::store::{RecordedCommit, RecordedEvent};

use crate::counters::{Columns, ORDERS, RETURNS, Sale, increments};

/// Orders and returns with their state, and sales by day, country, customer and product.
pub(crate) struct Orders;

impl Projection for Orders {
    fn concerns(&self, stream: &StreamId) -> bool {
        matches!(stream.kind(), OrderId::STREAM_KIND | ReturnId::STREAM_KIND)
    }

    fn project(&self, commit: &RecordedCommit, event: &RecordedEvent) -> Result<Projected, Failure> {
        let mut projected = match commit.stream.kind() {
            ReturnId::STREAM_KIND => goods_returned(&event.decode()?)?,
            _ => order(&event.decode()?)?,
        };
        projected.row =
            projected.row.set_some(row::ARRIVED_AT, commit.arrived_at.map(Timestamp::as_millisecond));
        Ok(projected)
    }
}

fn order(event: &OrderEvent) -> Result<Projected, Failure> {
    match event {
        OrderEvent::OrderPlaced(placed) => accepted(
            "placed",
            ORDERS,
            placed.total,
            &Sale {
                at: placed.ordered_at,
                country: &placed.country,
                customer: placed.customer_id.as_ref(),
                units: placed.units,
                value: placed.total.minor,
                lines: &placed.lines,
            },
        ),
        OrderEvent::OrderRejected(rejected_order) => Ok(rejected(&rejected_order.reasons)),
    }
}

fn goods_returned(event: &ReturnEvent) -> Result<Projected, Failure> {
    match event {
        ReturnEvent::ReturnRecorded(recorded) => accepted(
            "recorded",
            RETURNS,
            recorded.refund,
            &Sale {
                at: recorded.returned_at,
                country: &recorded.country,
                customer: recorded.customer_id.as_ref(),
                units: recorded.units,
                value: recorded.refund.minor,
                lines: &recorded.lines,
            },
        ),
        ReturnEvent::ReturnRejected(rejected_return) => Ok(rejected(&rejected_return.reasons)),
    }
}

fn accepted(status: &str, columns: Columns, total: Money, sale: &Sale<'_>) -> Result<Projected, Failure> {
    let row = RowUpdate::default()
        .set(row::STATUS, status)
        .set_some(row::CUSTOMER, sale.customer.map(CustomerId::as_str))
        .set(row::COUNTRY, sale.country)
        .set(row::AT, sale.at.to_string())
        .set(row::UNITS, sale.units)
        .set(row::TOTAL, total.minor)
        .set(row::CURRENCY, total.currency.to_string())
        .set(row::LINES, i64::try_from(sale.lines.len()).unwrap_or(i64::MAX));
    Ok(Projected { row, counters: increments(columns, sale)? })
}

/// A rejection takes nothing back: what was accepted before stays accepted. So the status is written only where there is none.
fn rejected(reasons: &[Rejection]) -> Projected {
    let row = RowUpdate::default()
        .set_if_absent(row::STATUS, "rejected")
        .set(row::REASONS, reasons.iter().map(ToString::to_string).collect::<Vec<_>>())
        .add(row::REJECTIONS, 1);
    Projected { row, counters: Vec::new() }
}
