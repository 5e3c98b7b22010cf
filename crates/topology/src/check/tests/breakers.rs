//! Circuit breakers: every mistake, with its line.

use super::{Mistake, check_text};
use crate::Severity::{self, Error, Warning};

const GOOD: &str = r#"
tables = {
  breakers = { partition_key = { name = "breaker", type = "S" } }
  other    = { partition_key = { name = "key", type = "S" } }
  event-store = {
    partition_key = { name = "stream", type = "S" }, sort_key = { name = "version", type = "N" }
  }
}
queues = {
  charges = {
    retention_seconds = 345600, visibility_timeout_seconds = 120
    redrive = { queue = "letters", maximum_receives = 65 }
  }
  idle    = { retention_seconds = 1209600 }
  letters = { retention_seconds = 1209600 }
}
buckets = { letters = { expiration_days = 14 } }
breakers = {
  payment = {
    table                  = "breakers"
    function               = "charge"
    queue                  = "charges"
    cool_down_seconds      = 60
    longest_outage_seconds = 3600
    failures_in_a_row      = 7
    failure_percent        = 50
    minimum_calls          = 10
    window_seconds         = 90
    freshness_seconds      = 2
    events                 = "event-store"
  }
}
functions = {
  charge = {
    timeout_seconds = 20, maximum_concurrency = 4
    uses = {
      DEAD_LETTER_QUEUE_URL = { queue = "letters", access = "write" }
      DEAD_LETTER_BUCKET    = { bucket = "letters", access = "write" }
    }
    sources = {
      charges = {
        queue = "charges", batch_size = 10, maximum_concurrency = 2
        report_batch_item_failures = true
        dead_letter_after_seconds  = 7200
      }
    }
  }
}
"#;

fn mistakes(text: &str) -> Vec<Mistake> {
    match check_text(text) {
        Ok(checked) => checked.warnings,
        Err(mistakes) => mistakes,
    }
}

/// Asserts that a change of one line gives one mistake, in that line or that of its entry.
#[track_caller]
fn slip(from: &str, to: &str, severity: Severity, says: &str) {
    assert_eq!(GOOD.matches(from).count(), 1, "{from} must occur once");
    let found = mistakes(&GOOD.replacen(from, to, 1));
    let [mistake] = found.as_slice() else { panic!("one mistake expected: {found:#?}") };
    assert!(mistake.message.contains(says), "{}", mistake.message);
    assert_eq!(mistake.severity, severity, "{}", mistake.message);
    let line = GOOD[..GOOD.find(from).unwrap()].lines().count();
    let at = mistake.position.line;
    assert!(at <= line + 1 && at > line.saturating_sub(3), "{at}, {line}: {}", mistake.message);
}

#[test]
fn a_breaker_that_keeps_every_rule_has_no_mistake() {
    let checked = check_text(GOOD).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    assert_eq!(checked.warnings, []);
    let breaker = &checked.topology.breakers["payment"];
    assert_eq!(breaker.receives(), 65);
    assert_eq!(
        breaker.declaration(|table| format!("dev-{table}")),
        r#"{"cool_down_seconds":60,"events_table":"dev-event-store","failure_percent":50,"failures_in_a_row":7,"freshness_seconds":2,"minimum_calls":10,"table":"dev-breakers","window_seconds":90}"#
    );
}

#[test]
fn a_breaker_without_rules_has_the_default_ones() {
    let text = GOOD.replace("    failures_in_a_row      = 7\n", "");
    let topology = check_text(&text).unwrap().topology;
    let declaration = topology.breakers["payment"].declaration(str::to_owned);
    assert!(!declaration.contains("failures_in_a_row"), "{declaration}");
    let rules = ["failure_percent        = 50", "minimum_calls          = 10"];
    let text = rules.iter().fold(text, |text, rule| text.replace(rule, ""));
    let topology = check_text(&text).unwrap().topology;
    let declaration = topology.breakers["payment"].declaration(str::to_owned);
    assert!(declaration.contains("\"failures_in_a_row\":5"), "{declaration}");
}

#[test]
fn messages_that_do_not_outlast_the_outage_are_a_warning_with_the_number_that_is_needed() {
    slip(
        "maximum_receives = 65",
        "maximum_receives = 64",
        Warning,
        "is 64; must be at least 65, or the cool-down at least 62 seconds",
    );
    slip(
        "cool_down_seconds      = 60",
        "cool_down_seconds      = 3",
        Warning,
        "payment.cool_down_seconds is 3; must be at least 4: an outage of 3600 seconds needs 1205",
    );
    // The function's own age is then too long for the retention, too.
    let found = mistakes(&GOOD.replace("retention_seconds = 345600", "retention_seconds = 3600"));
    let says = "retention_seconds is 3600; must be more than 3600, the longest outage";
    assert!(found[0].message.contains(says), "{found:?}");
    let after = "dead_letter_after_seconds  = 7200";
    slip(after, "dead_letter_after_seconds  = 3600", Warning, "is 3600; must be more than 3600");
}

#[test]
fn guarded_calls_stand_behind_a_queue_that_the_function_reads() {
    let queue = "queue                  = \"charges\"";
    slip(queue, "queue = \"idle\"", Error, "is idle, which charge does not read");
    slip(queue, "queue = \"none\"", Error, "is none, which is not declared");
    let asynchronous = r#"
topics        = { news = {} }
subscriptions = {
  news = { topic = "news", function = "charge", dead_letter_queue = "letters" }
}
"#;
    let found = mistakes(&format!("{GOOD}{asynchronous}"));
    let says = "is charge, which the subscription news invokes asynchronously: Lambda tries a \
                refused event again twice within three minutes";
    let about = found.iter().find(|mistake| mistake.message.contains(says));
    assert_eq!(about.map(|mistake| mistake.severity), Some(Error), "{found:#?}");
    let stream = r#"
streams = { orders = {} }
"#;
    let source = "    sources = {\n";
    let also = "    sources = {\n      orders = {\n        stream = \"orders\", starting_position = \
                \"LATEST\", report_batch_item_failures = true, bisect_on_error = true\n        \
                maximum_retry_attempts = 9, maximum_record_age_seconds = 21600\n        \
                dead_letter_after_seconds = 7200, on_failure = { queue = \"letters\" }\n      }\n";
    let found = mistakes(&format!("{}{stream}", GOOD.replace(source, also)));
    let [mistake] = found.as_slice() else { panic!("one mistake expected: {found:#?}") };
    assert!(mistake.message.contains("a refused record blocks its shard"), "{mistake:?}");
    assert_eq!(mistake.severity, Warning);
}

#[test]
fn names_tables_and_numbers_are_checked() {
    let table = "table                  = \"breakers\"";
    slip(table, "table = \"other\"", Error, "has the partition key breaker of type S");
    slip(table, "table = \"none\"", Error, "is none, which is not declared");
    let events = "events                 = \"event-store\"";
    slip(events, "events = \"other\"", Error, "which is not an event store");
    let function = "function               = \"charge\"";
    slip(function, "function = \"none\"", Error, "is none, which is not declared");
    slip("  payment = {", "  pay_ment = {", Error, "is not a valid name of a breaker");
    slip("failure_percent        = 50", "", Error, "is for failure_percent, which is not set");
    slip("failure_percent        = 50", "failure_percent = 101", Error, "must be 1 to 100");
    slip("window_seconds         = 90", "window_seconds = 0", Error, "must be 1 to 3600");
    slip("freshness_seconds      = 2", "freshness_seconds = 301", Error, "must be 0 to 300");
    slip("failures_in_a_row      = 7", "failures_in_a_row = 0", Error, "must be 1 to 1000");
    let uses = "    uses = {\n";
    let taken = "    environment = { TIDEGATE_BREAKER_PAYMENT = \"x\" }\n    uses = {\n";
    let found = mistakes(&GOOD.replace(uses, taken));
    assert!(found[0].message.contains("needs the variable TIDEGATE_BREAKER_PAYMENT"), "{found:?}");
}
