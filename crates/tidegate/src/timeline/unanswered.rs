//! Commands that are not taken, or not answered.

use std::collections::{HashMap, HashSet};

use super::entry::{Entry, What};
use super::instance::InstanceState;
use super::wait::Wait;
use crate::ids::{StreamId, Version};

/// Returns the commands that are not taken, or not answered.
pub(super) fn unanswered(entries: &[Entry], instances: &[InstanceState]) -> Vec<Wait> {
    let answered = answered(entries);
    let mut newest: HashMap<&StreamId, Version> = HashMap::new();
    for entry in entries.iter().filter(|entry| matches!(entry.what, What::Moved { .. })) {
        newest.insert(&entry.stream, entry.version);
    }
    let works = |stream: &StreamId| {
        let waits = |one: &InstanceState| one.stream == *stream && !one.ended;
        instances.iter().any(waits)
    };
    let of = |entry: &Entry| {
        let What::Command { kind, to, subject, taken: Some(taken) } = &entry.what else {
            return None;
        };
        let (stream, number, since) = (entry.stream.clone(), entry.number, entry.at);
        let (kind, to, subject) = (kind.clone(), to.clone(), subject.clone());
        if !taken {
            return Some(Wait::Command { stream, number, kind, to, subject, since });
        }
        let is_newest = newest.get(&entry.stream) == Some(&entry.version);
        (is_newest && works(&stream) && !answered.contains(&number)).then_some(Wait::Answer {
            stream,
            number,
            kind,
            subject,
            since,
        })
    };
    entries.iter().filter_map(of).collect()
}

/// Returns the numbers of the commands of which an event came back to the stream that sent them.
fn answered(entries: &[Entry]) -> HashSet<usize> {
    let entry = |number: usize| entries.get(number.checked_sub(1)?);
    let command_of = |input: &Entry| {
        let event = entry(input.cause?)?;
        let command = entry(event.cause?)?;
        let is_command = matches!(command.what, What::Command { .. });
        (is_command && command.stream == input.stream).then_some(command.number)
    };
    entries.iter().filter_map(command_of).collect()
}
