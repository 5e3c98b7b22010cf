//! Tests of the language against AWS's documentation and against slower implementations.

mod documented;
mod faults;
mod filters;
mod lenient;
mod properties;

use serde_json::Value;

use super::Pattern;
use aws_json::Json;

fn pattern(pattern: &Value) -> Pattern {
    Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

/// Asserts that a pattern matches the first events and does not match the others.
fn check(tried: &Value, matching: &[Value], other: &[Value]) {
    let read = pattern(tried);
    for event in matching {
        assert!(read.matches(&Json::from(event)), "{tried} matches {event}");
    }
    for event in other {
        assert!(!read.matches(&Json::from(event)), "{tried} does not match {event}");
    }
}
