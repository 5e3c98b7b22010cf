//! Tests that only Terraform owns the alias that invokes a function.

use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::differences::{Change, changes};
use crate::wait::timed;

const FUNCTION: &str = "order-processor";

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_somebody_moved_is_planned_back_unless_its_version_is_declared() {
    let system = Deployment::apply().await;
    let topology = system.terraform.topology();
    let text = std::fs::read_to_string(&topology).unwrap();
    // Another configuration makes another version.
    std::fs::write(
        &topology,
        text.replacen("memory_mb           = 256", "memory_mb           = 512", 1),
    )
    .unwrap();
    timed("terraform apply of another version", system.terraform.apply()).await;
    assert_eq!(version(&system).await, "2");
    assert_eq!(moved(&system.terraform.plan().await), None, "nobody has moved the alias");

    let path = format!("/2015-03-31/functions/{FUNCTION}/aliases/live");
    system.api.put("lambda", &path, &json!({ "FunctionVersion": "1" })).await;
    let plan = system.terraform.plan().await;
    assert_eq!(moved(&plan).map(|change| change.action).as_deref(), Some("update"));
    let drifted = plan["resource_drift"].as_array().unwrap().iter();
    let drifted = drifted.filter(|drift| drift["address"] == address()).count();
    assert_eq!(drifted, 1, "scripts/planned says from this that somebody has moved the alias");

    declare(&system, "versions = { order-processor = \"1\" }\n");
    assert_eq!(moved(&system.terraform.plan().await), None, "the declared version is kept");
    timed("terraform apply with the declared version", system.terraform.apply()).await;
    assert_eq!(version(&system).await, "1");
    let outputs = system.terraform.plan().await;
    assert_eq!(outputs["planned_values"]["outputs"]["versions"]["value"][FUNCTION], "1");

    declare(&system, "versions = { order-processor = \"9\" }\n");
    let refusal = system.terraform.refused_plan().await;
    assert!(
        refusal.contains("couldn't find resource") || refusal.contains("must stay at version 9"),
        "{refusal}"
    );
    assert_eq!(version(&system).await, "1", "nothing was changed");
}

fn address() -> String {
    format!("module.function[\"{FUNCTION}\"].aws_lambda_alias.live")
}

/// The planned change of the alias's version.
fn moved(plan: &Value) -> Option<Change> {
    changes(plan)
        .into_iter()
        .find(|change| change.address == address() && change.attribute == "function_version")
}

/// The version that the alias points to.
async fn version(system: &Deployment) -> String {
    let path = format!("/2015-03-31/functions/{FUNCTION}/aliases/live");
    let alias = system.api.get("lambda", &path).await.expect("an alias");
    alias["FunctionVersion"].as_str().expect("a version").to_owned()
}

/// Writes the overrides of operators. The last call wins.
fn declare(system: &Deployment, line: &str) {
    std::fs::write(system.terraform.overrides(), line).unwrap();
}
