//! `tidegate topology check` on this repository's topology, unchanged and with mistakes.

use std::path::{Path, PathBuf};

use crate::command::{json, said, stderr, stdout, tidegate};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Writes the repository's topology with one text replaced. Returns the file and the line.
fn broken(directory: &Path, from: &str, to: &str) -> (PathBuf, usize) {
    let text = std::fs::read_to_string(repository().join("infra/topology.auto.tfvars")).unwrap();
    let line = 1 + text.lines().position(|line| line.contains(from)).unwrap();
    let file = directory.join("topology.auto.tfvars");
    std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
    (file, line)
}

#[tokio::test]
async fn the_repositorys_topology_is_found_from_a_directory_below_and_has_no_mistakes() {
    let functions = repository().join("functions");
    let output = tidegate(&["topology", "check"], &functions, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 1, "{text}");
    let begin = format!("{}: ", repository().join("infra/topology.auto.tfvars").display());
    assert!(text.starts_with(&begin) && text.ends_with("; no mistakes\n"), "{text}");
    let folders = std::fs::read_dir(functions).unwrap().count();
    assert!(text.contains(&format!(": {folders} functions, ")), "{text}");
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
    let output = tidegate(&["topology", "check", "--json"], &repository(), &[]).await;
    assert!(output.status.success());
    assert_eq!(json(&output)["mistakes"], serde_json::json!([]));
}

#[tokio::test]
async fn every_mistake_is_one_line_with_file_line_and_column_and_the_exit_code_is_1() {
    let directory = tempfile::tempdir().unwrap();
    let (file, line) = broken(
        directory.path(),
        "maximum_retry_attempts     = 1000",
        "maximum_retry_attempts     = 10001",
    );
    let named = file.to_str().unwrap();
    let output = tidegate(&["topology", "check", "--topology", named], directory.path(), &[]).await;
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        format!(
            "{named}:{line}:9: functions.order-processor.sources.orders.maximum_retry_attempts is \
             10001; must be 0 to 10000\n"
        )
    );
    let output =
        tidegate(&["topology", "check", "--json", "--topology", named], directory.path(), &[])
            .await;
    assert_eq!(output.status.code(), Some(1));
    let report = json(&output);
    assert_eq!(report["file"], named);
    assert_eq!(
        (&report["mistakes"][0]["line"], &report["mistakes"][0]["column"]),
        (&line.into(), &9.into())
    );
    assert_eq!(report["mistakes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn warnings_are_said_and_stop_nobody_but_the_strict() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("topology.tfvars");
    std::fs::write(&file, "functions = {\n  worker = { command = [\"true\"], sources = { jobs = { queue = \"jobs\" } } }\n}\nqueues = { jobs = {} }\n").unwrap();
    let named = file.to_str().unwrap();
    let check = ["topology", "check", "--topology", named];
    let output = tidegate(&check, directory.path(), &[]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with(&format!("{named}:2:")), "{text}");
    assert!(lines[..lines.len() - 1].iter().all(|line| line.contains(": warning: ")), "{text}");
    let count = lines.len() - 1;
    assert!(lines[count].ends_with(&format!("; no errors, {count} warnings")), "{text}");
    let strict = tidegate(&[&check[..], &["--strict"]].concat(), directory.path(), &[]).await;
    assert_eq!((strict.status.code(), stdout(&strict)), (Some(1), text));
    let output = tidegate(&[&check[..], &["--json"]].concat(), directory.path(), &[]).await;
    assert_eq!(output.status.code(), Some(0));
    let report = json(&output);
    assert_eq!(report["mistakes"].as_array().unwrap().len(), count);
    assert_eq!(report["mistakes"][0]["severity"], "warning");
}

#[tokio::test]
async fn several_mistakes_stand_in_the_order_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let (file, _) =
        broken(directory.path(), "timeout_seconds     = 30", "timeout_seconds     = 901");
    let text = std::fs::read_to_string(&file).unwrap().replacen("shards = 1", "shards = 0", 1);
    std::fs::write(&file, text).unwrap();
    let named = file.to_str().unwrap();
    let output = tidegate(&["topology", "check", "--topology", named], directory.path(), &[]).await;
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("streams.orders.shards is 0; must be 1 to 10000"), "{text}");
    assert!(
        lines[1].contains("order-processor.timeout_seconds is 901; must be 1 to 900"),
        "{text}"
    );
    assert!(lines.iter().all(|line| line.starts_with(&format!("{named}:"))), "{text}");
}

#[tokio::test]
async fn a_topology_that_is_not_there_is_named_and_misuse_exits_with_2() {
    let empty = tempfile::tempdir().unwrap();
    let text =
        said(&tidegate(&["topology", "check", "--topology", "none"], empty.path(), &[]).await, 1);
    assert!(text.contains("none: cannot read the topology"), "{text}");
    let text = said(&tidegate(&["topology", "check"], empty.path(), &[]).await, 1);
    assert!(text.contains("--topology FILE"), "{text}");
    for arguments in [
        &["topology"][..],
        &["topology", "chek"],
        &["topology", "check", "--jsn"],
        &["topology", "check", "x"],
    ] {
        said(&tidegate(arguments, empty.path(), &[]).await, 2);
    }
}

const SMALL: &str = r#"queues = {
  jobs = {}
}
streams = { orders = {} }
buckets = { letters = {} }
functions = {
  worker = {
    command = ["true"]
    sources = {
      jobs = { queue = "jobs" }
    }
  }
}
"#;

/// One mistake of each common kind, with its expected position and message.
#[tokio::test]
async fn mistakes_of_every_kind_have_their_line_and_their_reason() {
    let command = "    command = [\"true\"]\n";
    let and = |line: &str| format!("{command}    {line}\n");
    let cases: [(&str, &str, &str); 18] = [
        (
            "  jobs = {}\n",
            "  jobs = {\n",
            "1:10: { is not closed; expected } before the end of the file",
        ),
        ("[\"true\"]", "[\"true\"", "8:15: [ is not closed: expected ] before the } in line 12"),
        (
            "[\"true\"]",
            "[\"true]",
            "8:16: the string that begins here is not closed on its line; add \"",
        ),
        ("  jobs = {}\n}\n", "  jobs = {}\n}\n}\n", "4:1: } has no matching opening bracket"),
        (
            "queues = {",
            "\u{feff}queues = {",
            "1:1: the file begins with a byte order mark; save it as UTF-8 without one",
        ),
        ("queues = {", "queues: {", "1:7: not HCL: "),
        (
            "queues = {",
            "queues {",
            "1:1: queues is a block; only values are allowed: queues = { … }",
        ),
        (
            "streams = { orders = {} }",
            "queues = {}",
            "4:1: the same name is declared twice; declare it once",
        ),
        (
            "queue = \"jobs\"",
            "queue = var.jobs",
            "10:24: a reference is not allowed here; literal values are: ",
        ),
        (
            "queue = \"jobs\"",
            "queue = \"job\"",
            "10:16: functions.worker.sources.jobs.queue is job, which is not declared; declared queues: jobs",
        ),
        (
            "queue = \"jobs\"",
            "queue = \"jobs\", stream = \"orders\"",
            "10:7: functions.worker.sources.jobs needs exactly one of stream, table and queue",
        ),
        (
            "queue = \"jobs\"",
            "queue = \"jobs\", batch = 5",
            "10:32: functions.worker.sources.jobs.batch: unknown field `batch`, expected one of ",
        ),
        (
            "orders = {}",
            "orders = { shards = \"two\" }",
            "4:24: streams.orders.shards: invalid type: string \"two\", expected a whole number, 0 or more",
        ),
        (
            "queue = \"jobs\"",
            "stream = \"orders\", starting_position = \"OLDEST\"",
            "10:35: functions.worker.sources.jobs.starting_position: unknown variant `OLDEST`, expected one of `TRIM_HORIZON`",
        ),
        (
            "queue = \"jobs\"",
            "queue = \"jobs\", filter_criteria = [{ pattern = \"{no\" }]",
            "10:53: functions.worker.sources.jobs.filter_criteria.0.pattern is not JSON: expected the name of a field at line 1 column 2",
        ),
        (
            command,
            &and("environment = { A_B = 4 }"),
            "9:21: functions.worker.environment.A_B: invalid type: integer `4`, expected a string",
        ),
        (
            command,
            &and("uses = { A_B = { access = \"read\" } }"),
            "9:14: functions.worker.uses.A_B needs exactly one of table, queue, bucket, bus, stream, topic, email and schedule_group",
        ),
        (
            command,
            &and("asynchronous = { on_success = { bucket = \"letters\" } }"),
            "9:37: functions.worker.asynchronous.on_success.bucket is for failures; use a queue, \
             a topic, a function or a bus for successes",
        ),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (from, to, says) in cases {
        assert_eq!(SMALL.matches(from).count(), 1, "{from}");
        std::fs::write(directory.path().join("t.hcl"), SMALL.replacen(from, to, 1)).unwrap();
        let output =
            tidegate(&["topology", "check", "--topology", "t.hcl"], directory.path(), &[]).await;
        let text = stdout(&output);
        let errors: Vec<&str> = text.lines().filter(|line| !line.contains(": warning: ")).collect();
        assert_eq!(
            (output.status.code(), errors.len()),
            (Some(1), 1),
            "{to}: {text}{}",
            stderr(&output)
        );
        assert!(errors[0].starts_with(&format!("t.hcl:{says}")), "{says}\n{text}");
    }
    let mut bytes = SMALL.as_bytes().to_vec();
    bytes[SMALL.find("orders").unwrap()] = 0xff;
    std::fs::write(directory.path().join("t.hcl"), bytes).unwrap();
    let output =
        tidegate(&["topology", "check", "--topology", "t.hcl"], directory.path(), &[]).await;
    let text = stdout(&output);
    assert_eq!(
        text,
        "t.hcl:4:13: the text is not UTF-8; a topology is an HCL file in UTF-8\n",
        "{}",
        stderr(&output)
    );
}
