//! Computes the cost per month that does not depend on work.

use jiff::{SignedDuration, Timestamp};
use terminal::problem::Problem;
use topology::{Schedule, Topology};

use super::alarms;
use super::environment::Environment;
use super::line::Line;
use super::measurement::Measurement;
use super::prices::Prices;

/// Hours of a month, as AWS's own examples count them.
const HOURS: f64 = 730.0;
/// Retention of a stream that the price of a shard includes.
const INCLUDED_RETENTION_HOURS: u32 = 24;
/// Retention above which AWS bills the stored data by the GB.
const LONG_RETENTION_HOURS: u32 = 168;
/// Dashboards of an environment.
const DASHBOARDS: f64 = 1.0;
/// Metrics of a stream mapping with `EventCount`.
///
/// They count events that were polled, filtered out, invoked with, failed, dropped, and sent to the
/// on-failure destination.
const METRICS_OF_A_MAPPING: u64 = 6;
/// Days from 1970 to the year over which schedules are counted, 2027, and its days.
const YEAR_FROM_DAYS: i64 = 20_819;
const YEAR_DAYS: i64 = 365;
/// Connections with which Lambda polls an empty queue, each for 20 seconds.
const POLLERS: f64 = 5.0;
const POLLS_PER_HOUR: f64 = 180.0;
/// Uses of an encryption key per hour.
///
/// Services fetch the data key of what they encrypt again after five minutes, if it is in use.
const KEY_USES_PER_HOUR: f64 = 12.0;

/// Returns how often a schedule fires in an ordinary month, without its dates.
fn firings(schedule: &Schedule) -> f64 {
    let from = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * YEAR_FROM_DAYS);
    let until = from + SignedDuration::from_hours(24 * YEAR_DAYS);
    let undated = Schedule { start: None, end: None, ..schedule.clone() };
    let Ok(timetable) = undated.timetable(from) else { return 0.0 };
    if !schedule.enabled || !timetable.expression.recurs() {
        return 0.0;
    }
    let first = timetable.next(None);
    let times = std::iter::successors(first, |last| timetable.next(Some(*last)));
    let in_a_year = times.take_while(|time| *time < until).count();
    count(in_a_year as u64) / 12.0
}

/// Computes the lines.
pub(super) fn lines(
    topology: &Topology,
    environment: &Environment,
    measurement: &Measurement,
    prices: &Prices,
) -> Result<Vec<Line>, Problem> {
    let mut lines = Vec::new();
    for (name, stream) in &topology.streams {
        let shards =
            f64::from(environment.stream_shards.get(name).copied().unwrap_or(stream.shards));
        let hours = shards * HOURS;
        lines.push(Line::new(prices, "kinesis_shard_hours", name, "shards", hours)?);
        if retention_hours(environment, name) > INCLUDED_RETENTION_HOURS {
            lines.push(Line::new(
                prices,
                "kinesis_extended_shard_hours",
                name,
                "longer retention",
                hours,
            )?);
        }
    }
    for (function, _, source) in topology.sources() {
        if let Some(queue) = &source.queue {
            let fifo = topology.queues.get(queue).is_some_and(|queue| queue.fifo);
            let key = if fifo { "sqs_fifo_requests" } else { "sqs_requests" };
            let polls = POLLERS * POLLS_PER_HOUR * HOURS;
            lines.push(Line::new(prices, key, function, format!("empty polls of {queue}"), polls)?);
        }
    }
    for (name, schedule) in &topology.schedules {
        let fired = firings(schedule);
        lines.push(Line::new(
            prices,
            "scheduler_invocations",
            name,
            "firings of a schedule",
            fired,
        )?);
    }
    let whole = environment.name.as_str();
    let alarms = count(alarms::count(
        topology,
        environment.reserve_concurrency,
        environment.detailed_metrics,
    ));
    lines.push(Line::new(prices, "cloudwatch_alarms", whole, "metrics of alarms", alarms)?);
    let over = count(alarms::composite(topology));
    lines.push(Line::new(
        prices,
        "cloudwatch_composite_alarms",
        whole,
        "alarms over alarms",
        over,
    )?);
    lines.push(Line::new(prices, "cloudwatch_dashboards", whole, "dashboard", DASHBOARDS)?);
    let series = measurement.functions.values().map(|function| function.metric_series).sum();
    lines.push(Line::new(
        prices,
        "cloudwatch_custom_metrics",
        whole,
        "metrics of functions",
        count(series),
    )?);
    if environment.detailed_metrics {
        let mappings =
            topology.sources().filter(|(_, _, source)| source.queue.is_none()).count() as u64;
        let detailed = count(METRICS_OF_A_MAPPING * mappings + topology.functions.len() as u64);
        let what = "metrics of mappings, memory";
        lines.push(Line::new(prices, "cloudwatch_custom_metrics", whole, what, detailed)?);
    }
    if environment.customer_managed_key {
        lines.push(Line::new(prices, "kms_key_months", whole, "key", 1.0)?);
        let uses = KEY_USES_PER_HOUR * HOURS * count(encrypted(topology));
        lines.push(Line::new(prices, "kms_requests", whole, "uses of the key", uses)?);
    }
    Ok(lines)
}

/// Returns what the lines leave out: a sentence for each stream with a longer retention than the
/// price of a shard covers.
pub(super) fn left_out(environment: &Environment) -> impl Iterator<Item = String> {
    let long =
        environment.retention_hours.iter().filter(|(_, hours)| **hours > LONG_RETENTION_HOURS);
    long.map(|(name, hours)| {
        format!(
            "{name} keeps records for {hours} hours; what AWS bills per GB and month above {LONG_RETENTION_HOURS} hours is not counted"
        )
    })
}

fn retention_hours(environment: &Environment, stream: &str) -> u32 {
    environment.retention_hours.get(stream).copied().unwrap_or(INCLUDED_RETENTION_HOURS)
}

/// Returns how many resources a customer-managed key encrypts.
///
/// Each function has a log group and environment variables, and each API a log group.
fn encrypted(topology: &Topology) -> u64 {
    let stored = topology.tables.len()
        + topology.queues.len()
        + topology.streams.len()
        + topology.buckets.len()
        + topology.apis.len();
    (stored + 2 * topology.functions.len()) as u64
}

#[expect(clippy::cast_precision_loss, reason = "a topology has few things, and a year few minutes")]
fn count(number: u64) -> f64 {
    number as f64
}
