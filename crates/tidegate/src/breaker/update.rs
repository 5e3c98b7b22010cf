//! The updates of a breaker's row.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::change::{Change, Count};
use super::clock::earlier;
use super::item::{PARTITION_KEY, number, text, time};
use super::phase::Phase;

/// An update of a row, and its condition.
pub(super) struct Update {
    pub(super) condition: String,
    pub(super) expression: String,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Update {
    fn new(condition: String, expression: String) -> Self {
        Self { condition, expression, values: HashMap::new() }
    }

    fn value(&mut self, name: &str, value: AttributeValue) {
        self.values.insert(format!(":{name}"), value);
    }

    /// Returns the names behind the placeholders of the update.
    pub(super) fn names(&self) -> HashMap<String, String> {
        let words = self.condition.split('#').skip(1).chain(self.expression.split('#').skip(1));
        let names = words.map(|word| {
            let end = word.find(|letter: char| !letter.is_ascii_alphabetic() && letter != '_');
            word.get(..end.unwrap_or(word.len())).unwrap_or_default()
        });
        names.map(|name| (format!("#{name}"), name.to_owned())).collect()
    }
}

/// Requires the number of the state. The state before any change has no row, or only counts.
fn numbered(of: u64) -> String {
    match of {
        0 => format!("(attribute_not_exists(#{PARTITION_KEY}) OR #number = :number)"),
        _ => "#number = :number".to_owned(),
    }
}

/// Adds to the counts of a window that is not over.
pub(super) fn addition(count: &Count) -> Update {
    let in_a_row = if count.successes == 0 { "ADD" } else { "SET #in_a_row = :in_a_row ADD" };
    let also = if count.successes == 0 { ", #in_a_row :in_a_row" } else { "" };
    let mut update = Update::new(
        "#number = :number AND #phase = :closed AND #window > :over".to_owned(),
        format!("{in_a_row} #failures :failures, #successes :successes{also}"),
    );
    counts(&mut update, count);
    update
}

/// Begins a window with these counts, where none has begun or the last one is over.
pub(super) fn beginning(count: &Count) -> Update {
    let set = "SET #number = :number, #phase = :closed, #window = :at, #failures = :failures, \
               #successes = :successes, #in_a_row = :in_a_row";
    let is_closed = format!("(attribute_not_exists(#{PARTITION_KEY}) OR #phase = :closed)");
    let is_over = "(attribute_not_exists(#window) OR #window <= :over)";
    let condition = format!("{} AND {is_closed} AND {is_over}", numbered(count.number));
    let mut update = Update::new(condition, set.to_owned());
    update.value("at", time(count.at));
    counts(&mut update, count);
    update
}

fn counts(update: &mut Update, count: &Count) {
    update.value("number", number(count.number));
    update.value("closed", text("closed"));
    update.value("over", time(earlier(count.at, count.window)));
    update.value("failures", number(count.failures));
    update.value("successes", number(count.successes));
    update.value("in_a_row", number(count.in_a_row));
}

/// Changes the phase. `events`: number of events that are stored afterwards.
pub(super) fn change(change: &Change, events: u64) -> Update {
    let mut set = "SET #number = :next, #phase = :phase, #since = :since, #reason = :reason, \
                   #token = :token, #events = :events"
        .to_owned();
    let mut remove = "#window, #failures, #successes, #in_a_row".to_owned();
    let until = match change.to {
        Phase::Closed => None,
        Phase::Open { until } => Some(until),
        Phase::HalfOpen { lease_until } => Some(lease_until),
    };
    let operator = change.operator.as_ref();
    let optional = [
        ("until", until.map(time)),
        ("operator", operator.map(|operator| text(&operator.name))),
        ("note", operator.map(|operator| text(&operator.note))),
    ];
    for (name, value) in &optional {
        match value {
            Some(_) => set.push_str(&format!(", #{name} = :{name}")),
            None => remove.push_str(&format!(", #{name}")),
        }
    }
    let expression = format!("{set} REMOVE {remove}");
    let mut update = Update::new(numbered(change.number), expression);
    for (name, value) in optional {
        if let Some(value) = value {
            update.value(name, value);
        }
    }
    update.value("number", number(change.number));
    update.value("next", number(change.number.saturating_add(1)));
    update.value("phase", text(change.to.as_str()));
    update.value("since", time(change.at));
    update.value("reason", text(&change.reason));
    update.value("token", text(&change.token));
    update.value("events", number(events));
    update
}
