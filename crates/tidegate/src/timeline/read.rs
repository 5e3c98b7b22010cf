//! Reads a timeline from the event store.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::connected::connected;
use super::draft::Draft;
use super::entry::{Entry, What};
use super::fold::Drafts;
use super::instance::{InstanceView, instance};
use super::limit::limit;
use super::links::links;
use super::order::order;
use super::stream::Stream;
use super::timeline::{LeftOut, Timeline, Unreadable, millis_between};
use super::trail::Trail;
use super::unanswered::unanswered;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::store::EventReader;

/// Reads the timeline of a trail. It is empty if none of its streams exists.
///
/// Costs one read of each stream: those of the trail, and those to which commands lead. The streams
/// are read one after the other, so a timeline is not a snapshot: an answer can be in it whose
/// question came after the read of the other stream. It then has no cause.
///
/// # Errors
/// The store cannot be read (transient). A commit that cannot be read is not an error:
/// [`Timeline::unreadable`] has it.
pub async fn read(reader: &dyn EventReader, trail: &Trail) -> Result<Timeline, Failure> {
    let mut reading = Reading::default();
    let mut open: VecDeque<StreamId> = trail.streams.iter().chain(&trail.also).cloned().collect();
    let mut seen: HashSet<StreamId> = HashSet::new();
    while let Some(stream) = open.pop_front() {
        if !seen.insert(stream.clone()) {
            continue;
        }
        if reading.tried >= trail.most_streams {
            reading.left_out.push(LeftOut { stream, events: None, connected: false });
            continue;
        }
        let read = Stream::read(reader, &stream).await?;
        open.extend(reading.add(stream, read, trail));
    }
    Ok(reading.timeline(trail))
}

/// The streams that were read so far.
#[derive(Default)]
struct Reading {
    /// Streams that were asked for. Not all of them exist.
    tried: usize,
    streams: Vec<StreamId>,
    /// Streams of which everything is known.
    whole: HashSet<StreamId>,
    drafts: Drafts,
    /// Instances, by the place of their stream.
    instances: BTreeMap<usize, InstanceView>,
    unreadable: Vec<Unreadable>,
    /// What was not looked at.
    left_out: Vec<LeftOut>,
}

impl Reading {
    /// Adds a stream. Returns the streams to which its commands lead.
    fn add(&mut self, stream: StreamId, read: Stream, trail: &Trail) -> Vec<StreamId> {
        self.tried += 1;
        let is_whole = read.unreadable.is_empty();
        self.unreadable.extend(read.unreadable);
        let place = self.streams.len();
        if let Some(instance) = instance(&stream, &read.commits, is_whole) {
            self.instances.insert(place, instance);
        }
        let most = trail.most_events.max(Trail::LOOKED_AT);
        let (subjects, events) = self.drafts.add(place, &read.commits, most);
        if events > 0 {
            let (stream, events) = (stream.clone(), Some(events));
            self.left_out.push(LeftOut { stream, events, connected: false });
        } else if is_whole {
            self.whole.insert(stream.clone());
        }
        self.streams.push(stream);
        subjects
    }

    fn timeline(mut self, trail: &Trail) -> Timeline {
        let drafts = std::mem::take(&mut self.drafts.all);
        let links = links(&drafts);
        let begins = |draft: &Draft| match &trail.correlation_id {
            Some(id) => draft.correlation_id == *id,
            None => self.streams.get(draft.stream).is_some_and(|of| trail.streams.contains(of)),
        };
        let is_instance = |stream: usize| self.instances.contains_key(&stream);
        let keep = connected(&drafts, &links, begins, is_instance);
        let limited = limit(&drafts, &order(&drafts, &links, &keep), trail.most_events);
        let mut entries = self.entries(&drafts, &links, &limited.order);
        let states: Vec<_> = self.instances.values().map(|one| one.state.clone()).collect();
        // An answer may be beyond the limit. So the limit comes last.
        let mut unanswered = unanswered(&entries, &states);
        entries.truncate(limited.within);
        unanswered.retain(|wait| wait.number().is_none_or(|number| number <= limited.within));
        let left_out = limited.beyond.into_iter().filter_map(|(place, events)| {
            let (stream, events) = (self.streams.get(place)?.clone(), Some(events));
            Some(LeftOut { stream, events, connected: true })
        });
        let mut timeline = Timeline {
            unreadable: self.unreadable,
            left_out: left_out.chain(self.left_out).collect(),
            ..Timeline::default()
        };
        for entry in &entries {
            if !timeline.streams.contains(&entry.stream) {
                timeline.streams.push(entry.stream.clone());
            }
        }
        let shown: HashSet<&StreamId> = timeline.streams.iter().collect();
        for one in self.instances.into_values().filter(|one| shown.contains(&one.state.stream)) {
            timeline.instances.push(one.state);
            timeline.waits.extend(one.waits);
        }
        timeline.waits.extend(unanswered);
        timeline.entries = entries;
        timeline
    }

    /// Numbers the entries, and sets their causes and durations.
    fn entries(&self, drafts: &[Draft], links: &[Option<usize>], order: &[usize]) -> Vec<Entry> {
        let numbers: HashMap<usize, usize> = order.iter().copied().zip(1..).collect();
        let mut entries: Vec<Entry> = Vec::with_capacity(order.len());
        for place in order {
            let Some(draft) = drafts.get(*place) else { continue };
            let Some(stream) = self.streams.get(draft.stream) else { continue };
            let number = entries.len() + 1;
            // Within a circle of causes, one of them comes later.
            let cause = links.get(*place).copied().flatten();
            let cause = cause.and_then(|cause| numbers.get(&cause).copied());
            let cause = cause.filter(|cause| *cause < number);
            let caused = cause.and_then(|cause| entries.get(cause - 1));
            entries.push(Entry {
                number,
                at: draft.at,
                stream: stream.clone(),
                version: draft.version,
                what: draft.what.clone(),
                cause,
                outside: if cause.is_none() { draft.causes.first().cloned() } else { None },
                since_cause_ms: caused.map(|caused| millis_between(caused.at, draft.at)),
                since_arrival_ms: draft.arrived_at.map(|from| millis_between(from, draft.at)),
                correlation_id: draft.correlation_id.clone(),
            });
        }
        self.note_taken(&mut entries);
        entries
    }

    /// Notes which commands were taken.
    fn note_taken(&self, entries: &mut [Entry]) {
        let caused: HashSet<(usize, StreamId)> =
            entries.iter().filter_map(|entry| Some((entry.cause?, entry.stream.clone()))).collect();
        for entry in entries {
            if let What::Command { subject, taken, .. } = &mut entry.what {
                let is_taken = caused.contains(&(entry.number, subject.clone()));
                *taken = (is_taken || self.whole.contains(subject)).then_some(is_taken);
            }
        }
    }
}
