//! Creates what a topology declares.
//!
//! Names at the backend are the declared ones; only FIFO queues get their suffix. Expiry of objects and archives of buses are not set up:
//! they make no difference to what runs.

mod buses;
mod environment;
mod error;
mod queues;
mod streams;
mod tables;
mod topics;
mod wait;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use futures::try_join;

use crate::clients::Clients;
use topology::Topology;

pub use error::ProvisionError;
pub(crate) use queues::{INVOKE_QUEUE, invoke_queue};

/// An Amazon resource name.
pub type Arn = String;

/// What has been created, by declared name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// Kinesis streams.
    pub streams: BTreeMap<String, Arn>,
    /// DynamoDB tables.
    pub tables: BTreeMap<String, ProvisionedTable>,
    /// SQS queues.
    pub queues: BTreeMap<String, ProvisionedQueue>,
    /// The engine's own queues, each of which gets every event of a bus that has rules, by the bus.
    pub bus_queues: BTreeMap<String, ProvisionedQueue>,
    /// The engine's own queues behind Invoke, of the functions that are a destination, by the function's name.
    pub destination_queues: BTreeMap<String, ProvisionedQueue>,
    /// SNS topics.
    pub topics: BTreeMap<String, Arn>,
    /// EventBridge buses.
    pub buses: BTreeMap<String, Arn>,
}

/// A created table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionedTable {
    /// The table.
    pub arn: Arn,
    /// Its stream, if it declares one.
    pub stream_arn: Option<Arn>,
}

/// A created queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionedQueue {
    /// What SQS calls take.
    pub url: String,
    /// What others name it by.
    pub arn: Arn,
}

/// Creates everything that is not there yet, and waits until it can be used. What exists is kept with its content.
///
/// Errors: the first call that failed, with the resource it was for.
pub async fn provision(clients: &Clients, topology: &Topology) -> Result<Provisioned, ProvisionError> {
    let streams = topology.streams.iter().map(|(name, declared)| streams::stream(clients, name, declared));
    let tables = topology.tables.iter().map(|(name, declared)| tables::table(clients, name, declared));
    let buses = topology.bus_names().into_iter().map(|name| buses::bus(clients, name));
    let routed: BTreeSet<&str> = topology.rules.values().map(|rule| rule.bus.as_str()).collect();
    let bus_queues = routed
        .into_iter()
        .map(|bus| async move { Ok((bus.to_owned(), queues::bus_queue(clients, bus).await?)) });
    let destination_queues = topology.destination_functions().into_iter().map(|function| async move {
        Ok((function.to_owned(), queues::invoke_queue(clients, function).await?))
    });
    let topics = topology.topics.keys().map(|name| topics::topic(clients, name));
    let buckets = topology.buckets.keys().map(|name| bucket(clients, name));
    let senders = topology.sender_addresses().into_iter().map(|address| sender(clients, address));
    let (streams, tables, queues, bus_queues, destination_queues, topics, buses, _, _) = try_join!(
        try_join_all(streams),
        try_join_all(tables),
        queues::queues(clients, topology),
        try_join_all(bus_queues),
        try_join_all(destination_queues),
        try_join_all(topics),
        try_join_all(buses),
        try_join_all(buckets),
        try_join_all(senders),
    )?;
    let provisioned = Provisioned {
        streams: streams.into_iter().collect(),
        tables: tables.into_iter().collect(),
        queues,
        bus_queues: bus_queues.into_iter().collect(),
        destination_queues: destination_queues.into_iter().collect(),
        topics: topics.into_iter().collect(),
        buses: buses.into_iter().collect(),
    };
    try_join_all(topology.rules.iter().map(|(name, declared)| buses::rule(clients, name, declared))).await?;
    let queues = provisioned.bus_queues.iter();
    try_join_all(queues.map(|(bus, queue)| buses::every_event(clients, bus, queue))).await?;
    Ok(provisioned)
}

async fn bucket(clients: &Clients, name: &str) -> Result<(), ProvisionError> {
    match clients.s3.create_bucket().bucket(name).send().await {
        Err(error)
            if !error.as_service_error().is_some_and(|error| error.is_bucket_already_owned_by_you()) =>
        {
            Err(ProvisionError::from_call(&format!("bucket {name}"), "CreateBucket")(error))
        }
        _ => Ok(()),
    }
}

async fn sender(clients: &Clients, address: &str) -> Result<(), ProvisionError> {
    let call = clients.ses.verify_email_identity().email_address(address);
    let resource = format!("sender address {address}");
    call.send().await.map(drop).map_err(ProvisionError::from_call(&resource, "VerifyEmailIdentity"))
}
