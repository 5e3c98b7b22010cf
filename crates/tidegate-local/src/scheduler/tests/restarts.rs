//! What is left of schedules when an engine ends.

use std::path::Path;

use serde_json::json;

use super::super::Key;
use super::super::definition::Definition;
use super::super::progress::{Owed, Progress};
use super::super::registry::Registry;
use super::super::step::Input;
use super::{NOW, at, body, read};

fn declared(expression: &str) -> Vec<Definition> {
    let definition = read("nightly", &body(expression, json!({ "GroupName": "declared" })));
    vec![Definition { identity: "declared".to_owned(), ..definition.unwrap() }]
}

fn open(directory: &Path, declared: Vec<Definition>) -> Registry {
    Registry::open(directory, declared, Vec::new(), "declared").unwrap()
}

/// What the machine of this registry gets first.
fn found(registry: &Registry) -> Vec<(String, Option<Progress>)> {
    let mut inputs = registry.inputs().unwrap();
    let inputs = std::iter::from_fn(move || inputs.try_recv().ok());
    let found = inputs.map(|input| match input {
        Input::Put { key, progress, .. } => (key.to_string(), progress),
        other => panic!("{other}"),
    });
    found.collect()
}

#[test]
fn the_next_engine_knows_each_schedule_and_how_far_it_has_come() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path(), declared("rate(1 hour)"));
    let definition = read("a.b_c", &body("at(2026-12-01T08:00:00)", json!({}))).unwrap();
    let (key, identity) = (definition.key.clone(), definition.identity.clone());
    registry.create(definition).unwrap();
    let owed = vec![Owed { scheduled: at(NOW), since: 1, failed: 2 }];
    let progress = Progress { identity, last: Some(at(NOW)), owed };
    registry.keep(&key, &progress).unwrap();
    drop(registry);

    let next = open(directory.path(), declared("rate(1 hour)"));
    let expected =
        [("declared/nightly".to_owned(), None), ("default/a.b_c".to_owned(), Some(progress))];
    assert_eq!(found(&next), expected);
}

#[test]
fn another_schedule_of_the_same_name_inherits_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path(), Vec::new());
    let definition = read("a", &body("rate(1 hour)", json!({}))).unwrap();
    let key = definition.key.clone();
    let progress = Progress { identity: definition.identity.clone(), ..Progress::default() };
    registry.create(definition).unwrap();
    registry.delete(&key).unwrap();
    registry.create(read("a", &body("rate(1 hour)", json!({}))).unwrap()).unwrap();
    // The machine stored it just before it learned of the deletion.
    registry.keep(&key, &progress).unwrap();
    drop(registry);
    assert_eq!(found(&open(directory.path(), Vec::new())), [("default/a".to_owned(), None)]);
}

#[test]
fn a_declared_schedule_keeps_its_age_and_leaves_when_it_is_not_declared_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let key = Key::new("declared", "nightly");
    let mut first = declared("rate(1 hour)");
    first[0].created = at("2026-11-01T00:00:00Z");
    drop(open(directory.path(), first));
    let next = open(directory.path(), declared("rate(2 hours)"));
    let known = next.get(&key).unwrap();
    assert_eq!(known.created, at("2026-11-01T00:00:00Z"));
    assert_eq!((known.expression.as_str(), known.revision), ("rate(2 hours)", 2));
    drop(next);
    assert!(open(directory.path(), Vec::new()).all().is_empty());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(directory.path(), declared("rate(1 hour)"));
    drop(registry);
    let file = directory.path().join("declared~nightly.json");
    std::fs::write(&file, "{").unwrap();
    let error = Registry::open(directory.path(), Vec::new(), Vec::new(), "declared").unwrap_err();
    assert!(error.to_string().contains("declared~nightly.json is not a file of a schedule"));
}
