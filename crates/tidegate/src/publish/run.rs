//! State of one invocation.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::Events;
use crate::batch::{NotRun, Outcome};
use crate::ids::StreamId;

/// State of one invocation.
pub(super) struct Run {
    pub(super) deadline: Instant,
    pub(super) outcomes: Vec<Outcome>,
    /// Events that leave: all, unless a command asks for some.
    pub(super) asked: Events,
    /// Streams of the batch -> lane.
    lanes: HashMap<StreamId, usize>,
    /// For each route, lanes of which something is missing at its target.
    pub(super) stopped: Vec<HashSet<usize>>,
    /// Lanes with an event of which it is not known yet which messages follow from it.
    pub(super) unknown: HashSet<usize>,
}

impl Run {
    /// Begins an invocation with this many deliveries, for this many routes.
    pub(super) fn new(deliveries: usize, routes: usize, deadline: Instant, asked: Events) -> Self {
        Self {
            deadline,
            asked,
            outcomes: vec![Outcome::NotRun(NotRun::OutOfTime); deliveries],
            lanes: HashMap::new(),
            stopped: vec![HashSet::new(); routes],
            unknown: HashSet::new(),
        }
    }

    /// Returns the lane of a stream.
    pub(super) fn lane(&mut self, stream: &StreamId) -> usize {
        let next = self.lanes.len();
        *self.lanes.entry(stream.clone()).or_insert(next)
    }

    /// Lets nothing further of the stream go to targets that keep the order.
    pub(super) fn stop(&mut self, stream: &StreamId) {
        let lane = self.lane(stream);
        for lanes in &mut self.stopped {
            lanes.insert(lane);
        }
        self.unknown.insert(lane);
    }

    /// Records how a delivery ends.
    pub(super) fn end(&mut self, place: usize, outcome: Outcome) {
        if let Some(end) = self.outcomes.get_mut(place) {
            *end = outcome;
        }
    }
}
