//! Writes the page of results.

use std::fmt::Write;

use benchmarks::budget::{self, Budget, MARGIN};
use benchmarks::machine::Machine;
use benchmarks::table::Table;

use crate::budget::at_once;
use crate::run::{BATCHES, KEYS, Results, SLOW, USUAL, Wanted};
use crate::scenario::{Phase, Row, Side};
use crate::worker::Work;

/// Formats one measurement as a line of progress.
pub(crate) fn line(row: &Row) -> String {
    let of = row.scenario;
    format!(
        "{:<17} {:<11} {:<9} {:>4} keys {:>4} a batch {} ms: {:>8.1} µs CPU, {:>8.0} records/s, {:.2} requests, {:.2} write units (stub {:.0} µs a request)",
        format!("{:?}", of.side),
        format!("{:?}", of.work),
        format!("{:?}", row.phase),
        of.keys,
        of.batch,
        of.latency_ms,
        row.cpu(),
        row.per_second(),
        row.requests(),
        row.write_units(),
        row.stub()
    )
}

/// Returns the whole page.
pub(crate) fn write(results: &Results, budgets: &[Budget], machine: &Machine) -> String {
    let mut parts = vec![head(machine), MEASURED.to_owned()];
    parts.push(format!(
        "## Budgets\n\n\
         Ratios and times are the worst over all keys and batches. The run fails if a count\n\
         is wrong, or if a time or a ratio misses its budget by a factor of more than\n\
         {MARGIN}.\n\n\
         One key is one lane, in which every request waits for the previous one. The process\n\
         sleeps and wakes for each request, which costs as much as the request itself. Only\n\
         concurrent requests avoid that cost, and the order of the key forbids them.\n\n{}",
        budget::table(budgets)
    ));
    parts.push(side_by_side(results));
    parts.push(by_keys(results));
    parts.push(slow(results));
    parts.push(slow_batch(results));
    parts.push(slow_projection(results));
    parts.push(starts(results));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn head(machine: &Machine) -> String {
    format!(
        "# Benchmarks of the toolkit\n\n\
         The benchmarks of the delivery engine are in [engine-benchmarks.md](engine-benchmarks.md).\n\n{}",
        machine.text()
    )
}

const MEASURED: &str = "\
## What is measured

Both sides handle batches of a Kinesis stream. Each record is an order of two lines in an envelope:
about 1 kB of JSON in base64. Both sides get the same events from the same files, one process after
the other, each alone on processor 0.

DynamoDB is a stub in a process of its own on processor 1. It evaluates conditions and stores items,
so a duplicate is recognised as in DynamoDB. A run fails unless every record was applied, or
recognised as a duplicate.

- *CPU* is the client's processor time per record, including the kernel's, from the text of the
  event to the text of the response. *Records per second and core* is its inverse.
- *Tidegate* is the release profile: `Runner` with lanes, isolation, spans and deadline, 200 records
  at a time, `AwsClients` as functions use them, one thread.
- *Powertools* is `BatchProcessor` and `idempotent_function` on `DynamoDBPersistenceLayer`, as fast
  as its documentation allows. The key is a plain argument (no JMESPath), the payload is not
  validated, failed conditions return the item, and botocore does not validate parameters. Tidegate
  hashes and compares the payload all the same.
- *Claim and complete* is the same protocol on both sides.
- The *guarded write* compares Tidegate's event store with claim, put and complete, which is what
  Powertools offers for an item that must be written once. For comparison, the tables also have a
  conditional put, written by hand inside its batch processor.
- *Again* is a duplicate that another environment has handled.
- *Again here* is a duplicate that the same process has handled, where both sides remember completed
  records (`Effects::remember`, `use_local_cache`). Elsewhere neither side does.

Not measured: TLS, DynamoDB itself, the network, the Runtime API's HTTP (both sides have it), and
Lambda's share of a processor at small memory sizes. The stub answers over plain HTTP on the
loopback interface. No number includes its CPU.
";

fn side_by_side(results: &Results) -> String {
    let (keys, batch) = USUAL;
    let mut table = Table::new(&[
        "batches of 100, responses after 0 ms",
        "Tidegate CPU",
        "Powertools CPU",
        "ratio per core",
        "Tidegate records/s",
        "Powertools records/s",
        "ratio by the clock",
        "requests",
        "write units",
        "read units",
    ]);
    let ours = Side::Tidegate;
    let same = (ours, Side::Powertools);
    let remembering = (Side::TidegateRemembering, Side::PowertoolsCached);
    for (name, sides, our_work, their_work, phase) in [
        ("no call", same, Work::None, Work::None, Phase::First),
        ("claim and complete", same, Work::Claim, Work::Claim, Phase::First),
        ("claim and complete, again", same, Work::Claim, Work::Claim, Phase::Again),
        ("claim and complete, again here", remembering, Work::Claim, Work::Claim, Phase::AgainHere),
        (
            "guarded write : claim, put, complete",
            same,
            Work::Commit,
            Work::ClaimAndPut,
            Phase::First,
        ),
        (
            "guarded write : claim, put, complete, again",
            same,
            Work::Commit,
            Work::ClaimAndPut,
            Phase::Again,
        ),
        ("guarded write : conditional put by hand", same, Work::Commit, Work::Put, Phase::First),
        (
            "guarded write : conditional put by hand, again",
            same,
            Work::Commit,
            Work::Put,
            Phase::Again,
        ),
    ] {
        let pair = results.find(at_once(sides.0, our_work, phase), keys, batch).zip(results.find(
            at_once(sides.1, their_work, phase),
            keys,
            batch,
        ));
        let Some((our, their)) = pair else { continue };
        let both = |of: fn(&Row) -> f64| format!("{:.2} : {:.2}", of(our), of(their));
        table.row(&[
            name.to_owned(),
            format!("{:.1} µs", our.cpu()),
            format!("{:.1} µs", their.cpu()),
            format!("**{:.1} ×**", our.per_core() / their.per_core()),
            format!("{:.0}", our.per_second()),
            format!("{:.0}", their.per_second()),
            format!("{:.1} ×", our.per_second() / their.per_second()),
            both(Row::requests),
            both(Row::write_units),
            both(Row::read_units),
        ]);
    }
    let mut text = format!(
        "## Side by side\n\nRequests and units are per record, as Tidegate : Powertools.\n\n{}",
        table.text()
    );
    for (what, work, phase) in [
        ("A command that changes an existing aggregate", Work::Commit, Phase::Change),
        ("An effect that is held after a crash", Work::Hold, Phase::First),
        ("The same, again", Work::Hold, Phase::Again),
    ] {
        let Some(row) = results.find(at_once(ours, work, phase), keys, batch) else { continue };
        let _ = writeln!(
            text,
            "\n{what} (Tidegate): {:.1} µs CPU, {:.2} requests, {:.2} write and {:.2} read units per record.",
            row.cpu(),
            row.requests(),
            row.write_units(),
            row.read_units()
        );
    }
    text
}

/// Formats CPU and records per second of one piece of work over keys and batches.
fn grid(results: &Results, of: &[(&str, Work, Phase)], latency_ms: u64) -> String {
    let columns: Vec<String> =
        of.iter().flat_map(|(name, ..)| [format!("{name}: CPU"), "records/s".to_owned()]).collect();
    let names: Vec<&str> =
        ["batch", "keys"].into_iter().chain(columns.iter().map(String::as_str)).collect();
    let mut table = Table::new(&names);
    for batch in BATCHES {
        for keys in KEYS {
            let mut cells = vec![batch.to_string(), keys.to_string()];
            for (_, work, phase) in of {
                let wanted =
                    Wanted { side: Side::Tidegate, work: *work, phase: *phase, latency_ms };
                let row = results.find(wanted, keys, batch);
                cells.push(row.map_or_else(String::new, |row| format!("{:.1} µs", row.cpu())));
                cells.push(row.map_or_else(String::new, |row| format!("{:.0}", row.per_second())));
            }
            table.row(&cells);
        }
    }
    table.text()
}

fn by_keys(results: &Results) -> String {
    let works = [
        ("no call", Work::None, Phase::First),
        ("claim", Work::Claim, Phase::First),
        ("claim again", Work::Claim, Phase::Again),
        ("write", Work::Commit, Phase::First),
        ("write again", Work::Commit, Phase::Again),
    ];
    let mut theirs =
        Table::new(&["Powertools", "batch", "CPU", "records/s", "again: CPU", "records/s"]);
    for batch in BATCHES {
        for (name, work) in [
            ("no call", Work::None),
            ("claim", Work::Claim),
            ("claim and put", Work::ClaimAndPut),
            ("put by hand", Work::Put),
        ] {
            let mut cells = vec![name.to_owned(), batch.to_string()];
            for phase in [Phase::First, Phase::Again] {
                let row = results.find(at_once(Side::Powertools, work, phase), USUAL.0, batch);
                cells.push(row.map_or_else(String::new, |row| format!("{:.1} µs", row.cpu())));
                cells.push(row.map_or_else(String::new, |row| format!("{:.0}", row.per_second())));
            }
            theirs.row(&cells);
        }
    }
    format!(
        "## By keys and batch, responses after 0 ms\n\n\
         Tidegate runs the records of one key one after the other, in one lane.\n\n{}\n\
         Powertools runs all records one after the other, whatever their keys.\n\n{}",
        grid(results, &works, 0),
        theirs.text()
    )
}

fn slow(results: &Results) -> String {
    let mut theirs = Table::new(&["Powertools", "CPU", "records/s", "again: CPU", "records/s"]);
    let mut any = false;
    for (name, side, work) in [
        ("claim", Side::Powertools, Work::Claim),
        ("claim and put", Side::Powertools, Work::ClaimAndPut),
        ("claim, in threads", Side::PowertoolsThreads, Work::Claim),
        ("claim and put, in threads", Side::PowertoolsThreads, Work::ClaimAndPut),
    ] {
        let mut cells = vec![name.to_owned()];
        for phase in [Phase::First, Phase::Again] {
            let row =
                results.find(Wanted { side, work, phase, latency_ms: SLOW }, USUAL.0, USUAL.1);
            any |= row.is_some();
            cells.push(row.map_or_else(String::new, |row| format!("{:.1} µs", row.cpu())));
            cells.push(row.map_or_else(String::new, |row| format!("{:.0}", row.per_second())));
        }
        theirs.row(&cells);
    }
    if !any {
        return String::new();
    }
    let works = [
        ("claim", Work::Claim, Phase::First),
        ("claim again", Work::Claim, Phase::Again),
        ("write", Work::Commit, Phase::First),
        ("write again", Work::Commit, Phase::Again),
    ];
    format!(
        "## Responses after {SLOW} ms\n\n\
         The stub waits {SLOW} ms, and up to 1 ms more because of its clock's steps. Tidegate:\n\n{}\n\
         Powertools, in batches of 100. AWS does not document `AsyncBatchProcessor`, with a thread\n\
         for each record, together with idempotency. It keeps no order.\n\n{}",
        grid(results, &works, SLOW),
        theirs.text()
    )
}

fn slow_batch(results: &Results) -> String {
    let Some(batch) = results.slow_batch else { return String::new() };
    format!(
        "## A batch of `order-processor`\n\n\
         The release binary of `order-processor` gets batches of {} new orders, each with its\n\
         own key, and each response comes after {SLOW} ms. The median of 20 batches takes\n\
         {:.1} ms, from the event to the response. A batch costs {:.1} requests and {:.1} write\n\
         units.\n",
        USUAL.1,
        batch.time.as_secs_f64() * 1e3,
        batch.requests,
        batch.write_units
    )
}

fn slow_projection(results: &Results) -> String {
    let Some(batch) = results.projection else { return String::new() };
    format!(
        "## A batch of `order-projection`\n\n\
         The release binary of `order-projection` gets batches of {} placed orders with 20 lines\n\
         each, and each response comes after {SLOW} ms. The median of 20 batches takes {:.1} ms.\n\
         A batch costs {:.1} requests and {:.1} write units.\n",
        USUAL.1,
        batch.time.as_secs_f64() * 1e3,
        batch.requests,
        batch.write_units
    )
}

fn starts(results: &Results) -> String {
    if results.starts.is_empty() {
        let how = "Run `make build`, then `make bench`.";
        return format!("## Start\n\nNot measured: there are no release binaries. {how}\n");
    }
    let mut table = Table::new(&[
        "function",
        "start to first `/next`",
        "first invocation",
        "20th invocation",
        "resident at start",
        "resident after 20",
        "zipped",
    ]);
    let milliseconds = |time: std::time::Duration| format!("{:.2} ms", time.as_secs_f64() * 1e3);
    for start in &results.starts {
        table.row(&[
            start.function.clone(),
            milliseconds(start.first_next),
            milliseconds(start.first_invocation),
            milliseconds(start.warm_invocation),
            format!("{:.1} MB", start.resident_at_start as f64 / 1e3),
            format!("{:.1} MB", start.resident as f64 / 1e3),
            format!("{:.2} MiB", start.zipped as f64 / f64::from(1 << 20)),
        ]);
    }
    format!(
        "## Start\n\n\
         Each value is the median of 15 starts of the release binaries on this machine, with\n\
         a whole processor. The event is the function's one in `events/lambda`. In the event\n\
         of `order-processor` one record is bad, and becomes a dead letter. Responses come\n\
         after 0 ms. A start includes the connection to DynamoDB, here without TLS.\n\n{}",
        table.text()
    )
}
