//! Reads a read model.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::consistency::Consistency;
use super::dynamodb::DynamoDbTables;
use super::get::Get;
use super::page::{NextPage, Page};
use super::port::TableReader;
use super::request::Query;
use super::row::{MARKS, Row};
use super::scalar::Scalar;
use super::table::{Index, Table};
use super::typed::page_of;
use crate::aws::DynamoDb;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::projection::{
    COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, DynamoDbReadModel, ENTRY_PARTITION_KEY,
    ENTRY_SORT_KEY, ROW_KEY, ReadModel, ReadModelTables,
};

/// Reads a read model that a [`Projector`](crate::projection::Projector) writes.
///
/// ```
/// # use std::time::Duration;
/// # use serde::Deserialize;
/// # use tidegate::failure::Failure;
/// # use tidegate::query::{Consistency, Index, Reached, VersionToken, View};
/// #[derive(Deserialize)]
/// struct Order {
///     status: String,
///     total: Option<i64>,
/// }
///
/// # async fn example(view: &View, written: VersionToken) -> Result<(), Failure> {
/// // The client wrote this version. It sees its own write:
/// let soon = tokio::time::Instant::now() + Duration::from_secs(2);
/// if let Reached::Ready { .. } = view.wait_for(&written.stream, written.version, soon).await? {
///     let order = view.row::<Order>(&written.stream, Consistency::Strong).await?;
///     let spent = view.counter("customer#17850", Consistency::Strong).await?;
/// }
/// // The newest orders of a customer.
/// let by_customer = Index::new("by-customer", "customer").sorted_by("at");
/// let newest = view.index(&by_customer, "17850").descending().limit(20);
/// let page = view.page::<Order>(&newest, None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct View {
    pub(super) tables: Arc<dyn TableReader>,
    pub(super) model: Arc<dyn ReadModel>,
    rows: Table,
    pub(super) counters: Table,
    pub(super) entries: Option<Table>,
}

impl View {
    /// Creates a view of the read model with these tables, which `tables` and `model` both read.
    pub fn new(
        tables: Arc<dyn TableReader>,
        model: Arc<dyn ReadModel>,
        rows: impl Into<String>,
        counters: impl Into<String>,
    ) -> Self {
        let rows = Table::new(rows, ROW_KEY);
        let counters = Table::new(counters, COUNTER_PARTITION_KEY).sorted_by(COUNTER_SORT_KEY);
        Self { tables, model, rows, counters, entries: None }
    }

    /// Reads lists and lookups from this table, to which the projection writes
    /// [entries](crate::projection::EntryUpdate).
    #[must_use]
    pub fn with_entries(self, table: impl Into<String>) -> Self {
        let table = Table::new(table, ENTRY_PARTITION_KEY).sorted_by(ENTRY_SORT_KEY);
        Self { entries: Some(table), ..self }
    }

    /// Creates a view of the read model in these tables of DynamoDB: that of the rows, and that of
    /// the counters.
    ///
    /// Needs to read both tables (`access = "read"` in a topology).
    pub fn from_dynamodb(
        client: impl Into<DynamoDb>,
        rows: impl Into<String>,
        counters: impl Into<String>,
    ) -> Self {
        let (client, rows, counters) = (client.into(), rows.into(), counters.into());
        let names = ReadModelTables { rows: rows.clone(), counters: counters.clone(), slice: 0 };
        let model = Arc::new(DynamoDbReadModel::new(client.clone(), names));
        Self::new(Arc::new(DynamoDbTables::new(client)), model, rows, counters)
    }

    /// Marks the view as one of a generation. Page tokens of its queries name it.
    pub(super) fn of_generation(mut self, generation: u32) -> Self {
        self.rows.generation = Some(generation);
        self.counters.generation = Some(generation);
        if let Some(entries) = &mut self.entries {
            entries.generation = Some(generation);
        }
        self
    }

    /// Reads the row of an aggregate. `None`: no event is applied, and it is not parked.
    ///
    /// A row of a parked aggregate to which no event was applied has only the marks of the parking.
    /// Give the fields of `T` defaults if you want to read it.
    ///
    /// # Errors
    /// Any failure to read it. `unreadable_row` (permanent): the row does not have the type `T`.
    pub async fn row<T: DeserializeOwned>(
        &self,
        stream: &StreamId,
        consistency: Consistency,
    ) -> Result<Option<Row<T>>, Failure> {
        self.read_row(Get::new(&self.rows, stream.as_str(), consistency)).await
    }

    /// Reads only these attributes of the row of an aggregate, as [`Self::row`] does. The price is
    /// that of the whole row.
    ///
    /// # Errors
    /// Same as [`Self::row`].
    pub async fn row_only<T: DeserializeOwned>(
        &self,
        stream: &StreamId,
        attributes: &[&str],
        consistency: Consistency,
    ) -> Result<Option<Row<T>>, Failure> {
        let names = attributes.iter().chain(&MARKS).copied().collect::<BTreeSet<_>>();
        self.read_row(Get::new(&self.rows, stream.as_str(), consistency).only(names)).await
    }

    async fn read_row<T: DeserializeOwned>(&self, get: Get) -> Result<Option<Row<T>>, Failure> {
        self.tables.get(&get).await?.map(Row::from_item).transpose()
    }

    /// Returns the query of all rows whose attribute, the index's partition key, has this value.
    pub fn index(&self, index: &Index, partition: impl Into<Scalar>) -> Query {
        Query::of_index(&self.rows, index, partition)
    }

    /// Returns the query of every row, in no order. Costs the read of the whole table.
    pub fn every_row(&self, consistency: Consistency) -> Query {
        Query::of_whole_table(&self.rows, consistency)
    }

    /// Reads a page of rows that begins at `from`, or the first one.
    ///
    /// # Errors
    /// Any failure to read it. A row without the type `T` costs no other: [`Page::unreadable`] has
    /// its failure. `invalid_query` (permanent): the query is not of this view's rows.
    pub async fn page<T: DeserializeOwned>(
        &self,
        query: &Query,
        from: Option<&NextPage>,
    ) -> Result<Page<Row<T>>, Failure> {
        if query.table != self.rows {
            let problem = format!("is not that of the rows, {}", self.rows.name);
            return Err(super::request::invalid(&query.table, &problem));
        }
        let items = self.tables.page(&query.clone().with(&MARKS), from).await?;
        Ok(page_of(items, Row::from_item))
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, counters) = (&self.rows.name, &self.counters.name);
        let entries = self.entries.as_ref().map(|table| &table.name);
        let mut shown = f.debug_struct("View");
        shown.field("rows", rows).field("counters", counters).field("entries", &entries).finish()
    }
}
