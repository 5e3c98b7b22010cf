//! The figures in prose: compares docs/cost.md with the command's output, and README.md with
//! docs/cost.md.
//!
//! The page covers the measured functions. A function that is added later needs no new measurement
//! at once; the other functions are still compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{infra, repository};
use crate::command::{stdout, tidegate};

/// The command in docs/cost.md that produced its estimate.
const COMMAND: &str = "tidegate cost --measurement infra/measurement.json";

/// Collects all texts in a value.
fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => drop(found.insert(text.clone())),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(values) => values.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

/// Removes functions that were not measured from a topology, and everything that only they use.
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
    let (kept, added): (Map<_, _>, Map<_, _>) =
        functions.into_iter().partition(|(name, _)| measured(name));
    let sources = |functions: &Map<String, Value>| {
        let sources =
            functions.values().filter_map(|function| function["sources"].as_object()).cloned();
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

/// Returns the command's output about the measured functions, in a directory with infra files.
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

/// Writes a topology. HCL accepts JSON as an expression.
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
    // Sums in the surrounding text are those of the command.
    let text = page.replace(screen.trim_end(), "");
    let prices = fs::read_to_string(repository().join("infra/prices.json")).unwrap();
    let mut sums = 0;
    for part in text.split("USD ").skip(1) {
        let sum: String = part
            .chars()
            .take_while(|letter| letter.is_ascii_digit() || ".,".contains(*letter))
            .collect();
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
    rule["target"]["function"] = json!("packing");
    let asynchronous = topology["functions"]["notification"]["asynchronous"].clone();
    function["asynchronous"] = asynchronous;
    let letters = topology["queues"]["dead-letters"].clone();
    for (section, name, value) in [
        ("streams", "parcels", topology["streams"]["orders"].clone()),
        ("tables", "parcels", topology["tables"]["order-view"].clone()),
        ("queues", "parcel-failures", letters),
        ("rules", "order-placed-packing", rule),
        ("functions", "packing", function),
    ] {
        topology[section][name] = value;
    }
    write(&file, &topology);
    let words: Vec<&str> = COMMAND.split(' ').skip(1).collect();
    let whole = stdout(&tidegate(&words, directory.path(), &[]).await);
    assert!(whole.contains("the work of") && whole.contains("packing was not measured"), "{whole}");
    assert!(whole.contains("parcels"), "its shards are paid every month: {whole}");
    assert_eq!(screen_of_measured(directory.path()).await, before);
}

/// The amounts of money in a text, each with its line: `USD 1.50`, `$1.50`, `2 dollars`, `2 USD`.
fn amounts(text: &str) -> Vec<(usize, &str)> {
    let number = |word: &&str| word.starts_with(|first: char| first.is_ascii_digit());
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let punctuation = |letter: char| !letter.is_ascii_alphanumeric() && letter != '$';
        let words = line.split_whitespace().map(|word| word.trim_matches(punctuation));
        let words: Vec<&str> = words.collect();
        for (at, word) in words.iter().enumerate() {
            let next = words.get(at + 1);
            let before = at.checked_sub(1).and_then(|at| words.get(at));
            let amount = if *word == "USD" {
                // A currency after a number belongs to that number.
                next.filter(|next| number(next) && !before.is_some_and(number)).copied()
            } else if next.is_some_and(|next| *next == "USD" || next.starts_with("dollar")) {
                Some(*word).filter(number)
            } else {
                word.strip_prefix('$').filter(number)
            };
            found.extend(amount.map(|amount| (index + 1, amount)));
        }
    }
    found
}

/// Returns the amounts in a text that the page does not have, as FILE:LINE with both numbers.
///
/// An amount with fewer decimals is compared with the rounded one.
fn not_of_the_page(file: &str, text: &str, page: &str) -> Vec<String> {
    let value = |amount: &str| amount.replace(',', "").parse::<f64>().unwrap();
    let sums: Vec<f64> = amounts(page).into_iter().map(|(_, sum)| value(sum)).collect();
    let wrong = amounts(text).into_iter().filter_map(|(line, amount)| {
        let decimals = amount.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let shown = format!("{:.decimals$}", value(amount));
        if sums.iter().any(|sum| format!("{sum:.decimals$}") == shown) {
            return None;
        }
        let distance = |sum: &&f64| (**sum - value(amount)).abs();
        let nearest = sums.iter().min_by(|one, other| distance(one).total_cmp(&distance(other)))?;
        Some(format!(
            "{file}:{line}: it says {amount}; the nearest sum of docs/cost.md is {nearest:.2}"
        ))
    });
    wrong.collect()
}

#[test]
fn the_readme_says_no_amount_that_is_not_on_the_page_about_cost() {
    let read = |file: &str| fs::read_to_string(repository().join(file)).unwrap();
    let (readme, page) = (read("README.md"), read("docs/cost.md"));
    assert!(amounts(&page).len() > 5, "docs/cost.md has no sums");
    assert!(!amounts(&readme).is_empty(), "README.md does not say what the system costs");
    let wrong = not_of_the_page("README.md", &readme, &page);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_amount_is_found_in_every_form_and_compared_as_exactly_as_it_is_written() {
    let page = "== dev: USD 34.65 a month, and USD 1,099.62 per million\n";
    let text = "It costs $34.65 (about 35 dollars),\nor **USD 1,099.6**; 34.65 USD. 7 shards.\n";
    assert_eq!(amounts(text), [(1, "34.65"), (1, "35"), (2, "1,099.6"), (2, "34.65")]);
    assert_eq!(not_of_the_page("README.md", text, page), Vec::<String>::new());
    assert_eq!(
        not_of_the_page("README.md", "\nabout 29 dollars, or USD 34.64", page),
        [
            "README.md:2: it says 29; the nearest sum of docs/cost.md is 34.65",
            "README.md:2: it says 34.64; the nearest sum of docs/cost.md is 34.65",
        ]
    );
}
