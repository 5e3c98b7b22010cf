//! `tidegate process` with a process, its view and its sweep in the engine.
//!
//! The example `parcels` is all three functions. It was restored in the year 2100: each input after
//! the first of an instance makes it stuck with the code `paused`.

use std::time::Duration;

use serde_json::{Value, json};
use tidegate_local::clients::Clients;

use crate::any_project::{Project, send};
use crate::command::{json as printed, said, stderr, stdout};

const TOPOLOGY: &str = r#"
metrics_namespace = "Post"
tables = {
  event-store = {
    partition_key = { name = "stream", type = "S" }, sort_key = { name = "version", type = "N" }
    stream_view   = "NEW_IMAGE"
  }
  parcels = {
    partition_key = { name = "stream", type = "S" }
    indexes = {
      by-stuck = {
        partition_key = { name = "process", type = "S" }, sort_key = { name = "stuck_at", type = "N" }
        projection    = "KEYS_ONLY"
      }
      by-due = {
        partition_key = { name = "process", type = "S" }, sort_key = { name = "due", type = "N" }
        projection    = "KEYS_ONLY"
      }
    }
  }
  counters = {
    partition_key = { name = "key", type = "S" }, sort_key = { name = "slice", type = "N" }
  }
}
queues = {
  parcels = {
    visibility_timeout_seconds = 180, redrive = { queue = "letters", maximum_receives = 20 }
  }
  letters = { retention_seconds = 1209600 }
}
buckets = { letters = { expiration_days = 14 } }
functions = {
  process = {
    command = ["EXAMPLES/parcels"], timeout_seconds = 20, maximum_concurrency = 2
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "append" }
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    environment = { ROLE = "process", TIDEGATE_PROCESS_PAUSED_BEFORE = "2100-01-01T00:00:00Z" }
    sources = {
      parcels = {
        queue = "parcels", batch_size = 10, maximum_concurrency = 2
        report_batch_item_failures = true
      }
    }
  }
  view = {
    command = ["EXAMPLES/parcels"], timeout_seconds = 20, maximum_concurrency = 2
    uses = {
      EVENT_STORE_TABLE     = { table = "event-store", access = "read" }
      VIEW_TABLE            = { table = "parcels", access = "read-write" }
      COUNTERS_TABLE        = { table = "counters", access = "read-write" }
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    environment = { ROLE = "view" }
    sources = {
      event-store = {
        table = "event-store", starting_position = "TRIM_HORIZON", batch_size = 10
        report_batch_item_failures = true, bisect_on_error = true, maximum_retry_attempts = 1000
        maximum_record_age_seconds = 43200, dead_letter_after_seconds = 21600
        on_failure = { queue = "letters" }
      }
    }
  }
  sweep = {
    command = ["EXAMPLES/parcels"], timeout_seconds = 20, maximum_concurrency = 1
    uses = {
      VIEW_TABLE            = { table = "parcels", access = "read" }
      PARCELS_QUEUE_URL     = { queue = "parcels", access = "write" }
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    environment = { ROLE = "sweep" }
    asynchronous = {
      maximum_retry_attempts = 0, maximum_event_age_seconds = 60, on_failure = { queue = "letters" }
    }
  }
}
schedules = {
  # The test fires it.
  sweep = {
    expression = "rate(1 days)", target = { function = "sweep" }, dead_letter_queue = "letters"
  }
}
processes = {
  parcel = {
    function = "process", queue = "parcels", view = "parcels", store = "event-store"
    sweep    = "sweep"
  }
}
"#;

/// Starts the system, or says what must be built first.
async fn started() -> (Project, Clients) {
    let own = std::env::current_exe().unwrap();
    let examples = own.ancestors().nth(2).unwrap().join("examples");
    assert!(
        examples.join("parcels").is_file(),
        "run `cargo build -p tidegate-cli --examples`, or the tests of the whole workspace"
    );
    let topology = TOPOLOGY.replace("EXAMPLES", examples.to_str().unwrap());
    let project = Project::new(&[("topology.hcl", &topology)], None).with("USER", "ada");
    project.up(&[]).await;
    let clients = project.clients().await;
    (project, clients)
}

fn message(kind: &str, id: &str, parcel: &str, data: &Value) -> String {
    json!({
        "specversion": "1.0", "id": id, "source": "tests", "type": kind,
        "subject": format!("parcel#{parcel}"), "time": "2026-12-01T08:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": tidegate::envelope::DataSchema::new(kind, 1).to_string(),
        "correlationid": "test", "data": data
    })
    .to_string()
}

/// Sends a parcel that is due long ago, and a scan of it.
async fn paused(project: &Project, clients: &Clients, parcel: &str, place: &str) {
    let sent = json!({ "parcel": parcel, "due": "2026-01-01T00:00:00Z" });
    send(clients, "parcels", &[&message("SendParcel", &format!("s{parcel}"), parcel, &sent)]).await;
    until(project, parcel, |row| row["state"] == "OnTheWay").await;
    let scan = json!({ "parcel": parcel, "place": place });
    send(clients, "parcels", &[&message("ParcelScanned", &format!("c{parcel}"), parcel, &scan)])
        .await;
    until(project, parcel, |row| row["stuck"]["code"] == "paused").await;
}

/// Waits until the view has a row that meets a condition.
async fn until(project: &Project, parcel: &str, reached: impl Fn(&Value) -> bool) -> Value {
    let instance = format!("parcel#{parcel}");
    let began = std::time::Instant::now();
    loop {
        let rows = printed(&project.run(&["process", "ls", "parcel", "--json"]).await);
        let row = rows.as_array().unwrap().iter().find(|row| row["instance"] == *instance);
        if let Some(row) = row.filter(|row| reached(row)) {
            return row.clone();
        }
        assert!(began.elapsed() < Duration::from_secs(90), "{rows:#}\n{}", project.log("view"));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stuck_instances_are_listed_shown_and_decided_by_words_of_the_operator() {
    let (project, clients) = started().await;
    let empty = stdout(&project.run(&["process", "ls"]).await);
    assert!(empty.contains("no instance is in the view"), "{empty}");
    paused(&project, &clients, "1", "door").await;
    paused(&project, &clients, "2", "nowhere").await;
    paused(&project, &clients, "3", "depot").await;

    let listed = stdout(&project.run(&["process", "ls", "--stuck"]).await);
    for shown in ["parcel#1", "parcel#2", "parcel#3", "OnTheWay", "paused: the newest event"] {
        assert!(listed.contains(shown), "{shown}: {listed}");
    }
    let counted = |status: &Value| {
        let waits = status["waits_for_operator"].as_array().unwrap();
        waits.iter().any(|one| one["what"] == "stuck instances" && one["count"] == 3)
    };
    project.until("counted", counted).await;
    let none = printed(&project.run(&["process", "ls", "--stuck", "--rules", "2", "--json"]).await);
    assert_eq!(none, json!([]), "rules 3 decided all");

    // Resume decides the input again.
    let done = printed(&project.run(&["process", "resume", "parcel#1", "--json"]).await);
    assert_eq!((&done[0]["outcome"], &done[0]["state"]), (&json!("done"), &json!("Delivered")));
    let again = project.run(&["process", "resume", "parcel#1"]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(
        stdout(&again).contains("has ended in Delivered and is not stuck"),
        "{}",
        stdout(&again)
    );

    // By the rules of today the second is stuck again, so its input is skipped.
    let stuck = project.run(&["process", "resume", "parcel#2"]).await;
    assert_eq!(stuck.status.code(), Some(1));
    assert!(stdout(&stuck).contains("stuck again (no_place)"), "{}", stdout(&stuck));
    let skip = ["process", "skip", "parcel#2", "--note", "found it", "--json"];
    let skipped = printed(&project.run(&skip).await);
    assert_eq!((&skipped["outcome"], &skipped["state"]), (&json!("done"), &json!("OnTheWay")));

    // A state that is none is refused with the names of all; then it is forced.
    let force = |state: &'static str| {
        ["process", "force", "parcel#3", "--state", state, "--note", "by hand", "--operator", "Bea"]
    };
    let refused = project.run(&force("\"Lost\"")).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(stdout(&refused).contains("New, OnTheWay, Late, Delivered"), "{}", stdout(&refused));
    let forced = project.run(&force("\"Delivered\"")).await;
    assert!(stdout(&forced).contains("forced; it ended in Delivered"), "{}", stdout(&forced));

    let shown = stdout(&project.run(&["process", "show", "parcel#2"]).await);
    for part in [
        "parcel#2 is in OnTheWay at version",
        "by rules 3",
        "New → OnTheWay  (rules 3)",
        "SendParcel v1, s2 of tests",
        "arrival@1 due 2026-01-01T00:00:00Z",
        "stuck in OnTheWay",
        "paused: the newest event",
        "resumed",
        "ada",
        "no_place: the scanner knows no place",
        "the stuck input is skipped",
        "ada: found it",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = printed(&project.run(&["process", "show", "parcel#3", "--json"]).await);
    assert_eq!((&shown["state"], &shown["ended"]), (&json!("Delivered"), &json!(true)));
    let kinds: Vec<&str> = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["ProcessMoved", "ProcessStuck", "ProcessRefused", "ProcessForced"]);
    assert_eq!(shown["events"][3]["data"]["operator"], "Bea");
    project.down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_are_stuck_with_a_code_resume_and_a_lost_schedule_is_swept() {
    let (project, clients) = started().await;
    paused(&project, &clients, "1", "depot").await;
    paused(&project, &clients, "2", "depot").await;
    let all = ["process", "resume", "--all", "--code", "paused", "--note", "compared", "--json"];
    let resumed = printed(&project.run(&all).await);
    let outcomes: Vec<_> = resumed.as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, [&json!("done"), &json!("done")], "{resumed}");
    for parcel in ["1", "2"] {
        until(&project, parcel, |row| row.get("stuck").is_none()).await;
    }
    let none = stdout(&project.run(&["process", "resume", "--all", "--code", "paused"]).await);
    assert!(none.contains("no instance is stuck with the code paused"), "{none}");

    // No publisher sets schedules here. Only the sweep brings the deadline, which is stuck as every
    // input is after the restore.
    let fired = project.run(&["local", "schedules", "--fire", "sweep"]).await;
    assert!(fired.status.success(), "{}", stderr(&fired));
    for parcel in ["1", "2"] {
        until(&project, parcel, |row| {
            row["stuck"]["code"] == "paused" && row.get("deadlines").is_none()
        })
        .await;
    }
    let resumed = stdout(&project.run(&["process", "resume", "parcel#1"]).await);
    assert!(resumed.contains("ParcelOverdue: OnTheWay → Late"), "{resumed}");
    let shown = stdout(&project.run(&["process", "show", "parcel#1"]).await);
    assert!(shown.contains("ParcelOverdue v1 (arrival@1)"), "{shown}");
    assert!(shown.contains("CallCustomer v1 to calls, for customer#1"), "{shown}");
    let swept = project.log("sweep");
    assert!(swept.contains("\"DeadlinesSwept\":2"), "{swept}");
    project.down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_said_with_what_to_do() {
    let (project, clients) = started().await;
    paused(&project, &clients, "4711", "depot").await;
    let run = async |arguments: &[&str]| project.run(&[&["process"], arguments].concat()).await;
    let unknown = said(&run(&["show", "parcel#4712"]).await, 1);
    assert!(unknown.contains("parcel#4712 does not exist; did you mean parcel#4711?"), "{unknown}");
    let resumed = run(&["resume", "parcel#99999999", "parcel#4711"]).await;
    assert_eq!(resumed.status.code(), Some(1), "one of them does not exist");
    let lines = stdout(&resumed);
    assert!(lines.contains("parcel#99999999 does not exist"), "{lines}");
    assert!(lines.contains("parcel#4711: resumed"), "its neighbour is resumed: {lines}");
    let other = said(&run(&["show", "order#1"]).await, 1);
    assert!(
        other.contains("`order` is not a process of the topology; declared: parcel"),
        "{other}"
    );
    let other = said(&run(&["ls", "parcle"]).await, 1);
    assert!(other.contains("`parcle` is not a process of the topology"), "{other}");
    // If nothing decides it in time, the word waits, and acts later.
    let scan = json!({ "parcel": "4711", "place": "door" });
    send(&clients, "parcels", &[&message("ParcelScanned", "again", "4711", &scan)]).await;
    until(&project, "4711", |row| row.get("stuck").is_some()).await;
    // A quick function may be faster than the command.
    let late = run(&["resume", "parcel#4711", "--timeout", "0.000001"]).await;
    let said = stdout(&late);
    assert!(late.status.success() || said.contains("the word is in the queue"), "{said}");
    until(&project, "4711", |row| row["state"] == "Delivered").await;
    project.down().await;
}
