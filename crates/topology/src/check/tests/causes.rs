//! How long snapshots must remember causes.

use super::{GOOD, line_of, only_mistake, parse};

const PLAIN: &str = r#"plain = { partition_key = { name = "key", type = "S" } }"#;

/// Declares a function that keeps snapshots in the table `plain`, which remember causes for `days`.
fn with_snapshots(function: &str, days: u32) -> String {
    let table = format!(
        "plain = {{\npartition_key = {{ name = \"key\", type = \"S\" }}\ncause_retention_days = {days} }}"
    );
    let used = r#"SNAPSHOT_TABLE = { table = "plain", access = "read-write" }"#;
    let text = GOOD.replacen(PLAIN, &table, 1);
    match function {
        "processor" => text.replacen("EVENTS_TABLE =", &format!("{used}\nEVENTS_TABLE ="), 1),
        _ => text.replacen("mailer = {\n", &format!("mailer = {{\nuses = {{ {used} }}\n"), 1),
    }
}

#[track_caller]
fn is_found(text: &str, says: &str) {
    only_mistake(text, line_of(text, "cause_retention_days"), says);
}

#[test]
fn snapshots_remember_causes_for_longer_than_anything_is_replayed() {
    for (function, days, says) in [
        ("mailer", 14, "is 14; must be 15 to 3650"),
        ("mailer", 30, "is 30; must be above 30: the archive of bus shop"),
        ("processor", 28, "is 28; must be at least 29: processor reads a queue"),
        ("processor", 29, "is 29; must be above 30: the archive of bus shop"),
    ] {
        is_found(&with_snapshots(function, days), says);
    }
    for function in ["mailer", "processor"] {
        assert!(parse(&with_snapshots(function, 31)).is_ok(), "{function}");
    }
    let topology = parse(&with_snapshots("mailer", 31)).expect("no mistake");
    assert_eq!(topology.cause_retention_days("mailer"), Some(31));
    assert_eq!(topology.cause_retention_days("processor"), None);
}

#[test]
fn a_table_of_snapshots_says_for_how_long_it_remembers_causes() {
    let text = with_snapshots("mailer", 31).replacen("cause_retention_days = 31", "", 1);
    only_mistake(
        &text,
        line_of(&text, "SNAPSHOT_TABLE"),
        "must declare cause_retention_days, 15 or more",
    );
}

#[test]
fn a_format_of_commits_is_one_that_the_toolkit_writes() {
    let with = |format: u32| {
        let text = with_snapshots("mailer", 31);
        text.replacen(
            "cause_retention_days = 31",
            &format!("cause_retention_days = 31\ncommit_format = {format}"),
            1,
        )
    };
    for format in [0, 3] {
        let text = with(format);
        only_mistake(
            &text,
            line_of(&text, "commit_format"),
            &format!("is {format}; must be 1 to 2"),
        );
    }
    let topology = parse(&with(1)).expect("no mistake");
    assert_eq!(topology.commit_format("mailer"), Some(1));
    assert_eq!(topology.commit_format("processor"), None);
}
