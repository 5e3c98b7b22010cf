//! Compares the engine with its budgets.

use benchmarks::budget::Budget;

use crate::latency::Load;
use crate::many::FUNCTIONS;
use crate::run::Results;
use crate::source::Source;
use crate::throughput::Side;

/// Compares the measurements with the budgets.
pub(crate) fn judge(results: &Results) -> Vec<Budget> {
    let mut budgets = Vec::new();
    let of = |side: Side| results.find(side, Source::Kinesis, 100, false);
    if let Some((ours, theirs)) = of(Side::Engine).zip(results.fastest(Source::Kinesis, 100, false))
    {
        let ratio = ours.per_second / theirs.per_second;
        let what = "records per second from a Kinesis stream, batches of 100, engine : MiniStack";
        budgets.push(Budget::at_least(what, 20.0, ratio));
    }
    if let Some(idle) = results.idle {
        let what = "CPU of the idle engine with the whole shop running";
        budgets.push(Budget::at_most(what, "% of a core", 0.5, idle * 100.0));
    }
    if let Some(many) = results.many {
        let what = format!("CPU of the engine with {FUNCTIONS} idle mappings");
        budgets.push(Budget::at_most(&what, "% of a core", 2.0, many.idle * 100.0));
    }
    for latency in &results.latencies {
        if latency.side == Side::Engine && latency.load == Load::Idle {
            for (name, share, wanted) in [("p50", 0.5, 8.0), ("p99", 0.99, 25.0)] {
                let source = latency.source.name();
                let what = format!("{source}: from a record after a pause to its handler, {name}");
                budgets.push(Budget::at_most(&what, "ms", wanted, latency.milliseconds(share)));
            }
        }
    }
    budgets
}
