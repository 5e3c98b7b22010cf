//! Measures the running local system.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine_client::client::EngineClient;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use terminal::output;
use terminal::problem::Problem;
use tidegate_local::clients::Clients;
use tidegate_local::environment::FunctionStatus;
use tidegate_local::gateway::GatewayStatus;
use tidegate_local::proxy::{CallCounts, billed};
use topology::{TargetKind, Topology};

use super::measurement::{FunctionUse, Measurement, TableUse, Unit};
use super::traffic::fed;
use crate::arguments::StateDir;
use crate::connection::state_dir;

/// Fields of the engine's status that a measurement needs.
#[derive(Debug, Deserialize)]
struct Status {
    idle: bool,
    calls: CallCounts,
    #[serde(default)]
    sizes_forgotten: u64,
    functions: BTreeMap<String, FunctionStatus>,
    mappings: Vec<Mapping>,
    #[serde(default)]
    buses: Vec<Bus>,
    #[serde(default)]
    gateways: Vec<GatewayStatus>,
}

#[derive(Debug, Deserialize)]
struct Bus {
    rules: BTreeMap<String, Rule>,
}

#[derive(Debug, Deserialize)]
struct Rule {
    handed_over: u64,
}

#[derive(Debug, Deserialize)]
struct Mapping {
    function: String,
    source: String,
    kind: String,
    invocations: u64,
    records_delivered: u64,
}

/// Returns what the local system has done since its start, and its topology file.
///
/// # Errors
/// No local system runs, it is still busy, or its tables cannot be read.
pub(super) async fn measure(state: &StateDir) -> Result<(Measurement, PathBuf), Problem> {
    let said = |error: engine_client::client::ClientError| {
        Problem::new(format!("{error}; or name a saved measurement with --measurement FILE"))
    };
    let client = EngineClient::from_state_dir(&state_dir(state)).map_err(said)?;
    let status = client.status().await.map_err(said)?;
    let status: Status = serde_json::from_value(status).map_err(|error| {
        Problem::new(format!(
            "the local system's status cannot be understood ({error}); end it with `tidegate local down` and start it anew"
        ))
    })?;
    if !status.idle {
        return Err(Problem::new(
            "the local system is still busy, so its counts are incomplete; wait with `tidegate \
             local wait`",
        ));
    }
    if status.sizes_forgotten > 0 {
        output::note(&format!(
            "too many items were written to remember the sizes of {}; write units may be \
             underestimated",
            status.sizes_forgotten
        ));
    }
    let engine = client.engine();
    let declared =
        topology::load(&engine.topology).map_err(|error| Problem::new(error.to_string()))?;
    let mut measurement = status.measurement(&declared);
    measurement.backend.clone_from(&engine.backend);
    let dynamodb = Clients::new(&engine.endpoint).dynamodb;
    for table in declared.tables.keys() {
        measurement.tables.insert(table.clone(), table_use(&dynamodb, table).await?);
    }
    Ok((measurement, engine.topology.clone()))
}

impl Status {
    /// Converts the status into a measurement.
    ///
    /// Its unit is a record or a request from outside. Records that functions put on a stream
    /// follow from those, and do not count.
    fn measurement(self, declared: &Topology) -> Measurement {
        let mut streams: BTreeMap<String, u64> = BTreeMap::new();
        for mapping in self.mappings.iter().filter(|mapping| mapping.kind == "kinesis") {
            // Several readers of one stream read the same records.
            let records = streams.entry(mapping.source.clone()).or_default();
            *records = (*records).max(mapping.records_delivered);
        }
        let mut calls = self.calls;
        let mappings = &self.mappings;
        let functions = self.functions.into_iter().map(|(name, status)| {
            let queues =
                mappings.iter().filter(|mapping| mapping.kind == "sqs" && mapping.function == name);
            let made = calls.remove(&name).unwrap_or_default();
            let used = FunctionUse {
                invocations: status.invocations,
                billed_ms: status.billed_ms,
                log_bytes: status.log_bytes,
                metric_series: status.metric_series,
                queue_batches: queues
                    .map(|mapping| (mapping.source.clone(), mapping.invocations))
                    .collect(),
                calls: made
                    .into_iter()
                    .map(|(operation, count)| (operation, count.billed))
                    .collect(),
            };
            (name, used)
        });
        let costs = declared.rule_targets().filter(|rule| {
            matches!(rule.target.kind(), Some(TargetKind::Bus(_) | TargetKind::Stream(_)))
        });
        let rules = costs.filter_map(|rule| {
            let name = rule.full_name().into_owned();
            let counted = self.buses.iter().find_map(|bus| bus.rules.get(&name));
            Some((name, counted?.handed_over))
        });
        let rules = rules.collect();
        let outside = || streams.iter().filter(|(stream, _)| !fed(declared, stream));
        let names: Vec<&str> = outside().map(|(stream, _)| stream.as_str()).collect();
        let gateways: Vec<&str> = self.gateways.iter().map(|one| one.name.as_str()).collect();
        let what = [("records", names), ("requests", gateways)].map(|(what, names)| {
            (!names.is_empty()).then(|| format!("{what} of {}", names.join(" and ")))
        });
        let requests: u64 = self.gateways.iter().map(|one| one.requests).sum();
        let unit = Unit {
            name: what.into_iter().flatten().collect::<Vec<_>>().join(", "),
            count: outside().map(|(_, records)| records).sum::<u64>() + requests,
        };
        // A function URL costs no more than its invocations.
        let apis = self.gateways.iter().filter(|one| one.kind == "api");
        let apis = apis.map(|one| (one.name.clone(), one.requests)).collect();
        Measurement {
            measured_at: Timestamp::now(),
            unit,
            functions: functions.collect(),
            rules,
            apis,
            streams,
            ..Measurement::default()
        }
    }
}

/// Returns the number of a table's items and their size, read item by item.
///
/// Emulators only estimate a table's size.
async fn table_use(client: &Client, table: &str) -> Result<TableUse, Problem> {
    let mut pages = client.scan().table_name(table).into_paginator().send();
    let mut used = TableUse::default();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            Problem::new(format!(
                "the table {table} cannot be read: {}",
                DisplayErrorContext(error)
            ))
        })?;
        for item in page.items() {
            used.items += 1;
            used.bytes += billed::item_bytes(&typed(item)) as u64;
        }
    }
    Ok(used)
}

/// Converts an item into DynamoDB's JSON.
fn typed(item: &HashMap<String, AttributeValue>) -> Map<String, Value> {
    item.iter().map(|(name, value)| (name.clone(), typed_value(value))).collect()
}

fn typed_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(data) => json!({ "B": STANDARD.encode(data) }),
        AttributeValue::Bool(value) => json!({ "BOOL": value }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
        AttributeValue::Bs(data) => {
            json!({ "BS": data.iter().map(|data| STANDARD.encode(data)).collect::<Vec<_>>() })
        }
        AttributeValue::L(values) => {
            json!({ "L": values.iter().map(typed_value).collect::<Vec<_>>() })
        }
        AttributeValue::M(values) => json!({ "M": typed(values) }),
        _ => json!({ "NULL": true }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a topology in which the function `f` has these uses.
    fn declared(uses: Value) -> Topology {
        let function =
            json!({"memory_mb": 128, "timeout_seconds": 3, "maximum_concurrency": 1, "uses": uses});
        serde_json::from_value(json!({"event_bytes_limit": 1, "functions": {"f": function}}))
            .unwrap()
    }

    #[test]
    fn records_that_a_function_puts_on_a_stream_are_no_units() {
        let mapping = |source: &str, records: u64| {
            let mut mapping = json!({"function": "f", "kind": "kinesis", "invocations": 1});
            mapping["source"] = json!(source);
            mapping["records_delivered"] = json!(records);
            mapping
        };
        let mappings = [mapping("orders", 100), mapping("parcels", 100), mapping("prices", 7)];
        let status = json!({"idle": true, "calls": {}, "functions": {}, "mappings": mappings});
        let uses = json!({
            "PARCELS": {"stream": "parcels", "access": "write"},
            "ORDERS": {"stream": "orders", "access": "read"},
        });
        let status: Status = serde_json::from_value(status).unwrap();
        let measured = status.measurement(&declared(uses));
        assert_eq!(
            measured.unit,
            Unit { name: "records of orders and prices".to_owned(), count: 107 }
        );
        assert_eq!(measured.streams["parcels"], 100, "it is measured all the same");
    }

    #[test]
    fn events_for_other_buses_and_streams_are_measured_and_others_cost_nothing() {
        let target = |target: Value| json!({"bus": "shop", "pattern": {}, "target": target});
        let declared: Topology = serde_json::from_value(json!({
            "streams": {"copies": {}},
            "rules": {
                "forward": target(json!({"bus": "audit"})),
                "copy": target(json!({"stream": "copies"})),
                "work": target(json!({"queue": "work"})),
            },
        }))
        .unwrap();
        let status = json!({
            "idle": true, "calls": {}, "functions": {},
            "mappings": [{"function": "f", "source": "copies", "kind": "kinesis", "invocations": 1, "records_delivered": 5}],
            "buses": [{"rules": {
                "forward": {"handed_over": 3}, "copy": {"handed_over": 5}, "work": {"handed_over": 7},
            }}],
        });
        let status: Status = serde_json::from_value(status).unwrap();
        let measured = status.measurement(&declared);
        assert_eq!(
            measured.rules,
            BTreeMap::from([("copy".to_owned(), 5), ("forward".to_owned(), 3)])
        );
        assert_eq!(measured.unit.count, 0, "what a rule puts on a stream is no unit");
    }

    #[test]
    fn requests_are_units_and_those_of_apis_are_counted() {
        let gateway = |kind: &str, name: &str, requests: u64| {
            let status = GatewayStatus {
                kind: kind.to_owned(),
                name: name.to_owned(),
                requests,
                ..GatewayStatus::default()
            };
            serde_json::to_value(status).unwrap()
        };
        let gateways = [gateway("api", "shop", 30), gateway("function-url", "f", 4)];
        let mut status = json!({"idle": true, "calls": {}, "functions": {}, "mappings": []});
        status["gateways"] = json!(gateways);
        let status: Status = serde_json::from_value(status).unwrap();
        let measured = status.measurement(&declared(json!({})));
        assert_eq!(measured.unit, Unit { name: "requests of shop and f".to_owned(), count: 34 });
        assert_eq!(measured.apis, BTreeMap::from([("shop".to_owned(), 30)]));
    }

    #[test]
    fn a_status_becomes_a_measurement_of_the_records_of_its_streams() {
        let status = json!({
            "idle": true,
            "calls": {"f": {"DynamoDB.PutItem": {"calls": 2, "ok": 2, "errors": {}, "billed": {"dynamodb_write_units": 4.0}}}},
            "functions": {"f": {"environments": 1, "invocations": 3, "errors": 0, "throttles": 0, "timeouts": 0, "billed_ms": 40,
                "log_bytes": 500, "metric_series": 7, "cpu_seconds": 0.1, "rss_bytes": 1, "peak_rss_bytes": 1, "metrics": {}, "pids": []}},
            "mappings": [
                {"function": "f", "source": "orders", "kind": "kinesis", "invocations": 3, "records_delivered": 90},
                {"function": "g", "source": "orders", "kind": "kinesis", "invocations": 3, "records_delivered": 100},
                {"function": "f", "source": "work", "kind": "sqs", "invocations": 5, "records_delivered": 50},
            ],
        });
        let status: Status = serde_json::from_value(status).unwrap();
        let measured = status.measurement(&declared(json!({})));
        assert_eq!(measured.unit, Unit { name: "records of orders".to_owned(), count: 100 });
        assert_eq!(measured.streams, BTreeMap::from([("orders".to_owned(), 100)]));
        let expected = FunctionUse {
            invocations: 3,
            billed_ms: 40,
            log_bytes: 500,
            metric_series: 7,
            queue_batches: BTreeMap::from([("work".to_owned(), 5)]),
            calls: BTreeMap::from([(
                "DynamoDB.PutItem".to_owned(),
                BTreeMap::from([("dynamodb_write_units".to_owned(), 4.0)]),
            )]),
        };
        assert_eq!(measured.functions, BTreeMap::from([("f".to_owned(), expected)]));
    }

    #[test]
    fn the_size_of_an_item_is_that_of_its_names_and_values() {
        let nested =
            AttributeValue::M(HashMap::from([("k".to_owned(), AttributeValue::Bool(true))]));
        let item = HashMap::from([
            ("s".to_owned(), AttributeValue::S("abc".to_owned())),
            ("b".to_owned(), AttributeValue::B(vec![0; 10].into())),
            ("l".to_owned(), AttributeValue::L(vec![nested, AttributeValue::N("12".to_owned())])),
        ]);
        let list = 3 + (1 + (3 + (1 + 1 + 1))) + (1 + 2);
        assert_eq!(billed::item_bytes(&typed(&item)), (1 + 3) + (1 + 10) + (1 + list));
    }
}
