//! Handles records with an async closure.

use std::fmt;

use futures::future::BoxFuture;
use tracing::Span;

use super::context::BatchContext;
use super::decode::Decode;
use super::each_record::EachRecord;
use super::from_delivery::FromDelivery;
use super::handler::Handler;
use super::outcome::Handled;
use crate::failure::Failure;
use crate::source::Delivery;

/// An async function or closure as a [`Handler`]; the macro [`each!`](crate::each) makes it.
pub struct HandlerFn<F, R> {
    handle: F,
    call: Call<F, R>,
}

/// Calls the function. The macro writes this where the type of the function is known: only there
/// can the compiler see that its future is `Send`.
type Call<F, R> =
    for<'a> fn(&'a F, &'a R, &'a BatchContext) -> BoxFuture<'a, Result<Handled, Failure>>;

impl<F, R> HandlerFn<F, R>
where
    F: AsyncFn(&R, &BatchContext) -> Result<Handled, Failure> + Send + Sync,
    R: FromDelivery,
{
    /// Wraps a function and its call, for at most `concurrency` records at a time.
    #[doc(hidden)]
    pub fn each(concurrency: usize, handle: F, call: Call<F, R>) -> EachRecord<Self> {
        EachRecord::new(Self { handle, call }, concurrency)
    }
}

impl<F: Send + Sync, R: FromDelivery> Decode for HandlerFn<F, R> {
    type Record = R;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<R, Failure> {
        R::from_delivery(delivery)
    }

    fn span(&self, record: &R) -> Span {
        record.span()
    }
}

impl<F: Send + Sync, R: FromDelivery> Handler for HandlerFn<F, R> {
    async fn handle(&self, record: &R, context: &BatchContext) -> Result<Handled, Failure> {
        (self.call)(&self.handle, record, context).await
    }
}

impl<F, R> fmt::Debug for HandlerFn<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandlerFn").finish_non_exhaustive()
    }
}

/// Handles each record with an async closure or function: the smallest handler.
///
/// `each!(concurrency, handle)` makes an [`EachRecord`] that handles at most `concurrency` records
/// at a time. `handle` takes the record and the [`BatchContext`], and returns
/// `Result<Handled, Failure>`. The record's type decides how a delivery is decoded; see
/// [`FromDelivery`]. What the closure needs, it captures: write `async move`.
///
/// The closure must be idempotent: on redelivery, detect that the effect already happened and
/// return [`Handled::Duplicate`].
///
/// Implement [`Handler`] instead to choose the lane of a record, or to decode with settings.
///
/// ```
/// # use tidegate::batch::{Invocation, Runner};
/// # use tidegate::test::{KinesisEvent, MemoryDeadLetters};
/// use tidegate::batch::{BatchContext, Handled, Routed};
/// use tidegate::failure::Failure;
/// use tidegate::message::Message;
///
/// // Plain JSON, such as `["cellar", 14.5]`. The closure owns what it captures.
/// let unit = String::from("degrees Celsius");
/// let readings = tidegate::each!(16, async move |(sensor, value): &(String, f64), _| {
///     tracing::info!(sensor, value, unit);
///     Ok(Handled::Applied)
/// });
///
/// // A message in an envelope.
/// #[derive(serde::Serialize, serde::Deserialize, Message)]
/// struct LampLit { watts: u32 }
/// let lamps = tidegate::each!(1, async |lit: &Routed<LampLit>, _| {
///     tracing::info!(cause = lit.envelope.id, lit.message.watts);
///     Ok(Handled::Applied)
/// });
///
/// // A function.
/// async fn handle(number: &u64, _: &BatchContext) -> Result<Handled, Failure> {
///     Ok(if *number == 0 { Handled::Filtered } else { Handled::Applied })
/// }
/// let numbers = tidegate::each!(16, handle);
/// # drop((readings, lamps, numbers));
/// ```
///
/// # Errors
///
/// A closure of another shape does not compile, and the message names what is expected: another
/// number of arguments, another result, a record that no delivery can be decoded into, or a future
/// that is not `Send`.
///
/// ```compile_fail
/// # use tidegate::batch::Handled;
/// // `Rc` does not implement `serde::Deserialize`.
/// tidegate::each!(1, async |_: &std::rc::Rc<u8>, _| Ok(Handled::Applied));
/// ```
///
/// ```compile_fail
/// # use tidegate::batch::Handled;
/// tidegate::each!(1, async |_: &u8, _| {
///     let shared = std::rc::Rc::new(7); // held across `await`, so the future is not `Send`
///     tokio::task::yield_now().await;
///     drop(shared);
///     Ok(Handled::Applied)
/// });
/// ```
#[macro_export]
macro_rules! each {
    ($concurrency:expr, $handle:expr $(,)?) => {
        $crate::batch::HandlerFn::each($concurrency, $handle, |handle, record, context| {
            ::std::boxed::Box::pin(handle(record, context))
        })
    };
}
