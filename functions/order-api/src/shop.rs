//! What the handlers read and write: the streams of orders, and two read models.

use std::sync::Arc;

use events::view::{order_view, stock};
use events::{OrderId, OrderProgress, stream_kind};
use tidegate::failure::Failure;
use tidegate::ids::{StreamId, Version};
use tidegate::query::{Index, Table, TableReader};
use tidegate::store::{EventStore, RecordedCommit};

/// The shop behind the API.
pub(crate) struct Shop {
    pub(crate) events: Arc<dyn EventStore>,
    pub(crate) tables: Arc<dyn TableReader>,
    pub(crate) orders: Table,
    pub(crate) by_customer: Index,
    pub(crate) stock: Table,
}

impl Shop {
    /// Creates the shop with these ports and names of tables.
    pub(crate) fn new(
        events: Arc<dyn EventStore>,
        tables: Arc<dyn TableReader>,
        orders: impl Into<String>,
        stock: impl Into<String>,
    ) -> Self {
        Self {
            events,
            tables,
            orders: Table::new(orders, order_view::STREAM),
            by_customer: Index::new("by-customer", order_view::CUSTOMER).sorted_by(order_view::AT),
            stock: Table::new(stock, stock::STOCK_CODE),
        }
    }

    /// Reads the commits of an order's stream of this kind. An order's number may be any text, so
    /// one that names no stream has no commits.
    pub(crate) async fn read(
        &self,
        kind: &str,
        order: &OrderId,
    ) -> Result<Vec<RecordedCommit>, Failure> {
        let Ok(stream) = StreamId::new(kind, order.as_str()) else { return Ok(Vec::new()) };
        self.events.read(&stream, Version::NONE).await
    }

    /// Reads how far a placed order is: the whole stream of its process.
    pub(crate) async fn progress(&self, order: &OrderId) -> Result<OrderProgress, Failure> {
        OrderProgress::of(&self.read(stream_kind::FULFILMENT, order).await?)
    }
}
