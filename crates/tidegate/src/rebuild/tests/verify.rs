//! Tests proofs against other generations and the event store.

use super::*;

async fn built() -> (MemoryGenerations, Projectors, Vec<RecordedCommit>) {
    let tables = tables();
    let commits = some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    deliver(&projectors, &commits).await;
    (tables, projectors, commits)
}

/// Returns a generation in the tables of another, so that wrong rules can write there.
fn only(tables: &MemoryGenerations, generation: u32, rules: Products) -> Projectors {
    let model = tables.model(generation);
    let model = move |_| Arc::new(model.clone()) as Arc<dyn crate::projection::ReadModel>;
    let one = Generations::new("order-view", [1]).unwrap();
    Projectors::new(tables.ports(), model, one, rules)
}

#[tokio::test(start_paused = true)]
async fn the_first_generation_is_proven_by_the_event_store_and_becomes_live() {
    let tables = tables();
    some_orders(&tables).await;
    let projectors = tables.projectors(Products::default());
    let views = tables.views();
    let failure = views.pinned(None).await.unwrap_err();
    assert_eq!((failure.class(), failure.code()), (Class::Transient, "not_built"));
    let verdict = tables.rebuild(&projectors, 1, Reference::Store).await.unwrap();
    assert_eq!(verdict, Verdict::Proven { rows: 6 });
    assert_eq!(tables.pointers().read("order-view").await.unwrap().live, Some(1));
    let view = views.pinned(None).await.unwrap();
    let counter = view.counter("product#a", crate::query::Consistency::Strong).await.unwrap();
    assert_eq!(counter.amount("units"), 6);
}

#[tokio::test(start_paused = true)]
async fn what_one_generation_missed_is_brought_up_to_date_and_then_compared() {
    let (tables, projectors, commits) = built().await;
    let more = [commit("order#1", 3, "z"), commit("order#9", 1, "z")];
    store(&tables, &more).await;
    // One delivery reached each generation, but not the other.
    deliver(&only(&tables, 2, Products::default()), &more[1..]).await;
    deliver(&only(&tables, 1, Products::default()), &more[..1]).await;
    let verdict = tables.rebuild(&projectors, 2, Reference::Generation(1)).await.unwrap();
    assert_eq!(verdict, Verdict::Proven { rows: 7 });
    let all = [commits, more.to_vec()].concat();
    let expected = folded(Products::default(), &all).await;
    assert_eq!(content(&tables.model(1)), expected);
    assert_eq!(content(&tables.model(2)), expected);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_differs_is_named_and_nothing_moves() {
    for reference in [Reference::Generation(1), Reference::Store] {
        let tables = tables();
        let commits = some_orders(&tables).await;
        let right = tables.projectors(Products::default());
        deliver(&only(&tables, 1, Products::default()), &commits).await;
        tables.rebuild(&right, 1, Reference::Store).await.unwrap();
        // Wrong rules wrote a row of the new generation.
        let tables2 = tables.clone();
        let wrong = Products { more: 1, ..Products::default() };
        deliver(&only(&tables2, 2, wrong), &commits[1..2]).await;
        let verdict = tables.rebuild(&right, 2, reference).await.unwrap();
        let Verdict::Different { named, .. } = verdict else { panic!("{verdict:?}") };
        assert_eq!((named.len(), named[0].row.as_str()), (1, "order#1"));
        assert!(named[0].what.starts_with("`units` is 3, and "), "{named:?}");
        assert!(named[0].what.ends_with(" 2"), "{named:?}");
        let pointer = tables.pointers().read("order-view").await.unwrap();
        assert_eq!((pointer.live, pointer.fence), (Some(1), None));
        assert_eq!(pointer.rebuild.unwrap().left(), Vec::<u32>::new(), "it need not fold again");
    }
}

#[tokio::test(start_paused = true)]
async fn changed_rules_are_proven_by_the_event_store_and_differ_from_the_live_generation() {
    let (tables, old, _) = built().await;
    tables.rebuild(&old, 1, Reference::Store).await.unwrap();
    let third = MemoryGenerations::new(Generations::new("order-view", [1, 2]).unwrap());
    for commit in tables.store().commits() {
        store(&third, &[commit]).await;
    }
    let new = third.projectors(Products { more: 4, ..Products::default() });
    let verdict = third.rebuild(&new, 2, Reference::Store).await.unwrap();
    assert_eq!(verdict, Verdict::Proven { rows: 6 });
    deliver(&only(&third, 1, Products::default()), &third.store().commits()).await;
    let verdict = third.rebuild(&new, 1, Reference::Generation(2)).await.unwrap();
    let Verdict::Different { rows, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(rows, 12, "each row is found from both sides");
}

#[tokio::test(start_paused = true)]
async fn a_counter_that_differs_is_named() {
    for reference in [Reference::Generation(1), Reference::Store] {
        let (tables, projectors, _) = built().await;
        // Another program added to a counter of the new generation.
        let model = tables.model(2);
        let mut slice = model.slice_state(0);
        let (_, amounts) = slice.counters.get_mut("product#b").unwrap();
        *amounts.get_mut("units").unwrap() += 5;
        model.set_slice(0, slice);
        let mut proof = Proof::new(2, reference);
        for step in proof.steps() {
            let answer = ask_all(&tables, &projectors, step.request("order-view", "anna"), 3).await;
            proof.take(step, answer);
        }
        let verdict = proof.verdict();
        let Verdict::Different { rows: 0, buckets, .. } = verdict else { panic!("{verdict:?}") };
        let mut naming = Naming::new(&proof, buckets);
        for step in naming.steps().to_vec() {
            let request = naming.request(&step, "order-view", "anna");
            let answer = ask_all(&tables, &projectors, request, 3).await;
            naming.take(&step, answer);
        }
        let named = naming.differences();
        assert_eq!((named.len(), named[0].row.as_str()), (1, "counter product#b"), "{named:?}");
        assert!(named[0].what.starts_with("`units` is 9, and by "), "{named:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_differs_is_named() {
    for reference in [Reference::Generation(1), Reference::Store] {
        let tables = tables();
        let commits = some_orders(&tables).await;
        let projectors = tables.projectors(Products::default());
        let marks = Products { marks: true, ..Products::default() };
        deliver(&only(&tables, 2, marks), &commits[1..2]).await;
        deliver(&projectors, &commits).await;
        let mut proof = Proof::new(2, reference);
        for step in proof.steps() {
            let request = step.request("order-view", "anna");
            proof.take(step, ask_all(&tables, &projectors, request, 3).await);
        }
        let verdict = proof.verdict();
        let Verdict::Different { rows: 0, buckets, .. } = verdict else { panic!("{verdict:?}") };
        let mut naming = Naming::new(&proof, buckets);
        for step in naming.steps().to_vec() {
            let request = naming.request(&step, "order-view", "anna");
            naming.take(&step, ask_all(&tables, &projectors, request, 3).await);
        }
        let named = naming.differences();
        assert_eq!((named.len(), named[0].row.as_str()), (1, "entry 4:by#a order#1"), "{named:?}");
        assert!(named[0].what.starts_with("is marked: true, stream: \"order#1\""), "{named:?}");
        assert!(named[0].what.contains(", and by "), "{named:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_only_one_side_has_is_not_proven() {
    let (tables, projectors, _) = built().await;
    // A row of a stream that the store does not have.
    let ghost = [commit("order#77", 1, "a")];
    deliver(&only(&tables, 2, Products::default()), &ghost).await;
    let verdict = tables.rebuild(&projectors, 2, Reference::Generation(1)).await.unwrap();
    let Verdict::Different { named, .. } = verdict else { panic!("{verdict:?}") };
    assert_eq!(
        (named[0].row.as_str(), named[0].what.as_str()),
        ("order#77", "is missing in generation 1")
    );
    let verdict = tables.rebuild(&projectors, 2, Reference::Store).await.unwrap();
    let Verdict::Unsettled { what } = verdict else { panic!("{verdict:?}") };
    assert!(what.contains("rows that its reference does not have"), "{what}");
}

#[tokio::test(start_paused = true)]
async fn deltas_that_wait_are_counted_before_the_counters_are_compared() {
    let (tables, projectors, commits) = built().await;
    let other = MemoryGenerations::new(Generations::new("order-view", [1, 2]).unwrap());
    store(&other, &commits).await;
    deliver(&only(&other, 2, Products::default()), &commits).await;
    // The environment died after its transaction, before any counter.
    let model = tables.model(1);
    let mut slice = model.slice_state(0);
    assert!(slice.applied > 0);
    slice.applied = 0;
    slice.counters.clear();
    model.set_slice(0, slice);
    let verdict = tables.rebuild(&projectors, 2, Reference::Generation(1)).await.unwrap();
    assert_eq!(verdict, Verdict::Proven { rows: 6 });
    assert_eq!(content(&model), folded(Products::default(), &commits).await);
}
