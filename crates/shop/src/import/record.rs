//! The records for the stream: commands in their envelopes, and unchanged lines.

use events::{
    Currency, CustomerId, OrderId, OrderLine, PlaceOrder, RecordReturn, ReturnId, StockCode,
};
use serde_json::value::RawValue;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::{StreamId, content_id};
use tidegate::message::Message;

use super::invoices::{Invoice, InvoiceKind, Line, Slot};

/// `source` of the commands.
const SOURCE: &str = "shop.import";

/// Longest partition key, in characters.
const PARTITION_KEY_CHARACTERS: usize = 256;

/// One record for the stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) kind: Kind,
    /// Whether it was sent before in this run.
    pub(super) again: bool,
    pub(super) partition_key: String,
    pub(super) data: Vec<u8>,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Order,
    Return,
    /// A line, unchanged.
    Raw,
}

impl Slot {
    /// Returns the records of the invoice: its command, then its lines that could not be read.
    pub(super) fn into_records(self) -> Vec<Record> {
        let mut records = Vec::with_capacity(1 + self.raw.len());
        if let (Some(invoice), Some(number)) = (self.invoice, self.number.as_deref()) {
            records.extend(command(number, invoice));
        }
        records.extend(self.raw.into_iter().map(|line| {
            let partition_key = match &self.number {
                Some(number) => number.chars().take(PARTITION_KEY_CHARACTERS).collect(),
                None => content_id(&["line", &String::from_utf8_lossy(&line)]),
            };
            Record { kind: Kind::Raw, again: false, partition_key, data: line }
        }));
        records
    }
}

/// `None` never occurs for numbers that [`InvoiceKind`] knows: they are short, and text can
/// always be written as JSON.
fn command(number: &str, invoice: Invoice) -> Option<Record> {
    let customer_id = invoice.customer.map(CustomerId);
    let (kind, at) = (invoice.kind, invoice.at);
    match kind {
        InvoiceKind::Order => {
            let order_id = OrderId(number.to_owned());
            let stream = order_id.stream().ok()?;
            let lines = invoice.lines.into_iter().map(|line| order_line(line, 1)).collect();
            let order = PlaceOrder {
                order_id,
                customer_id,
                country: invoice.country,
                currency: Currency::Gbp,
                ordered_at: at,
                lines,
            };
            wrap(Kind::Order, stream, at, &order)
        }
        InvoiceKind::Return => {
            let return_id = ReturnId(number.to_owned());
            let stream = return_id.stream().ok()?;
            let lines = invoice.lines.into_iter().map(|line| order_line(line, -1)).collect();
            let command = RecordReturn {
                return_id,
                customer_id,
                country: invoice.country,
                currency: Currency::Gbp,
                returned_at: at,
                lines,
            };
            wrap(Kind::Return, stream, at, &command)
        }
    }
}

fn order_line(line: Line, sign: i64) -> OrderLine {
    OrderLine {
        stock_code: StockCode(line.stock_code),
        description: line.description,
        quantity: line.quantity * sign,
        unit_price: line.unit_price,
    }
}

fn wrap<C: Message>(
    kind: Kind,
    stream: StreamId,
    time: jiff::Timestamp,
    command: &C,
) -> Option<Record> {
    let data = serde_json::to_string(command).ok()?;
    let id = content_id(&["command", C::TYPE, &C::VERSION.to_string(), stream.as_str(), &data]);
    let partition_key = stream.as_str().to_owned();
    let data = Data::Inline(RawValue::from_string(data).ok()?);
    let schema = DataSchema::new(C::TYPE, C::VERSION);
    let envelope = Envelope::new(id, SOURCE, stream, time, schema, data);
    Some(Record { kind, again: false, partition_key, data: serde_json::to_vec(&envelope).ok()? })
}
