//! What a finished order costs: measured by the engine, priced by `infra/prices.json`, and compared
//! with `docs/cost.md`.

use std::collections::BTreeMap;
use std::fs;

use events::{OrderStatus, PlaceOrder};
use serde_json::Value;

use super::order::order;
use super::system::Shop;
use crate::programs::{repository, shown};

/// Orders that are measured. Their batches are as full as so many at once make them.
const ORDERS: usize = 120;
/// Least state transitions of an order in Step Functions: reserve, authorise, confirm, dispatch,
/// capture, complete. The process of the shop takes five steps: it confirms the order in the step
/// that asks for the dispatch.
const TRANSITIONS: f64 = 6.0;
/// Of these, the ones that send a command and wait for its answer: reserve, authorise, dispatch,
/// capture. The others publish an event.
const WAITS: f64 = 4.0;
/// Operations of a durable function that sends a command and waits for its answer (AWS docs:
/// durable-execution-sdk, metering of waitForCallback). Publishing an event is one operation.
const OPERATIONS: f64 = 3.0;
/// An environment in which nothing is extra.
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

/// What an order was measured to need.
#[derive(Debug, Default)]
struct Measured {
    /// Amounts for one order by service and unit.
    amounts: BTreeMap<String, f64>,
    /// USD for a million orders by function or stream.
    users: BTreeMap<String, f64>,
}

impl Measured {
    /// Adds up the lines of an estimate for a million orders.
    ///
    /// E-mail does not count, and computing does not: its time is that of a test's machine. A
    /// schedule is billed when it fires, and those of these orders are cancelled.
    fn from_report(report: &Value) -> Self {
        let mut measured = Self::default();
        for line in report["environments"][0]["work"]["lines"].as_array().expect("lines") {
            let text = |name: &str| line[name].as_str().expect("a text");
            let left_out = ["CreateSchedule", "computing"].contains(&text("what"));
            if left_out || text("service") == "SES" {
                continue;
            }
            let number = |name: &str| line[name].as_f64().expect("a number");
            let unit = format!("{} {}", text("service"), text("unit"));
            *measured.amounts.entry(unit).or_default() += number("amount") / 1e6;
            *measured.users.entry(text("user").to_owned()).or_default() += number("usd");
        }
        measured
    }

    fn usd(&self) -> f64 {
        self.users.values().sum()
    }

    fn amount(&self, unit: &str) -> f64 {
        self.amounts.get(unit).copied().unwrap_or(0.0)
    }

    /// Compares the numbers with a row of the page: USD, write units, read units.
    fn is_said(&self, page: &str, first: &str) {
        let row = row(page, first);
        let said = |cell: &str| cell.parse::<f64>().unwrap_or_else(|_| panic!("`{cell}`: {first}"));
        for (cell, what, measured) in [
            (0, "USD", self.usd()),
            (1, "write units", self.amount("DynamoDB write units")),
            (2, "read units", self.amount("DynamoDB read units")),
        ] {
            let said = said(&row[cell]);
            let off = (said / measured - 1.0).abs();
            assert!(off < 0.1, "docs/cost.md says {said} {what} ({first}), measured {measured:.2}");
        }
    }
}

/// Returns the row of a table in docs/cost.md that begins with this cell, without it.
fn row(page: &str, first: &str) -> Vec<String> {
    let begin = format!("| {first} |");
    let row = page.lines().find(|line| line.starts_with(&begin));
    let row = row.unwrap_or_else(|| panic!("docs/cost.md has no row `{begin}`"));
    row[begin.len()..].trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// Returns the price of a million units, in USD.
fn price(key: &str) -> f64 {
    let text = fs::read_to_string(repository().join("infra/prices.json")).expect("prices");
    let table: Value = serde_json::from_str(&text).expect("prices in JSON");
    let price = &table["prices"][key];
    price["usd"].as_f64().expect("USD") / price["per"].as_f64().expect("units") * 1e6
}

fn page() -> String {
    fs::read_to_string(repository().join("docs/cost.md")).expect("docs/cost.md")
}

/// Returns what this number of orders cost the shop until now.
async fn measured(shop: &Shop, finished: usize) -> Measured {
    let environment = shop.world.state.path().join("measured.tfvars");
    fs::write(&environment, ENVIRONMENT).expect("an environment");
    let (prices, count) = (repository().join("infra/prices.json"), finished.to_string());
    let [environment, prices] = [environment, prices].map(|path| path.display().to_string());
    let words = ["cost", "--json", "--tfvars", &environment, "--prices", &prices];
    let words = [&words[..], &["--unit", "orders", "--count", &count]].concat();
    let output = shop.world.tidegate(&words).await;
    assert!(output.status.success(), "{}", shown(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let measured = Measured::from_report(&report);
    println!("an order: {:.2?}", measured.amounts);
    println!("USD for a million: {:.2}, by user {:.2?}", measured.usd(), measured.users);
    measured
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "batches must be as full as on an idle machine"]
async fn an_order_of_one_product_costs_what_the_page_says() {
    let shop = Shop::open().await;
    let numbers: Vec<String> = (0..ORDERS).map(|number| number.to_string()).collect();
    let orders: Vec<PlaceOrder> = numbers.iter().map(|number| order(number)).collect();
    shop.place(&orders).await;
    for number in &numbers {
        shop.until(number, OrderStatus::Completed).await;
    }
    shop.world.settle().await;
    let measured = measured(&shop, ORDERS).await;
    shop.close().await;
    measured.is_said(&page(), "orders of one product");
}

#[test]
fn what_an_order_is_compared_with_costs_what_its_least_steps_cost() {
    let transitions = TRANSITIONS * price("step_functions_transitions");
    let operations = WAITS * OPERATIONS + (TRANSITIONS - WAITS);
    let operations = operations * price("durable_operations");
    let page = page();
    assert_eq!(row(&page, "six steps with Step Functions")[0], format!("{transitions:.0}"));
    assert_eq!(row(&page, "six steps with durable functions")[0], format!("{operations:.0}"));
}
