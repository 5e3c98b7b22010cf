//! docs/cost.md beside what the command says. The page is about the functions that were measured: one that is added is no reason to measure again
//! at once, and none to compare nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{infra, repository};
use crate::command::{stdout, tidegate};

/// How docs/cost.md says that its estimate was made.
const COMMAND: &str = "tidegate cost --measurement infra/measurement.json";

/// All texts in a value.
fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(found.insert(text.clone())),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(values) => values.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// Leaves of a topology the functions that were measured, and takes away with the others what they alone have to do with.
fn keep_measured(topology: &mut Map<String, Value>, measurement: &Value) {
    let section = |topology: &mut Map<String, Value>, name: &str| -> Map<String, Value> {
        topology.remove(name).and_then(|section| section.as_object().cloned()).unwrap_or_default()
    };
    let names = |values: &Map<String, Value>| {
        let mut found = BTreeSet::new();
        values.values().for_each(|value| texts(value, &mut found));
        found
    };
    let measured = |name: &String| measurement["functions"].get(name).is_some();
    let functions = section(topology, "functions");
    let (kept, added): (Map<_, _>, Map<_, _>) = functions.into_iter().partition(|(name, _)| measured(name));
    let sources = |functions: &Map<String, Value>| {
        let sources = functions.values().filter_map(|function| function["sources"].as_object()).cloned();
        sources.flat_map(|sources| names(&sources)).collect::<BTreeSet<String>>()
    };
    let (read, read_by_added) = (sources(&kept), sources(&added));
    let rules = section(topology, "rules");
    let (rules, added_rules): (Map<_, _>, Map<_, _>) = rules.into_iter().partition(|(_, rule)| {
        let queue = rule["target"]["queue"].as_str().unwrap_or_default();
        let function = rule["target"]["function"].as_str();
        function.is_none_or(|name| kept.contains_key(name))
            && (read.contains(queue) || !read_by_added.contains(queue))
    });
    let mut gone: BTreeSet<String> = names(&added).into_iter().chain(names(&added_rules)).collect();
    let queues = topology.get("queues").cloned().unwrap_or_default();
    for name in gone.clone() {
        texts(&queues[&name], &mut gone);
    }
    let mut used: BTreeSet<String> = names(&kept).into_iter().chain(names(&rules)).collect();
    for name in used.clone() {
        texts(&queues[&name], &mut used);
    }
    for name in ["streams", "tables", "queues", "buckets", "buses"] {
        let mut declared = section(topology, name);
        declared.retain(|name, _| used.contains(name) || !gone.contains(name));
        topology.insert(name.to_owned(), declared.into());
    }
    topology.insert("rules".to_owned(), rules.into());
    topology.insert("functions".to_owned(), kept.into());
}

/// What the command says of the functions that were measured, in a directory with infra files.
async fn screen_of_measured(directory: &Path) -> String {
    let infra = directory.join("infra");
    let measurement = fs::read_to_string(infra.join("measurement.json")).unwrap();
    let measurement: Value = serde_json::from_str(&measurement).unwrap();
    let file = infra.join("topology.auto.tfvars");
    let mut topology = topology::values(&file).unwrap();
    let functions = topology["functions"].as_object().unwrap();
    if functions.keys().any(|name| measurement["functions"].get(name).is_none()) {
        keep_measured(&mut topology, &measurement);
        write(&file, &topology);
    }
    let words: Vec<&str> = COMMAND.split(' ').skip(1).collect();
    stdout(&tidegate(&words, directory, &[]).await)
}

/// Writes a topology: HCL takes JSON for an expression.
fn write(file: &Path, topology: &Map<String, Value>) {
    let lines = topology.iter().map(|(name, value)| format!("{name} = {value}\n"));
    fs::write(file, lines.collect::<String>()).unwrap();
}

#[tokio::test]
async fn the_page_about_cost_shows_what_the_command_says() {
    let page = fs::read_to_string(repository().join("docs/cost.md")).unwrap();
    assert!(page.contains(COMMAND), "the page does not say how its estimate is made");
    let screen = screen_of_measured(infra().path()).await;
    assert!(
        page.contains(screen.trim_end()),
        "docs/cost.md is not what `{COMMAND}` says of the functions that were measured; put this between its fences:\n{screen}"
    );
    // Sums in the text around it are the command's own.
    let text = page.replace(screen.trim_end(), "");
    let prices = fs::read_to_string(repository().join("infra/prices.json")).unwrap();
    let mut sums = 0;
    for part in text.split("USD ").skip(1) {
        let sum: String =
            part.chars().take_while(|letter| letter.is_ascii_digit() || ".,".contains(*letter)).collect();
        let sum = sum.trim_end_matches(['.', ',']);
        assert!(
            screen.contains(sum) || prices.contains(&format!("\"usd\": {sum}")),
            "USD {sum} is not in the estimate"
        );
        sums += 1;
    }
    assert!(sums > 5, "{sums}");
}

#[tokio::test]
async fn a_function_that_was_added_with_all_that_belongs_to_it_takes_no_sum_from_the_page() {
    let directory = infra();
    let before = screen_of_measured(directory.path()).await;
    let file = directory.path().join("infra/topology.auto.tfvars");
    let mut topology = topology::values(&file).unwrap();
    let mut source = topology["functions"]["order-processor"]["sources"]["orders"].clone();
    source["stream"] = json!("parcels");
    source["on_failure"]["queue"] = json!("parcel-failures");
    let mut function = topology["functions"]["order-processor"].clone();
    function["sources"] = json!({ "parcels": source });
    function["uses"]["PARCELS"] = json!({ "table": "parcels", "access": "read-write" });
    let mut rule = topology["rules"]["order-placed-notification"].clone();
    rule["target"]["function"] = json!("shipping");
    let asynchronous = topology["functions"]["notification"]["asynchronous"].clone();
    function["asynchronous"] = asynchronous;
    let letters = topology["queues"]["dead-letters"].clone();
    for (section, name, value) in [
        ("streams", "parcels", topology["streams"]["orders"].clone()),
        ("tables", "parcels", topology["tables"]["order-view"].clone()),
        ("queues", "parcel-failures", letters),
        ("rules", "order-placed-shipping", rule),
        ("functions", "shipping", function),
    ] {
        topology[section][name] = value;
    }
    write(&file, &topology);
    let words: Vec<&str> = COMMAND.split(' ').skip(1).collect();
    let whole = stdout(&tidegate(&words, directory.path(), &[]).await);
    assert!(whole.contains("the work of") && whole.contains("shipping was not measured"), "{whole}");
    assert!(whole.contains("parcels"), "its shards are paid every month: {whole}");
    assert_eq!(screen_of_measured(directory.path()).await, before);
}
