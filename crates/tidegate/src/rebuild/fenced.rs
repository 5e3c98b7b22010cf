//! The fence in front of a read model.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::generation::PointerReader;
use crate::ids::{StreamId, Version};
use crate::projection::{
    Added, Addition, ApplyError, Aside, Delta, Guard, Guards, Head, ReadModel, Transaction,
};

/// Time until the next attempt of a delivery of a queue.
const LATER: Duration = Duration::from_secs(2);

/// The fence of a projection, as an environment sees it.
///
/// It reads the pointer at most once in [`Self::FRESH`], and only while there is something to
/// write.
pub(super) struct FenceWatch {
    pointers: Arc<dyn PointerReader>,
    projection: String,
    /// When the request began that found the fence open.
    open: Mutex<Option<Instant>>,
}

impl FenceWatch {
    /// Time for which an environment believes in a fence that it read open, from the beginning of
    /// its read.
    pub(super) const FRESH: Duration = Duration::from_secs(2);

    pub(super) fn new(pointers: Arc<dyn PointerReader>, projection: &str) -> Self {
        Self { pointers, projection: projection.to_owned(), open: Mutex::default() }
    }

    /// Checks that the fence is open, or closed for this owner.
    ///
    /// # Errors
    /// [`Failure::FENCED`] (transient): it is closed for another owner. Any failure to read it.
    pub(super) async fn check(&self, owner: Option<&str>) -> Result<(), Failure> {
        // One of several generations reads it, the others wait for the answer.
        let mut open = self.open.lock().await;
        if open.is_some_and(|at| at.elapsed() <= Self::FRESH) {
            return Ok(());
        }
        let asked = Instant::now();
        let pointer = self.pointers.read(&self.projection).await?;
        match pointer.closed(Timestamp::now()) {
            Some(fence) if Some(fence.owner.as_str()) == owner => Ok(()),
            Some(fence) => {
                let (projection, until) = (&self.projection, fence.until);
                let reason = format!(
                    "{} compares generations of {projection}, until {until} at the latest",
                    fence.owner
                );
                Err(Failure::transient(Failure::FENCED, reason).retry_after(LATER))
            }
            None => {
                *open = Some(asked);
                Ok(())
            }
        }
    }
}

/// A read model that changes no guard while its fence is closed for another owner.
///
/// Counters still take deltas that are stored: their sum with what is pending stays the same.
pub(super) struct Fenced {
    model: Arc<dyn ReadModel>,
    watch: Arc<FenceWatch>,
    owner: Option<String>,
}

impl Fenced {
    pub(super) fn new(
        model: Arc<dyn ReadModel>,
        watch: Arc<FenceWatch>,
        owner: Option<String>,
    ) -> Self {
        Self { model, watch, owner }
    }

    async fn write<'a, T, E: From<Failure>>(
        &'a self,
        write: impl FnOnce(&'a dyn ReadModel) -> BoxFuture<'a, Result<T, E>>,
    ) -> Result<T, E> {
        self.watch.check(self.owner.as_deref()).await?;
        write(&*self.model).await
    }
}

impl ReadModel for Fenced {
    fn guards<'a>(&'a self, streams: &'a [StreamId]) -> BoxFuture<'a, Result<Guards, Failure>> {
        // The check costs no time beside the read, and the transaction that follows needs it.
        let check = self.watch.check(self.owner.as_deref());
        async move { futures::try_join!(self.model.guards(streams), check).map(|(read, ())| read) }
            .boxed()
    }

    fn slice(&self) -> u32 {
        self.model.slice()
    }

    fn head(&self, slice: u32) -> BoxFuture<'_, Result<Head, Failure>> {
        self.model.head(slice)
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        self.model.heads()
    }

    fn deltas(&self, slice: u32) -> BoxFuture<'_, Result<Vec<Delta>, Failure>> {
        self.model.deltas(slice)
    }

    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(move |model| model.apply(transaction)).boxed()
    }

    fn add<'a>(&'a self, slice: u32, additions: &'a [Addition]) -> BoxFuture<'a, Vec<Added>> {
        self.model.add(slice, additions)
    }

    fn confirm(&self, slice: u32, number: u64) -> BoxFuture<'_, Result<(), Failure>> {
        self.model.confirm(slice, number)
    }

    fn set_aside<'a>(
        &'a self,
        slice: u32,
        addition: &'a Addition,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Added> {
        self.model.set_aside(slice, addition, failure)
    }

    fn aside(&self) -> BoxFuture<'_, Result<Vec<Aside>, Failure>> {
        self.model.aside()
    }

    fn restore<'a>(&'a self, aside: &'a Aside) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(move |model| model.restore(aside)).boxed()
    }

    fn park<'a>(
        &'a self,
        stream: &'a StreamId,
        at: Version,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(move |model| model.park(stream, at, failure)).boxed()
    }

    fn parked<'a>(
        &'a self,
        after: Option<&'a StreamId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, Failure>> {
        self.model.parked(after, limit)
    }

    fn unpark<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(move |model| model.unpark(stream, guard)).boxed()
    }

    fn unlist<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        self.write(move |model| model.unlist(stream, guard)).boxed()
    }
}
