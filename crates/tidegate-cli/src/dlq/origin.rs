//! Checks that a dead letter is in a queue that the topology declares for its function.
//!
//! A function can write into the queues of its own failures. So a letter there must not invoke
//! another function.

use topology::{Destination, DestinationKind, Rule, Source, Topology};

use super::content::Content;
use crate::declared::{Declared, Function};

/// Origin of a letter: what wrote it for its function.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'a> {
    /// A source of the function.
    Source(&'a Source),
    /// Asynchronous invocations of the function.
    Asynchronous,
    /// The function itself.
    Own,
    /// A rule, whose target is the function.
    Rule(&'a Rule),
    /// A schedule of a group that the topology does not declare.
    Schedule,
    /// A declared schedule, or one of a declared group, with its dead-letter queue.
    DeclaredSchedule(Option<&'a String>),
}

impl<'a> Origin<'a> {
    /// Returns the origin of a letter that was compared with the topology.
    ///
    /// # Errors
    /// The letter has no origin.
    pub(super) fn new(
        content: &Content,
        source: Option<&'a Source>,
        declared: &Declared<'a>,
    ) -> Result<Self, String> {
        Ok(match (content, source) {
            (Content::Pointer(_), Some(source)) => Self::Source(source),
            (Content::Asynchronous(_), _) => Self::Asynchronous,
            (Content::Own(_), _) => Self::Own,
            (Content::Rule(rule), _) => match declared.rule(&rule.rule_arn)? {
                Some(rule) => Self::Rule(rule),
                None => declared
                    .schedule(&rule.rule_arn)?
                    .map_or(Self::Schedule, |schedule| Self::DeclaredSchedule(schedule.letters)),
            },
            (Content::Undelivered(_), _) => return Err("it names no subscription".to_owned()),
            (Content::Pointer(_), None) => return Err("its source is not declared".to_owned()),
            (Content::Unknown { reason }, _) => return Err(reason.clone()),
        })
    }

    /// Checks that `queue`, named as in the topology, holds the failures of this origin.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn check(
        self,
        topology: &Topology,
        function: &Function<'_>,
        queue: &str,
    ) -> Result<(), String> {
        let holds = |names: Option<&String>| {
            names.is_some_and(|name| is_or_moves_to(topology, name, queue))
        };
        let leads = |to: Option<&Destination>| to.is_some_and(|to| leads_to(topology, to, queue));
        let uses = |function: &topology::Function| {
            function.uses.values().any(|used| holds(used.queue.as_ref()))
        };
        let (is_here, what) = match self {
            Self::Source(source) => {
                (leads(source.on_failure.as_ref()), "the records that this source discards")
            }
            Self::Asynchronous => (leads(function.declared.on_failure()), "its failed invocations"),
            Self::Own => (uses(function.declared), "its own dead letters"),
            Self::Rule(rule) => (
                rule.targets().any(|(_, target)| {
                    let is_it = |to: &String| {
                        let declared = topology.functions.get(to);
                        declared.is_some_and(|to| std::ptr::eq(to, function.declared))
                    };
                    target.function.as_ref().is_some_and(is_it)
                        && holds(target.dead_letter_queue.as_ref())
                }),
                "the events that this rule cannot deliver",
            ),
            Self::DeclaredSchedule(letters) => {
                (holds(letters), "the events that this schedule cannot deliver")
            }
            Self::Schedule => {
                let writes = |function: &topology::Function| {
                    let sources =
                        function.sources.values().map(|source| source.on_failure.as_ref());
                    uses(function)
                        || sources
                            .chain([function.on_failure()])
                            .any(|to| holds(to.and_then(|to| to.queue.as_ref())))
                };
                let rules = topology
                    .rule_targets()
                    .any(|rule| holds(rule.target.dead_letter_queue.as_ref()));
                let foreign = topology.functions.values().any(writes) && !writes(function.declared);
                (
                    rules || !foreign,
                    "failed events of schedules: other functions write to that queue",
                )
            }
        };
        if is_here {
            return Ok(());
        }
        let name = &function.name;
        Err(format!("queue {queue} is not one that the topology declares for {name} and {what}"))
    }
}

/// Returns whether `queue` is `from`, or a queue to which its messages are moved.
pub(super) fn is_or_moves_to(topology: &Topology, from: &str, queue: &str) -> bool {
    let mut at = Some(from);
    // Queues may move messages in a circle.
    for _ in 0..=topology.queues.len() {
        let Some(name) = at else { return false };
        if name == queue {
            return true;
        }
        at = topology
            .queues
            .get(name)
            .and_then(|queue| Some(queue.redrive.as_ref()?.queue.as_str()));
    }
    false
}

/// Returns whether failures that go to a destination may reach a queue.
///
/// A topic may lead to any queue, because somebody may subscribe one that is not declared.
fn leads_to(topology: &Topology, to: &Destination, queue: &str) -> bool {
    match to.kind() {
        Some(DestinationKind::Queue(name)) => is_or_moves_to(topology, name, queue),
        Some(DestinationKind::Topic(_)) => true,
        Some(DestinationKind::Bus(bus)) => {
            let targets = topology.rule_targets().filter(|rule| rule.declared.bus == bus);
            let mut queues = targets.filter_map(|rule| rule.target.queue.as_deref());
            queues.any(|name| is_or_moves_to(topology, name, queue))
        }
        Some(DestinationKind::Bucket(_) | DestinationKind::Function(_)) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPOLOGY: &str = r#"
streams = { orders = {} }
topics  = { alarms = {} }
buses   = { shop = {}, told = {} }
queues  = {
  a-stream = {}
  a-events = {}
  a-own    = {}
  b-events = {}
  b-own    = {}
  from-bus = {}
  rules    = { redrive = { queue = "moved", maximum_receives = 5 } }
  moved    = {}
}
rules = {
  placed = { bus = "shop", pattern = { source = ["s"] }, target = { function = "b", dead_letter_queue = "rules" } }
  failed = { bus = "told", pattern = { source = ["lambda"] }, target = { queue = "from-bus" } }
}
functions = {
  a = {
    uses = { DEAD_LETTER_QUEUE_URL = { queue = "a-own", access = "write" } }
    sources = { orders = { stream = "orders", starting_position = "LATEST", on_failure = { queue = "a-stream" } } }
    asynchronous = { on_failure = { queue = "a-events" } }
  }
  b = {
    uses = { DEAD_LETTER_QUEUE_URL = { queue = "b-own", access = "write" } }
    asynchronous = { on_failure = { queue = "b-events" } }
  }
  c = { asynchronous = { on_failure = { topic = "alarms" } } }
  d = { asynchronous = { on_failure = { bus = "told" } } }
}
"#;

    #[test]
    fn letters_are_taken_only_from_the_queues_that_their_function_and_origin_use() {
        let topology = topology::parse(TOPOLOGY).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let held = |function: &str, origin: Origin<'_>| -> Vec<&str> {
            let function =
                Function { declared: &topology.functions[function], name: function.to_owned() };
            let queues = topology.queues.keys().map(String::as_str);
            queues.filter(|queue| origin.check(&topology, &function, queue).is_ok()).collect()
        };
        let source = &topology.functions["a"].sources["orders"];
        assert_eq!(held("a", Origin::Source(source)), ["a-stream"]);
        assert_eq!(held("a", Origin::Asynchronous), ["a-events"]);
        assert_eq!(held("b", Origin::Asynchronous), ["b-events"]);
        assert_eq!(held("a", Origin::Own), ["a-own"]);
        assert_eq!(held("b", Origin::Own), ["b-own"]);
        assert_eq!(held("d", Origin::Asynchronous), ["from-bus"]);
        assert_eq!(
            held("c", Origin::Asynchronous).len(),
            topology.queues.len(),
            "any queue may subscribe"
        );
        assert_eq!(held("b", Origin::Rule(&topology.rules["placed"])), ["moved", "rules"]);
        let letters = "rules".to_owned();
        let declared = Origin::DeclaredSchedule(Some(&letters));
        assert_eq!(held("b", declared), ["moved", "rules"]);
        assert!(held("b", Origin::DeclaredSchedule(None)).is_empty());
        assert_eq!(
            held("b", Origin::Schedule),
            ["b-events", "b-own", "from-bus", "moved", "rules"]
        );
    }

    #[test]
    fn a_letter_in_the_queue_of_another_function_says_so() {
        let topology = topology::parse(TOPOLOGY).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let function = Function { declared: &topology.functions["b"], name: "b".to_owned() };
        let said = Origin::Own.check(&topology, &function, "a-own").unwrap_err();
        assert_eq!(
            said,
            "queue a-own is not one that the topology declares for b and its own dead letters"
        );
    }
}
