//! `tidegate events diff` on small repositories: what changed, whom it breaks, and bad input.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::command::{json as report, said, stderr, stdout, tidegate};

/// A repository with one schema, a catalog of its readers, and one commit.
struct Repository {
    folder: TempDir,
}

impl Repository {
    fn new() -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap() };
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository.write("events/schemas/LampSold.v1.json", &schema());
        repository.write(
            "docs/catalog/catalog.json",
            &json!({ "messages": [{
            "type": "LampSold",
            "role": "event",
            "source": "lamps",
            "producers": [{ "function": "till" }, { "outside": "a customer" }],
            "consumers": [{ "function": "stock-keeper" }],
        }] }),
        );
        repository.commit();
        repository
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, path: &str, content: &Value) {
        let file = self.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content.to_string()).unwrap();
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "x"]);
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.current_dir(self.path()).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let output = git.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs the command, and returns its report and its exit code.
    async fn diff(&self, arguments: &[&str]) -> (Value, i32) {
        let all = [&["events", "diff", "--json"], arguments].concat();
        let output = tidegate(&all, self.path(), &[]).await;
        (report(&output), output.status.code().unwrap())
    }

    /// Expects an end with this code and one line, which it returns.
    async fn refused(&self, arguments: &[&str], code: i32) -> String {
        let all = [&["events", "diff"], arguments].concat();
        said(&tidegate(&all, self.path(), &[]).await, code)
    }
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "lamp": { "type": "string" },
            "price": { "type": "number" },
            "colour": { "enum": ["red", "blue"] },
            "note": { "type": "string" },
        },
        "required": ["lamp", "price"],
    })
}

/// A change of the schema, with the direction in which it breaks readers.
type Change = (&'static str, fn(&mut Value), bool, bool, &'static str);

#[tokio::test]
async fn each_kind_of_change_breaks_the_direction_that_it_must() {
    let changes: [Change; 9] = [
        (
            "an optional field is added",
            |schema| schema["properties"]["size"] = json!({ "type": "integer" }),
            false,
            false,
            "data.size",
        ),
        (
            "a required field is added",
            |schema| {
                schema["properties"]["size"] = json!({ "type": "integer" });
                schema["required"].as_array_mut().unwrap().push("size".into());
            },
            true,
            false,
            "data.size",
        ),
        (
            "an optional field is removed",
            |schema| drop(schema["properties"].as_object_mut().unwrap().remove("note")),
            false,
            false,
            "data.note",
        ),
        (
            "a required field is removed",
            |schema| {
                schema["properties"].as_object_mut().unwrap().remove("price");
                schema["required"] = json!(["lamp"]);
            },
            false,
            true,
            "data.price",
        ),
        (
            "a type is narrowed",
            |schema| schema["properties"]["price"] = json!({ "type": "integer" }),
            true,
            false,
            "data.price",
        ),
        (
            "a type is widened",
            |schema| schema["properties"]["note"] = json!({ "type": ["string", "null"] }),
            false,
            true,
            "data.note",
        ),
        (
            "a value is added",
            |schema| schema["properties"]["colour"] = json!({ "enum": ["red", "blue", "green"] }),
            false,
            true,
            "data.colour",
        ),
        (
            "a value is removed",
            |schema| schema["properties"]["colour"] = json!({ "enum": ["red"] }),
            true,
            false,
            "data.colour",
        ),
        (
            "a type is another",
            |schema| schema["properties"]["lamp"] = json!({ "type": "integer" }),
            true,
            true,
            "data.lamp",
        ),
    ];
    let repository = Repository::new();
    for (what, change, backward, forward, place) in changes {
        let mut changed = schema();
        change(&mut changed);
        repository.write("events/schemas/LampSold.v1.json", &changed);
        let (report, code) = repository.diff(&["HEAD"]).await;
        let difference = &report["differences"][0];
        assert_eq!(difference["backward"], backward, "{what}: {report:#}");
        assert_eq!(difference["forward"], forward, "{what}: {report:#}");
        assert_eq!(difference["changes"][0]["place"], place, "{what}: {report:#}");
        assert_eq!(difference["readers"], json!(["stock-keeper", "till"]), "{what}");
        assert_eq!(code, i32::from(backward || forward), "{what}");
        assert_eq!(report["breaks"], backward || forward, "{what}");
        let word = match (backward, forward) {
            (false, false) => "full",
            (true, false) => "forward",
            (false, true) => "backward",
            (true, true) => "none",
        };
        assert_eq!(difference["compatibility"], word, "{what}");
    }
}

#[tokio::test]
async fn the_text_names_what_breaks_and_who_reads_it() {
    let repository = Repository::new();
    let output = tidegate(&["events", "diff", "main"], repository.path(), &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("events/schemas against "), "{text}");
    assert!(text.ends_with(": 1 schema compared, 0 different; no reader breaks\n"), "{text}");

    let mut changed = schema();
    changed["properties"]["colour"] = json!({ "enum": ["red", "blue", "gr\u{1b}[2Jeen"] });
    repository.write("events/schemas/LampSold.v1.json", &changed);
    let below = repository.path().join("docs/catalog");
    let output = tidegate(&["events", "diff", "main"], &below, &[]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = stdout(&output);
    for part in [
        "1 breaks readers",
        "LampSold version 1: compatibility backward",
        "data.colour: the value ",
        "(breaks forward: older readers, new messages)",
        "readers: stock-keeper, till",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains('\u{1b}'), "a schema moves no cursor");
}

#[tokio::test]
async fn a_new_version_breaks_nothing_and_says_what_its_upcast_decides() {
    let repository = Repository::new();
    let mut next = schema();
    next["required"] = json!(["lamp", "price", "colour"]);
    repository.write("events/schemas/LampSold.v2.json", &next);
    let (report, code) = repository.diff(&["HEAD"]).await;
    assert_eq!(code, 0, "{report:#}");
    let added = &report["differences"][0];
    assert_eq!(added["what"], "version_added");
    assert_eq!(added["older"][0]["version"], 1);
    assert_eq!(added["older"][0]["compatibility"], "forward");
    assert_eq!(added["older"][0]["upcast"][0]["place"], "data.colour");
    let output = tidegate(&["events", "diff", "HEAD"], repository.path(), &[]).await;
    let text = stdout(&output);
    assert!(text.contains("deploy its readers before its writers"), "{text}");
    assert!(text.contains("readers: stock-keeper, till"), "{text}");

    repository.write("events/schemas/LampBroken.v1.json", &schema());
    repository.git(&["rm", "-q", "events/schemas/LampSold.v1.json"]);
    let (report, code) = repository.diff(&["HEAD"]).await;
    assert_eq!(code, 1, "stored messages of version 1 need their schema: {report:#}");
    let became = |kind: &str, version: u32| {
        let mut differences = report["differences"].as_array().unwrap().iter();
        let found = differences.find(|of| of["type"] == kind && of["version"] == version);
        found.map(|of| of["what"].clone())
    };
    assert_eq!(became("LampSold", 1), Some(json!("removed")));
    assert_eq!(became("LampBroken", 1), Some(json!("type_added")));
}

#[tokio::test]
async fn only_the_transitive_comparison_finds_a_field_that_comes_back_as_something_else() {
    let repository = Repository::new();
    let mut without = schema();
    without["properties"].as_object_mut().unwrap().remove("note");
    repository.write("events/schemas/LampSold.v1.json", &without);
    repository.commit();
    let mut other = schema();
    other["properties"]["note"] = json!({ "type": "integer" });
    repository.write("events/schemas/LampSold.v1.json", &other);
    let (report, code) = repository.diff(&["HEAD"]).await;
    assert_eq!(code, 0, "{report:#}");
    let (report, code) = repository.diff(&["HEAD", "--transitive"]).await;
    assert_eq!(code, 1, "{report:#}");
    let changes = report["differences"][0]["changes"].as_array().unwrap();
    let back = changes.iter().find(|change| change["since"].is_string()).unwrap();
    assert_eq!(back["place"], "data.note", "{report:#}");
    let (report, code) = repository.diff(&["HEAD", "--transitive", "--since", "HEAD"]).await;
    assert_eq!(code, 0, "what was before does not count: {report:#}");
}

#[tokio::test]
async fn a_rule_of_the_topology_makes_its_function_a_reader() {
    let repository = Repository::new();
    let topology = repository.path().join("topology.auto.tfvars");
    std::fs::write(
        &topology,
        r#"
buses = { lamps = { archive_days = 1 } }
rules = {
  sold = {
    bus     = "lamps"
    pattern = { source = ["lamps"], detail-type = [{ prefix = "Lamp" }] }
    target  = { function = "advertiser" }
  }
  other = {
    bus     = "lamps"
    pattern = { source = ["chairs"], detail-type = ["LampSold"] }
    target  = { function = "carpenter" }
  }
}
functions = {
  advertiser = { memory_mb = 128, timeout_seconds = 3, maximum_concurrency = 1 }
  carpenter  = { memory_mb = 128, timeout_seconds = 3, maximum_concurrency = 1 }
  till       = { memory_mb = 128, timeout_seconds = 3, maximum_concurrency = 1 }
}
"#,
    )
    .unwrap();
    let mut changed = schema();
    changed["required"] = json!(["lamp"]);
    repository.write("events/schemas/LampSold.v1.json", &changed);
    let arguments = ["events", "diff", "HEAD", "--json", "--topology", "topology.auto.tfvars"];
    let output = tidegate(&arguments, repository.path(), &[]).await;
    assert_eq!(
        report(&output)["differences"][0]["readers"],
        json!(["advertiser", "stock-keeper", "till"])
    );
    let note = stderr(&output);
    assert!(note.contains("names the function stock-keeper"), "{note}");
}

/// Rules that bring the type by its source alone, and by ways with several steps.
const WAYS: &str = r#"
buses   = { lamps = { archive_days = 1 } }
streams = { sold = { shards = 1, retention_hours = 24 } }
queues = {
  direct     = { visibility_timeout_seconds = 60 }
  subscribed = { visibility_timeout_seconds = 60 }
}
topics = { sold = {} }
subscriptions = {
  billing = { topic = "sold", queue = "subscribed" }
  alerts  = { topic = "sold", function = "of-a-topic" }
}
rules = {
  stream = {
    bus     = "lamps"
    pattern = { source = ["lamps"] }
    target  = { stream = "sold" }
  }
  others = {
    bus     = "lamps"
    pattern = { detail-type = ["LampSold"] }
    targets = { queue = { queue = "direct" }, topic = { topic = "sold" } }
  }
  either = {
    bus     = "lamps"
    pattern = { "$or" = [{ source = ["chairs"] }, { detail-type = ["LampSold"] }] }
    target  = { function = "of-either" }
  }
  elsewhere = {
    bus     = "lamps"
    pattern = { source = ["chairs"] }
    target  = { function = "of-another-source" }
  }
  undecided = {
    bus     = "lamps"
    pattern = { detail = { lamp = ["red"] } }
    target  = { function = "of-any-event" }
  }
}
functions = {
  of-a-stream = {
    sources = {
      sold = {
        stream                     = "sold"
        starting_position          = "TRIM_HORIZON"
        batch_size                 = 1
        maximum_retry_attempts     = 1
        maximum_record_age_seconds = 60
      }
    }
  }
  of-a-queue            = { sources = { direct = { queue = "direct", maximum_concurrency = 2 } } }
  of-a-subscribed-queue = {
    sources = { subscribed = { queue = "subscribed", maximum_concurrency = 2 } }
  }
  of-a-topic        = {}
  of-either         = {}
  of-another-source = {}
  of-any-event      = {}
  stock-keeper      = {}
  till              = {}
}
"#;

#[tokio::test]
async fn readers_are_also_those_behind_streams_queues_and_topics_and_rules_of_a_source() {
    let repository = Repository::new();
    std::fs::write(repository.path().join("topology.auto.tfvars"), WAYS).unwrap();
    let mut changed = schema();
    changed["required"] = json!(["lamp"]);
    repository.write("events/schemas/LampSold.v1.json", &changed);
    let (report, _) = repository.diff(&["HEAD", "--topology", "topology.auto.tfvars"]).await;
    assert_eq!(
        report["differences"][0]["readers"],
        json!([
            "of-a-queue",
            "of-a-stream",
            "of-a-subscribed-queue",
            "of-a-topic",
            "of-either",
            "stock-keeper",
            "till"
        ])
    );
}

#[tokio::test]
async fn a_name_in_a_schema_forges_no_line() {
    let repository = Repository::new();
    let mut changed = schema();
    changed["required"] = json!(["lamp"]);
    changed["properties"]["x\nLampSold version 1: compatibility full"] = json!({});
    repository.write("events/schemas/LampSold.v1.json", &changed);
    let output = tidegate(&["events", "diff", "HEAD"], repository.path(), &[]).await;
    let text = stdout(&output);
    let verdicts: Vec<&str> = text.lines().filter(|line| line.starts_with("LampSold")).collect();
    assert_eq!(verdicts, ["LampSold version 1: compatibility backward"], "{text}");
    assert!(text.contains("data.x\\nLampSold version 1"), "{text}");
}

#[tokio::test]
async fn a_revision_without_schemas_is_compared_with_nothing_and_a_note_says_so() {
    let repository = Repository::new();
    repository.git(&["mv", "events/schemas/LampSold.v1.json", "examples.json"]);
    repository.commit();
    repository.write("events/schemas/LampSold.v1.json", &schema());
    let output = tidegate(&["events", "diff", "HEAD"], repository.path(), &[]).await;
    assert_eq!(output.status.code(), Some(0), "a gate lets the first schemas pass");
    let (text, note) = (stdout(&output), stderr(&output));
    assert!(text.contains(": 1 schema, all new; nothing was compared\n"), "{text}");
    assert!(note.contains("has no schemas in events/schemas, so every schema"), "{note}");
    assert!(note.contains("name another revision"), "{note}");

    let (report, code) = repository.diff(&["HEAD", "--transitive"]).await;
    assert_eq!((report["breaks"].clone(), code), (json!(false), 0));
    let mut other = schema();
    other["properties"]["lamp"] = json!({ "type": "integer" });
    repository.write("events/schemas/LampSold.v1.json", &other);
    let (report, code) = repository.diff(&["HEAD", "--transitive"]).await;
    assert_eq!(code, 1, "an older state is in the history: {report:#}");
}

#[tokio::test]
async fn schemas_that_moved_are_compared_with_those_where_they_were() {
    let repository = Repository::new();
    let mut without = schema();
    without["properties"].as_object_mut().unwrap().remove("note");
    repository.write("events/schemas/LampSold.v1.json", &without);
    repository.commit();
    repository.git(&["mv", "events", "contracts"]);
    let moved = ["HEAD", "--schemas", "contracts/schemas"];
    let (report, code) = repository.diff(&moved).await;
    assert_eq!((report["compared"].clone(), code), (json!(1), 0), "{report:#}");
    assert_eq!(report["differences"], json!([]));
    let all = [&["events", "diff"], &moved[..]].concat();
    let note = stderr(&tidegate(&all, repository.path(), &[]).await);
    assert!(
        note.contains("has no schemas in contracts/schemas; they were in events/schemas"),
        "{note}"
    );

    let mut other = schema();
    other["properties"]["note"] = json!({ "type": "integer" });
    repository.write("contracts/schemas/LampSold.v1.json", &other);
    assert_eq!(repository.diff(&moved).await.1, 0);
    let (report, code) = repository.diff(&[&moved[..], &["--transitive"]].concat()).await;
    assert_eq!(code, 1, "the history of the older folder counts: {report:#}");
    other["required"] = json!(["lamp", "price", "note"]);
    repository.write("contracts/schemas/LampSold.v1.json", &other);
    let (report, code) = repository.diff(&moved).await;
    assert_eq!(code, 1, "a move hides no break: {report:#}");

    repository.write("events/schemas/LampSold.v1.json", &schema());
    let (report, code) = repository.diff(&moved).await;
    assert_eq!(code, 0, "a copy of schemas that are still there is new: {report:#}");
}

#[tokio::test]
async fn what_keeps_it_from_a_comparison_is_one_line_that_says_what_to_do() {
    let repository = Repository::new();
    let line = repository.refused(&["nothing"], 1).await;
    assert!(line.contains("no commit is named `nothing`") && line.contains("HEAD~1"), "{line}");
    for option in ["--output=x", "-x"] {
        let line = repository.refused(&[option], 2).await;
        assert!(line.contains("unexpected argument"), "{line}");
        let line = repository.refused(&["--", option], 2).await;
        assert!(line.contains("begins with a dash"), "{line}");
    }
    for hostile in ["", "HEAD:events", "main;ls", "$(ls)", "main\n--all", "^main"] {
        let line = repository.refused(&[hostile], 1).await;
        assert!(line.contains("no commit is named"), "{hostile}: {line}");
    }
    let since = ["HEAD", "--transitive", "--since=--all"];
    assert!(repository.refused(&since, 2).await.contains("begins with a dash"));

    std::fs::write(repository.path().join("events/schemas/LampSold.v1.json"), "{").unwrap();
    let line = repository.refused(&["HEAD"], 1).await;
    assert!(line.contains("LampSold.v1.json is not JSON"), "{line}");
    repository.commit();
    repository.write("events/schemas/LampSold.v1.json", &schema());
    let line = repository.refused(&["HEAD"], 1).await;
    assert!(line.contains("LampSold.v1.json in commit ") && line.contains("not JSON"), "{line}");
    repository.write("events/schemas/LampSold.v1.json", &json!([1]));
    assert!(repository.refused(&["HEAD~1"], 1).await.contains("is not a JSON Schema"));
    std::fs::remove_dir_all(repository.path().join("events/schemas")).unwrap();
    assert!(repository.refused(&["HEAD"], 1).await.contains("there is no events/schemas"));

    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("LampSold.v1.json"), "{}").unwrap();
    let folder = outside.path().to_str().unwrap();
    let line = repository.refused(&["HEAD", "--schemas", folder], 1).await;
    assert!(line.contains("is not in a git repository"), "{line}");
    std::fs::remove_file(outside.path().join("LampSold.v1.json")).unwrap();
    let line = repository.refused(&["HEAD", "--schemas", folder], 1).await;
    assert!(line.contains("TYPE.vVERSION.json"), "{line}");
}

#[tokio::test]
async fn a_shallow_clone_is_compared_as_far_as_it_goes_and_says_so() {
    let repository = Repository::new();
    let mut changed = schema();
    changed["properties"]["size"] = json!({ "type": "integer" });
    repository.write("events/schemas/LampSold.v1.json", &changed);
    repository.commit();
    let clone = tempfile::tempdir().unwrap();
    let from = format!("file://{}", repository.path().display());
    let to = clone.path().to_str().unwrap();
    repository.git(&["clone", "--quiet", "--depth", "1", &from, to]);
    let output = tidegate(&["events", "diff", "HEAD", "--transitive"], clone.path(), &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("git fetch --unshallow"), "{}", stderr(&output));
    let line = said(&tidegate(&["events", "diff", "HEAD~1"], clone.path(), &[]).await, 1);
    assert!(line.contains("git fetch --unshallow"), "{line}");
}
