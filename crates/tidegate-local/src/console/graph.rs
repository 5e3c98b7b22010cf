//! The declared system as a graph of nodes and edges.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use topology::{
    Access, Destination, DestinationKind, Resource, ScheduleTarget, Scheduled, SourceKind,
    Subscriber, Subscription, TargetKind, Topology,
};

/// Kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NodeKind {
    Stream,
    Table,
    Queue,
    /// A dead-letter queue.
    DeadLetters,
    Bucket,
    Topic,
    Bus,
    Email,
    /// A schedule, or a group of those that functions create.
    Schedules,
    Function,
    /// An HTTP API.
    Api,
    /// A function URL. It has the name of its function.
    Url,
}

impl NodeKind {
    /// Returns the kind's name as a destination of given-up records. `None` if it cannot be a
    /// destination.
    pub(crate) fn destination(self) -> Option<&'static str> {
        match self {
            Self::Queue | Self::DeadLetters => Some("queue"),
            Self::Topic => Some("topic"),
            Self::Bucket => Some("bucket"),
            Self::Function => Some("function"),
            Self::Bus => Some("bus"),
            Self::Stream | Self::Table | Self::Email | Self::Api | Self::Url | Self::Schedules => {
                None
            }
        }
    }
}

/// One item of the topology. Its name is unique only within its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) name: String,
}

/// Kind of an edge. It decides where the edge's count comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EdgeKind {
    /// An event source mapping; counts records.
    Mapping,
    /// Rules of a bus, or subscriptions of a topic, that invoke a function; counts events.
    Events,
    /// Rules of a bus that send to a queue, a stream, a topic or another bus, or subscriptions of a
    /// topic that send to a queue; counts events.
    Sends,
    /// Use of a resource by a function; counts AWS calls.
    Calls,
    /// Use of a resource that only reads; counts AWS calls.
    Reads,
    /// Destination of given-up records; counts on-failure records.
    GivesUp,
    /// Destination of asynchronous invocations that succeeded; counts records.
    Succeeds,
    /// Dead-letter queue of rules of a bus, or of subscriptions of a topic; counts what could not
    /// be handed over.
    Undelivered,
    /// Target of a schedule, or of the schedules of a group; counts firings.
    Fires,
    /// Dead-letter queue of a schedule or a group; counts firings that were given up.
    Unfired,
    /// Redrive of a queue after too many receives; counts messages in the target.
    Redrive,
    /// Routes of an HTTP API that invoke a function, or its function URL; counts requests.
    Requests,
}

/// An edge between two nodes, given by their indexes in [`Graph::nodes`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) kind: EdgeKind,
}

/// Nodes and edges of the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
}

/// A node by kind and name, before it has an index.
type Key = (NodeKind, String);

/// Returns the edges from HTTP APIs and function URLs to the functions that answer.
fn requests(topology: &Topology) -> impl Iterator<Item = (Key, Key, EdgeKind)> {
    let edge = |kind: NodeKind, from: &str, to: &str| {
        ((kind, from.to_owned()), (NodeKind::Function, to.to_owned()), EdgeKind::Requests)
    };
    let routes = topology.apis.iter().flat_map(move |(name, api)| {
        api.routes.values().map(move |route| edge(NodeKind::Api, name, &route.function))
    });
    let urls = topology.functions.iter().filter(|(_, declared)| declared.url.is_some());
    routes.chain(urls.map(move |(name, _)| edge(NodeKind::Url, name, name)))
}

/// Returns the edges of a subscription, from its topic.
fn subscribed(
    subscription: &Subscription,
    queue: &dyn Fn(&str) -> Key,
) -> impl Iterator<Item = (Key, Key, EdgeKind)> {
    let topic = (NodeKind::Topic, subscription.topic.clone());
    let receiver = subscription.subscriber().map(|receiver| match receiver {
        Subscriber::Function(name) => ((NodeKind::Function, name.to_owned()), EdgeKind::Events),
        Subscriber::Queue(name) => (queue(name), EdgeKind::Sends),
    });
    let lost = subscription.dead_letter_queue.as_deref();
    let lost = lost.map(|name| (queue(name), EdgeKind::Undelivered));
    let to = [receiver, lost].into_iter().flatten();
    to.map(move |(to, kind)| (topic.clone(), to, kind))
}

/// Returns the edges to the tables of generations after the first.
fn later_generations(topology: &Topology) -> impl Iterator<Item = (Key, Key, EdgeKind)> {
    topology.functions.keys().flat_map(|name| {
        topology.later_uses(name).into_iter().map(move |(table, access)| {
            let function = (NodeKind::Function, name.clone());
            (function, (NodeKind::Table, table), kind_of(access))
        })
    })
}

/// Returns how a function with this access is drawn.
fn kind_of(access: Access) -> EdgeKind {
    if access == Access::Read { EdgeKind::Reads } else { EdgeKind::Calls }
}

impl Graph {
    /// Builds the graph of everything that a topology declares.
    pub(crate) fn from_topology(topology: &Topology) -> Self {
        let letters = topology.dead_letter_queues();
        let queue = |name: &str| match letters.contains(name) {
            true => (NodeKind::DeadLetters, name.to_owned()),
            false => (NodeKind::Queue, name.to_owned()),
        };
        let mut edges: BTreeSet<(Key, Key, EdgeKind)> = BTreeSet::new();
        let function = |name: &str| (NodeKind::Function, name.to_owned());
        let destination = |declared: &Destination| {
            Some(match declared.kind()? {
                DestinationKind::Queue(name) => queue(name),
                DestinationKind::Topic(name) => (NodeKind::Topic, name.to_owned()),
                DestinationKind::Bucket(name) => (NodeKind::Bucket, name.to_owned()),
                DestinationKind::Function(name) => function(name),
                DestinationKind::Bus(name) => (NodeKind::Bus, name.to_owned()),
            })
        };
        for (name, _, source) in topology.sources() {
            let from = match source.kind() {
                Some(SourceKind::Stream(stream)) => (NodeKind::Stream, stream.to_owned()),
                Some(SourceKind::Table(table)) => (NodeKind::Table, table.to_owned()),
                Some(SourceKind::Queue(name)) => queue(name),
                None => continue,
            };
            edges.insert((from, function(name), EdgeKind::Mapping));
            let given_up = source.on_failure.as_ref().and_then(destination);
            edges.extend(given_up.map(|to| (function(name), to, EdgeKind::GivesUp)));
        }
        for rule in topology.rule_targets() {
            let bus = (NodeKind::Bus, rule.declared.bus.clone());
            let target = rule.target.kind().map(|kind| match kind {
                TargetKind::Function(name) => (function(name), EdgeKind::Events),
                TargetKind::Queue(name) => (queue(name), EdgeKind::Sends),
                TargetKind::Stream(name) => ((NodeKind::Stream, name.to_owned()), EdgeKind::Sends),
                TargetKind::Topic(name) => ((NodeKind::Topic, name.to_owned()), EdgeKind::Sends),
                TargetKind::Bus(name) => ((NodeKind::Bus, name.to_owned()), EdgeKind::Sends),
            });
            let lost = rule
                .target
                .dead_letter_queue
                .as_deref()
                .map(|name| (queue(name), EdgeKind::Undelivered));
            edges.extend(
                [target, lost].into_iter().flatten().map(|(to, kind)| (bus.clone(), to, kind)),
            );
        }
        edges.extend(topology.subscriptions.values().flat_map(|of| subscribed(of, &queue)));
        for (name, declared) in &topology.functions {
            let given_up = declared.on_failure().and_then(destination);
            edges.extend(given_up.map(|to| (function(name), to, EdgeKind::GivesUp)));
            let told = declared.on_success().and_then(destination);
            edges.extend(told.map(|to| (function(name), to, EdgeKind::Succeeds)));
            for used in declared.uses.values() {
                let to = match used.resource() {
                    Some(Resource::Table(name)) => (NodeKind::Table, name.to_owned()),
                    Some(Resource::Queue(name)) => queue(name),
                    Some(Resource::Bucket(name)) => (NodeKind::Bucket, name.to_owned()),
                    Some(Resource::Bus(name)) => (NodeKind::Bus, name.to_owned()),
                    Some(Resource::Stream(name)) => (NodeKind::Stream, name.to_owned()),
                    Some(Resource::Topic(name)) => (NodeKind::Topic, name.to_owned()),
                    Some(Resource::Email(name)) => (NodeKind::Email, name.to_owned()),
                    Some(Resource::ScheduleGroup(name)) => (NodeKind::Schedules, name.to_owned()),
                    None => continue,
                };
                edges.insert((function(name), to, kind_of(used.access)));
            }
        }
        edges.extend(later_generations(topology));
        edges.extend(requests(topology));
        edges.extend(scheduled(topology, &queue));
        for (name, declared) in &topology.queues {
            let moved = declared.redrive.as_ref().map(|redrive| queue(&redrive.queue));
            edges.extend(moved.map(|to| (queue(name), to, EdgeKind::Redrive)));
        }
        Self::with(topology, edges, &queue)
    }

    fn with(
        topology: &Topology,
        edges: BTreeSet<(Key, Key, EdgeKind)>,
        queue: &dyn Fn(&str) -> Key,
    ) -> Self {
        let mut keys: BTreeSet<Key> = BTreeSet::new();
        keys.extend(topology.streams.keys().map(|name| (NodeKind::Stream, name.clone())));
        keys.extend(topology.tables.keys().map(|name| (NodeKind::Table, name.clone())));
        keys.extend(topology.queues.keys().map(|name| queue(name)));
        keys.extend(topology.topics.keys().map(|name| (NodeKind::Topic, name.clone())));
        keys.extend(topology.buckets.keys().map(|name| (NodeKind::Bucket, name.clone())));
        keys.extend(topology.buses.keys().map(|name| (NodeKind::Bus, name.clone())));
        keys.extend(topology.apis.keys().map(|name| (NodeKind::Api, name.clone())));
        keys.extend(topology.functions.keys().map(|name| (NodeKind::Function, name.clone())));
        keys.extend(edges.iter().flat_map(|(from, to, _)| [from.clone(), to.clone()]));
        let places: BTreeMap<&Key, usize> = keys.iter().zip(0..).collect();
        let edges = edges.iter().filter_map(|(from, to, kind)| {
            Some(Edge { from: *places.get(from)?, to: *places.get(to)?, kind: *kind })
        });
        let edges = edges.collect();
        Self { edges, nodes: keys.into_iter().map(|(kind, name)| Node { kind, name }).collect() }
    }

    /// Returns a stable name of an edge.
    pub(crate) fn id(&self, edge: &Edge) -> String {
        let name = |place: usize| self.nodes.get(place).map_or("?", |node| node.name.as_str());
        let kind = match edge.kind {
            EdgeKind::Mapping => "mapping",
            EdgeKind::Events => "events",
            EdgeKind::Sends => "sends",
            EdgeKind::Calls => "calls",
            EdgeKind::Reads => "reads",
            EdgeKind::GivesUp => "gives up",
            EdgeKind::Succeeds => "succeeds",
            EdgeKind::Undelivered => "undelivered",
            EdgeKind::Fires => "fires",
            EdgeKind::Unfired => "unfired",
            EdgeKind::Redrive => "redrive",
            EdgeKind::Requests => "requests",
        };
        format!("{} → {} ({kind})", name(edge.from), name(edge.to))
    }
}

/// Returns the edges of schedules and of their groups.
fn scheduled(topology: &Topology, queue: &dyn Fn(&str) -> Key) -> Vec<(Key, Key, EdgeKind)> {
    let mut edges = Vec::new();
    let target = |target: &ScheduleTarget| {
        Some(match target.kind()? {
            Scheduled::Function(name) => (NodeKind::Function, name.to_owned()),
            Scheduled::Queue(name) => queue(name),
            Scheduled::Bus(name) => (NodeKind::Bus, name.to_owned()),
            Scheduled::Stream(name) => (NodeKind::Stream, name.to_owned()),
            Scheduled::Topic(name) => (NodeKind::Topic, name.to_owned()),
        })
    };
    let mut add = |name: &str, targets: Vec<&ScheduleTarget>, letters: Option<&String>| {
        let from = (NodeKind::Schedules, name.to_owned());
        let to = targets.into_iter().filter_map(target);
        edges.extend(to.map(|to| (from.clone(), to, EdgeKind::Fires)));
        edges.extend(letters.map(|to| (from.clone(), queue(to), EdgeKind::Unfired)));
    };
    for (name, one) in &topology.schedules {
        add(name, vec![&one.target], one.dead_letter_queue.as_ref());
    }
    for (name, group) in &topology.schedule_groups {
        add(name, group.targets.values().collect(), group.dead_letter_queue.as_ref());
    }
    edges
}
