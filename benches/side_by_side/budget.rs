//! Compares time, requests and memory with their budgets.

use benchmarks::budget::Budget;

use crate::run::{BATCHES, KEYS, Results, SLOW, USUAL, Wanted};
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
    budgets.extend(usual_costs(results));
    budgets.extend(refused_duplicates(results));
    budgets.extend(processor_time(results));
    budgets.extend(slow_batch(results));
    budgets.extend(starts(results));
    budgets
}

/// Budgets a multiple of Powertools' records per second of processor time.
fn throughput(results: &Results) -> Vec<Budget> {
    use Phase::First;
    use Side::{Powertools, Tidegate};
    let mut budgets = Vec::new();
    for (what, [least, least_of_one], ours, theirs, phase) in [
        (
            "records per second and core, claim and complete",
            [40.0, 10.0],
            Work::Claim,
            Work::Claim,
            First,
        ),
        (
            "records per second and core, same business result by a guarded write",
            [100.0, 20.0],
            Work::Commit,
            Work::ClaimAndPut,
            First,
        ),
    ] {
        for (keys, one, least) in
            [("ten keys and more", false, least), ("one key", true, least_of_one)]
        {
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

/// Limits what a record of the usual batch costs: requests, and exact units.
///
/// Writes that wait at the same moment share a request, so the number of requests depends on how
/// many do. What DynamoDB bills does not.
fn usual_costs(results: &Results) -> Vec<Budget> {
    use Phase::{Change, First};
    let mut budgets = Vec::new();
    for (what, budget, work, phase, write_units, read_units) in [
        ("create an aggregate", "1 write unit", Work::Commit, First, 1.0, 0.0),
        ("change an aggregate", "1 write and 1 read unit", Work::Commit, Change, 1.0, 1.0),
        ("an effect outside DynamoDB", "2 write units", Work::Claim, First, 2.0, 0.0),
    ] {
        budgets.extend(usual(results, work, phase).map(|row| {
            let (written, read) = (row.write_units(), row.read_units());
            let found = format!("{written:.2} write, {read:.2} read units");
            let exact = |found: f64, wanted: f64| (found - wanted).abs() < f64::EPSILON;
            let met = exact(written, write_units) && exact(read, read_units);
            Budget::counted(what, budget, found, met)
        }));
    }
    budgets.extend(usual(results, Work::Commit, First).map(|row| {
        let (what, most) = ("requests per new event, 100 keys", 0.05);
        let found = row.requests();
        Budget::counted(what, &format!("≤ {most:.2}"), format!("{found:.2}"), found <= most)
    }));
    budgets
}

/// Limits the time of a batch on a slow DynamoDB.
fn slow_batch(results: &Results) -> Option<Budget> {
    let batch = results.slow_batch?;
    let what = format!("batch of {} orders at {SLOW} ms an answer, order-processor", USUAL.1);
    Some(Budget::at_most(&what, "ms", 15.0, batch.time.as_secs_f64() * 1e3))
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
