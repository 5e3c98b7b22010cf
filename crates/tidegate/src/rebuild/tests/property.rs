//! Live commits, folds that are killed, repeats and reordered deliveries, in any interleaving.

use proptest::prelude::*;

use super::*;
use crate::query::{Consistency, Views};
use crate::test::{Call, Fault, Faults, Faulty};

#[derive(Clone, Debug)]
enum Action {
    /// An order gets its next event.
    Commit(u8),
    /// A commit of the past is delivered to an environment.
    Deliver(u16),
    /// Several are, out of order.
    Batch(Vec<u16>),
    /// A segment goes on by a few items. The answer may be lost: it then begins there again.
    Fold { segment: u8, limit: u8, lost: bool },
    /// The command and its environment are gone. A new one begins at the stored places.
    Restart,
    /// A rebuild is tried to its end, although it may not be possible yet.
    Rebuild(bool),
    /// A reader reads with one view.
    Read,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        4 => (0..5_u8).prop_map(Action::Commit),
        3 => any::<u16>().prop_map(Action::Deliver),
        2 => prop::collection::vec(any::<u16>(), 1..6).prop_map(Action::Batch),
        4 => (0..3_u8, 1..5_u8, any::<bool>())
            .prop_map(|(segment, limit, lost)| Action::Fold { segment, limit, lost }),
        1 => Just(Action::Restart),
        1 => any::<bool>().prop_map(Action::Rebuild),
        1 => Just(Action::Read),
    ];
    prop::collection::vec(action, 1..60)
}

fn faults(seed: u64) -> Faults {
    let faults = Faults::none();
    [Call::Apply, Call::Add, Call::Guards, Call::Confirm].into_iter().enumerate().fold(
        faults,
        |faults, (place, call)| {
            let at = 1 + (seed >> (8 * place)) as usize % 23;
            let fault = match seed >> (40 + place) & 1 {
                0 => Fault::LostResponse,
                _ => Fault::Throttled,
            };
            faults.at(call, at as _, fault)
        },
    )
}

fn environment(tables: &MemoryGenerations, seed: u64) -> Projectors {
    let faults = faults(seed);
    let model = |number| {
        let model = Arc::new(tables.model(number));
        Arc::new(Faulty::new(model, faults.clone())) as Arc<dyn crate::projection::ReadModel>
    };
    let generations = Generations::new("order-view", [1, 2]).unwrap();
    Projectors::new(tables.ports(), model, generations, Products::default())
}

/// Reads all rows with one view, while the pointer moves. They must be those of one generation.
async fn read(views: &Views, tables: &MemoryGenerations) {
    let Ok(view) = views.pinned(None).await else { return };
    let there = tables.pointers().read("order-view").await.unwrap();
    let streams: Vec<StreamId> = (0..5).map(|n| format!("order#{n}").parse().unwrap()).collect();
    let mut versions = Vec::new();
    for (place, stream) in streams.iter().enumerate() {
        let other = Pointer { live: Some(place as u32 % 2 + 1), ..there.clone() };
        let other = Pointer { revision: other.revision + place as u64, ..other };
        tables.pointers().write(&other).await.unwrap().unwrap();
        let row = view.row::<serde::de::IgnoredAny>(stream, Consistency::Strong).await.unwrap();
        versions.push(row.and_then(|row| row.version));
    }
    let back = Pointer { revision: there.revision + streams.len() as u64, ..there };
    tables.pointers().write(&back).await.unwrap().unwrap();
    let of = |generation| {
        let model = tables.model(generation);
        let version = |stream| model.guard(stream).map(|guard| guard.position.version);
        let versions = streams.iter().map(|stream| version(stream).filter(|v| *v > Version::NONE));
        versions.collect::<Vec<_>>()
    };
    assert!([1, 2].map(of).contains(&versions), "{versions:?} is of no generation");
}

async fn run(actions: Vec<Action>, seed: u64) {
    let tables = tables();
    let (mut commits, mut next) = (Vec::new(), BTreeMap::new());
    let mut projectors = environment(&tables, seed);
    let mut places: BTreeMap<u8, Option<String>> = BTreeMap::new();
    let views = tables.views();
    for action in actions {
        match action {
            Action::Commit(order) => {
                let version = next.entry(order).or_insert(0_u64);
                *version += 1;
                let data = ["a", "b", "c"][*version as usize % 3];
                let commit = commit(&format!("order#{order}"), *version, data);
                store(&tables, std::slice::from_ref(&commit)).await;
                commits.push(commit);
            }
            Action::Deliver(place) if !commits.is_empty() => {
                let place = place as usize % commits.len();
                deliver(&projectors, &commits[place..=place]).await;
            }
            Action::Batch(places) if !commits.is_empty() => {
                let pick = |place: u16| commits[place as usize % commits.len()].clone();
                let batch: Vec<_> = places.into_iter().map(pick).collect();
                deliver(&projectors, &batch).await;
            }
            Action::Fold { segment, limit, lost } => {
                let from = places.get(&segment).cloned().flatten();
                let request = request(2, Work::Fold)
                    .segment(segment.into(), 3)
                    .from(from)
                    .limit(limit.into());
                if let Ok(answer) = tables.ask(&projectors, &request).await
                    && !lost
                {
                    places.insert(segment, answer.next);
                }
            }
            Action::Restart => projectors = environment(&tables, seed.rotate_left(17)),
            Action::Rebuild(second) => {
                let (generation, reference) = match second {
                    true => (2, Reference::Generation(1)),
                    false => (1, Reference::Store),
                };
                // It may be refused or meet a fault. Then nothing is proven.
                if let Ok(Verdict::Different { named, .. }) =
                    tables.rebuild(&projectors, generation, reference).await
                {
                    panic!("{named:?}");
                }
            }
            Action::Read => read(&views, &tables).await,
            Action::Deliver(_) | Action::Batch(_) => {}
        }
    }
    // No fault is left, and every delivery that was not acknowledged comes again.
    let projectors = tables.projectors(Products::default());
    let pointer = tables.pointers().read("order-view").await.unwrap();
    let left = pointer.left("test", Timestamp::now());
    if left != pointer {
        tables.pointers().write(&left).await.unwrap().unwrap();
    }
    tokio::time::advance(Duration::from_secs(61)).await;
    deliver(&projectors, &commits).await;
    if left.live != Some(1) {
        let verdict = tables.rebuild(&projectors, 1, Reference::Store).await.unwrap();
        assert_eq!(verdict, Verdict::Proven { rows: next.len() as u64 });
    }
    let verdict = tables.rebuild(&projectors, 2, Reference::Generation(1)).await.unwrap();
    assert_eq!(verdict, Verdict::Proven { rows: next.len() as u64 });
    let expected = folded(Products::default(), &commits).await;
    assert_eq!(content(&tables.model(1)), expected);
    assert_eq!(content(&tables.model(2)), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn both_generations_are_equal_to_an_independent_fold(
        actions in actions(),
        seed in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(actions, seed));
    }
}
