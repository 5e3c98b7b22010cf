//! Handles the commands of orders and returns.

use std::sync::Arc;

use events::{OrderCommand, OrderId, ReturnCommand, ReturnId, subject_of};
use orders::{Order, Return};
use tidegate::batch::{BatchContext, Decode, Outcome, StreamHandler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::message::MessageSet;
use tidegate::source::Delivery;
use tidegate::store::{EventStore, Origin, Retry, execute_all};
use tidegate::validation::Validate;
use tracing::Span;

/// Handles the commands of orders and returns.
pub(crate) struct Orders {
    store: Arc<dyn EventStore>,
}

/// A command and the aggregate that handles it.
pub(crate) struct Request {
    span: Span,
    origin: Origin,
    stream: StreamId,
    command: Command,
}

enum Command {
    Order(OrderCommand),
    Return(ReturnCommand),
}

impl Orders {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        Self { store }
    }
}

impl Decode for Orders {
    type Record = Request;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Request, Failure> {
        let envelope = Envelope::parse(delivery.bytes()?)?;
        let (stream, command, origin) = command(&envelope, delivery)?;
        Ok(Request { span: envelope.span(), origin, stream, command })
    }

    fn span(&self, request: &Request) -> Span {
        request.span.clone()
    }
}

impl StreamHandler for Orders {
    fn stream<'a>(&self, request: &'a Request) -> &'a StreamId {
        &request.stream
    }

    /// Decides the commands of one order or return, and stores them in one commit.
    async fn handle(
        &self,
        stream: &StreamId,
        requests: &[&Request],
        _context: &BatchContext,
    ) -> Vec<Outcome> {
        let (store, retry) = (self.store.as_ref(), Retry::default());
        // The kind of the stream follows from the command, so all commands of a stream are alike.
        if stream.kind() == ReturnId::STREAM_KIND {
            let returns: Vec<_> =
                requests.iter().filter_map(|request| request.of_return()).collect();
            return execute_all::<Return>(store, stream, &returns, retry).await;
        }
        let orders: Vec<_> = requests.iter().filter_map(|request| request.of_order()).collect();
        execute_all::<Order>(store, stream, &orders, retry).await
    }
}

impl Request {
    fn of_order(&self) -> Option<(&OrderCommand, &Origin)> {
        match &self.command {
            Command::Order(command) => Some((command, &self.origin)),
            Command::Return(_) => None,
        }
    }

    fn of_return(&self) -> Option<(&ReturnCommand, &Origin)> {
        match &self.command {
            Command::Return(command) => Some((command, &self.origin)),
            Command::Order(_) => None,
        }
    }
}

/// Reads a command and checks its texts, before anything is placed or recorded.
fn command(
    envelope: &Envelope,
    delivery: &Delivery<'_>,
) -> Result<(StreamId, Command, Origin), Failure> {
    let subject = &envelope.subject;
    match envelope.kind.as_str() {
        "RecordReturn" => {
            let command = ReturnCommand::from_envelope(envelope)?;
            let ReturnCommand::RecordReturn(record) = &command;
            record.check()?;
            let stream = subject_of(subject, ReturnId::STREAM_KIND, record.return_id.as_str())?;
            let origin = Origin::delivered::<ReturnCommand>(envelope, delivery);
            Ok((stream, Command::Return(command), origin))
        }
        _ => {
            let command = OrderCommand::from_envelope(envelope)?;
            let order_id = match &command {
                OrderCommand::PlaceOrder(place) => {
                    place.check()?;
                    &place.order_id
                }
                OrderCommand::CancelOrder(cancel) => &cancel.order_id,
            };
            let stream = subject_of(subject, OrderId::STREAM_KIND, order_id.as_str())?;
            let origin = Origin::delivered::<OrderCommand>(envelope, delivery);
            Ok((stream, Command::Order(command), origin))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};
    use tidegate::batch::{EachStream, Invocation, Runner};
    use tidegate::source::Source;
    use tidegate::test::{KinesisEvent, MemoryDeadLetters, MemoryEventStore};

    use super::*;

    fn envelope(kind: &str, subject: &str, data: &Value) -> String {
        let envelope = json!({
            "specversion": "1.0", "id": format!("{kind} {subject}"), "source": "test",
            "type": kind, "subject": subject, "time": "2010-12-01T08:26:00Z",
            "dataschema": format!("urn:tidegate:schema:{kind}:1"), "correlationid": "c",
            "data": data,
        });
        envelope.to_string()
    }

    fn order(id: &str, changed: &Value) -> String {
        let mut data = json!({
            "order_id": id, "customer_id": "17850", "country": "France", "currency": "GBP",
            "ordered_at": "2010-12-01T08:26:00Z",
            "lines": [{ "stock_code": "85123A", "quantity": 6, "unit_price": 255 }],
        });
        let changed = changed.as_object().unwrap().clone();
        data.as_object_mut().unwrap().extend(changed);
        envelope("PlaceOrder", &format!("order#{id}"), &data)
    }

    fn line(code: &str) -> Value {
        json!([{ "stock_code": code, "quantity": 1, "unit_price": 1 }])
    }

    /// Delivers commands in one batch. Returns the streams that have commits, and the reasons of
    /// the dead letters behind their codes.
    async fn run(bodies: &[String]) -> (Vec<String>, Vec<String>) {
        let store = Arc::new(MemoryEventStore::default());
        let letters = Arc::new(MemoryDeadLetters::default());
        let handler = EachStream::new(Orders::new(Arc::<MemoryEventStore>::clone(&store)), 1);
        let event = bodies.iter().fold(KinesisEvent::new(), |event, body| event.record("k", body));
        let kept = Arc::<MemoryDeadLetters>::clone(&letters);
        let runner = Runner::new(Source::Kinesis, handler, "order-processor", kept);
        runner.run(Invocation::new(&event.build(), Duration::from_secs(10))).await;
        let streams = store.commits().iter().map(|commit| commit.stream.to_string()).collect();
        let letters = letters.letters();
        let reasons = letters.iter().map(|letter| format!("{}: {}", letter.code, letter.reason));
        (streams, reasons.collect())
    }

    #[tokio::test]
    async fn an_order_that_a_service_could_not_store_is_refused_before_it_is_placed() {
        let long = "x".repeat(1001);
        let recorded = json!({
            "return_id": "C1", "country": "France", "currency": "GBP",
            "returned_at": "2010-12-01T08:26:00Z", "lines": line(&long),
        });
        let bodies = [
            order("1", &json!({ "lines": line("") })),
            order("2", &json!({ "lines": line(&long) })),
            order("3", &json!({ "country": "" })),
            order("4", &json!({ "country": long })),
            order("5", &json!({ "customer_id": "" })),
            order("6", &json!({ "customer_id": long })),
            order(&long, &json!({})),
            envelope("RecordReturn", "return#C1", &recorded),
            order("7", &json!({})),
        ];
        let (streams, reasons) = run(&bodies).await;
        assert_eq!(streams, ["order#7"]);
        let rules = [
            "lines[0].stock_code: is empty",
            "lines[0].stock_code: has 1001 bytes; 1000 fit",
            "country: is empty",
            "country: has 1001 bytes; 1000 fit",
            "customer_id: is empty",
            "customer_id: has 1001 bytes; 1000 fit",
            "order_id: has 1001 bytes; 1000 fit",
            "lines[0].stock_code: has 1001 bytes; 1000 fit",
        ];
        assert_eq!(reasons, rules.map(|rule| format!("invalid_record: {rule}")));
    }

    #[tokio::test]
    async fn a_command_for_another_stream_is_refused() {
        let elsewhere = order("7", &json!({})).replace("order#7", "order#8");
        let (streams, reasons) = run(&[elsewhere]).await;
        assert!(streams.is_empty());
        assert!(reasons[0].starts_with("subject_mismatch: "), "{reasons:?}");
    }
}
