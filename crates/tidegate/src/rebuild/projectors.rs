//! Several projections, or several generations of one, in one function.

use std::fmt;
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt, join_all};
use serde_json::value::RawValue;

use super::answer::Answer;
use super::fenced::FenceWatch;
use super::reference::Reference;
use super::request::{Request, Work};
use super::side::{Rebuildable, Side};
use crate::aws::DynamoDb;
use crate::batch::{BatchContext, BatchHandler, Decode, Handled, Item, Outcome};
use crate::failure::{Class, Failure};
use crate::generation::{DynamoDbPointers, Generations, PointerReader, table_of};
use crate::projection::{
    COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, DynamoDbReadModel, ENTRY_PARTITION_KEY,
    ENTRY_SORT_KEY, Projection, Projector, ROW_KEY, ReadModel, ReadModelTables,
};
use crate::query::{DynamoDbTables, Table, TableReader};
use crate::source::{Body, Delivery};
use crate::store::{CommitChange, DynamoDbEventStore, EventReader, PARTITION_KEY, SORT_KEY};

/// Several projections, or several generations of one, in one function.
///
/// Every delivery goes to all of them at the same time, and each applies it once, by its own
/// guards. A delivery is acknowledged when all have it: the worst outcome counts. So a projection
/// that cannot go on stops the others of its function.
///
/// It also does the work of a [rebuild](crate::rebuild), which a command asks for.
///
/// ```no_run
/// # use std::sync::Arc;
/// # use tidegate::failure::Failure;
/// # use tidegate::ids::StreamId;
/// # use tidegate::projection::{Projected, Projection};
/// # use tidegate::store::{RecordedCommit, RecordedEvent};
/// # struct Orders;
/// # impl Projection for Orders {
/// #     fn concerns(&self, stream: &StreamId) -> bool { stream.kind() == "order" }
/// #     fn project(&self, _: &RecordedCommit, _: &RecordedEvent) -> Result<Projected, Failure> {
/// #         Ok(Projected::default())
/// #     }
/// # }
/// use tidegate::function::Function;
/// use tidegate::generation::Generations;
/// use tidegate::projection::ReadModelTables;
/// use tidegate::rebuild::Projectors;
/// use tidegate::source::Source;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::process::ExitCode {
/// let mut function = Function::start().await;
/// let generations = Generations::from_settings(&mut function.settings, "order-view");
/// let store = function.settings.text("EVENT_STORE_TABLE");
/// let rows = function.settings.text("ORDER_VIEW_TABLE");
/// let counters = function.settings.text("SALES_TABLE");
/// let build = |aws: &tidegate::aws::AwsClients| {
///     let tables = ReadModelTables { rows: rows?, counters: counters?, slice: 0 };
///     Some(Projectors::from_dynamodb(aws.dynamodb(), store?, tables, generations?, Orders))
/// };
/// function.run(Source::DynamoDb, build).await
/// # }
/// ```
#[derive(Default)]
pub struct Projectors {
    fed: Vec<Box<dyn Fed>>,
}

impl Projectors {
    /// Creates the projectors of all declared generations of a projection, in DynamoDB.
    ///
    /// `tables` are those of generation 1. Without a table of pointers in `generations`, there is
    /// no fence, and nothing is read but by the projection.
    pub fn from_dynamodb<P: Projection + 'static>(
        client: impl Into<DynamoDb>,
        event_store: impl Into<String>,
        tables: ReadModelTables,
        generations: Generations,
        projection: P,
    ) -> Self {
        Self::in_dynamodb(client.into(), event_store.into(), tables, None, generations, projection)
    }

    /// Creates the projectors of all declared generations of a projection that has entries, in
    /// DynamoDB. `tables` and `entries` are those of generation 1.
    pub fn from_dynamodb_with_entries<P: Projection + 'static>(
        client: impl Into<DynamoDb>,
        event_store: impl Into<String>,
        tables: ReadModelTables,
        entries: impl Into<String>,
        generations: Generations,
        projection: P,
    ) -> Self {
        let (client, store, entries) = (client.into(), event_store.into(), Some(entries.into()));
        Self::in_dynamodb(client, store, tables, entries, generations, projection)
    }

    fn in_dynamodb<P: Projection + 'static>(
        client: DynamoDb,
        event_store: String,
        tables: ReadModelTables,
        entries: Option<String>,
        generations: Generations,
        projection: P,
    ) -> Self {
        let pointers = generations.pointers().map(|table| {
            let pointers = DynamoDbPointers::new(client.clone(), table);
            Arc::new(pointers) as Arc<dyn PointerReader>
        });
        let model = |number| {
            let tables = ReadModelTables {
                rows: table_of(&tables.rows, number),
                counters: table_of(&tables.counters, number),
                ..tables.clone()
            };
            let model = DynamoDbReadModel::new(client.clone(), tables);
            Arc::new(match &entries {
                Some(table) => model.with_entries(table_of(table, number)),
                None => model,
            }) as Arc<dyn ReadModel>
        };
        let ports = Ports {
            events: Arc::new(DynamoDbEventStore::new(client.clone(), event_store.as_str())),
            reader: Arc::new(DynamoDbTables::new(client.clone())),
            pointers,
            event_store,
            rows: tables.rows.clone(),
            counters: tables.counters.clone(),
            entries: entries.clone(),
        };
        Self::new(ports, model, generations, projection)
    }

    /// Creates the projectors of all declared generations of a projection. `model` creates the read
    /// model of each.
    pub fn new<P: Projection + 'static>(
        ports: Ports,
        model: impl Fn(u32) -> Arc<dyn ReadModel>,
        generations: Generations,
        projection: P,
    ) -> Self {
        let projection = Arc::new(projection);
        let watch = ports
            .pointers
            .map(|pointers| Arc::new(FenceWatch::new(pointers, generations.projection())));
        let mut rebuildable = Rebuildable {
            projection: Arc::clone(&projection),
            events: ports.events,
            tables: ports.reader,
            store: Table::new(ports.event_store, PARTITION_KEY).sorted_by(SORT_KEY),
            sides: Vec::new(),
            watch,
            generations,
        };
        for &number in rebuildable.generations.numbers() {
            let model = model(number);
            let fenced = rebuildable.fenced(&model, None);
            let events = Arc::clone(&rebuildable.events);
            let counters = table_of(&ports.counters, number);
            let entries = ports.entries.as_ref().map(|table| {
                Table::new(table_of(table, number), ENTRY_PARTITION_KEY).sorted_by(ENTRY_SORT_KEY)
            });
            rebuildable.sides.push(Side {
                number,
                rows: Table::new(table_of(&ports.rows, number), ROW_KEY),
                counters: Table::new(counters, COUNTER_PARTITION_KEY).sorted_by(COUNTER_SORT_KEY),
                entries,
                projector: Projector::new(Arc::clone(&projection), fenced, events),
                model,
            });
        }
        Self { fed: vec![Box::new(rebuildable)] }
    }

    /// Adds the projectors of another projection.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.fed.extend(other.fed);
        self
    }
}

/// What [`Projectors`] read and write.
#[derive(Clone)]
pub struct Ports {
    /// The event store.
    pub events: Arc<dyn EventReader>,
    /// Reads the tables of the event store and of all generations.
    pub reader: Arc<dyn TableReader>,
    /// The pointers. `None`: there is no fence.
    pub pointers: Option<Arc<dyn PointerReader>>,
    /// Name of the event store's table.
    pub event_store: String,
    /// Name of the first generation's table of rows.
    pub rows: String,
    /// Name of the first generation's table of counters.
    pub counters: String,
    /// Name of the first generation's table of entries, if the projection has entries.
    pub entries: Option<String>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl fmt::Debug for Projectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.fed.iter().map(|fed| fed.name()).collect();
        f.debug_tuple("Projectors").field(&names).finish()
    }
}

/// A projection with its generations, whatever its type.
trait Fed: Send + Sync {
    fn name(&self) -> &str;

    /// Hands the deliveries to every generation. Returns the outcomes of each.
    fn feed<'a>(
        &'a self,
        items: &'a [Item<CommitChange>],
        context: &'a BatchContext,
    ) -> BoxFuture<'a, Vec<Vec<Outcome>>>;

    fn work<'a>(
        &'a self,
        request: &'a Request,
        context: &'a BatchContext,
    ) -> BoxFuture<'a, Result<Answer, Failure>>;
}

impl<P: Projection + 'static> Fed for Rebuildable<P> {
    fn name(&self) -> &str {
        self.generations.projection()
    }

    fn feed<'a>(
        &'a self,
        items: &'a [Item<CommitChange>],
        context: &'a BatchContext,
    ) -> BoxFuture<'a, Vec<Vec<Outcome>>> {
        let only = self.sides.len() == 1;
        let feed = move |side: &'a Side<P>| async move {
            let mut outcomes = side.projector.handle_batch(items, context).await;
            for outcome in outcomes.iter_mut().filter(|_| !only) {
                if let Outcome::Failed(failure) = outcome {
                    let place = format_args!("{}@{}", self.name(), side.number);
                    *failure = failure.clone().context(place);
                }
            }
            outcomes
        };
        join_all(self.sides.iter().map(feed)).boxed()
    }

    fn work<'a>(
        &'a self,
        request: &'a Request,
        context: &'a BatchContext,
    ) -> BoxFuture<'a, Result<Answer, Failure>> {
        match (request.work, request.against) {
            (Work::Fold, _) => self.fold(request, context).boxed(),
            (Work::Verify, Some(Reference::Generation(other))) => {
                self.verify(other, request, context).boxed()
            }
            (Work::Verify, _) => self.refold(request, context).boxed(),
            (Work::Counters, _) => self.counters(request, context).boxed(),
            (Work::Entries, _) => self.entries(request, context).boxed(),
            (Work::Vector, _) => self.vector(request, context).boxed(),
        }
    }
}

impl Decode for Projectors {
    type Record = CommitChange;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<CommitChange, Failure> {
        match &delivery.body {
            Ok(Body::Bytes(_)) => CommitChange::hint(delivery),
            _ => CommitChange::from_delivery(delivery),
        }
    }

    fn lane(&self, delivery: &Delivery<'_>) -> String {
        CommitChange::lane(delivery)
    }
}

impl BatchHandler for Projectors {
    async fn handle_batch(
        &self,
        items: &[Item<CommitChange>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        let fed = join_all(self.fed.iter().map(|fed| fed.feed(items, context))).await;
        let mut worst = vec![Outcome::Done(Handled::Filtered); items.len()];
        for outcomes in fed.into_iter().flatten() {
            for (worst, outcome) in worst.iter_mut().zip(outcomes) {
                if rank(&outcome) > rank(worst) {
                    *worst = outcome;
                }
            }
        }
        worst
    }

    async fn rebuild(
        &self,
        request: &RawValue,
        context: &BatchContext,
    ) -> Result<Box<RawValue>, Failure> {
        let request = Request::parse(request.get())
            .map_err(|invalid| Failure::permanent("rebuild_request", invalid.to_string()))?;
        let name = request.projection.as_str();
        let Some(fed) = self.fed.iter().find(|fed| fed.name() == name) else {
            let known: Vec<&str> = self.fed.iter().map(|fed| fed.name()).collect();
            let known = known.join(", ");
            let reason = format!("this function feeds {known}, and not the projection {name}");
            return Err(Failure::permanent("unknown_projection", reason));
        };
        let answer = fed.work(&request, context).await?;
        serde_json::value::to_raw_value(&answer)
            .map_err(|error| Failure::permanent("unencodable", error.to_string()))
    }
}

/// Orders outcomes. A delivery that must come again is worse than one that becomes a letter,
/// because it becomes a letter then, too.
fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Failed(failure) if failure.class() != Class::Permanent => 7,
        Outcome::NotRun(_) => 6,
        Outcome::Failed(_) => 5,
        Outcome::Done(Handled::Parked) => 4,
        Outcome::Done(Handled::Applied) => 3,
        Outcome::Done(Handled::Duplicate) => 2,
        Outcome::Done(_) => 1,
    }
}
