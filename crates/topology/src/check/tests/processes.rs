//! Mistakes in the declaration of processes, each with its line.

use super::{Mistake, check_text};
use crate::Severity::{self, Error, Warning};

const GOOD: &str = r#"
tables = {
  store = {
    partition_key = { name = "stream", type = "S" }, sort_key = { name = "version", type = "N" }
    stream_view   = "NEW_IMAGE"
  }
  view = {
    partition_key = { name = "stream", type = "S" }
    indexes = {
      by-stuck = { partition_key = { name = "process", type = "S" }, sort_key = { name = "stuck_at", type = "N" } }
      by-due   = { partition_key = { name = "process", type = "S" }, sort_key = { name = "due", type = "N" } }
    }
  }
  sums = { partition_key = { name = "key", type = "S" }, sort_key = { name = "slice", type = "N" } }
}
queues = {
  inputs = { visibility_timeout_seconds = 180, redrive = { queue = "letters", maximum_receives = 9 } }
  other  = {}
  letters = { retention_seconds = 1209600 }
}
schedules = {
  sweep = {
    expression = "rate(1 minutes)", target = { function = "sweep" }, dead_letter_queue = "letters"
  }
}
schedule_groups = {
  deadlines = { targets = { inputs = { queue = "inputs" } }, dead_letter_queue = "letters" }
}
functions = {
  booking = {
    uses = { STORE = { table = "store", access = "append" } }
    sources = {
      inputs = { queue = "inputs", maximum_concurrency = 2, report_batch_item_failures = true }
    }
  }
  publisher = {
    uses = { DEADLINES = { schedule_group = "deadlines", access = "write" } }
    sources = { store = { table = "store", SOURCE } }
  }
  projection = {
    uses = {
      VIEW = { table = "view", access = "read-write" }
      SUMS = { table = "sums", access = "read-write" }
    }
    sources = { store = { table = "store", SOURCE } }
  }
  sweep = {
    uses = {
      VIEW   = { table = "view", access = "read" }
      INPUTS = { queue = "inputs", access = "write" }
    }
    asynchronous = { maximum_retry_attempts = 0, on_failure = { queue = "letters" } }
  }
}
processes = {
  booking = {
    function = "booking"
    queue    = "inputs"
    view     = "view"
    store    = "store"
    sweep    = "sweep"
  }
}
"#;

const SOURCE: &str = r#"starting_position = "TRIM_HORIZON", report_batch_item_failures = true
      bisect_on_error = true, maximum_retry_attempts = 100, maximum_record_age_seconds = 3600
      dead_letter_after_seconds = 1800, on_failure = { queue = "letters" }"#;

fn good() -> String {
    format!("profile = \"aws\"\n{}", GOOD.replace("SOURCE", SOURCE))
}

fn mistakes(text: &str) -> Vec<Mistake> {
    match check_text(text) {
        Ok(checked) => checked.warnings,
        Err(mistakes) => mistakes,
    }
}

/// Asserts that a change is one mistake of this severity at `field` of the process.
#[track_caller]
fn slip(from: &str, to: &str, severity: Severity, field: &str, says: &str) {
    assert_eq!(good().matches(from).count(), 1, "{from} must occur once");
    let text = good().replacen(from, to, 1);
    let found = mistakes(&text);
    let [Mistake { position, message, severity: of }] = found.as_slice() else {
        panic!("one mistake expected: {found:#?}")
    };
    assert!(message.contains(says), "{message}");
    assert_eq!(*of, severity, "{message}");
    let section = text.find("processes = {").unwrap();
    let line = text[section..].find(field).map(|at| text[..section + at].matches('\n').count() + 1);
    assert_eq!(Some(position.line), line, "{message}");
}

#[test]
fn a_process_with_all_that_it_needs_has_no_mistake() {
    let found = mistakes(&good());
    assert!(found.is_empty(), "{found:#?}");
    let topology = check_text(&good()).unwrap().topology;
    let booking = &topology.processes["booking"];
    assert!(booking.deadlines && booking.sweep.as_deref() == Some("sweep"));
}

#[test]
fn what_a_process_names_must_be_declared() {
    let slip = |from, to, field, says| slip(from, to, Error, field, says);
    slip(
        "function = \"booking\"",
        "function = \"bookin\"",
        "function",
        "declared functions: booking",
    );
    slip("view     = \"view\"", "view     = \"views\"", "view ", "declared tables: store");
    slip("store    = \"store\"\n", "store    = \"stor\"\n", "store ", "declared tables: store");
    slip(
        "  booking = {\n    function",
        "  \"book#ing\" = {\n    function",
        "\"book#ing",
        "is not a valid name of a process",
    );
    slip(
        "  booking = {\n    function",
        "  chunk = {\n    function",
        "chunk",
        "is a name that is taken",
    );
    let text = good().replacen("queue    = \"inputs\"", "queue    = \"input\"", 1);
    let found = mistakes(&text);
    assert!(found.iter().any(|one| one.message.contains("declared queues: inputs")), "{found:#?}");
}

#[test]
fn the_function_reads_the_inputs_and_writes_the_store() {
    let not_read = good().replacen(
        "inputs = { queue = \"inputs\", max",
        "inputs = { queue = \"other\", max",
        1,
    );
    let found = mistakes(&not_read);
    let said = "processes.booking.queue is inputs, which is not a source of booking";
    assert!(
        found.iter().any(|one| one.severity == Error && one.message.starts_with(said)),
        "{found:#?}"
    );
    slip(
        "access = \"append\"",
        "access = \"read\"",
        Error,
        "store ",
        "which booking may not write",
    );
}

#[test]
fn the_store_is_an_event_store_with_a_stream_of_new_images() {
    slip("\"NEW_IMAGE\"", "\"KEYS_ONLY\"", Error, "store ", "has no stream with new images");
    slip(
        "{ name = \"version\", type = \"N\" }",
        "{ name = \"number\", type = \"N\" }",
        Error,
        "store ",
        "is not an event store",
    );
}

#[test]
fn the_view_has_its_key_its_indexes_and_a_projection() {
    slip(
        "sort_key = { name = \"due\", type = \"N\" }",
        "sort_key = { name = \"due\", type = \"S\" }",
        Error,
        "view ",
        "whose index by-due must have",
    );
    slip("by-stuck =", "by-state =", Error, "view ", "whose index by-stuck must have");
    slip(
        "view = {\n    partition_key = { name = \"stream\"",
        "view = {\n    partition_key = { name = \"key\"",
        Error,
        "view ",
        "is not a view of processes",
    );
    slip(
        "VIEW = { table = \"view\", access = \"read-write\" }",
        "VIEW = { table = \"view\", access = \"read\" }",
        Warning,
        "view ",
        "which no function keeps",
    );
}

#[test]
fn deadlines_have_schedules_and_a_sweep_that_may_send_them() {
    let group = "uses = { DEADLINES = { schedule_group = \"deadlines\", access = \"write\" } }";
    slip(group, "", Warning, "booking", "no schedule is set");
    slip("    sweep    = \"sweep\"\n", "", Warning, "booking", "would be a lost deadline");
    slip("sweep    = \"sweep\"", "sweep    = \"swept\"", Error, "sweep ", "declared functions");
    slip(
        "target = { function = \"sweep\" }",
        "target = { queue = \"other\" }",
        Warning,
        "sweep ",
        "which no schedule fires",
    );
    slip(
        "VIEW   = { table = \"view\", access = \"read\" }",
        "",
        Error,
        "sweep ",
        "may not read view",
    );
    slip(
        "INPUTS = { queue = \"inputs\", access = \"write\" }",
        "",
        Error,
        "sweep ",
        "may not send to inputs",
    );
    let said = "deadlines = false says that there are none";
    slip(
        "sweep    = \"sweep\"",
        "sweep    = \"sweep\"\n    deadlines = false",
        Warning,
        "sweep ",
        said,
    );
    let none = good().replacen("    sweep    = \"sweep\"\n", "    deadlines = false\n", 1);
    let none = none.replacen(group, "", 1);
    assert!(mistakes(&none).is_empty(), "{:#?}", mistakes(&none));
}

#[test]
fn a_queue_has_the_inputs_of_one_process() {
    let text = format!("{}\n", good().trim_end().trim_end_matches('}'));
    let again = "  trip = {\n    function = \"booking\", queue = \"inputs\", view = \"view\", store = \"store\", sweep = \"sweep\"\n  }\n}\n";
    let found = mistakes(&format!("{text}{again}"));
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    assert!(
        one.message.starts_with("processes.trip.queue is inputs, which has the inputs of booking"),
        "{one}"
    );
}
