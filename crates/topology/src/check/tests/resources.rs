//! Mistakes in tables, queues and rules.

use super::super::super::{Severity, check_text};
use super::{GOOD, slip, slip_at};

#[test]
fn a_visibility_timeout_is_six_times_the_timeout_of_the_reader() {
    let from = "visibility_timeout_seconds = 180\n    redrive                    = { queue = \"work-dead\"";
    slip(
        from,
        &from.replace("180", "179"),
        "AWS recommends at least 180: six times the timeout of processor",
    );
    slip_at(
        "    visibility_timeout_seconds = 180\n    redrive                    = { queue = \"work-dead\"",
        "    redrive                    = { queue = \"work-dead\"",
        "  work = {",
        "is 30; AWS recommends at least 180",
    );
}

#[test]
fn a_batching_window_is_shorter_than_messages_are_hidden() {
    let size = "batch_size          = 9";
    let gathering = |window: u32| format!("{size}\n        batching_window_seconds = {window}");
    let text = |window: u32| super::with(size, &gathering(window));
    for window in [180, 300] {
        let mistakes = check_text(&text(window)).expect_err("an error");
        let [mistake] = mistakes.as_slice() else { panic!("{mistakes:#?}") };
        assert_eq!(mistake.severity, Severity::Error);
        let says = format!(
            "is 180; must be more than the batching window of processor, which is {window}"
        );
        assert!(mistake.message.contains(&says), "{}", mistake.message);
    }
    let warnings = check_text(&text(179)).expect("AWS takes it").warnings;
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
}

#[test]
fn failures_go_to_standard_queues() {
    slip(
        "        on_failure = { queue = \"failures\" }",
        "        on_failure = { queue = \"steps-dead\" }",
        "a FIFO queue",
    );
    slip(
        "on_failure                = { queue = \"failures\" }",
        "on_failure = { queue = \"steps-dead\" }",
        "a FIFO queue",
    );
    slip(
        "queue                     = \"work\"",
        "queue                     = \"steps\"",
        "a FIFO queue, which rejects messages without a group",
    );
}

#[test]
fn a_dead_letter_queue_keeps_its_messages_longer_than_its_source() {
    slip(
        "  work-dead = {\n    retention_seconds = 1209600",
        "  work-dead = {\n    retention_seconds = 691199",
        "must be at least 691200: a message from work keeps its age",
    );
}

#[test]
fn a_redrive_leads_to_another_queue_of_the_same_kind() {
    slip("queue = \"work-dead\", max", "queue = \"work\", max", "the queue itself");
    slip(
        "queue = \"work-dead\", max",
        "queue = \"steps-dead\", max",
        "a standard queue needs a standard queue",
    );
}

#[test]
fn a_dead_letter_queue_does_not_move_its_letters() {
    let kept = "failures   = { retention_seconds = 1209600";
    let moving = "failures   = { retention_seconds = 345600, redrive = { queue = \"work-dead\", maximum_receives = 5 }";
    slip(kept, moving, "queues.failures.redrive is set on a dead-letter queue");
}

#[test]
fn a_queue_that_a_function_reads_has_a_redrive() {
    slip_at(
        "    redrive                    = { queue = \"work-dead\", maximum_receives = 5 }\n",
        "",
        "  work = {",
        "is read by processor and has no redrive",
    );
}

#[test]
fn names_are_well_formed() {
    slip(
        "  letters = {",
        "  Letters_ = { expiration_days = 1 }\n  letters = {",
        "is not a valid bucket name",
    );
    slip(
        "  failures   = {",
        "  tidegate-x = { retention_seconds = 60 }\n  failures   = {",
        "reserved for the engine's own queues",
    );
    slip("  shop = {", "  default = {}\n  shop = {", "is AWS's own bus");
}

#[test]
fn keys_of_a_table_differ_from_each_other_and_from_its_time_to_live() {
    slip("name = \"version\"", "name = \"stream\"", "is stream, the partition key");
    slip(
        "ttl_attribute = \"expires_at\"",
        "ttl_attribute = \"version\"",
        "a key; choose an attribute that is not a key",
    );
    slip("name = \"key\"", "name = \"\"", "1 to 255 bytes");
}

#[test]
fn a_rule_has_a_pattern_and_its_function_a_destination() {
    slip("{ source = [\"shop.stock\"] }", "{}", "pattern is empty");
    let asynchronous = &GOOD[GOOD.find("    asynchronous = {").expect("it occurs")..];
    slip_at(
        asynchronous,
        "  }\n}\n",
        "function                  = \"mailer\"",
        "declares no asynchronous",
    );
}

#[test]
fn a_target_is_not_its_own_dead_letter_queue() {
    let from =
        "queue                     = \"work\"\n      dead_letter_queue         = \"failures\"\n";
    let to = from.replace("work", "failures").replace("\"\n", "\" # x\n").replacen(" # x", "", 1);
    slip_at(from, &to, "# x", "the target itself");
}
