//! Makes entries of the commits of one stream.

use std::collections::HashMap;

use super::draft::Draft;
use super::entry::What;
use crate::ids::{Cause, StreamId};
use crate::process::{ProcessMoved, RecordedInput, StoredEvent, messages};
use crate::publish::Published;
use crate::store::rows::command_of;
use crate::store::{RecordedCommit, RecordedDecision, RecordedEvent};

/// Entries of the streams that were read so far.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub(super) all: Vec<Draft>,
    /// Events that were looked at.
    events: usize,
    decisions: usize,
}

impl Drafts {
    /// Adds the entries of a stream, which is read as the one at this place, as long as there are
    /// at most `most` events of all streams.
    ///
    /// Returns the subjects of its commands, and the number of events that were not looked at.
    pub(super) fn add(
        &mut self,
        stream: usize,
        commits: &[RecordedCommit],
        most: usize,
    ) -> (Vec<StreamId>, usize) {
        let mut of_stream = OfStream {
            drafts: self,
            stream,
            step: None,
            passed: HashMap::new(),
            subjects: Vec::new(),
        };
        let mut not_looked_at = 0;
        for commit in commits {
            for (decision, events) in commit.parts() {
                of_stream.drafts.decisions += 1;
                of_stream.step = None;
                for event in events {
                    if of_stream.drafts.events < most {
                        of_stream.drafts.events += 1;
                        of_stream.event(commit, decision, event);
                    } else {
                        not_looked_at += 1;
                    }
                }
            }
        }
        (of_stream.subjects, not_looked_at)
    }
}

struct OfStream<'a> {
    drafts: &'a mut Drafts,
    stream: usize,
    /// Place of the newest step of the decision. Events that it published follow from it.
    step: Option<usize>,
    /// Places of the deadlines that passed, by id.
    passed: HashMap<String, usize>,
    subjects: Vec<StreamId>,
}

impl OfStream<'_> {
    fn event(
        &mut self,
        commit: &RecordedCommit,
        decision: &RecordedDecision,
        event: &RecordedEvent,
    ) {
        let of_type = (event.kind.clone(), event.data_version);
        let mut draft = Draft {
            at: commit.written_at,
            stream: self.stream,
            decision: self.drafts.decisions,
            version: event.version,
            what: What::Event { kind: of_type.0.clone(), type_version: of_type.1 },
            name: Some(Cause::new(&commit.source, &event.id)),
            part_of: self.step,
            // A stage of a command has a cause of its own, which nothing else names.
            causes: std::iter::once(decision.cause.clone())
                .chain(command_of(&decision.cause))
                .collect(),
            arrived_at: decision.arrived_at,
            correlation_id: decision.correlation_id.clone(),
        };
        if !StoredEvent::knows(&event.kind) {
            self.push(draft);
            return;
        }
        draft.part_of = None;
        match event.decode() {
            Ok(stored) => self.stored(&Published::new(commit, event), draft, stored),
            Err(failure) => {
                let (kind, type_version) = of_type;
                draft.what =
                    What::Unread { kind, type_version, reason: failure.reason().to_owned() };
                self.push(draft);
            }
        }
    }

    /// Adds an event of a process, and what left with it.
    fn stored(&mut self, published: &Published<'_>, mut draft: Draft, stored: StoredEvent) {
        match stored {
            StoredEvent::ProcessMoved(moved) => {
                let ProcessMoved { input, from, to, ended, .. } = &moved;
                let (input, from, to, ended) = (input.clone(), from.clone(), to.clone(), *ended);
                let what = What::Moved { input: input.kind.clone(), from, to, ended };
                let step = self.decided(draft, &input, what);
                self.step = Some(step);
                self.leaving(published, step, moved);
            }
            StoredEvent::ProcessRefused(refused) => {
                let (code, reason, input) = (refused.code, refused.reason, refused.input);
                let what = What::Refused { input: input.kind.clone(), code, reason };
                self.decided(draft, &input, what);
            }
            StoredEvent::ProcessStuck(stuck) => {
                let (code, reason, input) = (stuck.code, stuck.reason, stuck.input);
                let what = What::Stuck { input: input.kind.clone(), code, reason };
                self.decided(draft, &input, what);
            }
            StoredEvent::ProcessHeld(held) => {
                let what = What::Held { input: held.input.kind.clone() };
                self.decided(draft, &held.input, what);
            }
            StoredEvent::ProcessIgnored(late) => {
                draft.what = What::DeadlineLate { deadline: late.id };
                self.push(draft);
            }
            StoredEvent::ProcessResumed(word) => {
                draft.what = What::Resumed { operator: word.operator, note: word.note };
                self.push(draft);
            }
            StoredEvent::ProcessSkipped(word) => {
                draft.what = What::Skipped { operator: word.operator, note: word.note };
                self.push(draft);
            }
            StoredEvent::ProcessForced(word) => {
                draft.what = What::Forced {
                    from: word.from,
                    to: word.to,
                    ended: word.ended,
                    operator: word.operator,
                    note: word.note,
                };
                let step = self.push(draft);
                self.cancelled(step, word.cancelled);
            }
        }
    }

    /// Adds what became of an input, behind the deadline whose message the input is.
    ///
    /// The cause of an input that was held is not that of its decision, which is the word of an
    /// operator.
    fn decided(&mut self, mut draft: Draft, input: &RecordedInput, what: What) -> usize {
        draft.what = what;
        draft.causes.insert(0, Cause::new(&input.source, &input.id));
        if let Some(deadline) = &input.deadline {
            let passed = self.passed.get(deadline).copied().unwrap_or_else(|| {
                let what = What::DeadlinePassed { deadline: deadline.clone() };
                self.push(Draft { what, name: None, ..draft.clone() })
            });
            self.passed.insert(deadline.clone(), passed);
            draft.part_of = Some(passed);
            draft.arrived_at = None;
        }
        self.push(draft)
    }

    /// Adds the commands and deadlines of a step.
    fn leaving(&mut self, published: &Published<'_>, step: usize, moved: ProcessMoved) {
        let mut names = messages(published).unwrap_or_default().into_iter();
        let mut name =
            || names.next().and_then(|sent| sent.envelope).map(|envelope| envelope.cause());
        moved.cancelled.iter().for_each(|_| drop(name()));
        self.cancelled(step, moved.cancelled);
        for set in moved.deadlines {
            let what = What::DeadlineSet { deadline: set.id, due: set.due };
            self.part(step, what, name());
        }
        for sent in moved.commands {
            self.subjects.push(sent.subject.clone());
            let (kind, to, subject) = (sent.kind, sent.to, sent.subject);
            self.part(step, What::Command { kind, to, subject, taken: None }, name());
        }
    }

    fn cancelled(&mut self, step: usize, deadlines: Vec<String>) {
        for deadline in deadlines {
            self.part(step, What::DeadlineCancelled { deadline }, None);
        }
    }

    /// Adds a part of a step.
    fn part(&mut self, step: usize, what: What, name: Option<Cause>) {
        let Some(of) = self.drafts.all.get(step) else { return };
        let (causes, arrived_at) = (Vec::new(), None);
        let part = Draft { what, name, causes, arrived_at, part_of: Some(step), ..of.clone() };
        self.push(part);
    }

    fn push(&mut self, draft: Draft) -> usize {
        self.drafts.all.push(draft);
        self.drafts.all.len() - 1
    }
}
