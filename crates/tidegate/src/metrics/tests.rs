//! Tests the lines that custom metrics become.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::*;
use crate::batch::{Handled, Invocation, Metrics, Runner};
use crate::dead_letter::MemoryDeadLetters;
use crate::each;
use crate::failure::Failure;
use crate::source::Source;
use crate::test::SqsEvent;

fn lines(metrics: &CustomMetrics) -> Vec<Value> {
    let lines = metrics.lines("Shop");
    lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// Checks a line by the specification of the format; CloudWatch drops a line that breaks it.
fn check(line: &Value) {
    let [directive] = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().as_slice() else {
        panic!("{line}")
    };
    let [names] = directive["Dimensions"].as_array().unwrap().as_slice() else { panic!("{line}") };
    assert!(names.as_array().unwrap().len() <= 30, "{line}");
    for name in names.as_array().unwrap() {
        let value = line[name.as_str().unwrap()].as_str().unwrap();
        assert!((1..=1024).contains(&value.len()) && value.is_ascii(), "{value}");
        assert!(!value.contains(|letter: char| letter.is_ascii_control()), "{value}");
    }
    let metrics = directive["Metrics"].as_array().unwrap();
    assert!((1..=100).contains(&metrics.len()), "{line}");
    for metric in metrics {
        let values = &line[metric["Name"].as_str().unwrap()];
        let count = values.as_array().map_or(1, Vec::len);
        assert!((1..=100).contains(&count), "{count} values");
        assert!(values.is_number() || values.as_array().unwrap().iter().all(Value::is_number));
    }
    assert!(line.to_string().len() < 256 * 1024, "{} bytes", line.to_string().len());
}

#[test]
fn each_set_of_dimensions_is_one_line_whatever_their_order() {
    let metrics = CustomMetrics::new();
    metrics.add("Sales", Unit::Count, 1.0, &[("country", "France"), ("channel", "web")]);
    metrics.add("Sales", Unit::Count, 2.0, &[("channel", "web"), ("country", "France")]);
    metrics.add("Weight", Unit::Kilobytes, 0.5, &[("channel", "web"), ("country", "France")]);
    metrics.clone().add("Sales", Unit::Count, 1.0, &[]);
    let lines = lines(&metrics);
    lines.iter().for_each(check);
    assert_eq!(lines.len(), 2);
    let directive = &lines[1]["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Shop");
    assert_eq!(directive["Dimensions"], json!([["channel", "country"]]));
    let units =
        json!([{ "Name": "Sales", "Unit": "Count" }, { "Name": "Weight", "Unit": "Kilobytes" }]);
    assert_eq!(directive["Metrics"], units);
    assert_eq!((&lines[1]["Sales"], &lines[1]["Weight"]), (&json!([1.0, 2.0]), &json!(0.5)));
    assert_eq!((&lines[1]["channel"], &lines[1]["country"]), (&json!("web"), &json!("France")));
    assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([[]]));
    assert!(metrics.lines("Shop").is_empty(), "each value is written once");
}

#[test]
fn what_cloudwatch_would_not_accept_is_dropped_and_counted() {
    let long: &'static str = Box::leak("x".repeat(251).into_boxed_str());
    let many: Vec<(&'static str, &str)> =
        (0..31).map(|place| (&*Box::leak(format!("d{place}").into_boxed_str()), "x")).collect();
    let metrics = CustomMetrics::new();
    metrics.add("Sales", Unit::Count, 1.0, &[]);
    metrics.add("Sales", Unit::Percent, 1.0, &[]);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX] {
        metrics.add("Value", Unit::None, value, &[]);
    }
    for name in ["", " ", "_aws", "é", "a\nb", ":a", long] {
        metrics.add(name, Unit::None, 1.0, &[]);
        metrics.add("Value", Unit::None, 1.0, &[(name, "x")]);
    }
    metrics.add("Value", Unit::None, 1.0, &[("Value", "x")]);
    metrics.add("Value", Unit::None, 1.0, &[("a", "x"), ("a", "y")]);
    metrics.add("Value", Unit::None, 1.0, &many);
    let recorded = metrics.0.as_ref().unwrap();
    let (dropped, reason) = recorded.lock().dropped.clone().unwrap();
    assert_eq!(dropped, 1 + 4 + 14 + 3);
    assert!(reason.contains("Sales: has the unit Count and the unit Percent"), "{reason}");
    let lines = lines(&metrics);
    assert_eq!((lines.len(), &lines[0]["Sales"]), (1, &json!(1.0)));
    metrics.add("Value", Unit::None, 2_f64.powi(360), &many[..30]);
    assert_eq!(metrics.lines("Shop").len(), 1, "the limits themselves are accepted");
}

#[test]
fn the_value_of_a_dimension_is_made_acceptable() {
    let long = "x".repeat(5000);
    let metrics = CustomMetrics::new();
    for (place, value) in
        ["", " \t", "Côte d'Ivoire", "a\nb\u{0}", ":a", " a ", &long].into_iter().enumerate()
    {
        let places = ["0", "1", "2", "3", "4", "5", "6"];
        metrics.add("Sales", Unit::Count, 1.0, &[("place", places[place]), ("value", value)]);
    }
    let lines = lines(&metrics);
    lines.iter().for_each(check);
    let values: Vec<&str> = lines.iter().map(|line| line["value"].as_str().unwrap()).collect();
    assert_eq!(values[..6], ["-", "-", "C?te d'Ivoire", "a?b?", "?a", "a"]);
    assert_eq!(values[6].len(), 1024);
}

#[test]
fn more_than_a_line_holds_becomes_more_lines_and_nothing_is_lost() {
    let metrics = CustomMetrics::new();
    let names: Vec<&'static str> =
        (0..150).map(|place| &*Box::leak(format!("{place:0>250}").into_boxed_str())).collect();
    for name in &names {
        for _ in 0..60 {
            metrics.add(name, Unit::None, -1.234_567_890_123_456_7e-300, &[]);
        }
    }
    for _ in 0..250 {
        metrics.add("Many", Unit::Count, 1.0, &[]);
    }
    let lines = lines(&metrics);
    lines.iter().for_each(check);
    let count = |name: &str| -> usize {
        let values = lines.iter().filter_map(|line| line.get(name));
        values.map(|values| values.as_array().map_or(1, Vec::len)).sum()
    };
    assert_eq!(count("Many"), 250);
    assert!(names.iter().all(|name| count(name) == 60));
}

#[test]
fn an_invocation_keeps_a_bounded_number_of_sets_and_values() {
    let metrics = CustomMetrics::new();
    for id in 0..MAX_SETS + 5 {
        metrics.add("Sales", Unit::Count, 1.0, &[("id", &id.to_string())]);
    }
    let dropped = metrics.0.as_ref().unwrap().lock().dropped.clone().unwrap();
    assert_eq!(dropped.0, 5);
    assert!(dropped.1.contains("fewer different values"), "{}", dropped.1);
    for _ in 0..MAX_VALUES {
        metrics.add("Sales", Unit::Count, 1.0, &[("id", "0")]);
    }
    let dropped = metrics.0.as_ref().unwrap().lock().dropped.clone().unwrap();
    assert_eq!(dropped.0, 5 + MAX_SETS);
    assert_eq!(metrics.lines("Shop").len(), MAX_SETS + (MAX_VALUES - MAX_SETS) / 100);
}

#[tokio::test]
async fn a_runner_writes_them_before_the_response_even_if_records_fail_or_panic() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&written);
    let metrics: Metrics = "Shop".parse().unwrap();
    let metrics = metrics.to(move |line| shared.lock().push(String::from_utf8_lossy(line).into()));
    let handler = each!(1, async |body: &String, context| {
        context.metrics.add("Seen", Unit::Count, 1.0, &[("body", body)]);
        match body.as_str() {
            "panic" => panic!("in the handler"),
            "later" => Err(Failure::transient("later", "")),
            _ => Ok(Handled::Applied),
        }
    });
    let runner = Runner::new(Source::Sqs, handler, "f", Arc::new(MemoryDeadLetters::default()));
    let runner = runner.metrics(metrics);
    let bodies = [r#""panic""#, r#""later""#, r#""fine""#];
    let event = bodies.iter().fold(SqsEvent::new(), |event, body| event.message(body)).build();
    for _ in 0..2 {
        runner.run(Invocation::new(&event, Duration::from_secs(10))).await;
        let lines: Vec<String> = std::mem::take(&mut *written.lock());
        let custom: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|line| line.get("Seen").is_some())
            .collect();
        custom.iter().for_each(check);
        let seen: Vec<&Value> = custom.iter().map(|line| &line["body"]).collect();
        assert_eq!(seen, ["fine", "later", "panic"], "one line a set, in each invocation");
        assert_eq!(lines.len(), 4, "and the toolkit's own line");
    }
}

#[tokio::test]
async fn without_a_namespace_nothing_is_recorded() {
    let kept = Arc::new(Mutex::new(None));
    let shared = Arc::clone(&kept);
    let handler = each!(1, async move |_: &u8, context| {
        context.metrics.add("Seen", Unit::Count, 1.0, &[]);
        *shared.lock() = Some(context.metrics.clone());
        Ok(Handled::Applied)
    });
    let runner = Runner::new(Source::Sqs, handler, "f", Arc::new(MemoryDeadLetters::default()));
    let event = SqsEvent::new().message("1").build();
    runner.run(Invocation::new(&event, Duration::from_secs(10))).await;
    assert!(kept.lock().take().unwrap().0.is_none());
}
