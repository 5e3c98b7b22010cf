//! Writes the page of results.

use benchmarks::budget::{self, Budget, MARGIN};
use benchmarks::machine::Machine;
use benchmarks::table::Table;

use crate::function::Executor;
use crate::latency::{Latency, Load};
use crate::many::FUNCTIONS;
use crate::run::Results;
use crate::source::Source;
use crate::throughput::{Row, Side};

/// Formats one measurement as a line of progress.
pub(crate) fn line(row: &Row) -> String {
    let of = row.scenario;
    format!(
        "{:<18} {:<25} {:>4} a batch{}: {:>8.0} records/s, {:>6.0} invocations/s, {} CPU, {} of the emulator's",
        name(of.side),
        of.source.name(),
        of.batch,
        if of.talks { ", talking" } else { "" },
        row.per_second,
        row.invocations_per_second(),
        microseconds(row.cpu),
        microseconds(row.emulator_cpu)
    )
}

/// Formats one latency as a line of progress.
pub(crate) fn latency_line(latency: &Latency) -> String {
    format!(
        "{:<18} {:<25} {}: p50 {:.1} ms, p99 {:.1} ms of {}",
        name(latency.side),
        latency.source.name(),
        load(latency.load),
        latency.milliseconds(0.5),
        latency.milliseconds(0.99),
        latency.samples.len()
    )
}

fn load(load: Load) -> &'static str {
    match load {
        Load::Idle => "one after a pause",
        Load::Unseen => "one after a pause, unseen",
        Load::Steady => "a hundred a second",
    }
}

fn name(side: Side) -> &'static str {
    match side {
        Side::Engine => "engine",
        Side::EngineFast => "engine, fast stream",
        Side::MiniStack(Executor::Native) => "MiniStack",
        Side::MiniStack(Executor::Python) => "MiniStack, Python",
    }
}

fn executor(side: Side) -> &'static str {
    if side == Side::MiniStack(Executor::Python) { "Python" } else { "the binary" }
}

fn microseconds(time: std::time::Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Returns the whole page.
pub(crate) fn write(results: &Results, budgets: &[Budget], machine: &Machine) -> String {
    let head = format!(
        "# Benchmarks of the delivery engine\n\n\
         The benchmarks of the toolkit are in [benchmarks.md](benchmarks.md).\n\n{}",
        machine.text()
    );
    let budgets = format!(
        "## Budgets\n\n\
         The run fails if a record is lost or delivered twice, or if a time or a ratio misses\n\
         its budget by a factor of more than {MARGIN}.\n\n{}",
        budget::table(budgets)
    );
    let parts = [
        head,
        MEASURED.to_owned(),
        budgets,
        side_by_side(results),
        alone(results),
        talking(results),
        latencies(results),
        memory(results),
        at_once(results),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

const MEASURED: &str = "\
## What is measured

A function that does nothing gets records that wait in a source of a fresh MiniStack. One side is
the engine: `tidegate local up` in a process of its own. The other side is MiniStack's own event
source mapping, with the same binary or its Python worker, whichever is faster.

The function reports to the benchmark which records it got, and when. Every record must arrive
exactly once. Both sides run five batches of a queue at a time, and one of any other source.

- *Records per second* is counted between the first invocation and the last, so no start counts.
- *CPU* is the processor time per record of the process that delivers, including the kernel's: the
  engine, or MiniStack. It does not include the functions.
- *Emulator* is the processor time that MiniStack needs to answer the engine's AWS calls.
  MiniStack's own mapping reads its memory instead.
- MiniStack waits up to 50 ms after each invocation for log lines of the function. A function that
  prints a line at once shortens that to some milliseconds: see *A function that prints*.
- AWS allows batches of more than ten messages only with a window. The engine's window is a second
  here; MiniStack has none. A batch of a FIFO queue has at most ten messages.
- Asynchronous events are invoked one by one. For a rule, MiniStack invokes the function directly,
  with a thread and a process for each concurrent event. The engine takes the event through the bus,
  its rules and the queue behind asynchronous invocation, as AWS does.
";

fn ratio(ours: f64, theirs: f64) -> String {
    format!("**{:.1} ×**", ours / theirs)
}

fn side_by_side(results: &Results) -> String {
    let mut table = Table::new(&[
        "source",
        "batch",
        "engine records/s",
        "MiniStack records/s",
        "with",
        "ratio",
        "engine invocations/s",
        "MiniStack invocations/s",
        "engine CPU",
        "emulator",
        "MiniStack CPU",
    ]);
    let mut any = false;
    for source in Source::ALL {
        for &batch in source.batches() {
            let theirs = results.fastest(source, batch, false);
            let Some((ours, theirs)) = results.find(Side::Engine, source, batch, false).zip(theirs)
            else {
                continue;
            };
            any = true;
            table.row(&[
                source.name().to_owned(),
                batch.to_string(),
                format!("{:.0}", ours.per_second),
                format!("{:.0}", theirs.per_second),
                executor(theirs.scenario.side).to_owned(),
                ratio(ours.per_second, theirs.per_second),
                format!("{:.0}", ours.invocations_per_second()),
                format!("{:.0}", theirs.invocations_per_second()),
                microseconds(ours.cpu),
                microseconds(ours.emulator_cpu),
                microseconds(theirs.cpu),
            ]);
        }
    }
    if any { format!("## Side by side\n\n{}", table.text()) } else { String::new() }
}

fn alone(results: &Results) -> String {
    let mut table = Table::new(&[
        "batch",
        "records/s",
        "invocations/s",
        "CPU per record",
        "CPU per invocation",
    ]);
    let rows: Vec<&Row> =
        results.rows.iter().filter(|row| row.scenario.side == Side::EngineFast).collect();
    for row in &rows {
        let invocation = row.cpu.mul_f64(row.records as f64 / row.invocations as f64);
        table.row(&[
            row.scenario.batch.to_string(),
            format!("{:.0}", row.per_second),
            format!("{:.0}", row.invocations_per_second()),
            microseconds(row.cpu),
            microseconds(invocation),
        ]);
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "## The engine alone\n\n\
         The same measurement with a Kinesis stream that answers GetRecords from memory, so\n\
         the engine waits for no emulator.\n\n{}",
        table.text()
    )
}

fn talking(results: &Results) -> String {
    let (source, batch) = (Source::Kinesis, 100);
    let mut table = Table::new(&["Kinesis, batches of 100", "prints nothing", "prints a line"]);
    let mut cells = |what: &str, row: &dyn Fn(bool) -> Option<f64>| {
        if let Some((silent, talks)) = row(false).zip(row(true)) {
            table.row(&[
                what.to_owned(),
                format!("{silent:.0} records/s"),
                format!("{talks:.0} records/s"),
            ]);
        }
    };
    for side in [Side::MiniStack(Executor::Native), Side::MiniStack(Executor::Python), Side::Engine]
    {
        cells(name(side), &|talks| {
            results.find(side, source, batch, talks).map(|row| row.per_second)
        });
    }
    let ratio_of = |talks| {
        let (ours, theirs) = results
            .find(Side::Engine, source, batch, talks)
            .zip(results.fastest(source, batch, talks))?;
        Some(ours.per_second / theirs.per_second)
    };
    let Some((silent, talks)) = ratio_of(false).zip(ratio_of(true)) else { return String::new() };
    table.row(&[
        "engine : fastest of MiniStack".to_owned(),
        format!("**{silent:.1} ×**"),
        format!("**{talks:.1} ×**"),
    ]);
    format!(
        "## A function that prints\n\n\
         These are MiniStack's executors that need no Docker: a native binary by the Runtime\n\
         API, and Python. The executor for Node.js works like the one for Python, and was\n\
         slower.\n\n{}",
        table.text()
    )
}

fn latencies(results: &Results) -> String {
    let mut table = Table::new(&["source and side", "load", "p50", "p99", "records"]);
    for latency in &results.latencies {
        table.row(&[
            format!("{}, {}", latency.source.name(), name(latency.side)),
            load(latency.load).to_owned(),
            format!("{:.1} ms", latency.milliseconds(0.5)),
            format!("{:.1} ms", latency.milliseconds(0.99)),
            latency.samples.len().to_string(),
        ]);
    }
    if results.latencies.is_empty() {
        return String::new();
    }
    format!(
        "## Latency\n\n\
         Latency is the time from the call that writes a record until the function has the\n\
         record, with batches of up to 10. With few records, p99 is the slowest record.\n\n\
         Records for the engine are written through its endpoint, which wakes the pollers of\n\
         the source. *Unseen* records are written to MiniStack itself: the engine finds them\n\
         by its next poll, and polls an idle source every three seconds. MiniStack's mappings\n\
         run in the process that the record is written to, which wakes them.\n\n{}",
        table.text()
    )
}

fn memory(results: &Results) -> String {
    let mut table = Table::new(&["batches of up to", "records waiting", "before", "highest"]);
    for waiting in &results.waiting {
        table.row(&[
            waiting.batch.to_string(),
            waiting.records.to_string(),
            megabytes(waiting.before),
            megabytes(waiting.highest),
        ]);
    }
    if results.waiting.is_empty() {
        return String::new();
    }
    format!(
        "## Memory\n\n\
         This is the resident memory of the engine while records wait in a Kinesis stream\n\
         behind a function that fails every batch. The engine reads a few batches and two\n\
         thousand records ahead, never everything.\n\n{}",
        table.text()
    )
}

fn at_once(results: &Results) -> String {
    let many = results.many.map(|many| {
        format!(
            "{FUNCTIONS} functions, each with a stream of its own, in batches of 100:\n\n\
             - together {:.0} records/s ({} records)\n\
             - {} CPU of the engine per record\n\
             - {} resident afterwards\n\
             - {:.2} % of a core when idle\n",
            many.per_second,
            many.records,
            microseconds(many.cpu),
            megabytes(many.resident),
            many.idle * 100.0
        )
    });
    let shop = results.idle.map(|idle| {
        format!("The whole shop, idle for a minute: {:.2} % of a core.\n", idle * 100.0)
    });
    let parts: Vec<String> = many.into_iter().chain(shop).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("## Fifty functions, and an idle shop\n\n{}", parts.join("\n"))
    }
}
