//! Tests of waiting for a version.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::*;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::projection::memory::MemoryReadModel;
use crate::projection::{Advance, Position, ReadModel, RowUpdate, Transaction};
use crate::test::{Call, Fault, Faults, Faulty};

fn stream() -> StreamId {
    "order#1".parse().unwrap()
}

async fn apply(model: &MemoryReadModel, version: u64) {
    let at = |version| Position::after(Version::new(version));
    let (from, to) = (at(version - 1), at(version));
    let advance = Advance { stream: stream(), from, parked: None, to, event_id: None };
    let guards = vec![(advance, RowUpdate::default())];
    let transaction = Transaction { guards, ..Transaction::default() };
    assert_eq!(model.apply(&transaction).await, Ok(()));
}

fn faulty(model: &MemoryReadModel, faults: &Faults) -> View {
    let faulty = Faulty::new(Arc::new(model.clone()), faults.clone());
    View::new(Arc::new(model.clone()), Arc::new(faulty), "rows", "counters")
}

async fn wait(view: &View, version: u64, time: u64) -> Result<Reached, Failure> {
    let deadline = Instant::now() + Duration::from_millis(time);
    view.wait_for(&stream(), Version::new(version), deadline).await
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_there_costs_one_look() {
    let (model, looks) = (MemoryReadModel::default(), Faults::none());
    apply(&model, 1).await;
    apply(&model, 2).await;
    let view = faulty(&model, &looks);
    let began = Instant::now();
    for version in [0, 1, 2] {
        let at = Version::new(2);
        assert_eq!(wait(&view, version, 5_000).await, Ok(Reached::Ready { at }));
    }
    assert_eq!((looks.calls(Call::Guards), began.elapsed()), (3, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_comes_is_found_without_the_deadline() {
    let (model, looks) = (MemoryReadModel::default(), Faults::none());
    let view = faulty(&model, &looks);
    let began = Instant::now();
    let projector = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        apply(&model, 1).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        apply(&model, 2).await;
    };
    let (reached, ()) = futures::join!(wait(&view, 2, 60_000), projector);
    assert_eq!(reached, Ok(Reached::Ready { at: Version::new(2) }));
    // The longest pause after the write.
    assert!(began.elapsed() <= Duration::from_millis(1_600), "{:?}", began.elapsed());
    assert!(looks.calls(Call::Guards) <= 8, "{} looks", looks.calls(Call::Guards));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_nobody_wrote_is_waited_for_until_the_deadline() {
    let (model, looks) = (MemoryReadModel::default(), Faults::none());
    apply(&model, 1).await;
    let view = faulty(&model, &looks);
    let began = Instant::now();
    let reached = wait(&view, u64::MAX, 2_000).await;
    assert_eq!(reached, Ok(Reached::Behind { at: Version::new(1) }));
    assert!(began.elapsed() <= Duration::from_millis(2_000), "{:?}", began.elapsed());
    assert!(looks.calls(Call::Guards) <= 9, "{} looks", looks.calls(Call::Guards));
}

#[tokio::test(start_paused = true)]
async fn a_parked_aggregate_is_not_waited_for() {
    let model = MemoryReadModel::default();
    apply(&model, 1).await;
    let why = Failure::permanent("bad", "it is");
    model.park(&stream(), Version::new(2), &why).await.unwrap();
    let view = View::from_memory(&model);
    let began = Instant::now();
    let at = Version::new(1);
    assert_eq!(
        wait(&view, 1, 5_000).await,
        Ok(Reached::Ready { at }),
        "what is before it is there"
    );
    for version in [2, 3] {
        match wait(&view, version, 5_000).await {
            Ok(Reached::Parked { at: row, parked }) => {
                assert_eq!((row, parked.at, parked.code.as_deref()), (at, at.next(), Some("bad")));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_is_made_again_and_one_that_hangs_ends_at_the_deadline() {
    let model = MemoryReadModel::default();
    apply(&model, 1).await;
    let faults = Faults::none().at(Call::Guards, 1, Fault::Throttled);
    let reached = wait(&faulty(&model, &faults), 1, 5_000).await;
    assert_eq!(
        (reached, faults.calls(Call::Guards)),
        (Ok(Reached::Ready { at: Version::new(1) }), 2)
    );

    let hangs = Faults::none().at(Call::Guards, 1, Fault::Hangs { applied: false });
    let failure = wait(&faulty(&model, &hangs), 1, 5_000).await.unwrap_err();
    assert_eq!(failure.code(), "deadline");

    let denied = Failure::permanent("denied", "no permission");
    let faults = Faults::none().at(Call::Guards, 1, Fault::Failed(denied.clone()));
    assert_eq!(wait(&faulty(&model, &faults), 1, 5_000).await, Err(denied));

    model.spoil(&stream());
    let failure = wait(&View::from_memory(&model), 1, 5_000).await.unwrap_err();
    assert_eq!(failure.code(), "corrupt_guard");
}
