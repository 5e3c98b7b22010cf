//! Compares time, requests and memory with their budgets.

use benchmarks::budget::Budget;

use crate::run::{BATCHES, KEYS, Results, USUAL, Wanted};
use crate::scenario::{Phase, Row, Side};
use crate::worker::Work;

/// Returns a measurement with responses after 0 ms.
pub(crate) const fn at_once(side: Side, work: Work, phase: Phase) -> Wanted {
    Wanted { side, work, phase, latency_ms: 0 }
}

/// Compares each of Tidegate's rows with Powertools' row of the same batch.
fn pairs(results: &Results, ours: Wanted, theirs: Wanted) -> impl Iterator<Item = (&Row, &Row)> {
    let each =
        BATCHES.into_iter().flat_map(|batch| KEYS.into_iter().map(move |keys| (keys, batch)));
    each.filter_map(move |(keys, batch)| {
        Some((results.find(ours, keys, batch)?, results.find(theirs, keys, batch)?))
    })
}

/// Compares the measurements with their budgets.
pub(crate) fn judge(results: &Results) -> Vec<Budget> {
    let mut budgets = throughput(results);
    budgets.extend(requests(results));
    budgets.extend(exact_requests(results));
    budgets.extend(refused_duplicates(results));
    budgets.extend(processor_time(results));
    budgets.extend(starts(results));
    budgets
}

/// Budgets a multiple of Powertools' records per second of processor time.
fn throughput(results: &Results) -> Vec<Budget> {
    use Phase::First;
    use Side::{Powertools, Tidegate};
    let mut budgets = Vec::new();
    for (what, least, ours, theirs, phase) in [
        ("records per second and core, claim and complete", 10.0, Work::Claim, Work::Claim, First),
        (
            "records per second and core, same business result by a guarded write",
            20.0,
            Work::Commit,
            Work::ClaimAndPut,
            First,
        ),
    ] {
        for (keys, one) in [("ten keys and more", false), ("one key", true)] {
            let pairs =
                pairs(results, at_once(Tidegate, ours, phase), at_once(Powertools, theirs, phase));
            let pairs = pairs.filter(|(ours, _)| (ours.scenario.keys == 1) == one);
            let worst =
                pairs.map(|(ours, theirs)| ours.per_core() / theirs.per_core()).reduce(f64::min);
            budgets.extend(
                worst.map(|worst| Budget::at_least(&format!("{what}, {keys}"), least, worst)),
            );
        }
    }
    budgets
}

/// Budgets no more requests per record than Powertools needs.
fn requests(results: &Results) -> Vec<Budget> {
    use Phase::{Again, AgainHere, First};
    use Side::{Powertools, PowertoolsCached, Tidegate, TidegateRemembering};
    let mut budgets = Vec::new();
    let (same, other) = ((Tidegate, Powertools), (TidegateRemembering, PowertoolsCached));
    for (what, sides, ours, theirs, phase) in [
        ("requests per record, claim and complete", same, Work::Claim, Work::Claim, First),
        ("the same for duplicates from another environment", same, Work::Claim, Work::Claim, Again),
        (
            "the same for duplicates that the environment remembers",
            other,
            Work::Claim,
            Work::Claim,
            AgainHere,
        ),
        ("requests per record, same business result", same, Work::Commit, Work::ClaimAndPut, First),
        ("the same for duplicates", same, Work::Commit, Work::ClaimAndPut, Again),
    ] {
        let pairs = pairs(results, at_once(sides.0, ours, phase), at_once(sides.1, theirs, phase));
        let worst = pairs.max_by(|(a, _), (b, _)| a.requests().total_cmp(&b.requests()));
        budgets.extend(worst.map(|(ours, theirs)| {
            let (found, limit) = (ours.requests(), theirs.requests());
            Budget::counted(
                what,
                &format!("≤ theirs, {limit:.2}"),
                format!("{found:.2}"),
                found <= limit,
            )
        }));
    }
    budgets
}

/// Returns Tidegate's row of the usual batch.
fn usual(results: &Results, work: Work, phase: Phase) -> Option<&Row> {
    results.find(at_once(Side::Tidegate, work, phase), USUAL.0, USUAL.1)
}

/// Budgets exact numbers of requests per record.
fn exact_requests(results: &Results) -> Vec<Budget> {
    use Phase::{Change, First};
    let mut budgets = Vec::new();
    let exact = |row: &Row, operations: &[&str]| {
        let wanted = |name: &String| {
            operations.iter().filter(|wanted| **wanted == name.as_str()).count() as u64
        };
        let records = row.scenario.records as u64;
        row.counts.requests.iter().all(|(name, count)| *count == wanted(name) * records)
            && row.counts.requests.values().sum::<u64>() == operations.len() as u64 * records
    };
    for (what, budget, work, phase, operations) in [
        ("create an aggregate", "1 request, no transaction", Work::Commit, First, &["PutItem"][..]),
        (
            "change an aggregate",
            "1 read and 1 conditional write",
            Work::Commit,
            Change,
            &["Query", "PutItem"],
        ),
        (
            "an effect outside DynamoDB",
            "2 conditional writes",
            Work::Claim,
            First,
            &["PutItem", "UpdateItem"],
        ),
    ] {
        budgets.extend(usual(results, work, phase).map(|row| {
            let found = format!(
                "{:.2} requests: {:?}",
                row.requests(),
                row.counts.requests.keys().collect::<Vec<_>>()
            );
            Budget::counted(what, budget, found, exact(row, operations))
        }));
    }
    budgets
}

fn refused_duplicates(results: &Results) -> Option<Budget> {
    let row = usual(results, Work::Commit, Phase::Again)?;
    let found = format!("{} of {} writes refused", row.counts.refused, row.scenario.records);
    let all = row.counts.refused == row.scenario.records as u64;
    Some(Budget::counted("reject a duplicate", "no write that succeeds", found, all))
}

/// Limits the processor time of a record in the toolkit itself.
fn processor_time(results: &Results) -> Option<Budget> {
    let handler = at_once(Side::Tidegate, Work::None, Phase::First);
    let each =
        BATCHES.into_iter().flat_map(|batch| KEYS.into_iter().map(move |keys| (keys, batch)));
    let slowest = each
        .filter_map(|(keys, batch)| results.find(handler, keys, batch))
        .map(Row::cpu)
        .reduce(f64::max);
    slowest.map(|found| Budget::at_most("CPU per record, AWS calls excluded", "µs", 10.0, found))
}

/// Limits the time, memory and size of the functions' starts.
fn starts(results: &Results) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for start in &results.starts {
        let of = |what: &str| format!("{}: {what}", start.function);
        let first = start.first_next.as_secs_f64() * 1e3;
        budgets.push(Budget::at_most(&of("start to first /next"), "ms", 8.0, first));
        budgets.push(Budget::at_most(
            &of("resident memory"),
            "MB",
            20.0,
            start.resident as f64 / 1e3,
        ));
        if start.zipped > 0 {
            // The limit is that of `make build`.
            budgets.push(Budget::at_most(
                &of("zipped"),
                "MiB",
                4.0,
                start.zipped as f64 / f64::from(1 << 20),
            ));
        }
    }
    budgets
}
