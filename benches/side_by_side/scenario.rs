//! Runs both sides on the same events, one process after the other.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tempfile::TempDir;
use tokio::process::Command;

use crate::aws::aws_environment;
use crate::event::Batches;
use crate::protocol::Measured;
use crate::stub::{Counts, Order, Snapshot};
use crate::worker::Work;
use benchmarks::problem::Problem;
use benchmarks::process::Process;

/// Ordering keys of the warm-up.
const WARM_UP_KEYS: usize = 64;
const WARM_UP_FROM: usize = 900_000;

/// The side that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Tidegate,
    /// With `Effects::remember`.
    TidegateRemembering,
    Powertools,
    /// With its local cache.
    PowertoolsCached,
    /// Its asynchronous batch processor, with threads started by hand.
    PowertoolsThreads,
}

/// State of the records in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The records are new.
    First,
    /// The store knows the records, this process does not.
    Again,
    /// This process knows the records.
    AgainHere,
    /// A second command for each order: `CancelOrder`.
    Change,
}

/// A measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) side: Side,
    pub(crate) work: Work,
    pub(crate) keys: usize,
    pub(crate) batch: usize,
    pub(crate) records: usize,
    pub(crate) latency_ms: u64,
}

impl Scenario {
    /// Returns the number of records of the warm-up.
    ///
    /// It opens connections, initialises lazy values, and grows the heap to the size that a batch
    /// needs. (In a new process the first batch of 1,000 costs half as much again, because pages
    /// are touched for the first time.)
    fn warm_up(self) -> usize {
        self.batch.max(WARM_UP_KEYS)
    }
}

/// The result of a measurement: the median of the rounds by processor time.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) scenario: Scenario,
    pub(crate) phase: Phase,
    pub(crate) measured: Measured,
    pub(crate) counts: Counts,
    /// Processor time of the stub, in nanoseconds.
    pub(crate) stub_cpu_ns: u64,
}

/// Paths of the programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    /// This program.
    pub(crate) own: PathBuf,
    /// A Python with Powertools.
    pub(crate) python: PathBuf,
    /// The script of Powertools' side.
    pub(crate) script: PathBuf,
}

/// The stub, and a directory for events.
pub(crate) struct Arena {
    programs: Programs,
    stub: Process,
    pub(crate) endpoint: String,
    rounds: usize,
    directory: TempDir,
}

impl Arena {
    pub(crate) async fn open(programs: Programs, rounds: usize) -> Result<Self, Problem> {
        let mut command = Command::new(&programs.own);
        command.arg("stub");
        let mut stub = Process::start("the stub", command)?;
        let endpoint = format!("http://{}", stub.line().await?);
        Ok(Self {
            programs,
            stub,
            endpoint,
            rounds: rounds.max(1),
            directory: tempfile::tempdir()?,
        })
    }

    /// Ends the stub.
    pub(crate) async fn close(self) -> Result<(), Problem> {
        self.stub.end().await
    }

    /// Sends a line to the stub.
    pub(crate) async fn order(&mut self, order: Order) -> Result<Snapshot, Problem> {
        self.stub.tell(&serde_json::to_string(&order)?).await?;
        Ok(serde_json::from_str(&self.stub.line().await?)?)
    }

    /// Measures each phase in every round. The first phase starts with empty tables.
    pub(crate) async fn measure(
        &mut self,
        scenario: Scenario,
        phases: &[Phase],
    ) -> Result<Vec<Row>, Problem> {
        let files = Files::write(self.directory.path(), scenario)?;
        // With responses after 5 ms, the latency dominates, not the processor.
        let rounds = if scenario.latency_ms == 0 { self.rounds } else { 1 };
        let mut rows: Vec<Vec<Row>> = phases.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            self.order(Order::Empty { latency_ms: scenario.latency_ms }).await?;
            for (phase, rows) in phases.iter().zip(&mut rows) {
                rows.push(self.run(scenario, *phase, &files).await?);
            }
        }
        let median = |mut rows: Vec<Row>| {
            rows.sort_by_key(|row| row.measured.cpu_ns);
            rows.into_iter().nth(rounds / 2)
        };
        Ok(rows.into_iter().filter_map(median).collect())
    }

    async fn run(
        &mut self,
        scenario: Scenario,
        phase: Phase,
        files: &Files,
    ) -> Result<Row, Problem> {
        let events = if phase == Phase::Change { &files.changes } else { &files.events };
        let warm_up = if phase == Phase::AgainHere { &files.events } else { &files.warm_up };
        let mut worker = Process::start(
            format!("{scenario:?}, {phase:?}"),
            self.worker(scenario, warm_up, events),
        )?;
        worker.expect("ready").await?;
        self.order(Order::Recount).await?;
        worker.tell("go").await?;
        let said = worker.line().await?;
        let measured = serde_json::from_str(&said)
            .map_err(|_| Problem::new(format!("{scenario:?}, {phase:?} said: {said}")))?;
        let after = self.order(Order::Report).await?;
        worker.end().await?;
        let row =
            Row { scenario, phase, measured, counts: after.counts, stub_cpu_ns: after.cpu_ns };
        row.check(after.items)?;
        Ok(row)
    }

    fn worker(&self, scenario: Scenario, warm_up: &Path, events: &Path) -> Command {
        let own = matches!(scenario.side, Side::Tidegate | Side::TidegateRemembering);
        let mut command =
            Command::new(if own { &self.programs.own } else { &self.programs.python });
        aws_environment(&mut command, &self.endpoint);
        let work = scenario.work.to_possible_value().map(|work| work.get_name().to_owned());
        command.arg(if own { "worker".as_ref() } else { self.programs.script.as_os_str() });
        command.args(work).arg(warm_up).arg(events);
        match scenario.side {
            Side::TidegateRemembering => {
                command.args(["--remember", &scenario.records.to_string()])
            }
            Side::PowertoolsCached => command.args(["--cache", &scenario.records.to_string()]),
            Side::PowertoolsThreads => command.arg("--threads"),
            Side::Tidegate | Side::Powertools => &mut command,
        };
        command
    }
}

/// Events of one scenario.
struct Files {
    warm_up: PathBuf,
    events: PathBuf,
    changes: PathBuf,
}

impl Files {
    fn write(directory: &Path, scenario: Scenario) -> Result<Self, Problem> {
        let batches = Batches {
            records: scenario.records,
            size: scenario.batch,
            keys: scenario.keys,
            from: 100_000,
            kind: "PlaceOrder",
            one_order: scenario.work == Work::CommitTogether,
        };
        let file = |name: &str, batches: Batches| {
            let path = directory.join(name);
            std::fs::write(&path, batches.lines()).map(|()| path)
        };
        Ok(Self {
            warm_up: file(
                "warm-up",
                Batches {
                    records: scenario.warm_up(),
                    from: WARM_UP_FROM,
                    keys: WARM_UP_KEYS,
                    one_order: false,
                    ..batches
                },
            )?,
            events: file("events", batches)?,
            changes: file("changes", Batches { kind: "CancelOrder", ..batches })?,
        })
    }
}

impl Row {
    /// Checks that the measured work took place.
    fn check(&self, items: u64) -> Result<(), Problem> {
        let records = self.scenario.records as u64;
        let (applied, duplicate) = match self.phase {
            _ if self.scenario.work == Work::None => (records, 0),
            Phase::First | Phase::Change => (records, 0),
            Phase::Again | Phase::AgainHere => (0, records),
        };
        let found = (self.measured.applied, self.measured.duplicate);
        if found != (applied, duplicate) {
            return Err(Problem::new(format!(
                "{:?}, {:?}: {} applied and {} duplicates, expected {applied} and {duplicate}",
                self.scenario, self.phase, found.0, found.1
            )));
        }
        let wanted = match self.phase {
            _ if matches!(self.scenario.work, Work::None | Work::Put) => return Ok(()),
            Phase::First if self.scenario.work == Work::CommitTogether => {
                records / self.scenario.batch as u64 + self.scenario.warm_up() as u64
            }
            Phase::Change => 2 * records + self.scenario.warm_up() as u64,
            Phase::First | Phase::Again => records + self.scenario.warm_up() as u64,
            Phase::AgainHere => return Ok(()),
        };
        if items == wanted {
            return Ok(());
        }
        Err(Problem::new(format!(
            "{:?}, {:?}: {items} items, expected {wanted}",
            self.scenario, self.phase
        )))
    }

    fn per_record(&self, count: u64) -> f64 {
        count as f64 / self.scenario.records as f64
    }

    /// Returns the processor time of the client, in microseconds per record.
    pub(crate) fn cpu(&self) -> f64 {
        self.per_record(self.measured.cpu_ns) / 1000.0
    }

    /// Returns the records that one processor handles per second of its time.
    pub(crate) fn per_core(&self) -> f64 {
        1e6 / self.cpu()
    }

    /// Returns the records per second of elapsed time.
    pub(crate) fn per_second(&self) -> f64 {
        self.scenario.records as f64 * 1e9 / self.measured.wall_ns as f64
    }

    /// Returns the requests per record.
    pub(crate) fn requests(&self) -> f64 {
        self.per_record(self.counts.requests.values().sum())
    }

    /// Returns the write units per record.
    pub(crate) fn write_units(&self) -> f64 {
        self.per_record(self.counts.write_units)
    }

    /// Returns the read units per record.
    pub(crate) fn read_units(&self) -> f64 {
        self.per_record(self.counts.half_read_units) / 2.0
    }

    /// Returns the processor time of the stub, in microseconds per request.
    pub(crate) fn stub(&self) -> f64 {
        self.stub_cpu_ns as f64 / 1000.0 / self.counts.requests.values().sum::<u64>().max(1) as f64
    }
}
