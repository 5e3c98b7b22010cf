//! Checks schedules, and the groups of those that functions create.

use jiff::Timestamp;
use serde_json::Value;

use super::Check;
use super::names::{SCHEDULE, SCHEDULE_GROUP};
use crate::lookup::Resource;
use crate::model::{Schedule, ScheduleGroup, ScheduleTarget};
use crate::schedule::{Expression, time_zone};
use crate::scheduled::{DECLARED_SCHEDULES, Scheduled};

/// Largest input of a schedule, in bytes (AWS docs: quotas of EventBridge Scheduler).
const INPUT_BYTES: usize = 262_144;

/// Words in an input that Scheduler replaces, without `<aws.scheduler.` and `>`.
const CONTEXT: [&str; 4] = ["schedule-arn", "scheduled-time", "execution-id", "attempt-number"];

impl Check<'_> {
    pub(super) fn schedules(&mut self) {
        let topology = self.topology;
        for (name, schedule) in &topology.schedules {
            let path = ["schedules", name.as_str()];
            self.name(&path, name, &SCHEDULE);
            self.times(&path, schedule);
            self.schedule_target(&path, &schedule.target, true);
            self.schedule_input(&path, schedule);
            self.schedule_letters(
                &path,
                schedule.dead_letter_queue.as_deref(),
                &[&schedule.target],
            );
            let at = |field| [path[0], path[1], field];
            self.range(&at("maximum_retry_attempts"), schedule.maximum_retry_attempts, 0..=185);
            let age = schedule.maximum_event_age_seconds;
            self.range(&at("maximum_event_age_seconds"), age, 60..=86_400);
        }
    }

    /// Checks when a schedule fires: the expression, the time zone and the dates.
    fn times(&mut self, path: &[&str], schedule: &Schedule) {
        let at = |field| [path, &[field]].concat();
        let expression = Expression::parse(&schedule.expression);
        if let Err(error) = &expression {
            self.mistake(&at("expression"), format!("is not valid: {error}"));
        }
        if let Err(error) = time_zone(&schedule.time_zone) {
            self.mistake(&at("time_zone"), format!("is not valid: {error}"));
        }
        let Ok(expression) = expression else { return };
        if !expression.recurs() {
            for (field, date) in [("start", schedule.start), ("end", schedule.end)] {
                if date.is_some() {
                    let what = "is for a schedule that recurs; an at expression ignores it";
                    self.warning(&at(field), what);
                }
            }
        } else if let (Some(start), Some(end)) = (schedule.start, schedule.end)
            && start >= end
        {
            let what = format!("is {end}, which is not later than the start, {start}");
            return self.mistake(&at("end"), what);
        }
        let now = Timestamp::now();
        let Ok(timetable) = schedule.timetable(now) else { return };
        let next = timetable.next(None);
        match expression {
            // AWS takes it, and so does the engine.
            Expression::At(_) if next.is_some_and(|once| once <= now) => {
                let what = "is in the past: a new schedule would fire at once";
                self.warning(&at("expression"), what);
            }
            Expression::At(_) => {}
            _ if next.is_none() && schedule.end.is_some_and(|end| end <= now) => {
                self.warning(&at("end"), "is in the past: the schedule never fires again");
            }
            _ if next.is_none() => {
                let what = "never fires: no day of the calendar is one of these in its time zone \
                    and between its dates";
                self.mistake(&at("expression"), what);
            }
            _ => {}
        }
    }

    /// Checks a target. In a group, what only a schedule says may be missing.
    fn schedule_target(&mut self, path: &[&str], target: &ScheduleTarget, is_whole: bool) {
        let path = [path, &["target"]].concat();
        self.scheduled(&path, target, is_whole);
    }

    fn scheduled(&mut self, path: &[&str], target: &ScheduleTarget, is_whole: bool) {
        let topology = self.topology;
        let at = |field| [path, &[field]].concat();
        let Some(kind) = target.kind() else {
            return self
                .mistake(path, "needs exactly one of function, queue, bus, stream and topic");
        };
        match kind {
            Scheduled::Function(name) => {
                self.declared(&at("function"), "functions", name, &topology.functions);
                let declared = topology.functions.get(name);
                if declared.is_some_and(|function| function.asynchronous.is_none()) {
                    let what = format!(
                        "is {name}, which declares no asynchronous with an on_failure: an event \
                         that fails three times is lost"
                    );
                    self.warning(&at("function"), what);
                }
            }
            Scheduled::Queue(name) => {
                self.declared(&at("queue"), "queues", name, &topology.queues);
                if is_whole && self.is_fifo(name) && target.message_group_id.is_none() {
                    let what = format!(
                        "is {name}, a FIFO queue, which rejects messages without a group; add \
                         message_group_id"
                    );
                    self.mistake(&at("queue"), what);
                }
            }
            Scheduled::Bus(name) => self.bus(&at("bus"), name),
            Scheduled::Stream(name) => {
                self.declared(&at("stream"), "streams", name, &topology.streams);
            }
            Scheduled::Topic(name) => self.standard_topic(&at("topic"), name),
        }
        self.parameters(path, target, kind, is_whole);
    }

    /// Checks what belongs to one kind of target only.
    fn parameters(
        &mut self,
        path: &[&str],
        target: &ScheduleTarget,
        kind: Scheduled<'_>,
        is_whole: bool,
    ) {
        let queue = matches!(kind, Scheduled::Queue(_));
        let stream = matches!(kind, Scheduled::Stream(_));
        let bus = matches!(kind, Scheduled::Bus(_));
        // Name, value, kind of target, whether it belongs there, whether it is required, longest.
        let fields = [
            ("message_group_id", &target.message_group_id, "queue", queue, false, 128),
            ("partition_key", &target.partition_key, "stream", stream, is_whole, 256),
            ("source", &target.source, "bus", bus, is_whole, 256),
            ("detail_type", &target.detail_type, "bus", bus, is_whole, 128),
        ];
        for (field, value, kind, belongs, required, longest) in fields {
            let at = [path, &[field]].concat();
            match value {
                Some(_) if !belongs => {
                    self.mistake(&at, format!("is for a {kind}, and the target is not a {kind}"));
                }
                None if belongs && required => {
                    self.mistake(&at, format!("is not set; a target that is a {kind} needs it"));
                }
                Some(value) if !(1..=longest).contains(&value.chars().count()) => {
                    self.mistake(&at, format!("must have 1 to {longest} characters"));
                }
                Some(value) if field == "source" && value.starts_with("aws.") => {
                    self.mistake(&at, "begins with aws., which is reserved for AWS");
                }
                _ => {}
            }
        }
    }

    fn schedule_input(&mut self, path: &[&str], schedule: &Schedule) {
        let Some(input) = &schedule.input else { return };
        let path = [path, &["input"]].concat();
        let text = input.to_string();
        if text.len() > INPUT_BYTES {
            let what = format!("has {} bytes; at most {INPUT_BYTES} are allowed", text.len());
            self.mistake(&path, what);
        }
        if schedule.target.bus.is_some() && !matches!(input, Value::Object(_)) {
            self.mistake(&path, "is not an object; the detail of an event on a bus must be one");
        }
        for word in text.split("<aws.scheduler.").skip(1) {
            let word = word.split('>').next().unwrap_or_default();
            if !CONTEXT.contains(&word) {
                let what = format!(
                    "has <aws.scheduler.{word}>, which Scheduler does not replace; it replaces {}",
                    CONTEXT.join(", ")
                );
                self.warning(&path, what);
            }
        }
    }

    /// Checks the dead-letter queue of a schedule or a group.
    fn schedule_letters(
        &mut self,
        path: &[&str],
        letters: Option<&str>,
        targets: &[&ScheduleTarget],
    ) {
        let path = [path, &["dead_letter_queue"]].concat();
        match letters {
            None => {
                let what = "is not set; events that Scheduler cannot deliver would be lost";
                self.warning(&path, what);
            }
            Some(letters) => {
                self.failure_queue(&path, letters);
                if targets.iter().any(|target| target.queue.as_deref() == Some(letters)) {
                    let what = "is the target itself, which would refuse the dead letter as it \
                        refused the event; use another queue";
                    self.warning(&path, what);
                }
            }
        }
    }

    pub(super) fn schedule_groups(&mut self) {
        let topology = self.topology;
        for (name, group) in &topology.schedule_groups {
            let path = ["schedule_groups", name.as_str()];
            self.name(&path, name, &SCHEDULE_GROUP);
            if [DECLARED_SCHEDULES, "default"].contains(&name.as_str()) {
                let what = format!(
                    "is a name that is taken: {DECLARED_SCHEDULES} holds the declared schedules, \
                     and default is AWS's own"
                );
                self.mistake(&path, what);
            }
            if group.targets.is_empty() {
                let at = [path[0], path[1], "targets"];
                self.mistake(&at, "is empty; its schedules need something to fire at");
            }
            for (target, declared) in &group.targets {
                let path = [path[0], path[1], "targets", target.as_str()];
                self.name(&path, target, &SCHEDULE);
                self.scheduled(&path, declared, false);
            }
            let targets: Vec<&ScheduleTarget> = group.targets.values().collect();
            self.schedule_letters(&path, group.dead_letter_queue.as_deref(), &targets);
            self.group_variables(name, group);
        }
    }

    /// Checks that the variables of a group hide no other variable of the functions that use it.
    fn group_variables(&mut self, name: &str, group: &ScheduleGroup) {
        let topology = self.topology;
        for (function, declared) in &topology.functions {
            for (variable, used) in &declared.uses {
                if used.resource() != Some(Resource::ScheduleGroup(name)) {
                    continue;
                }
                let mut seen = std::collections::BTreeSet::new();
                for (derived, _) in group.variables(variable) {
                    let is_taken = declared.uses.contains_key(&derived)
                        || declared.environment.contains_key(&derived)
                        || !seen.insert(derived.clone());
                    if is_taken {
                        let what = format!(
                            "needs the variable {derived} for the group {name}, and another one \
                             has that name; rename one of them"
                        );
                        self.mistake(&["functions", function, "uses", variable], what);
                    }
                }
            }
        }
    }
}
