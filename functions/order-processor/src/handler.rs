//! Handles the commands of orders and returns.

use std::sync::Arc;

use events::{OrderCommand, ReturnCommand, ReturnId};
use orders::{Order, Return};
use tidegate::batch::{BatchContext, Decode, Outcome, StreamHandler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::{InvalidStreamId, StreamId};
use tidegate::message::MessageSet;
use tidegate::source::Delivery;
use tidegate::store::{EventStore, Origin, Retry, execute_all};
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
        if stream != envelope.subject {
            return Err(Failure::permanent(
                "subject_mismatch",
                format!(
                    "the envelope's subject is {}, the command is for {stream}",
                    envelope.subject
                ),
            ));
        }
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

fn command(
    envelope: &Envelope,
    delivery: &Delivery<'_>,
) -> Result<(StreamId, Command, Origin), Failure> {
    let invalid_id = |error: InvalidStreamId| Failure::permanent("invalid_id", error.to_string());
    match envelope.kind.as_str() {
        "RecordReturn" => {
            let command = ReturnCommand::from_envelope(envelope)?;
            let ReturnCommand::RecordReturn(record) = &command;
            let stream = record.return_id.stream().map_err(invalid_id)?;
            let origin = Origin::delivered::<ReturnCommand>(envelope, delivery);
            Ok((stream, Command::Return(command), origin))
        }
        _ => {
            let command = OrderCommand::from_envelope(envelope)?;
            let order_id = match &command {
                OrderCommand::PlaceOrder(place) => &place.order_id,
                OrderCommand::CancelOrder(cancel) => &cancel.order_id,
            };
            let stream = order_id.stream().map_err(invalid_id)?;
            let origin = Origin::delivered::<OrderCommand>(envelope, delivery);
            Ok((stream, Command::Order(command), origin))
        }
    }
}
