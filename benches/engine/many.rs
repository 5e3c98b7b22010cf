//! Measures fifty functions at once.

use std::fmt::Write as _;
use std::time::Duration;

use benchmarks::problem::Problem;
use benchmarks::sample::{Seen, per_second};
use tokio::time::sleep;

use crate::collector::Collector;
use crate::emulator::Emulator;
use crate::engine::Engine;
use crate::function::Function;
use crate::source::Source;
use crate::throughput::{Lab, write_topology};

/// Number of functions, each with a stream of its own.
pub(crate) const FUNCTIONS: usize = 50;
const BATCH: usize = 100;
const PATIENCE: Duration = Duration::from_secs(180);
/// How long the idle engine is measured.
const IDLE: Duration = Duration::from_secs(20);

/// The results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Many {
    pub(crate) records: u64,
    /// Records per second of all functions together.
    pub(crate) per_second: f64,
    /// CPU of the engine per record.
    pub(crate) cpu: Duration,
    /// Resident memory of the engine after it, in bytes.
    pub(crate) resident: u64,
    /// Share of a core that the idle engine uses.
    pub(crate) idle: f64,
}

impl Lab {
    /// Delivers `each` records to each of fifty functions.
    pub(crate) async fn many(&self, each: u64) -> Result<Many, Problem> {
        let directory = tempfile::tempdir()?;
        let emulator = Emulator::start(&self.tools).await?;
        let collector = Collector::open(directory.path())?;
        let (mut functions, mut streams) = (String::new(), String::new());
        let names: Vec<String> = (1..=FUNCTIONS).map(|n| format!("nothing-{n}")).collect();
        for name in &names {
            let function = Function::new(name, &self.program, collector.path());
            let (mapping, _) = Source::Kinesis.declaration(name, name, BATCH);
            functions.push_str(&function.declaration(&mapping, 1));
            // Writing to a string cannot fail.
            let _ = write!(streams, "{name} = {{}}, ");
        }
        let declared = format!("streams = {{ {streams} }}\n");
        let topology = write_topology(directory.path(), &functions, &declared)?;
        let state = directory.path().join("state");
        let engine =
            Engine::start(&self.tidegate, &topology, emulator.aws.endpoint(), &state, &[]).await?;
        for name in &names {
            Source::Kinesis.fill(&emulator.aws, name, 0..1).await?;
        }
        let count = FUNCTIONS as u64;
        collector.wait_for(count, PATIENCE).await?;
        collector.take();
        engine.pause()?;
        for name in &names {
            Source::Kinesis.fill(&emulator.aws, name, 0..each).await?;
        }
        let before = engine.process.cpu()?;
        engine.resume()?;
        let records = each * count;
        collector.wait_for(records, PATIENCE).await?;
        let cpu = engine.process.cpu()?.saturating_sub(before).div_f64(records as f64);
        let told = collector.take();
        let mut delivered = vec![0_u64; usize::try_from(each)?];
        for invocation in &told {
            for n in Source::Kinesis.numbers(&invocation.event)? {
                if let Some(times) = usize::try_from(n).ok().and_then(|n| delivered.get_mut(n)) {
                    *times += 1;
                }
            }
        }
        if delivered.iter().any(|times| *times != count) {
            return Err(Problem::new("not every function had every record of its stream once"));
        }
        let seen: Vec<Seen> = told.iter().map(|told| told.seen).collect();
        let (resident, _) = engine.process.resident()?;
        let idle = idle_share(&engine, IDLE).await?;
        engine.stop().await?;
        emulator.stop().await?;
        let per_second =
            per_second(&seen).ok_or_else(|| Problem::new("there were not two invocations"))?;
        Ok(Many { records, per_second, cpu, resident, idle })
    }
}

/// Returns the share of a core that an idle engine uses during `watched`.
pub(crate) async fn idle_share(engine: &Engine, watched: Duration) -> Result<f64, Problem> {
    // First the pollers slow down to their longest pauses, and environments are frozen.
    sleep(Duration::from_secs(3)).await;
    let (before, start) = (engine.process.cpu()?, std::time::Instant::now());
    sleep(watched).await;
    let took = engine.process.cpu()?.saturating_sub(before);
    Ok(took.as_secs_f64() / start.elapsed().as_secs_f64())
}
