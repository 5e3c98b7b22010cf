//! What is on the screen, and what is not.

use serde_json::json;

use super::*;

#[test]
fn everything_is_on_the_screen_within_eighty_columns() {
    let status = json!({
        "idle": false, "in_flight": 2, "lag": 1234,
        "emulator": {"name": "ministack", "endpoint": "http://127.0.0.1:45678", "cpu_seconds": 12.34},
        "engine": {"cpu_seconds": 1.0, "rss_bytes": 20_971_520, "uptime_seconds": 61.2},
        "mappings": [{"name": "event-store → order-projection", "lag": 1234, "in_flight": 2, "records_delivered": 98765, "retries": 4, "failures": 7, "discarded": 5, "oldest_ms": 61_000, "positions": {"shardId-1": "4959", "shardId-2": null}, "last_error": "boom"}],
        "asynchronous": [{"function": "notification", "waiting": 6, "in_flight": 0, "delivered": 7, "retries": 8, "failed": 9}],
        "functions": {"order-projection": {"environments": 4, "invocations": 98765, "errors": 1, "timeouts": 3, "duration_ms": {"count": 98765, "p50": 4.56, "p99": 1234.5, "max": 2000.0}, "memory_mb": 256, "rss_bytes": 52_428_800, "cpu_seconds": 3.21, "peak_rss_bytes": 12_582_912, "metrics": {"Applied": 98765.0, "Duplicate": 12.0}}},
        "dead_letters": {"dead-letters": 3, "async-failures": 0, "total": 3},
        "buses": [{"bus": "shop", "last_error": "no luck", "rules": {
            "order-placed": {"waiting": 4, "failing": 3, "handed_over": 98765, "retries": 12, "failed": 2, "last_error": "slow down"},
        }}],
        "schedules": {"schedules": 3, "waiting": 1, "last_error": "declared/tick: no luck",
            "groups": {"deadlines": {"fired": 41, "handed_over": 39, "retries": 5, "failed": 1}},
            "next": [{"group": "declared", "name": "nightly", "comes": "2026-12-01T03:00:00.000Z"}],
        },
        "waits_for_operator": [
            {"what": "held effects", "of": "idempotency", "count": 2, "more": false, "command": "tidegate effects ls"},
            {"what": "parked aggregates", "of": "order-projection", "count": 0, "more": false, "command": "tidegate parked ls"},
            {"what": "parked aggregates", "of": "other", "count": null, "error": "no such table", "command": "tidegate parked ls"},
        ],
        "given_up": [
            {"function": "order-projection", "to": {"kind": "topic", "name": "alarms"}, "count": 6},
            {"function": "order-projection", "to": {"kind": "queue", "name": "dead-letters"}, "count": 7},
        ]
    });
    let screen = screen(&status);
    for part in [
        "busy: 2 in flight, 1234 waiting",
        "ministack",
        "12.3 s CPU",
        "98765",
        "! event-store → order-projection: boom",
        "notification",
        "61 s",
        "@ event-store → order-projection\n  shardId-1 at 4959\n",
        "4.6",
        "1234",
        "50.0",
        "12.0/256",
        "3.2",
        "dead-letters 3",
        "async-failures 0",
        "held effects: idempotency 2 (`tidegate effects ls` lists them)",
        "parked aggregates: order-projection 0\n",
        "! parked aggregates: other not counted: no such table",
        "shop: order-placed",
        "! bus shop: no luck",
        "! rule order-placed: slow down",
        "order-projection: 6 sent to topic alarms",
        "3 schedules; next declared/nightly at 2026-12-01T03:00:00.000Z; 1 waiting",
        "  deadlines: 41 fired, 39 delivered, 5 retries, 1 discarded",
        "! schedules: declared/tick: no luck",
    ] {
        assert!(screen.contains(part), "{part} is missing in\n{screen}");
    }
    assert!(!screen.contains("filtered"), "nothing was: {screen}");
    assert!(!screen.contains("total"), "{screen}");
    assert!(!screen.contains("queue dead-letters"), "its messages are counted already: {screen}");
    let widest = screen.lines().map(|line| line.trim_end().chars().count()).max();
    assert!(widest <= Some(80), "{widest:?}\n{screen}");
}

#[test]
fn single_writes_are_shown_with_the_reason() {
    let shown = |statements| screen(&json!({"emulator": {"statements": statements}}));
    let single = shown(json!({"mode": "single", "why": "DELETE with a condition: it was done"}));
    assert!(single.contains("one by one, not in batches: DELETE with"), "{single}");
    assert!(!shown(json!({"mode": "batched"})).contains("batches"));
    // MiniStack's usual state.
    assert!(!shown(json!({"mode": "without-streams", "why": "no record"})).contains("batches"));
}

#[test]
fn what_a_function_printed_moves_no_cursor_and_makes_no_further_line() {
    let why = "it ended; the last it printed: \x1b[2J\u{202e}gone\nidle";
    let screen = screen(&json!({"functions": {"f": {"start_failure": why}}}));
    assert!(screen.contains(r"\u{1b}[2J\u{202e}gone\nidle"), "{screen}");
    assert!(!screen.contains(['\x1b', '\u{202e}']), "{screen:?}");
}

#[test]
fn a_count_that_nobody_printed_is_no_zero_and_the_reason_is_said() {
    let status = |namespace: Value, metrics: Value| {
        let functions = json!({"f": {"metrics": metrics}});
        records(&json!({"metrics_namespace": namespace, "functions": functions}))
    };
    let off = status(Value::Null, json!({}));
    assert!(off.contains("–") && off.contains("no metrics_namespace"), "{off}");
    assert_eq!(off.matches(" 0").count(), 1, "the CPU time alone is known: {off}");
    let silent = status(json!("Shop"), json!({"Own": 7.0}));
    assert!(silent.contains("–") && silent.contains("does not use the toolkit"), "{silent}");
    let counted = status(
        json!("Shop"),
        json!({"Applied": 0.0, "Failed": 2.0, "Duplicate": 0.0, "DeadLettered": 0.0}),
    );
    assert!(!counted.contains('–'), "{counted}");
}

#[test]
fn a_function_that_has_not_run_took_no_time_and_not_zero() {
    let status = |count: u64| {
        let duration = json!({"count": count, "p50": 0.0, "p99": 0.0, "max": 0.0});
        functions(&json!({"functions": {"f": {"duration_ms": duration}}}))
    };
    assert_eq!(
        (status(0).matches('–').count(), status(1).matches('–').count()),
        (2, 0),
        "{}",
        status(0)
    );
}

#[test]
fn dead_letters_that_an_emulator_away_did_not_count_are_not_none() {
    let away = dead_letters(
        &json!({"emulator": {"unanswered_seconds": 30}, "dead_letters": {"total": 0}}),
    );
    assert_eq!(away, "dead letters: not counted, because the emulator does not answer");
    let silent =
        dead_letters(&json!({"emulator": {"unanswered_seconds": null}, "dead_letters": {}}));
    assert_eq!(silent, away);
    let none = dead_letters(
        &json!({"emulator": {"unanswered_seconds": null}, "dead_letters": {"total": 0}}),
    );
    assert_eq!(none, "dead letters: no queue for them");
}

#[test]
fn an_error_has_its_age_a_lost_record_its_reason_and_a_lane_that_waits_its_line() {
    let hour = Timestamp::now() - jiff::SignedDuration::from_hours(3);
    let lost = json!({"count": 2, "last": "no such queue"});
    let lane = json!({"shard": "shardId-000000000007", "lane": 0, "state": "unread"});
    let status = json!({
        "mappings": [{"name": "m", "last_error": "boom", "last_error_at": hour.to_string(), "destination_failures": lost, "lanes": [lane]}],
        "asynchronous": [{"function": "f", "destination_failures": {"count": 1, "last": "refused"}}],
        "buses": [{"bus": "b", "destination_failures": {"count": 0, "last": null}, "rules": {"r": {"last_error": "slow", "last_error_at": hour.to_string()}}}],
    });
    let screen = screen(&status);
    for line in [
        "! m: boom (3 h ago)",
        "! m: 2 on-failure records refused by the destination and lost: no such queue",
        "~ m shard 0007 lane 0: the rest of a failed batch has not been read yet",
        "! f: 1 on-failure record refused by the destination and lost: refused",
        "! rule r: slow (3 h ago)",
    ] {
        assert!(screen.lines().any(|shown| shown == line), "{line} is missing in\n{screen}");
    }
    assert!(!screen.contains("! bus b"), "{screen}");
}

#[test]
fn what_filters_passed_over_has_a_column_once_there_is_any() {
    let status = |filtered: u64| json!({"mappings": [{"name": "orders", "filtered": filtered}]});
    assert!(!mappings(&status(0)).contains("filtered"));
    let shown = mappings(&status(4_321));
    assert!(shown.contains("filtered") && shown.contains("4321"), "{shown}");
}
