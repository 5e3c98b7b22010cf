//! Handles commands to reservations, recorded returns, and orders to the supplier.

use std::sync::Arc;
use std::time::Duration;

use events::{
    ReleaseStock, ReserveStock, ReturnId, ReturnRecorded, ShipStock, StockReordered, stream_kind,
    stream_of, subject_of,
};
use tidegate::batch::{BatchContext, Decode, Handled, Handler};
use tidegate::envelope::Envelope;
use tidegate::failure::Failure;
use tidegate::ids::StreamId;
use tidegate::message::MessageSet;
use tidegate::source::Delivery;
use tidegate::store::{Origin, Retry, RowAggregate, RowStore, content, execute_with_rows};
use tracing::Span;

use crate::policy::Policy;
use crate::products::{sum, value};
use crate::reservation::{Asked, Command, Reservation};
use crate::restock::{Restock, Returned, products};
use crate::supply::{Ordered, Supply};

/// Orders share products, so their transactions meet. All pauses together take at most 7 s.
const RETRY: Retry = Retry { attempts: 9, pause: Duration::from_millis(25) };

tidegate::messages! {
    /// What the queue has.
    pub(crate) enum Input { ReserveStock, ReleaseStock, ShipStock, ReturnRecorded, StockReordered }
}

/// Reserves, releases and ships what orders need, and takes in what comes back or is delivered.
pub(crate) struct Inventory {
    pub(crate) store: Arc<dyn RowStore>,
    pub(crate) policy: Policy,
}

/// A message of the queue, whose content may still be in the event store.
pub(crate) struct Request {
    envelope: Envelope,
    origin: Origin,
}

impl Decode for Inventory {
    type Record = Request;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<Request, Failure> {
        let envelope = Envelope::parse(delivery.bytes()?)?;
        let origin = Origin::delivered::<Input>(&envelope, delivery);
        Ok(Request { envelope, origin })
    }

    fn span(&self, request: &Request) -> Span {
        request.envelope.span()
    }
}

impl Handler for Inventory {
    async fn handle(&self, request: &Request, _: &BatchContext) -> Result<Handled, Failure> {
        let Request { envelope, origin } = request;
        let data = content(self.store.as_ref(), envelope).await?;
        let policy = self.policy;
        let subject = &envelope.subject;
        match Input::decode(&envelope.kind, envelope.schema.version, &data)? {
            Input::ReserveStock(reserve) => {
                let lines = reserve.lines.iter();
                let products = sum(lines.map(|line| (line.stock_code.as_str(), line.units)))?;
                value(&reserve.lines, &products)?;
                subject_of(subject, stream_kind::RESERVATION, reserve.order_id.as_str())?;
                let asked = Asked { command: Command::Reserve(reserve), policy };
                self.execute::<Reservation>(subject, &asked, origin).await
            }
            Input::ReleaseStock(ReleaseStock { order_id }) => {
                subject_of(subject, stream_kind::RESERVATION, order_id.as_str())?;
                let asked = Asked { command: Command::Release(order_id), policy };
                self.execute::<Reservation>(subject, &asked, origin).await
            }
            Input::ShipStock(ShipStock { order_id }) => {
                subject_of(subject, stream_kind::RESERVATION, order_id.as_str())?;
                let asked = Asked { command: Command::Ship(order_id), policy };
                self.execute::<Reservation>(subject, &asked, origin).await
            }
            Input::ReturnRecorded(recorded) => {
                products(&recorded)?;
                let return_id = recorded.return_id.as_str();
                subject_of(subject, ReturnId::STREAM_KIND, return_id)?;
                let stream = stream_of(stream_kind::RESTOCK, return_id)?;
                let returned = Returned { recorded, policy };
                self.execute::<Restock>(&stream, &returned, origin).await
            }
            Input::StockReordered(reordered) => {
                let stream = stream_of(stream_kind::SUPPLY, subject.key())?;
                self.execute::<Supply>(&stream, &Ordered { reordered, policy }, origin).await
            }
        }
    }
}

impl Inventory {
    async fn execute<A: RowAggregate>(
        &self,
        stream: &StreamId,
        command: &A::Command,
        origin: &Origin,
    ) -> Result<Handled, Failure> {
        let store = self.store.as_ref();
        let executed = execute_with_rows::<A>(store, stream, command, origin, RETRY).await?;
        Ok(executed.handled())
    }
}
