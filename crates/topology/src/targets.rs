//! Finds the targets of rules.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::model::{Rule, Target, Topology};

/// A rule with one of its targets.
#[derive(Clone, Copy, Debug)]
pub struct RuleTarget<'a> {
    /// Declared name of the rule.
    pub rule: &'a str,
    /// The rule.
    pub declared: &'a Rule,
    /// Declared name of the target. `None` for the only target of a rule.
    pub name: Option<&'a str>,
    /// The target.
    pub target: &'a Target,
}

impl<'a> RuleTarget<'a> {
    /// Returns a name that is unique in the topology.
    ///
    /// It is `RULE` for the only target of a rule, and `RULE/TARGET` for one of several.
    pub fn full_name(&self) -> Cow<'a, str> {
        match self.name {
            None => self.rule.into(),
            Some(name) => format!("{}/{name}", self.rule).into(),
        }
    }
}

/// What a rule's target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind<'a> {
    /// A function, by its declared name.
    Function(&'a str),
    /// A queue, by its declared name.
    Queue(&'a str),
    /// A stream, by its declared name.
    Stream(&'a str),
    /// A topic, by its declared name.
    Topic(&'a str),
    /// A bus, by its declared name.
    Bus(&'a str),
}

impl Target {
    /// Returns what the target is.
    ///
    /// Returns `None` unless exactly one of function, queue, stream, topic and bus is set, as in
    /// every checked topology.
    pub fn kind(&self) -> Option<TargetKind<'_>> {
        let set = [
            self.function.as_deref().map(TargetKind::Function),
            self.queue.as_deref().map(TargetKind::Queue),
            self.stream.as_deref().map(TargetKind::Stream),
            self.topic.as_deref().map(TargetKind::Topic),
            self.bus.as_deref().map(TargetKind::Bus),
        ];
        let mut set = set.into_iter().flatten();
        set.next().filter(|_| set.next().is_none())
    }
}

impl Rule {
    /// Returns the targets with their names. The only target of a rule has none.
    pub fn targets(&self) -> impl Iterator<Item = (Option<&str>, &Target)> {
        let several = self.targets.iter().map(|(name, target)| (Some(name.as_str()), target));
        self.target.iter().map(|target| (None, target)).chain(several)
    }
}

impl Topology {
    /// Returns every target of every rule.
    pub fn rule_targets(&self) -> impl Iterator<Item = RuleTarget<'_>> {
        self.rules.iter().flat_map(|(rule, declared)| {
            let targets = declared.targets();
            targets.map(move |(name, target)| RuleTarget { rule, declared, name, target })
        })
    }

    /// Returns every rule's target that is a function: full name of the target, function.
    pub fn function_rules(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        self.rule_targets()
            .filter_map(|target| Some((target.full_name(), target.target.function.as_deref()?)))
    }

    /// Returns the buses that the engine or EventBridge takes events from: those with rules, and
    /// those with an archive.
    pub fn read_buses(&self) -> BTreeSet<&str> {
        let archived = self.buses.iter().filter(|(_, bus)| bus.archive_days > 0);
        let archived = archived.map(|(name, _)| name.as_str());
        self.rules.values().map(|rule| rule.bus.as_str()).chain(archived).collect()
    }
}
