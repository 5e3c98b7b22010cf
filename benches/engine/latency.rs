//! Measures the latency from the record to the handler, one record at a time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use benchmarks::problem::Problem;
use benchmarks::sample::percentile;
use tokio::time::{Instant, sleep, sleep_until};

use crate::aws::Aws;
use crate::collector::Collector;
use crate::emulator::Emulator;
use crate::engine::Engine;
use crate::function::Function;
use crate::source::Source;
use crate::throughput::{ENVIRONMENTS, Lab, Side, check, write_topology};

const PATIENCE: Duration = Duration::from_secs(60);
/// Pauses between two records of an idle source, in milliseconds: longer than the engine polls
/// quickly after a record.
const PAUSE: std::ops::Range<u64> = 700..900;
/// Pause between two records of a steady stream.
const STEP: Duration = Duration::from_millis(10);

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// One after a pause.
    Idle,
    /// One after a pause, to the emulator itself, where the engine does not see the write.
    Unseen,
    /// A hundred a second.
    Steady,
}

impl Load {
    /// Returns the loads of a side. A write that the engine does not see is the same for every
    /// source.
    fn of(side: Side, source: Source) -> &'static [Self] {
        if side == Side::Engine && source == Source::Kinesis {
            &[Self::Idle, Self::Unseen, Self::Steady]
        } else {
            &[Self::Idle, Self::Steady]
        }
    }
}

/// Times from the call that writes a record until the handler has the record.
#[derive(Clone, Debug)]
pub(crate) struct Latency {
    pub(crate) side: Side,
    pub(crate) source: Source,
    pub(crate) load: Load,
    pub(crate) samples: Vec<Duration>,
}

impl Latency {
    pub(crate) fn milliseconds(&self, share: f64) -> f64 {
        percentile(&self.samples, share).as_secs_f64() * 1e3
    }
}

impl Lab {
    /// Measures the latencies of `idle` records after a pause each, and of `steady` records in a
    /// steady stream. Those of the engine are written through its endpoint.
    pub(crate) async fn latency(
        &self,
        side: Side,
        source: Source,
        idle: u64,
        steady: u64,
    ) -> Result<Vec<Latency>, Problem> {
        let directory = tempfile::tempdir()?;
        let emulator = Emulator::start(&self.tools).await?;
        let collector = Collector::open(directory.path())?;
        let function = Function::new("nothing", &self.program, collector.path());
        let engine = if let Side::MiniStack(executor) = side {
            let function = Function { executor, ..function };
            function.create(&emulator.aws, &self.tools, directory.path()).await?;
            source.create(&emulator.aws, "source").await?;
            source.map(&emulator.aws, "source", "nothing", 10).await?;
            None
        } else {
            let (mapping, declared) = source.declaration("source", "nothing", 10);
            let functions = function.declaration(&mapping, ENVIRONMENTS);
            let topology = write_topology(directory.path(), &functions, &declared)?;
            let state = directory.path().join("state");
            Some(
                Engine::start(&self.tidegate, &topology, emulator.aws.endpoint(), &state, &[])
                    .await?,
            )
        };
        source.fill(&emulator.aws, "source", 0..1).await?;
        collector.wait_for(1, PATIENCE).await?;
        let (mut found, mut from) = (Vec::new(), 1);
        for &load in Load::of(side, source) {
            let count = if load == Load::Steady { steady } else { idle };
            let endpoint = engine.as_ref().filter(|_| load != Load::Unseen);
            let aws = endpoint.map_or(&emulator.aws, |engine| &engine.aws);
            collector.take();
            let numbers = from..from + count;
            let written = write(source, aws, numbers.clone(), load == Load::Steady).await?;
            collector.wait_for(count, PATIENCE).await?;
            let told = collector.take();
            check(source, &told, numbers)?;
            let mut samples = Vec::new();
            for invocation in &told {
                for n in source.numbers(&invocation.event)? {
                    let written =
                        usize::try_from(n - from).ok().and_then(|n| written.get(n).copied());
                    samples.push(invocation.seen.at.saturating_sub(written.unwrap_or_default()));
                }
            }
            found.push(Latency { side, source, load, samples });
            from += count;
        }
        if let Some(engine) = engine {
            engine.stop().await?;
        }
        emulator.stop().await?;
        Ok(found)
    }
}

/// Writes one record after the other. Returns the start of each call.
async fn write(
    source: Source,
    aws: &Aws,
    numbers: std::ops::Range<u64>,
    steady: bool,
) -> Result<Vec<Duration>, Problem> {
    let mut written = Vec::new();
    let mut due = Instant::now();
    for n in numbers {
        if steady {
            due += STEP;
            sleep_until(due).await;
        } else {
            sleep(Duration::from_millis(fastrand::u64(PAUSE))).await;
        }
        written.push(SystemTime::now().duration_since(UNIX_EPOCH)?);
        source.fill(aws, "source", n..n + 1).await?;
    }
    Ok(written)
}
