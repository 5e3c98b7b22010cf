//! What must be true once everything has settled, faults or not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::mail::{confirmations, to_be_confirmed};
use crate::programs::shown;
use crate::world::World;

/// The e-mails of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mail {
    /// Sent by itself.
    pub(crate) sent: usize,
    /// Held, because nobody could know whether they went out, and released.
    pub(crate) held: usize,
    /// Dead letters of the asynchronous invocation, and replayed.
    pub(crate) dead: usize,
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} e-mails sent, {} held, {} dead letters", self.sent, self.held, self.dead)
    }
}

/// Every order is confirmed once; what is not is held or a dead letter, and is confirmed after a replay and a release.
pub(crate) async fn mail(world: &World) -> (Mail, Vec<String>) {
    let mut differences = Vec::new();
    let wanted: BTreeSet<String> = to_be_confirmed(world).await.into_iter().collect();
    let sent = confirmations(world).await;
    differences.extend(more_than_once(&sent));
    let unwanted: Vec<_> = sent.keys().filter(|order| !wanted.contains(*order)).collect();
    if !unwanted.is_empty() {
        differences.push(format!("confirmed without an order: {unwanted:?}"));
    }
    let (held, dead) = (held_orders(world).await, dead_orders(world, &wanted).await);
    let lost: Vec<_> = wanted
        .iter()
        .filter(|order| !sent.contains_key(*order) && !held.contains(*order) && !dead.contains(*order))
        .collect();
    if !lost.is_empty() {
        differences.push(format!("neither confirmed nor held nor a dead letter: {lost:?}"));
    }
    let mail = Mail { sent: sent.len(), held: held.len(), dead: dead.len() };

    for arguments in [&["dlq", "--queue", "async-failures", "--yes"][..], &["effects", "release", "--all"]] {
        let output = world.tidegate(arguments).await;
        if !output.status.success() {
            differences.push(format!("tidegate {}: {}", arguments.join(" "), shown(&output)));
        }
        world.settle().await;
    }
    let sent = confirmations(world).await;
    let missing: Vec<_> = wanted.iter().filter(|order| !sent.contains_key(*order)).collect();
    if !missing.is_empty() {
        differences.push(format!("not confirmed in the end: {missing:?}"));
    }
    let left = held_orders(world).await;
    if !left.is_empty() {
        differences.push(format!("still held in the end: {left:?}"));
    }
    (mail, differences)
}

/// The functions' own dead letters are the malformed lines of the input, and the streams gave nothing up.
pub(crate) async fn dead_letters(world: &World, imported: &Value) -> Vec<String> {
    let letters = json(world, &["dlq", "--json"]).await;
    let status = world.status().await;
    let counts: BTreeMap<String, u64> =
        serde_json::from_value(status["dead_letters"].clone()).expect("dead letters by queue");
    let lines = imported["raw_lines"].as_u64().expect("a number of raw lines");
    let mut differences = Vec::new();
    for (queue, count) in counts.iter().filter(|(queue, _)| *queue != "total") {
        match queue.as_str() {
            // A letter is written before its record counts as done: a function that dies between the two writes it again.
            "dead-letters" if *count >= lines => {}
            // What an e-mail's event became is looked at with the e-mails.
            "async-failures" => {}
            _ if *count == 0 => {}
            _ => differences.push(format!(
                "{count} dead letters in {queue}; the input has {lines} malformed lines: {letters:#}"
            )),
        }
    }
    differences
}

fn more_than_once(sent: &BTreeMap<String, usize>) -> Option<String> {
    let twice: Vec<_> = sent.iter().filter(|(_, count)| **count > 1).collect();
    (!twice.is_empty()).then(|| format!("confirmed more than once: {twice:?}"))
}

async fn json(world: &World, arguments: &[&str]) -> Value {
    let output = world.tidegate(arguments).await;
    assert!(output.status.success(), "{}", shown(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown(&output)))
}

async fn held_orders(world: &World) -> BTreeSet<String> {
    let held = json(world, &["effects", "ls", "--json"]).await;
    let key = |effect: &Value| effect["key"].as_str().unwrap().rsplit('#').next().unwrap().to_owned();
    held.as_array().unwrap().iter().map(key).collect()
}

/// Orders whose event ended as a dead letter of the asynchronous invocation.
async fn dead_orders(world: &World, orders: &BTreeSet<String>) -> BTreeSet<String> {
    let letters = json(world, &["dlq", "--queue", "async-failures", "--json"]).await.to_string();
    orders.iter().filter(|order| letters.contains(&format!("order#{order}"))).cloned().collect()
}
