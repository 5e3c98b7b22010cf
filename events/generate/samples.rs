//! A sample envelope of every type, as files.

use std::collections::BTreeMap;
use std::error::Error;

use events::{
    Currency, Defect, Money, ORDERS_SOURCE, OrderLine, OrderPlaced, OrderRejected, PlaceOrder,
    RecordReturn, Rejection, ReturnRecorded, ReturnRejected,
};
use jiff::Timestamp;
use serde_json::Value;
use serde_json::value::RawValue;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::{StreamId, Version, content_id, event_id};
use tidegate::message::Message;

/// Source of the sample commands.
const COMMAND_SOURCE: &str = "shop.import";

/// A complete envelope of every type. The events follow from the commands.
pub struct Samples {
    pub place_order: Envelope,
    pub order_placed: Envelope,
    pub order_rejected: Envelope,
    pub record_return: Envelope,
    pub return_recorded: Envelope,
    pub return_rejected: Envelope,
}

impl Samples {
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let ordered_at: Timestamp = "2010-12-01T08:26:00Z".parse()?;
        let returned_at: Timestamp = "2010-12-01T09:41:00Z".parse()?;
        let order: StreamId = "order#536365".parse()?;
        let returned: StreamId = "return#C536379".parse()?;
        let lamps = line("85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 6, 255);
        let lanterns = line("71053", "WHITE METAL LANTERN", 8, 339);
        let country = || "United Kingdom".to_owned();

        let place_order = PlaceOrder {
            order_id: "536365".into(),
            customer_id: Some("17850".into()),
            country: country(),
            currency: Currency::Gbp,
            ordered_at,
            lines: vec![lamps.clone(), lanterns.clone()],
        };
        let order_placed = OrderPlaced {
            order_id: "536365".into(),
            customer_id: Some("17850".into()),
            country: country(),
            ordered_at,
            units: 14,
            total: Money::pence(4_242),
            lines: vec![lamps.clone(), lanterns],
        };
        let rejected: StreamId = "order#536589".parse()?;
        let bad_order = PlaceOrder {
            order_id: "536589".into(),
            customer_id: None,
            country: country(),
            currency: Currency::Gbp,
            ordered_at,
            lines: vec![line("21777", "", -10, 0), line("B", "Adjust bad debt", 1, -1_106_206)],
        };
        let order_rejected = OrderRejected {
            order_id: "536589".into(),
            reasons: vec![
                reason(1, "21777", Defect::QuantityNotPositive { quantity: -10 }),
                reason(2, "B", Defect::PriceNegative { unit_price: -1_106_206 }),
            ],
        };
        let record_return = RecordReturn {
            return_id: "C536379".into(),
            customer_id: Some("17850".into()),
            country: country(),
            currency: Currency::Gbp,
            returned_at,
            lines: vec![OrderLine { quantity: 1, ..lamps.clone() }],
        };
        let return_recorded = ReturnRecorded {
            return_id: "C536379".into(),
            customer_id: Some("17850".into()),
            country: country(),
            returned_at,
            units: 1,
            refund: Money::pence(255),
            lines: vec![OrderLine { quantity: 1, ..lamps }],
        };
        let empty: StreamId = "return#C536391".parse()?;
        let bad_return = RecordReturn {
            return_id: "C536391".into(),
            lines: Vec::new(),
            ..record_return.clone()
        };
        let return_rejected = ReturnRejected {
            return_id: "C536391".into(),
            reasons: vec![Rejection { line: None, stock_code: None, defect: Defect::NoLines }],
        };

        let place_order = command(order, ordered_at, &place_order)?;
        let record_return = command(returned, returned_at, &record_return)?;
        Ok(Self {
            order_placed: event(&place_order, &order_placed)?,
            order_rejected: event(&command(rejected, ordered_at, &bad_order)?, &order_rejected)?,
            return_recorded: event(&record_return, &return_recorded)?,
            return_rejected: event(&command(empty, returned_at, &bad_return)?, &return_rejected)?,
            place_order,
            record_return,
        })
    }

    /// Returns all samples.
    pub fn all(&self) -> [&Envelope; 6] {
        [
            &self.place_order,
            &self.order_placed,
            &self.order_rejected,
            &self.record_return,
            &self.return_recorded,
            &self.return_rejected,
        ]
    }

    pub fn files(&self) -> Result<BTreeMap<String, Value>, Box<dyn Error>> {
        let file = |envelope: &Envelope| {
            Ok((format!("payloads/{}.json", envelope.kind), serde_json::to_value(envelope)?))
        };
        self.all().into_iter().map(file).collect()
    }
}

fn line(stock_code: &str, description: &str, quantity: i64, unit_price: i64) -> OrderLine {
    OrderLine {
        stock_code: stock_code.into(),
        description: description.to_owned(),
        quantity,
        unit_price,
    }
}

fn reason(line: u32, stock_code: &str, defect: Defect) -> Rejection {
    Rejection { line: Some(line), stock_code: Some(stock_code.into()), defect }
}

fn command<C: Message>(
    stream: StreamId,
    time: Timestamp,
    content: &C,
) -> Result<Envelope, Box<dyn Error>> {
    let data = serde_json::to_string(content)?;
    let id = content_id(&["command", C::TYPE, &C::VERSION.to_string(), stream.as_str(), &data]);
    let data = Data::Inline(RawValue::from_string(data)?);
    Ok(Envelope::new(id, COMMAND_SOURCE, stream, time, DataSchema::new(C::TYPE, C::VERSION), data))
}

/// Creates the first event of the command's stream.
fn event<E: Message>(command: &Envelope, content: &E) -> Result<Envelope, Box<dyn Error>> {
    let version = Version::NONE.next();
    let (stream, schema) = (command.subject.clone(), DataSchema::new(E::TYPE, E::VERSION));
    let id = event_id(&stream, version, &command.cause());
    let data = Data::Inline(RawValue::from_string(serde_json::to_string(content)?)?);
    let mut event = Envelope::new(id, ORDERS_SOURCE, stream, command.time, schema, data);
    event.sequence = Some(version);
    event.correlation_id = command.correlation_id.clone();
    event.causation_id = Some(command.id.clone());
    Ok(event)
}
