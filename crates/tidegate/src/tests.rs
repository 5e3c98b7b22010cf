//! Checks at compile time that the types shared between records and invocations are `Send` and
//! `Sync`.

use crate::aws::AwsClients;
use crate::batch::{BatchContext, Invocation, Router, Runner, RunnerService, SqsVisibility};
use crate::config::{ConfigError, Settings};
use crate::dead_letter::{DeadLetter, DeadLetters, QueueDeadLetters};
use crate::envelope::Envelope;
use crate::failure::Failure;
use crate::function::Function;
use crate::idempotency::{DynamoDbIdempotency, EffectRun, Effects, IdempotencyStore, Lease};
use crate::projection::{DynamoDbReadModel, ReadModel, Transaction};
use crate::source::Delivery;
use crate::store::{
    Commit, DynamoDbEventStore, DynamoDbSnapshots, EventReader, EventStore, RecordedCommit,
    SnapshotStore, Snapshots,
};

const fn shared<T: Send + Sync + ?Sized>() {}

const _: () = {
    shared::<(AwsClients, Settings, ConfigError, Function, Failure)>();
    shared::<(
        Runner<Router>,
        RunnerService<Router>,
        BatchContext,
        Invocation<'_>,
        Delivery<'_>,
        SqsVisibility,
    )>();
    shared::<(Envelope, DeadLetter, QueueDeadLetters)>();
    shared::<(Effects, EffectRun, Lease, DynamoDbIdempotency)>();
    shared::<(DynamoDbEventStore, DynamoDbSnapshots, Snapshots, Commit, RecordedCommit)>();
    shared::<(DynamoDbReadModel, Transaction)>();
    shared::<dyn EventReader>();
    shared::<dyn EventStore>();
    shared::<dyn SnapshotStore>();
    shared::<dyn IdempotencyStore>();
    shared::<dyn ReadModel>();
    shared::<dyn DeadLetters>();
};
