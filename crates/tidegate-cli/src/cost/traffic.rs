//! Computes the cost of work.

use std::collections::BTreeMap;

use terminal::counted::counted;
use terminal::problem::Problem;
use tidegate_local::proxy::billed::EVENT_BYTES;
use topology::{Access, Function, TargetKind, Topology};

use super::environment::Environment;
use super::line::Line;
use super::measurement::{FunctionUse, Measurement};
use super::prices::Prices;

/// Bytes of a gigabyte, as AWS bills it.
pub(super) const GIGABYTE: f64 = 1_073_741_824.0;
/// Days of a month.
pub(super) const DAYS: f64 = 730.0 / 24.0;
/// Size of compressed logs, as a share of their original size: the ratio of AWS's own examples.
const COMPRESSED: f64 = 0.15;
/// Share of invocations that Lambda's default sampling traces, besides the first of each second.
const SAMPLED: f64 = 0.05;
/// Bytes of a line in the access log of an API, with the fields of infra/modules/api.
const ACCESS_LOG_BYTES: f64 = 500.0;
/// What the names of all units of DynamoDB begin with.
const DYNAMODB_UNITS: &str = "dynamodb_";
/// Requests per batch of a queue: one receives it, one deletes it.
const REQUESTS_PER_BATCH: f64 = 2.0;

/// Computes the lines for a number of units.
pub(super) fn lines(
    topology: &Topology,
    environment: &Environment,
    measurement: &Measurement,
    prices: &Prices,
    per: f64,
) -> Result<Vec<Line>, Problem> {
    let scale = per / count(measurement.unit.count);
    let mut lines = Vec::new();
    for (name, used) in &measurement.functions {
        let Some(declared) = topology.functions.get(name) else { continue };
        let traffic = FunctionTraffic { name, declared, used, environment, prices, scale };
        traffic.compute(&mut lines)?;
        traffic.calls(topology, &mut lines)?;
        traffic.generations(topology, measurement, &mut lines)?;
        traffic.logs(&mut lines)?;
        traffic.polls(topology, &mut lines)?;
    }
    rules(topology, measurement, prices, scale, &mut lines)?;
    for (stream, records) in measurement.streams.iter().filter(|(stream, _)| !fed(topology, stream))
    {
        // Counts one unit per record, which holds up to 25 KB. A larger record costs a unit for
        // each 25 KB or part of it.
        lines.push(Line::new(
            prices,
            "kinesis_put_units",
            stream,
            "records put",
            count(*records) * scale,
        )?);
    }
    for (api, requests) in &measurement.apis {
        lines.extend(of_api(api, count(*requests) * scale, environment, prices)?);
    }
    Ok(lines)
}

/// Returns the lines of an API.
///
/// Counts one unit per request, which holds up to 512 KB.
fn of_api(
    api: &str,
    requests: f64,
    environment: &Environment,
    prices: &Prices,
) -> Result<[Line; 3], Problem> {
    let gigabytes = requests * ACCESS_LOG_BYTES / GIGABYTE;
    let days = environment.log_retention_days;
    let kept = gigabytes * COMPRESSED * days / DAYS;
    Ok([
        Line::new(prices, "api_gateway_requests", api, "requests", requests)?,
        Line::new(prices, "logs_ingested_gb", api, "access log, taking", gigabytes)?,
        Line::new(
            prices,
            "logs_stored_gb_months",
            api,
            format!("access log, {}", counted(days, "day", "days")),
            kept,
        )?,
    ])
}

/// Adds what rules hand to other buses and to streams. EventBridge hands over to functions and
/// queues of the account for nothing.
fn rules(
    topology: &Topology,
    measurement: &Measurement,
    prices: &Prices,
    scale: f64,
    lines: &mut Vec<Line>,
) -> Result<(), Problem> {
    for target in topology.rule_targets() {
        let name = target.full_name();
        let Some(events) = measurement.rules.get(&*name) else { continue };
        // One unit for each event: 64 KB on a bus, 25 KB on a stream.
        let (key, what) = match target.target.kind() {
            Some(TargetKind::Bus(bus)) => ("eventbridge_events", format!("events to bus {bus}")),
            Some(TargetKind::Stream(stream)) => {
                ("kinesis_put_units", format!("records to {stream}"))
            }
            _ => continue,
        };
        lines.push(Line::new(prices, key, &name, what, count(*events) * scale)?);
    }
    Ok(())
}

/// Returns whether functions or rules put records on a stream.
///
/// Such records are billed as calls of the functions or as hand-overs of the rules, and are not
/// work from outside.
pub(super) fn fed(topology: &Topology, stream: &str) -> bool {
    if topology.rule_targets().any(|rule| rule.target.stream.as_deref() == Some(stream)) {
        return true;
    }
    let mut uses = topology.functions.values().flat_map(|function| function.uses.values());
    uses.any(|used| used.stream.as_deref() == Some(stream) && used.access != Access::Read)
}

/// Computes the lines of one function.
struct FunctionTraffic<'a> {
    name: &'a str,
    declared: &'a Function,
    used: &'a FunctionUse,
    environment: &'a Environment,
    prices: &'a Prices,
    scale: f64,
}

impl FunctionTraffic<'_> {
    fn compute(&self, lines: &mut Vec<Line>) -> Result<(), Problem> {
        let invocations = count(self.used.invocations) * self.scale;
        let memory =
            self.environment.memory_mb.get(self.name).copied().unwrap_or(self.declared.memory_mb);
        let seconds = count(self.used.billed_ms) / 1000.0 * self.scale;
        let key = format!("lambda_gb_seconds_{}", self.environment.architecture);
        lines.push(self.line("lambda_requests", "invocations", invocations)?);
        lines.push(self.line(&key, "computing", seconds * f64::from(memory) / 1024.0)?);
        if self.environment.xray_tracing {
            lines.push(self.line("xray_traces", "traces", invocations * SAMPLED)?);
        }
        Ok(())
    }

    fn calls(&self, topology: &Topology, lines: &mut Vec<Line>) -> Result<(), Problem> {
        for (operation, quantities) in &self.used.calls {
            let what = operation.split_once('.').map_or(operation.as_str(), |(_, name)| name);
            for (quantity, amount) in quantities {
                if quantity == EVENT_BYTES {
                    self.archive(topology, amount * self.scale / GIGABYTE, lines)?;
                } else {
                    lines.push(self.line(quantity, what, amount * self.scale)?);
                }
            }
        }
        Ok(())
    }

    /// Adds what the function does in generations that were not measured: as much as in the first.
    ///
    /// Of a function with several projections, each is taken to have the same share.
    fn generations(
        &self,
        topology: &Topology,
        measurement: &Measurement,
        lines: &mut Vec<Line>,
    ) -> Result<(), Problem> {
        let fed = topology.projections.values().filter(|one| one.function == self.name);
        let (mut projections, mut more) = (0_u64, 0_u64);
        for projection in fed {
            projections += 1;
            let new = |(table, later): &(&str, String)| {
                *table == projection.rows && !measurement.tables.contains_key(later)
            };
            more += projection.later_tables().filter(new).count() as u64;
        }
        if more == 0 {
            return Ok(());
        }
        let share = count(more) / count(projections);
        let mut amounts: BTreeMap<&str, f64> = BTreeMap::new();
        for (quantity, amount) in self.used.calls.values().flatten() {
            if quantity.starts_with(DYNAMODB_UNITS) {
                *amounts.entry(quantity).or_default() += amount;
            }
        }
        for (quantity, amount) in amounts {
            let what = format!("{} beside the first", counted(more, "generation", "generations"));
            lines.push(self.line(quantity, what, amount * share * self.scale)?);
        }
        Ok(())
    }

    /// Adds the archive, which stores every event of its bus.
    fn archive(
        &self,
        topology: &Topology,
        gigabytes: f64,
        lines: &mut Vec<Line>,
    ) -> Result<(), Problem> {
        let buses =
            self.declared.uses.values().filter_map(|used| topology.buses.get(used.bus.as_deref()?));
        let days = buses.map(|bus| bus.archive_days).max().unwrap_or(0);
        if days > 0 {
            lines.push(self.line("eventbridge_archived_gb", "archive, taking", gigabytes)?);
            let kept = gigabytes * f64::from(days) / DAYS;
            let what = format!("archive, {}", counted(days, "day", "days"));
            lines.push(self.line("eventbridge_archive_gb_months", what, kept)?);
        }
        Ok(())
    }

    fn logs(&self, lines: &mut Vec<Line>) -> Result<(), Problem> {
        let gigabytes = count(self.used.log_bytes) * self.scale / GIGABYTE;
        let days = self.environment.log_retention_days;
        lines.push(self.line("logs_ingested_gb", "logs, taking", gigabytes)?);
        let kept = gigabytes * COMPRESSED * days / DAYS;
        let what = format!("logs, {}", counted(days, "day", "days"));
        lines.push(self.line("logs_stored_gb_months", what, kept)?);
        Ok(())
    }

    fn polls(&self, topology: &Topology, lines: &mut Vec<Line>) -> Result<(), Problem> {
        for (queue, batches) in &self.used.queue_batches {
            let fifo = topology.queues.get(queue).is_some_and(|queue| queue.fifo);
            let key = if fifo { "sqs_fifo_requests" } else { "sqs_requests" };
            let requests = count(*batches) * REQUESTS_PER_BATCH * self.scale;
            lines.push(self.line(key, format!("messages of {queue}"), requests)?);
        }
        Ok(())
    }

    fn line(&self, key: &str, what: impl Into<String>, amount: f64) -> Result<Line, Problem> {
        Line::new(self.prices, key, self.name, what, amount)
    }
}

#[expect(clippy::cast_precision_loss, reason = "what a laptop counts stays below 2^52")]
pub(super) fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    /// Returns the cost of records that are put on streams, and what causes it, if
    /// `order-processor` has this access to `orders`.
    fn puts(access: &str) -> (Vec<String>, f64) {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let mut topology = topology::load(&infra.join("topology.auto.tfvars")).unwrap();
        let used = serde_json::from_value(json!({ "stream": "orders", "access": access })).unwrap();
        topology
            .functions
            .get_mut("order-processor")
            .unwrap()
            .uses
            .insert("ORDERS".to_owned(), used);
        let dev = Environment::read(
            &infra.join("env/dev.tfvars"),
            &infra.join("variables.tf"),
            &topology,
        )
        .unwrap();
        let mut measurement = Measurement::from_repository();
        let records = count(measurement.streams["orders"]);
        let calls = &mut measurement.functions.get_mut("order-processor").unwrap().calls;
        if access != "read" {
            let put = [("kinesis_put_units".to_owned(), records)].into();
            calls.insert("Kinesis.PutRecords".to_owned(), put);
        }
        let lines =
            lines(&topology, &dev, &measurement, &Prices::from_repository(), records).unwrap();
        let puts: Vec<Line> = lines.into_iter().filter(|line| line.service == "Kinesis").collect();
        (
            puts.iter().map(|line| line.user.clone()).collect(),
            puts.iter().map(|line| line.usd).sum(),
        )
    }

    #[test]
    fn requests_to_an_api_and_their_access_log_are_paid() {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let topology = topology::load(&infra.join("topology.auto.tfvars")).unwrap();
        let dev = Environment::read(
            &infra.join("env/dev.tfvars"),
            &infra.join("variables.tf"),
            &topology,
        )
        .unwrap();
        let mut measurement =
            Measurement { apis: [("shop".to_owned(), 20)].into(), ..Measurement::default() };
        measurement.unit.count = 10;
        let lines = lines(&topology, &dev, &measurement, &Prices::from_repository(), 1e6).unwrap();
        let amounts: Vec<(&str, f64)> =
            lines.iter().map(|line| (line.service, line.amount)).collect();
        assert_eq!(amounts[0], ("API Gateway", 2e6));
        assert!((lines[0].usd - 2.0).abs() < 1e-9, "{lines:?}");
        assert_eq!((amounts[1].0, amounts.len()), ("CloudWatch", 3));
        assert!((amounts[1].1 - 1e9 / GIGABYTE).abs() < 1e-9, "{lines:?}");
    }

    #[test]
    fn records_that_a_function_puts_on_a_stream_are_paid_once() {
        let (users, outside) = puts("read");
        assert_eq!(users, ["orders"]);
        for access in ["write", "read-write"] {
            let (users, inside) = puts(access);
            assert_eq!(users, ["order-processor"], "{access}");
            assert!((inside / outside - 1.0).abs() < 1e-9, "{access}: {inside} {outside}");
        }
    }

    #[test]
    fn a_generation_costs_what_the_first_does_until_it_is_measured() {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let mut topology = topology::load(&infra.join("topology.auto.tfvars")).unwrap();
        let dev = Environment::read(
            &infra.join("env/dev.tfvars"),
            &infra.join("variables.tf"),
            &topology,
        )
        .unwrap();
        let mut measurement = Measurement::from_repository();
        let of = |topology: &Topology, measurement: &Measurement| -> (f64, f64) {
            let lines = lines(topology, &dev, measurement, &Prices::from_repository(), 1e6);
            let lines: Vec<Line> = lines.unwrap().into_iter().collect();
            let own = |line: &&Line| line.user == "order-projection" && line.service == "DynamoDB";
            let is_more = |line: &&Line| line.what.contains("beside the first");
            let sum = |lines: Vec<&Line>| lines.iter().map(|line| line.usd).sum();
            let (more, first) = lines.iter().filter(own).partition::<Vec<_>, _>(is_more);
            (sum(first), sum(more))
        };
        let (before, more) = of(&topology, &measurement);
        assert!(before > 0.1 && more == 0.0, "{before} {more}");
        let projection = json!({"function": "order-projection", "store": "event-store",
            "rows": "order-view", "counters": "sales", "pointers": "p", "generations": [1, 2, 3]});
        let projection = serde_json::from_value(projection).unwrap();
        topology.projections.insert("order-view".to_owned(), projection);
        let (first, more) = of(&topology, &measurement);
        assert!((first - before).abs() < 1e-9 && (more / before - 2.0).abs() < 1e-9, "{more}");
        measurement.tables.insert("order-view.g2".to_owned(), Default::default());
        let (_, more) = of(&topology, &measurement);
        assert!((more / before - 1.0).abs() < 1e-9, "generation 2 is among what was measured");
    }

    #[test]
    fn events_to_another_bus_cost_what_new_events_cost() {
        let infra = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra");
        let mut topology = topology::load(&infra.join("topology.auto.tfvars")).unwrap();
        let rule = json!({"bus": "shop", "pattern": {}, "targets": {
            "audit": {"bus": "audit"}, "copy": {"stream": "copies"},
        }});
        topology.rules.insert("all".to_owned(), serde_json::from_value(rule).unwrap());
        let prices = Prices::read(&infra.join("prices.json")).unwrap();
        let measured = [("all/audit".to_owned(), 2_000_000), ("all/copy".to_owned(), 1_000_000)];
        let measurement = Measurement { rules: measured.into(), ..Measurement::default() };
        let mut lines = Vec::new();
        rules(&topology, &measurement, &prices, 1.0, &mut lines).unwrap();
        let costs: Vec<f64> = lines.iter().map(|line| line.usd).collect();
        assert_eq!(costs, [2.0, 0.014]);
    }
}
