//! Gathers what leaves because of the events of a commit, for each target.

use std::collections::HashSet;

use super::fit::fitting;
use super::packing::Placed;
use super::progress::{Left, Progress};
use super::route::{Messages, Route, Takes};
use super::{Action, Entry, Outgoing, Published, Target};
use crate::envelope::DataRef;
use crate::failure::{Class, Failure};
use crate::store::{RecordedCommit, RecordedEvent};

/// Gathers the entries of one commit.
pub(super) struct Gathering<'a> {
    pub(super) routes: &'a [Route],
    /// Entries of each route.
    pub(super) entries: &'a mut [Vec<Placed>],
    pub(super) progress: Progress,
    /// Index of the commit, and its lane.
    pub(super) at: (usize, usize),
}

impl Gathering<'_> {
    /// Adds an event to each target that gets it.
    pub(super) fn event(&mut self, commit: &RecordedCommit, event: &RecordedEvent) {
        let has = |route: &Route| match &route.takes {
            Takes::Events(events) => events.have(&event.kind, &commit.source),
            Takes::Addressed(_) => false,
        };
        if !self.routes.iter().any(has) {
            return;
        }
        let stored = DataRef { stream: commit.stream.clone(), version: event.version };
        let envelope = commit.envelope(event);
        for (route, entries) in self.routes.iter().zip(&mut *self.entries) {
            if !has(route) {
                continue;
            }
            self.progress.message();
            let target = &*route.sender.target;
            let entry = envelope.clone().and_then(|envelope| {
                fitting(&envelope, &Action::Send, Some(stored.clone()), target)
            });
            match entry {
                Ok(entry) => {
                    let size = target.size(&entry);
                    entries.push(Placed::new(self.at.0, self.at.1, entry, size));
                }
                Err(failure) => self.progress.left(Left::Failed(failure)),
            }
        }
    }

    /// Adds the messages that follow from an event. `unknown` has the lanes of which they are not
    /// known for an earlier event.
    pub(super) fn messages(
        &mut self,
        messages: &Messages,
        event: &Published<'_>,
        unknown: &mut HashSet<usize>,
    ) {
        if unknown.contains(&self.at.1) {
            self.progress.message();
            return self.progress.left(Left::Blocked);
        }
        match messages(event) {
            Ok(messages) => messages.iter().for_each(|message| self.message(message)),
            Err(failure) => {
                if failure.class() != Class::Permanent {
                    unknown.insert(self.at.1);
                }
                self.progress.message();
                let place = format!("messages of {} {}", event.event().kind, event.event().id);
                self.progress.left(Left::Failed(failure.context(place)));
            }
        }
    }

    fn message(&mut self, message: &Outgoing) {
        let mut is_known = false;
        for (route, entries) in self.routes.iter().zip(&mut *self.entries) {
            if !matches!(&route.takes, Takes::Addressed(name) if *name == message.to) {
                continue;
            }
            is_known = true;
            self.progress.message();
            let target = &*route.sender.target;
            match entry(message, target) {
                Ok(entry) => {
                    let size = target.size(&entry);
                    entries.push(Placed::new(self.at.0, self.at.1, entry, size));
                }
                Err(failure) => self.progress.left(Left::Failed(failure)),
            }
        }
        if !is_known {
            self.progress.message();
            let reason = format!("no target has the name `{}`: address() adds one", message.to);
            // A deployment can add it, so the event must not be lost.
            self.progress.left(Left::Failed(Failure::transient("unknown_target", reason)));
        }
    }
}

fn entry(message: &Outgoing, target: &dyn Target) -> Result<Entry, Failure> {
    if message.action != Action::Send && !target.schedules() {
        let reason = format!("{} keeps no schedules", target.name());
        return Err(Failure::permanent("not_a_scheduler", reason));
    }
    match (&message.envelope, &message.action) {
        (_, Action::Cancel { name }) => Ok(Entry::cancel(name)),
        (Some(envelope), action) => fitting(envelope, action, None, target),
        (None, _) => {
            let reason = format!("a message for `{}` has no envelope", message.to);
            Err(Failure::permanent("no_envelope", reason))
        }
    }
}
