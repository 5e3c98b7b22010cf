//! Folds the records of tumbling windows into a state that Lambda passes from one invocation to the
//! next.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::context::BatchContext;
use super::decode::Decode;
use super::handler::BatchHandler;
use super::isolation::{catch, isolate};
use super::item::Item;
use super::outcome::{Handled, NotRun, Outcome};
use super::window::Window;
use crate::failure::Failure;
use crate::source::Delivery;

/// Folds the records of each window into a state, and uses the state when the window is over.
///
/// Wrap it in [`Windowed`] and run it like any other handler. The mapping needs a tumbling window,
/// `ReportBatchItemFailures` and a parallelization factor of 1.
///
/// ```
/// use tidegate::batch::{BatchContext, Decode, Window, WindowHandler};
/// use tidegate::failure::Failure;
/// use tidegate::source::Delivery;
///
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// struct Sum {
///     cents: u64,
/// }
///
/// struct Sums;
///
/// impl Decode for Sums {
///     type Record = u64;
///
///     fn decode(&self, delivery: &Delivery<'_>) -> Result<u64, Failure> {
///         delivery.json()
///     }
/// }
///
/// impl WindowHandler for Sums {
///     type State = Sum;
///
///     fn fold(&self, state: &mut Sum, cents: &u64, _window: &Window) -> Result<(), Failure> {
///         state.cents += cents;
///         Ok(())
///     }
///
///     async fn close(&self, sum: &Sum, window: &Window, _: &BatchContext) -> Result<(), Failure> {
///         tracing::info!(%window.start, window.shard, sum.cents);
///         Ok(())
///     }
/// }
/// ```
///
/// # What a failure means for the state
///
/// The returned state contains exactly the records that do not come again, so each record is folded
/// into its window once. A transient failure stops the batch: the records before it are in the
/// state, and the record and those behind it come again with that state. A permanent failure
/// becomes a dead letter, and its record is in no state. If the letter cannot be written, the batch
/// stops at that record.
///
/// If anything fails in the last invocation of a window, the invocation fails as a whole, and
/// Lambda repeats it with the state it had.
pub trait WindowHandler: Decode {
    /// State of a window.
    ///
    /// It must serialize as a JSON object. A state above 1 MB ends its window early (AWS docs:
    /// Kinesis, stateful processing). A new version of the function must be able to read the states
    /// of the old one.
    type State: Default + Serialize + DeserializeOwned + Send + Sync;

    /// Folds a record into the state.
    ///
    /// Must depend only on its arguments and have no other effect. It may run several times for a
    /// record in one invocation, each time on a state without that record. After a failure the
    /// records before the failed one are folded again.
    ///
    /// # Errors
    /// A permanent failure affects this record only; a transient one stops the batch.
    fn fold(
        &self,
        state: &mut Self::State,
        record: &Self::Record,
        window: &Window,
    ) -> Result<(), Failure>;

    /// Takes the state of a window that is over.
    ///
    /// Must be idempotent: Lambda repeats the last invocation of a window until it succeeds.
    /// Stream, shard and start identify the window. A window that ends early has several last
    /// invocations, each with a part of its records. To distinguish the parts, keep something in
    /// the state, such as the position of the first record.
    ///
    /// # Errors
    /// Any failure fails the invocation, and Lambda repeats it.
    fn close(
        &self,
        state: &Self::State,
        window: &Window,
        context: &BatchContext,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Handles a record whose event has no window.
    ///
    /// Such a record is replayed from a dead letter or, without `context.replay`, from a pointer
    /// into the stream. By default a replayed letter fails with the code `window_over`. Any other
    /// event without a window fails with the code `no_window` and comes again, because its mapping
    /// may lack a tumbling window.
    ///
    /// # Errors
    /// A failed record stays where it is: in its dead letter or in the stream.
    fn late(
        &self,
        _record: &Self::Record,
        context: &BatchContext,
    ) -> impl Future<Output = Result<Handled, Failure>> + Send {
        std::future::ready(Err(if context.replay {
            Failure::permanent("window_over", "the record is a replay, and its window is over")
        } else {
            Failure::transient(
                "no_window",
                "the event has no window; configure a tumbling window on its event source mapping",
            )
        }))
    }
}

/// Runs a [`WindowHandler`]: the records of a batch in order, up to the first failure that is not
/// permanent.
#[derive(Debug)]
pub struct Windowed<H>(H);

impl<H: WindowHandler> Windowed<H> {
    /// Wraps this handler.
    pub fn new(handler: H) -> Self {
        Self(handler)
    }

    fn state(&self, window: &Window) -> Result<H::State, Failure> {
        if window.state.get().bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"{}") {
            return Ok(H::State::default());
        }
        serde_json::from_str(window.state.get()).map_err(|error| {
            Failure::transient(
                Failure::NEWER,
                format!("the state of the window cannot be read: {error}"),
            )
        })
    }

    fn fold<'a>(
        &self,
        window: &Window,
        records: impl IntoIterator<Item = &'a H::Record>,
    ) -> Result<H::State, Failure>
    where
        H: 'a,
    {
        let mut state = self.state(window)?;
        for record in records {
            catch(|| self.0.fold(&mut state, record, window))?;
        }
        Ok(state)
    }

    /// Runs records without a window in order.
    async fn late(&self, items: &[Item<H::Record>], context: &BatchContext) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(items.len());
        for item in items {
            outcomes.push(if outcomes.last().is_some_and(Outcome::stops_lane) {
                Outcome::NotRun(NotRun::Blocked)
            } else {
                let late = self.0.late(&item.record, context).instrument(item.span.clone());
                isolate(context.deadline, late).await.flatten().into()
            });
        }
        outcomes
    }
}

impl<H: WindowHandler> Decode for Windowed<H> {
    type Record = H::Record;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<H::Record, Failure> {
        self.0.decode(delivery)
    }

    /// Returns one lane for the shard, because records are folded in order.
    fn lane(&self, _: &Delivery<'_>) -> String {
        "window".to_owned()
    }

    fn span(&self, record: &H::Record) -> Span {
        self.0.span(record)
    }
}

impl<H: WindowHandler> BatchHandler for Windowed<H> {
    async fn handle_batch(
        &self,
        items: &[Item<H::Record>],
        context: &BatchContext,
    ) -> Vec<Outcome> {
        let Some(window) = &context.window else { return self.late(items, context).await };
        let mut state = self.state(window);
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(items.len());
        let mut applied = Vec::with_capacity(items.len());
        for item in items {
            if outcomes.last().is_some_and(Outcome::stops_lane) {
                outcomes.push(Outcome::NotRun(NotRun::Blocked));
                continue;
            }
            if Instant::now() >= context.deadline {
                outcomes.push(Outcome::NotRun(NotRun::OutOfTime));
                continue;
            }
            let folded = match &mut state {
                Ok(state) => {
                    item.span.in_scope(|| catch(|| self.0.fold(state, &item.record, window)))
                }
                Err(failure) => Err(failure.clone()),
            };
            match folded {
                Ok(()) => {
                    applied.push(&item.record);
                    outcomes.push(Outcome::Done(Handled::Applied));
                }
                Err(failure) => {
                    let outcome = Outcome::Failed(failure);
                    if !outcome.stops_lane() {
                        // `fold` may have changed the state before it failed.
                        state = self.fold(window, applied.iter().copied());
                    }
                    outcomes.push(outcome);
                }
            }
        }
        outcomes
    }

    async fn conclude(
        &self,
        applied: &[&Item<H::Record>],
        window: &Window,
        context: &BatchContext,
    ) -> Result<Box<RawValue>, Failure> {
        let state = self.fold(window, applied.iter().map(|item| &item.record))?;
        if window.is_final {
            self.0.close(&state, window, context).await?;
        }
        Ok(to_raw_value(&state)?)
    }
}

#[cfg(test)]
mod tests;
