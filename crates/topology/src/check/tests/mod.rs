//! One mistake at a time in a topology that has none. Each must be reported in its own line.

mod apis;
mod breakers;
mod causes;
mod functions;
mod indexes;
mod processes;
mod profile;
mod projections;
mod repository;
mod resources;
mod rules;
mod schedules;
mod severity;
mod sources;
mod subscriptions;

use super::super::{Mistake, Topology, TopologyError, check_text, load};

/// Returns the topology if it has no mistakes at all, warnings included.
fn parse(text: &str) -> Result<Topology, Vec<Mistake>> {
    let checked = check_text(text)?;
    if checked.warnings.is_empty() { Ok(checked.topology) } else { Err(checked.warnings) }
}

const GOOD: &str = r#"event_bytes_limit = 262144
streams = {
  orders = { shards = 1, retention_hours = 24 }
}
tables = {
  events = {
    partition_key = { name = "stream", type = "S" }
    sort_key      = { name = "version", type = "N" }
    stream_view   = "NEW_IMAGE"
    ttl_attribute = "expires_at"
  }
  plain = { partition_key = { name = "key", type = "S" } }
}
queues = {
  work = {
    retention_seconds          = 345600
    visibility_timeout_seconds = 180
    redrive                    = { queue = "work-dead", maximum_receives = 5 }
  }
  work-dead = {
    retention_seconds = 1209600
  }
  steps = {
    fifo                       = true
    retention_seconds          = 345600
    visibility_timeout_seconds = 180
    redrive                    = { queue = "steps-dead", maximum_receives = 5 }
  }
  steps-dead = { fifo = true, retention_seconds = 1209600 }
  failures   = { retention_seconds = 1209600 }
}
buckets = {
  letters = { expiration_days = 14 }
}
buses = {
  shop = { archive_days = 30 }
}
rules = {
  placed = {
    bus     = "shop"
    pattern = { source = ["shop.orders"] }
    target = {
      function                  = "mailer"
      dead_letter_queue         = "failures"
      maximum_retry_attempts    = 185
      maximum_event_age_seconds = 86400
    }
  }
  to-queue = {
    bus     = "shop"
    pattern = { source = ["shop.stock"] }
    target = {
      queue                     = "work"
      dead_letter_queue         = "failures"
      maximum_retry_attempts    = 10
      maximum_event_age_seconds = 3600
    }
  }
}
functions = {
  processor = {
    memory_mb           = 256
    timeout_seconds     = 30
    maximum_concurrency = 10
    uses = {
      EVENTS_TABLE = { table = "events", access = "read-write" }
      DEAD_URL     = { queue = "failures", access = "write" }
      LETTERS      = { bucket = "letters", access = "write" }
      BUS          = { bus = "shop", access = "write" }
      ORDERS       = { stream = "orders", access = "read" }
      SENDER       = { email = "shop@example.com", access = "write" }
    }
    environment = {
      SLICES = "4"
    }
    sources = {
      orders-in = {
        stream                     = "orders"
        starting_position          = "TRIM_HORIZON"
        batch_size                 = 100
        batching_window_seconds    = 1
        parallelization_factor     = 2
        bisect_on_error            = true
        report_batch_item_failures = true
        maximum_retry_attempts     = 1000
        maximum_record_age_seconds = 21600
        dead_letter_after_seconds  = 10800
        on_failure                 = { queue = "failures" }
      }
      events-in = {
        table                      = "events"
        starting_position          = "LATEST"
        batch_size                 = 50
        parallelization_factor     = 1
        bisect_on_error            = true
        report_batch_item_failures = true
        maximum_retry_attempts     = 999
        maximum_record_age_seconds = 43200
        dead_letter_after_seconds  = 21600
        on_failure = { queue = "failures" }
      }
      work-in = {
        queue               = "work"
        batch_size          = 9
        maximum_concurrency = 2
        report_batch_item_failures = true
      }
      steps-in = {
        queue               = "steps"
        batch_size          = 8
        maximum_concurrency = 2
        report_batch_item_failures = true
      }
    }
  }
  mailer = {
    memory_mb           = 512
    timeout_seconds     = 10
    maximum_concurrency = 3
    asynchronous = {
      maximum_retry_attempts    = 2
      maximum_event_age_seconds = 21600
      on_failure                = { queue = "failures" }
    }
  }
}
"#;

/// Replaces the only occurrence of a text.
fn with(from: &str, to: &str) -> String {
    assert_eq!(GOOD.matches(from).count(), 1, "{from} must occur once");
    GOOD.replacen(from, to, 1)
}

fn line_of(text: &str, part: &str) -> usize {
    assert_eq!(text.matches(part).count(), 1, "{part} must occur once");
    text[..text.find(part).expect("it occurs")].matches('\n').count() + 1
}

/// Asserts that the text has one mistake, in this line, and that its message contains `says`.
#[track_caller]
fn only_mistake(text: &str, line: usize, says: &str) {
    let mistakes = parse(text).expect_err("the slip must be found");
    let [Mistake { position, message, .. }] = mistakes.as_slice() else {
        panic!("one mistake expected: {mistakes:?}")
    };
    assert_eq!(position.line, line, "{message}");
    assert!(message.contains(says), "{message}");
}

/// Asserts that a change is reported in the line of `at`.
#[track_caller]
fn slip_at(from: &str, to: &str, at: &str, says: &str) {
    let text = with(from, to);
    only_mistake(&text, line_of(&text, at), says);
}

/// Asserts that a change is reported in the first line that it changes.
#[track_caller]
fn slip(from: &str, to: &str, says: &str) {
    let text = with(from, to);
    let same = text.lines().zip(GOOD.lines()).take_while(|(changed, good)| changed == good).count();
    only_mistake(&text, same + 1, says);
}

#[test]
fn a_topology_that_keeps_every_rule_has_no_mistake() {
    let topology = parse(GOOD).expect("no mistake");
    assert_eq!(topology.functions.len(), 2);
    assert_eq!(topology.functions["processor"].dead_letter_after_seconds(), Some(10_800));
    assert_eq!(topology.functions["processor"].attempt_timeout_milliseconds(), 4000);
    assert_eq!(topology.sources().count(), 4);
    assert_eq!(topology.function_rules().collect::<Vec<_>>(), [("placed".into(), "mailer")]);
    assert_eq!(topology.sender_addresses(), ["shop@example.com"]);
    assert_eq!(topology.queues["steps"].physical_name("steps"), "steps.fifo");
}

#[test]
fn a_functions_records_are_as_old_as_the_last_of_its_sources_lets_them_become() {
    let age = |text: &str, function: &str| {
        parse(text).expect("no mistake").maximum_record_age_seconds(function)
    };
    assert_eq!(age(GOOD, "processor"), Some(345_600), "its queues, and not its streams");
    assert_eq!(age(GOOD, "mailer"), Some(21_600), "asynchronous invocations");
    let retention = "retention_seconds          = 345600\n    visibility_timeout_seconds = 180\n    redrive                    = { queue = \"work-dead\"";
    for (seconds, largest) in [("3600", 345_600), ("604800", 604_800)] {
        let other = with(retention, &retention.replace("345600", seconds));
        assert_eq!(
            age(&other, "processor"),
            Some(largest),
            "one queue keeps {seconds}, the other 345600"
        );
    }
    assert_eq!(age(GOOD, "unknown"), None);
}

#[test]
fn a_request_to_aws_ends_before_the_function_does() {
    let quick = with("timeout_seconds     = 10", "timeout_seconds     = 3");
    let topology = parse(&quick).expect("no mistake");
    assert_eq!(topology.functions["mailer"].attempt_timeout_milliseconds(), 2000);
}

#[test]
fn this_repositorys_topology_has_no_mistake() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/topology.auto.tfvars");
    let topology = load(&path).unwrap_or_else(|error| panic!("{error}"));
    assert!(topology.functions.contains_key("order-processor"));
}

#[test]
fn all_mistakes_are_reported_at_once_in_the_order_of_the_file() {
    let text = with("timeout_seconds     = 30", "timeout_seconds     = 1000")
        .replace("shards = 1", "shards = 0");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("written");
    let error = load(file.path()).expect_err("several mistakes");
    let name = file.path().display();
    let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], format!("{name}:3:14: streams.orders.shards is 0; must be 1 to 10000"));
    assert_eq!(
        lines.last(),
        Some(&format!(
            "{name}:63:5: functions.processor.timeout_seconds is 1000; must be 1 to 900"
        ))
    );
    // A longer timeout also makes the visibility timeout of both queues too short, by Lambda's own
    // rule.
    assert_eq!(lines.len(), 4, "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = load(std::path::Path::new("no/such/topology")).expect_err("no file");
    assert!(matches!(error, TopologyError::Unreadable { .. }));
    assert!(
        error.to_string().starts_with("no/such/topology: cannot read the topology: "),
        "{error}"
    );
}

#[test]
fn names_that_refer_to_nothing_are_mistakes() {
    slip(
        "table = \"events\", access",
        "table = \"evnts\", access",
        "declared tables: events, plain",
    );
    slip(
        "DEAD_URL     = { queue = \"failures\"",
        "DEAD_URL     = { queue = \"x\"",
        "is x, which is not declared",
    );
    slip("bucket = \"letters\"", "bucket = \"x\"", "declared buckets: letters");
    slip("BUS          = { bus = \"shop\"", "BUS          = { bus = \"x\"", "declared buses: shop");
    slip("{ stream = \"orders\", access", "{ stream = \"x\", access", "declared streams: orders");
    slip(
        "stream                     = \"orders\"",
        "stream                     = \"x\"",
        "declared streams",
    );
    slip(
        "table                      = \"events\"",
        "table                      = \"x\"",
        "declared tables",
    );
    slip("queue               = \"steps\"", "queue               = \"x\"", "declared queues");
    slip(
        "function                  = \"mailer\"",
        "function                  = \"x\"",
        "declared functions",
    );
    slip(
        "queue                     = \"work\"",
        "queue                     = \"x\"",
        "declared queues",
    );
    slip("queue = \"work-dead\", max", "queue = \"x\", max", "queues.work.redrive.queue is x");
    slip(
        "on_failure                = { queue = \"failures\" }",
        "on_failure = { queue = \"x\" }",
        "declared queues",
    );
    slip(
        "        on_failure = { queue = \"failures\" }",
        "        on_failure = { queue = \"y\" }",
        "declared queues",
    );
    slip(
        "\"failures\"\n      maximum_retry_attempts    = 185",
        "\"x\"\n      maximum_retry_attempts    = 184",
        "rules.placed.target.dead_letter_queue is x",
    );
    let bus = "bus     = \"shop\"\n    pattern = { source = [\"shop.orders\"] }";
    slip(bus, &bus.replace("\"shop\"", "\"x\""), "rules.placed.bus is x");
}

#[test]
fn values_outside_their_ranges_are_mistakes() {
    slip("event_bytes_limit = 262144", "event_bytes_limit = 1048577", "must be 8192 to 1048576");
    slip("shards = 1, ", "shards = 0, ", "streams.orders.shards is 0");
    slip("retention_hours = 24", "retention_hours = 8761", "must be 24 to 8760");
    slip(
        "  work-dead = {\n    retention_seconds = 1209600",
        "  work-dead = {\n    retention_seconds = 1209601",
        "60 to 1209600",
    );
    slip(
        "retention_seconds          = 345600\n    visibility_timeout_seconds = 180\n    redrive                    = { queue = \"work-dead\"",
        "retention_seconds          = 59\n    visibility_timeout_seconds = 180\n    redrive                    = { queue = \"work-dead\"",
        "is 59; must be 60 to",
    );
    slip(
        "\"work-dead\", maximum_receives = 5",
        "\"work-dead\", maximum_receives = 4",
        "is 4; AWS recommends at least 5",
    );
    slip("expiration_days = 14", "expiration_days = 0", "must be 1 to 3650");
    slip("archive_days = 30", "archive_days = 3651", "must be 0 to 3650");
    slip(
        "      maximum_retry_attempts    = 185",
        "      maximum_retry_attempts    = 186",
        "must be 0 to 185",
    );
    slip(
        "      maximum_event_age_seconds = 86400",
        "      maximum_event_age_seconds = 59",
        "must be 60 to 86400",
    );
    slip("memory_mb           = 256", "memory_mb           = 127", "must be 128 to 10240");
    slip("timeout_seconds     = 10", "timeout_seconds     = 0", "must be 1 to 900");
    slip("maximum_concurrency = 3", "maximum_concurrency = 0", "must be 1 to 1000");
    slip(
        "batch_size                 = 100",
        "batch_size                 = 10001",
        "must be 1 to 10000",
    );
    slip("batching_window_seconds    = 1", "batching_window_seconds    = 301", "must be 0 to 300");
    slip("parallelization_factor     = 2", "parallelization_factor     = 11", "must be 1 to 10");
    slip(
        "maximum_retry_attempts     = 1000",
        "maximum_retry_attempts     = 10001",
        "must be 0 to 10000",
    );
    slip(
        "maximum_record_age_seconds = 43200",
        "maximum_record_age_seconds = 59",
        "must be 60 to 604800",
    );
    slip(
        "      maximum_retry_attempts    = 2\n",
        "      maximum_retry_attempts    = 3\n",
        "must be 0 to 2",
    );
    slip(
        "      maximum_event_age_seconds = 21600",
        "      maximum_event_age_seconds = 21601",
        "60 to 21600",
    );
    slip(
        "batch_size          = 9\n        maximum_concurrency = 2",
        "batch_size          = 9\n        maximum_concurrency = 1",
        "2 to 1000",
    );
}
