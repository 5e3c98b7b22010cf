//! `tidegate new function` in a separate workspace, with this repository's topology.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use topology::{SourceKind, Topology};

use crate::command::{said, stderr, stdout, tidegate};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Creates a workspace without functions.
fn workspace() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let manifest = "[workspace]\nmembers = [\"functions/*\", \"tools/one\"]\n\n[workspace.dependencies]\ntidegate = \"0.1\"\n";
    fs::write(directory.path().join("Cargo.toml"), manifest).unwrap();
    fs::create_dir(directory.path().join("infra")).unwrap();
    let declared = repository().join("infra/topology.auto.tfvars");
    fs::copy(declared, directory.path().join("infra/topology.auto.tfvars")).unwrap();
    directory
}

fn declared(workspace: &Path) -> String {
    fs::read_to_string(workspace.join("infra/topology.auto.tfvars")).unwrap()
}

fn loaded(workspace: &Path) -> Topology {
    topology::load(&workspace.join("infra/topology.auto.tfvars"))
        .unwrap_or_else(|error| panic!("{error}"))
}

async fn makes(arguments: &[&str], directory: &Path) -> String {
    let output = tidegate(&[&["new", "function"], arguments].concat(), directory, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
    stdout(&output)
}

async fn refuses(arguments: &[&str], directory: &Path, code: i32) -> String {
    said(&tidegate(&[&["new", "function"], arguments].concat(), directory, &[]).await, code)
}

/// Returns whether every line of `before` is in `after`, in the same order.
fn kept(before: &str, after: &str) -> bool {
    let mut lines = after.lines();
    before.lines().all(|line| lines.any(|other| other == line))
}

#[tokio::test]
async fn a_function_for_each_source_is_declared_and_the_topology_stays_as_it_is_written() {
    let workspace = workspace();
    let root = workspace.path();
    let before = declared(root);
    for (name, source, from) in [
        ("order-audit", "kinesis", Some("orders")),
        ("clicks", "kinesis", None),
        ("payments", "sqs", None),
        ("refunds", "sqs", Some("payments")),
        ("cache-filler", "dynamodb", None),
        ("cache-reader", "dynamodb", Some("cache-filler")),
        ("order-mailer", "eventbridge", Some("order-placed-notification")),
        ("return-mailer", "eventbridge", Some("shop.orders:ReturnRecorded")),
    ] {
        let text = declared(root);
        let from = from.map_or(vec![], |from| vec!["--from", from]);
        let said = makes(&[&[name, "--source", source], from.as_slice()].concat(), root).await;
        assert!(
            said.contains(&format!("functions.{name}")) && said.contains("cargo test --package"),
            "{said}"
        );
        assert!(kept(&text, &declared(root)), "{name} changed more than it added");
        for file in ["Cargo.toml", "src/main.rs", "src/handler.rs"] {
            assert!(root.join("functions").join(name).join(file).is_file(), "{name}/{file}");
        }
    }
    assert!(kept(&before, &declared(root)));
    let topology = loaded(root);
    let sources: Vec<_> = topology
        .sources()
        .map(|(function, _, source)| (function, source.kind().unwrap()))
        .collect();
    for wanted in [
        ("order-audit", SourceKind::Stream("orders")),
        ("clicks", SourceKind::Stream("clicks")),
        ("payments", SourceKind::Queue("payments")),
        ("refunds", SourceKind::Queue("payments")),
        ("cache-filler", SourceKind::Table("cache-filler")),
        ("cache-reader", SourceKind::Table("cache-filler")),
    ] {
        assert!(sources.contains(&wanted), "{wanted:?}");
    }
    assert_eq!(
        topology.rules["order-mailer"].pattern,
        topology.rules["order-placed-notification"].pattern
    );
    let pattern =
        serde_json::json!({ "source": ["shop.orders"], "detail-type": ["ReturnRecorded"] });
    assert_eq!(topology.rules["return-mailer"].pattern, pattern);
    assert_eq!(
        topology.rules["return-mailer"].target.as_ref().unwrap().function.as_deref(),
        Some("return-mailer")
    );
    let checked = tidegate(&["topology", "check"], root, &[]).await;
    let declared = topology::load(&repository().join("infra/topology.auto.tfvars")).unwrap();
    let functions = format!("{} functions", declared.functions.len() + 8);
    assert!(
        checked.status.success() && stdout(&checked).contains(&functions),
        "{}",
        stdout(&checked)
    );
}

#[tokio::test]
async fn a_topology_that_declares_nothing_gets_everything_a_function_needs() {
    for source in [
        &["kinesis"][..],
        &["sqs"],
        &["dynamodb"],
        &["eventbridge", "--from", "shop.orders:OrderPlaced"],
    ] {
        let workspace = workspace();
        fs::write(
            workspace.path().join("infra/topology.auto.tfvars"),
            "event_bytes_limit = 262144 # bytes",
        )
        .unwrap();
        makes(&[&["first", "--source"], source].concat(), workspace.path()).await;
        let topology = loaded(workspace.path());
        assert!(
            topology.functions.contains_key("first")
                && topology.buckets.contains_key("dead-letters"),
            "{source:?}"
        );
        assert!(topology.queues.contains_key("dead-letters"), "{source:?}");
        assert!(declared(workspace.path()).starts_with("event_bytes_limit = 262144 # bytes\n"));
    }
}

#[tokio::test]
async fn nothing_is_written_for_a_function_that_cannot_be() {
    let workspace = workspace();
    let root = workspace.path();
    fs::create_dir_all(root.join("tools/one")).unwrap();
    fs::write(root.join("tools/one/Cargo.toml"), "[package]\nname = \"one-tool\"\n").unwrap();
    fs::create_dir_all(root.join("functions/half-made")).unwrap();
    let before = declared(root);
    for (arguments, code, why) in [
        (&["Bad", "--source", "sqs"][..], 2, "is not a valid name of a function"),
        (&["match", "--source", "sqs"], 2, "choose another name"),
        (&["fine", "--source", "kafka"], 2, "kinesis, sqs, dynamodb, eventbridge"),
        (&["fine"], 2, "--source"),
        (&["fine", "--source", "kinesis", "--from", "ordres"], 2, "declared streams: orders"),
        (&["fine", "--source", "dynamodb", "--from", "sales"], 1, "which has no stream"),
        (&["fine", "--source", "dynamodb", "--from", "event-store"], 1, "reader 3"),
        (&["fine", "--source", "sqs", "--from", "dead-letters"], 2, "redrive"),
        (&["fine", "--source", "eventbridge"], 2, "SOURCE:TYPE"),
        (&["fine", "--source", "eventbridge", "--from", "no-rule"], 2, "order-placed-notification"),
        (&["orders", "--source", "kinesis"], 2, "add --from orders"),
        (&["notification", "--source", "sqs"], 1, "declares a function notification already"),
        (&["one-tool", "--source", "sqs"], 1, "package one-tool already"),
        (&["half-made", "--source", "sqs"], 1, "nothing is overwritten"),
        (&["half-made", "--source", "sqs", "--dry-run"], 1, "nothing is overwritten"),
        (
            &["fine", "--source", "sqs", "--tidegate-path", "tools/one"],
            2,
            "not the folder of the package tidegate",
        ),
    ] {
        let text = refuses(arguments, root, code).await;
        assert!(text.contains(why), "{arguments:?}: {text}");
        assert_eq!(declared(root), before, "{arguments:?}");
        assert_eq!(fs::read_dir(root.join("functions")).unwrap().count(), 1, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_topology_with_a_mistake_and_a_workspace_without_room_are_said() {
    let workspace = workspace();
    let root = workspace.path();
    let text = declared(root);
    fs::write(
        root.join("infra/topology.auto.tfvars"),
        text.replacen("shards = 1", "shards = 0", 1),
    )
    .unwrap();
    let said = refuses(&["fine", "--source", "sqs"], root, 1).await;
    assert!(said.contains("shards is 0") && said.contains("tidegate topology check"), "{said}");
    fs::write(root.join("infra/topology.auto.tfvars"), text).unwrap();
    fs::write(root.join("Cargo.toml"), "[workspace]\nmembers = [\"crates/*\"]\n").unwrap();
    let said = refuses(&["fine", "--source", "sqs"], root, 1).await;
    assert!(said.contains("add \"functions/fine\" to `members`"), "{said}");
    fs::write(root.join("Cargo.toml"), "[package]\nname = \"p\"\n").unwrap();
    assert!(refuses(&["fine", "--source", "sqs"], root, 1).await.contains("[workspace]"));
    assert!(!root.join("functions").exists());
}

#[tokio::test]
async fn a_dry_run_prints_everything_and_writes_nothing() {
    let workspace = workspace();
    let before = declared(workspace.path());
    let text = makes(&["clicks", "--source", "kinesis", "--dry-run"], workspace.path()).await;
    for part in [
        "functions/clicks/src/handler.rs:",
        "async fn handle(record: &Record",
        "tidegate.workspace = true",
        "clicks = { shards = 1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(declared(workspace.path()), before);
    assert!(!workspace.path().join("functions").exists());
}

#[tokio::test]
async fn without_a_topology_a_crate_of_its_own_is_made_and_what_to_declare_is_printed() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let said = refuses(&["alone", "--source", "sqs"], root, 2).await;
    assert!(
        said.contains("--tidegate-path DIR, --tidegate-git URL or --tidegate-version VERSION"),
        "{said}"
    );
    let said = refuses(
        &["alone", "--source", "sqs", "--from", "My Queue", "--tidegate-version", "0.1"],
        root,
        2,
    )
    .await;
    assert!(said.contains("`My Queue` is not a valid name"), "{said}");
    let toolkit = repository().join("crates/tidegate");
    let said = makes(
        &[
            "alone",
            "--source",
            "sqs",
            "--from",
            "jobs",
            "--tidegate-path",
            toolkit.to_str().unwrap(),
        ],
        root,
    )
    .await;
    for part in [
        "queue                      = \"jobs\"",
        "DEAD_LETTER_QUEUE_URL and DEAD_LETTER_BUCKET",
        "alone/Cargo.toml",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let manifest: toml::Table =
        fs::read_to_string(root.join("alone/Cargo.toml")).unwrap().parse().unwrap();
    assert_eq!(manifest["dependencies"]["tidegate"]["path"].as_str(), toolkit.to_str());
    let main = fs::read_to_string(root.join("alone/src/main.rs")).unwrap();
    assert!(main.contains("Handles messages from the queue `jobs`"), "{main}");
    assert!(
        refuses(&["alone", "--source", "sqs", "--tidegate-version", "0.1"], root, 1)
            .await
            .contains("nothing is overwritten")
    );
}

#[tokio::test]
async fn a_path_makes_a_crate_of_its_own_in_a_workspace_too_and_says_that_it_is_no_member() {
    let workspace = workspace();
    let before = declared(workspace.path());
    let said =
        makes(&["apart", "--source", "kinesis", "--path", "tools/apart"], workspace.path()).await;
    assert!(said.contains("add \"tools/apart\" to `members`"), "{said}");
    assert_eq!(declared(workspace.path()), before);
    let manifest = fs::read_to_string(workspace.path().join("tools/apart/Cargo.toml")).unwrap();
    assert!(
        manifest.contains("tidegate.workspace = true") && manifest.contains("edition = \"2024\""),
        "{manifest}"
    );
    let said =
        makes(&["whole", "--source", "kinesis", "--path", "tools/one"], workspace.path()).await;
    assert!(!said.contains("members"), "{said}");
}
