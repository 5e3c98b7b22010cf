//! Tests which records are refused, and what the refusal says.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::batch::{BatchHandler, Counts, Handled, Invocation, Runner};
use crate::dead_letter::MemoryDeadLetters;
use crate::each;
use crate::failure::Class;
use crate::message::Message;
use crate::source::Source;
use crate::test::SqsEvent;

/// A line of an order, with a rule between two fields.
#[derive(Debug, Serialize, Deserialize, Message)]
struct Stay {
    from: u16,
    to: u16,
}

impl Validate for Stay {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        let short = self.to <= self.from;
        short.then(|| BrokenRule::new("to", "must be after `from`")).into_iter().collect()
    }
}

/// Returns the counts, and code and reason of each letter.
async fn run(handler: impl BatchHandler, bodies: &[String]) -> (Counts, Vec<(String, String)>) {
    let letters = Arc::new(MemoryDeadLetters::default());
    let runner = Runner::new(Source::Sqs, handler, "f", Arc::<MemoryDeadLetters>::clone(&letters));
    let event = bodies.iter().fold(SqsEvent::new(), |event, body| event.message(body)).build();
    let counts = runner.run(Invocation::new(&event, Duration::from_secs(10))).await.counts;
    let letters = letters.letters().into_iter().map(|letter| (letter.code, letter.reason));
    (counts, letters.collect())
}

fn envelope(data: &Value) -> String {
    let envelope = json!({
        "specversion": "1.0", "id": "e1", "source": "hotel", "type": "Stay", "subject": "stay#1",
        "time": "2026-01-01T00:00:00Z", "dataschema": "urn:tidegate:schema:Stay:1", "data": data,
    });
    envelope.to_string()
}

#[tokio::test]
async fn a_record_that_breaks_a_rule_becomes_a_dead_letter_and_its_neighbours_are_handled() {
    let handler = each!(1, async |stay: &Valid<Stay>, _| {
        assert!(stay.to > stay.from);
        Ok(Handled::Applied)
    });
    let bodies = [(1, 3), (3, 3), (4, 9)].map(|(from, to)| json!({ "from": from, "to": to }));
    let (counts, letters) = run(handler, &bodies.map(|body| body.to_string())).await;
    assert_eq!((counts.applied, counts.dead_lettered, counts.total()), (2, 1, 3));
    assert_eq!(letters, [("invalid_record".to_owned(), "to: must be after `from`".to_owned())]);
}

#[tokio::test]
async fn a_message_is_checked_by_the_rules_of_its_content() {
    let handler = each!(1, async |Valid(stay): &Valid<Routed<Stay>>, _| {
        assert_eq!((stay.envelope.id.as_str(), stay.message.to), ("e1", 3));
        Ok(Handled::Applied)
    });
    let bodies = [json!({ "from": 1, "to": 3 }), json!({ "from": 3, "to": 1 })];
    let (counts, letters) = run(handler, &bodies.map(|data| envelope(&data))).await;
    assert_eq!((counts.applied, counts.dead_lettered), (1, 1));
    assert_eq!(letters[0].1, "to: must be after `from`");
}

/// A record with this many broken rules, whose names come from outside.
struct Broken(usize);

impl Validate for Broken {
    fn broken_rules(&self) -> Vec<BrokenRule> {
        (0..self.0)
            .map(|place| BrokenRule::new(format!("{place}{}", "é".repeat(300)), "x"))
            .collect()
    }
}

#[test]
fn a_reason_names_fields_and_stays_short_whatever_was_sent() {
    assert_eq!(Broken(0).check(), Ok(()));
    let failure = Broken(20).check().unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Permanent, INVALID_RECORD));
    assert!(!failure.reason().contains("more"), "{failure}");
    let failure = Broken(100_000).check().unwrap_err();
    assert!(failure.reason().ends_with("; and 99980 more"), "{failure}");
    assert!(failure.reason().chars().count() < 20 * (FIELD + 10), "{failure}");
    assert_eq!(BrokenRule::new("", "must not be empty").to_string(), "must not be empty");
}

#[cfg(feature = "garde")]
mod derived {
    use garde::Validate as _;

    use super::*;

    #[derive(Deserialize, garde::Validate)]
    struct Order {
        #[garde(length(min = 1, max = 8))]
        id: String,
        #[garde(dive)]
        lines: Vec<Line>,
    }

    #[derive(Deserialize, garde::Validate)]
    struct Line {
        #[garde(range(min = 1))]
        quantity: i64,
    }

    #[tokio::test]
    async fn every_field_that_breaks_a_derived_rule_is_named_with_its_rule() {
        let handler = each!(1, async |Valid(order): &Valid<Order>, _| {
            assert_eq!(order.id, "7");
            Ok(Handled::Applied)
        });
        let order = |id: &str, quantities: &[i64]| {
            let lines: Vec<Value> =
                quantities.iter().map(|quantity| json!({ "quantity": quantity })).collect();
            json!({ "id": id, "lines": lines }).to_string()
        };
        let bodies = [order("7", &[1]), order("", &[1, 0, -5])];
        let (counts, letters) = run(handler, &bodies).await;
        assert_eq!((counts.applied, counts.dead_lettered), (1, 1));
        assert_eq!(letters[0].0, "invalid_record");
        for named in ["id: ", "lines[1].quantity: ", "lines[2].quantity: lower than 1"] {
            assert!(letters[0].1.contains(named), "{named}: {}", letters[0].1);
        }
        assert!(!letters[0].1.contains("lines[0]"), "{}", letters[0].1);
        let order = Order { id: String::new(), lines: Vec::new() };
        assert!(order.validate().is_err(), "garde itself agrees");
    }
}
