//! Creates invokers and destinations that also record what they do, for the console.

use std::sync::Arc;

use uuid::Uuid;

use crate::destination::{
    BucketDestination, BusDestination, Destination, QueueDestination, TopicDestination,
};
use crate::environment::function_arn;
use crate::history::{Recorder, RecordingDestination, Way};
use crate::invocation::Invoker;
use crate::parts::Parts;
use engine_client::local::REGION;
use topology::DestinationKind;

/// Returns an invoker that records its invocations under this way.
pub(super) fn invoker(parts: &Parts, way: Way) -> Arc<dyn Invoker> {
    let (inner, deliveries) = (Arc::clone(&parts.invoker), Arc::clone(&parts.deliveries));
    Arc::new(Recorder { inner, deliveries, way })
}

/// Returns the on-failure destination of a stream mapping.
pub(super) fn stream_destination(
    parts: &Parts,
    declared: &topology::Destination,
    function: &str,
    mapping: Uuid,
) -> Option<Arc<dyn Destination>> {
    let kind = declared.kind()?;
    let inner: Arc<dyn Destination> = match kind {
        DestinationKind::Bucket(bucket) => {
            Arc::new(BucketDestination::for_mapping(parts.clients.s3.clone(), bucket, mapping))
        }
        kind => destination(parts, kind)?,
    };
    Some(recorded(parts, function, kind, inner))
}

/// Returns the on-failure destination of a function's asynchronous invocation.
pub(super) fn failure_destination(
    parts: &Parts,
    declared: &topology::Destination,
    function: &str,
) -> Option<Arc<dyn Destination>> {
    let kind = declared.kind()?;
    let inner: Arc<dyn Destination> = match kind {
        DestinationKind::Bucket(bucket) => {
            Arc::new(BucketDestination::for_function(parts.clients.s3.clone(), bucket, function))
        }
        DestinationKind::Bus(bus) => {
            let (arn, function) =
                (parts.provisioned.buses.get(bus)?, function_arn(REGION, function));
            Arc::new(BusDestination::on_failure(parts.clients.events.clone(), arn, &function))
        }
        kind => destination(parts, kind)?,
    };
    Some(recorded(parts, function, kind, inner))
}

/// Returns the on-success destination of a function's asynchronous invocation.
pub(super) fn success_destination(
    parts: &Parts,
    declared: &topology::Destination,
    function: &str,
) -> Option<Arc<dyn Destination>> {
    match declared.kind()? {
        DestinationKind::Bus(bus) => {
            let (arn, function) =
                (parts.provisioned.buses.get(bus)?, function_arn(REGION, function));
            Some(Arc::new(BusDestination::on_success(parts.clients.events.clone(), arn, &function)))
        }
        kind => destination(parts, kind),
    }
}

/// Records what an on-failure destination of any kind receives: the status counts the records, and
/// the console shows them.
fn recorded(
    parts: &Parts,
    function: &str,
    kind: DestinationKind<'_>,
    inner: Arc<dyn Destination>,
) -> Arc<dyn Destination> {
    let (function, letters) = (function.to_owned(), Arc::clone(&parts.letters));
    Arc::new(RecordingDestination { inner, letters, function, to: kind.into() })
}

fn destination(parts: &Parts, kind: DestinationKind<'_>) -> Option<Arc<dyn Destination>> {
    let (clients, provisioned) = (&parts.clients, &parts.provisioned);
    let queue = match kind {
        DestinationKind::Queue(queue) => provisioned.queues.get(queue)?,
        // Its queue is polled like that of every function that was invoked with the type `Event`.
        DestinationKind::Function(function) => provisioned.destination_queues.get(function)?,
        DestinationKind::Topic(topic) => {
            let arn = provisioned.topics.get(topic)?;
            return Some(Arc::new(TopicDestination::new(clients.sns.clone(), arn)));
        }
        DestinationKind::Bucket(_) | DestinationKind::Bus(_) => return None,
    };
    Some(Arc::new(QueueDestination::new(clients.sqs.clone(), &queue.url)))
}
