//! `tidegate local wait`: waits until the local system is idle.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use engine_client::client::EngineClient;
use serde_json::Value;
use terminal::counted::counted;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;

use super::client::said;

/// Interval between calls to the engine.
const ASK: Duration = Duration::from_millis(100);

/// Exit code if the system is still busy after the timeout. 1 means that no system runs or answers.
const STILL_BUSY: u8 = 3;

/// Waits until the engine reports that it is idle.
///
/// The engine looks at every source before it answers, so one answer is enough.
///
/// # Errors
/// The engine does not answer.
pub(crate) async fn wait(client: &EngineClient, timeout: Option<u64>) -> Result<ExitCode, Problem> {
    let began = Instant::now();
    let terminal = io::stderr().is_terminal();
    loop {
        let status = client.status().await.map_err(said)?;
        let idle = status.get("idle").and_then(Value::as_bool) == Some(true);
        if terminal {
            let end = if idle { "\n" } else { "" };
            let _ =
                write!(io::stderr().lock(), "\r\x1b[K{}{end}", progress(&status, began.elapsed()));
        }
        if idle {
            return Ok(ExitCode::SUCCESS);
        }
        if let Some(timeout) = timeout
            && began.elapsed() >= Duration::from_secs(timeout)
        {
            if terminal {
                output::note("");
            }
            output::note(&format!(
                "tidegate: still busy after {timeout} s: {}",
                escaped(&busy(&status))
            ));
            return Ok(ExitCode::from(STILL_BUSY));
        }
        tokio::time::sleep(ASK).await;
    }
}

fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or(0)
}

fn list<'a>(status: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    status.get(field).and_then(Value::as_array).into_iter().flatten()
}

fn progress(status: &Value, elapsed: Duration) -> String {
    format!(
        "{} in flight, {} waiting, {} s",
        number(status, "in_flight"),
        number(status, "lag"),
        elapsed.as_secs()
    )
}

/// Describes what is not idle.
fn busy(status: &Value) -> String {
    let named = |value: &Value, field: &str| {
        value.get(field).and_then(Value::as_str).unwrap_or("?").to_owned()
    };
    let one = |name: String, waiting: u64, value: &Value| {
        let in_flight = number(value, "in_flight");
        let never = value.get("idle_since").is_none_or(Value::is_null);
        let error = value
            .get("last_error")
            .and_then(Value::as_str)
            .map(|error| format!(", last error: {error}"));
        (waiting + in_flight > 0 || never).then(|| {
            format!(
                "{name} ({in_flight} in flight, {waiting} waiting{})",
                error.unwrap_or_default()
            )
        })
    };
    let mappings = list(status, "mappings")
        .map(|mapping| one(named(mapping, "name"), number(mapping, "lag"), mapping));
    let asynchronous = list(status, "asynchronous").map(|queue| {
        one(format!("events for {}", named(queue, "function")), number(queue, "waiting"), queue)
    });
    let buses = list(status, "buses").map(|bus| {
        let waiting = number(bus, "waiting");
        (waiting > 0 || bus.get("idle_since").is_none_or(Value::is_null)).then(|| {
            format!(
                "bus {} ({waiting} waiting{})",
                named(bus, "bus"),
                failing(bus, "rules", "rule")
            )
        })
    });
    let topics = list(status, "topics").map(|topic| {
        let waiting = number(topic, "waiting");
        (waiting > 0 || topic.get("idle_since").is_none_or(Value::is_null)).then(|| {
            let failing = failing(topic, "subscriptions", "subscription");
            format!("topic {} ({waiting} waiting{failing})", named(topic, "topic"))
        })
    });
    let parts: Vec<String> =
        mappings.chain(asynchronous).chain(buses).chain(topics).flatten().collect();
    match (parts.is_empty(), number(status, "in_flight"), number(status, "lag")) {
        (false, _, _) => parts.join("; "),
        (true, 0, 0) => "not every source was found empty after the last work".to_owned(),
        (true, 0, hidden) => {
            let hidden = counted(hidden, "message is", "messages are");
            format!("{hidden} hidden until the visibility timeout of the queue ends")
        }
        (true, count, _) => format!("{count} in flight"),
    }
}

/// Returns the rules of a bus or the subscriptions of a topic that fail, with the reason.
fn failing(of: &Value, ways: &str, word: &str) -> String {
    let ways = of.get(ways).and_then(Value::as_object).into_iter().flatten();
    let failing = ways.filter_map(|(way, counts)| {
        let failing = Some(number(counts, "failing")).filter(|failing| *failing > 0)?;
        let why = counts.get("last_error").and_then(Value::as_str).unwrap_or("no reason given");
        Some(format!(", {failing} of {word} {way} tried again: {why}"))
    });
    failing.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_busy_is_named_and_what_is_idle_is_not() {
        let status = json!({
            "in_flight": 1,
            "mappings": [
                {"name": "orders → order-processor", "lag": 3, "in_flight": 1, "idle_since": null, "last_error": "boom"},
                {"name": "event-store → order-projection", "lag": 0, "in_flight": 0, "idle_since": 7}
            ],
            "asynchronous": [{"function": "notification", "waiting": 2, "in_flight": 0, "idle_since": null}],
            "buses": [
                {"bus": "shop", "waiting": 5, "idle_since": null, "rules": {
                    "placed": {"waiting": 4, "failing": 3, "last_error": "no such queue"},
                    "other": {"waiting": 1, "failing": 0, "last_error": "long ago"},
                }},
                {"bus": "quiet", "waiting": 0, "idle_since": 7, "rules": {}}
            ],
            "topics": [
                {"topic": "alerts", "waiting": 2, "idle_since": null, "subscriptions": {
                    "billing": {"waiting": 2, "failing": 1, "last_error": "no such queue"},
                }},
                {"topic": "quiet", "waiting": 0, "idle_since": 7, "subscriptions": {}}
            ]
        });
        assert_eq!(
            busy(&status).split("; ").collect::<Vec<_>>(),
            [
                "orders → order-processor (1 in flight, 3 waiting, last error: boom)",
                "events for notification (0 in flight, 2 waiting)",
                "bus shop (5 waiting, 3 of rule placed tried again: no such queue)",
                "topic alerts (2 waiting, 1 of subscription billing tried again: no such queue)"
            ]
        );
    }

    #[test]
    fn messages_that_no_poll_finds_are_named() {
        for (lag, said) in [(1, "1 message is hidden until"), (2, "2 messages are hidden until")] {
            let status = json!({"in_flight": 0, "lag": lag, "mappings": [], "asynchronous": []});
            assert!(busy(&status).starts_with(said), "{}", busy(&status));
        }
    }
}
