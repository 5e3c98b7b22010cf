//! Counts of what waits for an operator, such as held effects.
//!
//! They are computed only when a status is read.
//!
//! The engine does not know what a toolkit stores in its tables. The program that starts the engine
//! knows it and provides the counts.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::clients::Clients;
use topology::Topology;

/// Time that a status waits for the counts.
const LIMIT: Duration = Duration::from_secs(3);
/// After a count, the pause until the next one is this multiple of its duration. Repeated reads of
/// the status then take at most a fiftieth of the emulator's time. `LONGEST_PAUSE` limits the
/// pause.
const PAUSE: u32 = 50;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Counts what waits for an operator.
pub trait WaitsForOperator: Send + Sync {
    /// Returns a count for each kind in each of its places, including counts of zero.
    fn count<'a>(
        &'a self,
        clients: &'a Clients,
        topology: &'a Topology,
    ) -> BoxFuture<'a, Vec<Waits>>;
}

/// How much of one kind waits in one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waits {
    /// Kind, such as `held effects`.
    pub what: &'static str,
    /// Place: the name of a table or a function.
    pub of: String,
    /// Count. `None` if it could not be determined.
    pub count: Option<u64>,
    /// There may be more: counting ended early.
    pub more: bool,
    /// Why it could not be determined.
    pub error: Option<String>,
    /// The command that lists the items.
    pub command: &'static str,
}

/// The counts, cached for a short time.
#[derive(Default)]
pub(crate) struct Operator {
    source: Option<Arc<dyn WaitsForOperator>>,
    last: Mutex<Option<Last>>,
}

struct Last {
    waits: Vec<Waits>,
    again: Instant,
}

impl Operator {
    pub(crate) fn new(source: Option<Arc<dyn WaitsForOperator>>) -> Self {
        Self { source, last: Mutex::default() }
    }

    /// Returns the counts. Empty if there is no source of counts.
    pub(crate) async fn waits(&self, clients: &Clients, topology: &Topology) -> Vec<Waits> {
        let Some(source) = &self.source else { return Vec::new() };
        let mut last = self.last.lock().await;
        if let Some(last) = last.as_ref().filter(|last| Instant::now() < last.again) {
            return last.waits.clone();
        }
        let began = Instant::now();
        let counted = timeout(LIMIT, source.count(clients, topology)).await;
        let waits = counted.unwrap_or_else(|_| {
            vec![Waits {
                what: "items that wait for you",
                of: "the emulator".to_owned(),
                count: None,
                more: false,
                error: Some(format!("no answer within {} s", LIMIT.as_secs())),
                command: "tidegate effects ls",
            }]
        });
        let pause = began.elapsed().saturating_mul(PAUSE).min(LONGEST_PAUSE);
        *last = Some(Last { waits: waits.clone(), again: Instant::now() + pause });
        waits
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Takes this long each time, and counts its calls.
    struct Slow(Duration, AtomicU64);

    impl WaitsForOperator for Slow {
        fn count<'a>(&'a self, _: &'a Clients, _: &'a Topology) -> BoxFuture<'a, Vec<Waits>> {
            Box::pin(async {
                let count = Some(self.1.fetch_add(1, Ordering::Relaxed) + 1);
                tokio::time::sleep(self.0).await;
                let (what, command) = ("held effects", "ls");
                vec![Waits { what, of: "t".to_owned(), count, more: false, error: None, command }]
            })
        }
    }

    async fn waits(operator: &Operator) -> Vec<Waits> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("topology.hcl");
        std::fs::write(&file, "queues = {}\n").unwrap();
        let topology = topology::load(&file).unwrap();
        operator.waits(&Clients::new("http://127.0.0.1:1"), &topology).await
    }

    async fn look(operator: &Operator) -> (Option<u64>, bool) {
        let waits = waits(operator).await;
        (waits[0].count, waits[0].error.is_some())
    }

    #[tokio::test(start_paused = true)]
    async fn who_looks_again_and_again_takes_a_fiftieth_of_the_time() {
        let slow = Arc::new(Slow(Duration::from_millis(10), AtomicU64::default()));
        let operator = Operator::new(Some(slow));
        for (wait, expected) in [(0, 1), (1, 1), (498, 1), (2, 2)] {
            tokio::time::advance(Duration::from_millis(wait)).await;
            assert_eq!(look(&operator).await, (Some(expected), false), "after {wait} ms more");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_count_that_does_not_end_is_said_and_no_zero() {
        let slow = Arc::new(Slow(Duration::from_secs(60), AtomicU64::default()));
        let operator = Operator::new(Some(slow));
        assert_eq!(look(&operator).await, (None, true));
    }

    #[tokio::test]
    async fn nobody_counts_where_nobody_was_given() {
        assert_eq!(waits(&Operator::default()).await, []);
    }
}
