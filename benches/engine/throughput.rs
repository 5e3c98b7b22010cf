//! Measures records per second and CPU per record, one source and batch size at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use benchmarks::problem::Problem;
use benchmarks::sample::{Seen, per_second};
use tempfile::TempDir;

use crate::aws::Aws;
use crate::collector::{Collector, Told};
use crate::emulator::Emulator;
use crate::engine::Engine;
use crate::fast::FastStream;
use crate::function::{Executor, Function};
use crate::source::Source;

/// Environments of a function: as many as MiniStack uses for a queue.
pub(crate) const ENVIRONMENTS: usize = 5;
const PATIENCE: Duration = Duration::from_secs(180);

/// The side that delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The engine, with MiniStack's sources.
    Engine,
    /// The engine, with a stream that answers at once.
    EngineFast,
    /// MiniStack's own mapping, with one of its executors.
    MiniStack(Executor),
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) side: Side,
    pub(crate) source: Source,
    pub(crate) batch: usize,
    /// Whether the function prints a line at each invocation.
    pub(crate) talks: bool,
}

/// The result of one measurement.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) scenario: Scenario,
    pub(crate) records: u64,
    pub(crate) invocations: u64,
    /// Records per second.
    pub(crate) per_second: f64,
    /// CPU per record of the side that delivers: the engine, or MiniStack.
    pub(crate) cpu: Duration,
    /// CPU per record of the emulator whose sources the engine reads.
    pub(crate) emulator_cpu: Duration,
}

impl Row {
    /// Invocations per second.
    pub(crate) fn invocations_per_second(&self) -> f64 {
        self.per_second * self.invocations as f64 / self.records as f64
    }
}

/// Paths of the programs.
pub(crate) struct Lab {
    pub(crate) tools: PathBuf,
    pub(crate) tidegate: PathBuf,
    pub(crate) program: PathBuf,
}

impl Lab {
    pub(crate) async fn measure(&self, scenario: Scenario, records: u64) -> Result<Row, Problem> {
        let directory = tempfile::tempdir()?;
        let emulator = Emulator::start(&self.tools).await?;
        let row = match scenario.side {
            Side::Engine | Side::EngineFast => {
                self.engine(scenario, records, &directory, &emulator).await
            }
            Side::MiniStack(executor) => {
                self.ministack(scenario, executor, records, &directory, &emulator).await
            }
        };
        emulator.stop().await?;
        row.map_err(|problem| Problem::new(format!("{scenario:?}: {problem:?}")))
    }

    async fn engine(
        &self,
        scenario: Scenario,
        records: u64,
        directory: &TempDir,
        emulator: &Emulator,
    ) -> Result<Row, Problem> {
        let Scenario { source, batch, .. } = scenario;
        let collector = Collector::open(directory.path())?;
        let function =
            Function::new("nothing", &self.program, collector.path()).talking(scenario.talks);
        let (mapping, declared) = source.declaration("source", "nothing", batch);
        let functions = function.declaration(&mapping, ENVIRONMENTS);
        let topology = write_topology(directory.path(), &functions, &declared)?;
        let fast = match scenario.side {
            Side::EngineFast => Some(FastStream::open(emulator.aws.endpoint(), records + 1).await?),
            _ => None,
        };
        let endpoint = fast.as_ref().map_or(emulator.aws.endpoint(), |fast| &fast.endpoint);
        let state = directory.path().join("state");
        let engine = Engine::start(&self.tidegate, &topology, endpoint, &state, &[]).await?;
        let fill = async |numbers: std::ops::Range<u64>| match &fast {
            Some(fast) => {
                fast.write(usize::try_from(numbers.end).unwrap_or(usize::MAX));
                Ok(())
            }
            None => source.fill(&emulator.aws, "source", numbers).await,
        };
        // One record, so that connections and a process exist.
        fill(0..1).await?;
        collector.wait_for(1, PATIENCE).await?;
        source.wait_until_empty(&emulator.aws, "source").await?;
        collector.take();
        engine.pause()?;
        fill(1..records + 1).await?;
        let before = (engine.process.cpu()?, emulator.process.cpu()?);
        engine.resume()?;
        collector.wait_for(records, PATIENCE).await?;
        source.wait_until_empty(&emulator.aws, "source").await?;
        let after = (engine.process.cpu()?, emulator.process.cpu()?);
        engine.stop().await?;
        let cpu = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
        row(scenario, &collector.take(), records, cpu)
    }

    async fn ministack(
        &self,
        scenario: Scenario,
        executor: Executor,
        records: u64,
        directory: &TempDir,
        emulator: &Emulator,
    ) -> Result<Row, Problem> {
        let Scenario { source, batch, .. } = scenario;
        let aws: &Aws = &emulator.aws;
        let collector = Collector::open(directory.path())?;
        let function =
            Function::new("nothing", &self.program, collector.path()).talking(scenario.talks);
        let function = Function { executor, ..function };
        function.create(aws, &self.tools, directory.path()).await?;
        source.create(aws, "source").await?;
        collector.wait_for_any(PATIENCE).await?;
        collector.take();
        // A rule has no waiting events: they are delivered while they are written.
        let waiting = source != Source::Events;
        if waiting {
            source.fill(aws, "source", 1..records + 1).await?;
        }
        let before = emulator.process.cpu()?;
        source.map(aws, "source", "nothing", batch).await?;
        if !waiting {
            source.fill(aws, "source", 1..records + 1).await?;
        }
        collector.wait_for(records, PATIENCE).await?;
        source.wait_until_empty(aws, "source").await?;
        let cpu = emulator.process.cpu()?.saturating_sub(before);
        row(scenario, &collector.take(), records, (cpu, Duration::ZERO))
    }
}

/// Writes a topology of these functions and other declarations.
pub(crate) fn write_topology(
    directory: &Path,
    functions: &str,
    declared: &str,
) -> Result<PathBuf, Problem> {
    let topology = directory.join("topology.hcl");
    std::fs::write(&topology, format!("functions = {{\n{functions}}}\n{declared}"))?;
    Ok(topology)
}

/// Checks that every written record was delivered exactly once, because nothing failed.
pub(crate) fn check(
    source: Source,
    told: &[Told],
    numbers: std::ops::Range<u64>,
) -> Result<(), Problem> {
    let mut times: BTreeMap<u64, u32> = numbers.clone().map(|n| (n, 0)).collect();
    for invocation in told {
        for n in source.numbers(&invocation.event)? {
            *times.entry(n).or_default() += 1;
        }
    }
    let odd = times.iter().find(|(n, times)| **times != 1 || !numbers.contains(n));
    odd.map_or(Ok(()), |(n, times)| {
        Err(Problem::new(format!("record {n} was delivered {times} times")))
    })
}

fn row(
    scenario: Scenario,
    told: &[Told],
    records: u64,
    cpu: (Duration, Duration),
) -> Result<Row, Problem> {
    check(scenario.source, told, 1..records + 1)?;
    let seen: Vec<Seen> = told.iter().map(|told| told.seen).collect();
    let per_record = |time: Duration| time.div_f64(records as f64);
    Ok(Row {
        scenario,
        records,
        invocations: told.len() as u64,
        per_second: per_second(&seen)
            .ok_or_else(|| Problem::new("there were not two invocations"))?,
        cpu: per_record(cpu.0),
        emulator_cpu: per_record(cpu.1),
    })
}
