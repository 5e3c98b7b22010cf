//! A consumer is added without touching a producer: by a function and a rule of the bus.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_json::Json;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::{Value, json};
use topology::pattern::Pattern;

use crate::any_project::Project;
use crate::command::{stderr, stdout, tidegate};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Copies a folder of the repository.
fn copy(folder: &str, into: &Path) {
    let (from, to) = (repository().join(folder), into.join(folder));
    std::fs::create_dir_all(&to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            copy(&name, into);
        } else {
            std::fs::copy(entry.path(), into.join(name)).unwrap();
        }
    }
}

/// Returns all files below a folder, by their path in it.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_new_consumer_is_a_folder_and_lines_of_the_topology_and_no_producer_changes() {
    let workspace = tempfile::tempdir().unwrap();
    let root = workspace.path();
    let manifest = "[workspace]\nmembers = [\"functions/*\", \"events\"]\n\n\
                    [workspace.dependencies]\ntidegate = \"0.1\"\n";
    std::fs::write(root.join("Cargo.toml"), manifest).unwrap();
    for folder in ["functions", "events/src", "events/schemas"] {
        copy(folder, root);
    }
    std::fs::create_dir(root.join("infra")).unwrap();
    let file = root.join("infra/topology.auto.tfvars");
    std::fs::copy(repository().join("infra/topology.auto.tfvars"), &file).unwrap();
    let (before, declared) = (files(root), topology::load(&file).unwrap());
    assert!(before.len() > 100, "{}", before.len());

    let new = ["new", "function", "order-audit", "--source", "eventbridge"];
    let arguments = [&new[..], &["--from", "shop.fulfilment:OrderCompleted"]].concat();
    let output = tidegate(&arguments, root, &[]).await;
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));

    let after = files(root);
    let changed: Vec<&String> = before
        .iter()
        .filter(|(name, text)| after.get(*name) != Some(text))
        .map(|of| of.0)
        .collect();
    assert_eq!(changed, ["infra/topology.auto.tfvars"], "every other file is as it was");
    let old = String::from_utf8_lossy(&before["infra/topology.auto.tfvars"]);
    let new = String::from_utf8_lossy(&after["infra/topology.auto.tfvars"]);
    let mut lines = new.lines();
    assert!(old.lines().all(|line| lines.any(|other| other == line)), "a line was changed");
    let added: Vec<(&String, &Vec<u8>)> =
        after.iter().filter(|(name, _)| !before.contains_key(*name)).collect();
    assert!(added.iter().any(|(name, _)| name.ends_with("src/handler.rs")), "{added:?}");
    for (name, text) in added {
        assert!(name.starts_with("functions/order-audit/"), "{name}");
        let text = String::from_utf8_lossy(text);
        for other in declared.functions.keys() {
            assert!(!text.contains(other.as_str()), "{name} names the function {other}");
        }
    }

    let now = topology::load(&file).unwrap();
    for (name, function) in &declared.functions {
        assert_eq!(now.functions.get(name), Some(function), "{name} is declared as it was");
    }
    let payload = repository().join("events/payloads/OrderCompleted.json");
    let detail: Value = serde_json::from_slice(&std::fs::read(payload).unwrap()).unwrap();
    let event =
        json!({ "source": detail["source"], "detail-type": detail["type"], "detail": detail });
    let takes = |topology: &topology::Topology| -> Vec<String> {
        let rules = topology.rule_targets().filter(|rule| {
            Pattern::parse(&rule.declared.pattern).unwrap().matches(&Json::from(&event))
        });
        rules.filter_map(|rule| rule.target.function.clone()).collect()
    };
    assert_eq!(takes(&declared), [""; 0]);
    assert_eq!(takes(&now), ["order-audit"]);
}

/// A bus with one consumer, as a team has it.
const BEFORE: &str = r#"
buses = { shop = {} }
rules = {
  placed-mail = {
    bus     = "shop"
    pattern = { source = ["shop.orders"], detail-type = ["OrderPlaced"] }
    target  = { function = "mail" }
  }
}
functions = {
  mail = { command = ["python3", "-m", "awslambdaric", "app.handler"], timeout_seconds = 30 }
}
"#;

/// What another team adds.
const RULE: &str = r#"rules = {
  placed-audit = {
    bus     = "shop"
    pattern = { source = ["shop.orders"], detail-type = ["OrderPlaced", "OrderRejected"] }
    target  = { function = "audit" }
  }"#;
const FUNCTION: &str = r#"functions = {
  audit = { command = ["python3", "-m", "awslambdaric", "app.handler"], timeout_seconds = 30 }"#;

const HANDLER: &str = r#"
def handler(event, context):
    print("took", event["detail-type"], event["detail"]["id"])
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_reaches_the_new_consumer_beside_the_old_one() {
    let after = BEFORE.replacen("rules = {", RULE, 1).replacen("functions = {", FUNCTION, 1);
    let project = Project::in_python(&[("topology.hcl", &after), ("app.py", HANDLER)]);
    project.up(&[]).await;
    let clients = project.clients().await;
    let mut sent = BTreeMap::new();
    for kind in ["OrderPlaced", "OrderRejected"] {
        let payload = repository().join(format!("events/payloads/{kind}.json"));
        let detail = std::fs::read_to_string(payload).unwrap();
        let id = serde_json::from_str::<Value>(&detail).unwrap()["id"].clone();
        sent.insert(kind, format!("took {kind} {}", id.as_str().unwrap()));
        let entry = PutEventsRequestEntry::builder().event_bus_name("shop").source("shop.orders");
        let entry = entry.detail_type(kind).detail(detail).build();
        let put = clients.events.put_events().entries(entry).send().await.unwrap();
        assert_eq!(put.failed_entry_count(), 0, "{put:?}");
    }
    let audited = |log: &str| sent.values().all(|line| log.contains(line));
    project
        .until("delivered", |status| {
            status["idle"] == true
                && audited(&project.log("audit"))
                && project.log("mail").contains(&sent["OrderPlaced"])
        })
        .await;
    assert!(!project.log("mail").contains("OrderRejected"), "{}", project.log("mail"));
    project.down().await;
}
