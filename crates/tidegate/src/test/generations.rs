//! The tables of a projection with generations, in memory, and a rebuild of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;
use serde_dynamo::Item;
use serde_json::value::RawValue;

use crate::batch::{BatchContext, BatchHandler};
use crate::failure::Failure;
use crate::generation::memory::MemoryPointers;
use crate::generation::{Generations, PointerReader, Refused, change, table_of};
use crate::projection::memory::MemoryReadModel;
use crate::projection::{Projection, ReadModel};
use crate::query::memory::page_of;
use crate::query::{Get, Items, NextPage, Query, TableReader, View, Views};
use crate::rebuild::{Answer, Ports, Projectors, Proof, Reference, Request, Verdict, Work};
use crate::store::memory::MemoryEventStore;
use crate::store::{Retry, image_of};

/// Names of the tables.
const STORE: &str = "event-store";
const ROWS: &str = "rows";
const COUNTERS: &str = "counters";
const ENTRIES: &str = "entries";
/// Owner of the rebuilds.
const OWNER: &str = "test";

/// The tables of a projection with generations, in memory: an event store, a read model for each
/// generation, and the pointers. Clones share their content.
///
/// ```
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
/// use tidegate::generation::Generations;
/// use tidegate::rebuild::{Reference, Verdict};
/// use tidegate::test::MemoryGenerations;
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let tables = MemoryGenerations::new(Generations::new("order-view", [1, 2]).unwrap());
/// let projectors = tables.projectors(Orders);
/// let verdict = tables.rebuild(&projectors, 2, Reference::Store).await.unwrap();
/// assert_eq!(verdict, Verdict::Proven { rows: 0 });
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct MemoryGenerations {
    generations: Generations,
    store: Arc<MemoryEventStore>,
    models: BTreeMap<u32, MemoryReadModel>,
    pointers: MemoryPointers,
}

impl MemoryGenerations {
    /// Creates empty tables for these generations.
    pub fn new(generations: Generations) -> Self {
        let numbers = generations.numbers().iter();
        let models = numbers.map(|number| (*number, MemoryReadModel::default())).collect();
        Self { generations, store: Arc::default(), models, pointers: MemoryPointers::default() }
    }

    /// Returns the event store.
    pub fn store(&self) -> &Arc<MemoryEventStore> {
        &self.store
    }

    /// Returns the read model of a generation. One that is not declared is empty, and its own.
    pub fn model(&self, generation: u32) -> MemoryReadModel {
        self.models.get(&generation).cloned().unwrap_or_default()
    }

    /// Returns the pointers.
    pub fn pointers(&self) -> &MemoryPointers {
        &self.pointers
    }

    /// Returns what projectors read and write.
    pub fn ports(&self) -> Ports {
        Ports {
            events: Arc::<MemoryEventStore>::clone(&self.store),
            reader: Arc::new(self.clone()),
            pointers: Some(Arc::new(self.pointers.clone())),
            event_store: STORE.to_owned(),
            rows: ROWS.to_owned(),
            counters: COUNTERS.to_owned(),
            entries: Some(ENTRIES.to_owned()),
        }
    }

    /// Creates the projectors of an environment of the function.
    pub fn projectors<P: Projection + 'static>(&self, projection: P) -> Projectors {
        let model = |number| Arc::new(self.model(number)) as Arc<dyn ReadModel>;
        Projectors::new(self.ports(), model, self.generations.clone(), projection)
    }

    /// Creates the views of an environment of a reader.
    pub fn views(&self) -> Views {
        let pointers = Arc::new(self.pointers.clone()) as Arc<dyn PointerReader>;
        let (tables, models) = (Arc::new(self.clone()), self.models.clone());
        Views::new(self.generations.clone(), Some(pointers), move |number| {
            let model = Arc::new(models.get(&number).cloned().unwrap_or_default());
            let (rows, counters) = (table_of(ROWS, number), table_of(COUNTERS, number));
            View::new(Arc::<Self>::clone(&tables), model, rows, counters)
        })
        .with_entries(ENTRIES)
    }

    /// Has the projectors do a piece of work, as a command does.
    ///
    /// # Errors
    /// The failure of the invocation.
    pub async fn ask(&self, projectors: &Projectors, request: &Request) -> Result<Answer, Failure> {
        let text = serde_json::to_string(request)
            .map_err(|error| Failure::permanent("unencodable", error.to_string()))?;
        let request = RawValue::from_string(text)
            .map_err(|error| Failure::permanent("unencodable", error.to_string()))?;
        let context = BatchContext::new(Duration::from_secs(60));
        let answer = projectors.rebuild(&request, &context).await?;
        serde_json::from_str(answer.get())
            .map_err(|error| Failure::permanent("undecodable", error.to_string()))
    }

    /// Rebuilds a generation as a command does, in one segment and without a pause: folds the event
    /// store, closes the fence, compares with the reference, and makes the generation live if it is
    /// proven.
    ///
    /// # Errors
    /// The failure of an invocation. `refused` (permanent): the generation cannot be rebuilt.
    pub async fn rebuild(
        &self,
        projectors: &Projectors,
        generation: u32,
        reference: Reference,
    ) -> Result<Verdict, Failure> {
        let name = self.generations.projection();
        let (declared, now) = (&self.generations, Timestamp::now);
        self.change(|pointer| pointer.begin(generation, OWNER, 1, true, declared, now())).await?;
        let fold = Request::new(name, generation, Work::Fold, OWNER);
        let mut all = Vec::new();
        self.every(projectors, fold, |answer| all.push(answer)).await?;
        let (streams, events) = all.iter().fold((0, 0), |(streams, events), answer| {
            (streams + answer.streams, events + answer.events)
        });
        let done = crate::generation::Segment::default().after(None, streams, events);
        self.change(|pointer| pointer.record(OWNER, 0, done.clone(), now())).await?;
        self.change(|pointer| pointer.close(OWNER, Duration::from_secs(60), now())).await?;
        let mut proof = Proof::new(generation, reference);
        for step in proof.steps() {
            self.every(projectors, step.request(name, OWNER), |answer| proof.take(step, answer))
                .await?;
        }
        let verdict = proof.verdict();
        match verdict {
            Verdict::Proven { .. } => {
                self.change(|pointer| pointer.moved(generation, OWNER, now())).await?;
            }
            _ => self.change(|pointer| Ok(pointer.left(OWNER, now()))).await?,
        }
        Ok(verdict)
    }

    async fn every(
        &self,
        projectors: &Projectors,
        mut request: Request,
        mut take: impl FnMut(Answer),
    ) -> Result<(), Failure> {
        loop {
            let answer = self.ask(projectors, &request).await?;
            let next = answer.next.clone();
            take(answer);
            if next.is_none() {
                return Ok(());
            }
            request = request.from(next);
        }
    }

    async fn change(
        &self,
        next: impl FnMut(&crate::generation::Pointer) -> Result<crate::generation::Pointer, Refused>,
    ) -> Result<(), Failure> {
        let name = self.generations.projection();
        match change(&self.pointers, name, Retry::default(), next).await? {
            Ok(_) => Ok(()),
            Err(refused) => Err(Failure::permanent("refused", refused.to_string())),
        }
    }

    /// Returns the table's read model, or `None` for the event store.
    fn of_table(&self, table: &str) -> Option<&MemoryReadModel> {
        let mut models = self.models.iter();
        let all = [ROWS, COUNTERS, ENTRIES];
        let is = |number: u32| all.iter().any(|base| table_of(base, number) == table);
        models.find(|(number, _)| is(**number)).map(|(_, model)| model)
    }

    fn stored(&self) -> Result<Vec<Item>, Failure> {
        let commits = self.store.commits();
        let items: Result<Vec<Vec<Item>>, Failure> = commits.iter().map(image_of).collect();
        Ok(items?.into_iter().flatten().collect())
    }
}

impl TableReader for MemoryGenerations {
    fn get<'a>(&'a self, get: &'a Get) -> BoxFuture<'a, Result<Option<Item>, Failure>> {
        match self.of_table(get.table_name()) {
            Some(model) => model.get(get),
            None => ready(Ok(None)).boxed(),
        }
    }

    fn page<'a>(
        &'a self,
        query: &'a Query,
        from: Option<&'a NextPage>,
    ) -> BoxFuture<'a, Result<Items, Failure>> {
        match self.of_table(query.table_name()) {
            Some(model) => model.page(query, from),
            None => ready(self.stored().and_then(|items| page_of(items, query, from))).boxed(),
        }
    }
}
