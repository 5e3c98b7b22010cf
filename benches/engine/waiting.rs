//! Measures the engine's memory while records wait behind a function that fails.

use std::time::Duration;

use benchmarks::problem::Problem;
use tokio::time::sleep;

use crate::collector::Collector;
use crate::emulator::Emulator;
use crate::engine::Engine;
use crate::function::Function;
use crate::source::Source;
use crate::throughput::{ENVIRONMENTS, Lab, write_topology};

const PATIENCE: Duration = Duration::from_secs(60);
/// How long the function fails: long enough for some retries.
const FAILING: Duration = Duration::from_secs(3);

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    pub(crate) batch: usize,
    pub(crate) records: u64,
    /// Memory with an empty stream.
    pub(crate) before: u64,
    /// Highest memory with the records waiting.
    pub(crate) highest: u64,
}

impl Lab {
    /// Measures the memory with `records` records waiting in a Kinesis stream.
    pub(crate) async fn waiting(&self, batch: usize, records: u64) -> Result<Waiting, Problem> {
        let directory = tempfile::tempdir()?;
        let emulator = Emulator::start(&self.tools).await?;
        let collector = Collector::open(directory.path())?;
        let function = Function::new("failing", &self.program, collector.path()).failing();
        let (mapping, declared) = Source::Kinesis.declaration("source", "failing", batch);
        let functions = function.declaration(&mapping, ENVIRONMENTS);
        let topology = write_topology(directory.path(), &functions, &declared)?;
        let state = directory.path().join("state");
        let engine =
            Engine::start(&self.tidegate, &topology, emulator.aws.endpoint(), &state, &[]).await?;
        let (before, _) = engine.process.resident()?;
        engine.pause()?;
        Source::Kinesis.fill(&emulator.aws, "source", 0..records).await?;
        engine.resume()?;
        // As many records as a first batch has: then the engine has read a page, and the function
        // has failed.
        let first = u64::try_from(batch).unwrap_or(records).min(records);
        collector.wait_for(2 * first, PATIENCE).await?;
        sleep(FAILING).await;
        let (_, highest) = engine.process.resident()?;
        engine.stop().await?;
        emulator.stop().await?;
        Ok(Waiting { batch, records, before, highest })
    }
}
