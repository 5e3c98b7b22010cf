//! What a process costs: measured by the engine, priced by `infra/prices.json`, and compared with
//! `docs/cost.md`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ends;
use super::trips::Trip;
use super::{Travel, number};
use crate::command::json as printed;

/// Processes that are measured by default.
const MEASURED: usize = 60;
/// Steps of a measured process, and deadlines of it that pass.
const STEPS: usize = 6;
const DEADLINES: u32 = 2;
/// Operations of a durable function that sends a command and waits for its answer (AWS docs:
/// durable-execution-sdk, metering of waitForCallback).
const OPERATIONS: usize = 3;
/// Most that a million processes may cost, in USD.
const GOAL: f64 = 20.0;
/// Functions whose cost is that of the process. The services are not part of it.
const PROCESS: [&str; 2] = ["booking", "publisher"];
/// Functions whose cost is that of the process and of its view, for operators and the sweep.
const WITH_VIEW: [&str; 3] = ["booking", "publisher", "view"];
/// An environment in which everything is set.
const ENVIRONMENT: &str = r#"
environment = "measured"
region = "us-east-1"
architecture = "arm64"
log_level = "INFO"
log_retention_days = 14
xray_tracing = false
customer_managed_key = false
point_in_time_recovery = false
reserve_concurrency = false
detailed_metrics = false
stream_retention_hours = {}
stream_shards = {}
function_overrides = {}
"#;

fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
}

/// Returns the price of one unit, in USD.
fn price(key: &str) -> f64 {
    let text = fs::read_to_string(repository("infra/prices.json")).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    let price = &table["prices"][key];
    price["usd"].as_f64().unwrap() / price["per"].as_f64().unwrap()
}

/// Returns the row of a table in docs/cost.md that begins with this cell, without it.
fn row(page: &str, first: &str) -> Vec<String> {
    let begin = format!("| {first} |");
    let row = page.lines().find(|line| line.starts_with(&begin));
    let row = row.unwrap_or_else(|| panic!("docs/cost.md has no row `{begin}`"));
    row[begin.len()..].trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// What a number of processes was measured to need, and to cost for a million of them.
#[derive(Debug, Default)]
struct Measured {
    /// Amount for each process, by unit.
    amounts: BTreeMap<String, f64>,
    /// USD for a million processes, by service.
    usd: BTreeMap<String, f64>,
}

impl Measured {
    /// Adds up the lines of an estimate for a million processes.
    ///
    /// A schedule is billed when it fires, so the schedules that were created do not count. Those
    /// that fire are added. Computing does not count: its time is that of a test's machine.
    fn from_report(report: &Value, functions: &[&str]) -> Self {
        let mut measured = Self::default();
        for line in report["environments"][0]["work"]["lines"].as_array().unwrap() {
            let text = |name: &str| line[name].as_str().unwrap();
            let left_out = ["CreateSchedule", "computing"].contains(&text("what"));
            if left_out || !functions.contains(&text("user")) {
                continue;
            }
            let number = |name: &str| line[name].as_f64().unwrap();
            let unit = format!("{} {}", text("service"), text("unit"));
            *measured.amounts.entry(unit).or_default() += number("amount") / 1e6;
            *measured.usd.entry(text("service").to_owned()).or_default() += number("usd");
        }
        let fired = f64::from(DEADLINES);
        measured.amounts.insert("Scheduler invocations".to_owned(), fired);
        measured.usd.insert("Scheduler".to_owned(), fired * price("scheduler_invocations") * 1e6);
        measured
    }

    fn total(&self) -> f64 {
        self.usd.values().sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_of_six_steps_and_two_deadlines_costs_what_the_page_says_and_below_the_goal() {
    let count = number("TRAVEL_MEASURED", MEASURED);
    let trips: Vec<Trip> = (0..count).map(Trip::of_six_steps).collect();
    let travel = Travel::start(&[]).await;
    travel.book(&trips, "first").await;
    travel.until_ended(&trips).await;
    for trip in &trips {
        let booking = ends::check(&travel.store, trip).await;
        assert_eq!(booking.events["ProcessMoved"], STEPS, "{trip:?}: {booking:?}");
    }
    fs::write(travel.project.file("measured.tfvars"), ENVIRONMENT).unwrap();
    let prices = repository("infra/prices.json");
    let count = count.to_string();
    let (file, unit) = (prices.to_str().unwrap(), "processes");
    let words = ["cost", "--json", "--tfvars", "measured.tfvars", "--prices", file];
    let words = [&words[..], &["--unit", unit, "--count", &count]].concat();
    let report = printed(&travel.project.run(&words).await);
    travel.project.down().await;

    let measured = Measured::from_report(&report, &PROCESS);
    let with_view = Measured::from_report(&report, &WITH_VIEW);
    let page = fs::read_to_string(repository("docs/cost.md")).unwrap();
    let steps = f64::from(u32::try_from(STEPS).unwrap());
    let operations = f64::from(u32::try_from(OPERATIONS).unwrap());
    let transitions = steps * price("step_functions_transitions") * 1e6;
    let durable = steps * operations * price("durable_operations") * 1e6;
    println!("a process: {:.2?}", measured.amounts);
    println!(
        "USD for a million: {:.2} here ({:.2?}), {:.2} with the view ({:.2?}), {transitions:.2} with \
         Step Functions, {durable:.2} with durable functions",
        measured.total(),
        measured.usd,
        with_view.total(),
        with_view.amounts
    );
    assert!(measured.total() <= GOAL, "{measured:#?}\n{:#}", report["environments"][0]["work"]);
    assert_eq!(row(&page, "Step Functions")[1], format!("{transitions:.0}"));
    assert_eq!(row(&page, "durable functions")[1], format!("{durable:.0}"));
    let said =
        |cell: &str| cell.parse::<f64>().unwrap_or_else(|_| panic!("`{cell}` is not a number"));
    let near = |what: &str, said: f64, measured: f64| {
        let off = (said / measured - 1.0).abs();
        assert!(off < 0.1, "docs/cost.md says {said} {what}, and {measured:.2} were measured");
    };
    near("USD", said(&row(&page, "Tidegate")[1]), measured.total());
    near(
        "USD",
        said(&row(&page, "Tidegate, with the view of its processes")[1]),
        with_view.total(),
    );
    for unit in ["write units", "read units"] {
        near(unit, said(&row(&page, unit)[0]), measured.amounts[&format!("DynamoDB {unit}")]);
    }
}
