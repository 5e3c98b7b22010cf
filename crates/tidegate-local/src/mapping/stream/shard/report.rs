//! Reports what the lanes of a shard do, for the status.

use super::lane::{Lane, LaneState, Segment};
use super::machine::{Reading, Shard};
use super::window::Windows;
use crate::mapping::lane_status::{LaneCondition, LaneReport};

impl Shard {
    /// Returns why the shard is not idle: that it is not polled, and what each lane does.
    ///
    /// There are at most ten reports. Lanes that wait come first.
    #[must_use]
    pub fn reports(&self) -> Vec<LaneReport> {
        if self.is_idle() {
            return Vec::new();
        }
        // After each step a shard that can be polled is being polled.
        let full = (self.reading == Reading::Full).then(|| LaneReport {
            records: self.position.span() as u64,
            since: self.polled,
            ..LaneReport::new(LaneCondition::ReadAhead)
        });
        let lanes = self.lanes.iter().enumerate();
        let mut lanes: Vec<_> = lanes
            .filter_map(|(index, lane)| {
                Some(LaneReport { lane: Some(index), ..self.of_lane(lane)? })
            })
            .collect();
        lanes.sort_by_key(|report| report.state == LaneCondition::InFlight);
        full.into_iter().chain(lanes).take(LaneReport::LIMIT).collect()
    }

    fn of_lane(&self, lane: &Lane) -> Option<LaneReport> {
        let batch = |state, segment: &Segment| LaneReport {
            attempt: segment.history.attempts,
            records: segment.entries.len() as u64,
            ..LaneReport::new(state)
        };
        Some(match &lane.state {
            LaneState::InFlight { segment, .. } => {
                LaneReport { since: lane.since, ..batch(LaneCondition::InFlight, segment) }
            }
            LaneState::HandingOver { segment } => {
                LaneReport { since: lane.since, ..batch(LaneCondition::HandingOver, segment) }
            }
            LaneState::Waiting { until, segment } => {
                let throttled = lane.throttles > 0;
                let state = if throttled {
                    LaneCondition::Throttled
                } else {
                    LaneCondition::WaitingForRetry
                };
                LaneReport { until: Some(*until), ..batch(state, segment) }
            }
            LaneState::Free if !lane.queue.is_empty() => {
                let state = if lane.due.is_some() {
                    LaneCondition::Gathering
                } else {
                    LaneCondition::Unread
                };
                let records = lane.queue.len() as u64;
                LaneReport { records, until: lane.due, ..LaneReport::new(state) }
            }
            LaneState::Free => {
                let until = self.windows.as_ref().and_then(Windows::end)?;
                LaneReport { until: Some(until), ..LaneReport::new(LaneCondition::WindowOpen) }
            }
        })
    }
}
