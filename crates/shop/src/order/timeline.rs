//! The timeline of an order or a return.

use events::stream_kind::{FULFILMENT, PAYMENT, RESERVATION, RESTOCK, SHIPMENT, SUPPLY};
use terminal::connection::Connection;
use terminal::name_prefix::PhysicalName;
use terminal::problem::Problem;
use tidegate::ids::StreamId;
use tidegate::store::DynamoDbEventStore;
use tidegate::timeline::{Timeline, Trail, read};

/// Kinds of the streams that may belong to an order or a return of the same number.
const KINDS: [&str; 6] = [FULFILMENT, RESERVATION, PAYMENT, SHIPMENT, SUPPLY, RESTOCK];

/// Reads the timeline of an order or a return.
///
/// # Errors
/// The event store cannot be read.
pub(super) async fn timeline(
    connection: &Connection,
    name: &PhysicalName,
    stream: &str,
) -> Result<Timeline, Problem> {
    let stream: StreamId = stream
        .parse()
        .map_err(|error| Problem::new(format!("the read model has a bad stream: {error}")))?;
    let also = KINDS.iter().filter_map(|kind| StreamId::new(kind, stream.key()).ok());
    let also: Vec<StreamId> = also.collect();
    let store = DynamoDbEventStore::new(connection.dynamodb(), name.as_str());
    match read(&store, &Trail::from_streams([stream]).also(also)).await {
        Ok(timeline) => Ok(timeline),
        Err(failure) => Err(connection.explain_table(name, failure.reason()).await),
    }
}
