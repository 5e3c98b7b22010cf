//! Finds out from the topology and the routes who reads a message.

use std::error::Error;

use aws_json::Json;
use events::routes::{BUS, ROUTES};
use serde_json::json;
use topology::pattern::Pattern;
use topology::{SourceKind, TargetKind, Topology};

use super::super::described::{Address, Described, Role, Way};
use super::parties::{Channel, ChannelKind, Consumer, Producer};

/// Table of the event store.
const EVENT_STORE: &str = "event-store";

/// The declared system.
pub struct Wiring {
    topology: Topology,
    /// Declared name of the bus.
    bus: String,
}

/// How a message type gets from its producers to its consumers.
#[derive(Default)]
pub struct Connections {
    pub channels: Vec<Channel>,
    pub producers: Vec<Producer>,
    pub consumers: Vec<Consumer>,
}

impl Wiring {
    /// Reads a topology that has one bus.
    ///
    /// # Errors
    /// It has none or several.
    pub fn new(topology: Topology) -> Result<Self, Box<dyn Error>> {
        let mut buses = topology.buses.keys();
        let (Some(bus), None) = (buses.next().cloned(), buses.next()) else {
            return Err(
                "the topology has not exactly one bus; say which one gets the events".into()
            );
        };
        Ok(Self { topology, bus })
    }

    /// Returns how a message travels.
    ///
    /// # Errors
    /// It travels over what the topology does not declare, or nothing reads where it goes.
    pub fn connections(&self, of: &Described) -> Result<Connections, Box<dyn Error>> {
        match of.role {
            Role::Event => self.event(of),
            Role::Command(way) => self.command(of, way),
            Role::Deadline(way) => self.deadline(of, way),
        }
    }

    fn event(&self, of: &Described) -> Result<Connections, Box<dyn Error>> {
        let producers = of.service.writers.iter().map(|function| Producer::function(function));
        let mut found = Connections { producers: producers.collect(), ..Connections::default() };
        let routes = ROUTES.iter().filter(|route| route.kind == of.kind);
        for target in routes.flat_map(|route| route.to) {
            if *target == BUS {
                found.channels.push(Channel::new(ChannelKind::Bus, &self.bus));
                self.subscribers(of, &mut found.consumers)?;
            } else {
                let channel = Channel::new(ChannelKind::Queue, target);
                found.consumers.extend(self.readers(&channel)?);
                found.channels.push(channel);
            }
        }
        if !of.projections.is_empty() {
            let channel = Channel::new(ChannelKind::TableStream, EVENT_STORE);
            let readers = self.readers(&channel)?;
            let projections = |reader: &Consumer| of.projections.contains(&&*reader.function);
            found.consumers.extend(readers.into_iter().filter(projections));
            found.channels.push(channel);
        }
        Ok(found)
    }

    fn command(&self, of: &Described, way: Way) -> Result<Connections, Box<dyn Error>> {
        let channel = match way.to {
            Address::Stream(name) => Channel::new(ChannelKind::Stream, name),
            Address::Queue(name) => Channel::new(ChannelKind::Queue, name),
        };
        let mut found = Connections {
            consumers: self.readers(&channel)?,
            channels: vec![channel],
            producers: producers(way),
        };
        // A writer that reads no channel of messages takes the command over an API.
        for writer in of.service.writers {
            if found.consumers.iter().any(|of| of.function == *writer) {
                continue;
            }
            let mut apis = self.topology.apis.iter();
            let api =
                apis.find(|(_, api)| api.routes.values().any(|route| route.function == *writer));
            let (name, _) = api.ok_or_else(|| {
                format!("nothing brings {} to {writer}, which decides it", of.kind)
            })?;
            let channel = Channel::new(ChannelKind::Api, name);
            let (function, rule) = ((*writer).to_owned(), None);
            found.consumers.push(Consumer { function, channel: channel.clone(), rule });
            found.channels.push(channel);
        }
        Ok(found)
    }

    /// A schedule brings a deadline to the queue of its process.
    fn deadline(&self, of: &Described, way: Way) -> Result<Connections, Box<dyn Error>> {
        let mut found = self.command(of, way)?;
        let groups = self.topology.schedule_groups.iter().filter(|(_, group)| {
            let mut targets = group.targets.values().filter_map(|target| target.queue.as_deref());
            targets.any(|queue| way.to_queue() == Some(queue))
        });
        let groups = groups.map(|(name, _)| Channel::new(ChannelKind::ScheduleGroup, name));
        found.channels.splice(0..0, groups);
        Ok(found)
    }

    /// Adds the functions to which rules of the bus hand an event.
    fn subscribers(
        &self,
        of: &Described,
        consumers: &mut Vec<Consumer>,
    ) -> Result<(), Box<dyn Error>> {
        let detail = serde_json::to_value(&of.sample)?;
        let event =
            json!({ "source": of.service.source, "detail-type": of.kind, "detail": detail });
        for rule in self.topology.rule_targets().filter(|rule| rule.declared.bus == self.bus) {
            if !Pattern::parse(&rule.declared.pattern)?.matches(&Json::from(&event)) {
                continue;
            }
            let named = Some(rule.full_name().into_owned());
            let channel = Channel::new(ChannelKind::Bus, &self.bus);
            match rule.target.kind() {
                Some(TargetKind::Function(function)) => {
                    consumers.push(Consumer {
                        function: function.to_owned(),
                        channel,
                        rule: named,
                    });
                }
                Some(TargetKind::Queue(queue)) => {
                    let queue = Channel::new(ChannelKind::Queue, queue);
                    let readers = self.readers(&queue)?.into_iter();
                    consumers.extend(readers.map(|of| Consumer { rule: named.clone(), ..of }));
                }
                _ => {
                    let name = rule.full_name();
                    let text =
                        format!("the catalog does not know what the target of {name} is for");
                    return Err(text.into());
                }
            }
        }
        Ok(())
    }

    /// Returns the functions with a mapping that reads the channel.
    fn readers(&self, channel: &Channel) -> Result<Vec<Consumer>, String> {
        let reads = |source: SourceKind<'_>| match (channel.kind, source) {
            (ChannelKind::Queue, SourceKind::Queue(name))
            | (ChannelKind::Stream, SourceKind::Stream(name))
            | (ChannelKind::TableStream, SourceKind::Table(name)) => name == channel.name,
            _ => false,
        };
        let readers: Vec<Consumer> = self
            .topology
            .sources()
            .filter(|(_, _, source)| source.kind().is_some_and(reads))
            .map(|(function, _, _)| Consumer {
                function: function.to_owned(),
                channel: channel.clone(),
                rule: None,
            })
            .collect();
        if readers.is_empty() {
            Err(format!("no function reads the {channel}"))
        } else {
            Ok(readers)
        }
    }
}

fn producers(way: Way) -> Vec<Producer> {
    let functions = way.senders.iter().map(|function| Producer::function(function));
    functions.chain(way.outside.iter().map(|name| Producer::outside(name))).collect()
}
