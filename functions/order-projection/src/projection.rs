//! The projection of orders, returns and sales.

use events::view::order_view as row;
use events::{CustomerId, Money, OrderEvent, OrderId, Rejection, ReturnEvent, ReturnId};
use jiff::Timestamp;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::projection::{Projected, Projection, RowUpdate};
use tidegate::store::{RecordedCommit, RecordedEvent};

use crate::counters::{Columns, ORDERS, RETURNS, Sale, increments};

/// Most reasons of a rejection that the view shows, and most characters of each. A row has at most
/// 400 KB, and a character at most 4 bytes.
const SHOWN_REASONS: usize = 100;
const REASON_CHARACTERS: usize = 200;

/// Orders and returns with their state, and sales by day, country, customer and product.
pub(crate) struct Orders;

impl Projection for Orders {
    fn concerns(&self, stream: &StreamId) -> bool {
        matches!(stream.kind(), OrderId::STREAM_KIND | ReturnId::STREAM_KIND)
    }

    fn project(
        &self,
        commit: &RecordedCommit,
        event: &RecordedEvent,
    ) -> Result<Projected, Failure> {
        let mut projected = match commit.stream.kind() {
            ReturnId::STREAM_KIND => goods_returned(&event.decode()?)?,
            _ => order(&event.decode()?)?,
        };
        projected.row = projected
            .row
            .set_some(row::ARRIVED_AT, arrived_at(commit, event).map(Timestamp::as_millisecond));
        Ok(projected)
    }
}

/// Returns when the transport accepted the command that led to the event.
fn arrived_at(commit: &RecordedCommit, event: &RecordedEvent) -> Option<Timestamp> {
    commit.decision(event.version)?.arrived_at
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
        OrderEvent::OrderRejected(event) => Ok(rejected(&event.reasons, event.more)),
        OrderEvent::CancellationRequested(_) | OrderEvent::CancellationRejected(_) => {
            Ok(Projected::default())
        }
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
        ReturnEvent::ReturnRejected(event) => Ok(rejected(&event.reasons, event.more)),
    }
}

fn accepted(
    status: &str,
    columns: Columns,
    total: Money,
    sale: &Sale<'_>,
) -> Result<Projected, Failure> {
    let row = RowUpdate::default()
        .set(row::STATUS, status)
        .set_some(row::CUSTOMER, sale.customer.map(CustomerId::as_str))
        .set(row::COUNTRY, sale.country)
        .set(row::AT, sale.at.to_string())
        .set(row::UNITS, sale.units)
        .set(row::TOTAL, total.minor)
        .set(row::CURRENCY, total.currency.to_string())
        .set(row::LINES, i64::try_from(sale.lines.len()).unwrap_or(i64::MAX));
    Ok(Projected { row, counters: increments(columns, sale)?, ..Projected::default() })
}

/// A rejection does not undo an earlier acceptance, so the status is written only if there is none.
///
/// `more`: number of reasons that the event does not have.
fn rejected(reasons: &[Rejection], more: Option<u32>) -> Projected {
    let mut texts: Vec<String> = reasons.iter().take(SHOWN_REASONS).map(shown).collect();
    let more = reasons.len().saturating_sub(SHOWN_REASONS) + more.unwrap_or_default() as usize;
    if more > 0 {
        texts.push(format!("and {more} more"));
    }
    let row = RowUpdate::default()
        .set_if_absent(row::STATUS, "rejected")
        .set(row::REASONS, texts)
        .add(row::REJECTIONS, 1);
    Projected { row, ..Projected::default() }
}

/// Returns the text of a reason, cut short: it has the stock code as the client sent it.
fn shown(reason: &Rejection) -> String {
    let text = reason.to_string();
    match text.char_indices().nth(REASON_CHARACTERS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use events::{Defect, OrderLine, OrderPlaced, OrderRejected, ReturnRecorded};
    use tidegate::envelope::DataSchema;
    use tidegate::failure::Class;
    use tidegate::ids::{Cause, Version};
    use tidegate::message::MessageSet;
    use tidegate::projection::Value;

    use super::*;

    fn line(code: &str, quantity: i64, unit_price: i64) -> OrderLine {
        OrderLine { stock_code: code.into(), description: String::new(), quantity, unit_price }
    }

    fn project(stream: &str, event: &impl MessageSet) -> Result<Projected, Failure> {
        let (kind, data_version) = event.schema();
        let (id, time) = ("e", Timestamp::UNIX_EPOCH);
        let schema = DataSchema::new(kind, data_version);
        let event = RecordedEvent::new(id, Version::new(1), schema, time, event.encode().unwrap());
        let (stream, cause) = (stream.parse().unwrap(), Cause::new("s", "i"));
        let mut commit = RecordedCommit::new(stream, "shop.orders", cause, time, vec![event]);
        commit.decisions[0].arrived_at = Timestamp::from_millisecond(1234).ok();
        Orders.project(&commit, &commit.events[0])
    }

    fn placed(customer: Option<&str>, lines: Vec<OrderLine>) -> OrderEvent {
        OrderEvent::OrderPlaced(OrderPlaced {
            order_id: "1".into(),
            customer_id: customer.map(Into::into),
            country: "France".to_owned(),
            ordered_at: "2010-12-01T23:59:59Z".parse().unwrap(),
            units: lines.iter().map(|line| line.quantity).sum(),
            total: Money::pence(lines.iter().map(|line| line.quantity * line.unit_price).sum()),
            lines,
        })
    }

    fn counters(projected: &Projected) -> BTreeMap<&str, Vec<(&str, i64)>> {
        let of = |counter: &tidegate::projection::Increment| {
            counter.add.iter().map(|(name, by)| (*name, *by)).collect()
        };
        projected.counters.iter().map(|counter| (counter.key.as_str(), of(counter))).collect()
    }

    #[test]
    fn an_order_counts_for_its_day_country_customer_and_once_for_each_product() {
        let event = placed(Some("7"), vec![line("A", 2, 100), line("B", 1, 0), line("A", 3, 10)]);
        let projected = project("order#1", &event).unwrap();
        let whole = vec![("orders", 1), ("revenue", 230), ("units", 6)];
        let expected = BTreeMap::from([
            ("country#France", whole.clone()),
            ("customer#7", whole.clone()),
            ("day#2010-12-01", whole),
            ("product#A", vec![("orders", 1), ("revenue", 230), ("units", 5)]),
            ("product#B", vec![("orders", 1), ("revenue", 0), ("units", 1)]),
        ]);
        assert_eq!(counters(&projected), expected);
        assert_eq!(projected.row.set[row::STATUS], Value::from("placed"));
        assert_eq!(projected.row.set[row::ARRIVED_AT], Value::from(1234));
    }

    #[test]
    fn a_guest_counts_for_no_customer() {
        let projected = project("order#1", &placed(None, vec![line("A", 1, 1)])).unwrap();
        assert!(counters(&projected).keys().all(|key| !key.starts_with("customer#")));
    }

    #[test]
    fn a_return_counts_in_columns_of_its_own() {
        let event = ReturnEvent::ReturnRecorded(ReturnRecorded {
            return_id: "C1".into(),
            customer_id: None,
            country: "France".to_owned(),
            returned_at: "2010-12-02T00:00:00Z".parse().unwrap(),
            units: 1,
            refund: Money::pence(50),
            lines: vec![line("A", 1, 50)],
        });
        let projected = project("return#C1", &event).unwrap();
        assert_eq!(
            counters(&projected)["product#A"],
            [("refunded", 50), ("returned_units", 1), ("returns", 1)]
        );
    }

    #[test]
    fn a_rejection_counts_nothing_and_takes_no_acceptance_back() {
        let reasons = vec![Rejection { line: None, stock_code: None, defect: Defect::NoLines }];
        let event =
            OrderEvent::OrderRejected(OrderRejected { order_id: "1".into(), reasons, more: None });
        let projected = project("order#1", &event).unwrap();
        assert!(projected.counters.is_empty());
        assert!(!projected.row.set.contains_key(row::STATUS));
        assert_eq!(projected.row.defaults[row::STATUS], Value::from("rejected"));
    }

    #[test]
    fn a_rejection_fits_into_a_row_however_long_and_many_its_reasons_are() {
        let reason = Rejection {
            line: Some(1),
            stock_code: Some(events::StockCode("\u{1F600}".repeat(2_000))),
            defect: Defect::NoLines,
        };
        let reasons = vec![reason; 150];
        let event = OrderRejected { order_id: "1".into(), reasons, more: Some(7) };
        let projected = project("order#1", &OrderEvent::OrderRejected(event)).unwrap();
        let Value::List(texts) = &projected.row.set[row::REASONS] else { panic!("{projected:?}") };
        let bytes = |value: &Value| if let Value::Text(text) = value { text.len() } else { 0 };
        assert!(texts.iter().map(bytes).sum::<usize>() < 100 * 1024);
        assert_eq!(texts.last(), Some(&Value::from("and 57 more")));
        let expected = format!("line 1 ({}…", "\u{1F600}".repeat(REASON_CHARACTERS - 8));
        assert_eq!(texts[0], Value::Text(expected));
    }

    #[test]
    fn an_event_of_an_unknown_type_can_only_be_newer() {
        let return_event = ReturnEvent::ReturnRejected(events::ReturnRejected {
            return_id: "C1".into(),
            reasons: vec![],
            more: None,
        });
        let failure = project("order#1", &return_event).unwrap_err();
        assert_eq!((failure.class(), failure.code()), (Class::Transient, Failure::NEWER));
    }
}
