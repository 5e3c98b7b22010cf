//! `tidegate cost` without a running system.

mod page;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::command::{json, said, stdout, tidegate};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file(name: &str) -> String {
    repository().join(name).display().to_string()
}

/// Returns a directory with copies of the repository's infra files, which a test may damage.
fn infra() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("infra/env")).unwrap();
    for name in [
        "topology.auto.tfvars",
        "variables.tf",
        "topology.tf",
        "prices.json",
        "measurement.json",
        "env/dev.tfvars",
        "env/prod.tfvars",
        "env/local.tfvars",
    ] {
        fs::copy(repository().join("infra").join(name), directory.path().join("infra").join(name))
            .unwrap();
    }
    directory
}

async fn estimate(directory: &Path, arguments: &[&str]) -> Value {
    let arguments =
        [&["cost", "--measurement", "infra/measurement.json", "--json"], arguments].concat();
    json(&tidegate(&arguments, directory, &[]).await)
}

#[tokio::test]
async fn a_function_that_was_added_is_estimated_without_its_work_which_is_said() {
    let directory = infra();
    let file = directory.path().join("infra/measurement.json");
    let mut measurement: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    measurement["functions"].as_object_mut().unwrap().remove("notification");
    fs::write(&file, measurement.to_string()).unwrap();
    let words = ["cost", "--measurement", "infra/measurement.json"];
    let screen = stdout(&tidegate(&words, directory.path(), &[]).await);
    let remark =
        screen.lines().find(|line| line.contains("was not measured and is not counted")).unwrap();
    assert!(remark.trim_start().starts_with("the work of notification"), "{remark}");
    assert!(!screen.contains("SendEmail"), "{screen}");
}

#[tokio::test]
async fn every_environment_but_the_local_one_is_estimated_and_one_can_be_named() {
    let directory = infra();
    let names = |report: &Value| -> Vec<String> {
        report["environments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| each["environment"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&estimate(directory.path(), &[]).await), ["dev", "prod"]);
    assert_eq!(names(&estimate(directory.path(), &["--environment", "local"]).await), ["local"]);
    let own = directory.path().join("own.tfvars");
    fs::write(&own, "environment = \"own\"\nstream_shards = { orders = 3 }\n").unwrap();
    let report = estimate(directory.path(), &["--tfvars", own.to_str().unwrap()]).await;
    assert_eq!(names(&report), ["own"]);
    let floor = report["environments"][0]["monthly_floor"]["lines"].as_array().unwrap();
    let shards = floor.iter().find(|line| line["what"] == "shards").unwrap();
    assert_eq!(shards["amount"], json!(3.0 * 730.0));
}

#[tokio::test]
async fn statements_of_a_batch_are_paid_by_their_units_like_the_writes_that_they_replace() {
    let directory = infra();
    let total = |report: &Value| report["environments"][0]["work"]["usd"].as_f64().unwrap();
    let single = total(&estimate(directory.path(), &[]).await);
    let file = directory.path().join("infra/measurement.json");
    let mut measurement: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let calls = measurement["functions"]["order-processor"]["calls"].as_object_mut().unwrap();
    let puts = calls.remove("DynamoDB.PutItem").unwrap();
    calls.insert("DynamoDB.BatchExecuteStatement".to_owned(), puts);
    fs::write(&file, measurement.to_string()).unwrap();
    let report = estimate(directory.path(), &[]).await;
    assert!((total(&report) / single - 1.0).abs() < 1e-12, "{} and {single}", total(&report));
    let words = ["cost", "--measurement", "infra/measurement.json"];
    let screen = stdout(&tidegate(&words, directory.path(), &[]).await);
    let line = screen.lines().find(|line| line.contains("BatchExecuteStatement")).unwrap();
    assert!(line.contains("write units"), "{screen}");
}

#[tokio::test]
async fn the_price_is_for_as_many_units_as_are_asked_for() {
    let directory = infra();
    let work = |report: &Value| report["environments"][0]["work"]["usd"].as_f64().unwrap();
    let million = work(&estimate(directory.path(), &[]).await);
    let thousand = work(&estimate(directory.path(), &["--per", "1000"]).await);
    assert!((million / thousand / 1000.0 - 1.0).abs() < 1e-9);
    let file = directory.path().join("infra/measurement.json");
    let measured: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let twice = (measured["unit"]["count"].as_u64().unwrap() * 2).to_string();
    let halves = work(&estimate(directory.path(), &["--unit", "halves", "--count", &twice]).await);
    assert!((million / halves - 2.0).abs() < 1e-9);
    let arguments = [
        "cost",
        "--measurement",
        "infra/measurement.json",
        "--environment",
        "dev",
        "--monthly",
        "50000",
    ];
    let screen = stdout(&tidegate(&arguments, directory.path(), &[]).await);
    assert!(screen.contains("in a month of 50,000 orders"), "{screen}");
}

#[tokio::test]
async fn what_keeps_it_from_an_estimate_is_one_line_that_says_what_to_do() {
    let spoil = |name: &'static str, text: &str| {
        let directory = infra();
        fs::write(directory.path().join("infra").join(name), text).unwrap();
        directory
    };
    let measurement: Value = serde_json::from_str(
        &fs::read_to_string(repository().join("infra/measurement.json")).unwrap(),
    )
    .unwrap();
    let mut renamed = measurement.clone();
    renamed["functions"]["packing"] = renamed["functions"]["notification"].clone();
    let mut empty = measurement.clone();
    empty["unit"]["count"] = json!(0);
    let prices: Value =
        serde_json::from_str(&fs::read_to_string(repository().join("infra/prices.json")).unwrap())
            .unwrap();
    let mut unpriced = prices.clone();
    unpriced["prices"].as_object_mut().unwrap().remove("ses_messages");
    let saved = ["--measurement", "infra/measurement.json"];
    for (directory, arguments, says) in [
        (infra(), &[][..], "no local system is running"),
        (infra(), &[], "--measurement FILE"),
        (infra(), &["--measurement", "nothing.json"], "tidegate cost --save FILE"),
        (infra(), &[saved[0], saved[1], "--environment", "staging"], "there are: dev, local, prod"),
        (infra(), &[saved[0], saved[1], "--prices", "none.json"], "--prices FILE"),
        (spoil("measurement.json", "[]"), &saved, "this is not a measurement"),
        (
            spoil("measurement.json", &renamed.to_string()),
            &saved,
            "packing was measured and is not declared",
        ),
        (spoil("measurement.json", &empty.to_string()), &saved, "nothing was measured"),
        (spoil("prices.json", "{"), &saved, "this is not a price table"),
        (
            spoil("prices.json", &unpriced.to_string()),
            &saved,
            "no price `ses_messages`, which notification needs",
        ),
        (
            spoil("env/dev.tfvars", "environment = \"dev\"\nlog_retention_days = \"long\"\n"),
            &saved,
            "dev.tfvars:2:1: log_retention_days: invalid type",
        ),
        (
            spoil("env/dev.tfvars", "log_level = \"INFO\"\n"),
            &saved,
            "dev.tfvars: environment: it is not set",
        ),
        (
            spoil("env/dev.tfvars", "environment = \"dev\"\nstream_shards = { oders = 2 }\n"),
            &saved,
            "dev.tfvars:2:1: stream_shards: it names oders, which is not declared; declared: orders",
        ),
        (
            spoil("env/dev.tfvars", "environment = \"dev\"\n\narchitecture = \"arm\"\n"),
            &saved,
            "dev.tfvars:3:1: architecture: it is arm; must be x86_64 or arm64",
        ),
        (
            spoil("env/dev.tfvars", "environment = \"dev\"\nxray_tracng = true\n"),
            &saved,
            "dev.tfvars:2:1: xray_tracng: it is not a declared variable; declared are account_id, \
             alarm_email_addresses, apis, architecture,",
        ),
        (spoil("env/dev.tfvars", "environment = var.x\n"), &saved, "dev.tfvars:1:15"),
        (spoil("topology.auto.tfvars", "streams = 1\n"), &saved, "topology.auto.tfvars:1:1"),
    ] {
        let arguments = [&["cost"], arguments].concat();
        let output = tidegate(&arguments, directory.path(), &[]).await;
        let text = said(&output, 1);
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
}

#[tokio::test]
async fn away_from_a_repository_it_says_how_to_name_the_topology() {
    let empty = tempfile::tempdir().unwrap();
    let text = said(
        &tidegate(&["cost", "--measurement", &file("infra/measurement.json")], empty.path(), &[])
            .await,
        1,
    );
    assert!(
        text.contains("there is no infra/topology.auto.tfvars here")
            && text.contains("--topology FILE"),
        "{text}"
    );
}

#[tokio::test]
async fn an_option_that_makes_no_sense_is_misuse() {
    let directory = infra();
    let saved = ["cost", "--measurement", "infra/measurement.json"];
    for (arguments, says) in [
        (&["--per", "0"][..], "above 0"),
        (&["--unit", "sales", "--count", "0"], "--count"),
        (&["--unit", "sales"], "give its number with --count N, or leave --unit out"),
    ] {
        let arguments = [&saved, arguments].concat();
        let text = said(&tidegate(&arguments, directory.path(), &[]).await, 2);
        assert!(text.contains(says), "{arguments:?}: {text}");
    }
    // A running system is counted in records, and --unit names such a record.
    let text = said(&tidegate(&["cost", "--unit", "sales"], directory.path(), &[]).await, 1);
    assert!(text.contains("no local system is running"), "{text}");
}

#[tokio::test]
async fn an_environment_may_set_whatever_terraform_knows_and_without_terraforms_files_anything() {
    let directory = infra();
    let infra = directory.path().join("infra");
    fs::copy(repository().join("infra/topology.tf"), infra.join("topology.tf")).unwrap();
    let own = infra.join("own.tfvars");
    let arguments = [
        "cost",
        "--measurement",
        "measurement.json",
        "--topology",
        "topology.auto.tfvars",
        "--tfvars",
        "own.tfvars",
    ];
    let text = "environment = \"own\"\nschema_registry = false\nbuckets = {}\n";
    fs::write(&own, text).unwrap();
    assert!(tidegate(&arguments, &infra, &[]).await.status.success());

    fs::remove_file(infra.join("variables.tf")).unwrap();
    let text = said(&tidegate(&arguments, &infra, &[]).await, 1);
    assert!(
        text.contains("own.tfvars: ") && text.contains("there is no variables.tf with a default"),
        "{text}"
    );
    let complete = "environment = \"own\"\nregion = \"us-east-1\"\narchitecture = \"arm64\"\nlog_level = \"INFO\"\n\
         log_retention_days = 1\nxray_tracing = false\ncustomer_managed_key = false\npoint_in_time_recovery = false\n\
         reserve_concurrency = false\ndetailed_metrics = false\nstream_retention_hours = {}\nstream_shards = {}\nfunction_overrides = {}\nof_another_project = 1\n";
    fs::write(&own, complete).unwrap();
    assert!(tidegate(&arguments, &infra, &[]).await.status.success());
}

#[test]
fn the_committed_measurement_is_of_declared_functions_that_worked() {
    let measurement: Value =
        serde_json::from_str(&fs::read_to_string(file("infra/measurement.json")).unwrap()).unwrap();
    let topology = topology::load(Path::new(&file("infra/topology.auto.tfvars"))).unwrap();
    let measured = measurement["functions"].as_object().unwrap();
    assert!(!measured.is_empty());
    // What was measured came by the stream, so functions of an API may have had nothing to do.
    let answers = |name: &str| {
        topology.apis.values().any(|api| api.routes.values().any(|route| route.function == name))
    };
    for (name, used) in measured {
        assert!(topology.functions.contains_key(name), "{name} was measured and is not declared");
        let worked = used["invocations"].as_u64() > Some(0) && used["billed_ms"].as_u64() > Some(0);
        assert!(worked || answers(name), "{name}");
    }
}
