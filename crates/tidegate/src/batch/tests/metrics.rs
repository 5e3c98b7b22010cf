//! Tests the line of metrics that an invocation writes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

/// Receives a runner's metrics.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn metrics(&self) -> Metrics {
        let lines = Arc::clone(&self.0);
        "Shop/Orders"
            .parse::<Metrics>()
            .unwrap()
            .to(move |line| lines.lock().unwrap().extend_from_slice(line))
    }

    /// Returns the only line.
    fn one(&self) -> Value {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        assert_eq!((text.matches('\n').count(), text.ends_with('\n')), (1, true), "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// Returns the metrics of a line, with their units.
///
/// Checks the rules of CloudWatch's specification of the format, because CloudWatch drops a line
/// that breaks one of them.
fn metrics_of(line: &Value) -> BTreeMap<String, (String, Value)> {
    let millis = line["_aws"]["Timestamp"].as_i64().unwrap();
    let age = jiff::Timestamp::now().as_millisecond() - millis;
    assert!((0..60_000).contains(&age), "{line}");
    let [directive] = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().as_slice() else {
        panic!("{line}")
    };
    assert_eq!(directive["Namespace"], "Shop/Orders");
    assert_eq!(directive["Dimensions"], json!([["function"]]));
    for dimension in
        directive["Dimensions"].as_array().unwrap().iter().flat_map(|set| set.as_array().unwrap())
    {
        let value = line[dimension.as_str().unwrap()].as_str().unwrap();
        assert!(!value.is_empty() && value.len() <= 1024, "{line}");
    }
    let declared = directive["Metrics"].as_array().unwrap();
    assert!((1..=100).contains(&declared.len()), "{line}");
    let mut metrics = BTreeMap::new();
    for metric in declared {
        let name = metric["Name"].as_str().unwrap();
        let values = match &line[name] {
            Value::Array(values) => values.clone(),
            value => vec![value.clone()],
        };
        assert!(
            (1..=100).contains(&values.len()) && values.iter().all(Value::is_number),
            "{name}: {line}"
        );
        let unit = metric["Unit"].as_str().unwrap();
        assert!(["Count", "Milliseconds"].contains(&unit), "{name}: {unit}");
        let twice = metrics.insert(name.to_owned(), (unit.to_owned(), line[name].clone()));
        assert!(twice.is_none(), "{name}: {line}");
    }
    assert_eq!(
        line.as_object().unwrap().len(),
        metrics.len() + 2,
        "nothing that is not declared: {line}"
    );
    metrics
}

async fn measured(setting: Setting, event: &RawValue) -> BTreeMap<String, (String, Value)> {
    let lines = Lines::default();
    let handler = EachRecord::new(Obedient::default(), setting.concurrency);
    let runner =
        Runner::new(setting.source, handler, "probe", setting.letters).metrics(lines.metrics());
    let remaining = setting.remaining;
    runner.run(Invocation { event, request_id: "r", remaining, replay: setting.replay }).await;
    let line = lines.one();
    assert_eq!(line["function"], "probe");
    metrics_of(&line)
}

fn counts(metrics: &BTreeMap<String, (String, Value)>) -> Vec<(&str, u64)> {
    let counts = metrics.iter().filter(|(_, (unit, _))| unit == "Count");
    counts.map(|(name, (_, value))| (name.as_str(), value.as_u64().unwrap())).collect()
}

/// Returns the number of each outcome, zeros included.
fn with_zeros(counted: &[(&'static str, u64)]) -> Vec<(&'static str, u64)> {
    let outcomes =
        ["Applied", "DeadLettered", "Duplicate", "Failed", "Filtered", "Held", "NotRun", "Parked"];
    let mut all = BTreeMap::from(outcomes.map(|name| (name, 0)));
    all.extend(counted.iter().copied());
    all.into_iter().collect()
}

#[tokio::test]
async fn an_invocation_writes_one_line_with_its_outcomes_and_why_deliveries_failed() {
    let records = [
        ("a", "ok"),
        ("b", "duplicate"),
        ("c", "permanent"),
        ("d", "undecodable"),
        ("e", "transient"),
        ("e", "ok"),
        ("f", "busy"),
    ];
    let metrics = measured(
        Setting { source: Source::Sqs, ..Setting::default() },
        &event(Source::Sqs, &records),
    )
    .await;
    let counted = [
        ("Applied", 1),
        ("Duplicate", 1),
        ("DeadLettered", 2),
        ("PermanentFailures", 2),
        ("Failed", 2),
        ("TransientFailures", 1),
        ("BusyFailures", 1),
        ("NotRun", 1),
    ];
    assert_eq!(counts(&metrics), with_zeros(&counted));
    assert!(!metrics.contains_key("Lag"), "nothing tells when these records arrived: {metrics:?}");
}

#[tokio::test]
async fn outcomes_that_did_not_happen_are_zero_and_classes_without_failures_are_left_out() {
    let metrics = measured(Setting::default(), &event(Source::Kinesis, &[("a", "ok")])).await;
    assert_eq!(counts(&metrics), with_zeros(&[("Applied", 1)]));
    let broken = RawValue::from_string("{}".to_owned()).unwrap();
    let metrics = measured(Setting::default(), &broken).await;
    assert_eq!(counts(&metrics), with_zeros(&[]), "an event that is no batch has no deliveries");
}

#[tokio::test]
async fn a_failure_that_a_replay_reports_again_has_its_class_too() {
    let setting = Setting { replay: true, ..Setting::default() };
    let metrics = measured(setting, &event(Source::Kinesis, &[("a", "permanent")])).await;
    assert_eq!(counts(&metrics), with_zeros(&[("Failed", 1), ("PermanentFailures", 1)]));
}

#[tokio::test(start_paused = true)]
async fn the_duration_is_that_of_the_whole_invocation() {
    let metrics =
        measured(Setting::default(), &event(Source::Kinesis, &[("a", "work"), ("a", "work")]))
            .await;
    assert_eq!(metrics["Duration"], ("Milliseconds".to_owned(), json!(4000.0)));
}

/// Creates an event of records that arrived this many milliseconds ago, each alone in its lane.
fn arrived(ago: impl Iterator<Item = i64>) -> Box<RawValue> {
    let now = jiff::Timestamp::now().as_millisecond();
    let records: Vec<_> = ago
        .enumerate()
        .map(|(number, ago)| {
            let attributes = json!({ "SentTimestamp": (now - ago).to_string() });
            json!({ "messageId": number.to_string(), "body": "ok", "attributes": attributes })
        })
        .collect();
    RawValue::from_string(json!({ "Records": records }).to_string()).unwrap()
}

async fn lags(event: &RawValue) -> Vec<u64> {
    let metrics = measured(Setting { source: Source::Sqs, ..Setting::default() }, event).await;
    let (unit, lags) = &metrics["Lag"];
    assert_eq!(unit, "Milliseconds");
    serde_json::from_value(lags.clone()).unwrap()
}

/// Tolerates the time that the measurement itself takes.
fn about(found: u64, expected: u64) -> bool {
    (expected..expected + 10_000).contains(&found)
}

#[tokio::test]
async fn the_lag_of_each_delivery_is_from_its_arrival_until_it_was_decided() {
    let lags = lags(&arrived([90_000, 30_000, -3_600_000].into_iter())).await;
    let [first, second, ahead] = lags[..] else { panic!("{lags:?}") };
    assert!(about(first, 90_000) && about(second, 30_000), "{lags:?}");
    assert_eq!(ahead, 0, "the transport's clock is ahead of ours");
}

#[tokio::test]
async fn of_more_lags_than_a_line_takes_the_smallest_the_largest_and_some_between_are_kept() {
    let all = lags(&arrived((1..=100).map(|number| number * 20_000))).await;
    assert_eq!(all.len(), 100);
    let some = lags(&arrived((1..=1000).rev().map(|number| number * 20_000))).await;
    assert_eq!(some.len(), 100);
    assert!(
        about(some[0], 20_000) && about(some[99], 20_000_000) && about(some[50], 505 * 20_000),
        "{some:?}"
    );
    assert!(some.is_sorted_by(|one, next| one < next), "{some:?}");
}

#[tokio::test]
async fn a_function_whose_name_needs_quoting_is_named_as_it_is() {
    let lines = Lines::default();
    let letters = Arc::new(MemoryDeadLetters::default());
    let handler = EachRecord::new(Obedient::default(), 1);
    let runner = Runner::new(Source::Sqs, handler, "a \"b\"\n", letters).metrics(lines.metrics());
    let (event, remaining) = (event(Source::Sqs, &[("a", "ok")]), Duration::from_secs(9));
    runner.run(Invocation { event: &event, request_id: "r", remaining, replay: false }).await;
    assert_eq!(lines.one()["function"], "a \"b\"\n");
}

#[test]
fn a_namespace_is_one_that_cloudwatch_takes() {
    for good in ["Tidegate", "Shop/Orders", "a b.c-d_e#f:1", &"n".repeat(255)] {
        assert!(good.parse::<Metrics>().is_ok(), "{good}");
    }
    for (bad, what) in [
        ("", "1 to 255 characters"),
        ("  ", "1 to 255 characters"),
        (&"n".repeat(256), "1 to 255 characters"),
        ("AWS/Lambda", "`AWS/`"),
        (":a", "`:`"),
        ("gr\u{f6}\u{df}e", "letters, digits"),
        ("a\"b", "letters, digits"),
    ] {
        let error = bad.parse::<Metrics>().unwrap_err().to_string();
        assert!(
            error.starts_with("a CloudWatch namespace ") && error.contains(what),
            "{bad}: {error}"
        );
    }
}
