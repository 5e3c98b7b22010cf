//! Bodies and patterns that a strict reader refuses, matched as event-ruler 1.8.1 does.
//!
//! Each row was run with that version.

use super::super::filter::{Filter, Filtered};
use aws_json::Json;

/// Returns whether a pattern matches an event; both are given as text.
fn matches(pattern: &str, event: &str) -> bool {
    let pattern = super::super::Pattern::from_filter(&Json::parse(pattern).unwrap())
        .unwrap_or_else(|error| panic!("{pattern}: {error}"));
    Json::leading(event).is_ok_and(|(event, _)| pattern.matches(&event))
}

#[test]
fn what_a_strict_reader_refuses_matches_as_event_ruler_matches_it() {
    let deep = format!(r#"{{"b":{}{},"a":"x"}}"#, "[".repeat(999), "]".repeat(999));
    let too_deep = format!(r#"{{"b":{}{},"a":"x"}}"#, "[".repeat(1_000), "]".repeat(1_000));
    let long = format!(r#"{{"b":-{},"a":"x"}}"#, "1".repeat(1_000));
    let too_long = format!(r#"{{"b":{},"a":"x"}}"#, "1".repeat(1_001));
    let x = r#"{"a":["x"]}"#;
    for (pattern, event, expected) in [
        (x, r#"{"a":"x","b":1e999,"b":"\ud83d"}"#, true),
        (x, r#"{"a":"y","a":"x"}"#, true),
        (x, r#"{"a":"x","a":"y"}"#, true),
        (x, r#"{"a":"x"} and more"#, true),
        (x, &deep, true),
        (x, &too_deep, false),
        (x, &long, true),
        (x, &too_long, false),
        (x, r#"{"a":"x","b":NaN}"#, false),
        (x, r#"{"b":{"a":1},"a":"x""#, false),
        // Unpaired surrogates.
        (r#"{"a":["\ud83d"]}"#, r#"{"a":"\uD83D"}"#, true),
        (r#"{"a":[{"prefix":"?"}]}"#, r#"{"a":"\uD83Dxx"}"#, true),
        (r#"{"a":[{"suffix":"?"}]}"#, r#"{"a":"xx\uD83D"}"#, true),
        (r#"{"a":[{"wildcard":"x*y"}]}"#, r#"{"a":"x\uD83Dy"}"#, true),
        (r#"{"a":[{"anything-but":"?"}]}"#, r#"{"a":"\uD83D"}"#, false),
        (r#"{"a":[{"anything-but":"x"}]}"#, r#"{"a":"\uD83D"}"#, true),
        (r#"{"a":[{"equals-ignore-case":"X?"}]}"#, r#"{"a":"x\uD83D"}"#, true),
        (r#"{"a":[{"prefix":"x \ud83d"}]}"#, r#"{"a":"x \ud83d\ude00"}"#, false),
        (r#"{"a\ud83d":[1]}"#, r#"{"a\uD83D":1}"#, true),
        (r#"{"a?":[1]}"#, r#"{"a\uD83D":1}"#, false),
        (r#"{"a\ud83d":[1]}"#, r#"{"a?":1}"#, false),
        // Numbers.
        (r#"{"a":[1e999]}"#, r#"{"a":1e999}"#, true),
        (r#"{"a":[1e999]}"#, r#"{"a":1E999}"#, false),
        (r#"{"a":[0.1]}"#, r#"{"a":1e-1}"#, true),
        (r#"{"a":[0]}"#, r#"{"a":-0}"#, true),
        (r#"{"a":[1]}"#, r#"{"a":1.00000000000000000001}"#, false),
        (r#"{"a":[123456789012345678901]}"#, r#"{"a":123456789012345678901}"#, true),
        (r#"{"a":[123456789012345678901]}"#, r#"{"a":1.23456789012345678901e20}"#, false),
        (r#"{"a":[{"anything-but":1}]}"#, r#"{"a":1e999}"#, true),
        (r#"{"a":[{"exists":true}]}"#, r#"{"a":1e999}"#, true),
        (r#"{"a":[{"numeric":[">",1]}]}"#, r#"{"a":1e999}"#, false),
        (r#"{"a":[{"numeric":["<",2]}]}"#, r#"{"a":1.00000000000000000001}"#, false),
        (r#"{"a":[{"numeric":["=",0]}]}"#, r#"{"a":-0.0}"#, true),
        (r#"{"a":[{"numeric":[">",0]}]}"#, r#"{"a":"1"}"#, false),
        (r#"{"a":[{"numeric":[">",1700000000000]}]}"#, r#"{"a":1790000000000}"#, true),
        (
            r#"{"a":[{"numeric":[">=",-1.7976931348623157e308]}]}"#,
            r#"{"a":1.7976931348623157e308}"#,
            true,
        ),
        // A name that occurs twice.
        (r#"{"a":{"b":[1],"c":[2]}}"#, r#"{"a":{"b":1},"a":{"c":2}}"#, true),
        (r#"{"a":[{"exists":false}]}"#, r#"{"a":[],"a":1}"#, false),
    ] {
        assert_eq!(matches(pattern, event), expected, "{pattern} {event}");
    }
}

#[test]
fn a_number_that_is_not_exactly_a_double_cannot_bound_a_comparison() {
    for (operand, says) in [
        (
            r#"{"numeric":[">",0,"<",1e999]}"#,
            "body.a.0.numeric has 1e999, which is not exactly a double",
        ),
        (
            r#"{"anything-but":123456789012345678901}"#,
            "body.a.0.anything-but has 123456789012345678901",
        ),
    ] {
        let error = Filter::parse(Filtered::Sqs, [format!(r#"{{"body":{{"a":[{operand}]}}}}"#)])
            .unwrap_err();
        assert!(error.faults[0].to_string().starts_with(says), "{error}");
    }
}

#[test]
fn nested_lists_that_are_asked_about_take_no_more_stack_than_there_is() {
    let deep = format!(r#"{{"a":{}"x"{}}}"#, "[".repeat(999), "]".repeat(999));
    assert!(matches(r#"{"a":["x"]}"#, &deep));
}
