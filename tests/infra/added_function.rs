//! Tests that an entry in the topology and a program with its name add a function.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;
use tidegate_local::emulator::Backend;
use tidegate_local::engine::{Engine, Options};

use crate::emulator::Emulator;
use crate::order::place_order;
use crate::programs::{directory, repository};
use crate::terraform::{Terraform, zips};
use crate::wait::{say, timed, until};

const ADDED: &str = "order-auditor";
/// The function whose program and declaration the new one copies.
const LIKE: &str = "order-processor";

/// Other changes of the plan, and their reasons.
const ALSO_CHANGED: [(&str, &str); 2] = [
    ("aws_cloudwatch_dashboard.*", "it shows every function"),
    (
        "module.bucket[\"dead-letters\"].aws_s3_bucket_lifecycle_configuration.*",
        "its letters expire",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_added_function_is_planned_with_its_own_resources_alone_and_the_engine_runs_it() {
    let emulator = Emulator::start().await;
    let mut terraform = Terraform::new(&emulator.endpoint).await;
    let with_it = tempfile::tempdir().unwrap();
    add_program(&zips(), &zips().join(LIKE), with_it.path());
    terraform.take_zips_from(with_it.path().to_owned());
    let before = timed("terraform plan", terraform.plan()).await;
    add_to_topology(&terraform.topology());
    let after = timed("terraform plan with one more function", terraform.plan()).await;

    let (before, after) = (planned(&before), planned(&after));
    let own: Vec<&String> = after.keys().filter(|address| !before.contains_key(*address)).collect();
    assert!(
        own.iter().all(|address| address.contains(ADDED)),
        "what is new is not all of the new function: {own:#?}"
    );
    for kind in [
        "aws_lambda_function.this",
        "aws_iam_role_policy.this",
        "aws_lambda_event_source_mapping.this",
    ] {
        let address = format!("module.function[\"{ADDED}\"].{kind}");
        assert!(
            own.iter().any(|own| own.starts_with(&address)),
            "{address} is not planned: {own:#?}"
        );
    }
    let changed: Vec<&String> = before
        .iter()
        .filter(|(address, value)| after.get(*address) != Some(value))
        .map(|(address, _)| address)
        .collect();
    let unlisted: Vec<&&String> = changed
        .iter()
        .filter(|address| {
            !ALSO_CHANGED.iter().any(|(pattern, _)| crate::differences::matches(pattern, address))
        })
        .collect();
    assert!(unlisted.is_empty(), "one more function changes others: {unlisted:#?}");
    say(&format!(
        "{} resources of the new function, {} others as before",
        own.len(),
        before.len() - changed.len()
    ));

    timed("the engine runs it", runs(&terraform.topology())).await;
}

/// Starts the engine with the new function, and waits until it has handled an order.
async fn runs(topology: &Path) {
    let (state, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for function in std::fs::read_dir(repository().join("functions")).unwrap() {
        let name = function.unwrap().file_name();
        symlink(directory().join(&name), programs.path().join(&name)).unwrap();
    }
    symlink(directory().join(LIKE), programs.path().join(ADDED)).unwrap();
    let mut options =
        Options::new(topology.to_owned(), Backend::MiniStack, state.path().to_owned());
    options.bin_dir = Some(programs.path().to_owned());
    let engine = Engine::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    let put = engine.clients().kinesis.put_record().stream_name("orders").partition_key("order#1");
    let order = aws_sdk_kinesis::primitives::Blob::new(place_order("1", 1).to_string());
    put.data(order).send().await.expect("a put record");
    until("the new function has handled the order", async || {
        let status = serde_json::to_value(engine.status().await).unwrap();
        let metrics = &status["functions"][ADDED]["metrics"];
        // Both functions read the stream. The second one finds that the order is already placed.
        let handled = ["Applied", "Duplicate"]
            .map(|name| metrics[name].as_f64().unwrap_or(0.0))
            .iter()
            .sum::<f64>();
        if handled >= 1.0 { Ok(()) } else { Err(status["functions"][ADDED].to_string()) }
    })
    .await;
    engine.shutdown().await;
}

fn add_to_topology(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let start = text.find(&format!("\n  {LIKE} = {{\n")).expect("the declaration");
    let end = start + text[start..].find("\n  }\n").expect("its end") + "\n  }\n".len();
    let added = text[start..end].replacen(LIKE, ADDED, 1);
    std::fs::write(path, format!("{}{added}{}", &text[..end], &text[end..])).unwrap();
}

/// Creates a directory of links to everything in another one, plus one more link.
fn add_program(from: &Path, like: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), to.join(entry.file_name())).unwrap();
    }
    symlink(like, to.join(ADDED)).unwrap();
}

/// The planned values of each resource.
fn planned(plan: &Value) -> BTreeMap<String, Value> {
    let resources = plan["resource_changes"].as_array().unwrap().iter();
    resources
        .map(|resource| {
            (resource["address"].as_str().unwrap().to_owned(), resource["change"]["after"].clone())
        })
        .collect()
}
