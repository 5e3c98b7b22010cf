//! The readable text of what happened to an instance.

use std::fmt::Write;

use jiff::Timestamp;

use super::outbox::SentCommand;
use super::step::Led;
use crate::envelope::{Data, Envelope};
use crate::process::{ProcessMoved, StoredEvent};

/// Returns the text of one step: what came, and what followed.
pub(super) fn text_of(
    at: Timestamp,
    came: &Envelope,
    deadline: Option<&str>,
    led: &Led,
    commands: &[SentCommand],
) -> String {
    let data = match &came.data {
        Data::Inline(data) => data.get().to_owned(),
        Data::Reference(reference) => format!("in the event store at {reference}"),
    };
    let mut text = match deadline {
        Some(deadline) => format!("{at} deadline {deadline}\n"),
        None => format!("{at} {} {data}\n", came.kind),
    };
    match led {
        Led::Decided { events, facts } => {
            events.iter().for_each(|event| of_event(&mut text, event));
            for fact in facts {
                line(&mut text, &format!("publishes {} {}", fact.kind, fact.data));
            }
        }
        Led::Duplicate => line(&mut text, "was decided before"),
        Led::Waits(failure) => line(&mut text, &format!("comes again: {failure}")),
        Led::DeadLetter(failure) => line(&mut text, &format!("is a dead letter: {failure}")),
    }
    for sent in commands {
        let Envelope { kind, subject, data, .. } = &sent.envelope;
        let data = match data {
            Data::Inline(data) => data.get(),
            Data::Reference(_) => "",
        };
        line(&mut text, &format!("sends {kind} to {}, for {subject}: {data}", sent.to));
    }
    text
}

fn of_event(text: &mut String, event: &StoredEvent) {
    match event {
        StoredEvent::ProcessMoved(moved) => of_step(text, moved),
        StoredEvent::ProcessRefused(refused) => {
            let (state, code, reason) = (&refused.state, &refused.code, &refused.reason);
            line(text, &format!("refused in {state} ({code}): {reason}"));
        }
        StoredEvent::ProcessStuck(stuck) => {
            let (state, code, reason) = (&stuck.state, &stuck.code, &stuck.reason);
            line(text, &format!("stuck in {state} ({code}): {reason}"));
        }
        StoredEvent::ProcessHeld(held) => line(text, &format!("holds {}", held.input.kind)),
        StoredEvent::ProcessIgnored(ignored) => {
            line(text, &format!("ignores the deadline {}, which is not open", ignored.id));
        }
        StoredEvent::ProcessResumed(_) => line(text, "decides the stuck input again"),
        StoredEvent::ProcessSkipped(_) => line(text, "drops the stuck input"),
        StoredEvent::ProcessForced(forced) => {
            line(text, "drops the stuck input");
            let (from, to, state) = (&forced.from, &forced.to, forced.state.data.text());
            line(text, &format!("{from} -> {to} by force: {state}"));
            cancelled(text, &forced.cancelled);
        }
    }
}

fn of_step(text: &mut String, moved: &ProcessMoved) {
    let ProcessMoved { from, to, input, state, .. } = moved;
    line(text, &format!("{from} -> {to} by {}: {}", input.kind, state.data.text()));
    for deadline in &moved.deadlines {
        let (kind, due, data) = (&deadline.kind, deadline.due, deadline.data.text());
        let until = if deadline.lasting { "until the end" } else { "in this state" };
        let id = &deadline.id;
        line(text, &format!("sets deadline {id} {until}, due {due}: {kind} {data}"));
    }
    cancelled(text, &moved.cancelled);
}

fn cancelled(text: &mut String, ids: &[String]) {
    for id in ids {
        line(text, &format!("cancels deadline {id}"));
    }
}

fn line(text: &mut String, what: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {what}");
}
