//! Delivers the messages of a queue to a function.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::machine::Queue;
use super::mapping::QueueMapping;
use super::port::QueuePort;
use super::step::Input;
use crate::destination::DeliveryFailures;
use crate::driver::{drive, note};
use crate::mapping::status::{Mapping, MappingStatus, age};
use lambda_shapes::moment::Moment;

/// Starts a queue mapping.
///
/// Must be called within a Tokio runtime.
#[must_use]
pub fn start(mapping: QueueMapping) -> Mapping {
    let (stop, receiver) = watch::channel(false);
    let oldest = Arc::new(Mutex::new(None));
    let status = Arc::new(Mutex::new(MappingStatus {
        name: format!("{} → {}", mapping.source_name, mapping.function),
        function: mapping.function.clone(),
        source: mapping.source_name.clone(),
        kind: "sqs",
        positions: BTreeMap::new(),
        lag: 0,
        millis_behind: None,
        oldest_ms: None,
        in_flight: 0,
        failures: 0,
        invocations: 0,
        retries: 0,
        throttled: 0,
        discarded: 0,
        destination_failures: DeliveryFailures::default(),
        filtered: 0,
        records_delivered: 0,
        last_error: None,
        last_error_at: None,
        lanes: Vec::new(),
        idle_since: None,
    }));
    let task = tokio::spawn(deliver(mapping, Arc::clone(&status), Arc::clone(&oldest), receiver));
    let shown = move || {
        let oldest = *oldest.lock();
        MappingStatus { oldest_ms: age(oldest), ..status.lock().clone() }
    };
    Mapping::new(shown, stop, task)
}

async fn deliver(
    mapping: QueueMapping,
    status: Arc<Mutex<MappingStatus>>,
    oldest: Arc<Mutex<Option<Moment>>>,
    stop: watch::Receiver<bool>,
) {
    let machine = Queue::new(mapping.settings.clone());
    let port = QueuePort::new(mapping, Arc::clone(&status), oldest, &stop);
    if let Err(illegal) = drive(machine, port, Some(Input::Start), stop).await {
        note(&status, &illegal.to_string());
    }
}
