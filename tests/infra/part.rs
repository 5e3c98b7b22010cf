//! The part of the system that is deployed here: the order path.
//!
//! The emulator has no payment provider, and its IAM is asked for each statement of each function,
//! which takes minutes. The other functions get their roles by the same rules.

use std::fs;
use std::path::Path;

use topology::Topology;

use crate::programs::repository;

/// The functions from an order on the stream to its e-mail.
pub(crate) const ORDER_PATH: [&str; 4] =
    ["event-publisher", "notification", "order-processor", "order-projection"];

/// Sections that only other functions need.
const LEFT_OUT: [&str; 4] = ["apis", "breakers", "processes", "schedules"];
/// A rule that no function of the part publishes for.
const RULE_LEFT_OUT: &str = "order-progress-notification";

/// Returns the part's topology.
pub(crate) fn declared() -> Topology {
    topology::parse(&text()).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// Writes the part over a copy of the topology file.
pub(crate) fn write(file: &Path) {
    fs::write(file, text()).expect("a topology file");
}

/// Returns the topology file without what the part leaves out, otherwise as it is written.
fn text() -> String {
    let file = repository().join("infra/topology.auto.tfvars");
    let whole = fs::read_to_string(file).expect("the topology");
    let functions = topology::parse(&whole).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let others = functions.functions.keys().map(String::as_str);
    let others = others.filter(|name| !ORDER_PATH.contains(name)).map(|name| (2, name));
    let begins: Vec<String> = others
        .chain([(2, RULE_LEFT_OUT)])
        .chain(LEFT_OUT.map(|name| (0, name)))
        .map(|(indent, name)| format!("{}{name} = {{", " ".repeat(indent)))
        .collect();
    let mut kept = String::new();
    // The line that ends what is being left out.
    let mut end: Option<String> = None;
    let mut section = "";
    for line in whole.lines() {
        if let Some(name) = line.strip_suffix(" = {")
            && !line.starts_with(' ')
        {
            section = name;
        }
        if let Some(last) = &end {
            if line == last {
                end = None;
            }
            continue;
        }
        // Queues and tables may have the name of a function.
        let entry = line.starts_with(' ');
        let named = begins.iter().any(|begin| begin == line);
        if named && (!entry || ["functions", "rules"].contains(&section)) {
            let indent = line.len() - line.trim_start().len();
            end = Some(format!("{}}}", " ".repeat(indent)));
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

#[test]
fn the_part_is_the_order_path_and_valid() {
    let part = declared();
    assert!(part.functions.keys().map(String::as_str).eq(ORDER_PATH));
    assert_eq!(part.rules.len(), 1);
    assert!(part.processes.is_empty() && part.apis.is_empty() && part.breakers.is_empty());
}
