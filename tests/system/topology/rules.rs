//! Tests the rules with the existing events.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{declared, samples};
use crate::world::World;

/// Returns the texts that a pattern names for a field of the event, at its top level or in an
/// alternative.
fn named<'a>(pattern: &'a Value, field: &str) -> BTreeSet<&'a str> {
    let alternatives = pattern["$or"].as_array().into_iter().flatten();
    let mut found: BTreeSet<&str> =
        alternatives.flat_map(|pattern| named(pattern, field)).collect();
    found.extend(pattern[field].as_array().into_iter().flatten().filter_map(Value::as_str));
    found
}

/// The samples that are events. Commands have no position in a stream.
fn events() -> Vec<Value> {
    let events: Vec<Value> =
        samples().into_values().filter(|sample| sample["sequence"].is_string()).collect();
    assert!(events.len() >= 4, "samples of events");
    events
}

#[test]
fn rules_name_types_and_sources_that_the_contracts_define() {
    let events = events();
    let defined: BTreeSet<(&str, &str)> = events
        .iter()
        .map(|event| (event["source"].as_str().unwrap(), event["type"].as_str().unwrap()))
        .collect();
    for (name, rule) in &declared().rules {
        let sources = named(&rule.pattern, "source");
        for source in &sources {
            assert!(
                defined.iter().any(|(from, _)| from == source),
                "rule {name}: nothing comes from {source}"
            );
        }
        for kind in named(&rule.pattern, "detail-type") {
            assert!(
                defined.iter().any(|(from, event)| *event == kind
                    && (sources.is_empty() || sources.contains(from))),
                "rule {name}: no {kind} comes from {sources:?}; defined are {defined:?}"
            );
        }
    }
}

/// Checks the rules with EventBridge's own matcher, or that of the emulator.
///
/// A rule without a type matches every type of its source.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_matches_the_samples_of_the_types_it_names_and_no_other() {
    let world = World::start().await;
    for (name, rule) in &declared().rules {
        let kinds = named(&rule.pattern, "detail-type");
        let mut matched = BTreeSet::new();
        for sample in events() {
            let kind = sample["type"].as_str().unwrap().to_owned();
            let event = json!({
                "id": "1", "account": "000000000000", "region": "us-east-1", "resources": [], "time": "2026-01-01T00:00:00Z",
                "source": sample["source"], "detail-type": kind, "detail": sample,
            });
            let call =
                world.clients().events.test_event_pattern().event_pattern(rule.pattern.to_string());
            if call.event(event.to_string()).send().await.expect("a tested pattern").result() {
                matched.insert(kind);
            }
        }
        assert!(!matched.is_empty(), "rule {name} matches no event that the contracts define");
        if !kinds.is_empty() {
            assert_eq!(
                matched.iter().map(String::as_str).collect::<BTreeSet<_>>(),
                kinds,
                "rule {name}"
            );
        }
    }
    world.end().await;
}
