//! One side: Tidegate's engine, with its own processes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use engine_client::local::REGION;
use futures::future::BoxFuture;
use lambda_shapes::kinesis::Origin;
use lambda_shapes::stream_kind::StreamKind;
use tidegate_local::activity::Activity;
use tidegate_local::checkpoint::MemoryCheckpoints;
use tidegate_local::destination::{
    BucketDestination, Destination, QueueDestination, TopicDestination,
};
use tidegate_local::environment::{Fleet, FleetOptions, FunctionSpec, Functions};
use tidegate_local::invocation::{Answer, InvocationResult, Invoker, Request};
use tidegate_local::mapping::Mapping;
use tidegate_local::mapping::queue::{self, QueueMapping, QueueSettings};
use tidegate_local::mapping::stream::{
    self, DynamoDbSource, KinesisSource, Start, StreamMapping, StreamSettings, StreamSource,
};
use tidegate_local::pace::Pace;
use topology::pattern::filter::{Filter, Filtered};
use uuid::Uuid;

use super::function::program;
use super::place::VISIBILITY;
use super::scenario::{DestinationKind, Scenario, SourceKind};
use super::{ROLE, Setup, arn_of};
use crate::delivery::until_status;

/// A running mapping with its function.
pub(super) struct Side {
    mapping: Mapping,
    gate: Arc<Gate>,
}

/// Throttles while it is closed.
struct Gate {
    fleet: Fleet,
    closed: AtomicBool,
    refused: AtomicU64,
}

impl Invoker for Gate {
    fn invoke<'a>(&'a self, function: &'a str, request: Request) -> BoxFuture<'a, Answer> {
        if self.closed.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            let answer = Answer { request_id: String::new(), result: InvocationResult::Throttled };
            return Box::pin(async move { answer });
        }
        self.fleet.invoke(function, request)
    }
}

pub(super) fn start(setup: Setup<'_>) -> Side {
    let Setup { world, name, function, .. } = setup;
    let directory = function.directory().to_str().unwrap().to_owned();
    let spec = FunctionSpec {
        name: name.to_owned(),
        executable: program(),
        arguments: Vec::new(),
        directory: None,
        memory_mb: 256,
        timeout: Duration::from_secs(1),
        maximum_concurrency: 2,
        endpoint: "http://127.0.0.1:9".to_owned(),
        region: REGION.to_owned(),
        environment: BTreeMap::from([("CONFORMANCE_DIRECTORY".to_owned(), directory)]),
    };
    let fleet = Fleet::start(vec![spec], &FleetOptions::new(world.state.join(name))).unwrap();
    let closed = AtomicBool::new(setup.scenario.throttled);
    let gate = Arc::new(Gate { fleet, closed, refused: AtomicU64::new(0) });
    let mapping = if setup.source.is_queue() { queue(setup, &gate) } else { stream(setup, &gate) };
    Side { mapping, gate }
}

fn filter(scenario: &Scenario, filtered: Filtered) -> Option<Arc<Filter>> {
    scenario.filter.as_ref().map(|pattern| Arc::new(Filter::parse(filtered, [pattern]).unwrap()))
}

fn queue(setup: Setup<'_>, gate: &Arc<Gate>) -> Mapping {
    let Setup { world, name, scenario, place, .. } = setup;
    queue::start(QueueMapping {
        function: name.to_owned(),
        source_name: name.to_owned(),
        settings: QueueSettings {
            batch_size: scenario.batch_size as usize,
            batching_window: Duration::ZERO,
            maximum_concurrency: 2,
            report_batch_item_failures: scenario.partial,
            visibility: Duration::from_secs(VISIBILITY),
            timeout: Duration::from_secs(1),
            filter: filter(scenario, Filtered::Sqs),
            time_scale: 1.0,
        },
        sqs: world.clients.sqs.clone(),
        queue_url: place.url.clone(),
        queue_arn: place.arn.clone(),
        region: REGION.to_owned(),
        invoker: Arc::<Gate>::clone(gate),
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
    })
}

fn stream(setup: Setup<'_>, gate: &Arc<Gate>) -> Mapping {
    let Setup { world, name, scenario, source, place, on_failure, .. } = setup;
    let clients = &world.clients;
    let (kind, filtered, reader): (_, _, Arc<dyn StreamSource>) = if source == SourceKind::DynamoDb
    {
        let reader = DynamoDbSource::new(clients.streams.clone(), &place.arn, REGION);
        (StreamKind::DynamoDb, Filtered::DynamoDb, Arc::new(reader))
    } else {
        let origin = Origin {
            region: REGION.to_owned(),
            stream_arn: place.arn.clone(),
            role_arn: ROLE.to_owned(),
        };
        let reader = KinesisSource::new(clients.kinesis.clone(), origin);
        (StreamKind::Kinesis, Filtered::Kinesis, Arc::new(reader))
    };
    let destination = on_failure.map(|target| -> Arc<dyn Destination> {
        match scenario.destination.unwrap() {
            DestinationKind::Queue => {
                Arc::new(QueueDestination::new(clients.sqs.clone(), &target.url))
            }
            DestinationKind::Topic => {
                Arc::new(TopicDestination::new(clients.sns.clone(), &target.arn))
            }
            DestinationKind::Bucket => Arc::new(BucketDestination::for_mapping(
                clients.s3.clone(),
                &target.name,
                Uuid::new_v4(),
            )),
        }
    });
    stream::start(StreamMapping {
        function: name.to_owned(),
        source_name: name.to_owned(),
        checkpoint_name: name.to_owned(),
        settings: StreamSettings {
            kind,
            source_arn: place.arn.clone(),
            function_arn: arn_of(name),
            batch_size: scenario.batch_size as usize,
            batching_window: Duration::ZERO,
            tumbling_window: Duration::ZERO,
            lanes: 1,
            report_batch_item_failures: scenario.partial,
            bisect_on_error: scenario.bisect,
            maximum_retry_attempts: scenario.retries,
            maximum_record_age: scenario.age_seconds.map(|age| Duration::from_secs(age.into())),
            has_destination: destination.is_some(),
            filter: filter(scenario, filtered),
            time_scale: 1.0,
        },
        starting_position: Start::Horizon,
        source: reader,
        invoker: Arc::<Gate>::clone(gate),
        destination,
        checkpoints: Arc::new(MemoryCheckpoints::default()),
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
    })
}

impl Side {
    /// Returns the number of throttles.
    pub(super) fn refused(&self) -> u64 {
        self.gate.refused.load(Ordering::SeqCst)
    }

    /// Returns the status of the mapping as a text for people.
    pub(super) fn state(&self) -> String {
        format!("{:?}", self.mapping.status())
    }

    pub(super) fn open(&self) {
        self.gate.closed.store(false, Ordering::SeqCst);
    }

    /// Waits until everything is done, and stops.
    pub(super) async fn stop(self, source: SourceKind) {
        if !source.is_queue() {
            until_status(&self.mapping, |status| status.lag == 0 && status.in_flight == 0).await;
        }
        self.mapping.stop().await;
        self.gate.fleet.stop(Duration::from_secs(1)).await;
    }
}
