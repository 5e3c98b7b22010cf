//! Runs all scenarios, then writes the page.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::Run;
use crate::budget;
use crate::page;
use crate::projection;
use crate::scenario::{Arena, Phase, Programs, Row, Scenario, Side};
use crate::slow::{self, SlowBatch};
use crate::start::{self, Start};
use crate::worker::Work;
use benchmarks::machine::{Machine, said};
use benchmarks::problem::Problem;
use benchmarks::progress;

/// Ordering keys of the records.
pub(crate) const KEYS: [usize; 4] = [1, 10, 100, 1000];
/// Records of a batch.
pub(crate) const BATCHES: [usize; 2] = [100, 1000];
/// Keys and batch of measurements with a single choice. The batch size is the topology's.
pub(crate) const USUAL: (usize, usize) = (100, 100);
/// Latency of the slow responses, in milliseconds.
pub(crate) const SLOW: u64 = 5;

/// Prints the versions of Powertools' side.
const VERSIONS: &str = "import platform; from importlib.metadata import version as v; print(f\"Python {platform.python_version()}, \
     aws-lambda-powertools {v('aws-lambda-powertools')}, botocore {v('botocore')}\")";

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Results {
    pub(crate) rows: Vec<Row>,
    pub(crate) starts: Vec<Start>,
    pub(crate) slow_batch: Option<SlowBatch>,
    /// The same for placed orders at `order-projection`.
    pub(crate) projection: Option<SlowBatch>,
}

/// Selects measurements.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) side: Side,
    pub(crate) work: Work,
    pub(crate) phase: Phase,
    pub(crate) latency_ms: u64,
}

impl Results {
    /// Returns the row with these keys and this batch.
    ///
    /// Powertools handles one record after the other, whatever their keys. So any of its rows with
    /// this batch fits.
    pub(crate) fn find(&self, wanted: Wanted, keys: usize, batch: usize) -> Option<&Row> {
        self.rows.iter().find(|row| {
            let of = row.scenario;
            (of.side, of.work, row.phase, of.latency_ms)
                == (wanted.side, wanted.work, wanted.phase, wanted.latency_ms)
                && of.batch == batch
                && (of.keys == keys || of.side != Side::Tidegate)
        })
    }
}

pub(crate) async fn run(options: &Run) -> Result<ExitCode, Problem> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let script = repository.join("benches/powertools.py");
    let programs =
        Programs { own: std::env::current_exe()?, python: options.python.clone(), script };
    let amount = format!(
        "{} records and the median of {} rounds, with responses after 0 ms",
        options.records, options.rounds
    );
    let machine = Machine::look(
        repository,
        said(Command::new(&options.python).args(["-c", VERSIONS])),
        amount,
    );
    let mut arena = Arena::open(programs, options.rounds).await?;
    let mut results = Results::default();
    let scenarios = if options.only_start { Vec::new() } else { scenarios(options) };
    for (scenario, phases) in scenarios {
        let rows = arena.measure(scenario, &phases).await?;
        for row in &rows {
            progress(&page::line(row));
        }
        results.rows.extend(rows);
    }
    if let Some(zips) = &options.zips {
        results.starts = start::measure(&mut arena, zips, repository).await?;
        if !options.fast {
            results.slow_batch = slow::measure(&mut arena, zips, repository).await?;
            results.projection = projection::measure(&mut arena, zips, repository).await?;
        }
    }
    arena.close().await?;
    let budgets = budget::judge(&results);
    let page = page::write(&results, &budgets, &machine.finish());
    match &options.page {
        Some(path) => std::fs::write(path, page)?,
        None => progress(&page),
    }
    for budget in &budgets {
        progress(&budget.to_string());
    }
    Ok(if budgets.iter().any(|budget| budget.fails()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn scenarios(options: &Run) -> Vec<(Scenario, Vec<Phase>)> {
    use Phase::{Again, AgainHere, Change, First};
    let (keys, batch) = USUAL;
    let usual = Scenario {
        side: Side::Tidegate,
        work: Work::None,
        keys,
        batch,
        records: options.records,
        latency_ms: 0,
    };
    let mut all = Vec::new();
    for batch in BATCHES {
        // At least as many records as a batch has.
        let of_batch = Scenario { batch, records: options.records.max(batch), ..usual };
        for (work, phases) in [
            (Work::None, vec![First]),
            (Work::Claim, vec![First, Again]),
            (Work::ClaimAndPut, vec![First, Again]),
            (Work::Put, vec![First, Again]),
        ] {
            all.push((Scenario { side: Side::Powertools, work, ..of_batch }, phases));
        }
        for keys in KEYS {
            for (work, phases) in [
                (Work::None, vec![First]),
                (Work::Claim, vec![First, Again]),
                (Work::Commit, vec![First, Again]),
            ] {
                all.push((Scenario { work, keys, ..of_batch }, phases));
            }
        }
    }
    all.push((Scenario { work: Work::CommitTogether, keys: 1, ..usual }, vec![First]));
    all.push((Scenario { work: Work::Commit, ..usual }, vec![First, Change]));
    all.push((Scenario { work: Work::Hold, ..usual }, vec![First, Again]));
    for side in [Side::TidegateRemembering, Side::PowertoolsCached] {
        all.push((Scenario { side, work: Work::Claim, ..usual }, vec![AgainHere]));
    }
    if options.fast {
        return all;
    }
    let slow = Scenario { latency_ms: SLOW, records: 300, ..usual };
    for side in [Side::Powertools, Side::PowertoolsThreads] {
        for work in [Work::Claim, Work::ClaimAndPut] {
            all.push((Scenario { side, work, ..slow }, vec![First, Again]));
        }
    }
    for batch in BATCHES {
        for keys in KEYS {
            for work in [Work::Claim, Work::Commit] {
                all.push((
                    Scenario { work, keys, batch, records: slow.records.max(batch), ..slow },
                    vec![First, Again],
                ));
            }
        }
    }
    all
}
