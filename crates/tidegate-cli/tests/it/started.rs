//! Tests where `tidegate local up` finds its topology, and which of the toolkit's tables its status
//! shows.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::any_project::Project;
use crate::command::{json as printed, stderr, stdout};

/// An idempotency table and a projection, at the default path of the topology.
const DECLARED: &str = r#"
tables = {
  event-store = {
    partition_key = { name = "stream", type = "S" }
    sort_key      = { name = "version", type = "N" }
    stream_view   = "NEW_IMAGE"
  }
  idempotency = { partition_key = { name = "key", type = "S" }, ttl_attribute = "expires_at" }
  view        = { partition_key = { name = "stream", type = "S" } }
  sums        = { partition_key = { name = "key", type = "S" }, sort_key = { name = "slice", type = "N" } }
}
functions = {
  projection = {
    command = ["sleep", "600"]
    uses = {
      VIEW = { table = "view", access = "read-write" }
      SUMS = { table = "sums", access = "read-write" }
    }
    sources = { events = { table = "event-store", starting_position = "TRIM_HORIZON" } }
  }
}
"#;

fn waits(status: &Value) -> Vec<(String, u64)> {
    let waits = status["waits_for_operator"].as_array().unwrap().iter();
    waits
        .map(|one| {
            (
                format!("{} {}", one["what"].as_str().unwrap(), one["of"].as_str().unwrap()),
                one["count"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_system_is_found_from_below_and_says_what_waits_for_a_person() {
    let project = Project::new(&[], None);
    for folder in ["infra", "functions/deep"] {
        std::fs::create_dir_all(project.file(folder)).unwrap();
    }
    std::fs::write(project.file("infra/topology.auto.tfvars"), DECLARED).unwrap();
    let below = async |arguments: &[&str]| {
        let mut command = project.command(arguments);
        let output = command.current_dir(project.file("functions/deep")).output().await.unwrap();
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
        output
    };
    let up = printed(&below(&["local", "up", "--detach", "--json"]).await);
    let root = project.directory.path().canonicalize().unwrap();
    assert_eq!(up["topology"], json!(root.join("infra/topology.auto.tfvars")));
    assert_eq!(up["state_dir"], json!(root.join(".tidegate")));
    assert!(project.file(".tidegate/engine.json").is_file(), "beside the topology, not below");
    let status = project.status().await;
    assert_eq!(status["emulator"]["endpoint"], up["emulator_url"]);
    assert_ne!(up["emulator_url"], up["endpoint"]);
    assert_eq!(stdout(&below(&["local", "endpoint"]).await).trim_end(), up["endpoint"]);
    let exported = stdout(&below(&["local", "env"]).await);
    let endpoint = format!("export AWS_ENDPOINT_URL={}\n", up["endpoint"].as_str().unwrap());
    assert!(exported.starts_with(&endpoint), "{exported}");
    let credentials = "export AWS_ACCESS_KEY_ID=test\nexport AWS_SECRET_ACCESS_KEY=test\n";
    assert!(exported.contains(credentials), "{exported}");
    assert!(exported.ends_with("export AWS_SESSION_TOKEN=\n"), "{exported}");
    let names = ["held effects idempotency".to_owned(), "parked aggregates projection".to_owned()];
    assert_eq!(waits(&status), [(names[0].clone(), 0), (names[1].clone(), 0)]);

    let dynamodb = project.clients().await.dynamodb;
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let held = dynamodb.put_item().table_name("idempotency").item("key", text("mail#1"));
    let held =
        held.item("status", text("held")).item("owner", text("o")).item("payload_hash", text("h"));
    held.item("lease_until", AttributeValue::N("1767225600000".to_owned())).send().await.unwrap();
    for (slice, stream) in [("1", "order#1"), ("2", "order#2")] {
        let parked = dynamodb.put_item().table_name("sums").item("key", text("#parked"));
        let parked = parked
            .item("slice", AttributeValue::N(slice.to_owned()))
            .item("parked_stream", text(stream));
        parked.send().await.unwrap();
    }
    let counted = [(names[0].clone(), 1), (names[1].clone(), 2)];
    project.until("counted", |status| waits(status) == counted).await;
    let screen = stdout(&project.run(&["local", "status"]).await);
    assert!(
        screen.contains("held effects: idempotency 1 (`tidegate effects ls` lists them)"),
        "{screen}"
    );
    assert!(
        screen.contains("parked aggregates: projection 2 (`tidegate parked ls` lists them)"),
        "{screen}"
    );
    assert!(
        screen.contains("no metrics_namespace"),
        "counts that nobody prints are no zeros: {screen}"
    );
    let effects = printed(&project.run(&["effects", "ls", "--json"]).await);
    assert_eq!(effects.as_array().unwrap().len(), 1, "as the command counts: {effects:#}");
    project.down().await;
}

/// Two functions, one of which declares a variable.
const TWO: &str = r#"
functions = {
  mailer  = { command = ["sleep", "600"], environment = { SENDER = "a@example.com" } }
  printer = { command = ["no-such-program"] }
}
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_a_system_starts_with_another_value_of_a_variable() {
    let project = Project::new(&[("topology.auto.tfvars", TWO)], None);
    let up = ["local", "up", "--detach", "--topology", "topology.auto.tfvars", "--only"];
    let refused = project.run(&[&up[..], &["mailer,prnter"]].concat()).await;
    let text = stderr(&refused) + &stdout(&refused);
    let said = "prnter is not a function of the topology, which declares mailer, printer";
    assert!(!refused.status.success() && text.contains(said), "{text}");
    let set = ["--set", "mailer.SENDER=b@example.com"];
    let started = project.run(&[&up[..], &["mailer"], &set].concat()).await;
    let text = stderr(&started) + &stdout(&started);
    assert!(started.status.success(), "{text}");
    let status = project.status().await;
    let functions: Vec<&String> = status["functions"].as_object().unwrap().keys().collect();
    assert_eq!(functions, ["mailer"]);
    let variables = std::fs::read_to_string(project.file(".tidegate/functions/mailer.env"));
    assert!(variables.unwrap().contains("\nSENDER=b@example.com\n"));
    project.down().await;
}
