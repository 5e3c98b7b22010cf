//! Measures the start of the functions: release binaries under a Runtime API that times them.

use std::path::Path;
use std::time::Duration;

use crate::runtime_api::{RuntimeApi, Sample};
use crate::scenario::Arena;
use crate::stub::Order;
use benchmarks::problem::Problem;
use benchmarks::processor::nanoseconds;

/// Number of starts of each function.
const STARTS: usize = 15;
/// Invocations after which the resident memory is read.
const INVOCATIONS: usize = 20;

/// The start of one function: medians of all starts.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) function: String,
    /// Time from the start of the process to its first `GET …/next`.
    pub(crate) first_next: Duration,
    /// Time of the first invocation, from the event to the response.
    pub(crate) first_invocation: Duration,
    /// Time of the last of [`INVOCATIONS`].
    pub(crate) warm_invocation: Duration,
    /// Resident memory before the first invocation, in kB.
    pub(crate) resident_at_start: u64,
    /// Resident memory after all invocations, in kB.
    pub(crate) resident: u64,
    /// Bytes of the zip.
    pub(crate) zipped: u64,
}

/// Measures all functions with a release binary `<directory>/<function>/bootstrap`.
pub(crate) async fn measure(
    arena: &mut Arena,
    zips: &Path,
    repository: &Path,
) -> Result<Vec<Start>, Problem> {
    let variables = crate::topology::variables(&repository.join("infra/topology.auto.tfvars"))?;
    let mut api = RuntimeApi::open().await?;
    let mut starts = Vec::new();
    for (function, variables) in variables {
        let binary = zips.join(&function).join("bootstrap");
        if !binary.is_file() {
            continue;
        }
        let event = std::fs::read(repository.join(format!("events/lambda/{function}.json")))?;
        let events = vec![event; INVOCATIONS];
        let mut samples = Vec::new();
        for _ in 0..STARTS {
            arena.order(Order::Empty { latency_ms: 0 }).await?;
            samples.push(api.run(&function, &binary, &variables, &arena.endpoint, &events).await?);
        }
        let zipped = std::fs::metadata(zips.join(&function).join("bootstrap.zip"))
            .map_or(0, |zip| zip.len());
        let median = |of: fn(&Sample) -> u64| {
            let mut values: Vec<u64> = samples.iter().map(of).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        starts.push(Start {
            first_next: Duration::from_nanos(median(|sample| nanoseconds(sample.first_next))),
            first_invocation: Duration::from_nanos(median(|sample| {
                sample.times.first().copied().map_or(0, nanoseconds)
            })),
            warm_invocation: Duration::from_nanos(median(|sample| {
                sample.times.last().copied().map_or(0, nanoseconds)
            })),
            resident_at_start: median(|sample| sample.resident_at_start),
            resident: median(|sample| sample.resident),
            function,
            zipped,
        });
    }
    Ok(starts)
}
