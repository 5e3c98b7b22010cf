//! Handles the commands of orders and returns.

use std::sync::Arc;

use events::{OrderCommand, ReturnCommand};
use tidegate::batch::{BatchContext, Decode, Handled, Handler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::{InvalidStreamId, StreamId};
use tidegate::message::MessageSet;
use tidegate::source::Delivery;
use tidegate::store::{EventStore, Origin, Retry, execute};
use tracing::Span;

use crate::order::Order;
use crate::returns::Return;

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

impl Handler for Orders {
    async fn handle(&self, request: &Request, _context: &BatchContext) -> Result<Handled, Failure> {
        let (store, stream, origin) = (self.store.as_ref(), &request.stream, &request.origin);
        match &request.command {
            Command::Order(command) => {
                execute::<Order>(store, stream, command, origin, Retry::default()).await
            }
            Command::Return(command) => {
                execute::<Return>(store, stream, command, origin, Retry::default()).await
            }
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
            let OrderCommand::PlaceOrder(place) = &command;
            let stream = place.order_id.stream().map_err(invalid_id)?;
            let origin = Origin::delivered::<OrderCommand>(envelope, delivery);
            Ok((stream, Command::Order(command), origin))
        }
    }
}
