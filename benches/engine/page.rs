//! The page of results.

use benchmarks::budget::{self, Budget, MARGIN};
use benchmarks::machine::Machine;
use benchmarks::table::Table;

use crate::function::Executor;
use crate::latency::Latency;
use crate::many::FUNCTIONS;
use crate::run::Results;
use crate::source::Source;
use crate::throughput::{Row, Side};

/// One measurement as a line of progress.
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

/// One latency as a line of progress.
pub(crate) fn latency_line(latency: &Latency) -> String {
    format!(
        "{:<18} {:<25} {}: p50 {:.1} ms, p99 {:.1} ms of {}",
        name(latency.side),
        latency.source.name(),
        if latency.steady { "steady" } else { "idle" },
        latency.milliseconds(0.5),
        latency.milliseconds(0.99),
        latency.samples.len()
    )
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

/// The whole page.
pub(crate) fn write(results: &Results, budgets: &[Budget], machine: &Machine) -> String {
    let head = format!(
        "# Benchmarks of the delivery engine\n\nThose of the toolkit are in [benchmarks.md](benchmarks.md).\n\n{}",
        machine.text()
    );
    let budgets = format!(
        "## Budgets\n\nThe run fails with a record that is lost or comes twice, and with a time or a ratio beyond {MARGIN} times its budget.\n\n{}",
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

A function that does nothing is given records that wait in a source of a fresh MiniStack: by the engine, `tidegate local up` in a process of its own, and by MiniStack's own \
event source mapping, with the same binary or its Python worker, whichever is faster. The function tells the benchmark what it was given, and when; every record must have come exactly once. Both sides run \
five batches of a queue at a time, one of anything else.

- *Records per second* is counted between the first invocation and the last, so that no start counts.
- *CPU* is the processor time per record of the process that delivers, in the kernel too: the engine's, or MiniStack's. The functions' own is in neither. The engine reads its sources by AWS \
calls; *emulator* is what MiniStack needs to answer them. MiniStack's own mapping reads its memory instead.
- MiniStack waits up to 50 ms after each invocation for log lines of the function. A function that prints a line at once shortens that to some milliseconds: see *A function that prints*.
- AWS allows batches of more than ten messages with a window alone, which is a second here (MiniStack has none), and no more than ten of a FIFO queue; asynchronous events are invoked one by one. \
On a rule, MiniStack invokes the function directly, with a thread and a process for each event at the same time; the engine takes the event through the bus, its rules and the queue behind \
asynchronous invocation, as AWS does.
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
            let Some((ours, theirs)) = results.find(Side::Engine, source, batch, false).zip(theirs) else {
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
    let mut table =
        Table::new(&["batch", "records/s", "invocations/s", "CPU per record", "CPU per invocation"]);
    let rows: Vec<&Row> = results.rows.iter().filter(|row| row.scenario.side == Side::EngineFast).collect();
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
        "## The engine alone\n\nThe same from a Kinesis stream that answers GetRecords out of memory, so that no emulator is waited for.\n\n{}",
        table.text()
    )
}

fn talking(results: &Results) -> String {
    let (source, batch) = (Source::Kinesis, 100);
    let mut table = Table::new(&["Kinesis, batches of 100", "says nothing", "prints a line"]);
    let mut cells = |what: &str, row: &dyn Fn(bool) -> Option<f64>| {
        if let Some((silent, talks)) = row(false).zip(row(true)) {
            table.row(&[what.to_owned(), format!("{silent:.0} records/s"), format!("{talks:.0} records/s")]);
        }
    };
    for side in [Side::MiniStack(Executor::Native), Side::MiniStack(Executor::Python), Side::Engine] {
        cells(name(side), &|talks| results.find(side, source, batch, talks).map(|row| row.per_second));
    }
    let ratio_of = |talks| {
        let (ours, theirs) =
            results.find(Side::Engine, source, batch, talks).zip(results.fastest(source, batch, talks))?;
        Some(ours.per_second / theirs.per_second)
    };
    let Some((silent, talks)) = ratio_of(false).zip(ratio_of(true)) else { return String::new() };
    table.row(&[
        "engine : fastest of MiniStack".to_owned(),
        format!("**{silent:.1} ×**"),
        format!("**{talks:.1} ×**"),
    ]);
    format!(
        "## A function that prints\n\nMiniStack's executors that need no Docker: a native binary by the Runtime API, and Python (that for Node.js works like the one for Python, and was slower).\n\n{}",
        table.text()
    )
}

fn latencies(results: &Results) -> String {
    let mut table = Table::new(&["from the record to the handler", "", "p50", "p99", "records"]);
    for latency in &results.latencies {
        let when = if latency.steady { "a hundred a second" } else { "one after a pause" };
        table.row(&[
            format!("{}, {}", latency.source.name(), name(latency.side)),
            when.to_owned(),
            format!("{:.1} ms", latency.milliseconds(0.5)),
            format!("{:.1} ms", latency.milliseconds(0.99)),
            latency.samples.len().to_string(),
        ]);
    }
    if results.latencies.is_empty() {
        return String::new();
    }
    format!(
        "## Latency\n\nFrom the call that writes a record to the function that has it; batches of up to 10. Of few records, p99 is the slowest. The engine asks a source that has been idle for half a second every 250 ms, \
         and a queue that has been for ten seconds by long polls; MiniStack's mappings are in the process that the record is written to, which wakes them.\n\n{}",
        table.text()
    )
}

fn memory(results: &Results) -> String {
    let mut table = Table::new(&["batches of up to", "records waiting", "before", "at its highest"]);
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
        "## Memory\n\nResident memory of the engine while records wait in a Kinesis stream behind a function that fails every batch. It reads a few batches and two thousand records ahead, never everything.\n\n{}",
        table.text()
    )
}

fn at_once(results: &Results) -> String {
    let many = results.many.map(|many| {
        format!(
            "{FUNCTIONS} functions, each with a stream of its own, batches of 100: {:.0} records/s together ({} records), {} CPU of the engine per record; {} resident afterwards; idle, {:.2} % of a core.\n",
            many.per_second,
            many.records,
            microseconds(many.cpu),
            megabytes(many.resident),
            many.idle * 100.0
        )
    });
    let shop = results.idle.map(|idle| {
        format!("The whole shop up, without anything to do for a minute: {:.2} % of a core.\n", idle * 100.0)
    });
    let parts: Vec<String> = many.into_iter().chain(shop).collect();
    if parts.is_empty() {
        String::new()
    } else {
        format!("## Fifty functions, and none\n\n{}", parts.join("\n"))
    }
}
