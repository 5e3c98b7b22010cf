//! Answers questions about the schedules of a topology.

use std::fmt;

use super::model::{Schedule, ScheduleGroup, ScheduleTarget, Topology};
use super::schedule::{Expression, ExpressionError, Timetable, ZoneError, time_zone};
use jiff::Timestamp;

/// Name of the group with the declared schedules.
pub const DECLARED_SCHEDULES: &str = "declared";

/// What a schedule fires at, by its declared name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheduled<'a> {
    /// A function.
    Function(&'a str),
    /// A queue.
    Queue(&'a str),
    /// A bus.
    Bus(&'a str),
    /// A stream.
    Stream(&'a str),
    /// A topic.
    Topic(&'a str),
}

impl fmt::Display for Scheduled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(name) => write!(f, "function {name}"),
            Self::Queue(name) => write!(f, "queue {name}"),
            Self::Bus(name) => write!(f, "bus {name}"),
            Self::Stream(name) => write!(f, "stream {name}"),
            Self::Topic(name) => write!(f, "topic {name}"),
        }
    }
}

impl ScheduleTarget {
    /// Returns what the target is.
    ///
    /// Returns `None` unless exactly one of its fields is set, as in every checked topology.
    #[must_use]
    pub fn kind(&self) -> Option<Scheduled<'_>> {
        let set = [
            self.function.as_deref().map(Scheduled::Function),
            self.queue.as_deref().map(Scheduled::Queue),
            self.bus.as_deref().map(Scheduled::Bus),
            self.stream.as_deref().map(Scheduled::Stream),
            self.topic.as_deref().map(Scheduled::Topic),
        ];
        let mut set = set.into_iter().flatten();
        set.next().filter(|_| set.next().is_none())
    }
}

impl Schedule {
    /// Returns when a schedule fires that is created at this time.
    ///
    /// # Errors
    /// The expression or the time zone is none; never in a checked topology.
    pub fn timetable(&self, created: Timestamp) -> Result<Timetable, NoTimetable> {
        Ok(Timetable {
            expression: Expression::parse(&self.expression)?,
            zone: time_zone(&self.time_zone)?,
            start: self.start,
            end: self.end,
            created,
        })
    }
}

/// Why a schedule has no times.
#[derive(Debug, thiserror::Error)]
pub enum NoTimetable {
    /// The expression cannot be read.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// The time zone is unknown.
    #[error(transparent)]
    Zone(#[from] ZoneError),
}

impl Topology {
    /// Returns the targets of all schedules and groups.
    pub fn schedule_targets(&self) -> impl Iterator<Item = &ScheduleTarget> {
        let groups = self.schedule_groups.values().flat_map(|group| group.targets.values());
        self.schedules.values().map(|schedule| &schedule.target).chain(groups)
    }
}

impl ScheduleGroup {
    /// Returns the variables of a function that uses the group, without the group's name itself.
    ///
    /// `variable` is the one that holds the name. The second part of each pair says what the
    /// variable holds.
    pub fn variables(&self, variable: &str) -> Vec<(String, GroupVariable<'_>)> {
        let mut variables = vec![(format!("{variable}_ROLE_ARN"), GroupVariable::Role)];
        for (name, target) in &self.targets {
            let name = name.to_ascii_uppercase().replace(['-', '.'], "_");
            let value = GroupVariable::Target(target);
            variables.push((format!("{variable}_TARGET_{name}"), value));
        }
        if let Some(queue) = &self.dead_letter_queue {
            let value = GroupVariable::DeadLetters(queue);
            variables.push((format!("{variable}_DEAD_LETTER_ARN"), value));
        }
        variables
    }
}

/// What a variable of a function that uses a group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupVariable<'a> {
    /// ARN of the role that each schedule of the group names.
    Role,
    /// ARN of this target.
    Target(&'a ScheduleTarget),
    /// ARN of this queue.
    DeadLetters(&'a str),
}
