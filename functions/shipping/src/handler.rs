//! Handles the commands of shipments.

use std::sync::Arc;

use events::{OrderId, ShippingCommand, stream_kind, subject_of};
use tidegate::batch::{BatchContext, Decode, Outcome, StreamHandler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::message::MessageSet;
use tidegate::source::Delivery;
use tidegate::store::{EventStore, Origin, Retry, execute_all};
use tracing::Span;

use crate::policy::{Policy, Ruling};
use crate::shipment::{Asked, Shipment};

/// Handles the commands of shipments.
pub(crate) struct Shipments {
    store: Arc<dyn EventStore>,
    policy: Policy,
}

/// A command to a shipment.
pub(crate) struct Request {
    span: Span,
    origin: Origin,
    stream: StreamId,
    asked: Asked,
}

impl Shipments {
    pub(crate) fn new(store: Arc<dyn EventStore>, policy: Policy) -> Self {
        Self { store, policy }
    }

    fn asked(&self, command: ShippingCommand) -> Asked {
        let ruling = match &command {
            ShippingCommand::DispatchOrder(order) => self.policy.ruling(order),
            _ => Ruling::Send,
        };
        Asked { command, ruling }
    }
}

impl Decode for Shipments {
    type Record = Request;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Request, Failure> {
        let envelope = Envelope::parse(delivery.bytes()?)?;
        let command = ShippingCommand::from_envelope(&envelope)?;
        let order_id = order_of(&command).as_str();
        let stream = subject_of(&envelope.subject, stream_kind::SHIPMENT, order_id)?;
        let origin = Origin::delivered::<ShippingCommand>(&envelope, delivery);
        Ok(Request { span: envelope.span(), origin, stream, asked: self.asked(command) })
    }

    fn span(&self, request: &Request) -> Span {
        request.span.clone()
    }
}

impl StreamHandler for Shipments {
    fn stream<'a>(&self, request: &'a Request) -> &'a StreamId {
        &request.stream
    }

    /// Decides the commands of one shipment, and stores them in one commit.
    async fn handle(
        &self,
        stream: &StreamId,
        requests: &[&Request],
        _context: &BatchContext,
    ) -> Vec<Outcome> {
        let asked: Vec<_> =
            requests.iter().map(|request| (&request.asked, &request.origin)).collect();
        execute_all::<Shipment>(self.store.as_ref(), stream, &asked, Retry::default()).await
    }
}

fn order_of(command: &ShippingCommand) -> &OrderId {
    match command {
        ShippingCommand::DispatchOrder(command) => &command.order_id,
        ShippingCommand::CancelShipment(command) => &command.order_id,
        ShippingCommand::HandOver(command) => &command.order_id,
        ShippingCommand::RecordTracking(command) => &command.order_id,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use events::{DispatchOrder, HandOver};
    use serde_json::value::to_raw_value;
    use tidegate::batch::{Counts, EachStream, Invocation, Runner};
    use tidegate::envelope::{Data, DataSchema};
    use tidegate::ids::Version;
    use tidegate::message::Message;
    use tidegate::source::Source;
    use tidegate::store::EventReader;
    use tidegate::test::{MemoryDeadLetters, MemoryEventStore, SqsEvent};

    use super::*;

    fn message<M: Message>(id: &str, subject: &str, command: &M) -> String {
        let data = Data::Inline(to_raw_value(command).unwrap());
        let schema = DataSchema::new(M::TYPE, M::VERSION);
        let (subject, time) = (subject.parse().unwrap(), "2026-01-01T00:00:00Z".parse().unwrap());
        serde_json::to_string(&Envelope::new(id, "test", subject, time, schema, data)).unwrap()
    }

    async fn run(store: &Arc<MemoryEventStore>, bodies: &[String]) -> (Counts, Vec<String>) {
        let handler =
            Shipments::new(Arc::<MemoryEventStore>::clone(store), Policy::new("Atlantis", 100));
        let event = bodies.iter().fold(SqsEvent::new(), |event, body| event.message(body)).build();
        let letters = Arc::new(MemoryDeadLetters::default());
        let runner = Runner::new(
            Source::Sqs,
            EachStream::new(handler, 1),
            "shipping",
            Arc::<MemoryDeadLetters>::clone(&letters),
        );
        let counts = runner.run(Invocation::new(&event, Duration::from_secs(10))).await.counts;
        let codes = letters.letters().iter().map(|letter| letter.code.clone()).collect();
        (counts, codes)
    }

    async fn kinds(store: &MemoryEventStore) -> Vec<String> {
        let stream: StreamId = "shipment#7".parse().unwrap();
        let commits = store.read(&stream, Version::NONE).await.unwrap();
        commits.into_iter().flat_map(|commit| commit.events).map(|event| event.kind).collect()
    }

    fn order(country: &str, units: i64) -> DispatchOrder {
        let (order_id, country) = ("7".into(), country.to_owned());
        DispatchOrder { order_id, customer_id: None, country, units }
    }

    #[tokio::test]
    async fn the_policy_decides_and_a_command_that_comes_again_changes_nothing() {
        let store = Arc::new(MemoryEventStore::default());
        let held = message("c1", "shipment#7", &order("France", 101));
        run(&store, std::slice::from_ref(&held)).await;
        run(&store, &[held]).await;
        assert_eq!(kinds(&store).await, ["ShipmentHeld"]);
        let hand_over = HandOver { order_id: "7".into() };
        run(&store, &[message("c2", "shipment#7", &hand_over)]).await;
        assert_eq!(kinds(&store).await, ["ShipmentHeld", "ShipmentDispatched"]);

        let store = Arc::new(MemoryEventStore::default());
        run(&store, &[message("c1", "shipment#7", &order("Atlantis", 1))]).await;
        assert_eq!(kinds(&store).await, ["ShipmentRefused"]);
    }

    #[tokio::test]
    async fn a_command_for_another_stream_becomes_a_letter_and_its_neighbour_is_decided() {
        let store = Arc::new(MemoryEventStore::default());
        let bodies = [
            message("c1", "shipment#8", &order("France", 1)),
            message("c2", "order#7", &order("France", 1)),
            message("c3", "shipment#7", &order("France", 1)),
        ];
        let (counts, codes) = run(&store, &bodies).await;
        assert_eq!((counts.dead_lettered, counts.applied), (2, 1));
        assert_eq!(codes, ["subject_mismatch", "subject_mismatch"]);
        assert_eq!(kinds(&store).await, ["ShipmentDispatched"]);
    }
}
