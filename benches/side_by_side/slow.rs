//! Measures `order-processor` on a slow DynamoDB: how long a batch of orders takes.

use std::path::Path;
use std::time::Duration;

use crate::event::Batches;
use crate::run::{SLOW, USUAL};
use crate::runtime_api::RuntimeApi;
use crate::scenario::Arena;
use crate::stub::Order;
use benchmarks::problem::Problem;

/// The measured function. It must be a release binary, `<directory>/order-processor/bootstrap`.
const FUNCTION: &str = "order-processor";
/// Measured batches. One more warms the process up.
const MEASURED: usize = 20;
const FROM: usize = 200_000;

/// A batch of new orders, each of its own key, with every response after [`SLOW`] milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlowBatch {
    /// Median time, from the event to the response.
    pub(crate) time: Duration,
    /// Requests and write units of a batch.
    pub(crate) requests: f64,
    pub(crate) write_units: f64,
}

/// Measures the function. Returns `None` if it was not built.
pub(crate) async fn measure(
    arena: &mut Arena,
    zips: &Path,
    repository: &Path,
) -> Result<Option<SlowBatch>, Problem> {
    let binary = zips.join(FUNCTION).join("bootstrap");
    if !binary.is_file() {
        return Ok(None);
    }
    let mut all = crate::topology::variables(&repository.join("infra/topology.auto.tfvars"))?;
    let variables = all.remove(FUNCTION).unwrap_or_default();
    let (keys, size) = USUAL;
    let records = size * (MEASURED + 1);
    let batches = Batches { records, size, keys, from: FROM, kind: "PlaceOrder" };
    let events: Vec<Vec<u8>> = batches.lines().lines().map(|line| line.into()).collect();
    arena.order(Order::Empty { latency_ms: SLOW }).await?;
    let mut api = RuntimeApi::open().await?;
    let endpoint = arena.endpoint.clone();
    let sample = api.run(FUNCTION, &binary, &variables, &endpoint, &events).await?;
    let after = arena.order(Order::Report).await?;
    if after.items != records as u64 {
        let what = format!("{FUNCTION} stored {} commits of {records} orders", after.items);
        return Err(Problem::new(what));
    }
    let mut times: Vec<Duration> = sample.times.into_iter().skip(1).collect();
    times.sort_unstable();
    let of_a_batch = |count: u64| count as f64 / (MEASURED + 1) as f64;
    // A function opens its connection with a request without an operation.
    let operations = after.counts.requests.iter().filter(|(name, _)| !name.is_empty());
    Ok(times.get(times.len() / 2).map(|time| SlowBatch {
        time: *time,
        requests: of_a_batch(operations.map(|(_, count)| count).sum()),
        write_units: of_a_batch(after.counts.write_units),
    }))
}
