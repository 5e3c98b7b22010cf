//! Views of the generation that is live.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::view::View;
use crate::aws::DynamoDb;
use crate::failure::Failure;
use crate::generation::{DynamoDbPointers, Generations, PointerReader, table_of};

/// What the page token of a generation begins with. Its number follows, and a full stop.
pub(super) const OF_GENERATION: &str = "p1@";

/// Views of the generation of a projection that is live.
///
/// Take one view for a request, and read everything with it: it stays with its generation, so no
/// request sees two of them.
///
/// ```no_run
/// # use serde::Deserialize;
/// # use tidegate::failure::Failure;
/// # use tidegate::query::{Consistency, Views};
/// # #[derive(Deserialize)]
/// # struct Order;
/// # async fn example(views: &Views, stream: &tidegate::ids::StreamId) -> Result<(), Failure> {
/// let view = views.pinned(None).await?;
/// let order = view.row::<Order>(stream, Consistency::Strong).await?;
/// let spent = view.counter("customer#17850", Consistency::Strong).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Views {
    generations: Generations,
    pointers: Option<Arc<dyn PointerReader>>,
    view: Arc<dyn Fn(u32) -> View + Send + Sync>,
    /// The live generation, and when the request began that read it.
    live: Arc<Mutex<Option<(Instant, u32)>>>,
}

impl Views {
    /// Time for which an environment believes that a generation is live.
    pub const FRESH: Duration = Duration::from_secs(3);

    /// Creates the views. `view` creates that of a generation. Without pointers, generation 1 is
    /// always live.
    pub fn new(
        generations: Generations,
        pointers: Option<Arc<dyn PointerReader>>,
        view: impl Fn(u32) -> View + Send + Sync + 'static,
    ) -> Self {
        Self { generations, pointers, view: Arc::new(view), live: Arc::default() }
    }

    /// Creates the views of the tables in DynamoDB, which are those of generation 1.
    ///
    /// Needs to read the tables of every generation, and the table of pointers.
    pub fn from_dynamodb(
        client: impl Into<DynamoDb>,
        generations: Generations,
        rows: impl Into<String>,
        counters: impl Into<String>,
    ) -> Self {
        let (client, rows, counters) = (client.into(), rows.into(), counters.into());
        let pointers = generations.pointers().map(|table| {
            let pointers = DynamoDbPointers::new(client.clone(), table);
            Arc::new(pointers) as Arc<dyn PointerReader>
        });
        Self::new(generations, pointers, move |number| {
            let (rows, counters) = (table_of(&rows, number), table_of(&counters, number));
            View::from_dynamodb(client.clone(), rows, counters)
        })
    }

    /// Reads lists and lookups from this table, which is that of generation 1.
    #[must_use]
    pub fn with_entries(self, table: impl Into<String>) -> Self {
        let (table, view) = (table.into(), Arc::clone(&self.view));
        let view = move |number| view(number).with_entries(table_of(&table, number));
        Self { view: Arc::new(view), ..self }
    }

    /// Returns the view for a request. A page token goes on in the generation in which its first
    /// page was read. Without a token it is the one that is live.
    ///
    /// Reads the pointer at most once in [`Self::FRESH`]. So after a move, some requests still get
    /// the generation before, which takes all events as well.
    ///
    /// # Errors
    /// - `not_built` (transient): no generation is built yet.
    /// - `generation_gone` (permanent): the generation of the token is not declared any more. The
    ///   client begins again with the first page.
    /// - `unknown_generation` (transient): the generation that is live is not declared for this
    ///   function.
    /// - Any failure to read the pointer.
    pub async fn pinned(&self, token: Option<&str>) -> Result<View, Failure> {
        let name = self.generations.projection();
        if self.pointers.is_none() {
            return Ok((self.view)(1));
        }
        match token.map(|token| generation_of(token).unwrap_or(1)) {
            Some(number) if self.generations.has(number) => Ok(self.view_of(number)),
            Some(number) => {
                let reason = format!(
                    "the page token belongs to {name}@{number}, which is gone; begin again with \
                     the first page"
                );
                Err(Failure::permanent("generation_gone", reason))
            }
            None => Ok(self.view_of(self.live().await?)),
        }
    }

    fn view_of(&self, number: u32) -> View {
        (self.view)(number).of_generation(number)
    }

    async fn live(&self) -> Result<u32, Failure> {
        let Some(pointers) = &self.pointers else { return Ok(1) };
        let mut live = self.live.lock().await;
        if let Some((_, number)) = live.filter(|(at, _)| at.elapsed() <= Self::FRESH) {
            return Ok(number);
        }
        let (asked, name) = (Instant::now(), self.generations.projection());
        let Some(number) = pointers.read(name).await?.live else {
            let reason = format!(
                "no generation of {name} is built yet: `tidegate projection rebuild {name}`"
            );
            return Err(Failure::transient("not_built", reason));
        };
        if !self.generations.has(number) {
            let reason = format!(
                "{name}@{number} is live, and this function does not know it; deploy the function"
            );
            return Err(Failure::transient("unknown_generation", reason));
        }
        *live = Some((asked, number));
        Ok(number)
    }
}

/// Returns the generation that a page token names. It proves nothing until the token is opened.
pub(super) fn generation_of(token: &str) -> Option<u32> {
    let (number, _) = token.strip_prefix(OF_GENERATION)?.split_once('.')?;
    number.parse().ok()
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Views").field("generations", &self.generations).finish_non_exhaustive()
    }
}
