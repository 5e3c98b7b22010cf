//! Runs all parts of the benchmark, then writes the page.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use benchmarks::machine::{Machine, said};
use benchmarks::problem::Problem;
use benchmarks::progress;

use crate::function::Executor;
use crate::latency::Latency;
use crate::many::Many;
use crate::source::Source;
use crate::throughput::{Lab, Row, Scenario, Side};
use crate::waiting::Waiting;
use crate::{Part, Run, budget, page};

/// Records that wait behind a function that fails.
const WAITING: u64 = 100_000;
/// How long the idle shop is measured.
const IDLE: Duration = Duration::from_secs(60);
/// Executors of MiniStack that need no Docker. The third one, for Node.js, works like the one for
/// Python.
const EXECUTORS: [Executor; 2] = [Executor::Native, Executor::Python];

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) many: Option<Many>,
    /// Share of a core.
    pub(crate) idle: Option<f64>,
}

impl Results {
    pub(crate) fn find(
        &self,
        side: Side,
        source: Source,
        batch: usize,
        talks: bool,
    ) -> Option<&Row> {
        self.rows.iter().find(|row| row.scenario == Scenario { side, source, batch, talks })
    }

    /// Returns MiniStack's result with its fastest executor.
    pub(crate) fn fastest(&self, source: Source, batch: usize, talks: bool) -> Option<&Row> {
        let rows =
            EXECUTORS.iter().filter_map(|e| self.find(Side::MiniStack(*e), source, batch, talks));
        rows.max_by(|a, b| a.per_second.total_cmp(&b.per_second))
    }
}

pub(crate) async fn run(options: &Run) -> Result<ExitCode, Problem> {
    let repository =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    let lab = Lab {
        tools: std::path::absolute(&options.tools)?,
        tidegate: options.tidegate.clone(),
        program: std::env::current_exe()?,
    };
    let python = lab.tools.join("venv/bin/python");
    let versions = "import platform; from importlib.metadata import version as v; print(f\"MiniStack {v('ministack')} on Python {platform.python_version()}\")";
    let tools = said(Command::new(python).args(["-c", versions]));
    let amount = "each measurement once, with its own emulator and engine".to_owned();
    let machine = Machine::look(repository, tools, amount);
    let less = u64::try_from(options.less.max(1))?;
    let mut results = Results::default();
    let sources =
        || Source::ALL.into_iter().filter(|source| source.name().contains(&options.source));
    if options.has(Part::Throughput) {
        for scenario in sources().flat_map(scenarios) {
            let records = (records(scenario) / less).max(2 * scenario.batch as u64);
            let row = lab.measure(scenario, records).await?;
            progress(&page::line(&row));
            results.rows.push(row);
        }
    }
    if options.has(Part::Latency) {
        for source in sources() {
            for &side in latency_sides(source) {
                let found = lab.latency(side, source, 25 / less, 300 / less).await?;
                found.iter().for_each(|latency| progress(&page::latency_line(latency)));
                results.latencies.extend(found);
            }
        }
    }
    if options.has(Part::Waiting) {
        for batch in [100, 10_000] {
            let waiting = lab.waiting(batch, WAITING / less).await?;
            progress(&format!("{waiting:?}"));
            results.waiting.push(waiting);
        }
    }
    if options.has(Part::Many) {
        let many = lab.many(2_000 / less).await?;
        progress(&format!("{many:?}"));
        results.many = Some(many);
    }
    if let Some(bin_dir) = options.bin_dir.as_ref().filter(|_| options.has(Part::Idle)) {
        let idle = lab.idle(bin_dir, repository, IDLE).await?;
        progress(&format!("idle: {:.2} % of a core", idle * 100.0));
        results.idle = Some(idle);
    }
    let budgets = budget::judge(&results);
    let page = page::write(&results, &budgets, &machine.finish());
    match &options.page {
        Some(path) => std::fs::write(path, page)?,
        None => progress(&page),
    }
    for budget in &budgets {
        progress(&budget.to_string());
    }
    Ok(if budgets.iter().any(benchmarks::budget::Budget::fails) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Returns the scenarios of a source.
fn scenarios(source: Source) -> Vec<Scenario> {
    // A rule starts an environment for each event. So many Python processes would measure something
    // else.
    let executors = if source == Source::Events { &EXECUTORS[..1] } else { &EXECUTORS[..] };
    let mut all = Vec::new();
    for &batch in source.batches() {
        let of = |side, talks| Scenario { side, source, batch, talks };
        all.push(of(Side::Engine, false));
        all.extend(executors.iter().map(|executor| of(Side::MiniStack(*executor), false)));
        if source == Source::Kinesis {
            all.push(of(Side::EngineFast, false));
        }
        if source == Source::Kinesis && batch == 100 {
            all.push(of(Side::Engine, true));
            all.extend(executors.iter().map(|executor| of(Side::MiniStack(*executor), true)));
        }
    }
    all
}

/// Sides whose latency is measured. MiniStack's other mappings work in the same way.
fn latency_sides(source: Source) -> &'static [Side] {
    match source {
        Source::DynamoDb | Source::Fifo => &[Side::Engine],
        _ => &[Side::MiniStack(Executor::Native), Side::Engine],
    }
}

/// Returns the number of records, chosen so that each measurement takes some seconds.
fn records(scenario: Scenario) -> u64 {
    let batch = scenario.batch as u64;
    match (scenario.side, scenario.source) {
        (Side::MiniStack(_), Source::Queue) => (100 * batch).min(6_000),
        (Side::MiniStack(_), Source::DynamoDb) => (30 * batch).min(20_000),
        (Side::MiniStack(_), Source::Events) => 100,
        (Side::MiniStack(_), _) => 30 * batch,
        (Side::Engine, Source::Kinesis) => (3_000 * batch).min(50_000),
        (Side::EngineFast, _) => (5_000 * batch).min(300_000),
        (Side::Engine, Source::DynamoDb) => (2_000 * batch).min(20_000),
        (Side::Engine, Source::Events) => 500,
        (Side::Engine, _) => (2_000 * batch).min(6_000),
    }
}
