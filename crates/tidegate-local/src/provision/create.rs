//! Creates everything that a topology declares, each resource before those that name it.

use futures::future::try_join_all;
use futures::try_join;

use super::error::ProvisionError;
use super::provisioned::Provisioned;
use super::{buckets, buses, queues, senders, streams, tables, topics};
use crate::clients::Clients;
use topology::Topology;

/// Creates every missing resource, and waits until all can be used.
///
/// Existing resources are kept with their content.
///
/// # Errors
/// Returns the first call that failed, with its resource.
pub async fn provision(
    clients: &Clients,
    topology: &Topology,
) -> Result<Provisioned, ProvisionError> {
    let streams =
        topology.streams.iter().map(|(name, declared)| streams::stream(clients, name, declared));
    let tables =
        topology.tables.iter().map(|(name, declared)| tables::table(clients, name, declared));
    let buses = topology.bus_names().into_iter().map(|name| buses::bus(clients, name));
    let bus_queues = topology
        .read_buses()
        .into_iter()
        .map(|bus| async move { Ok((bus.to_owned(), queues::bus_queue(clients, bus).await?)) });
    let destination_queues =
        topology.destination_functions().into_iter().map(|function| async move {
            Ok((function.to_owned(), queues::invoke_queue(clients, function).await?))
        });
    let topics =
        topology.topics.iter().map(|(name, declared)| topics::topic(clients, name, declared));
    let topic_queues = topology.subscribed_topics().into_iter().map(|topic| async move {
        let is_fifo = topology.topics.get(topic).is_some_and(|topic| topic.fifo);
        Ok((topic.to_owned(), queues::topic_queue(clients, topic, is_fifo).await?))
    });
    let buckets = topology.buckets.keys().map(|name| buckets::bucket(clients, name));
    let senders =
        topology.sender_addresses().into_iter().map(|address| senders::sender(clients, address));
    let own_queues = async {
        try_join!(
            try_join_all(bus_queues),
            try_join_all(topic_queues),
            try_join_all(destination_queues)
        )
    };
    let (streams, tables, queues, own_queues, topics, buses, _, _) = try_join!(
        try_join_all(streams),
        try_join_all(tables),
        queues::queues(clients, topology),
        own_queues,
        try_join_all(topics),
        try_join_all(buses),
        try_join_all(buckets),
        try_join_all(senders),
    )?;
    let (bus_queues, topic_queues, destination_queues) = own_queues;
    let provisioned = Provisioned {
        streams: streams.into_iter().collect(),
        tables: tables.into_iter().collect(),
        queues,
        bus_queues: bus_queues.into_iter().collect(),
        destination_queues: destination_queues.into_iter().collect(),
        topics: topics.into_iter().collect(),
        topic_queues: topic_queues.into_iter().collect(),
        buses: buses.into_iter().collect(),
        statements: None,
    };
    try_join_all(
        topology.rules.iter().map(|(name, declared)| buses::rule(clients, name, declared)),
    )
    .await?;
    let queues = provisioned.bus_queues.iter();
    try_join_all(queues.map(|(bus, queue)| buses::every_event(clients, bus, queue))).await?;
    let queues = provisioned.topic_queues.iter().filter_map(|(topic, queue)| {
        Some(topics::every_message(clients, topic, provisioned.topics.get(topic)?, queue))
    });
    try_join_all(queues).await?;
    Ok(provisioned)
}
